/* The page of metrics: names, order, types, labels, numbers. */
#include <criterion/criterion.h>

#include <string.h>

#include "metrics_text.h"

static json_t *usage(const char *text)
{
    g_autofree char *quoted = g_strdelimit(g_strdup(text), "'", '"');
    json_t *value = json_loads(quoted, 0, NULL);

    cr_assert(value != NULL, "no JSON: %s", quoted);
    return value;
}

static char *page_of(const char *text)
{
    g_autoptr(Metrics) metrics = metrics_new();
    g_autoptr(json_t) value = usage(text);

    metrics_add_instance(metrics, "default", "c1", "container", value);
    return metrics_text(metrics);
}

Test(metrics, nothing) /* MET-02, MET-24 */
{
    g_autofree char *page = page_of("{}");

    cr_expect_str_eq(page, "# EOF\n");
}

Test(metrics, order_and_types) /* MET-20 to MET-23 */
{
    g_autofree char *page =
        page_of("{'procs': 36, 'cpu': [{'cpu': '0', 'user': 14.2, 'system': 3}], 'memory': "
                "{'MemTotal': 4096, 'Unknown': 1}, 'network': {'eth0': {'bytes_sent': 7}}}");

    cr_expect_str_eq(
        page,
        "# HELP lxd_cpu_seconds_total The total number of CPU time used in seconds.\n"
        "# TYPE lxd_cpu_seconds_total counter\n"
        "lxd_cpu_seconds_total{cpu=\"0\",mode=\"system\",name=\"c1\",project=\"default\",type="
        "\"container\"} 3\n"
        "lxd_cpu_seconds_total{cpu=\"0\",mode=\"user\",name=\"c1\",project=\"default\",type="
        "\"container\"} 14.2\n"
        "# HELP lxd_memory_MemTotal_bytes The amount of total memory.\n"
        "# TYPE lxd_memory_MemTotal_bytes gauge\n"
        "lxd_memory_MemTotal_bytes{name=\"c1\",project=\"default\",type=\"container\"} 4096\n"
        "# HELP lxd_network_transmit_bytes_total The amount of transmitted bytes on a given "
        "interface.\n"
        "# TYPE lxd_network_transmit_bytes_total counter\n"
        "lxd_network_transmit_bytes_total{device=\"eth0\",name=\"c1\",project=\"default\",type="
        "\"container\"} 7\n"
        "# HELP lxd_procs_total The number of running processes.\n"
        "# TYPE lxd_procs_total gauge\n"
        "lxd_procs_total{name=\"c1\",project=\"default\",type=\"container\"} 36\n"
        "# EOF\n");
}

/* Two instances: one header. */
Test(metrics, samples_are_together)
{
    g_autoptr(Metrics) metrics = metrics_new();
    g_autoptr(json_t) value = usage("{'procs': 1}");
    g_autofree char *page = NULL;

    metrics_add_instance(metrics, "default", "c1", "container", value);
    metrics_add_instance(metrics, "p", "v1", "virtual-machine", value);
    page = metrics_text(metrics);
    cr_expect_str_eq(page, "# HELP lxd_procs_total The number of running processes.\n"
                           "# TYPE lxd_procs_total gauge\n"
                           "lxd_procs_total{name=\"c1\",project=\"default\",type=\"container\"} 1\n"
                           "lxd_procs_total{name=\"v1\",project=\"p\",type=\"virtual-machine\"} 1\n"
                           "# EOF\n");
}

Test(metrics, escapes) /* MET-25 */
{
    g_autofree char *page = page_of("{'filesystem': [{'device': 'a\\\\b', 'fstype': 'x\\u0022y', "
                                    "'mountpoint': 'n\\nl', 'free': 1}]}");

    cr_expect(strstr(page, "lxd_filesystem_free_bytes{device=\"a\\\\b\",fstype=\"x\\\"y\","
                           "mountpoint=\"n\\nl\",name=\"c1\"") != NULL,
              "%s", page);
    cr_expect(strstr(page, "avail") == NULL);
}

Test(metrics, disks)
{
    g_autofree char *page = page_of("{'disk': [{'device': 'vda', 'read_bytes': 512, 'reads': 1, "
                                    "'written_bytes': 0, 'writes': 0}]}");

    cr_expect(strstr(page, "lxd_disk_reads_completed_total{device=\"vda\",name=\"c1\"") != NULL);
    cr_expect(strstr(page, "# TYPE lxd_disk_written_bytes_total counter\n") != NULL);
}

Test(metrics, numbers) /* MET-21: as LXD prints them */
{
    static const struct {
        double value;
        const char *text;
    } CASES[] = {{0, "0"},
                 {1000, "1000"},
                 {778240, "778240"},
                 {1212416, "1.212416e+06"},
                 {24684092000, "2.4684092e+10"},
                 {0.015489697, "0.015489697"},
                 {14.2, "14.2"},
                 {0.00001, "1e-05"},
                 {1e6, "1e+06"},
                 {9007199254740993.0, "9.007199254740992e+15"},
                 {-2.5, "-2.5"}};

    for (guint i = 0; i < G_N_ELEMENTS(CASES); i++) {
        g_autoptr(Metrics) metrics = metrics_new();
        g_autoptr(json_t) none = json_object();
        g_autofree char *page = NULL;
        g_autofree char *wanted = g_strdup_printf("lxd_procs_total{} %s\n", CASES[i].text);

        metrics_add(metrics, "lxd_procs_total", none, CASES[i].value);
        page = metrics_text(metrics);
        cr_expect(strstr(page, wanted) != NULL, "%s is not in %s", wanted, page);
    }
}
