/* The volume's own folder is berth's, but what an image brought into it may be links or worse:
 * every name is opened in its folder's descriptor and never followed. */
#include "instance/metadata.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "error.h"
#include "file.h"
#include "image/metadata.h"
#include "paths.h"
#include "print.h"
#include "text.h"

#define METADATA_MAX (4u << 20)

/* ---- files of a folder ---- */

static int open_volume(Host *host, const Object *object, GError **error)
{
    g_autofree char *name = disk_name(object->id.project, object->id.name);
    g_autofree char *path = path_instance_link(host->dir, name);
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        error_errno(error, errno, "open the volume of the instance, %s", path);
    return fd;
}

static char *read_beneath(int folder, const char *name, gsize limit, gsize *ret_length,
                          GError **error)
{
    g_auto(Fd) fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    g_autofree char *text = NULL;
    struct stat info;
    gsize done = 0;

    if (fd < 0 && errno == ENOENT) {
        error_set(error, ERR_NOT_FOUND, "there is no %s", name);
        return NULL;
    }
    if (fd < 0 || fstat(fd, &info) < 0) {
        error_errno(error, errno, "open %s", name);
        return NULL;
    }
    if (!S_ISREG(info.st_mode) || (guint64)info.st_size > limit) {
        error_set(error, ERR_INVALID, "%s is no file of at most %zu bytes", name, limit);
        return NULL;
    }
    text = g_malloc((gsize)info.st_size + 1);
    while (done < (gsize)info.st_size) {
        ssize_t n = read(fd, text + done, (gsize)info.st_size - done);

        if (n < 0 && errno != EINTR) {
            error_errno(error, errno, "read %s", name);
            return NULL;
        }
        if (n == 0)
            break;
        done += (gsize)MAX(n, 0);
    }
    text[done] = '\0';
    *ret_length = done;
    return g_steal_pointer(&text);
}

/* By way of a file beside it, so that a crash leaves the old or the new one. */
static gboolean write_beneath(int folder, const char *name, const char *text, gsize length,
                              GError **error)
{
    g_autofree char *fresh = g_strconcat(".new-", name, NULL);
    g_auto(Fd) fd = -1;

    unlinkat(folder, fresh, 0); /* of a program that was killed here */
    fd = openat(folder, fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, (mode_t)0644);
    if (fd < 0)
        return error_errno(error, errno, "create %s", name);
    if (file_write_all(fd, text, length) && fsync(fd) == 0 &&
        renameat(folder, fresh, folder, name) == 0 && fsync(folder) == 0)
        return TRUE;
    error_errno(error, errno, "write %s", name);
    unlinkat(folder, fresh, 0);
    return FALSE;
}

/* ---- metadata.yaml ---- */

json_t *instance_metadata_get(Host *host, const Object *object, GError **error)
{
    g_auto(Fd) volume = open_volume(host, object, error);
    g_autofree char *text = NULL;
    gsize length;

    if (volume < 0)
        return NULL;
    text = read_beneath(volume, "metadata.yaml", METADATA_MAX, &length, error);
    return text != NULL ? metadata_parse("metadata.yaml", text, length, error) : NULL;
}

static gboolean check_keys(const json_t *metadata, GError **error)
{
    static const char *const known[] = {"architecture", "creation_date", "expiry_date",
                                        "properties",   "templates",     NULL};
    const char *key;
    json_t *value;

    if (!json_is_object(metadata))
        return error_set(error, ERR_INVALID, "the metadata of an image is an object");
    json_object_foreach ((json_t *)metadata, key, value) {
        if (!g_strv_contains(known, key))
            return error_set(error, ERR_INVALID, "%s is no key of the metadata of an image", key);
    }
    return TRUE;
}

gboolean instance_metadata_put(Host *host, const Object *object, const json_t *metadata,
                               GError **error)
{
    g_autoptr(json_t) plain = NULL;
    g_autoptr(json_t) checked = NULL;
    g_autofree char *given = NULL;
    g_autofree char *text = NULL;
    g_auto(Fd) volume = -1;

    if (!check_keys(metadata, error))
        return FALSE;
    plain = json_copy((json_t *)metadata);
    if (json_integer_value(json_object_get(plain, "expiry_date")) == 0)
        json_object_del(plain, "expiry_date"); /* 0 in the API: never */
    given = print_yaml(plain, 0);
    checked = metadata_parse("metadata", given, strlen(given), error);
    if (checked == NULL)
        return FALSE;
    text = print_yaml(checked, 0);
    volume = open_volume(host, object, error);
    return volume >= 0 && write_beneath(volume, "metadata.yaml", text, strlen(text), error);
}

