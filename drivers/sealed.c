#include "sealed.h"

#include <errno.h>
#include <fcntl.h>
#include <nettle/gcm.h>
#include <nettle/hmac.h>
#include <nettle/memops.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "error.h"
#include "file.h"

#define KEY_BYTES 32
#define NONCE_BYTES 12
#define TAG_BYTES 16
#define DIGEST_DIGITS 64

/* The key's derivatives: what proves says nothing of what hides. */
typedef struct {
    guint8 seal[KEY_BYTES];
    guint8 digest[KEY_BYTES];
} Keys;

struct Sealed {
    GMutex mutex;
    char *folder;
    guint8 drawn[KEY_BYTES]; /* for a state directory that has no key yet */
    gboolean has_drawn;
};

Sealed *sealed_new(const char *dir)
{
    Sealed *sealed = g_new0(Sealed, 1);

    g_mutex_init(&sealed->mutex);
    sealed->folder = g_build_filename(dir, SEALED_FOLDER, NULL);
    return sealed;
}

void sealed_free(Sealed *sealed)
{
    if (sealed == NULL)
        return;
    explicit_bzero(sealed->drawn, sizeof sealed->drawn);
    g_mutex_clear(&sealed->mutex);
    g_free(sealed->folder);
    g_free(sealed);
}

/* ---- contents ---- */

static void wipe_bytes(gpointer data)
{
    sealed_wipe(data);
}

void sealed_wipe(char *text)
{
    if (text == NULL)
        return;
    explicit_bzero(text, strlen(text));
    g_free(text);
}

/* `text` is taken over. NULL with an error when it can be no value. */
static GBytes *content_new(char *text, gsize length, const char *reference, GError **error)
{
    if (length > 0 && text[length - 1] == '\n')
        text[--length] = '\0';
    if (length > 0 && memchr(text, '\0', length) == NULL && g_utf8_validate(text, length, NULL) &&
        strpbrk(text, "\x02\x03\x1f") == NULL)
        return g_bytes_new_with_free_func(text, length, wipe_bytes, text);
    error_set(error, ERR_INVALID, "the secret ${secret:%s} %s", reference,
              length == 0 ? "is empty" : "is no text in UTF-8");
    explicit_bzero(text, length);
    g_free(text);
    return NULL;
}

static GBytes *read_file(const char *path, const char *reference, GError **error)
{
    g_auto(Fd) fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat info;
    gsize length = 0;
    char *text;

    if (fd < 0) {
        error_set(error, errno == ENOENT ? ERR_NOT_FOUND : ERR_FAILED,
                  "the secret ${secret:%s}: open %s: %s", reference, path, g_strerror(errno));
        return NULL;
    }
    if (fstat(fd, &info) < 0 || !S_ISREG(info.st_mode) || info.st_size > SEALED_MAX_BYTES) {
        error_set(error, ERR_INVALID, "the secret ${secret:%s}: %s is no file of at most %u bytes",
                  reference, path, SEALED_MAX_BYTES);
        return NULL;
    }
    if ((info.st_mode & 0006) != 0) {
        error_set(error, ERR_REFUSED,
                  "the secret ${secret:%s}: everybody on this machine can read or write %s (mode "
                  "%04o); chmod 0600 it",
                  reference, path, (guint)info.st_mode & 07777);
        return NULL;
    }
    text = g_malloc0((gsize)info.st_size + 1);
    for (ssize_t n; length < (gsize)info.st_size; length += (gsize)n) {
        n = read(fd, text + length, (gsize)info.st_size - length);
        if (n < 0 && errno == EINTR)
            n = 0;
        else if (n <= 0)
            break;
    }
    return content_new(text, length, reference, error);
}

static GBytes *read_credential(const char *name, const char *reference, GError **error)
{
    const char *directory = g_getenv("CREDENTIALS_DIRECTORY");
    g_autofree char *path = directory != NULL ? g_build_filename(directory, name, NULL) : NULL;

    if (path != NULL)
        return read_file(path, reference, error);
    error_set(error, ERR_NOT_FOUND,
              "the secret ${secret:%s}: the service manager gave no credentials "
              "($CREDENTIALS_DIRECTORY is not set)",
              reference);
    return NULL;
}

GBytes *sealed_read(const char *reference, GError **error)
{
    const char *name = strchr(reference, ':') + 1;
    const char *value;

    if (!secrets_check(reference, error))
        return NULL;
    if (g_str_has_prefix(reference, "file:"))
        return read_file(name, reference, error);
    if (g_str_has_prefix(reference, "credential:"))
        return read_credential(name, reference, error);
    value = g_getenv(name);
    if (value != NULL && strlen(value) <= SEALED_MAX_BYTES)
        return content_new(g_strdup(value), strlen(value), reference, error);
    error_set(error, ERR_NOT_FOUND, "the secret ${secret:%s}: %s", reference,
              value == NULL ? "the environment has no such variable" : "it is too long");
    return NULL;
}

