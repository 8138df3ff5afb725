#include "image_remote.h"

#include <string.h>
#include <sys/stat.h>

#include "answer.h"
#include "error.h"
#include "file.h"
#include "image_import.h"
#include "image_list.h"
#include "image_parts.h"
#include "image_source.h"

typedef struct {
    Daemon *daemon;
    Caller *caller;
    char *project, *cause;
    json_t *body;   /* with "source" */
    char *replaces; /* fingerprint of the image to refresh; NULL: a new one */
} Remote;

static void remote_free(gpointer data)
{
    Remote *remote = data;

    caller_unref(remote->caller);
    g_free(remote->project);
    g_free(remote->cause);
    g_free(remote->replaces);
    json_decref(remote->body);
    g_free(remote);
}

/* ---- what is asked for ---- */

static gboolean is_streams(const json_t *source)
{
    return g_strcmp0(json_member_string(source, "protocol"), "simplestreams") == 0;
}

static FetchServer server_of(const json_t *source)
{
    return (FetchServer){json_member_string(source, "server"),
                         json_member_string(source, "certificate"), is_streams(source)};
}

/* The two header fields of a plain web server's answer (IMG-042..045). */
static gboolean find_url(const Remote *remote, const json_t *source, FetchServer *server,
                         char **ret_url, ImageFound *ret, GError **error)
{
    g_autoptr(json_t) host = host_facts(remote->daemon->host, error);
    g_autoptr(GString) list = g_string_new("LXD-Server-Architectures: ");
    g_autoptr(GHashTable) fields = NULL;
    const char *headers[] = {NULL, "LXD-Server-Version: " BERTH_VERSION, NULL};
    const char *hash, *url;
    json_t *architecture;
    size_t i;

    if (host == NULL)
        return FALSE;
    json_array_foreach (json_object_get(host, "architectures"), i, architecture)
        g_string_append_printf(list, "%s%s", i > 0 ? ", " : "", json_string_value(architecture));
    headers[0] = list->str;
    *server = (FetchServer){json_member_string(source, "url"), NULL, TRUE};
    fields = fetch_head(server, "", headers, error);
    if (fields == NULL)
        return FALSE;
    hash = g_hash_table_lookup(fields, "lxd-image-hash");
    url = g_hash_table_lookup(fields, "lxd-image-url");
    if (hash == NULL || url == NULL)
        return error_set(error, ERR_INVALID, "Missing LXD-Image-%s header",
                         hash == NULL ? "Hash" : "URL");
    *ret_url = g_strdup(url);
    *server = (FetchServer){*ret_url, NULL, TRUE};
    ret->fingerprint = g_strdup(hash);
    ret->filename = g_path_get_basename(url);
    ret->paths[0] = g_strdup("");
    return TRUE;
}

static gboolean find(const Remote *remote, FetchServer *server, char **ret_url, ImageFound *ret,
                     GError **error)
{
    const json_t *source = json_object_get(remote->body, "source");
    g_autoptr(json_t) host = NULL;

    if (g_strcmp0(json_member_string(source, "type"), "url") == 0)
        return find_url(remote, source, server, ret_url, ret, error);
    *server = server_of(source);
    if (!is_streams(source))
        return image_source_lxd(server, source, ret, error);
    host = host_facts(remote->daemon->host, error);
    return host != NULL &&
           image_source_streams(server, source, json_object_get(host, "architectures"), ret, error);
}

/* What the image is to be: what was asked for, over what the server says of it. */
static json_t *wanted_of(const Remote *remote, const ImageFound *found)
{
    json_t *wanted = json_copy(remote->body);
    json_t *properties = json_copy(found->properties);

    if (properties == NULL)
        properties = json_object();
    json_object_update(properties, json_object_get(remote->body, "properties"));
    json_object_set_new(wanted, "properties", properties);
    return wanted;
}

