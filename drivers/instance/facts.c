#include "facts.h"

#include <string.h>

#include "config.h"
#include "error.h"
#include "limits.h"
#include "limits_check.h"
#include "paths.h"
#include "storage/volume.h"
#include "type.h"

#define STOP_TIMEOUT 30 /* I-105 */

const Object *root_pool(const Context *context, const Object *object, const Expanded *expanded,
                        const json_t **ret_device, GError **error)
{
    const char *name;
    json_t *device;

    json_object_foreach (expanded->devices, name, device) {
        const char *pool = json_member_string(device, "pool");
        const Object *found;

        if (!device_is_root(device) || json_object_get(device, "source") != NULL || pool == NULL)
            continue;
        found = snapshot_resolve(context->next, KIND_POOL, object->id.project, pool);
        if (found == NULL) {
            error_set(error, ERR_INVALID, "device %s: storage pool \"%s\" does not exist", name,
                      pool);
            return NULL;
        }
        if (ret_device != NULL)
            *ret_device = device;
        return found;
    }
    error_set(error, ERR_INVALID,
              "no root disk: a disk device with \"path: /\" and a pool is needed (D-DISK-26)");
    return NULL;
}

/* ---- disks ---- */

static gboolean is_on(const json_t *device, const char *key)
{
    const char *text = json_member_string(device, key);

    return text != NULL && type_is_true(text);
}

/* D-DISK-06 and its old opposite D-DISK-18 */
static gboolean is_required(const json_t *device)
{
    const char *text = json_member_string(device, "required");

    return text != NULL ? type_is_true(text) : !is_on(device, "optional");
}

/* Words among mount options. */
static gboolean has_option(const char *options, const char *word)
{
    g_auto(GStrv) parts = g_strsplit(options != NULL ? options : "", ",", -1);

    return g_strv_contains((const char *const *)parts, word);
}

static json_t *disk_fact(const Object *project, const json_t *device)
{
    static const char *const words[] = {"readonly", "recursive", "shift", NULL};
    const char *path = json_member_string(device, "path");
    const char *source = json_member_string(device, "source");
    const char *propagation = json_member_string(device, "propagation");
    const char *options = json_member_string(device, "raw.mount.options");
    g_autofree char *rooted = g_strconcat("/", path != NULL ? path : "", NULL);
    g_autofree char *clean = g_canonicalize_filename(rooted + strspn(rooted, "/") - 1, "/");
    g_autofree char *within = restrictions_disk_root(project, source);
    json_t *disk = json_object();

    json_object_set_new(disk, "path", json_string(clean));
    json_object_set_new(disk, "source", json_string(source));
    for (guint i = 0; words[i] != NULL; i++) {
        if (is_on(device, words[i]))
            json_object_set_new(disk, words[i], json_true());
    }
    if (has_option(options, "ro"))
        json_object_set_new(disk, "readonly", json_true());
    if (propagation != NULL && !g_str_equal(propagation, "private"))
        json_object_set_new(disk, "propagation", json_string(propagation));
    if (options != NULL)
        json_object_set_new(disk, "options", json_string(options));
    json_object_set_new(disk, "$required", json_boolean(is_required(device)));
    if (within != NULL)
        json_object_set_new(disk, "$within", json_string(within));
    return disk;
}

json_t *disks_expect(const Object *project, const Expanded *expanded)
{
    json_t *disks = json_object();
    const char *name;
    json_t *device;

    json_object_foreach (expanded->devices, name, device) {
        if (device_is(device, "disk") && json_object_get(device, "source") != NULL)
            json_object_set_new(disks, name, disk_fact(project, device));
    }
    return disks;
}

/* ---- running ---- */

static gint64 stop_timeout(const json_t *config)
{
    const char *text = json_member_string(config, "boot.host_shutdown_timeout");

    return text != NULL ? g_ascii_strtoll(text, NULL, 10) : STOP_TIMEOUT;
}

