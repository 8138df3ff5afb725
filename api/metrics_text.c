#include "metrics_text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A series, and where its samples are in what usage_metrics() tells: MET-101 to MET-136, in the
 * order of the page. */
typedef struct {
    const char *name;
    const char *help;
    const char *group; /* member of the usage */
    const char *key;   /* within an entry of the group */
} Series;

static const Series SERIES[] = {
    {"lxd_cpu_seconds_total", "The total number of CPU time used in seconds.", "cpu", NULL},
    {"lxd_disk_read_bytes_total", "The total number of bytes read.", "disk", "read_bytes"},
    {"lxd_disk_reads_completed_total", "The total number of completed reads.", "disk", "reads"},
    {"lxd_disk_written_bytes_total", "The total number of bytes written.", "disk", "written_bytes"},
    {"lxd_disk_writes_completed_total", "The total number of completed writes.", "disk", "writes"},
    {"lxd_filesystem_avail_bytes", "The number of available space in bytes.", "filesystem",
     "avail"},
    {"lxd_filesystem_free_bytes", "The number of free space in bytes.", "filesystem", "free"},
    {"lxd_filesystem_size_bytes", "The size of the filesystem in bytes.", "filesystem", "size"},
    {"lxd_memory_Active_anon_bytes", "The amount of anonymous memory on active LRU list.", "memory",
     "Active_anon"},
    {"lxd_memory_Active_file_bytes", "The amount of file-backed memory on active LRU list.",
     "memory", "Active_file"},
    {"lxd_memory_Active_bytes", "The amount of memory on active LRU list.", "memory", "Active"},
    {"lxd_memory_Cached_bytes", "The amount of cached memory.", "memory", "Cached"},
    {"lxd_memory_Dirty_bytes", "The amount of memory waiting to get written back to the disk.",
     "memory", "Dirty"},
    {"lxd_memory_HugepagesFree_bytes", "The amount of free memory for hugetlb.", "memory",
     "HugepagesFree"},
    {"lxd_memory_HugepagesTotal_bytes", "The amount of used memory for hugetlb.", "memory",
     "HugepagesTotal"},
    {"lxd_memory_Inactive_anon_bytes", "The amount of anonymous memory on inactive LRU list.",
     "memory", "Inactive_anon"},
    {"lxd_memory_Inactive_file_bytes", "The amount of file-backed memory on inactive LRU list.",
     "memory", "Inactive_file"},
    {"lxd_memory_Inactive_bytes", "The amount of memory on inactive LRU list.", "memory",
     "Inactive"},
    {"lxd_memory_Mapped_bytes", "The amount of mapped memory.", "memory", "Mapped"},
    {"lxd_memory_MemAvailable_bytes", "The amount of available memory.", "memory", "MemAvailable"},
    {"lxd_memory_MemFree_bytes", "The amount of free memory.", "memory", "MemFree"},
    {"lxd_memory_MemTotal_bytes", "The amount of total memory.", "memory", "MemTotal"},
    {"lxd_memory_RSS_bytes", "The amount of anonymous and swap cache memory.", "memory", "RSS"},
    {"lxd_memory_Shmem_bytes", "The amount of cached filesystem data that is swap-backed.",
     "memory", "Shmem"},
    {"lxd_memory_Swap_bytes", "The amount of used swap memory.", "memory", "Swap"},
    {"lxd_memory_Unevictable_bytes", "The amount of unevictable memory.", "memory", "Unevictable"},
    {"lxd_memory_Writeback_bytes", "The amount of memory queued for syncing to disk.", "memory",
     "Writeback"},
    {"lxd_network_receive_bytes_total", "The amount of received bytes on a given interface.",
     "network", "bytes_received"},
    {"lxd_network_receive_drop_total", "The amount of received dropped bytes on a given interface.",
     "network", "packets_dropped_inbound"},
    {"lxd_network_receive_errs_total", "The amount of received errors on a given interface.",
     "network", "errors_received"},
    {"lxd_network_receive_packets_total", "The amount of received packets on a given interface.",
     "network", "packets_received"},
    {"lxd_network_transmit_bytes_total", "The amount of transmitted bytes on a given interface.",
     "network", "bytes_sent"},
    {"lxd_network_transmit_drop_total",
     "The amount of transmitted dropped bytes on a given interface.", "network",
     "packets_dropped_outbound"},
    {"lxd_network_transmit_errs_total", "The amount of transmitted errors on a given interface.",
     "network", "errors_sent"},
    {"lxd_network_transmit_packets_total",
     "The amount of transmitted packets on a given interface.", "network", "packets_sent"},
    {"lxd_procs_total", "The number of running processes.", "procs", NULL},
    /* EN-48: of berth itself. */
    {"berth_drifted_objects", "The number of objects that are not as they are stored.", "berth",
     NULL},
    {"berth_drifts_total", "How often an object was found to have drifted.", "berth", NULL},
    {"berth_heals_total", "How often an object that had drifted was put right.", "berth", NULL},
    {"berth_heal_failures_total", "How often putting an object right failed.", "berth", NULL},
    {"berth_looks_total", "How often an object was looked at to see whether it has drifted.",
     "berth", NULL},
    {"berth_transactions_total", "The number of transactions that were carried out.", "berth",
     NULL},
    {"berth_transaction_seconds_total", "The time that these took.", "berth", NULL},
    {"berth_rollbacks_total", "The number of transactions that failed and were undone.", "berth",
     NULL},
    {"berth_last_success_timestamp_seconds", "When the last transaction succeeded.", "berth", NULL},
    /* EN-48 */
    {"berth_source_ready", "Whether what a source wants is in force.", "source", NULL},
    {"berth_source_failures", "Rounds of a source that failed since the last success.", "source",
     NULL},
    {"berth_source_last_success_seconds", "When a source was last found in force, since the epoch.",
     "source", NULL},
    {"berth_source_revision_age_seconds", "How old the revision of a source in force is.", "source",
     NULL},
};

