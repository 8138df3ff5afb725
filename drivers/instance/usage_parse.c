#include "usage_parse.h"

#include <stdio.h>
#include <string.h>

gboolean usage_parse_keyed(const char *text, const char *key, guint64 *ret)
{
    gsize length = strlen(key);

    for (const char *at = text; at != NULL && *at != '\0'; at = strchr(at, '\n')) {
        at += *at == '\n';
        if (strncmp(at, key, length) == 0 && at[length] == ' ') {
            *ret = g_ascii_strtoull(at + length + 1, NULL, 10);
            return TRUE;
        }
    }
    return FALSE;
}

static void add_cpu(json_t *cpus, const char *name, double user, double kernel)
{
    json_array_append_new(
        cpus, json_pack("{s:s, s:f, s:f}", "cpu", name, "user", user, "system", kernel));
}

/* v1 counts for each processor in nanoseconds, "CPU USER SYSTEM" a line; v2 for all in
 * microseconds. */
json_t *usage_parse_cpu(const char *each, const char *all)
{
    g_auto(GStrv) lines = g_strsplit(each != NULL ? each : "", "\n", -1);
    json_t *cpus = json_array();
    guint64 user = 0;
    guint64 kernel = 0;
    guint cpu;

    for (char **line = lines; *line != NULL; line++) {
        if (sscanf(*line, "%u %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT, &cpu, &user, &kernel) ==
            3) {
            g_autofree char *name = g_strdup_printf("%u", cpu);

            add_cpu(cpus, name, (double)user / 1e9, (double)kernel / 1e9);
        }
    }
    if (each == NULL && usage_parse_keyed(all, "user_usec", &user) &&
        usage_parse_keyed(all, "system_usec", &kernel))
        add_cpu(cpus, "0", (double)user / 1e6, (double)kernel / 1e6);
    return cpus;
}

/* The entry of a device "MAJOR:MINOR", under its name in /dev. */
static json_t *disk_of(json_t *disks, const char *number)
{
    g_autofree char *path = g_strdup_printf("/sys/dev/block/%s", number);
    g_autofree char *target = strchr(number, '/') == NULL ? g_file_read_link(path, NULL) : NULL;
    g_autofree char *name = target != NULL ? g_path_get_basename(target) : g_strdup(number);
    json_t *disk;
    gsize i;

    json_array_foreach (disks, i, disk) {
        if (g_str_equal(json_member_string(disk, "device"), name))
            return disk;
    }
    json_array_append_new(disks,
                          json_pack("{s:s, s:i, s:i, s:i, s:i}", "device", name, "read_bytes", 0,
                                    "reads", 0, "written_bytes", 0, "writes", 0));
    return json_array_get(disks, json_array_size(disks) - 1);
}

/* v1: lines "254:0 Read 4096". */
static void add_v1(json_t *disks, const char *text, const char *reads, const char *writes)
{
    g_auto(GStrv) lines = g_strsplit(text != NULL ? text : "", "\n", -1);

    for (char **line = lines; *line != NULL; line++) {
        g_auto(GStrv) parts = g_strsplit(*line, " ", 3);
        const char *key;

        if (g_strv_length(parts) != 3)
            continue;
        key = g_str_equal(parts[1], "Read")    ? reads
              : g_str_equal(parts[1], "Write") ? writes
                                               : NULL;
        if (key != NULL)
            json_object_set_new(disk_of(disks, parts[0]), key,
                                json_integer((json_int_t)g_ascii_strtoull(parts[2], NULL, 10)));
    }
}

/* v2: lines "254:0 rbytes=4096 wbytes=0 rios=1 wios=0 ...". */
static void add_v2(json_t *disks, const char *text)
{
    static const struct {
        const char *prefix, *key;
    } KEYS[] = {{"rbytes=", "read_bytes"},
                {"wbytes=", "written_bytes"},
                {"rios=", "reads"},
                {"wios=", "writes"}};
    g_auto(GStrv) lines = g_strsplit(text != NULL ? text : "", "\n", -1);

    for (char **line = lines; *line != NULL; line++) {
        g_auto(GStrv) parts = g_strsplit(*line, " ", -1);

        for (char **part = parts; parts[0] != NULL && *part != NULL; part++) {
            for (guint i = 0; i < G_N_ELEMENTS(KEYS); i++) {
                if (g_str_has_prefix(*part, KEYS[i].prefix))
                    json_object_set_new(disk_of(disks, parts[0]), KEYS[i].key,
                                        json_integer((json_int_t)g_ascii_strtoull(
                                            *part + strlen(KEYS[i].prefix), NULL, 10)));
            }
        }
    }
}

json_t *usage_parse_disks(const char *bytes, const char *counts, const char *both)
{
    json_t *disks = json_array();

    add_v1(disks, bytes, "read_bytes", "written_bytes");
    add_v1(disks, counts, "reads", "writes");
    add_v2(disks, both);
    return disks;
}

/* Sums of keys of memory.stat; v1 says "total_KEY" of a group with all below it. */
static guint64 sum(const char *text, const char *keys)
{
    g_auto(GStrv) all = g_strsplit(keys, " ", -1);
    guint64 result = 0;

    for (char **key = all; *key != NULL; key++) {
        g_autofree char *total = g_strconcat("total_", *key, NULL);
        guint64 value = 0;

        if (!usage_parse_keyed(text, total, &value))
            usage_parse_keyed(text, *key, &value);
        result += value;
    }
    return result;
}

json_t *usage_parse_memory(const char *stat, gboolean v2)
{
    static const struct {
        const char *name, *v1, *v2;
    } KEYS[] = {
        {"Active_anon", "active_anon", "active_anon"},
        {"Active_file", "active_file", "active_file"},
        {"Active", "active_anon active_file", "active_anon active_file"},
        {"Cached", "cache", "file"},
        {"Dirty", "dirty", "file_dirty"},
        {"Inactive_anon", "inactive_anon", "inactive_anon"},
        {"Inactive_file", "inactive_file", "inactive_file"},
        {"Inactive", "inactive_anon inactive_file", "inactive_anon inactive_file"},
        {"Mapped", "mapped_file", "file_mapped"},
        {"RSS", "rss", "anon swapcached"},
        {"Shmem", "shmem", "shmem"},
        {"Unevictable", "unevictable", "unevictable"},
        {"Writeback", "writeback", "file_writeback"},
    };
    json_t *values = json_object();

    for (guint i = 0; i < G_N_ELEMENTS(KEYS); i++)
        json_object_set_new(values, KEYS[i].name,
                            json_integer((json_int_t)sum(stat, v2 ? KEYS[i].v2 : KEYS[i].v1)));
    return values;
}
