#include "secret.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <string.h>

char *secret_new(void)
{
    guint8 bytes[32];
    GString *text = g_string_new(NULL);

    /* Without random numbers nothing is safe; any crash is recovered. */
    g_assert(RAND_bytes(bytes, sizeof bytes) == 1);
    for (guint i = 0; i < sizeof bytes; i++)
        g_string_append_printf(text, "%02x", bytes[i]);
    return g_string_free(text, FALSE);
}

gboolean secret_equal(const char *a, const char *b)
{
    return strlen(a) == strlen(b) && CRYPTO_memcmp(a, b, strlen(a)) == 0;
}