/* What only grows is a counter; LXD calls one of its gauges a total. */
static gboolean is_gauge(const Series *series)
{
    return g_str_equal(series->group, "procs") || !g_str_has_suffix(series->name, "_total");
}

struct Metrics {
    GString *samples[G_N_ELEMENTS(SERIES)];
};

Metrics *metrics_new(void)
{
    Metrics *metrics = g_new0(Metrics, 1);

    for (guint i = 0; i < G_N_ELEMENTS(SERIES); i++)
        metrics->samples[i] = g_string_new(NULL);
    return metrics;
}

void metrics_free(Metrics *metrics)
{
    if (metrics == NULL)
        return;
    for (guint i = 0; i < G_N_ELEMENTS(SERIES); i++)
        g_string_free(metrics->samples[i], TRUE);
    g_free(metrics);
}

/* MET-25. */
static void append_escaped(GString *text, const char *value)
{
    for (; *value != '\0'; value++) {
        if (*value == '\n')
            g_string_append(text, "\\n");
        else if (*value == '\\' || *value == '"')
            g_string_append_printf(text, "\\%c", *value);
        else
            g_string_append_c(text, *value);
    }
}

/* The fewest digits that read back as the same number; with an exponent where LXD has one, below
 * 1e-4 and from 1e+06 on (MET-21). */
static void append_number(GString *text, double value)
{
    char digits[G_ASCII_DTOSTR_BUF_SIZE];
    int decimals = 0;
    int exponent;

    for (; decimals < 17; decimals++) {
        g_autofree char *format = g_strdup_printf("%%.%de", decimals);

        g_ascii_formatd(digits, sizeof(digits), format, value);
        if (g_ascii_strtod(digits, NULL) == value)
            break;
    }
    exponent = atoi(strchr(digits, 'e') + 1);
    if (exponent >= -4 && exponent < 6) {
        g_autofree char *format = g_strdup_printf("%%.%df", MAX(decimals - exponent, 0));

        g_ascii_formatd(digits, sizeof(digits), format, value);
    }
    g_string_append(text, digits);
}

static void add_sample(Metrics *metrics, guint series, const json_t *labels, double value)
{
    g_autoptr(GPtrArray) names = json_sorted_keys(labels);
    GString *text = metrics->samples[series];

    if (!isfinite(value))
        return;
    g_string_append_printf(text, "%s{", SERIES[series].name);
    for (guint i = 0; i < names->len; i++) {
        g_string_append_printf(text, "%s%s=\"", i > 0 ? "," : "", (char *)names->pdata[i]);
        append_escaped(text, json_string_value(json_object_get(labels, names->pdata[i])));
        g_string_append_c(text, '"');
    }
    g_string_append(text, "} ");
    append_number(text, value);
    g_string_append_c(text, '\n');
}

