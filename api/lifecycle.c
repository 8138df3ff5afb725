#include "lifecycle.h"

#include <string.h>

#include "wire.h"

/* As actions name the kinds; NULL: no event of its own. */
static const char *const NAMES[KIND_MAX] = {
    [KIND_SERVER] = "config",     [KIND_PROJECT] = "project",         [KIND_POOL] = "storage-pool",
    [KIND_NETWORK] = "network",   [KIND_PROFILE] = "profile",         [KIND_IMAGE] = "image",
    [KIND_INSTANCE] = "instance", [KIND_CERTIFICATE] = "certificate", [KIND_SOURCE] = "source",
    [KIND_POLICY] = "policy",     [KIND_ENVIRONMENT] = "environment",
};

static gboolean runs(const json_t *facts)
{
    return json_object_get(facts, "running") != NULL;
}

static gboolean is_frozen(const json_t *facts)
{
    return g_strcmp0(json_string_at(facts, "running/state"), "frozen") == 0;
}

/* EV-143..150: what happened to the power of an instance; NULL: nothing. */
static const char *power_of(const PlanObject *object)
{
    gboolean before = runs(object->observed), after = runs(object->expected);

    if (before != after)
        return after ? "instance-started" : "instance-stopped";
    if (after && is_frozen(object->observed) != is_frozen(object->expected))
        return is_frozen(object->expected) ? "instance-paused" : "instance-resumed";
    return NULL;
}

static gboolean is_edited(const PlanObject *object)
{
    return object->stored != NULL && object->wanted != NULL &&
           !json_equal(object->stored->spec, object->wanted->spec);
}

static const char *verb_of(const PlanObject *object)
{
    switch (object->action) {
    case ACTION_CREATE:
        return "created";
    case ACTION_DELETE:
        return "deleted";
    case ACTION_UPDATE:
        if (strcmp(object->stored->key, object->wanted->key) != 0)
            return "renamed";
        return is_edited(object) ? "updated" : NULL;
    default:
        return NULL;
    }
}

static void tell_object(Events *events, const PlanObject *object, const Caller *caller)
{
    const Object *any = object->wanted != NULL ? object->wanted : object->stored;
    const char *project = object_kind(any)->flags & KIND_IN_PROJECT ? any->id.project : NULL;
    const char *verb = verb_of(object);
    const char *power = any->id.kind == KIND_INSTANCE ? power_of(object) : NULL;
    g_autofree char *path = any->id.kind == KIND_SERVER ? g_strdup("") : wire_path(any);

    if (verb != NULL) {
        g_autofree char *action = g_strdup_printf("%s-%s", NAMES[any->id.kind],
                                                  any->id.kind == KIND_SERVER ? "updated" : verb);
        json_t *context = strcmp(verb, "renamed") == 0
                              ? json_pack("{s:s}", "old_name", object->stored->id.name)
                              : NULL;

        events_lifecycle(events, action, project, path, context, caller);
    }
    if (power != NULL && object->action != ACTION_DELETE)
        events_lifecycle(events, power, project, path, NULL, caller);
}

void lifecycle_of_plan(Events *events, const Plan *plan, const Caller *caller)
{
    for (guint i = 0; i < plan->objects->len; i++)
        tell_object(events, plan->objects->pdata[i], caller);
}

static void tell_difference(Events *events, const Object *before, const Object *after)
{
    const Object *any = after != NULL ? after : before;
    PlanObject object = {
        .stored = (Object *)before, .wanted = (Object *)after, .action = ACTION_UPDATE};

    if (before == NULL)
        object.action = ACTION_CREATE;
    else if (after == NULL)
        object.action = ACTION_DELETE;
    object.key = any->key;
    tell_object(events, &object, NULL);
}

void lifecycle_of_models(Events *events, const Snapshot *before, const Snapshot *after)
{
    for (guint i = 0; i < snapshot_size(before); i++) {
        const Object *object = snapshot_at(before, i);

        if (snapshot_get(after, object->key) == NULL)
            tell_difference(events, object, NULL);
    }
    for (guint i = 0; i < snapshot_size(after); i++) {
        const Object *object = snapshot_at(after, i);
        const Object *old = snapshot_get(before, object->key);

        if (old != object)
            tell_difference(events, old, object);
    }
}
