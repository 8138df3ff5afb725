/* Processors: API-602 to API-606. */
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "resources.h"

#define CPU_DIR "sys/devices/system/cpu"

/* Whether a list such as "0-3,8" holds a number. */
static gboolean list_holds(const char *list, guint number)
{
    g_auto(GStrv) parts = g_strsplit(list != NULL ? list : "", ",", -1);

    for (char **part = parts; *part != NULL; part++) {
        guint first;
        guint last;
        int count = sscanf(*part, "%u-%u", &first, &last);

        if ((count == 1 && number == first) || (count == 2 && number >= first && number <= last))
            return TRUE;
    }
    return FALSE;
}

/* Value of the first `key` in the paragraph of a processor in /proc/cpuinfo. Newly allocated. */
static char *cpuinfo_value(const char *cpuinfo, guint cpu, const char *key)
{
    g_auto(GStrv) lines = g_strsplit(cpuinfo != NULL ? cpuinfo : "", "\n", -1);
    gboolean inside = FALSE;

    for (char **line = lines; *line != NULL; line++) {
        char *colon = strchr(*line, ':');

        if (colon == NULL)
            continue;
        *colon = '\0';
        g_strchomp(*line);
        if (g_str_equal(*line, "processor"))
            inside = g_ascii_strtoull(colon + 1, NULL, 10) == cpu;
        else if (inside && g_str_equal(*line, key))
            return g_strdup(g_strstrip(colon + 1));
    }
    return NULL;
}

/* "32K" in bytes. */
static gint64 cache_size(char *text)
{
    char *end = NULL;
    gint64 size = text != NULL ? (gint64)g_ascii_strtoull(text, &end, 10) : 0;

    if (end != NULL && *end == 'K')
        size *= 1024;
    else if (end != NULL && *end == 'M')
        size *= 1024 * 1024;
    g_free(text);
    return size;
}

static json_t *read_caches(const HostRoot *root, guint cpu)
{
    g_autoptr(GPtrArray) names = root_list(root, CPU_DIR "/cpu%u/cache", cpu);
    json_t *caches = json_array();

    for (guint i = 0; i < names->len; i++) {
        g_autofree char *path =
            g_strdup_printf(CPU_DIR "/cpu%u/cache/%s", cpu, (char *)names->pdata[i]);
        json_t *cache;

        if (!g_str_has_prefix(names->pdata[i], "index"))
            continue;
        cache = json_object();
        set_number(cache, "level", root_number(root, 0, "%s/level", path));
        set_text_or_empty(cache, "type", root_text(root, "%s/type", path));
        set_number(cache, "size", cache_size(root_text(root, "%s/size", path)));
        json_array_append_new(caches, cache);
    }
    return caches;
}

static gint64 megahertz(const HostRoot *root, guint cpu, const char *file)
{
    return root_number(root, 0, CPU_DIR "/cpu%u/cpufreq/%s", cpu, file) / 1000;
}

static void set_nonzero(json_t *object, const char *key, gint64 number)
{
    if (number > 0)
        set_number(object, key, number);
}

static gint64 numa_node_of(const HostRoot *root, guint cpu)
{
    g_autoptr(GPtrArray) names = root_list(root, CPU_DIR "/cpu%u", cpu);
    guint node;

    for (guint i = 0; i < names->len; i++) {
        if (sscanf(names->pdata[i], "node%u", &node) == 1)
            return node;
    }
    return 0;
}

/* The element of an array whose `key` is `number`; made at its place in the order when it is
 * missing. */
static json_t *element(json_t *array, const char *key, gint64 number, gint64 die)
{
    gsize at = 0;

    for (; at < json_array_size(array); at++) {
        json_t *entry = json_array_get(array, at);
        gint64 other = json_integer_value(json_object_get(entry, key));
        gint64 other_die = json_integer_value(json_object_get(entry, "die"));

        if (other == number && other_die == die)
            return entry;
        if (other_die > die || (other_die == die && other > number))
            break;
    }
    json_array_insert_new(array, at, json_pack("{s:I}", key, (json_int_t)number));
    return json_array_get(array, at);
}

