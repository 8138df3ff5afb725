#include "unpack/memory.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>

#include "file.h"

#define MEMORY_LIMIT "536870912"
#define PREFIX "berth-unpack-"

/* Mount point of the memory controller and its file for the limit: cgroup v1, or v2 with the
 * controller switched on. */
static const struct {
    const char *root, *file, *probe;
} layouts[] = {
    {"/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.limit_in_bytes"},
    {"/sys/fs/cgroup", "memory.max", "cgroup.subtree_control"},
};

static gboolean write_file(const char *folder, const char *name, const char *text)
{
    g_autofree char *path = g_build_filename(folder, name, NULL);
    g_auto(Fd) fd = open(path, O_WRONLY | O_CLOEXEC);

    return fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
}

/* Groups of helpers that were killed: an empty group is nobody's. */
static void sweep(const char *root)
{
    g_autoptr(GDir) dir = g_dir_open(root, 0, NULL);
    const char *name;

    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *path = NULL;
        pid_t pid;

        if (!g_str_has_prefix(name, PREFIX))
            continue;
        pid = (pid_t)g_ascii_strtoll(name + strlen(PREFIX), NULL, 10);
        path = g_build_filename(root, name, NULL);
        /* Busy, or gone meanwhile: not ours to care for. */
        if (pid > 0 && kill(pid, 0) < 0 && rmdir(path) < 0)
            continue;
    }
}

char *memory_group_enter(pid_t pid)
{
    g_autofree char *name = g_strdup_printf(PREFIX "%d", (int)pid);
    g_autofree char *text = g_strdup_printf("%d", (int)pid);

    for (guint i = 0; i < G_N_ELEMENTS(layouts); i++) {
        g_autofree char *probe = g_build_filename(layouts[i].root, layouts[i].probe, NULL);
        g_autofree char *group = g_build_filename(layouts[i].root, name, NULL);

        if (access(probe, F_OK) < 0)
            continue;
        sweep(layouts[i].root);
        if (mkdir(group, 0755) < 0)
            continue;
        if (write_file(group, layouts[i].file, MEMORY_LIMIT) &&
            write_file(group, "cgroup.procs", text))
            return g_steal_pointer(&group);
        rmdir(group);
    }
    return NULL;
}

void memory_group_leave(const char *group)
{
    /* The kernel counts the last process out a moment after it was waited for. */
    for (guint i = 0; group != NULL && i < 50 && rmdir(group) < 0 && errno == EBUSY; i++)
        g_usleep(2000);
}
