#include "process.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "file.h"

static void *read_boot_id(void *data)
{
    char *text = NULL;

    if (!g_file_get_contents("/proc/sys/kernel/random/boot_id", &text, NULL, NULL))
        return g_strdup("unknown");
    return g_strstrip(text);
}

const char *boot_id(void)
{
    static GOnce once = G_ONCE_INIT;

    return g_once(&once, read_boot_id, NULL);
}

guint64 process_started(pid_t pid, pid_t *ret_parent)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/stat", pid);
    char text[1024];
    const char *rest;
    ssize_t length;
    int parent;
    char state;
    unsigned long long started;
    g_auto(Fd) fd = open(path, O_RDONLY | O_CLOEXEC);

    length = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    if (length <= 0)
        return 0;
    text[length] = '\0';
    rest = strrchr(text, ')'); /* the name before it may hold anything */
    if (rest == NULL ||
        sscanf(rest + 1,
               " %c %d %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %llu",
               &state, &parent, &started) != 3 ||
        state == 'Z' || state == 'X')
        return 0;
    if (ret_parent != NULL)
        *ret_parent = parent;
    return started;
}

json_t *process_describe(pid_t pid)
{
    guint64 started = process_started(pid, NULL);

    return started != 0 ? json_pack("[iI]", (int)pid, (json_int_t)started) : NULL;
}

pid_t process_find(const json_t *pair, int *ret_fd)
{
    pid_t pid = (pid_t)json_integer_value(json_array_get(pair, 0));
    guint64 started = (guint64)json_integer_value(json_array_get(pair, 1));
    g_auto(Fd) fd = -1;

    if (pid <= 0 || started == 0)
        return 0;
    if (ret_fd != NULL) {
        fd = (int)syscall(SYS_pidfd_open, pid, 0);
        if (fd < 0)
            return 0;
    }
    if (process_started(pid, NULL) != started)
        return 0;
    if (ret_fd != NULL)
        *ret_fd = fd_steal(&fd);
    return pid;
}
