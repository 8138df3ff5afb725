#include "object.h"

#include <criterion/criterion.h>

#include "network/network.h"

Object *make_network(const Context *context, const char *name, const char *config)
{
    json_error_t where;
    json_t *parsed = json_loads(config, 0, &where);
    g_autoptr(Object) bare = NULL;
    g_autoptr(json_t) generated = json_object();
    g_autoptr(GError) error = NULL;

    cr_assert_not_null(parsed, "%s: %s", config, where.text);
    bare =
        object_new(KIND_NETWORK, "default", "", name, json_pack("{s:o}", "config", parsed), NULL);
    if (context == NULL)
        return g_steal_pointer(&bare);
    cr_assert(NETWORK_DRIVER.prepare(context, bare, generated, &error), "%s",
              error != NULL ? error->message : "");
    return object_with(bare, NULL, generated);
}

Context make_context(const char *dir, json_t *host)
{
    return (Context){.next = snapshot_new(),
                     .host = host_facts_of(host != NULL ? host : json_object()),
                     .dir = dir,
                     .seed = "seed"};
}

void context_add(Context *context, const Object *object)
{
    g_autoptr(GPtrArray) objects = g_ptr_array_new();
    const Snapshot *before = context->next;

    g_ptr_array_add(objects, (gpointer)object);
    context->next = snapshot_change(before, objects, NULL);
    snapshot_unref((Snapshot *)before);
}

void context_clear(Context *context)
{
    snapshot_unref((Snapshot *)context->next);
    host_facts_free(context->host);
}
