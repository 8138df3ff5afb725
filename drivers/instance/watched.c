#include "watched.h"

#include "cgroup.h"
#include "expand.h"
#include "facts.h"
#include "network/lease.h"
#include "paths.h"
#include "record.h"

static void watch_nics(json_t *watched, const Context *context, const Object *object,
                       const Expanded *expanded)
{
    const char *name;
    json_t *device;

    json_object_foreach (expanded->devices, name, device) {
        const char *host = device_value(expanded, name, "host_name");
        const Object *network;

        if (!device_is(device, "nic"))
            continue;
        network = nic_network(context, object, device);
        watch_on(watched, WATCH_LINK, host);
        if (json_object_get(device, "ipv4.routes") == NULL &&
            json_object_get(device, "ipv6.routes") == NULL)
            continue;
        if (network != NULL)
            watch_on(watched, WATCH_ROUTE, network->id.name);
        else
            watch_on(watched, WATCH_ROUTE,
                     json_object_get(device, "parent") != NULL
                         ? json_member_string(device, "parent")
                         : host);
    }
}

static void watch_leases(json_t *watched, const Context *context, const Object *object,
                         const Expanded *expanded)
{
    g_autoptr(json_t) leases = leases_expect(context, object, expanded);
    const char *name;
    json_t *lease;

    json_object_foreach (leases, name, lease) {
        g_autofree char *path = lease_path(context->dir, lease);

        watch_on(watched, WATCH_PATH, path);
    }
}

json_t *instance_watch(const Context *context, const Object *object)
{
    g_autofree char *name = disk_name(object->id.project, object->id.name);
    g_autofree char *record = record_path(context->dir, name);
    g_autofree char *start = start_facts_path(context->dir, name);
    g_autofree char *link = path_instance_link(context->dir, name);
    g_autofree char *group = cgroup_name(context->dir, name, "");
    g_autofree char *volume = NULL;
    g_auto(Expanded) expanded = {0};
    json_t *watched = json_object();
    const Object *pool;

    expand_instance(context->next, object, &expanded);
    pool = root_pool(context, object, &expanded, NULL, NULL);
    if (pool != NULL)
        volume = path_instance_volume(context->dir, pool->id.name, name);
    watch_nics(watched, context, object, &expanded);
    watch_leases(watched, context, object, &expanded);
    watch_on(watched, WATCH_PATH, volume);
    watch_on(watched, WATCH_PATH, link);
    watch_on(watched, WATCH_PATH, start);
    watch_on(watched, WATCH_RECORD, record);
    json_object_set_new(watched, "$group", json_string(group));
    return watched;
}
