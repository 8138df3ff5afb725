#include "secret.h"

#include <nettle/memops.h>
#include <string.h>
#include <sys/random.h>

char *secret_new(void)
{
    guint8 bytes[32];
    GString *text = g_string_new(NULL);

    /* Without random numbers nothing is safe; any crash is recovered. */
    if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes)
        g_error("the kernel gives no random numbers");
    for (guint i = 0; i < sizeof bytes; i++)
        g_string_append_printf(text, "%02x", bytes[i]);
    return g_string_free(text, FALSE);
}

gboolean secret_equal(const char *given, const char *secret)
{
    return given != NULL && strlen(given) == strlen(secret) &&
           memeql_sec(given, secret, strlen(secret)) != 0;
}
