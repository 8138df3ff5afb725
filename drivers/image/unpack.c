#include "image/unpack.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "error.h"
#include "file.h"
#include "helper.h"
#include "magic.h"
#include "meter.h"
#include "spawn.h"

#define TIMEOUT_MS (60u * 60u * 1000u)

/* Against archives that unpack to more than anybody meant: real ones shrink to a third, seldom to a
 * twentieth, and a member takes some hundred bytes of them. The fixed parts are for small images.
 */
#define BASE_BYTES (256ull << 20)
#define BYTES_PER_BYTE 100u
#define BASE_ENTRIES 50000u
#define BYTES_PER_ENTRY 100u

static guint64 file_size(const char *path)
{
    struct stat st;

    return path != NULL && stat(path, &st) == 0 ? (guint64)st.st_size : 0;
}

static guint64 max_bytes(const char *file, const char *rootfs, const char *root)
{
    guint64 limit = BASE_BYTES + BYTES_PER_BYTE * (file_size(file) + file_size(rootfs));
    struct statvfs fs;

    if (root != NULL && statvfs(root, &fs) == 0)
        limit = MIN(limit, (guint64)fs.f_bavail * fs.f_frsize);
    return limit;
}

static guint64 max_entries(const char *file, const char *rootfs)
{
    return BASE_ENTRIES + (file_size(file) + file_size(rootfs)) / BYTES_PER_ENTRY;
}

/* How far the helper is. The file that holds most of the image is opened here and handed over: both
 * sides have one position in it. unsquashfs opens the file itself; then what the file system of the
 * target took in meanwhile is near enough. */
typedef struct {
    int fd;
    guint64 size;
    gboolean by_space;
    const char *root;
    guint64 free_before;
} Reading;

static guint64 free_bytes(const char *path)
{
    struct statvfs fs;

    return path != NULL && statvfs(path, &fs) == 0 ? (guint64)fs.f_bfree * fs.f_frsize : 0;
}

static void tell(void *data)
{
    const Reading *reading = data;

    if (reading->by_space) {
        guint64 free_now = free_bytes(reading->root);

        if (free_now < reading->free_before)
            meter_tell(reading->free_before - free_now, 0);
    } else {
        off_t at = lseek(reading->fd, 0, SEEK_CUR);

        if (at > 0)
            meter_tell(MIN((guint64)at, reading->size), reading->size);
    }
}

static json_t *ask(json_t *request, const char *file, const char *root, GError **error)
{
    g_autofree char *helper = helper_path("berth-unpack", error);
    g_autofree char *input = json_text(request);
    g_autofree char *output = NULL;
    g_autoptr(GError) failure = NULL;
    const char *argv[] = {helper, NULL};
    const char *rootfs = json_member_string(request, "rootfs");
    g_auto(Fd) held = open(rootfs != NULL ? rootfs : file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    Reading reading = {held, file_size(rootfs != NULL ? rootfs : file), magic_is_squashfs(held),
                       root, free_bytes(root)};
    const SpawnOptions options = {.input = input,
                                  .timeout_ms = TIMEOUT_MS,
                                  .keep_fd = held,
                                  .tick = tell,
                                  .tick_data = &reading};
    json_t *answer;

    if (helper == NULL)
        return NULL;
    if (held < 0) {
        error_errno(error, errno, "open %s", rootfs != NULL ? rootfs : file);
        return NULL;
    }
    if (!spawn_run(argv, &options, &output, &failure)) {
        const char *prefix = "berth-unpack failed with status 1: ";

        /* The helper's own words are enough when it ended by itself. */
        error_set(error, ERR_INVALID, "image %s: %s", file,
                  g_str_has_prefix(failure->message, prefix) ? failure->message + strlen(prefix)
                                                             : failure->message);
        return NULL;
    }
    answer = json_loads(output, 0, NULL);
    if (answer == NULL)
        error_set(error, ERR_FAILED, "berth-unpack gave no answer for %s", file);
    return answer;
}

json_t *unpack_inspect(const char *file, const char *rootfs, GError **error)
{
    g_autoptr(json_t) request =
        json_pack("{s:s, s:s, s:s*, s:I, s:I}", "action", "inspect", "file", file, "rootfs", rootfs,
                  "bytes", (json_int_t)max_bytes(file, rootfs, NULL), "entries",
                  (json_int_t)max_entries(file, rootfs));

    return ask(request, file, NULL, error);
}

gboolean unpack_run(const char *file, const char *rootfs, const char *root, const char *target,
                    GError **error)
{
    const char *below = target + strlen(root);
    g_autoptr(json_t) request = NULL;
    g_autoptr(json_t) answer = NULL;

    while (*below == '/')
        below++;
    request = json_pack("{s:s, s:s, s:s*, s:s, s:s, s:I, s:I}", "action", "unpack", "file", file,
                        "rootfs", rootfs, "root", root, "target", below, "bytes",
                        (json_int_t)max_bytes(file, rootfs, root), "entries",
                        (json_int_t)max_entries(file, rootfs));
    answer = ask(request, file, root, error);
    return answer != NULL;
}
