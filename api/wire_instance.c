#include "wire_instance.h"

#include <string.h>
#include <sys/utsname.h>

#include "expand.h"
#include "instance/cgroup.h"
#include "instance/record.h"
#include "instance/status.h"
#include "instance/usage.h"
#include "when.h"
#include "wire.h"

StatusCode wire_instance_status(Daemon *daemon, const Object *object)
{
    g_autofree char *name = disk_name(object->id.project, object->id.name);

    switch (instance_status(daemon->dir, name)) {
    case INSTANCE_RUNNING:
        return STATUS_RUNNING;
    case INSTANCE_FROZEN:
        return STATUS_FROZEN;
    case INSTANCE_STOPPED:
        break;
    }
    return STATUS_STOPPED;
}

/* expand_instance() mixes in berth's own drawn values, which nobody else is to see. */
static json_t *without_own(const json_t *config)
{
    json_t *seen = json_object();
    const char *key;
    json_t *value;

    json_object_foreach ((json_t *)config, key, value) {
        if (key[0] != '$')
            json_object_set(seen, key, value);
    }
    return seen;
}

static json_t *profiles_of(const Object *object)
{
    g_autoptr(GPtrArray) names = expand_profiles(object);
    json_t *list = json_array();

    for (guint i = 0; i < names->len; i++)
        json_array_append_new(list, json_string(names->pdata[i]));
    return list;
}

static json_t *text_or(const Object *object, const char *field, const char *fallback)
{
    const char *text = json_member_string(object->spec, field);

    return json_string(text != NULL ? text : fallback);
}

/* As LXD names it, which is as the kernel does on the architectures of today. */
static const char *architecture(void)
{
    static struct utsname kernel;

    if (kernel.machine[0] == '\0')
        uname(&kernel);
    return kernel.machine;
}

json_t *wire_instance_fields(const Object *object)
{
    return json_pack("{s:o, s:o, s:o, s:b, s:o, s:b}", "description",
                     text_or(object, "description", ""), "architecture",
                     text_or(object, "architecture", architecture()), "type",
                     text_or(object, "type", "container"), "ephemeral",
                     json_is_true(json_object_get(object->spec, "ephemeral")), "profiles",
                     profiles_of(object), "stateful", FALSE);
}

json_t *wire_instance_wanted(const Snapshot *model, const Object *object)
{
    gint64 last_used = json_integer_value(json_object_get(object->generated, "$last_used"));
    g_autofree char *created = when_seconds(object->created);
    g_autofree char *used = last_used > 0 ? when_seconds(last_used) : g_strdup(WHEN_UNUSED);
    g_auto(Expanded) expanded = {0};
    json_t *wire = wire_instance_fields(object);

    expand_instance(model, object, &expanded);
    json_object_update_new(wire, json_pack("{s:s, s:o, s:O, s:O, s:o, s:s, s:s, s:s, s:s}", "name",
                                           object->id.name, "config", wire_config(object),
                                           "devices", json_object_get(object->spec, "devices"),
                                           "expanded_devices", expanded.devices, "expanded_config",
                                           without_own(expanded.config), "created_at", created,
                                           "last_used_at", used, "location", "none", "project",
                                           object->id.project));
    return wire;
}

static void add_status(json_t *wire, StatusCode status)
{
    json_object_set_new(wire, "status", json_string(status_text(status)));
    json_object_set_new(wire, "status_code", json_integer(status));
}

json_t *wire_instance(Daemon *daemon, const Snapshot *model, const Object *object)
{
    json_t *wire = wire_instance_wanted(model, object);

    add_status(wire, wire_instance_status(daemon, object));
    return wire;
}

/* What a running instance uses; NULL when it ended meanwhile. */
static json_t *usage_of(Daemon *daemon, const char *name)
{
    g_autoptr(json_t) record = record_read(daemon->dir, name, NULL);
    g_autofree char *group = cgroup_name(daemon->dir, name, "");
    pid_t init = record_init(record);
    g_autoptr(GError) gone = NULL;

    return init > 0 ? usage_state(init, group, &gone) : NULL;
}

json_t *wire_instance_state_stopped(void)
{
    json_t *state = usage_stopped();

    add_status(state, STATUS_STOPPED);
    return state;
}

json_t *wire_instance_state(Daemon *daemon, const Object *object)
{
    g_autofree char *name = disk_name(object->id.project, object->id.name);
    json_t *state = usage_of(daemon, name);

    if (state == NULL)
        return wire_instance_state_stopped();
    add_status(state, wire_instance_status(daemon, object));
    return state;
}

json_t *wire_instance_full(Daemon *daemon, const Snapshot *model, const Object *object)
{
    json_t *wire = wire_instance(daemon, model, object);

    json_object_set_new(wire, "state", wire_instance_state(daemon, object));
    json_object_set_new(wire, "snapshots", json_array());
    json_object_set_new(wire, "backups", json_array());
    return wire;
}
