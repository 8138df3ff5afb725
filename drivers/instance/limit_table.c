#include "limit_table.h"

#include <string.h>

#include "cgroup_file.h"
#include "cpus.h"
#include "error.h"

/* The largest v1 memory value is this many bytes below 2^63, whatever the page size up to 64 KiB.
 */
#define NO_LIMIT_FROM (G_MAXINT64 - 65536)

const Limit LIMITS[] = {
    {"cpuset", "cpuset", "cpuset.cpus", "cpuset.cpus", NULL, NULL},
    {"cpu.weight", "cpu", "cpu.shares", "cpu.weight", "1024", "100"},
    {"cpu.max", "cpu", "cpu.cfs_quota_us", "cpu.max", "-1", "max 100000"},
    {"memory.max", "memory", "memory.limit_in_bytes", "memory.max", "-1", "max"},
    {"memory.swap", "memory", "memory.memsw.limit_in_bytes", "memory.swap.max", "-1", "max"},
    {"memory.low", "memory", "memory.soft_limit_in_bytes", "memory.low", "-1", "0"},
    {"memory.swappiness", "memory", "memory.swappiness", NULL, NULL, NULL},
    {"pids.max", "pids", "pids.max", "pids.max", "max", "max"},
    {"hugetlb.64KB.max", "hugetlb", "hugetlb.64KB.limit_in_bytes", "hugetlb.64KB.max", "-1", "max"},
    {"hugetlb.1MB.max", "hugetlb", "hugetlb.1MB.limit_in_bytes", "hugetlb.1MB.max", "-1", "max"},
    {"hugetlb.2MB.max", "hugetlb", "hugetlb.2MB.limit_in_bytes", "hugetlb.2MB.max", "-1", "max"},
    {"hugetlb.1GB.max", "hugetlb", "hugetlb.1GB.limit_in_bytes", "hugetlb.1GB.max", "-1", "max"},
    {NULL, NULL, NULL, NULL, NULL, NULL}};

const Limit *limit_by_key(const char *key)
{
    const Limit *limit = LIMITS;

    while (limit->key != NULL && !g_str_equal(limit->key, key))
        limit++;
    return limit->key != NULL ? limit : NULL;
}

static gboolean is(const Limit *limit, const char *key)
{
    return g_str_equal(limit->key, key);
}

/* What a group inherits when nobody sets it. */
static char *host_swappiness(void)
{
    char *text = NULL;

    if (!g_file_get_contents("/proc/sys/vm/swappiness", &text, NULL, NULL))
        return g_strdup("60");
    return g_strchomp(text);
}

/* Whether a text read from the kernel means 'no limit'. */
static gboolean is_none(const Limit *limit, gboolean v2, const char *cpus, const char *text)
{
    const char *none = v2 ? limit->v2_none : limit->v1_none;

    if (is(limit, "cpuset"))
        return *text == '\0' || g_str_equal(text, cpus);
    if (is(limit, "memory.swappiness")) {
        g_autofree char *inherited = host_swappiness();

        return g_str_equal(text, inherited);
    }
    if (is(limit, "cpu.max") && v2)
        return g_str_has_prefix(text, "max");
    if (g_ascii_strtoll(text, NULL, 10) >= NO_LIMIT_FROM)
        return TRUE;
    return g_str_equal(text, none);
}

gboolean limit_read(const Limit *limit, const Groups *groups, const char *cpus, char **ret_value,
                    GError **error)
{
    gboolean v2 = FALSE;
    const char *group = groups_path(groups, limit->controller, &v2);
    const char *file = v2 ? limit->v2 : limit->v1;
    g_autoptr(GError) failure = NULL;
    g_autofree char *text = NULL;

    *ret_value = NULL;
    if (group == NULL || file == NULL)
        return TRUE;
    text = cgroup_read(group, file, &failure);
    if (text == NULL) {
        if (g_error_matches(failure, BERTH_ERROR, ERR_NOT_FOUND))
            return TRUE;
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    if (is_none(limit, v2, cpus, text))
        return TRUE;
    if (is(limit, "cpu.max") && !v2) {
        g_autofree char *period = cgroup_read(group, "cpu.cfs_period_us", error);

        if (period == NULL)
            return FALSE;
        *ret_value = g_strconcat(text, " ", period, NULL);
        return TRUE;
    }
    *ret_value = g_steal_pointer(&text);
    return TRUE;
}

/* v1 keeps quota and period in two files; a quota taken away leaves the usual period (I-312,
 * I-315). */
static gboolean write_quota(const char *group, const char *value, GError **error)
{
    g_auto(GStrv) parts = g_strsplit(value != NULL ? value : "-1 100000", " ", 2);

    return cgroup_write(group, "cpu.cfs_quota_us", "-1", error) &&
           cgroup_write(group, "cpu.cfs_period_us", parts[1], error) &&
           cgroup_write(group, "cpu.cfs_quota_us", parts[0], error);
}

/* In the hybrid layout nobody switches the controllers on that only the v2 tree has. */
static void enable(const char *group, const char *controller)
{
    g_autofree char *above = g_path_get_dirname(group);
    g_autofree char *word = g_strconcat("+", controller, NULL);

    cgroup_write(above, "cgroup.subtree_control", word, NULL);
}

gboolean limit_write(const Limit *limit, const Groups *groups, const char *cpus, const char *value,
                     GError **error)
{
    gboolean v2 = FALSE;
    const char *group = groups_path(groups, limit->controller, &v2);
    const char *file = v2 ? limit->v2 : limit->v1;
    g_autofree char *inherited = NULL;

    if (group == NULL || file == NULL)
        return TRUE;
    if (is(limit, "cpu.max") && !v2)
        return write_quota(group, value, error);
    if (v2 && value != NULL && !cgroup_has(group, file))
        enable(group, limit->controller);
    if (value == NULL && is(limit, "memory.swappiness"))
        value = inherited = host_swappiness();
    if (value == NULL && is(limit, "cpuset")) {
        /* Version 2 knows an empty set, but Linux 6.1 takes it only of an empty group. */
        if (v2 && cgroup_write(group, file, "\n", NULL))
            return TRUE;
        value = cpus;
    }
    if (value == NULL)
        value = v2 ? limit->v2_none : limit->v1_none;
    return cgroup_write(group, file, value, error);
}

static void add(json_t *items, gboolean v2, const char *file, const char *value)
{
    g_autofree char *key = g_strconcat(v2 ? "lxc.cgroup2." : "lxc.cgroup.", file, NULL);

    json_array_append_new(items, json_pack("[ss]", key, value));
}

void limit_add_items(const Limit *limit, const char *value, gboolean v2, json_t *items)
{
    const char *file = v2 ? limit->v2 : limit->v1;

    if (file == NULL)
        return;
    if (is(limit, "cpu.max") && !v2) {
        g_auto(GStrv) parts = g_strsplit(value, " ", 2);

        add(items, FALSE, "cpu.cfs_period_us", parts[1]);
        add(items, FALSE, "cpu.cfs_quota_us", parts[0]);
        return;
    }
    add(items, v2, file, value);
}
