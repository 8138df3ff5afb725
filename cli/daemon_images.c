/* Files of images that state files name, for a daemon that may not read them by their paths: of
 * another machine, or of a user who is not root. They go by their fingerprint, and are sent before
 * they are needed. */
#include <fcntl.h>
#include <sys/stat.h>

#include "backend_daemon.h"
#include "error.h"
#include "file.h"
#include "form.h"
#include "image/digest.h"

static char *fingerprint_of(Remote *remote, const Object *image, GError **error)
{
    const char *file = json_string_at(image->spec, "source/file");
    const char *rootfs = json_string_at(image->spec, "source/rootfs");
    g_autoptr(Digest) digest = digest_new();

    /* Gone after it was imported is no mistake, as without a daemon. */
    if (!file_exists(file)) {
        const Snapshot *model = backend_model(&remote->base, error);
        const Object *stored = model != NULL ? snapshot_get(model, image->key) : NULL;
        const char *known =
            stored != NULL ? json_member_string(stored->generated, "fingerprint") : NULL;

        if (known == NULL && model != NULL)
            error_set(error, ERR_NOT_FOUND, "%s: no such file", file);
        return g_strdup(known);
    }
    return digest_add_file(digest, file, -1, NULL, error) &&
                   (rootfs == NULL || digest_add_file(digest, rootfs, -1, NULL, error))
               ? digest_finish(digest)
               : NULL;
}

static int open_to_send(const char *path, guint64 *ret_size, GError **error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    struct stat st = {0};

    if (fd < 0 || fstat(fd, &st) < 0)
        error_errno(error, errno, "open %s", path);
    *ret_size = (guint64)st.st_size;
    return fd;
}

/* One body of two files. */
static json_t *send_split(Remote *remote, const char *target, const char *file, const char *rootfs,
                          GError **error)
{
    FormFile files[] = {{.name = "metadata", .filename = "metadata"},
                        {.name = "rootfs", .filename = "rootfs"}};
    g_auto(Fd) first = open_to_send(file, &files[0].size, error);
    g_auto(Fd) second = first >= 0 ? open_to_send(rootfs, &files[1].size, error) : -1;
    g_auto(Fd) body = -1;
    g_autofree char *type = NULL;
    guint64 size;

    files[0].fd = first;
    files[1].fd = second;
    if (second >= 0)
        body = form_write(files, G_N_ELEMENTS(files), g_get_tmp_dir(), &type, &size, error);
    return body >= 0 ? client_upload(remote->client, target, type, body, error) : NULL;
}

static json_t *send_whole(Remote *remote, const char *target, const char *file, GError **error)
{
    guint64 size;
    g_auto(Fd) fd = open_to_send(file, &size, error);

    return fd >= 0 ? client_upload(remote->client, target, "application/octet-stream", fd, error)
                   : NULL;
}

static gboolean send_image(Remote *remote, const Object *image, const char *fingerprint,
                           GError **error)
{
    const char *file = json_string_at(image->spec, "source/file");
    const char *rootfs = json_string_at(image->spec, "source/rootfs");
    g_autofree char *target = g_strconcat("/1.0/image-files/", fingerprint, NULL);
    g_autoptr(json_t) there = client_get(remote->client, target, NULL);
    g_autoptr(json_t) answer = NULL;
    g_autofree char *label = object_label(image);

    if (there != NULL)
        return TRUE;
    answer = rootfs != NULL ? send_split(remote, target, file, rootfs, error)
                            : send_whole(remote, target, file, error);
    if (answer == NULL)
        g_prefix_error(error, "%s: source: ", label);
    return answer != NULL;
}

gboolean daemon_images_name(Remote *remote, const Input *input, GError **error)
{
    for (guint i = 0; !remote->sends_paths && i < input->objects->len; i++) {
        const Object *image = input->objects->pdata[i];
        const char *file = json_string_at(image->spec, "source/file");
        g_autofree char *label = object_label(image);
        g_autofree char *fingerprint = NULL;

        if (image->id.kind != KIND_IMAGE || file == NULL ||
            json_object_get(input->sent, image->key) != NULL)
            continue;
        fingerprint = fingerprint_of(remote, image, error);
        if (fingerprint == NULL) {
            g_prefix_error(error, "%s: source: ", label);
            return FALSE;
        }
        json_object_set_new(input->sent, image->key, json_string(fingerprint));
    }
    return TRUE;
}

gboolean daemon_images_send(Remote *remote, const Input *input, GError **error)
{
    for (guint i = 0; i < input->objects->len; i++) {
        const Object *image = input->objects->pdata[i];
        const char *fingerprint = json_member_string(input->sent, image->key);

        if (fingerprint != NULL && !send_image(remote, image, fingerprint, error))
            return FALSE;
    }
    return TRUE;
}
