#include "activation.h"

#include <string.h>

#include "expand.h"
#include "source.h"
#include "type.h"

gboolean activation_of_instance(const Object *instance, const json_t *config)
{
    const char *declared = json_member_string(instance->spec, "state");
    const char *autostart = json_member_string(config, "boot.autostart");

    /* A declared state decides before both (EN-07). */
    if (declared != NULL)
        return strcmp(declared, "running") == 0;
    if (autostart != NULL)
        return type_is_true(autostart);
    return g_strcmp0(object_config(instance, "volatile.last_state.power"), "RUNNING") == 0;
}

/* Where the server listens for other machines. */
static const char *address_key(const Object *server)
{
    static const char *const keys[] = {"core.https_address", "core.metrics_address"};

    for (guint i = 0; i < G_N_ELEMENTS(keys); i++) {
        const char *address = object_config(server, keys[i]);

        if (address != NULL && *address != '\0')
            return keys[i];
    }
    return NULL;
}

static char *reason_of(const Snapshot *model, const Object *object)
{
    g_auto(Expanded) expanded = {0};
    const char *key;

    switch (object->id.kind) {
    case KIND_SERVER:
        key = address_key(object);
        return key != NULL ? g_strdup_printf("%s is set", key) : NULL;
    case KIND_PROJECT:
        return g_strcmp0(json_member_string(object->spec, "reconcile"), "correct") == 0
                   ? g_strdup_printf("drift in %s is to be put right", object->key)
                   : NULL;
    case KIND_SOURCE:
        return source_flag(object, "suspend") ? NULL
                                              : g_strdup_printf("%s is followed", object->key);
    case KIND_ENVIRONMENT:
        return json_member_string(object->spec, "expires_at") != NULL
                   ? g_strdup_printf("the lease of %s ends", object->key)
                   : NULL;
    case KIND_INSTANCE:
        expand_instance(model, object, &expanded);
        return activation_of_instance(object, expanded.config)
                   ? g_strdup_printf("%s is to run", object->key)
                   : NULL;
    default:
        return NULL;
    }
}

char *activation_reason(const Snapshot *model)
{
    for (guint i = 0; i < snapshot_size(model); i++) {
        char *reason = reason_of(model, snapshot_at(model, i));

        if (reason != NULL)
            return reason;
    }
    return NULL;
}
