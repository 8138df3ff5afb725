#include "limits.h"

#include <string.h>
#include <unistd.h>

#include "cgroup_file.h"
#include "cpus.h"
#include "error.h"
#include "limit_table.h"
#include "type.h"
#include "units.h"

static const char *layout_of(HostFacts *host, const char *controller)
{
    return json_member_string(host_fact(host, "cgroup"), controller);
}

static void set_number(json_t *limits, const char *key, gint64 value)
{
    g_autofree char *text = g_strdup_printf("%" G_GINT64_FORMAT, value);

    json_object_set_new(limits, key, json_string(text));
}

/* I-301, I-302: a set is itself, a count stays one (balance.h). All CPUs are no limit. */
static gboolean expect_cpuset(json_t *limits, const json_t *config, HostFacts *host, GError **error)
{
    const char *text = json_member_string(config, "limits.cpu");
    g_autoptr(GArray) online = cpus_of_host(host);
    g_autoptr(GArray) asked = NULL;
    g_autoptr(GArray) usable = NULL;
    guint64 count;

    if (text == NULL || layout_of(host, "cpuset") == NULL)
        return TRUE;
    if (g_ascii_string_to_unsigned(text, 10, 0, G_MAXUINT, &count, NULL)) {
        if (count < online->len)
            set_number(limits, "cpus", (gint64)count);
        return TRUE;
    }
    asked = cpus_parse(text, error);
    if (asked == NULL) {
        g_prefix_error(error, "limits.cpu: ");
        return FALSE;
    }
    usable = cpus_within(asked, online);
    if (usable->len > 0 && usable->len < online->len) {
        g_autofree char *set = cpus_format(usable);

        json_object_set_new(limits, "cpuset", json_string(set));
    }
    return TRUE;
}

/* I-310..313 */
static gboolean expect_cpu(json_t *limits, const json_t *config, HostFacts *host, GError **error)
{
    const char *allowance = json_member_string(config, "limits.cpu.allowance");
    const char *priority = json_member_string(config, "limits.cpu.priority");
    const char *version = layout_of(host, "cpu");
    gint64 most = g_strcmp0(version, "v2") == 0 ? 100 : 1024;
    gint64 weight = most;
    guint quota, period, percent;
    char end;

    if (version == NULL || (allowance == NULL && priority == NULL))
        return TRUE;
    if (allowance != NULL && sscanf(allowance, "%ums/%ums%c", &quota, &period, &end) == 2) {
        g_autofree char *text = g_strdup_printf("%u %u", quota * 1000, period * 1000);

        json_object_set_new(limits, "cpu.max", json_string(text));
    } else if (allowance != NULL && sscanf(allowance, "%u%%%c", &percent, &end) == 1) {
        weight = most * percent / 100;
    } else if (allowance != NULL) {
        return error_set(error, ERR_INVALID,
                         "limits.cpu.allowance: \"%s\" is neither N%% nor Nms/Mms", allowance);
    }
    if (priority != NULL)
        weight -= 10 - g_ascii_strtoll(priority, NULL, 10);
    weight = MAX(weight, most == 100 ? 1 : 2); /* the least that the kernel takes */
    if (weight != most)
        set_number(limits, "cpu.weight", weight);
    return TRUE;
}

static gboolean memory_bytes(const char *text, HostFacts *host, gint64 *ret, GError **error)
{
    guint percent;
    char sign, end;

    if (sscanf(text, "%u%c%c", &percent, &sign, &end) == 2 && sign == '%') {
        *ret = json_integer_value(host_fact(host, "memory")) / 100 * percent; /* I-320 */
        return TRUE;
    }
    if (units_parse_bytes(text, ret, error))
        return TRUE;
    g_prefix_error(error, "limits.memory: ");
    return FALSE;
}

/* I-320..326 */
static gboolean expect_memory(json_t *limits, const json_t *config, HostFacts *host, GError **error)
{
    const char *text = json_member_string(config, "limits.memory");
    const char *swap = json_member_string(config, "limits.memory.swap");
    const char *priority = json_member_string(config, "limits.memory.swap.priority");
    const char *version = layout_of(host, "memory");
    gboolean no_swap = swap != NULL && !type_is_true(swap);
    gboolean soft = g_strcmp0(json_member_string(config, "limits.memory.enforce"), "soft") == 0;
    gint64 page = sysconf(_SC_PAGESIZE), bytes = 0;

    if (version == NULL)
        return TRUE;
    if (g_str_equal(version, "v1") && no_swap)
        json_object_set_new(limits, "memory.swappiness", json_string("0"));
    else if (g_str_equal(version, "v1") && priority != NULL)
        set_number(limits, "memory.swappiness", 70 - g_ascii_strtoll(priority, NULL, 10));
    if (text == NULL)
        return TRUE;
    if (!memory_bytes(text, host, &bytes, error))
        return FALSE;
    set_number(limits, "memory.low",
               (soft ? bytes : bytes / 10 * 9 + bytes % 10 * 9 / 10) / page * page);
    if (soft)
        return TRUE;
    set_number(limits, "memory.max", bytes / page * page);
    if (!no_swap && layout_of(host, "memory.swap") != NULL)
        set_number(limits, "memory.swap", g_str_equal(version, "v1") ? bytes / page * page : 0);
    return TRUE;
}