/* ---- templates ---- */

/* -1 without an error when there is none and `make` is not set. */
static int open_templates(Host *host, const Object *object, gboolean make, GError **error)
{
    g_auto(Fd) volume = open_volume(host, object, error);
    int fd;

    if (volume < 0)
        return -1;
    if (make && mkdirat(volume, "templates", 0755) < 0 && errno != EEXIST) {
        error_errno(error, errno, "make the folder of templates");
        return -1;
    }
    fd = openat(volume, "templates", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && (errno != ENOENT || make))
        error_errno(error, errno, "open the folder of templates");
    return fd;
}

static gboolean check_name(const char *name, GError **error)
{
    if (name == NULL || *name == '\0' || *name == '.' || strchr(name, '/') != NULL ||
        strlen(name) > NAME_MAX - strlen(".new-") || !g_utf8_validate(name, -1, NULL))
        return error_set(error, ERR_INVALID,
                         "\"%s\" is no name of a template: one part of a path, not hidden",
                         name != NULL ? name : "");
    return TRUE;
}

/* The folder is taken over. */
static GStrv list_names(int folder, GError **error)
{
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    DIR *entries = fdopendir(folder);
    const struct dirent *entry;

    if (entries == NULL) {
        fd_close(folder);
        g_ptr_array_unref(names);
        error_errno(error, errno, "list the templates");
        return NULL;
    }
    while ((entry = readdir(entries)) != NULL) {
        if (entry->d_name[0] != '.')
            g_ptr_array_add(names, g_utf8_make_valid(entry->d_name, -1));
    }
    closedir(entries);
    g_ptr_array_sort(names, text_compare);
    g_ptr_array_add(names, NULL);
    return (GStrv)g_ptr_array_free(names, FALSE);
}

GStrv instance_templates(Host *host, const Object *object, GError **error)
{
    g_autoptr(GError) failure = NULL;
    int folder = open_templates(host, object, FALSE, &failure);

    if (folder >= 0)
        return list_names(folder, error);
    if (failure == NULL)
        return g_new0(char *, 1);
    g_propagate_error(error, g_steal_pointer(&failure));
    return NULL;
}

char *instance_template_get(Host *host, const Object *object, const char *name, gsize *ret_length,
                            GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_auto(Fd) folder = -1;

    if (!check_name(name, error))
        return NULL;
    folder = open_templates(host, object, FALSE, &failure);
    if (folder >= 0)
        return read_beneath(folder, name, TEMPLATE_MAX, ret_length, error);
    if (failure != NULL)
        g_propagate_error(error, g_steal_pointer(&failure));
    else
        error_set(error, ERR_NOT_FOUND, "there is no %s", name);
    return NULL;
}

gboolean instance_template_put(Host *host, const Object *object, const char *name, const char *text,
                               gsize length, GError **error)
{
    g_auto(Fd) folder = -1;

    if (!check_name(name, error))
        return FALSE;
    if (length > TEMPLATE_MAX)
        return error_set(error, ERR_INVALID, "template %s has %zu bytes; at most %u are allowed",
                         name, length, TEMPLATE_MAX);
    folder = open_templates(host, object, TRUE, error);
    return folder >= 0 && write_beneath(folder, name, text, length, error);
}

gboolean instance_template_delete(Host *host, const Object *object, const char *name,
                                  GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_auto(Fd) folder = -1;

    if (!check_name(name, error))
        return FALSE;
    folder = open_templates(host, object, FALSE, &failure);
    if (failure != NULL) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    if (folder >= 0 && unlinkat(folder, name, 0) == 0)
        return TRUE;
    if (folder < 0 || errno == ENOENT)
        return error_set(error, ERR_NOT_FOUND, "there is no %s", name);
    return error_errno(error, errno, "delete %s", name);
}
