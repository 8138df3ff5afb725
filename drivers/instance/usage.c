#include "usage.h"

#include <stdlib.h>
#include <string.h>

#include "cgroup.h"
#include "cgroup_file.h"
#include "error.h"
#include "resources/link_state.h"
#include "usage_parse.h"
#include "usage_read.h"

char *usage_text(const Groups *groups, const char *controller, const char *v1, const char *v2)
{
    gboolean is_v2 = FALSE;
    const char *group = groups_path(groups, controller, &is_v2);
    const char *file = is_v2 ? v2 : v1;

    return group != NULL && file != NULL ? cgroup_read(group, file, NULL) : NULL;
}

guint64 usage_number(const Groups *groups, const char *controller, const char *v1, const char *v2)
{
    g_autofree char *text = usage_text(groups, controller, v1, v2);

    return text != NULL ? g_ascii_strtoull(text, NULL, 10) : 0;
}

/* v2 keeps the time of all groups, even without the controller. */
static guint64 cpu_nanoseconds(const Groups *groups)
{
    g_autofree char *stat = usage_text(groups, "", NULL, "cpu.stat");
    guint64 microseconds = 0;

    if (groups_path(groups, "cpuacct", NULL) != NULL)
        return usage_number(groups, "cpuacct", "cpuacct.usage", NULL);
    usage_parse_keyed(stat, "usage_usec", &microseconds);
    return microseconds * 1000;
}

/* v1 counts memory and swap together. */
static guint64 swap_bytes(const Groups *groups, const char *both, const char *memory,
                          const char *v2)
{
    guint64 swap = usage_number(groups, "memory", both, v2);
    guint64 alone = usage_number(groups, "memory", memory, NULL);

    return swap - MIN(alone, swap);
}

static json_t *memory(const Groups *groups)
{
    return json_pack(
        "{s:I, s:I, s:I, s:I}", "usage",
        (json_int_t)usage_number(groups, "memory", "memory.usage_in_bytes", "memory.current"),
        "usage_peak",
        (json_int_t)usage_number(groups, "memory", "memory.max_usage_in_bytes", "memory.peak"),
        "swap_usage", (json_int_t)usage_swap(groups), "swap_usage_peak",
        (json_int_t)swap_bytes(groups, "memory.memsw.max_usage_in_bytes",
                               "memory.max_usage_in_bytes", "memory.swap.peak"));
}

guint64 usage_swap(const Groups *groups)
{
    return swap_bytes(groups, "memory.memsw.usage_in_bytes", "memory.usage_in_bytes",
                      "memory.swap.current");
}

guint64 usage_processes(const Groups *groups)
{
    return usage_number(groups, "pids", "pids.current", "pids.current");
}

json_t *usage_state(pid_t init, const char *group, GError **error)
{
    g_autoptr(Groups) groups = groups_of(init, group, error);
    json_t *network = groups != NULL ? link_states_inside(init, error) : NULL;

    if (network == NULL)
        return NULL;
    return json_pack("{s:{s:I}, s:{}, s:o, s:o, s:i, s:I}", "cpu", "usage",
                     (json_int_t)cpu_nanoseconds(groups), "disk", "memory", memory(groups),
                     "network", network, "pid", (int)init, "processes",
                     (json_int_t)usage_processes(groups));
}

json_t *usage_stopped(void)
{
    return json_pack("{s:{s:i}, s:{}, s:{s:i, s:i, s:i, s:i}, s:n, s:i, s:i}", "cpu", "usage", 0,
                     "disk", "memory", "usage", 0, "usage_peak", 0, "swap_usage", 0,
                     "swap_usage_peak", 0, "network", "pid", 0, "processes", 0);
}
