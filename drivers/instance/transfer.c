#include "transfer.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>

#include "error.h"
#include "file.h"
#include "lxc.h"
#include "paths.h"
#include "record.h"
#include "text.h"

#define ANSWER_TIMEOUT_MS 45000 /* the helper gives up by itself before */

static const char *const type_names[] = {"file", "directory", "symlink"};

const char *file_type_name(FileType type)
{
    return type_names[type];
}

gboolean file_type_parse(const char *name, FileType *ret_type, GError **error)
{
    for (guint i = 0; i < G_N_ELEMENTS(type_names); i++) {
        if (g_strcmp0(name, type_names[i]) == 0) {
            *ret_type = (FileType)i;
            return TRUE;
        }
    }
    return error_set(error, ERR_INVALID, "type \"%s\" is none of file, directory, symlink",
                     name != NULL ? name : "");
}

/* ---- the door ---- */

/* A pidfd of init with its pid, or the root directory with 0. -1 with an error. */
static int open_door(Host *host, const char *name, pid_t *ret_pid, GError **error)
{
    g_autoptr(json_t) record = record_read(host->dir, name, NULL);
    g_autofree char *link = NULL;
    g_autofree char *root = NULL;
    int fd = -1;

    *ret_pid = record_init(record) != 0 ? process_find(json_object_get(record, "init"), &fd) : 0;
    if (*ret_pid != 0)
        return fd;
    link = path_instance_link(host->dir, name);
    root = g_build_filename(link, "rootfs", NULL);
    fd = open(root, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        error_errno(error, errno, "open the root of the instance, %s", root);
    return fd;
}

static gboolean check_path(const char *path, GError **error)
{
    if (path == NULL || path[0] != '/')
        return error_set(error, ERR_INVALID, "path \"%s\" is not absolute",
                         path != NULL ? path : "");
    if (strlen(path) >= PATH_MAX || !g_utf8_validate(path, -1, NULL))
        return error_set(error, ERR_INVALID, "the path is too long or not UTF-8");
    return TRUE;
}

/* Sends a request (stolen) through the instance's door. */
static gboolean begin(Host *host, const Object *object, const char *path, json_t *request,
                      int content, LxcCall *call, GError **error)
{
    g_autofree char *name = disk_name(object->id.project, object->id.name);
    g_autoptr(json_t) owned = request;
    g_auto(Fd) door = -1;
    int fds[2];
    pid_t pid;

    if (!check_path(path, error))
        return FALSE;
    door = open_door(host, name, &pid, error);
    if (door < 0)
        return FALSE;
    json_object_set_new(owned, "path", json_string(path));
    if (pid != 0)
        json_object_set_new(owned, "pid", json_integer(pid));
    fds[0] = door;
    fds[1] = content;
    return helper_call_begin(call, "berth-files", owned, fds, content >= 0 ? 2 : 1, error);
}

/* ---- looking ---- */

void file_info_free(FileInfo *info)
{
    if (info == NULL)
        return;
    if (info->content >= 0)
        close(info->content);
    if (info->call != NULL)
        lxc_call_end(info->call);
    g_free(info->call);
    g_strfreev(info->entries);
    g_free(info->target);
    g_free(info);
}

static GStrv sorted(const json_t *list)
{
    GPtrArray *names = g_ptr_array_new();
    const json_t *name;
    size_t i;

    json_array_foreach (list, i, name)
        g_ptr_array_add(names, g_strdup(json_string_value(name)));
    g_ptr_array_sort(names, text_compare);
    g_ptr_array_add(names, NULL);
    return (GStrv)g_ptr_array_free(names, FALSE);
}

static gint64 number(const json_t *answer, const char *key)
{
    return json_integer_value(json_object_get(answer, key));
}

static FileInfo *read_info(const json_t *answer, int content, GError **error)
{
    g_autoptr(FileInfo) info = g_new0(FileInfo, 1);

    info->content = content;
    if (!file_type_parse(json_member_string(answer, "type"), &info->type, error))
        return NULL;
    info->uid = (guint32)number(answer, "uid");
    info->gid = (guint32)number(answer, "gid");
    info->mode = (guint)number(answer, "mode");
    info->size = (guint64)number(answer, "size");
    info->modified = number(answer, "modified");
    if (json_object_get(answer, "entries") != NULL)
        info->entries = sorted(json_object_get(answer, "entries"));
    info->target = g_strdup(json_member_string(answer, "target"));
    return g_steal_pointer(&info);
}

static FileInfo *look(Host *host, const Object *object, const char *verb, const char *path,
                      GError **error)
{
    g_autofree LxcCall *call = g_new0(LxcCall, 1);
    int fds[MESSAGE_FDS_MAX] = {-1};
    g_autoptr(json_t) answer = NULL;
    FileInfo *info;

    if (!begin(host, object, path, json_pack("{ss}", "verb", verb), -1, call, error))
        return NULL;
    answer = lxc_call_receive(call, ANSWER_TIMEOUT_MS, fds, error);
    info = answer != NULL ? read_info(answer, fds[0], error) : NULL;
    if (info == NULL || info->content < 0)
        lxc_call_end(call);
    else
        info->call = g_steal_pointer(&call);
    return info;
}

FileInfo *transfer_head(Host *host, const Object *object, const char *path, GError **error)
{
    return look(host, object, "head", path, error);
}

FileInfo *transfer_get(Host *host, const Object *object, const char *path, GError **error)
{
    return look(host, object, "get", path, error);
}

/* ---- changes ---- */

static json_t *change(const char *verb, const FileOwner *owner)
{
    json_t *request = json_pack("{ss}", "verb", verb);

    if (owner != NULL && owner->uid >= 0)
        json_object_set_new(request, "uid", json_integer(owner->uid));
    if (owner != NULL && owner->gid >= 0)
        json_object_set_new(request, "gid", json_integer(owner->gid));
    if (owner != NULL && owner->mode >= 0)
        json_object_set_new(request, "mode", json_integer(owner->mode));
    return request;
}

/* `request` is stolen. However long the content takes: the helper knows when it gets no further. */
static gboolean carry_out(Host *host, const Object *object, const char *path, json_t *request,
                          int content, GError **error)
{
    LxcCall call = {0};
    g_autoptr(json_t) answer = NULL;

    if (!begin(host, object, path, request, content, &call, error))
        return FALSE;
    answer = lxc_call_receive(&call, content >= 0 ? -1 : ANSWER_TIMEOUT_MS, NULL, error);
    lxc_call_end(&call);
    return answer != NULL;
}

gboolean transfer_put(Host *host, const Object *object, const char *path, int content,
                      gboolean append, const FileOwner *owner, GError **error)
{
    json_t *request = change("put", owner);

    json_object_set_new(request, "append", json_boolean(append));
    return carry_out(host, object, path, request, content, error);
}

gboolean transfer_make_directory(Host *host, const Object *object, const char *path,
                                 const FileOwner *owner, GError **error)
{
    return carry_out(host, object, path, change("mkdir", owner), -1, error);
}

gboolean transfer_make_link(Host *host, const Object *object, const char *path, const char *target,
                            const FileOwner *owner, GError **error)
{
    json_t *request = change("symlink", owner);

    if (target != NULL && g_utf8_validate(target, -1, NULL))
        json_object_set_new(request, "target", json_string(target));
    return carry_out(host, object, path, request, -1, error);
}

gboolean transfer_delete(Host *host, const Object *object, const char *path, GError **error)
{
    return carry_out(host, object, path, change("delete", NULL), -1, error);
}