/* ---- the key ---- */

/* Not GLib's, which leaves what it has read in memory. */
static void hmac(const guint8 *key, const void *bytes, gsize length, guint8 *ret)
{
    struct hmac_sha256_ctx context;

    hmac_sha256_set_key(&context, KEY_BYTES, key);
    hmac_sha256_update(&context, length, bytes);
    hmac_sha256_digest(&context, KEY_BYTES, ret);
    explicit_bzero(&context, sizeof context);
}

static void keys_of(const guint8 *key, Keys *ret_keys)
{
    hmac(key, "seal", strlen("seal"), ret_keys->seal);
    hmac(key, "digest", strlen("digest"), ret_keys->digest);
}

/* The key of the state directory; `ret_found` is FALSE when there is none. */
static gboolean read_key(const char *folder, guint8 *ret_key, gboolean *ret_found, GError **error)
{
    g_autofree char *path = g_build_filename(folder, "key", NULL);
    g_auto(Fd) fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct stat info;

    *ret_found = FALSE;
    if (fd < 0 && errno == ENOENT)
        return TRUE;
    if (fd < 0 || fstat(fd, &info) < 0)
        return error_errno(error, errno, "open %s", path);
    if ((info.st_mode & 0077) != 0)
        return error_set(error, ERR_REFUSED, "%s: others can read it (mode %04o); it is worthless",
                         path, (guint)info.st_mode & 07777);
    if (read(fd, ret_key, KEY_BYTES) != KEY_BYTES)
        return error_set(error, ERR_FAILED, "%s is damaged", path);
    *ret_found = TRUE;
    return TRUE;
}

/* The key, or the one that will be it. The mutex is held. */
static gboolean take_key(Sealed *sealed, guint8 *ret_key, gboolean *ret_found, GError **error)
{
    if (!read_key(sealed->folder, ret_key, ret_found, error))
        return FALSE;
    if (*ret_found)
        return TRUE;
    if (!sealed->has_drawn && getrandom(sealed->drawn, KEY_BYTES, 0) != KEY_BYTES)
        return error_errno(error, errno, "draw a key");
    sealed->has_drawn = TRUE;
    memcpy(ret_key, sealed->drawn, KEY_BYTES);
    return TRUE;
}

static gboolean load_keys(Sealed *sealed, Keys *ret_keys, GError **error)
{
    g_autoptr(GMutexLocker) held = g_mutex_locker_new(&sealed->mutex);
    guint8 key[KEY_BYTES];
    gboolean found;

    if (!take_key(sealed, key, &found, error))
        return FALSE;
    keys_of(key, ret_keys);
    explicit_bzero(key, sizeof key);
    return TRUE;
}

gboolean sealed_keep_key(Sealed *sealed, GError **error)
{
    g_autoptr(GMutexLocker) held = g_mutex_locker_new(&sealed->mutex);
    g_autofree char *path = g_build_filename(sealed->folder, "key", NULL);
    guint8 key[KEY_BYTES];
    gboolean found, kept;

    if (!file_make_directory(sealed->folder, 0700, error) || !take_key(sealed, key, &found, error))
        return FALSE;
    kept = found || file_write(path, (const char *)key, KEY_BYTES, 0600, NULL, error);
    explicit_bzero(key, sizeof key);
    return kept;
}

char *sealed_digest(Sealed *sealed, GBytes *content, GError **error)
{
    gsize length;
    const guint8 *bytes = g_bytes_get_data(content, &length);
    GString *text;
    guint8 digest[KEY_BYTES];
    Keys keys;

    if (!load_keys(sealed, &keys, error))
        return NULL;
    hmac(keys.digest, bytes, length, digest);
    explicit_bzero(&keys, sizeof keys);
    text = g_string_sized_new(DIGEST_DIGITS + 1);
    for (guint i = 0; i < sizeof digest; i++)
        g_string_append_printf(text, "%02x", digest[i]);
    return g_string_free(text, FALSE);
}

/* ---- what is kept ---- */

/* NONCE TAG TEXT in AES-256-GCM, with the digest as what it belongs to, so that two files cannot be
 * swapped. */
static void begin(struct gcm_aes256_ctx *context, const Keys *keys, const char *digest,
                  const guint8 *nonce)
{
    gcm_aes256_set_key(context, keys->seal);
    gcm_aes256_set_iv(context, NONCE_BYTES, nonce);
    gcm_aes256_update(context, DIGEST_DIGITS, (const guint8 *)digest);
}

