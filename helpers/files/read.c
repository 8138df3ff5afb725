/* What is at a path: head and get. The last part of a path is looked at, not followed. */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/syscall.h>

#include "error.h"
#include "file.h"
#include "files/request.h"

#define LIVE_MAX (4u << 20)      /* of a file that is made as it is read, such as those of /proc */
#define ENTRIES_MAX (512u << 10) /* bytes of a directory's names: they must fit into a message */

static const char *type_of(mode_t mode)
{
    return S_ISREG(mode) ? "file" : S_ISDIR(mode) ? "directory" : S_ISLNK(mode) ? "symlink" : NULL;
}

static const char *sort_of(mode_t mode)
{
    return S_ISFIFO(mode) ? "a FIFO" : S_ISSOCK(mode) ? "a socket" : "a device";
}

/* Opens the path's last part itself, without touching what it is. -1 with an error. */
static int look(const Request *request, struct stat *ret_info, json_t **ret_answer, GError **error)
{
    g_auto(Fd) fd = request_open(request, request->path, O_PATH | O_NOFOLLOW, 0);

    if (fd < 0 || fstat(fd, ret_info) < 0) {
        request_fail(request, errno, "look it up", error);
        return -1;
    }
    if (type_of(ret_info->st_mode) == NULL) {
        error_set(error, ERR_INVALID,
                  "%s is %s: only files, directories and symbolic links can be transferred",
                  request->path, sort_of(ret_info->st_mode));
        return -1;
    }
    *ret_answer =
        json_pack("{ss sI sI si sI sI}", "type", type_of(ret_info->st_mode), "uid",
                  (json_int_t)ret_info->st_uid, "gid", (json_int_t)ret_info->st_gid, "mode",
                  (int)(ret_info->st_mode & 07777), "size", (json_int_t)ret_info->st_size,
                  "modified", (json_int_t)ret_info->st_mtim.tv_sec);
    return fd_steal(&fd);
}

gboolean files_head(const Request *request, GError **error)
{
    struct stat info;
    json_t *answer;
    g_auto(Fd) fd = look(request, &info, &answer, error);

    if (fd < 0)
        return FALSE;
    request_answer(answer, -1);
    return TRUE;
}

/* ---- content ---- */

/* To whoever asked, who takes their time. FALSE when they are gone. */
static gboolean write_all(int to, const char *bytes, gsize length)
{
    struct pollfd ready = {.fd = to, .events = POLLOUT};

    request_alarm_stop();
    for (gsize done = 0; done < length;) {
        ssize_t n = write(to, bytes + done, length - done);

        if (n < 0 && errno != EINTR && errno != EAGAIN)
            return FALSE;
        done += (gsize)MAX(n, 0);
        if (n < 0 && errno == EAGAIN)
            poll(&ready, 1, -1);
    }
    request_alarm();
    return TRUE;
}

/* Exactly `size` bytes, or fewer when the file has become shorter: the reader then misses some. */
static void copy_out(int from, int to, guint64 size)
{
    g_autofree char *buffer = g_malloc(65536);

    while (size > 0) {
        ssize_t n = read(from, buffer, MIN(size, 65536));

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0 || !write_all(to, buffer, (gsize)n))
            return;
        size -= (guint64)n;
    }
}

/* A file whose size is said to be 0 may still have content. */
static gboolean read_live(const Request *request, int fd, GString *ret_text, GError **error)
{
    char buffer[16384];
    ssize_t n;

    while ((n = read(fd, buffer, sizeof buffer)) > 0 && ret_text->len <= LIVE_MAX)
        g_string_append_len(ret_text, buffer, n);
    if (n < 0)
        return request_fail(request, errno, "read it", error);
    return n == 0 ||
           error_set(error, ERR_INVALID, "%s has no size and does not end", request->path);
}

static gboolean send_file(const Request *request, int path, guint64 size, json_t *answer,
                          GError **error)
{
    g_autoptr(json_t) owned = answer;
    g_autoptr(GString) live = g_string_new(NULL);
    g_auto(Fd) fd = request_reopen(request, path, O_RDONLY);
    g_auto(Fd) writing = -1;
    int ends[2];

    if (fd < 0)
        return request_fail(request, errno, "open it", error);
    if (size == 0 && !read_live(request, fd, live, error))
        return FALSE;
    if (pipe2(ends, O_CLOEXEC) < 0)
        return error_errno(error, errno, "make a pipe");
    writing = ends[1];
    if (size == 0)
        json_object_set_new(owned, "size", json_integer((json_int_t)live->len));
    request_answer(json_incref(owned), ends[0]);
    close(ends[0]);
    if (size == 0)
        write_all(writing, live->str, live->len);
    else
        copy_out(fd, writing, size);
    return TRUE;
}

/* Names that are no UTF-8 cannot be told in JSON; each wrong byte shows as U+FFFD. */
static void add_entry(json_t *entries, const char *name)
{
    g_autofree char *text = g_utf8_make_valid(name, -1);

    if (!g_str_equal(name, ".") && !g_str_equal(name, ".."))
        json_array_append_new(entries, json_string(text));
}

struct linux_dirent64 {
    guint64 inode;
    gint64 offset;
    unsigned short length;
    unsigned char type;
    char name[];
};

static gboolean send_directory(const Request *request, int path, json_t *answer, GError **error)
{
    g_autoptr(json_t) owned = answer;
    json_t *entries = json_array();
    g_auto(Fd) fd = request_reopen(request, path, O_RDONLY | O_DIRECTORY);
    _Alignas(struct linux_dirent64) char buffer[32768];
    gsize all = 0;
    long n;

    json_object_set_new(owned, "entries", entries);
    if (fd < 0)
        return request_fail(request, errno, "open it", error);
    while ((n = syscall(SYS_getdents64, fd, buffer, sizeof buffer)) > 0) {
        for (long at = 0; at < n;) {
            const struct linux_dirent64 *entry = (const void *)(buffer + at);

            add_entry(entries, entry->name);
            all += strlen(entry->name) + 4;
            at += entry->length;
        }
        if (all > ENTRIES_MAX)
            return error_set(error, ERR_INVALID, "%s has too many entries to list", request->path);
    }
    if (n < 0)
        return request_fail(request, errno, "list it", error);
    request_answer(json_incref(owned), -1);
    return TRUE;
}

/* API-080: as an absolute path, without looking at what is there. */
static gboolean send_link(const Request *request, int path, json_t *answer, GError **error)
{
    g_autoptr(json_t) owned = answer;
    g_autofree char *folder = g_path_get_dirname(request->path);
    g_autofree char *whole = NULL;
    char target[PATH_MAX];
    ssize_t length = readlinkat(path, "", target, sizeof target - 1);

    if (length < 0)
        return request_fail(request, errno, "read the link", error);
    target[length] = '\0';
    if (!g_utf8_validate(target, length, NULL))
        return error_set(error, ERR_INVALID, "%s: its target is not UTF-8", request->path);
    whole = g_canonicalize_filename(target, folder);
    json_object_set_new(owned, "target", json_string(whole));
    request_answer(json_incref(owned), -1);
    return TRUE;
}

gboolean files_get(const Request *request, GError **error)
{
    struct stat info;
    json_t *answer;
    g_auto(Fd) fd = look(request, &info, &answer, error);

    if (fd < 0)
        return FALSE;
    if (S_ISDIR(info.st_mode))
        return send_directory(request, fd, answer, error);
    if (S_ISLNK(info.st_mode))
        return send_link(request, fd, answer, error);
    return send_file(request, fd, (guint64)info.st_size, answer, error);
}
