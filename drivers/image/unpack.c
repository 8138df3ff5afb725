#include "image/unpack.h"

#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "error.h"
#include "helper.h"
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

static json_t *ask(json_t *request, const char *file, GError **error)
{
    g_autofree char *helper = helper_path("berth-unpack", error);
    g_autofree char *input = json_text(request);
    g_autofree char *output = NULL;
    g_autoptr(GError) failure = NULL;
    const char *argv[] = {helper, NULL};
    const SpawnOptions options = {.input = input, .timeout_ms = TIMEOUT_MS, .keep_fd = -1};
    json_t *answer;

    if (helper == NULL)
        return NULL;
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

    return ask(request, file, error);
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
    answer = ask(request, file, error);
    return answer != NULL;
}
