/* What a restricted project does not allow (PJ-140 to PJ-183). */
#include "limits_check.h"

#include <string.h>

#define INTERCEPT "security.syscalls.intercept."

/* One instance or profile under its project's rules. */
typedef struct {
    const Object *project;
    const Object *object;
    const json_t *config;
    const json_t *devices;
    Problems *problems;
} Check;

static const char *rule(const Check *check, const char *key)
{
    return object_config_or_default(check->project, key);
}

static gboolean allows(const Check *check, const char *key)
{
    return g_strcmp0(rule(check, key), "allow") == 0;
}

static void forbid(const Check *check, const char *path, const char *key)
{
    problem_add(check->problems, PROBLEM_ERROR, check->object, path,
                "is not allowed in project %s (%s is %s)", check->project->id.name, key,
                rule(check, key) != NULL ? rule(check, key) : "not set");
}

static void forbid_key(const Check *check, const char *config_key, const char *key)
{
    g_autofree char *path = g_strdup_printf("config/%s", config_key);

    forbid(check, path, key);
}

static void forbid_device(const Check *check, const char *device, const char *key)
{
    g_autofree char *path = g_strdup_printf("devices/%s", device);

    forbid(check, path, key);
}

/* Whether low-level keys are open to the object. A profile may be used by either type, so it needs
 * both (PJ-155). */
static const char *lowlevel_refusal(const Check *check, gboolean containers, gboolean machines)
{
    static const char *const container_key = "restricted.containers.lowlevel";
    static const char *const machine_key = "restricted.virtual-machines.lowlevel";
    gboolean profile = check->object->id.kind == KIND_PROFILE;
    gboolean machine =
        g_strcmp0(json_member_string(check->object->spec, "type"), "virtual-machine") == 0;

    if ((profile || (!machine && containers)) && !allows(check, container_key))
        return container_key;
    if ((profile || (machine && machines)) && !allows(check, machine_key))
        return machine_key;
    return NULL;
}

static void check_lowlevel(const Check *check)
{
    static const struct {
        const char *key;
        gboolean containers, machines;
    } keys[] = {
        {"boot.host_shutdown_timeout", TRUE, TRUE},
        {"linux.kernel_modules", TRUE, FALSE},
        {"raw.apparmor", TRUE, FALSE},
        {"raw.lxc", TRUE, FALSE},
        {"raw.seccomp", TRUE, FALSE},
        {"security.devlxd.images", TRUE, FALSE},
        {"security.idmap.base", TRUE, FALSE},
        {"security.idmap.size", TRUE, FALSE},
        {INTERCEPT "mount.allowed", TRUE, FALSE},
        {INTERCEPT "mount.shift", TRUE, FALSE},
        {INTERCEPT "sched_setscheduler", TRUE, FALSE},
        {"limits.memory.hugepages", FALSE, TRUE},
        {"raw.qemu", FALSE, TRUE},
    };

    for (guint i = 0; i < G_N_ELEMENTS(keys); i++) {
        const char *refusal;

        if (json_object_get(check->config, keys[i].key) == NULL)
            continue;
        refusal = lowlevel_refusal(check, keys[i].containers, keys[i].machines);
        if (refusal != NULL)
            forbid_key(check, keys[i].key, refusal);
    }
}

/* PJ-155: of volatile.*, only these may be set; the rest may be repeated as it is. */
static void check_volatile(const Check *check)
{
    static const char *const free_keys[] = {"volatile.apply_template", "volatile.base_image",
                                            "volatile.last_state.power", NULL};
    const char *refusal = lowlevel_refusal(check, TRUE, TRUE);
    const char *key;
    json_t *value;

    if (refusal == NULL)
        return;
    json_object_foreach (json_object_get(check->object->spec, "config"), key, value) {
        if (!g_str_has_prefix(key, "volatile.") || g_strv_contains(free_keys, key) ||
            g_str_has_suffix(key, ".apply_quota") || g_str_has_suffix(key, ".hwaddr"))
            continue;
        if (!json_equal(json_object_get(check->object->generated, key), value))
            forbid_key(check, key, refusal);
    }
}

