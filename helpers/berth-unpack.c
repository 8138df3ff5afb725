/* berth-unpack: looks into one image or unpacks one, in a sandbox, and ends. The request is JSON on
 * stdin:
 *   {"action": "inspect", "file": PATH, "rootfs": PATH?, "bytes": N, "entries": N}
 *   {"action": "unpack", ... , "root": DIRECTORY, "target": PATH below it}
 *   {"action": "stream", "file": PATH}: any tar, as a stream on stdout (unpack/stream.h)
 * The answer is JSON on stdout: {"metadata": TEXT, "type": TEXT} or {"skipped": devices left out}.
 * An error is a line on stderr and exit status 1. */
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

#include "error.h"
#include "file.h"
#include "json.h"
#include "magic.h"
#include "unpack/archive.h"
#include "unpack/sandbox.h"
#include "unpack/squashfs.h"
#include "unpack/stream.h"

#define REQUEST_MAX 65536u
#define REPORT_MAX (8u << 20)

typedef struct {
    gboolean inspect, stream;
    Fd file, rootfs; /* rootfs: -1 when the image is one file */
    gboolean rootfs_is_squashfs;
    Budget budget;
} Request;

static int answer(int report, json_t *value)
{
    g_autoptr(json_t) owned = value;
    g_autofree char *text = json_text(owned);

    return file_write_all(report, text, strlen(text)) ? 0 : 1;
}

static gboolean unpack(Request *request, GError **error)
{
    Budget *budget = &request->budget;

    if (!archive_unpack(request->file, request->rootfs >= 0 ? PART_METADATA : PART_UNIFIED, budget,
                        error))
        return FALSE;
    if (request->rootfs < 0)
        return TRUE;
    return request->rootfs_is_squashfs
               ? squashfs_unpack(budget, error)
               : archive_unpack(request->rootfs, PART_ROOTFS, budget, error);
}

/* Inside the sandbox. */
static int handle(void *data, int report)
{
    Request *request = data;
    g_autoptr(GError) error = NULL;
    json_t *found = NULL;

    if (sandbox_seal(!request->inspect && request->rootfs_is_squashfs, &error)) {
        if (request->stream)
            return stream_tar(request->file, STDOUT_FILENO) ? 0 : 1;
        if (request->inspect)
            found = archive_inspect(request->file, &request->budget, &error);
        else if (unpack(request, &error))
            found = json_pack("{s:i}", "skipped", (int)request->budget.skipped);
    }
    if (found != NULL)
        return answer(report, found);
    answer(report, json_pack("{s:s}", "error", error->message));
    return 1;
}

/* The caller holds the file that has most of the image open as fd 3, to see how far we are. */
#define HELD_FD 3

static gboolean open_file(const json_t *request, const char *member, gboolean held, Fd *ret_fd,
                          GError **error)
{
    const char *path = json_member_string(request, member);

    if (path == NULL)
        return TRUE;
    if (held && fcntl(HELD_FD, F_SETFD, FD_CLOEXEC) == 0) {
        *ret_fd = HELD_FD;
        return TRUE;
    }
    *ret_fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    return *ret_fd >= 0 || error_errno(error, errno, "open %s", path);
}

/* What needs no parsing: the first bytes say which sort of file each is. */
static gboolean check_sorts(Request *request, GError **error)
{
    if (request->file < 0)
        return error_set(error, ERR_USAGE, "the request names no file");
    if (magic_is_squashfs(request->file))
        return error_set(error, ERR_UNSUPPORTED,
                         "it is a squashfs; only the root of a split image can be one");
    if (magic_is_qcow2(request->file) || (request->rootfs >= 0 && magic_is_qcow2(request->rootfs)))
        return error_set(error, ERR_UNSUPPORTED,
                         "it is the image of a virtual machine, which this build does not support");
    request->rootfs_is_squashfs = request->rootfs >= 0 && magic_is_squashfs(request->rootfs);
    return TRUE;
}

static json_t *read_request(GError **error)
{
    g_autofree char *text = NULL;
    json_t *request;

    if (!file_read("/dev/stdin", REQUEST_MAX, &text, NULL, error))
        return NULL;
    request = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(request)) {
        json_decref(request);
        error_set(error, ERR_USAGE, "the request on stdin is not a JSON object");
        return NULL;
    }
    return request;
}

static gboolean run(GError **error)
{
    g_autoptr(json_t) json = read_request(error);
    g_autoptr(json_t) found = NULL;
    g_autoptr(GString) report = g_string_new(NULL);
    g_auto(Fd) file = -1, rootfs = -1;
    Request request = {.file = -1, .rootfs = -1};
    Sandbox sandbox = {0};
    int status;

    gboolean split = json_member_string(json, "rootfs") != NULL;

    if (json == NULL || !open_file(json, "file", !split, &file, error) ||
        !open_file(json, "rootfs", split, &rootfs, error))
        return FALSE;
    request.stream = g_strcmp0(json_member_string(json, "action"), "stream") == 0;
    request.inspect =
        request.stream || g_strcmp0(json_member_string(json, "action"), "inspect") == 0;
    request.file = file;
    request.rootfs = rootfs;
    request.budget.bytes = (guint64)json_integer_value(json_object_get(json, "bytes"));
    request.budget.entries = (guint64)json_integer_value(json_object_get(json, "entries"));
    request.budget.max_bytes = request.budget.bytes;
    request.budget.max_entries = request.budget.entries;
    if (!request.stream && !check_sorts(&request, error))
        return FALSE;
    if (!request.inspect) {
        sandbox.root = json_member_string(json, "root");
        sandbox.target = json_member_string(json, "target");
        sandbox.bytes = request.budget.max_bytes;
        if (sandbox.root == NULL || sandbox.target == NULL)
            return error_set(error, ERR_USAGE, "the request names no target");
        if (request.rootfs_is_squashfs)
            sandbox.squashfs = json_member_string(json, "rootfs");
    }
    status = sandbox_run(&sandbox, handle, &request, REPORT_MAX, report, error);
    if (status < 0)
        return FALSE;
    if (request.stream && status == 0)
        return TRUE;
    found = json_loadb(report->str, report->len, 0, NULL);
    if (status != 0 || found == NULL || json_object_get(found, "error") != NULL) {
        const char *text = json_member_string(found, "error");

        if (text == NULL)
            text = report->len > 0 ? report->str : "ended by a signal or out of memory";
        return error_set(error, ERR_INVALID, "%s", text);
    }
    return printf("%s\n", report->str) > 0 && fflush(stdout) == 0;
}

int main(void)
{
    g_autoptr(GError) error = NULL;

    /* Nothing of this is wanted without the berth that asked for it. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    /* Names in archives are UTF-8. */
    setlocale(LC_CTYPE, "C.UTF-8");
    if (run(&error))
        return 0;
    fprintf(stderr, "%s\n", error != NULL ? error->message : "cannot write the answer");
    return 1;
}
