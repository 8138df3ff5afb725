#include <string.h>
#include <sys/utsname.h>

#include "apparmor.h"
#include "cgroup.h"
#include "cpus.h"
#include "ensure.h"
#include "error.h"
#include "file.h"
#include "idmap.h"
#include "observe.h"
#include "record.h"

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

static json_int_t memory_bytes(void)
{
    g_autofree char *text = NULL;
    const char *line;

    if (!g_file_get_contents("/proc/meminfo", &text, NULL, NULL))
        return 0;
    line = strstr(text, "MemTotal:");
    return line != NULL ? g_ascii_strtoll(line + strlen("MemTotal:"), NULL, 10) * 1024 : 0;
}

/* Its own architecture first, then what its kernel runs as well (I-009). */
static json_t *architectures(void)
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

gboolean instance_host_facts(Host *host, json_t *facts, GError **error)
{
    g_autoptr(json_t) layout = cgroup_layout(error);
    g_autoptr(GArray) usable = usable_cpus();
    g_autoptr(GError) failure = NULL;
    json_t *cpus, *ids;

    if (layout == NULL)
        return FALSE;
    cpus = json_array();
    for (guint i = 0; i < usable->len; i++)
        json_array_append_new(cpus, json_integer(g_array_index(usable, guint, i)));
    /* Without ids only unprivileged containers are refused, not the whole plan. */
    ids = idmap_host_ids("/etc/subuid", "/etc/subgid", &failure);
    if (ids == NULL)
        ids = json_pack("{ss}", "error", failure->message);
    json_object_set_new(facts, "boot_id", json_string(boot_id()));
    json_object_set_new(facts, "cpus", cpus);
    json_object_set_new(facts, "memory", json_integer(memory_bytes()));
    json_object_set_new(facts, "architectures", architectures());
    json_object_set_new(facts, "ids", ids);
    json_object_set(facts, "cgroup", layout);
    json_object_set_new(facts, "apparmor", json_boolean(apparmor_is_in_force()));
    return TRUE;
}
