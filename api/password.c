#include "password.h"

#include <nettle/memops.h>
#include <nettle/sha2.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>
#include <sys/random.h>

#include "sealed.h"

#define SALT 32
#define HASH 64
#define DIGITS ((gsize)2 * (SALT + HASH))

/* One at a time: each takes 16 MiB and some ten milliseconds, and strangers may ask for it. */
static void stretch(const char *password, const guint8 salt[SALT], guint8 ret_hash[HASH])
{
    static GMutex mutex;
    int done;

    g_mutex_lock(&mutex);
    done = EVP_PBE_scrypt(password, strlen(password), salt, SALT, 16384, 8, 1, 64u << 20, ret_hash,
                          HASH);
    g_mutex_unlock(&mutex);
    OPENSSL_thread_stop(); /* what it keeps for each thread would stay in idle ones */
    g_assert(done == 1);
}

char *password_hash(const char *password)
{
    guint8 bytes[SALT + HASH];
    GString *text = g_string_sized_new(DIGITS);

    if (getrandom(bytes, SALT, 0) != SALT)
        g_error("the kernel gives no random numbers");
    stretch(password, bytes, bytes + SALT);
    for (guint i = 0; i < sizeof bytes; i++)
        g_string_append_printf(text, "%02x", bytes[i]);
    return g_string_free(text, FALSE);
}

static gboolean is_hash(const char *text)
{
    return strlen(text) == DIGITS && strspn(text, "0123456789abcdef") == DIGITS;
}

/* Not GLib's, which leaves what it has read in memory. */
static void digest(const char *text, guint8 ret[SHA256_DIGEST_SIZE])
{
    struct sha256_ctx context;

    sha256_init(&context);
    sha256_update(&context, strlen(text), (const guint8 *)text);
    sha256_digest(&context, SHA256_DIGEST_SIZE, ret);
    explicit_bzero(&context, sizeof context);
}

static gboolean matches_plain(const char *stored, const char *password)
{
    guint8 a[SHA256_DIGEST_SIZE], b[SHA256_DIGEST_SIZE];

    digest(stored, a);
    digest(password, b);
    return memeql_sec(a, b, sizeof a) != 0; /* of equal length whatever the passwords' */
}

gboolean password_matches(const char *stored, const char *password)
{
    guint8 bytes[SALT + HASH], hash[HASH];

    if (!is_hash(stored))
        return matches_plain(stored, password);
    for (guint i = 0; i < sizeof bytes; i++)
        bytes[i] = (guint8)(g_ascii_xdigit_value(stored[2 * i]) << 4 |
                            g_ascii_xdigit_value(stored[2 * i + 1]));
    stretch(password, bytes, hash);
    return memeql_sec(hash, bytes + SALT, HASH) != 0;
}

gboolean password_matches_stored(const char *dir, const char *stored, const char *password)
{
    char *revealed = sealed_reveal(dir, stored, NULL);
    gboolean matches = revealed != NULL && password_matches(revealed, password);

    sealed_wipe(revealed);
    return matches;
}
