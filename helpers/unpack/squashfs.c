#include "unpack/squashfs.h"

#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>

#include "error.h"
#include "file.h"

#define OUTPUT_MAX                                                                                 \
    (256u << 20) /* of a listing: a line is at most some KB, the number of lines is limited as     \
                    entries */

typedef gboolean (*LineFunction)(void *data, char *line, GError **error);

static gboolean read_lines(int fd, LineFunction function, void *data, GError **error)
{
    FILE *stream = fdopen(fd, "r");
    char *line = NULL;
    size_t size = 0;
    gsize total = 0;
    gboolean ok = stream != NULL;
    ssize_t length;

    while (ok && (length = getline(&line, &size, stream)) > 0) {
        total += (gsize)length;
        ok = total <= OUTPUT_MAX ? function(data, g_strchomp(line), error)
                                 : error_set(error, ERR_INVALID, "unsquashfs says too much");
    }
    free(line);
    if (stream != NULL)
        fclose(stream);
    return ok;
}

/* Runs unsquashfs and hands each line that it writes to `function`. Returns its exit status, or -1
 * with an error. */
static int run(const char *const *argv, LineFunction function, void *data, GError **error)
{
    int pipes[2];
    gboolean ok;
    int status = 0;
    pid_t pid;

    if (pipe2(pipes, O_CLOEXEC) < 0) {
        error_errno(error, errno, "run unsquashfs");
        return -1;
    }
    pid = fork();
    if (pid == 0) {
        if (dup2(pipes[1], 1) >= 0 && dup2(pipes[1], 2) >= 0)
            execv(argv[0], (char *const *)argv);
        _exit(127);
    }
    close(pipes[1]);
    ok = pid > 0 && read_lines(pipes[0], function, data, error);
    if (pid < 0) {
        close(pipes[0]);
        error_errno(error, errno, "run unsquashfs");
        return -1;
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (!ok)
        return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

typedef struct {
    Budget *budget;
    GString *problems; /* lines that are no entry */
} Listing;

static gboolean over(const Budget *budget, gboolean bytes, GError **error)
{
    return error_set(error, ERR_INVALID,
                     bytes ? "the image unpacks to more than the limit of %" G_GUINT64_FORMAT
                             " bytes"
                           : "the image has more than the limit of %" G_GUINT64_FORMAT " entries",
                     bytes ? budget->max_bytes : budget->max_entries);
}

/* One line of `unsquashfs -lln`: "-rw-r--r-- 0/0    12 2022-01-01 00:00 squashfs-root/name". A name
 * with a line break adds lines and takes none away, so the sums are never too low. */
static gboolean count_line(void *data, char *line, GError **error)
{
    Listing *listing = data;
    Budget *budget = listing->budget;
    guint64 size = 0;

    if (strchr("-dlcbps", line[0]) == NULL || line[0] == '\0') {
        g_string_append_printf(listing->problems, "%s%s", listing->problems->len > 0 ? "; " : "",
                               line);
        return TRUE;
    }
    if (budget->entries == 0)
        return over(budget, FALSE, error);
    budget->entries--;
    if (line[0] == '-')
        sscanf(line, "%*s %*s %" G_GUINT64_FORMAT, &size);
    if (size > budget->bytes)
        return over(budget, TRUE, error);
    budget->bytes -= size;
    return TRUE;
}

static gboolean count(Budget *budget, GError **error)
{
    const char *argv[] = {"/usr/bin/unsquashfs", "-lln", "/image", NULL};
    g_autoptr(GString) problems = g_string_new(NULL);
    Listing listing = {budget, problems};
    int status = run(argv, count_line, &listing, error);

    if (status == 127)
        return error_set(error, ERR_FAILED,
                         "unsquashfs cannot be run: install the package squashfs-tools");
    return status == 0 || (status > 0 && error_set(error, ERR_INVALID,
                                                   "the squashfs is damaged: %s", problems->str));
}

typedef struct {
    Budget *budget;
    GString *problems; /* what is not just a device that may not be made */
} Extraction;

static gboolean judge_line(void *data, char *line, GError **error)
{
    Extraction *extraction = data;

    if (g_str_has_prefix(line, "create_inode: failed to create character device ") ||
        g_str_has_prefix(line, "create_inode: failed to create block device "))
        extraction->budget->skipped++;
    else if (*line != '\0' && extraction->problems->len < 2048)
        g_string_append_printf(extraction->problems, "%s%s",
                               extraction->problems->len > 0 ? "; " : "", line);
    return TRUE;
}

gboolean squashfs_unpack(Budget *budget, GError **error)
{
    /* Small buffers: the sandbox's memory is limited, and one image is one stream. */
    const char *argv[] = {"/usr/bin/unsquashfs",
                          "-quiet",
                          "-no-progress",
                          "-processors",
                          "2",
                          "-data-queue",
                          "32",
                          "-frag-queue",
                          "32",
                          "-dest",
                          "rootfs",
                          "/image",
                          NULL};
    g_autoptr(GString) problems = g_string_new(NULL);
    Extraction extraction = {budget, problems};
    int status;

    if (!count(budget, error))
        return FALSE;
    status = run(argv, judge_line, &extraction, error);
    if (status < 0)
        return FALSE;
    /* 2 is 'done, but not everything'; that is well when all that is missing are devices (IMG-067).
     */
    if (status == 0 || (status == 2 && problems->len == 0 && budget->skipped > 0))
        return TRUE;
    return error_set(error, ERR_INVALID, "unsquashfs failed with status %d: %s", status,
                     problems->str);
}
