#include "watched.h"

#include "chains.h"
#include "paths.h"
#include "server_arguments.h"
#include "type.h"

json_t *network_watch(const Context *context, const Object *object)
{
    static const char *const files[] = {"hosts", "leases", "raw"};
    const char *name = object->id.name;
    const char *external = object_config(object, "bridge.external_interfaces");
    g_auto(GStrv) ports = type_items(external != NULL ? external : "");
    g_auto(GStrv) chains = chains_names(name);
    g_autofree char *record = server_file(context->dir, name, "pid");
    g_autofree char *folder = path_network(context->dir, name);
    json_t *watched = json_object();

    watch_on(watched, WATCH_LINK, name);
    watch_on(watched, WATCH_ROUTE, name);
    for (char **port = ports; *port != NULL; port++)
        watch_on(watched, WATCH_LINK, *port);
    for (char **chain = chains; *chain != NULL; chain++)
        watch_on(watched, WATCH_CHAIN, *chain);
    watch_on(watched, WATCH_PATH, folder);
    for (guint i = 0; i < G_N_ELEMENTS(files); i++) {
        g_autofree char *path = server_file(context->dir, name, files[i]);

        watch_on(watched, WATCH_PATH, path);
    }
    watch_on(watched, WATCH_RECORD, record);
    return watched;
}