static json_t *socket_of(const HostRoot *root, json_t *sockets, gint64 id, guint cpu,
                         const char *cpuinfo)
{
    json_t *socket = element(sockets, "socket", id, 0);
    json_t *caches;

    if (json_object_get(socket, "cores") != NULL)
        return socket;
    caches = read_caches(root, cpu);
    json_object_set_new(socket, "cores", json_array());
    set_text(socket, "name", cpuinfo_value(cpuinfo, cpu, "model name"));
    set_text(socket, "vendor", cpuinfo_value(cpuinfo, cpu, "vendor_id"));
    set_nonzero(socket, "frequency_minimum", megahertz(root, cpu, "cpuinfo_min_freq"));
    set_nonzero(socket, "frequency_turbo", megahertz(root, cpu, "cpuinfo_max_freq"));
    if (json_array_size(caches) > 0)
        json_object_set(socket, "cache", caches);
    json_decref(caches);
    return socket;
}

static void add_thread(const HostRoot *root, json_t *sockets, guint cpu, const char *cpuinfo,
                       const char *isolated)
{
    gint64 package = root_number(root, 0, CPU_DIR "/cpu%u/topology/physical_package_id", cpu);
    gint64 die = MAX(root_number(root, 0, CPU_DIR "/cpu%u/topology/die_id", cpu), 0);
    gint64 id = root_number(root, cpu, CPU_DIR "/cpu%u/topology/core_id", cpu);
    json_t *socket = socket_of(root, sockets, MAX(package, 0), cpu, cpuinfo);
    json_t *core = element(json_object_get(socket, "cores"), "core", id, die);
    json_t *threads = json_object_get(core, "threads");
    json_t *thread = json_object();

    if (threads == NULL) {
        threads = json_array();
        set_number(core, "die", die);
        set_nonzero(core, "frequency", megahertz(root, cpu, "scaling_cur_freq"));
        json_object_set_new(core, "threads", threads);
    }
    set_number(thread, "id", cpu);
    set_number(thread, "thread", (gint64)json_array_size(threads));
    set_number(thread, "numa_node", numa_node_of(root, cpu));
    json_object_set_new(thread, "online",
                        json_boolean(root_number(root, 1, CPU_DIR "/cpu%u/online", cpu) != 0));
    json_object_set_new(thread, "isolated", json_boolean(list_holds(isolated, cpu)));
    json_array_append_new(threads, thread);
}

/* A socket runs at the mean of its cores. */
static void set_mean_frequency(json_t *socket)
{
    gint64 sum = 0;
    gint64 count = 0;
    json_t *core;
    gsize i;

    json_array_foreach (json_object_get(socket, "cores"), i, core) {
        gint64 frequency = json_integer_value(json_object_get(core, "frequency"));

        sum += frequency;
        count += frequency > 0;
    }
    if (count > 0)
        set_number(socket, "frequency", sum / count);
}

json_t *resources_cpu(const Inventory *inventory)
{
    const HostRoot *root = inventory->root;
    g_autoptr(GPtrArray) names = root_list(root, CPU_DIR);
    g_autofree char *cpuinfo = root_text(root, "proc/cpuinfo");
    g_autofree char *isolated = root_text(root, CPU_DIR "/isolated");
    char *architecture = root_text(root, "proc/sys/kernel/arch");
    json_t *sockets = json_array();
    json_int_t total = 0;
    json_t *socket;
    json_t *result;
    struct utsname host;
    gsize i;

    for (guint n = 0; n < names->len; n++) {
        guint cpu;
        char rest;

        if (sscanf(names->pdata[n], "cpu%u%c", &cpu, &rest) != 1)
            continue;
        add_thread(root, sockets, cpu, cpuinfo, isolated);
        total++;
    }
    json_array_foreach (sockets, i, socket)
        set_mean_frequency(socket);
    /* The file is there since Linux 6.1. */
    if (architecture == NULL && uname(&host) == 0)
        architecture = g_strdup(host.machine);
    result = json_pack("{s:o, s:I}", "sockets", sockets, "total", total);
    set_text_or_empty(result, "architecture", architecture);
    return result;
}
