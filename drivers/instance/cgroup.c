#include "cgroup.h"

#include <errno.h>
#include <mntent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cgroup_file.h"
#include "error.h"
#include "file.h"

#define AHEAD_US 3000 /* the kernel stays ready for some milliseconds */

/* What a v1 mount's options may name; "name=..." counts as well. */
static const char *const V1_CONTROLLERS[] = {"blkio",   "cpu",     "cpuacct",  "cpuset",
                                             "devices", "freezer", "hugetlb",  "memory",
                                             "net_cls", "pids",    "net_prio", NULL};

static GStrv v1_controllers(const char *options)
{
    g_auto(GStrv) all = g_strsplit(options, ",", -1);
    g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func(g_free);

    for (char **option = all; *option != NULL; option++) {
        if (g_strv_contains(V1_CONTROLLERS, *option) || g_str_has_prefix(*option, "name="))
            g_ptr_array_add(found, g_strdup(*option));
    }
    g_ptr_array_add(found, NULL);
    return (GStrv)g_ptr_array_steal(found, NULL);
}

static GStrv v2_controllers(const char *mount)
{
    g_autofree char *path = g_build_filename(mount, "cgroup.controllers", NULL);
    g_autofree char *text = NULL;

    if (!g_file_get_contents(path, &text, NULL, NULL))
        return g_new0(char *, 1);
    return g_strsplit(g_strstrip(text), " ", -1);
}

/* Whether "a,b,c" between the pointers has a word; the empty list has the word "". */
static gboolean has_word(const char *list, const char *end, const char *word)
{
    gsize length = strlen(word);

    for (const char *next; list < end; list = next + 1) {
        next = memchr(list, ',', (gsize)(end - list));
        if (next == NULL)
            next = end;
        if ((gsize)(next - list) == length && memcmp(list, word, length) == 0)
            return TRUE;
    }
    return length == 0 && list == end;
}

/* The path part of the line of /proc/PID/cgroup text for a controller, "" being the v2 tree; NULL
 * when there is none. Every answer about an instance needs it: nothing is split. */
static char *line_path(const char *text, const char *controller)
{
    for (const char *line = text, *end; *line != '\0'; line = *end != '\0' ? end + 1 : end) {
        const char *names, *path;

        end = strchrnul(line, '\n');
        names = memchr(line, ':', (gsize)(end - line));
        path = names != NULL ? memchr(names + 1, ':', (gsize)(end - names - 1)) : NULL;
        if (path != NULL && has_word(names + 1, path, controller))
            return g_strndup(path + 1, (gsize)(end - path - 1));
    }
    return NULL;
}

/* What /proc/PID/cgroup calls a hierarchy. */
static const char *line_name(const Hierarchy *hierarchy)
{
    return hierarchy->v2 ? "" : hierarchy->controllers[0];
}

/* liblxc makes the groups of root's containers beside those of process 1, outside its init.scope.
 */
static char *base_of(const char *init_text, const Hierarchy *hierarchy)
{
    char *path = line_path(init_text, line_name(hierarchy));

    if (path == NULL)
        return g_strdup("");
    if (g_str_has_suffix(path, "/init.scope"))
        path[strlen(path) - strlen("/init.scope")] = '\0';
    if (g_str_equal(path, "/"))
        *path = '\0';
    return path;
}

static GPtrArray *find_hierarchies(GError **error)
{
    g_autoptr(GPtrArray) all = g_ptr_array_new();
    g_autofree char *init = NULL;
    struct mntent entry;
    char buffer[4096];
    FILE *mounts;

    if (!file_read("/proc/1/cgroup", 1u << 20, &init, NULL, error))
        return NULL;
    mounts = setmntent("/proc/self/mounts", "re");
    if (mounts == NULL) {
        error_errno(error, errno, "open /proc/self/mounts");
        return NULL;
    }
    while (getmntent_r(mounts, &entry, buffer, sizeof(buffer)) != NULL) {
        gboolean v2 = strcmp(entry.mnt_type, "cgroup2") == 0;
        Hierarchy *hierarchy;

        if ((!v2 && strcmp(entry.mnt_type, "cgroup") != 0) ||
            !g_str_has_prefix(entry.mnt_dir, "/sys/fs/cgroup"))
            continue;
        hierarchy = g_new0(Hierarchy, 1);
        hierarchy->v2 = v2;
        hierarchy->mount = g_strdup(entry.mnt_dir);
        hierarchy->controllers =
            v2 ? v2_controllers(entry.mnt_dir) : v1_controllers(entry.mnt_opts);
        hierarchy->base =
            v2 || hierarchy->controllers[0] != NULL ? base_of(init, hierarchy) : g_strdup("");
        g_ptr_array_add(all, hierarchy);
    }
    endmntent(mounts);
    return g_steal_pointer(&all);
}

const GPtrArray *cgroup_hierarchies(GError **error)
{
    static GMutex lock;
    static GPtrArray *found; /* kept for the life of the process: layouts do not change */
    const GPtrArray *result;

    g_mutex_lock(&lock);
    if (found == NULL)
        found = find_hierarchies(error);
    result = found;
    g_mutex_unlock(&lock);
    return result;
}

/* Swap accounting may be off; the root group of v2 does not say. */
static gboolean swap_accounted(const Hierarchy *hierarchy)
{
    g_autofree char *path = g_build_filename(hierarchy->mount, "memory.memsw.limit_in_bytes", NULL);

    return hierarchy->v2 ? access("/proc/swaps", F_OK) == 0 : access(path, F_OK) == 0;
}

