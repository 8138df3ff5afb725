#include "root.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "error.h"
#include "file.h"

#define TEXT_LIMIT (1u << 20) /* /proc/cpuinfo of a machine with hundreds of threads */
#define NAME_LIMIT 65536      /* entries of one directory */

struct HostRoot {
    Fd fd;
    char *path; /* without links in it */
};

HostRoot *host_root_open(const char *path, GError **error)
{
    HostRoot *root;
    g_auto(Fd) fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    char *real = fd >= 0 ? realpath(path, NULL) : NULL;

    if (real == NULL) {
        error_errno(error, errno, "open %s", path);
        return NULL;
    }
    root = g_new0(HostRoot, 1);
    root->fd = fd_steal(&fd);
    root->path = g_strdup(real);
    free(real);
    return root;
}

void host_root_free(HostRoot *root)
{
    if (root == NULL)
        return;
    close(root->fd);
    g_free(root->path);
    g_free(root);
}

gboolean host_root_live(const HostRoot *root)
{
    return g_str_equal(root->path, "/");
}

static int root_open(const HostRoot *root, const char *path, guint64 flags)
{
    struct open_how how = {.flags = flags | O_CLOEXEC,
                           .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};

    return (int)syscall(SYS_openat2, root->fd, path, &how, sizeof(how));
}

static char *read_all(int fd, gsize limit, gsize *ret_length)
{
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    guint8 block[16384];
    ssize_t count = 1;

    while (bytes->len < limit && count > 0) {
        count = read(fd, block, MIN(sizeof(block), limit - bytes->len));
        if (count > 0)
            g_byte_array_append(bytes, block, (guint)count);
    }
    if (count < 0 && bytes->len == 0)
        return NULL;
    *ret_length = bytes->len;
    g_byte_array_append(bytes, (const guint8 *)"", 1);
    return (char *)g_byte_array_free(g_steal_pointer(&bytes), FALSE);
}

static char *read_path(const HostRoot *root, const char *path, gsize limit, gsize *ret_length)
{
    /* Non-blocking: a pipe in a hostile tree must not stop us. */
    g_auto(Fd) fd = root_open(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    struct stat info;

    if (fd < 0 || fstat(fd, &info) != 0 || !S_ISREG(info.st_mode))
        return NULL;
    return read_all(fd, limit, ret_length);
}

static char *read_text(const HostRoot *root, const char *path)
{
    gsize length;
    g_autofree char *bytes = read_path(root, path, TEXT_LIMIT, &length);
    g_autofree char *text = bytes != NULL ? g_utf8_make_valid(bytes, -1) : NULL;

    if (text == NULL || *g_strstrip(text) == '\0')
        return NULL;
    return g_steal_pointer(&text);
}

#define WITH_PATH(name, format)                                                                    \
    g_autofree char *name = NULL;                                                                  \
    va_list args;                                                                                  \
    va_start(args, format);                                                                        \
    name = g_strdup_vprintf(format, args);                                                         \
    va_end(args)

char *root_bytes(const HostRoot *root, gsize limit, gsize *ret_length, const char *format, ...)
{
    WITH_PATH(path, format);
    return read_path(root, path, limit, ret_length);
}

char *root_text(const HostRoot *root, const char *format, ...)
{
    WITH_PATH(path, format);
    return read_text(root, path);
}

gint64 root_number(const HostRoot *root, gint64 otherwise, const char *format, ...)
{
    g_autofree char *text = NULL;
    gboolean hex;
    gint64 number;
    char *end;
    WITH_PATH(path, format);

    text = read_text(root, path);
    if (text == NULL)
        return otherwise;
    hex = g_str_has_prefix(text, "0x");
    errno = 0;
    number = g_ascii_strtoll(hex ? text + 2 : text, &end, hex ? 16 : 10);
    return errno != 0 || end == text || (hex && end == text + 2) || *end != '\0' ? otherwise
                                                                                 : number;
}

gboolean root_exists(const HostRoot *root, const char *format, ...)
{
    g_auto(Fd) fd = -1;
    WITH_PATH(path, format);

    fd = root_open(root, path, O_PATH);
    return fd >= 0;
}

/* The order of root_list(): numbers in names count as numbers. */
static gint natural_order(gconstpointer a, gconstpointer b)
{
    return strverscmp(*(const char *const *)a, *(const char *const *)b);
}

GPtrArray *root_list(const HostRoot *root, const char *format, ...)
{
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *self = NULL;
    g_autoptr(GDir) dir = NULL;
    g_auto(Fd) fd = -1;
    const char *name;
    WITH_PATH(path, format);

    fd = root_open(root, path, O_RDONLY | O_DIRECTORY);
    if (fd < 0)
        return names;
    self = g_strdup_printf("/proc/self/fd/%d", fd);
    dir = g_dir_open(self, 0, NULL);
    while (dir != NULL && names->len < NAME_LIMIT && (name = g_dir_read_name(dir)) != NULL) {
        if (g_utf8_validate(name, -1, NULL))
            g_ptr_array_add(names, g_strdup(name));
    }
    g_ptr_array_sort(names, natural_order);
    return names;
}

static char *real_path(const HostRoot *root, const char *path)
{
    g_auto(Fd) fd = root_open(root, path, O_PATH);
    g_autofree char *self = NULL;
    g_autofree char *real = NULL;
    gsize skip = g_str_equal(root->path, "/") ? 1 : strlen(root->path) + 1;

    if (fd < 0)
        return NULL;
    self = g_strdup_printf("/proc/self/fd/%d", fd);
    real = g_file_read_link(self, NULL);
    if (real == NULL || strlen(real) < skip || !g_utf8_validate(real, -1, NULL))
        return NULL;
    return g_strdup(real + skip);
}

char *root_real(const HostRoot *root, const char *format, ...)
{
    WITH_PATH(path, format);
    return real_path(root, path);
}

char *root_target(const HostRoot *root, const char *format, ...)
{
    g_autofree char *real = NULL;
    WITH_PATH(path, format);

    real = real_path(root, path);
    return real != NULL ? g_path_get_basename(real) : NULL;
}

GHashTable *root_properties(const HostRoot *root, const char *prefix, const char *path)
{
    GHashTable *properties = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    g_autofree char *text = read_text(root, path);
    g_auto(GStrv) lines = g_strsplit(text != NULL ? text : "", "\n", -1);

    for (char **line = lines; *line != NULL; line++) {
        char *equals = strchr(*line, '=');

        if (equals == NULL || !g_str_has_prefix(*line, prefix))
            continue;
        *equals = '\0';
        g_hash_table_replace(properties, g_strdup(*line + strlen(prefix)),
                             g_strstrip(g_strdup(equals + 1)));
    }
    return properties;
}

void set_text(json_t *object, const char *key, char *text)
{
    if (text != NULL && *text != '\0')
        json_object_set_new(object, key, json_string(text));
    g_free(text);
}

void set_text_or_empty(json_t *object, const char *key, char *text)
{
    json_object_set_new(object, key, json_string(text != NULL ? text : ""));
    g_free(text);
}

void set_number(json_t *object, const char *key, gint64 number)
{
    json_object_set_new(object, key, json_integer(number));
}