static void check_interception(const Check *check)
{
    static const char *const names[] = {"bpf",        "bpf.devices", "mknod",   "mount",
                                        "mount.fuse", "setxattr",    "sysinfo", NULL};

    /* PJ-158: "full" is enforced like "block". */
    if (allows(check, "restricted.containers.interception"))
        return;
    for (const char *const *name = names; *name != NULL; name++) {
        g_autofree char *key = g_strconcat(INTERCEPT, *name, NULL);
        const char *value = json_member_string(check->config, key);

        if (value != NULL && (type_is_true(value) || strcmp(*name, "mount.fuse") == 0))
            forbid_key(check, key, "restricted.containers.interception");
    }
}

/* PJ-156, PJ-157. */
static void check_privilege(const Check *check)
{
    const char *privilege = rule(check, "restricted.containers.privilege");
    const char *isolated = json_member_string(check->config, "security.idmap.isolated");
    gboolean machine =
        g_strcmp0(json_member_string(check->object->spec, "type"), "virtual-machine") == 0;

    if (!allows(check, "restricted.containers.nesting") &&
        type_is_true(json_member_string(check->config, "security.nesting")))
        forbid_key(check, "security.nesting", "restricted.containers.nesting");
    if (strcmp(privilege, "allow") == 0)
        return;
    if (type_is_true(json_member_string(check->config, "security.privileged")))
        forbid_key(check, "security.privileged", "restricted.containers.privilege");
    if (strcmp(privilege, "isolated") != 0 || machine || type_is_true(isolated))
        return;
    /* A profile without the key leaves it to another one. */
    if (isolated != NULL || check->object->id.kind == KIND_INSTANCE)
        problem_add(check->problems, PROBLEM_ERROR, check->object, "config/security.idmap.isolated",
                    "must be true in project %s (restricted.containers.privilege is isolated)",
                    check->project->id.name);
}

/* Whether the host ids FIRST-LAST all lie in one of the ranges of a list. */
static gboolean ids_are_listed(const char *list, guint64 first, guint64 last)
{
    g_auto(GStrv) items = type_items(list);

    for (char **item = items; *item != NULL; item++) {
        g_auto(GStrv) ends = g_strsplit(*item, "-", 2);
        guint64 low = g_ascii_strtoull(ends[0], NULL, 10);
        guint64 high = ends[1] != NULL ? g_ascii_strtoull(ends[1], NULL, 10) : low;

        if (first >= low && last <= high)
            return TRUE;
    }
    return FALSE;
}

/* PJ-170, PJ-171. */
static void check_idmap(const Check *check)
{
    const char *text = json_member_string(check->config, "raw.idmap");
    const char *users = object_config(check->project, "restricted.idmap.uid");
    const char *groups = object_config(check->project, "restricted.idmap.gid");
    const char *refusal = lowlevel_refusal(check, TRUE, TRUE);
    g_auto(GStrv) lines = text != NULL ? g_strsplit(text, "\n", -1) : NULL;

    if (text == NULL || refusal == NULL)
        return;
    if (users == NULL && groups == NULL) {
        forbid_key(check, "raw.idmap", refusal);
        return;
    }
    for (char **line = lines; *line != NULL; line++) {
        g_auto(GStrv) fields = g_strsplit(*line, " ", 3);
        g_auto(GStrv) ends = NULL;
        guint64 first, last;

        if (g_strv_length(fields) != 3)
            continue; /* reported by its type, unless empty */
        ends = g_strsplit(fields[1], "-", 2);
        first = g_ascii_strtoull(ends[0], NULL, 10);
        last = ends[1] != NULL ? g_ascii_strtoull(ends[1], NULL, 10) : first;
        if ((strcmp(fields[0], "gid") != 0 && !ids_are_listed(users, first, last)) ||
            (strcmp(fields[0], "uid") != 0 && !ids_are_listed(groups, first, last)))
            problem_add(check->problems, PROBLEM_ERROR, check->object, "config/raw.idmap",
                        "\"%s\" names host ids outside restricted.idmap.uid and .gid of project %s",
                        *line, check->project->id.name);
    }
}

/* The listed path that `source` is or lies below, compared by whole components without looking at
 * the host; NULL when there is none. */
static char *listed_path_of(const char *list, const char *source)
{
    g_auto(GStrv) items = type_items(list);
    g_autofree char *clean = g_canonicalize_filename(source, "/");

    for (char **item = items; *item != NULL; item++) {
        g_autofree char *prefix = g_canonicalize_filename(*item, "/");
        gsize length = strlen(prefix);

        if (strcmp(prefix, "/") == 0 || strcmp(prefix, clean) == 0 ||
            (strncmp(prefix, clean, length) == 0 && clean[length] == '/'))
            return g_steal_pointer(&prefix);
    }
    return NULL;
}