static gboolean expect_hugepages(json_t *limits, const json_t *config, HostFacts *host,
                                 GError **error)
{
    static const struct {
        const char *size;
        gint64 bytes;
    } sizes[] = {{"64KB", 64 << 10}, {"1MB", 1 << 20}, {"2MB", 2 << 20}, {"1GB", 1 << 30}};

    for (guint i = 0; i < G_N_ELEMENTS(sizes) && layout_of(host, "hugetlb") != NULL; i++) {
        g_autofree char *key = g_strconcat("limits.hugepages.", sizes[i].size, NULL);
        g_autofree char *fact = g_strdup_printf("hugetlb.%s.max", sizes[i].size);
        const char *text = json_member_string(config, key);
        gint64 bytes;

        if (text == NULL)
            continue;
        if (!units_parse_bytes(text, &bytes, error)) {
            g_prefix_error(error, "%s: ", key);
            return FALSE;
        }
        set_number(limits, fact, bytes / sizes[i].bytes * sizes[i].bytes);
    }
    return TRUE;
}

json_t *limits_expect(const json_t *config, HostFacts *host, GError **error)
{
    g_autoptr(json_t) limits = json_object();
    const char *processes = json_member_string(config, "limits.processes");

    if (!expect_cpuset(limits, config, host, error) || !expect_cpu(limits, config, host, error) ||
        !expect_memory(limits, config, host, error) ||
        !expect_hugepages(limits, config, host, error))
        return NULL;
    if (processes != NULL && layout_of(host, "pids") != NULL)
        json_object_set_new(limits, "pids.max", json_string(processes));
    return g_steal_pointer(&limits);
}

void limits_add_items(const json_t *limits, const json_t *layout, json_t *items)
{
    for (const Limit *limit = LIMITS; limit->key != NULL; limit++) {
        const char *value = json_member_string(limits, limit->key);
        const char *version = json_member_string(layout, limit->controller);

        if (value != NULL && version != NULL)
            limit_add_items(limit, value, g_str_equal(version, "v2"), items);
    }
}

json_t *limits_observe(const Groups *groups, const char *cpus, GError **error)
{
    g_autoptr(json_t) limits = json_object();

    for (const Limit *limit = LIMITS; limit->key != NULL; limit++) {
        g_autofree char *value = NULL;

        if (!limit_read(limit, groups, cpus, &value, error))
            return NULL;
        if (value != NULL)
            json_object_set_new(limits, limit->key, json_string(value));
    }
    return g_steal_pointer(&limits);
}

static gboolean write_all(const Groups *groups, const char *cpus, const json_t *from,
                          const json_t *to, GError **error)
{
    /* Memory and swap together must never be below memory alone: lift them first (I-327). */
    static const char *const memory[] = {"memory.swap", "memory.max", "memory.low", NULL};
    gboolean lift = FALSE;

    for (guint i = 0; memory[i] != NULL; i++)
        lift |=
            g_strcmp0(json_member_string(from, memory[i]), json_member_string(to, memory[i])) != 0;
    if (lift && json_object_get(from, "memory.swap") != NULL &&
        !limit_write(limit_by_key("memory.swap"), groups, cpus, NULL, error))
        return FALSE;
    for (const Limit *limit = LIMITS; limit->key != NULL; limit++) {
        const char *before = json_member_string(from, limit->key);
        const char *after = json_member_string(to, limit->key);
        gboolean balanced =
            g_str_equal(limit->key, "cpuset") && json_object_get(to, "cpus") != NULL;
        gboolean lifted = lift && g_str_equal(limit->key, "memory.swap");

        if (!balanced && (g_strcmp0(before, after) != 0 || (lifted && after != NULL)) &&
            !limit_write(limit, groups, cpus, after, error))
            return FALSE;
    }
    return TRUE;
}

gboolean limits_apply(const Groups *groups, const char *cpus, const json_t *to, GError **error)
{
    g_autoptr(json_t) from = limits_observe(groups, cpus, error);
    g_autoptr(json_t) half = NULL;

    if (from == NULL)
        return FALSE;
    if (write_all(groups, cpus, from, to, error))
        return TRUE;
    half = limits_observe(groups, cpus, NULL);
    if (half != NULL)
        write_all(groups, cpus, half, from, NULL);
    return FALSE;
}
