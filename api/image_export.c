#include "image_export.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "answer.h"
#include "error.h"
#include "file.h"
#include "form.h"
#include "image_list.h"
#include "paths.h"

/* What the first bytes say, as the end of a file's name (IMG-062). */
static const char *extension_of(int fd)
{
    static const struct {
        const char *bytes;
        gsize size;
        const char *extension;
    } sorts[] = {
        {"\x1f\x8b", 2, ".tar.gz"},
        {"\xfd"
         "7zXZ",
         5, ".tar.xz"},
        {"BZh", 3, ".tar.bz2"},
        {"\x5d\x00\x00", 3, ".tar.lzma"},
        {"\x28\xb5\x2f\xfd", 4, ".tar.zst"},
        {"hsqs", 4, ".squashfs"},
        {"QFI\xfb", 4, ".qcow2"},
    };
    char head[8] = "";

    if (pread(fd, head, sizeof head, 0) == (ssize_t)sizeof head) {
        for (guint i = 0; i < G_N_ELEMENTS(sorts); i++)
            if (memcmp(head, sorts[i].bytes, sorts[i].size) == 0)
                return sorts[i].extension;
    }
    return ".tar";
}

static int open_part(const char *path, guint64 *ret_size, gint64 *ret_time, GError **error)
{
    g_auto(Fd) fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0) {
        error_errno(error, errno, "open %s", path);
        return -1;
    }
    *ret_size = (guint64)st.st_size;
    if (ret_time != NULL)
        *ret_time = st.st_mtime;
    return fd_steal(&fd);
}

static void tell(Call *call, const Object *image)
{
    g_autofree char *path = g_strdup_printf("images/%s", image_fingerprint(image));

    events_lifecycle(call->daemon->events, "image-retrieved", call->project, path, NULL,
                     call->caller);
}

static void send_whole(Call *call, const char *fingerprint, Fd *file, guint64 size, gint64 modified)
{
    g_autofree char *name = g_strconcat(fingerprint, extension_of(*file), NULL);

    answer_file(call->request, fd_steal(file), size, name, modified);
}

static gboolean send_split(Call *call, const char *fingerprint, const FormFile files[2],
                           GError **error)
{
    g_autofree char *metadata =
        g_strdup_printf("meta-%s%s", fingerprint, extension_of(files[0].fd));
    g_autofree char *rootfs = g_strdup_printf("%s%s", fingerprint, extension_of(files[1].fd));
    const FormFile named[2] = {{"metadata", metadata, files[0].fd, files[0].size},
                               {"rootfs", rootfs, files[1].fd, files[1].size}};
    g_autofree char *type = NULL;
    guint64 size = 0;
    int body = form_write(named, 2, call->daemon->dir, &type, &size, error);
    const char *headers[] = {"Content-Type", type, NULL};

    if (body < 0)
        return FALSE;
    request_answer_file(call->request, 200, headers, body, size);
    return TRUE;
}

gboolean image_export(Call *call, const Object *image, GError **error)
{
    const json_t *source = json_object_get(image->spec, "source");
    const char *fingerprint = image_fingerprint(image);
    g_autofree char *path = path_image_files(call->daemon->dir, fingerprint);
    gint64 modified = 0;
    g_autofree char *companion = g_strconcat(path, ".rootfs", NULL);
    g_auto(Fd) file = -1, rootfs = -1;
    FormFile files[2] = {{0}};

    if (json_object_get(source, "file") == NULL)
        return error_set(error, ERR_UNSUPPORTED,
                         "the image is builtin:%s, which has no file: name it as the source of an "
                         "image on the other host",
                         json_member_string(source, "builtin"));
    file = open_part(path, &files[0].size, &modified, error);
    if (file < 0)
        return FALSE;
    if (json_object_get(source, "rootfs") == NULL) {
        send_whole(call, fingerprint, &file, files[0].size, modified);
    } else {
        rootfs = open_part(companion, &files[1].size, NULL, error);
        files[0].fd = file;
        files[1].fd = rootfs;
        if (rootfs < 0 || !send_split(call, fingerprint, files, error))
            return FALSE;
    }
    tell(call, image);
    return TRUE;
}