char *restrictions_disk_root(const Object *project, const char *source)
{
    const char *paths = project != NULL && type_is_true(object_config(project, "restricted"))
                            ? object_config(project, "restricted.devices.disk.paths")
                            : NULL;

    return paths != NULL ? listed_path_of(paths, source) : NULL;
}

/* PJ-159, PJ-160. */
static void check_disk(const Check *check, const char *name, const json_t *device)
{
    static const char *const key = "restricted.devices.disk";
    const char *paths = object_config(check->project, "restricted.devices.disk.paths");
    const char *source = json_member_string(device, "source");
    const char *pool = json_member_string(device, "pool");
    g_autofree char *listed = NULL;

    if (device_is_root(device) || g_strcmp0(source, "cloud-init:config") == 0)
        return;
    if (strcmp(rule(check, key), "block") == 0 ||
        (strcmp(rule(check, key), "managed") == 0 && pool == NULL)) {
        forbid_device(check, name, key);
        return;
    }
    if (pool != NULL || paths == NULL || source == NULL)
        return;
    listed = listed_path_of(paths, source);
    if (listed == NULL) {
        forbid_device(check, name, "restricted.devices.disk.paths");
    } else if (type_is_true(json_member_string(device, "shift"))) {
        g_autofree char *path = g_strdup_printf("devices/%s/shift", name);

        forbid(check, path, "restricted.devices.disk.paths");
    }
}

static void check_devices(const Check *check)
{
    const char *name;
    json_t *device;

    json_object_foreach ((json_t *)check->devices, name, device) {
        const char *type = json_member_string(device, "type");
        g_autofree char *key = g_strconcat("restricted.devices.", type, NULL);

        /* PJ-183; an entry without type is reported elsewhere. */
        if (type == NULL || strcmp(type, "none") == 0 || strcmp(type, "tpm") == 0)
            continue;
        if (strcmp(type, "disk") == 0)
            check_disk(check, name, device);
        else if (strcmp(type, "nic") == 0) {
            /* PJ-163 */
            if (strcmp(rule(check, key), "block") == 0 ||
                (strcmp(rule(check, key), "managed") == 0 &&
                 json_member_string(device, "network") == NULL))
                forbid_device(check, name, key);
        } else if (!allows(check, key))
            forbid_device(check, name, key);
    }
}

void restrictions_check(const Object *project, const Object *object, const json_t *config,
                        const json_t *devices, Problems *problems)
{
    const Check check = {project, object, config, devices, problems};

    if (!type_is_true(object_config(project, "restricted")))
        return;
    check_lowlevel(&check);
    check_volatile(&check);
    check_interception(&check);
    check_privilege(&check);
    check_idmap(&check);
    check_devices(&check);
}

/* PJ-172 to PJ-174. An unset list of uplinks or zones allows none. */
void restrictions_check_network(const Object *project, const Object *network, Problems *problems)
{
    static const char *const zone_keys[] = {"dns.zone.forward", "dns.zone.reverse.ipv4",
                                            "dns.zone.reverse.ipv6", NULL};
    const Check check = {.project = project, .object = network, .problems = problems};
    const char *uplink = object_config(network, "network");
    g_auto(GStrv) uplinks = type_items(object_config(project, "restricted.networks.uplinks"));
    g_auto(GStrv) zones = type_items(object_config(project, "restricted.networks.zones"));

    if (!type_is_true(object_config(project, "restricted")))
        return;
    if (uplink != NULL && !g_strv_contains((const char *const *)uplinks, uplink))
        forbid_key(&check, "network", "restricted.networks.uplinks");
    for (const char *const *key = zone_keys; *key != NULL; key++) {
        const char *zone = object_config(network, *key);
        gboolean listed = zone == NULL;

        for (char **item = zones; *item != NULL && !listed; item++) {
            g_autofree char *beneath = g_strconcat(".", *item, NULL);

            listed = strcmp(zone, *item) == 0 || g_str_has_suffix(zone, beneath);
        }
        if (!listed)
            forbid_key(&check, *key, "restricted.networks.zones");
    }
}