/* IMG-016: only what was chosen by alias can ever be newer. */
static json_t *update_of(const Remote *remote)
{
    const json_t *source = json_object_get(remote->body, "source");
    const char *alias = json_member_string(source, "alias");
    const char *server = json_member_string(source, "server");
    const char *protocol = json_member_string(source, "protocol");
    const char *certificate = json_member_string(source, "certificate");
    const char *type = json_member_string(source, "image_type");

    if (alias == NULL || *alias == '\0' || server == NULL)
        return NULL;
    return json_pack("{s:s, s:s, s:s, s:s, s:s}", "alias", alias, "server", server, "protocol",
                     protocol != NULL && *protocol != '\0' ? protocol : "lxd", "certificate",
                     certificate != NULL ? certificate : "", "image_type",
                     type != NULL ? type : "");
}

/* ---- fetching ---- */

typedef struct {
    Operation *operation;
    const char *part; /* "metadata", "rootfs" */
} Teller;

/* IMG-047 */
static void tell(guint64 done, guint64 all, guint64 speed, void *data)
{
    const Teller *teller = data;
    g_autofree char *amount = all > 0 ? g_strdup_printf("%d%%", (int)(done * 100 / all))
                                      : g_strdup_printf("%.2fMB", (double)done / 1e6);
    g_autofree char *text =
        g_strdup_printf("%s: %s (%.2fMB/s)", teller->part, amount, (double)speed / 1e6);

    operation_set_metadata(teller->operation, json_pack("{s:s}", "download_progress", text));
}

static int fetch_part(const Remote *remote, Operation *operation, const FetchServer *server,
                      const char *path, const char *part, char **ret_type, GError **error)
{
    Teller teller = {operation, part};
    FetchProgress progress = {tell, &teller, operation_cancel_flag(operation)};
    g_auto(Fd) fd = image_part_new(remote->daemon->dir, error);

    if (fd < 0 || !fetch_file(server, path, fd, &progress, ret_type, error))
        return -1;
    return fd_steal(&fd);
}

/* The files of what was found; -1 for a root that is not there. */
static gboolean fetch(const Remote *remote, Operation *operation, const FetchServer *server,
                      const ImageFound *found, Fd *ret_file, Fd *ret_rootfs, GError **error)
{
    gboolean split = found->paths[1] != NULL;
    g_autofree char *type = NULL;
    g_autofree char *filename = NULL;
    struct stat st;

    *ret_file = fetch_part(remote, operation, server, found->paths[0],
                           split ? "metadata" : "rootfs", &type, error);
    if (*ret_file < 0)
        return FALSE;
    if (split) {
        *ret_rootfs = fetch_part(remote, operation, server, found->paths[1], "rootfs", NULL, error);
        return *ret_rootfs >= 0;
    }
    if (image_parts_are(type)) {
        g_auto(Fd) body = fd_steal(ret_file);

        return (fstat(body, &st) == 0 || error_errno(error, errno, "look at the download")) &&
               image_parts_take(remote->daemon->dir, body, (guint64)st.st_size, type, ret_file,
                                ret_rootfs, &filename, error);
    }
    return TRUE;
}

static gboolean exists(const Remote *remote, const char *fingerprint)
{
    g_autoptr(Snapshot) model = engine_ref_stored(remote->daemon->engine);

    return image_by_fingerprint(model, remote->project, fingerprint) != NULL;
}

