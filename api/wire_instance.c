#include "wire_instance.h"

#include <string.h>

#include "expand.h"
#include "instance/status.h"
#include "when.h"
#include "wire.h"

static StatusCode status_of(Daemon *daemon, const Object *object)
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

json_t *wire_instance(Daemon *daemon, const Snapshot *model, const Object *object)
{
    StatusCode status = status_of(daemon, object);
    g_autofree char *created = when_seconds(object->created);
    g_autofree char *used =
        when_seconds(json_integer_value(json_object_get(object->generated, "$last_used")));
    g_auto(Expanded) expanded = {0};

    expand_instance(model, object, &expanded);
    return json_pack(
        "{s:s, s:o, s:o, s:o, s:o, s:O, s:b, s:o, s:O, s:o, s:b, s:s, s:s, s:s, s:s, s:i, s:s, "
        "s:o}",
        "name", object->id.name, "description", text_or(object, "description", ""), "architecture",
        text_or(object, "architecture", "x86_64"), "type", text_or(object, "type", "container"),
        "config", wire_config(object), "devices", json_object_get(object->spec, "devices"),
        "ephemeral", json_is_true(json_object_get(object->spec, "ephemeral")), "profiles",
        profiles_of(object), "expanded_devices", expanded.devices, "expanded_config",
        without_own(expanded.config), "stateful", FALSE, "created_at", created, "last_used_at",
        used, "location", "none", "status", status_text(status), "status_code", (int)status,
        "project", object->id.project, "restore", json_string(""));
}