/* A signal that raw.lxc chooses for a clean stop. */
static const char *halt_signal(const json_t *raw)
{
    const char *found = NULL;
    const json_t *item;
    size_t i;

    json_array_foreach (raw, i, item) {
        if (g_str_equal(json_string_value(json_array_get(item, 0)), "lxc.signal.halt"))
            found = json_string_value(json_array_get(item, 1));
    }
    return found;
}

static char *config_digest(const json_t *items, const json_t *raw, const char *seccomp,
                           gboolean privileged, gboolean compat, const char *image)
{
    g_autoptr(json_t) all =
        json_pack("{sO sO? ss? sb sb ss?}", "items", items, "raw", raw, "seccomp", seccomp,
                  "privileged", privileged, "deny_compat", compat, "image", image);

    return json_digest(all);
}

json_t *running_expect(const Context *context, const Object *object, const Expanded *expanded,
                       GError **error)
{
    const json_t *config = expanded->config;
    const char *raw_text = json_member_string(config, "raw.lxc");
    const Object *project = snapshot_find(context->next, KIND_PROJECT, "", object->id.project);
    const Object *pool = root_pool(context, object, expanded, NULL, error);
    g_autofree char *name = disk_name(object->id.project, object->id.name);
    g_autoptr(json_t) items = NULL;
    g_autoptr(json_t) raw = NULL;
    g_autoptr(json_t) nics = NULL;
    g_autoptr(json_t) disks = NULL;
    g_autoptr(json_t) cgroup = NULL;
    g_autofree char *root = NULL;
    g_autofree char *rootfs = NULL;
    g_autofree char *seccomp = config_seccomp(config);
    g_autofree char *digest = NULL;
    gboolean compat = is_on(config, "security.syscalls.deny_compat");

    if (pool == NULL)
        return NULL;
    root = path_instance_volume(context->dir, pool->id.name, name);
    rootfs = g_build_filename(root, "rootfs", NULL);
    items = config_items(context, object, config, rootfs, error);
    if (items == NULL)
        return NULL;
    if (raw_text != NULL && (raw = config_raw_items(raw_text, error)) == NULL)
        return NULL;
    nics = nics_expect(context, object, expanded, error);
    disks = nics != NULL ? disks_expect(project, expanded) : NULL;
    cgroup = disks != NULL ? limits_expect(config, context->host, error) : NULL;
    if (cgroup == NULL)
        return NULL;
    digest = config_digest(items, raw, seccomp, config_is_privileged(config), compat,
                           json_member_string(config, "volatile.base_image"));
    return json_pack("{ss ss sO sO sO ss sO so sO* ss* sI ss* sb sb sb}", "state", "running",
                     "config", digest, "nics", nics, "disks", disks, "cgroup", cgroup, "$name",
                     name, "$items", items, "$environment", config_environment(config), "$raw", raw,
                     "$seccomp", seccomp, "$timeout", (json_int_t)stop_timeout(config), "$halt",
                     halt_signal(raw), "$privileged", config_is_privileged(config), "$nesting",
                     is_on(config, "security.nesting"), "$deny_compat", compat);
}

/* ---- all ---- */

static const json_t *action_of(const Context *context, const Object *object)
{
    return context->actions != NULL ? json_object_get(context->actions, object->key) : NULL;
}

/* EN-07: a declared state decides; without one the instance stays as it is. Whoever acts on it now
 * comes before both. */
static const char *wanted_state(const Context *context, const Object *object,
                                const json_t *observed)
{
    const json_t *action = context->before ? NULL : action_of(context, object);
    const char *declared = json_member_string(object->spec, "state");

    if (action != NULL)
        return json_member_string(action, "state");
    return declared != NULL ? declared : json_string_at(observed, "running/state");
}

/* How the run is to be ended, for whoever asked for just that; `running` is shared. New reference.
 */
static json_t *with_action(const json_t *running, const json_t *action)
{
    gboolean force = json_is_true(json_object_get(action, "force"));
    json_t *asked = json_copy((json_t *)running);

    if (force || json_object_get(action, "timeout") != NULL)
        json_object_set_new(asked, "$timeout",
                            force ? json_integer(0)
                                  : json_incref(json_object_get(action, "timeout")));
    json_object_set_new(asked, "$gentle", json_boolean(!force));
    return asked;
}