static gboolean encrypt(const Keys *keys, const char *digest, GBytes *content, guint8 *ret)
{
    struct gcm_aes256_ctx context;
    gsize length;
    const guint8 *bytes = g_bytes_get_data(content, &length);

    if (getrandom(ret, NONCE_BYTES, 0) != NONCE_BYTES)
        return FALSE;
    begin(&context, keys, digest, ret);
    gcm_aes256_encrypt(&context, length, ret + NONCE_BYTES + TAG_BYTES, bytes);
    gcm_aes256_digest(&context, TAG_BYTES, ret + NONCE_BYTES);
    explicit_bzero(&context, sizeof context);
    return TRUE;
}

static gboolean decrypt(const Keys *keys, const char *digest, const guint8 *sealed, gsize length,
                        char *ret)
{
    struct gcm_aes256_ctx context;
    guint8 tag[TAG_BYTES];

    begin(&context, keys, digest, sealed);
    gcm_aes256_decrypt(&context, length - NONCE_BYTES - TAG_BYTES, (guint8 *)ret,
                       sealed + NONCE_BYTES + TAG_BYTES);
    gcm_aes256_digest(&context, TAG_BYTES, tag);
    explicit_bzero(&context, sizeof context);
    return memeql_sec(tag, sealed + NONCE_BYTES, TAG_BYTES) != 0;
}

gboolean sealed_put(Sealed *sealed, const char *digest, GBytes *content, GError **error)
{
    g_autofree char *path = g_build_filename(sealed->folder, digest, NULL);
    gsize size = NONCE_BYTES + TAG_BYTES + g_bytes_get_size(content);
    g_autofree guint8 *text = g_malloc(size);
    Keys keys;
    gboolean done;

    if (!sealed_keep_key(sealed, error) || !load_keys(sealed, &keys, error))
        return FALSE;
    if (file_exists(path))
        return TRUE;
    done = encrypt(&keys, digest, content, text);
    explicit_bzero(&keys, sizeof keys);
    if (!done)
        return error_errno(error, errno, "draw a nonce");
    return file_write(path, (const char *)text, (gssize)size, 0600, NULL, error);
}

gboolean sealed_is_empty(Sealed *sealed)
{
    g_autoptr(GDir) folder = g_dir_open(sealed->folder, 0, NULL);
    const char *name;

    while (folder != NULL && (name = g_dir_read_name(folder)) != NULL)
        if (json_is_digest(name))
            return FALSE;
    return TRUE;
}

void sealed_forget_others(Sealed *sealed, GHashTable *digests)
{
    g_autoptr(GDir) folder = g_dir_open(sealed->folder, 0, NULL);
    const char *name;

    while (folder != NULL && (name = g_dir_read_name(folder)) != NULL) {
        g_autofree char *path = g_build_filename(sealed->folder, name, NULL);

        if (json_is_digest(name) && !g_hash_table_contains(digests, name))
            file_remove(path, NULL);
    }
}

/* ---- contents put in ---- */

static gboolean append_content(const char *reference, const char *digest, GString *ret, void *data,
                               GError **error)
{
    const char *folder = data;
    g_autofree char *path = NULL;
    g_autofree char *sealed = NULL;
    guint8 key[KEY_BYTES];
    gboolean found;
    gsize length;
    Keys keys;
    char *text;

    if (digest == NULL || !json_is_digest(digest))
        return error_set(error, ERR_FAILED, "the secret ${secret:%s} was never read", reference);
    path = g_build_filename(folder, digest, NULL);
    if (!read_key(folder, key, &found, error))
        return FALSE;
    if (!found || !file_read(path, SEALED_MAX_BYTES + 64, &sealed, &length, NULL))
        return error_set(error, ERR_NOT_FOUND,
                         "the content of ${secret:%s} is not kept here any more; apply the file "
                         "that names it again",
                         reference);
    keys_of(key, &keys);
    explicit_bzero(key, sizeof key);
    text = g_malloc0(length + 1);
    found = length > NONCE_BYTES + TAG_BYTES &&
            decrypt(&keys, digest, (const guint8 *)sealed, length, text);
    explicit_bzero(&keys, sizeof keys);
    if (found)
        g_string_append(ret, text);
    sealed_wipe(text);
    return found || error_set(error, ERR_FAILED, "%s is damaged", path);
}

char *sealed_reveal(const char *dir, const char *text, GError **error)
{
    g_autofree char *folder = g_build_filename(dir, SEALED_FOLDER, NULL);

    return secrets_replace(text, append_content, folder, error);
}

json_t *sealed_reveal_all(const char *dir, const json_t *value, GError **error)
{
    g_autofree char *folder = g_build_filename(dir, SEALED_FOLDER, NULL);

    return secrets_replace_all(value, append_content, folder, error);
}