void metrics_add(Metrics *metrics, const char *series, const json_t *labels, double value)
{
    for (guint i = 0; i < G_N_ELEMENTS(SERIES); i++) {
        if (g_str_equal(SERIES[i].name, series)) {
            add_sample(metrics, i, labels, value);
            return;
        }
    }
    g_error("there is no metric %s", series);
}

/* `base` with the labels of an entry that are its own members. New reference. */
static json_t *with_labels(const json_t *base, const json_t *entry)
{
    static const char *const LABELS[] = {"device", "fstype", "mountpoint", "cpu"};
    json_t *labels = json_copy((json_t *)base);

    for (guint i = 0; i < G_N_ELEMENTS(LABELS); i++) {
        json_t *value = json_object_get(entry, LABELS[i]);

        if (json_is_string(value))
            json_object_set(labels, LABELS[i], value);
    }
    return labels;
}

/* Every member that is a number is a mode. */
static void add_cpu(Metrics *metrics, guint series, const json_t *base, const json_t *cpus)
{
    json_t *cpu;
    gsize i;

    json_array_foreach (cpus, i, cpu) {
        g_autoptr(json_t) labels = with_labels(base, cpu);
        g_autoptr(GPtrArray) modes = json_sorted_keys(cpu);

        for (guint n = 0; n < modes->len; n++) {
            const json_t *value = json_object_get(cpu, modes->pdata[n]);

            if (!json_is_number(value))
                continue;
            json_object_set_new(labels, "mode", json_string(modes->pdata[n]));
            add_sample(metrics, series, labels, json_number_value(value));
        }
    }
}

static void add_entries(Metrics *metrics, guint series, const json_t *base, const json_t *entries)
{
    json_t *entry;
    gsize i;

    json_array_foreach (entries, i, entry) {
        g_autoptr(json_t) labels = with_labels(base, entry);
        const json_t *value = json_object_get(entry, SERIES[series].key);

        if (json_is_number(value))
            add_sample(metrics, series, labels, json_number_value(value));
    }
}

static void add_interfaces(Metrics *metrics, guint series, const json_t *base,
                           const json_t *interfaces)
{
    g_autoptr(GPtrArray) names = json_sorted_keys(interfaces);

    for (guint i = 0; i < names->len; i++) {
        g_autoptr(json_t) labels = json_copy((json_t *)base);
        const json_t *counters = json_object_get(interfaces, names->pdata[i]);
        const json_t *value = json_object_get(counters, SERIES[series].key);

        json_object_set_new(labels, "device", json_string(names->pdata[i]));
        if (json_is_number(value))
            add_sample(metrics, series, labels, json_number_value(value));
    }
}

void metrics_add_instance(Metrics *metrics, const char *project, const char *name, const char *type,
                          const json_t *usage)
{
    g_autoptr(json_t) base =
        json_pack("{s:s, s:s, s:s}", "project", project, "name", name, "type", type);

    for (guint i = 0; i < G_N_ELEMENTS(SERIES); i++) {
        const json_t *group = json_object_get(usage, SERIES[i].group);
        const json_t *value = json_is_object(group) && SERIES[i].key != NULL
                                  ? json_object_get(group, SERIES[i].key)
                                  : group;

        if (g_str_equal(SERIES[i].group, "cpu"))
            add_cpu(metrics, i, base, group);
        else if (json_is_array(group))
            add_entries(metrics, i, base, group);
        else if (g_str_equal(SERIES[i].group, "network"))
            add_interfaces(metrics, i, base, group);
        else if (json_is_number(value))
            add_sample(metrics, i, base, json_number_value(value));
    }
}

char *metrics_text(const Metrics *metrics)
{
    GString *text = g_string_new(NULL);

    for (guint i = 0; i < G_N_ELEMENTS(SERIES); i++) {
        if (metrics->samples[i]->len == 0)
            continue;
        g_string_append_printf(text, "# HELP %s %s\n# TYPE %s %s\n", SERIES[i].name, SERIES[i].help,
                               SERIES[i].name, is_gauge(&SERIES[i]) ? "gauge" : "counter");
        g_string_append_len(text, metrics->samples[i]->str, (gssize)metrics->samples[i]->len);
    }
    g_string_append(text, "# EOF\n");
    return g_string_free(text, FALSE);
}