/* A copy is made of the volume of another instance, as long as it is of the image that it was made
 * of. */
static void copy_expect(json_t *volume, const json_t *config)
{
    const char *image = json_member_string(volume, "image");

    if (json_object_get(config, "$copy_from") != NULL &&
        g_strcmp0(json_member_string(config, "$copy_image"), image != NULL ? image : "") == 0)
        json_object_set(volume, "$image", json_object_get(config, "$copy_from"));
}

static gboolean expect_root(json_t *facts, const Context *context, const Object *object,
                            const Expanded *expanded, const char *name, GError **error)
{
    const json_t *device = NULL;
    const Object *pool = root_pool(context, object, expanded, &device, error);
    const char *size;
    g_autoptr(json_t) volume = NULL;
    g_autoptr(json_t) quota = NULL;
    g_autoptr(GError) failure = NULL;

    if (pool == NULL)
        return FALSE;
    size = json_member_string(device, "size");
    if (size == NULL)
        size = json_member_string(expanded->config, "$size");
    volume = volume_expect(context, pool, "containers", object->key, name,
                           json_member_string(expanded->config, "volatile.base_image"), error);
    if (volume == NULL)
        return FALSE;
    quota = quota_expect(context, pool, "containers", name, size, &failure);
    if (failure != NULL) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    copy_expect(volume, expanded->config);
    json_object_set(facts, "volume", volume);
    if (quota != NULL)
        json_object_set(facts, "quota", quota);
    quota_remark(facts, pool, json_member_string(device, "size"), "root disk: size");
    json_object_set_new(
        facts, "link",
        json_pack("{ss ss}", "target", json_member_string(volume, "path"), "$name", name));
    return TRUE;
}

/* I-138. There is one profile for all containers: lines for that of one would be dropped. */
static gboolean check_apparmor(json_t *facts, const Context *context, const Expanded *expanded,
                               GError **error)
{
    if (json_member_string(expanded->config, "raw.apparmor") == NULL)
        return TRUE;
    if (json_is_true(host_fact(context->host, "apparmor")))
        return error_set(error, ERR_UNSUPPORTED,
                         "config.raw.apparmor is not supported by this build on a host with "
                         "AppArmor: containers have no profiles of their own yet");
    driver_remark(facts, "config.raw.apparmor: kept without effect, this host has no AppArmor");
    return TRUE;
}

json_t *instance_expect(const Context *context, const Object *object, const json_t *observed,
                        GError **error)
{
    g_autofree char *name = disk_name(object->id.project, object->id.name);
    const char *state = wanted_state(context, object, observed);
    g_autoptr(json_t) facts = json_object();
    g_autoptr(json_t) running = NULL;
    g_auto(Expanded) expanded;
    g_autofree char *digest = NULL;

    expand_instance(context->next, object, &expanded);
    if (!check_apparmor(facts, context, &expanded, error) ||
        !expect_root(facts, context, object, &expanded, name, error))
        return NULL;
    running = running_expect(context, object, &expanded, error);
    if (running == NULL)
        return NULL;
    /* What a reboot from inside comes up as does not depend on whether it is frozen just now. */
    digest = json_digest(running);
    json_object_set_new(
        facts, "start",
        json_pack("{ss ss sO}", "digest", digest, "$name", name, "$facts", running));
    json_object_set_new(facts, "leases", leases_expect(context, object, &expanded));
    if (state == NULL || g_str_equal(state, "stopped"))
        return g_steal_pointer(&facts);
    if (action_of(context, object) != NULL) {
        json_t *asked = with_action(running, action_of(context, object));

        json_decref(running);
        running = asked;
    }
    if (g_str_equal(state, "frozen")) {
        json_t *frozen = json_copy(running);

        json_object_set_new(frozen, "state", json_string("frozen"));
        json_object_set_new(facts, "running", frozen);
    } else {
        json_object_set(facts, "running", running);
    }
    return g_steal_pointer(&facts);
}
