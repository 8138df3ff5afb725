/* Files of instances (API-080..084, API-163..166). Content of any size goes by way of an unlinked
 * file: up, the server spools it; down, what comes through the helper's pipe is kept until it is
 * whole, so that no instance keeps a connection waiting. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "answer.h"
#include "call.h"
#include "dry_run.h"
#include "error.h"
#include "file.h"
#include "instance/transfer.h"
#include "session.h"
#include "when.h"

#define PIECE (1u << 20) /* bytes that splice moves at once */

/* The path is newly allocated. LXD's client sends some without the first slash. */
static const Object *find(Call *call, char **ret_path, GError **error)
{
    const Object *object = call_object(call, KIND_INSTANCE, call->words[0], error);
    const char *path = request_query(call->request, "path");

    if (object != NULL && (path == NULL || *path == '\0')) {
        error_set(error, ERR_INVALID, "Missing path argument");
        return NULL;
    }
    *ret_path = object != NULL ? g_strconcat(*path == '/' ? "" : "/", path, NULL) : NULL;
    return object;
}

/* EV-133..135. `role` is the manual's name for the path, "path" is what LXD itself sends. */
static void tell(Call *call, const Object *object, const char *action, const char *role,
                 const char *path)
{
    session_tell(call, object, action, NULL, json_pack("{s:s, s:s}", "path", path, role, path));
}

/* ---- down ---- */

