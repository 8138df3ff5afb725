#include "console.h"

#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "error.h"
#include "file.h"
#include "lxc.h"
#include "paths.h"
#include "record.h"

#define TIMEOUT_MS 30000
#define LOG_MAX (16u << 20)
#define RING_SIZE (128u << 10) /* as "lxc.console.buffer.size = auto" */

static gboolean is_running(Host *host, const char *name)
{
    g_autoptr(json_t) record = record_read(host->dir, name, NULL);

    return record_init(record) != 0;
}

/* One request to berth-lxc; `ret_fds` as for lxc_call_receive. */
static gboolean ask(Host *host, const char *name, const char *verb, gboolean clear, int *ret_fds,
                    GError **error)
{
    g_autofree char *path = g_build_filename(host->dir, "containers", NULL);
    g_autoptr(json_t) request =
        json_pack("{ss ss ss sb}", "verb", verb, "name", name, "path", path, "clear", clear);
    g_autoptr(json_t) answer = NULL;
    LxcCall call = {0};

    if (!lxc_call_begin(&call, request, NULL, 0, -1, error))
        return FALSE;
    answer = lxc_call_receive(&call, TIMEOUT_MS, ret_fds, error);
    lxc_call_end(&call);
    return answer != NULL;
}

static char *log_path(Host *host, const char *name)
{
    g_autofree char *folder = path_logs(host->dir, name);

    return g_build_filename(folder, "console.log", NULL);
}

static char *read_kept(Host *host, const char *name, gsize *ret_length, GError **error)
{
    g_autofree char *path = log_path(host, name);
    g_autoptr(GError) failure = NULL;
    char *text = NULL;

    if (file_read(path, LOG_MAX, &text, ret_length, &failure))
        return text;
    if (!g_error_matches(failure, BERTH_ERROR, ERR_NOT_FOUND)) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return NULL;
    }
    *ret_length = 0;
    return g_strdup("");
}

static char *read_all(int fd, gsize *ret_length, GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);
    char buffer[16384];
    ssize_t n;

    while ((n = read(fd, buffer, sizeof buffer)) > 0)
        g_string_append_len(text, buffer, n);
    if (n < 0) {
        error_errno(error, errno, "read the console's log");
        return NULL;
    }
    *ret_length = text->len;
    return g_string_free(g_steal_pointer(&text), FALSE);
}

/* ---- the ring buffer of a run ----
 *
 * Reading the buffer empties it. What was read is kept in console.seen, after a line that says of
 * which run it is, so that everybody reads the same. */

/* Held while the buffer and console.seen change. -1 with an error. */
static int lock_logs(Host *host, const char *name, GError **error)
{
    g_autofree char *folder = path_logs(host->dir, name);
    g_auto(Fd) fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int code = -1;

    while (fd >= 0 && (code = flock(fd, LOCK_EX)) < 0 && errno == EINTR)
        ;
    if (code == 0)
        return fd_steal(&fd);
    error_errno(error, errno, "lock %s", folder);
    return -1;
}

static char *seen_path(Host *host, const char *name)
{
    g_autofree char *folder = path_logs(host->dir, name);

    return g_build_filename(folder, "console.seen", NULL);
}

/* "BOOT [PID,STARTED]\n" of the run that is there. */
static GString *run_line(Host *host, const char *name)
{
    g_autoptr(json_t) record = record_read(host->dir, name, NULL);
    g_autofree char *init = json_text(json_object_get(record, "init"));
    GString *line = g_string_new(NULL);

    g_string_printf(line, "%s %s\n", boot_id(), init);
    return line;
}

/* What was read before in this run, after its line. */
static GString *read_seen(Host *host, const char *name)
{
    g_autofree char *path = seen_path(host, name);
    GString *line = run_line(host, name);
    g_autofree char *text = NULL;
    gsize length = 0;

    if (file_read(path, LOG_MAX, &text, &length, NULL) && length > line->len &&
        memcmp(text, line->str, line->len) == 0)
        g_string_append_len(line, text + line->len, (gssize)(length - line->len));
    return line;
}

static char *read_ring(Host *host, const char *name, gsize *ret_length, GError **error)
{
    g_autofree char *path = seen_path(host, name);
    g_autoptr(GString) line = run_line(host, name);
    g_autoptr(GString) all = NULL;
    g_autofree char *fresh = NULL;
    g_auto(Fd) lock = lock_logs(host, name, error);
    g_auto(Fd) ring = -1;
    int fds[MESSAGE_FDS_MAX] = {-1};
    gsize length;

    if (lock < 0 || !ask(host, name, "console_log", FALSE, fds, error))
        return NULL;
    ring = fds[0];
    fresh = read_all(ring, &length, error);
    if (fresh == NULL)
        return NULL;
    all = read_seen(host, name);
    g_string_append_len(all, fresh, (gssize)length);
    if (all->len > line->len + RING_SIZE)
        g_string_erase(all, (gssize)line->len, (gssize)(all->len - line->len - RING_SIZE));
    if (length > 0 && !file_write(path, all->str, (gssize)all->len, 0600, NULL, error))
        return NULL;
    g_string_erase(all, 0, (gssize)line->len);
    *ret_length = all->len;
    return g_string_free(g_steal_pointer(&all), FALSE);
}

/* ---- */

char *console_log(Host *host, const Object *object, gsize *ret_length, GError **error)
{
    g_autofree char *name = disk_name(object->id.project, object->id.name);
    g_autoptr(GError) failure = NULL;
    char *text;

    if (!is_running(host, name))
        return read_kept(host, name, ret_length, error);
    text = read_ring(host, name, ret_length, &failure);
    if (text != NULL)
        return text;
    /* It may have stopped meanwhile. */
    if (!is_running(host, name))
        return read_kept(host, name, ret_length, error);
    g_propagate_error(error, g_steal_pointer(&failure));
    return NULL;
}

static gboolean clear_ring(Host *host, const char *name, GError **error)
{
    g_autofree char *path = seen_path(host, name);
    g_auto(Fd) lock = lock_logs(host, name, error);

    return lock >= 0 && ask(host, name, "console_log", TRUE, NULL, error) &&
           file_remove(path, error);
}

gboolean console_log_clear(Host *host, const Object *object, GError **error)
{
    g_autofree char *name = disk_name(object->id.project, object->id.name);
    g_autofree char *path = log_path(host, name);

    if (is_running(host, name) && !clear_ring(host, name, error))
        return FALSE;
    return truncate(path, 0) == 0 || errno == ENOENT || error_errno(error, errno, "empty %s", path);
}

int console_attach(Host *host, const Object *object, guint width, guint height, int *ret_hold,
                   GError **error)
{
    g_autofree char *name = disk_name(object->id.project, object->id.name);
    struct winsize size = {.ws_col = (unsigned short)MIN(width, G_MAXUINT16),
                           .ws_row = (unsigned short)MIN(height, G_MAXUINT16)};
    int fds[MESSAGE_FDS_MAX] = {-1};

    if (!is_running(host, name)) {
        error_set(error, ERR_INVALID, "Instance is not running");
        return -1;
    }
    if (!ask(host, name, "console", FALSE, fds, error))
        return -1;
    if (width > 0 && height > 0)
        ioctl(fds[0], TIOCSWINSZ, &size);
    *ret_hold = fds[1];
    return fds[0];
}
