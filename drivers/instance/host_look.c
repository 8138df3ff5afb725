#include "host_look.h"

#include <string.h>
#include <sys/utsname.h>

#include "apparmor.h"
#include "cgroup.h"
#include "cpus.h"
#include "idmap.h"

static GArray *read_cpus(const char *path)
{
    g_autofree char *text = NULL;

    if (!g_file_get_contents(path, &text, NULL, NULL) || *g_strstrip(text) == '\0')
        return NULL;
    return cpus_parse(text, NULL);
}

/* CPUs that are online and not isolated (I-304, I-307), sorted. */
static GArray *usable_cpus(void)
{
    g_autoptr(GArray) online = read_cpus("/sys/devices/system/cpu/online");
    g_autoptr(GArray) isolated = read_cpus("/sys/devices/system/cpu/isolated");
    GArray *usable = g_array_new(FALSE, FALSE, sizeof(guint));

    for (guint i = 0; online != NULL && i < online->len; i++) {
        guint cpu = g_array_index(online, guint, i);
        gboolean skip = FALSE;

        for (guint j = 0; isolated != NULL && j < isolated->len; j++)
            skip = skip || g_array_index(isolated, guint, j) == cpu;
        if (!skip)
            g_array_append_val(usable, cpu);
    }
    return usable;
}

char *host_cpus(void)
{
    g_autoptr(GArray) usable = usable_cpus();

    return cpus_format(usable);
}

static json_t *look_cpus(GError **error)
{
    g_autoptr(GArray) usable = usable_cpus();
    json_t *cpus = json_array();

    for (guint i = 0; i < usable->len; i++)
        json_array_append_new(cpus, json_integer(g_array_index(usable, guint, i)));
    return cpus;
}

static json_t *look_memory(GError **error)
{
    g_autofree char *text = NULL;
    const char *line;

    if (!g_file_get_contents("/proc/meminfo", &text, NULL, NULL))
        return json_integer(0);
    line = strstr(text, "MemTotal:");
    return json_integer(line != NULL ? g_ascii_strtoll(line + strlen("MemTotal:"), NULL, 10) * 1024
                                     : 0);
}

/* Its own architecture first, then what its kernel runs as well (I-009). */
static json_t *look_architectures(GError **error)
{
    struct utsname name;
    json_t *list = json_array();

    if (uname(&name) != 0)
        return list;
    json_array_append_new(list, json_string(name.machine));
    if (strcmp(name.machine, "x86_64") == 0)
        json_array_append_new(list, json_string("i686"));
    if (strcmp(name.machine, "aarch64") == 0)
        json_array_append_new(list, json_string("armv7l"));
    return list;
}

/* Without ids only unprivileged containers are refused, not the whole plan. */
static json_t *look_ids(GError **error)
{
    g_autoptr(GError) failure = NULL;
    json_t *ids = idmap_host_ids("/etc/subuid", "/etc/subgid", &failure);

    return ids != NULL ? ids : json_pack("{ss}", "error", failure->message);
}

static json_t *look_apparmor(GError **error)
{
    return json_boolean(apparmor_is_in_force());
}

const HostFact INSTANCE_HOST_FACTS[] = {
    {"cpus", look_cpus}, {"memory", look_memory},   {"architectures", look_architectures},
    {"ids", look_ids},   {"cgroup", cgroup_layout}, {"apparmor", look_apparmor},
    {NULL, NULL}};
