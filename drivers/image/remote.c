#include "image/remote.h"

#include <string.h>
#include <sys/stat.h>

#include "error.h"
#include "file.h"
#include "image/parts.h"
#include "secrets.h"

void image_found_clear(ImageFound *found)
{
    g_free(found->fingerprint);
    g_free(found->filename);
    g_free(found->architecture);
    g_free(found->created_at);
    g_free(found->url);
    g_free(found->certificate);
    g_free(found->paths[0]);
    g_free(found->paths[1]);
    json_decref(found->properties);
}

void image_found_copy(const ImageFound *found, ImageFound *ret)
{
    *ret = (ImageFound){
        .fingerprint = g_strdup(found->fingerprint),
        .filename = g_strdup(found->filename),
        .architecture = g_strdup(found->architecture),
        .created_at = g_strdup(found->created_at),
        .size = found->size,
        .url = g_strdup(found->url),
        .certificate = g_strdup(found->certificate),
        .redirects = found->redirects,
        .paths = {g_strdup(found->paths[0]), g_strdup(found->paths[1])},
        .properties = json_incref(found->properties),
    };
}

/* ---- what is asked for ---- */

static gboolean is_set(const char *text)
{
    return text != NULL && *text != '\0';
}

static gboolean is_url(const json_t *source)
{
    const char *type = json_member_string(source, "type");

    return is_set(type) ? strcmp(type, "url") == 0 : is_set(json_member_string(source, "url"));
}

static gboolean is_streams(const json_t *source)
{
    return g_strcmp0(json_member_string(source, "protocol"), "simplestreams") == 0;
}

static FetchServer server_of(const json_t *source)
{
    if (is_url(source))
        return (FetchServer){json_member_string(source, "url"), NULL, TRUE};
    return (FetchServer){json_member_string(source, "server"),
                         json_member_string(source, "certificate"), is_streams(source)};
}

gboolean image_remote_check(const json_t *source, gboolean local, GError **error)
{
    const char *protocol = json_member_string(source, "protocol");
    const char *mode = json_member_string(source, "mode");
    FetchServer server = server_of(source);

    /* Nobody asks with what stands for a secret. */
    if (secrets_in_value(source))
        return error_set(
            error, ERR_UNSUPPORTED,
            "source: ${secret:...} is not supported by this build in the source of an image");
    if (is_set(mode) && strcmp(mode, "pull") != 0)
        return error_set(error, ERR_UNSUPPORTED,
                         "source.mode: \"%s\" is not supported by this build: copy with "
                         "--mode=pull or --mode=relay",
                         mode);
    if (is_set(protocol) && strcmp(protocol, "lxd") != 0 && strcmp(protocol, "simplestreams") != 0)
        return error_set(error, ERR_INVALID, "source.protocol: \"%s\" is none: lxd, simplestreams",
                         protocol);
    if (server.url != NULL && g_str_has_prefix(server.url, "unix:") && (is_url(source) || !local))
        return error_set(error, ERR_INVALID, "source.server: \"%s\" is not an https:// address",
                         server.url);
    return fetch_check(&server, error);
}

json_t *image_remote_update(const json_t *source)
{
    const char *alias = json_member_string(source, "alias");
    const char *server = json_member_string(source, "server");
    const char *protocol = json_member_string(source, "protocol");
    const char *certificate = json_member_string(source, "certificate");
    const char *type = json_member_string(source, "image_type");

    if (!is_set(alias) || server == NULL)
        return NULL;
    return json_pack("{s:s, s:s, s:s, s:s, s:s}", "alias", alias, "server", server, "protocol",
                     is_set(protocol) ? protocol : "lxd", "certificate",
                     certificate != NULL ? certificate : "", "image_type",
                     type != NULL ? type : "");
}

/* ---- asking ---- */

/* The two header fields of a plain web server's answer (IMG-042..045). */
static gboolean find_url(const FetchServer *asked, const json_t *architectures, ImageFound *ret,
                         GError **error)
{
    g_autoptr(GString) list = g_string_new("LXD-Server-Architectures: ");
    g_autoptr(json_t) fields = NULL;
    const char *headers[] = {NULL, "LXD-Server-Version: " BERTH_VERSION, NULL};
    const char *hash, *url;
    json_t *architecture;
    size_t i;

    json_array_foreach ((json_t *)architectures, i, architecture)
        g_string_append_printf(list, "%s%s", i > 0 ? ", " : "", json_string_value(architecture));
    headers[0] = list->str;
    fields = fetch_head(asked, "", headers, error);
    if (fields == NULL)
        return FALSE;
    hash = json_member_string(fields, "lxd-image-hash");
    url = json_member_string(fields, "lxd-image-url");
    if (hash == NULL || url == NULL)
        return error_set(error, ERR_INVALID, "Missing LXD-Image-%s header",
                         hash == NULL ? "Hash" : "URL");
    ret->url = g_strdup(url);
    ret->fingerprint = g_strdup(hash);
    ret->filename = g_path_get_basename(url);
    ret->architecture = g_strdup(json_string_value(json_array_get(architectures, 0)));
    ret->paths[0] = g_strdup("");
    return TRUE;
}

gboolean image_remote_find(const json_t *source, const json_t *architectures, ImageFound *ret,
                           GError **error)
{
    FetchServer server = server_of(source);

    ret->redirects = server.redirects;
    if (is_url(source))
        return find_url(&server, architectures, ret, error);
    ret->url = g_strdup(server.url);
    ret->certificate = g_strdup(server.certificate);
    return is_streams(source)
               ? image_remote_find_streams(&server, source, architectures, ret, error)
               : image_remote_find_lxd(&server, source, ret, error);
}

/* ---- fetching ---- */

typedef struct {
    const FetchReport *report;
    const char *part;
} Teller;

static void tell(guint64 done, guint64 all, guint64 speed, void *data)
{
    const Teller *teller = data;

    teller->report->each(teller->report->data, teller->part, done, all, speed);
}

static int fetch_part(const char *dir, const ImageFound *found, guint which, const char *part,
                      const FetchReport *report, char **ret_type, GError **error)
{
    FetchServer server = {found->url, found->certificate, found->redirects};
    Teller teller = {report, part};
    FetchProgress each = {report->each != NULL ? tell : NULL, &teller, report->cancel};
    g_auto(Fd) fd = image_part_new(dir, error);

    if (fd < 0 || !fetch_file(&server, found->paths[which], fd, &each, ret_type, error))
        return -1;
    return fd_steal(&fd);
}

gboolean image_remote_fetch(const char *dir, const ImageFound *found, const FetchReport *report,
                            int *ret_file, int *ret_rootfs, GError **error)
{
    gboolean split = found->paths[1] != NULL;
    g_auto(Fd) file = -1, rootfs = -1;
    g_autofree char *type = NULL;
    g_autofree char *filename = NULL;
    struct stat st;

    file = fetch_part(dir, found, 0, split ? "metadata" : "rootfs", report, &type, error);
    if (file < 0)
        return FALSE;
    if (split) {
        rootfs = fetch_part(dir, found, 1, "rootfs", report, NULL, error);
        if (rootfs < 0)
            return FALSE;
    } else if (image_parts_are(type)) {
        g_auto(Fd) body = fd_steal(&file);

        if (fstat(body, &st) < 0)
            return error_errno(error, errno, "look at the download");
        if (!image_parts_take(dir, body, (guint64)st.st_size, type, &file, &rootfs, &filename,
                              error))
            return FALSE;
    }
    *ret_file = fd_steal(&file);
    *ret_rootfs = fd_steal(&rootfs);
    return TRUE;
}
