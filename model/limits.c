#include "limits_check.h"

#include <string.h>

#include "expand.h"
#include "units.h"

#define STATE_SIZE_DEFAULT                                                                         \
    (G_GINT64_CONSTANT(100) << 20) /* of a virtual machine's root disk (ST-109) */

/* A limit on a sum over instances. */
typedef enum { SUM_CPU, SUM_MEMORY, SUM_PROCESSES, SUM_DISK, SUM_MAX } Sum;

static const struct {
    const char *key;   /* of the project */
    const char *wants; /* what each instance must have then */
    gboolean bytes;
} SUMS[SUM_MAX] = {
    [SUM_CPU] = {"limits.cpu", "limits.cpu", FALSE},
    [SUM_MEMORY] = {"limits.memory", "limits.memory", TRUE},
    [SUM_PROCESSES] = {"limits.processes", "limits.processes", FALSE},
    [SUM_DISK] = {"limits.disk", "a size on its root disk", TRUE},
};

typedef struct {
    const Snapshot *snapshot;
    const Object *project;
    Problems *problems;
    gint64 total[SUM_MAX];
    gboolean known[SUM_MAX]; /* the project limits it, and no instance failed to say its part */
    guint containers, machines, networks;
    gboolean judges; /* each instance has to be looked at, not only counted */
} Usage;

static gboolean is_machine(const Object *instance)
{
    return g_strcmp0(json_member_string(instance->spec, "type"), "virtual-machine") == 0;
}

static const json_t *root_disk(const json_t *devices)
{
    const char *name;
    json_t *device;

    json_object_foreach ((json_t *)devices, name, device)
        if (device_is_root(device))
            return device;
    return NULL;
}

/* What an instance says about one sum, or NULL. */
static const char *part_of(Sum sum, const Expanded *expanded)
{
    if (sum == SUM_DISK)
        return json_member_string(root_disk(expanded->devices), "size");
    return json_member_string(expanded->config, SUMS[sum].key);
}

/* The number behind it. FALSE with a problem when it cannot be summed; a value of a bad form is
 * reported by its type. */
static gboolean read_part(Usage *usage, Sum sum, const Object *instance, const Expanded *expanded,
                          gint64 *ret)
{
    const char *text = part_of(sum, expanded);
    const char *project = usage->project->id.name;

    if (text == NULL) {
        problem_add(usage->problems, PROBLEM_ERROR, instance, "",
                    "needs %s, because project %s has %s", SUMS[sum].wants, project, SUMS[sum].key);
        return FALSE;
    }
    switch (sum) {
    case SUM_CPU:
        /* PJ-130 */
        if (strpbrk(text, ",-") != NULL) {
            problem_add(usage->problems, PROBLEM_ERROR, instance, "config/limits.cpu",
                        "must be a count, not CPUs by number, because project %s has limits.cpu",
                        project);
            return FALSE;
        }
        return g_ascii_string_to_signed(text, 10, 0, G_MAXINT32, ret, NULL);
    case SUM_MEMORY:
        /* PJ-131 */
        if (strchr(text, '%') != NULL) {
            problem_add(usage->problems, PROBLEM_ERROR, instance, "config/limits.memory",
                        "must be a size, not a share, because project %s has limits.memory",
                        project);
            return FALSE;
        }
        return units_parse_bytes(text, ret, NULL);
    case SUM_DISK: {
        const char *state = json_member_string(root_disk(expanded->devices), "size.state");
        gint64 more = is_machine(instance) ? STATE_SIZE_DEFAULT : 0;

        /* PJ-126 */
        if (!units_parse_bytes(text, ret, NULL) ||
            (state != NULL && !units_parse_bytes(state, &more, NULL)))
            return FALSE;
        return !__builtin_add_overflow(*ret, more, ret);
    }
    default:
        return g_ascii_string_to_signed(text, 10, 0, G_MAXINT64, ret, NULL);
    }
}

static void add_instance(Usage *usage, const Object *instance)
{
    g_auto(Expanded) expanded = {0};

    if (is_machine(instance))
        usage->machines++;
    else
        usage->containers++;
    if (!usage->judges)
        return;
    expand_instance(usage->snapshot, instance, &expanded);
    for (Sum sum = 0; sum < SUM_MAX; sum++) {
        gint64 part;

        if (object_config(usage->project, SUMS[sum].key) == NULL)
            continue;
        if (!read_part(usage, sum, instance, &expanded, &part))
            usage->known[sum] = FALSE;
        else if (__builtin_add_overflow(usage->total[sum], part, &usage->total[sum]))
            usage->total[sum] = G_MAXINT64;
    }
    restrictions_check(usage->project, instance, expanded.config, expanded.devices,
                       usage->problems);
}

static void check_count(const Usage *usage, const char *key, guint count, const char *what)
{
    const char *text = object_config(usage->project, key);
    g_autofree char *path = g_strdup_printf("config/%s", key);
    gint64 limit;

    if (text != NULL && g_ascii_string_to_signed(text, 10, 0, G_MAXUINT32, &limit, NULL) &&
        count > limit)
        problem_add(usage->problems, PROBLEM_ERROR, usage->project, path,
                    "the project would have %u %s, allowed are %" G_GINT64_FORMAT, count, what,
                    limit);
}

