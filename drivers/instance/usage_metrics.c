#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "error.h"
#include "file.h"
#include "resources/link_state.h"
#include "usage.h"
#include "usage_parse.h"
#include "usage_read.h"

#define PROC_LIMIT (16u << 20)

static json_t *read_cpu(const Groups *groups)
{
    g_autofree char *each = usage_text(groups, "cpuacct", "cpuacct.usage_all", NULL);
    g_autofree char *all = usage_text(groups, "", NULL, "cpu.stat");

    return usage_parse_cpu(each, all);
}

static json_t *read_disks(const Groups *groups)
{
    g_autofree char *bytes =
        usage_text(groups, "blkio", "blkio.throttle.io_service_bytes_recursive", NULL);
    g_autofree char *counts =
        usage_text(groups, "blkio", "blkio.throttle.io_serviced_recursive", NULL);
    g_autofree char *both = usage_text(groups, "io", NULL, "io.stat");

    return usage_parse_disks(bytes, counts, both);
}

static guint64 host_memory(void)
{
    g_autofree char *text = NULL;
    const char *at;

    if (!file_read("/proc/meminfo", PROC_LIMIT, &text, NULL, NULL))
        return 0;
    at = strstr(text, "MemTotal:");
    return at != NULL ? g_ascii_strtoull(at + strlen("MemTotal:"), NULL, 10) * 1024 : 0;
}

static json_t *read_memory(const Groups *groups)
{
    gboolean v2 = FALSE;
    g_autofree char *stat = usage_text(groups, "memory", "memory.stat", "memory.stat");
    guint64 used = usage_number(groups, "memory", "memory.usage_in_bytes", "memory.current");
    guint64 limit = usage_number(groups, "memory", "memory.limit_in_bytes", "memory.max");
    guint64 total = host_memory();
    guint64 cached;
    json_t *values;

    if (stat == NULL)
        return NULL;
    groups_path(groups, "memory", &v2);
    values = usage_parse_memory(stat, v2);
    cached = (guint64)json_integer_value(json_object_get(values, "Cached"));
    /* No limit reads as "max", or as more than there is. */
    if (limit > 0 && limit < total)
        total = limit;
    used = MIN(used, total);
    json_object_set_new(values, "MemTotal", json_integer((json_int_t)total));
    json_object_set_new(values, "MemFree", json_integer((json_int_t)(total - used)));
    json_object_set_new(values, "MemAvailable",
                        json_integer((json_int_t)MIN(total - used + cached, total)));
    json_object_set_new(values, "Swap", json_integer((json_int_t)usage_swap(groups)));
    return values;
}

/* ---- file systems ---- */

typedef struct {
    const char *type;   /* of the topmost mount at exactly the path; NULL: none is there */
    const char *device; /* its source */
    gboolean slow;      /* a process serves it or something on the way */
} MountFound;

/* Whether `path` is `mount` or below it. */
static gboolean is_below(const char *path, const char *mount)
{
    gsize length = strlen(mount);

    return g_str_equal(mount, "/") ||
           (g_str_has_prefix(path, mount) && (path[length] == '/' || path[length] == '\0'));
}

/* Looks through the lines of mountinfo; they are cut into the strings of the result. */
static MountFound find_mount(const GStrv lines, const char *path, GPtrArray *keep)
{
    MountFound found = {0};

    for (char **line = lines; *line != NULL; line++) {
        char **fields = g_strsplit(*line, " ", -1);
        guint count = g_strv_length(fields);
        guint dash = 6;
        g_autofree char *mount = count > 9 ? g_strcompress(fields[4]) : NULL;

        g_ptr_array_add(keep, fields);
        while (dash < count && !g_str_equal(fields[dash], "-"))
            dash++;
        if (mount == NULL || dash + 2 >= count || !is_below(path, mount))
            continue;
        found.slow = found.slow || g_str_has_prefix(fields[dash + 1], "fuse");
        if (g_str_equal(mount, path)) {
            found.type = fields[dash + 1];
            found.device = fields[dash + 2];
        }
    }
    return found;
}

/* A mount point is looked up in the instance's own root, and no link leads out of it. */
static gboolean ask(int root, const char *path, struct statvfs *ret)
{
    struct open_how how = {.flags = O_PATH | O_CLOEXEC,
                           .resolve =
                               RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS};
    g_auto(Fd) fd = (int)syscall(SYS_openat2, root, path, &how, sizeof(how));

    return fd >= 0 && fstatvfs(fd, ret) == 0;
}

static json_t *read_filesystem(int root, const GStrv lines, const char *path)
{
    g_autoptr(GPtrArray) keep = g_ptr_array_new_with_free_func((GDestroyNotify)g_strfreev);
    MountFound found = find_mount(lines, path, keep);
    struct statvfs info;

    if (found.type == NULL || found.slow || !ask(root, path, &info))
        return NULL;
    return json_pack("{s:s, s:s, s:s, s:I, s:I, s:I}", "device", found.device, "fstype", found.type,
                     "mountpoint", path, "avail", (json_int_t)(info.f_bavail * info.f_frsize),
                     "free", (json_int_t)(info.f_bfree * info.f_frsize), "size",
                     (json_int_t)(info.f_blocks * info.f_frsize));
}

static json_t *read_filesystems(pid_t init, const json_t *mountpoints)
{
    g_autofree char *root_path = g_strdup_printf("/proc/%d/root", init);
    g_autofree char *mounts_path = g_strdup_printf("/proc/%d/mountinfo", init);
    g_auto(Fd) root = open(root_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;
    json_t *all = json_array();
    json_t *path;
    gsize i;

    if (root < 0 || !file_read(mounts_path, PROC_LIMIT, &text, NULL, NULL))
        return all;
    /* Names there may hold any bytes but blanks and newlines. */
    lines = g_strsplit(text, "\n", -1);
    json_array_foreach (mountpoints, i, path) {
        json_t *entry = read_filesystem(root, lines, json_string_value(path));

        if (entry != NULL)
            json_array_append_new(all, entry);
    }
    return all;
}

/* Counters of all interfaces inside; NULL when they cannot be read. */
static json_t *read_network(pid_t init)
{
    g_autoptr(json_t) states = link_states_inside(init, NULL);
    json_t *counters;
    const char *name;
    json_t *state;

    if (states == NULL)
        return NULL;
    counters = json_object();
    json_object_foreach (states, name, state)
        json_object_set(counters, name, json_object_get(state, "counters"));
    return counters;
}

json_t *usage_metrics(pid_t init, const char *group, const json_t *mountpoints, GError **error)
{
    g_autoptr(Groups) groups = groups_of(init, group, error);

    if (groups == NULL)
        return NULL;
    /* "o*": a group that could not be read is left out. */
    return json_pack("{s:o*, s:o*, s:o*, s:o*, s:o*, s:I}", "cpu", read_cpu(groups), "disk",
                     read_disks(groups), "filesystem", read_filesystems(init, mountpoints),
                     "memory", read_memory(groups), "network", read_network(init), "procs",
                     (json_int_t)usage_processes(groups));
}