json_t *cgroup_layout(GError **error)
{
    const GPtrArray *all = cgroup_hierarchies(error);
    json_t *layout;

    if (all == NULL)
        return NULL;
    layout = json_object();
    for (guint i = 0; i < all->len; i++) {
        const Hierarchy *hierarchy = all->pdata[i];
        const char *version = hierarchy->v2 ? "v2" : "v1";

        for (char **name = hierarchy->controllers; *name != NULL; name++) {
            if (g_str_has_prefix(*name, "name="))
                continue;
            json_object_set_new(layout, *name, json_string(version));
            if (g_str_equal(*name, "memory") && swap_accounted(hierarchy))
                json_object_set_new(layout, "memory.swap", json_string(version));
        }
        if (hierarchy->v2 && json_object_get(layout, "freezer") == NULL)
            json_object_set_new(layout, "freezer", json_string("v2"));
        if (hierarchy->v2 && json_object_get(layout, "devices") == NULL)
            json_object_set_new(layout, "devices", json_string("v2"));
    }
    return layout;
}

/* Cuts "/lxc/NAME/init.scope" after the part that is `name`. */
static void cut_after(char *path, const char *name)
{
    gsize length = strlen(name);

    for (char *at = strstr(path, name); at != NULL; at = strstr(at + 1, name)) {
        if (at > path && at[-1] == '/' && (at[length] == '/' || at[length] == '\0')) {
            at[length] = '\0';
            return;
        }
    }
}

static gboolean serves(const Hierarchy *hierarchy, const char *controller)
{
    if (*controller == '\0')
        return hierarchy->v2;
    return g_strv_contains((const char *const *)hierarchy->controllers, controller);
}

struct Groups {
    const GPtrArray *hierarchies;
    GStrv paths; /* one for each hierarchy */
};

Groups *groups_of(pid_t pid, const char *name, GError **error)
{
    g_autofree char *file = g_strdup_printf("/proc/%d/cgroup", pid);
    const GPtrArray *all = cgroup_hierarchies(error);
    g_autofree char *text = NULL;
    Groups *groups;

    if (all == NULL || !file_read(file, 1u << 20, &text, NULL, error))
        return NULL;
    groups = g_new0(Groups, 1);
    groups->hierarchies = all;
    groups->paths = g_new0(char *, all->len + 1);
    for (guint i = 0; i < all->len; i++) {
        const Hierarchy *hierarchy = all->pdata[i];
        g_autofree char *path = line_path(text, line_name(hierarchy));

        if (path != NULL)
            cut_after(path, name);
        groups->paths[i] = g_strconcat(hierarchy->mount, path != NULL ? path : "", NULL);
    }
    return groups;
}

void groups_free(Groups *groups)
{
    if (groups == NULL)
        return;
    g_strfreev(groups->paths);
    g_free(groups);
}

const char *groups_path(const Groups *groups, const char *controller, gboolean *ret_v2)
{
    for (guint i = 0; i < groups->hierarchies->len; i++) {
        const Hierarchy *hierarchy = groups->hierarchies->pdata[i];

        if (!serves(hierarchy, controller))
            continue;
        if (ret_v2 != NULL)
            *ret_v2 = hierarchy->v2;
        return groups->paths[i];
    }
    return NULL;
}

/* Moves this process to where it is, in the first hierarchy: nothing but the wait. */
static gpointer move_nowhere(gpointer unused)
{
    const GPtrArray *all = cgroup_hierarchies(NULL);
    const Hierarchy *first = all != NULL && all->len > 0 ? all->pdata[0] : NULL;
    g_autofree char *text = NULL;
    g_autofree char *path = NULL;
    g_autofree char *group = NULL;

    if (first == NULL || !file_read("/proc/self/cgroup", 1u << 20, &text, NULL, NULL))
        return NULL;
    path = line_path(text, line_name(first));
    group = g_strconcat(first->mount, path, NULL);
    if (path != NULL)
        cgroup_write(group, "cgroup.procs", "0", NULL);
    return NULL;
}

void cgroup_moves_ahead(void)
{
    static gint64 last; /* atomic */
    gint64 now = g_get_monotonic_time();
    gint64 before = __atomic_load_n(&last, __ATOMIC_RELAXED);
    GThread *thread;

    if (now - before < AHEAD_US || !__atomic_compare_exchange_n(&last, &before, now, FALSE,
                                                                __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        return;
    thread = g_thread_try_new("cgroup", move_nowhere, NULL, NULL);
    if (thread != NULL)
        g_thread_unref(thread);
}

char *cgroup_name(const char *dir, const char *disk_name, const char *part)
{
    g_autofree char *digest = g_compute_checksum_for_string(G_CHECKSUM_SHA256, dir, -1);

    return g_strdup_printf("berth-%.8s.%s%s", digest, disk_name, part);
}

gboolean cgroup_sweep(const char *name, GError **error)
{
    const GPtrArray *all = cgroup_hierarchies(error);

    if (all == NULL)
        return FALSE;
    for (guint i = 0; i < all->len; i++) {
        const Hierarchy *hierarchy = all->pdata[i];
        g_autofree char *path = g_strconcat(hierarchy->mount, hierarchy->base, "/", name, NULL);

        if (file_exists(path) && !cgroup_tree_remove(path, error))
            return FALSE;
    }
    return TRUE;
}