/* PJ-132: as much as the limit is allowed. */
static void check_sum(const Usage *usage, Sum sum)
{
    const char *text = object_config(usage->project, SUMS[sum].key);
    g_autofree char *path = g_strdup_printf("config/%s", SUMS[sum].key);
    g_autofree char *total = NULL;
    gint64 limit;

    if (text == NULL || !usage->known[sum])
        return;
    if (SUMS[sum].bytes ? !units_parse_bytes(text, &limit, NULL)
                        : !g_ascii_string_to_signed(text, 10, 0, G_MAXUINT32, &limit, NULL))
        return;
    if (usage->total[sum] <= limit)
        return;
    total = SUMS[sum].bytes ? units_format_bytes(usage->total[sum])
                            : g_strdup_printf("%" G_GINT64_FORMAT, usage->total[sum]);
    problem_add(usage->problems, PROBLEM_ERROR, usage->project, path,
                "the instances of the project sum up to %s, allowed are %s", total, text);
}

static gboolean has_limits(const Object *project)
{
    const char *key;
    json_t *value;

    json_object_foreach (json_object_get(project->spec, "config"), key, value) {
        if (g_str_has_prefix(key, "limits."))
            return TRUE;
    }
    return FALSE;
}

void limits_check(const Snapshot *snapshot, const char *project, Problems *problems)
{
    Usage usage = {.snapshot = snapshot, .problems = problems};
    guint first, count;

    usage.project = snapshot_find(snapshot, KIND_PROJECT, "", project);
    if (usage.project == NULL)
        return;
    usage.judges = type_is_true(object_config(usage.project, "restricted"));
    for (Sum sum = 0; sum < SUM_MAX; sum++) {
        usage.known[sum] = TRUE;
        usage.judges = usage.judges || object_config(usage.project, SUMS[sum].key) != NULL;
    }
    if (!usage.judges && !has_limits(usage.project))
        return;
    snapshot_range(snapshot, KIND_INSTANCE, project, &first, &count);
    for (guint i = first; i < first + count; i++)
        add_instance(&usage, snapshot_at(snapshot, i));
    snapshot_range(snapshot, KIND_NETWORK, project, &first, &count);
    usage.networks = count;
    for (guint i = first; i < first + count; i++)
        restrictions_check_network(usage.project, snapshot_at(snapshot, i), problems);
    /* PJ-182: even when nobody uses them. */
    snapshot_range(snapshot, KIND_PROFILE, project, &first, &count);
    for (guint i = first; i < first + count; i++) {
        const Object *profile = snapshot_at(snapshot, i);

        restrictions_check(usage.project, profile, json_object_get(profile->spec, "config"),
                           json_object_get(profile->spec, "devices"), problems);
    }
    check_count(&usage, "limits.containers", usage.containers, "containers");
    check_count(&usage, "limits.virtual-machines", usage.machines, "virtual machines");
    check_count(&usage, "limits.instances", usage.containers + usage.machines, "instances");
    /* PJ-127 */
    if (strcmp(project, "default") != 0)
        check_count(&usage, "limits.networks", usage.networks, "networks");
    for (Sum sum = 0; sum < SUM_MAX; sum++)
        check_sum(&usage, sum);
}

/* ---- what is used ---- */

/* A count or size of a sum; 0 when it is no plain number. */
static gint64 amount_of(Sum sum, const char *text)
{
    gint64 amount = 0;

    if (text == NULL ||
        (SUMS[sum].bytes ? !units_parse_bytes(text, &amount, NULL)
                         : !g_ascii_string_to_signed(text, 10, 0, G_MAXINT64, &amount, NULL)))
        return 0;
    return amount;
}

static void set_usage(json_t *all, const Object *project, const char *name, gboolean bytes,
                      gint64 used)
{
    g_autofree char *key = g_strdup_printf("limits.%s", name);
    const char *text = object_config(project, key);
    gint64 limit = -1;

    if (text != NULL && !(bytes ? units_parse_bytes(text, &limit, NULL)
                                : g_ascii_string_to_signed(text, 10, 0, G_MAXINT64, &limit, NULL)))
        limit = -1;
    json_object_set_new(
        all, name, json_pack("{s:I, s:I}", "Limit", (json_int_t)limit, "Usage", (json_int_t)used));
}

json_t *limits_usage(const Snapshot *snapshot, const Object *project)
{
    gint64 total[SUM_MAX] = {0};
    guint first, count, networks, machines = 0;
    json_t *all = json_object();

    snapshot_range(snapshot, KIND_NETWORK, project->id.name, &first, &networks);
    snapshot_range(snapshot, KIND_INSTANCE, project->id.name, &first, &count);
    for (guint i = first; i < first + count; i++) {
        const Object *instance = snapshot_at(snapshot, i);
        g_auto(Expanded) expanded = {0};

        machines += is_machine(instance);
        expand_instance(snapshot, instance, &expanded);
        for (Sum sum = 0; sum < SUM_MAX; sum++)
            if (__builtin_add_overflow(total[sum], amount_of(sum, part_of(sum, &expanded)),
                                       &total[sum]))
                total[sum] = G_MAXINT64;
    }
    for (Sum sum = 0; sum < SUM_MAX; sum++)
        set_usage(all, project, SUMS[sum].key + strlen("limits."), SUMS[sum].bytes, total[sum]);
    set_usage(all, project, "containers", FALSE, count - machines);
    set_usage(all, project, "virtual-machines", FALSE, machines);
    set_usage(all, project, "instances", FALSE, count);
    set_usage(all, project, "networks", FALSE, networks);
    return all;
}
