#include "warning.h"

#include <string.h>

#include "instance/apparmor.h"
#include "instance/cgroup.h"
#include "warnings.h"

static const struct {
    const char *type, *severity;
    const char *controller; /* of control groups that is missing; NULL: another cause */
    const char *message;    /* for what is missing of the host */
} TYPES[WARNING_MAX] = {
    [WARNING_NO_BLKIO] = {"Couldn't find the CGroup blkio", "low", "blkio",
                          "limits on disks are not possible"},
    [WARNING_NO_CPU] = {"Couldn't find the CGroup CPU controller", "low", "cpu",
                        "CPU time limits are ignored"},
    [WARNING_NO_CPUACCT] = {"Couldn't find the CGroup CPUacct controller", "low", "cpuacct",
                            "CPU usage is not known"},
    [WARNING_NO_CPUSET] = {"Couldn't find the CGroup CPUset controller", "low", "cpuset",
                           "CPU pinning is ignored"},
    [WARNING_NO_DEVICES] = {"Couldn't find the CGroup devices controller", "low", "devices",
                            "access to devices is not limited"},
    [WARNING_NO_FREEZER] = {"Couldn't find the CGroup freezer controller", "low", "freezer",
                            "instances cannot be paused"},
    [WARNING_NO_HUGETLB] = {"Couldn't find the CGroup hugetlb controller", "low", "hugetlb",
                            "limits on huge pages are ignored"},
    [WARNING_NO_MEMORY] = {"Couldn't find the CGroup memory controller", "low", "memory",
                           "memory limits are ignored"},
    [WARNING_NO_SWAP] = {"Couldn't find the CGroup memory swap accounting", "low", "memory.swap",
                         "swap limits are ignored"},
    [WARNING_NO_NET_PRIO] = {"Couldn't find the CGroup network priority controller", "low",
                             "net_prio", "network priority is ignored"},
    [WARNING_NO_PIDS] = {"Couldn't find the CGroup pids controller", "low", "pids",
                         "process limits are ignored"},
    [WARNING_NO_APPARMOR] = {"AppArmor support has been disabled", "low", NULL,
                             "the kernel does not have AppArmor in force"},
    [WARNING_AUTOSTART] = {"Failed to autostart instance", "low", NULL, NULL},
    [WARNING_NETWORK] = {"Network unavailable", "high", NULL, NULL},
    [WARNING_POOL] = {"Storage pool unavailable", "high", NULL, NULL},
    [WARNING_IPV6_PREFIX] = {"Larger IPv6 prefix than supported", "low", NULL, NULL},
};

void warning_raise(Daemon *daemon, WarningType type, const char *key, const char *message)
{
    g_autoptr(GError) error = NULL;

    if (!warnings_raise(engine_store(daemon->engine), TYPES[type].type, key, message, &error))
        g_warning("the warning \"%s\" of %s cannot be recorded: %s", TYPES[type].type, key,
                  error->message);
}

void warning_resolve(Daemon *daemon, WarningType type, const char *key)
{
    g_autoptr(GError) error = NULL;

    if (!warnings_resolve(engine_store(daemon->engine), TYPES[type].type, key, &error))
        g_warning("the warning \"%s\" of %s cannot be resolved: %s", TYPES[type].type, key,
                  error->message);
}

void warning_set(Daemon *daemon, WarningType type, const char *key, gboolean wrong,
                 const char *message)
{
    if (wrong)
        warning_raise(daemon, type, key, message);
    else
        warning_resolve(daemon, type, key);
}

gboolean warning_is_open(Daemon *daemon, WarningType type, const char *key)
{
    return warnings_is_open(engine_store(daemon->engine), TYPES[type].type, key);
}

const char *warning_severity(const char *type)
{
    for (guint i = 0; i < WARNING_MAX; i++) {
        if (strcmp(TYPES[i].type, type) == 0)
            return TYPES[i].severity;
    }
    return "";
}

/* ---- plans ---- */

/* NET-BR-27: stateless addresses need 64 bits of their own. */
static void look_at_network(Daemon *daemon, const Object *network)
{
    const char *address = object_config(network, "ipv6.address");
    const char *slash = address != NULL ? strchr(address, '/') : NULL;

    warning_set(daemon, WARNING_IPV6_PREFIX, network->key,
                slash != NULL && g_ascii_strtoull(slash + 1, NULL, 10) > 64,
                "ipv6.address leaves less than 64 bits for instances");
}

static gboolean is_started(const PlanObject *object)
{
    return json_object_get(object->observed, "running") == NULL &&
           json_object_get(object->expected, "running") != NULL;
}

void warning_follow_plan(Daemon *daemon, const Plan *plan)
{
    gboolean gone = FALSE;

    for (guint i = 0; i < plan->objects->len; i++) {
        const PlanObject *object = plan->objects->pdata[i];

        gone = gone || object->wanted == NULL ||
               (object->stored != NULL && strcmp(object->stored->key, object->wanted->key) != 0);
        if (object->wanted == NULL)
            continue;
        if (object->wanted->id.kind == KIND_NETWORK)
            look_at_network(daemon, object->wanted);
        if (object->wanted->id.kind == KIND_INSTANCE && is_started(object))
            warning_resolve(daemon, WARNING_AUTOSTART, object->wanted->key);
    }
    if (gone) {
        g_autoptr(Snapshot) model = engine_ref_stored(daemon->engine);
        g_autoptr(GError) error = NULL;

        if (!warnings_prune(engine_store(daemon->engine), model, &error))
            g_warning("warnings of what is gone cannot be deleted: %s", error->message);
    }
}

/* ---- the host ---- */

void warning_look_at_host(Daemon *daemon)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(json_t) layout = cgroup_layout(&error);

    if (layout == NULL)
        g_warning("control groups cannot be looked at: %s", error->message);
    /* Version 2 has other names for two of them. */
    if (json_object_get(layout, "io") != NULL)
        json_object_set(layout, "blkio", json_object_get(layout, "io"));
    if (g_strcmp0(json_member_string(layout, "cpu"), "v2") == 0)
        json_object_set(layout, "cpuacct", json_object_get(layout, "cpu"));
    for (guint i = 0; layout != NULL && i < WARNING_MAX; i++) {
        if (TYPES[i].controller != NULL)
            warning_set(daemon, i, "", json_object_get(layout, TYPES[i].controller) == NULL,
                        TYPES[i].message);
    }
    warning_set(daemon, WARNING_NO_APPARMOR, "", apparmor_profile(TRUE) == NULL,
                TYPES[WARNING_NO_APPARMOR].message);
}