/* All of the pipe in an unlinked file. -1 with an error. */
static int spool(Daemon *daemon, int pipe, guint64 *ret_size, GError **error)
{
    g_auto(Fd) file = open(daemon->dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    ssize_t moved = 1;

    if (file < 0) {
        error_errno(error, errno, "make a temporary file in %s", daemon->dir);
        return -1;
    }
    for (*ret_size = 0; moved != 0; *ret_size += (guint64)MAX(moved, 0)) {
        moved = splice(pipe, NULL, file, NULL, PIECE, SPLICE_F_MOVE);
        if (moved < 0 && errno != EINTR) {
            error_errno(error, errno, "keep the file's content in %s", daemon->dir);
            return -1;
        }
    }
    return fd_steal(&file);
}

/* API-081. `alone`: nothing follows that brings a type of its own. */
static char **headers_of(const FileInfo *info, const char *path, gboolean alone)
{
    g_autoptr(GStrvBuilder) list = g_strv_builder_new();
    g_autoptr(GDateTime) modified = g_date_time_new_from_unix_utc(info->modified);
    char *when =
        modified != NULL ? g_date_time_format(modified, "%Y-%m-%d %H:%M:%S +0000 UTC") : NULL;
    char *fields[] = {g_strdup_printf("%u", info->uid), g_strdup_printf("%u", info->gid),
                      g_strdup_printf("%04o", info->mode), g_strdup(file_type_name(info->type)),
                      when != NULL ? when : g_strdup("")};
    static const char *const names[] = {"X-LXD-uid", "X-LXD-gid", "X-LXD-mode", "X-LXD-type",
                                        "X-LXD-modified"};

    for (guint i = 0; i < G_N_ELEMENTS(fields); i++) {
        g_strv_builder_add(list, names[i]);
        g_strv_builder_add(list, fields[i]);
        g_free(fields[i]);
    }
    if (info->type != FILE_DIRECTORY) {
        g_autofree char *base = g_path_get_basename(path);
        g_auto(GStrv) own = g_strv_builder_end(list);

        return answer_file_headers(base, info->modified, (Headers)own);
    }
    if (alone) {
        g_strv_builder_add(list, "Content-Type");
        g_strv_builder_add(list, "application/json");
    }
    return g_strv_builder_end(list);
}

static gboolean answer_content(Call *call, const FileInfo *info, Headers headers, GError **error)
{
    g_autoptr(json_t) names = NULL;
    g_autoptr(GBytes) target = NULL;
    guint64 size;
    int file;

    switch (info->type) {
    case FILE_PLAIN:
        file = spool(call->daemon, info->content, &size, error);
        if (file < 0)
            return FALSE;
        request_answer_file(call->request, 200, headers, file, size);
        break;
    case FILE_DIRECTORY:
        names = json_array();
        for (char **name = info->entries; *name != NULL; name++)
            json_array_append_new(names, json_string(*name));
        answer_with_headers(call->request, headers, g_steal_pointer(&names));
        break;
    case FILE_SYMLINK:
        target = g_bytes_new(info->target, strlen(info->target));
        request_answer(call->request, 200, headers, target);
        break;
    }
    return TRUE;
}

static gboolean show(Call *call, GError **error)
{
    g_autofree char *path = NULL;
    const Object *object = find(call, &path, error);
    gboolean head = strcmp(request_method(call->request), "HEAD") == 0;
    g_autoptr(FileInfo) info = NULL;
    g_auto(GStrv) headers = NULL;

    if (object == NULL)
        return FALSE;
    info = head ? transfer_head(call->daemon->host, object, path, error)
                : transfer_get(call->daemon->host, object, path, error);
    if (info == NULL)
        return FALSE;
    headers = headers_of(info, path, head);
    if (head) {
        request_answer(call->request, 200, (Headers)headers, NULL);
        return TRUE;
    }
    if (!answer_content(call, info, (Headers)headers, error))
        return FALSE;
    tell(call, object, "instance-file-retrieved", "file-source", path);
    return TRUE;
}

/* ---- up ---- */

/* A header field that is a number; `ret_value` stays as it is when there is none. */
static gboolean read_number(Call *call, const char *name, guint base, guint64 max,
                            gint64 *ret_value, GError **error)
{
    const char *text = request_header(call->request, name);
    guint64 value;

    if (text == NULL || *text == '\0')
        return TRUE;
    if (base == 8 && g_str_has_prefix(text, "0o"))
        text += 2;
    if (!g_ascii_string_to_unsigned(text, base, 0, max, &value, NULL))
        return error_set(error, ERR_INVALID,
                         "%s \"%s\": write a number in base %u, at most %" G_GUINT64_FORMAT, name,
                         text, base, max);
    *ret_value = (gint64)value;
    return TRUE;
}

typedef struct {
    FileType type;
    FileOwner owner;
    gboolean append;
} Upload;

/* API-082 */
static gboolean read_upload(Call *call, Upload *upload, GError **error)
{
    const char *type = request_header(call->request, "X-LXD-type");
    const char *write = request_header(call->request, "X-LXD-write");
    gint64 mode = -1;

    *upload = (Upload){.type = FILE_PLAIN, .owner = {-1, -1, -1}};
    if (type != NULL && *type != '\0' && !file_type_parse(type, &upload->type, error))
        return FALSE;
    upload->append = g_strcmp0(write, "append") == 0;
    if (write != NULL && *write != '\0' && !upload->append && strcmp(write, "overwrite") != 0)
        return error_set(error, ERR_INVALID, "Bad file write mode: %s is none of overwrite, append",
                         write);
    if (!read_number(call, "X-LXD-uid", 10, G_MAXUINT32 - 1, &upload->owner.uid, error) ||
        !read_number(call, "X-LXD-gid", 10, G_MAXUINT32 - 1, &upload->owner.gid, error) ||
        !read_number(call, "X-LXD-mode", 8, 07777, &mode, error))
        return FALSE;
    upload->owner.mode = (int)mode;
    return TRUE;
}

/* A link's target is the body. Newly allocated; NULL with an error. */
static char *read_target(int body, guint64 size, GError **error)
{
    g_autofree char *target = g_malloc0(PATH_MAX);

    if (size == 0 || size >= PATH_MAX) {
        error_set(error, ERR_INVALID, "the body of a symlink is its target, up to %d bytes",
                  PATH_MAX - 1);
        return NULL;
    }
    if (pread(body, target, (size_t)size, 0) != (ssize_t)size) {
        error_errno(error, errno, "read the target");
        return NULL;
    }
    return g_steal_pointer(&target);
}

static gboolean put(Call *call, const Object *object, const char *path, const Upload *upload,
                    GError **error)
{
    Host *host = call->daemon->host;
    guint64 size;
    int body = request_body_fd(call->request, &size);
    g_autofree char *target = NULL;

    switch (upload->type) {
    case FILE_PLAIN:
        return transfer_put(host, object, path, body, upload->append, &upload->owner, error);
    case FILE_DIRECTORY:
        return transfer_make_directory(host, object, path, &upload->owner, error);
    case FILE_SYMLINK:
        target = read_target(body, size, error);
        return target != NULL &&
               transfer_make_link(host, object, path, target, &upload->owner, error);
    }
    g_assert_not_reached();
}

static gboolean upload(Call *call, GError **error)
{
    g_autofree char *path = NULL;
    const Object *object = find(call, &path, error);
    Upload wanted;

    if (object == NULL || !read_upload(call, &wanted, error))
        return FALSE;
    if (call_is_dry_run(call))
        return dry_run_would(call, error, "%s of instance %s would be written", path,
                             object->id.name);
    if (!put(call, object, path, &wanted, error))
        return FALSE;
    tell(call, object, "instance-file-pushed", "file-destination", path);
    answer_sync(call->request, 200, NULL, NULL);
    return TRUE;
}

static gboolean delete (Call *call, GError **error)
{
    g_autofree char *path = NULL;
    const Object *object = find(call, &path, error);

    if (object == NULL)
        return FALSE;
    if (call_is_dry_run(call)) {
        g_autoptr(FileInfo) there = transfer_head(call->daemon->host, object, path, error);

        return there != NULL && dry_run_would(call, error, "%s of instance %s would be deleted",
                                              path, object->id.name);
    }
    if (!transfer_delete(call->daemon->host, object, path, error))
        return FALSE;
    tell(call, object, "instance-file-deleted", "file", path);
    answer_sync(call->request, 200, NULL, NULL);
    return TRUE;
}

const Route ROUTES_FILES[] = {
    {"GET", "instances/*/files", ACCESS_PROJECT, 0, show},
    {"POST", "instances/*/files", ACCESS_PROJECT, ROUTE_FILE | ROUTE_DRY, upload},
    {"DELETE", "instances/*/files", ACCESS_PROJECT, ROUTE_DRY, delete},
    {0},
};