static gboolean run(Operation *operation, void *data, GError **error)
{
    Remote *remote = data;
    g_auto(ImageFound) found = {0};
    g_auto(Fd) file = -1, rootfs = -1;
    g_autoptr(json_t) wanted = NULL;
    g_autoptr(json_t) update = update_of(remote);
    g_autofree char *url = NULL;
    FetchServer server;
    json_t *result = NULL;

    if (!find(remote, &server, &url, &found, error))
        return FALSE;
    if (remote->replaces != NULL) {
        gboolean newer = strcmp(remote->replaces, found.fingerprint) != 0;

        operation_set_metadata(operation, json_pack("{s:b}", "refreshed", newer));
        if (!newer)
            return TRUE;
    }
    if (exists(remote, found.fingerprint))
        return error_set(error, ERR_EXISTS, "Image with same fingerprint already exists");
    if (!fetch(remote, operation, &server, &found, &file, &rootfs, error))
        return FALSE;
    wanted = wanted_of(remote, &found);
    {
        ImageImport import = {
            .daemon = remote->daemon,
            .caller = remote->caller,
            .project = remote->project,
            .cause = remote->cause,
            .file = file,
            .rootfs = rootfs,
            .expected = found.fingerprint,
            .filename = found.filename,
            .update = update,
            .wanted = wanted,
            .replaces = remote->replaces,
            .cancel = operation_cancel_flag(operation),
        };

        if (!image_import(&import, &result, error))
            return FALSE;
    }
    operation_set_metadata(operation, result);
    return TRUE;
}

/* ---- requests ---- */

static void start(Call *call, const char *description, const json_t *body, const char *replaces)
{
    Remote *remote = g_new0(Remote, 1);
    Operation *operation = call_operation(call, OPERATION_TASK, description);

    *remote = (Remote){
        .daemon = call->daemon,
        .caller = caller_ref(call->caller),
        .project = g_strdup(call_project_for(call, KIND_IMAGE)),
        .cause = g_strdup_printf("api %s %s", request_method(call->request),
                                 request_path(call->request)),
        .body = json_deep_copy(body),
        .replaces = g_strdup(replaces),
    };
    operation_may_cancel(operation, NULL, NULL);
    call_start(call, operation, run, remote, remote_free);
}

static gboolean check_source(const Call *call, const json_t *source, GError **error)
{
    gboolean web = g_strcmp0(json_member_string(source, "type"), "url") == 0;
    const char *protocol = json_member_string(source, "protocol");
    const char *mode = json_member_string(source, "mode");
    FetchServer server = server_of(source);

    if (web)
        server.url = json_member_string(source, "url");
    if (mode != NULL && *mode != '\0' && strcmp(mode, "pull") != 0)
        return error_set(error, ERR_UNSUPPORTED,
                         "source.mode: \"%s\" is not supported by this build: copy with "
                         "--mode=pull or --mode=relay",
                         mode);
    if (protocol != NULL && *protocol != '\0' && strcmp(protocol, "lxd") != 0 &&
        strcmp(protocol, "simplestreams") != 0)
        return error_set(error, ERR_INVALID, "source.protocol: \"%s\" is none: lxd, simplestreams",
                         protocol);
    /* A socket of this host is root's. */
    if (server.url != NULL && g_str_has_prefix(server.url, "unix:") &&
        (web || !call->caller->admin))
        return error_set(error, ERR_INVALID, "source.server: \"%s\" is not an https:// address",
                         server.url);
    return fetch_check(&server, error);
}

gboolean image_remote_make(Call *call, const json_t *body, GError **error)
{
    if (!check_source(call, json_object_get(body, "source"), error))
        return FALSE;
    start(call, "Downloading image", body, NULL);
    return TRUE;
}

/* IMG-028: without a server that it came from, the error is the operation's. */
static gboolean run_without(Operation *operation, void *data, GError **error)
{
    return error_set(error, ERR_INVALID, "The image has no update source");
}

gboolean image_remote_refresh(Call *call, GError **error)
{
    const Object *image = image_find(call, call->words[0], error);
    json_t *update = image != NULL ? json_object_get(image->generated, "update_source") : NULL;
    g_autoptr(json_t) body = NULL;

    if (image == NULL)
        return FALSE;
    if (update == NULL) {
        call_start(call, call_operation(call, OPERATION_TASK, "Refreshing image"), run_without,
                   NULL, NULL);
        return TRUE;
    }
    body = json_pack("{s:O}", "source", update);
    start(call, "Refreshing image", body, image_fingerprint(image));
    return TRUE;
}
