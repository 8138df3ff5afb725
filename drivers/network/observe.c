#include "observe.h"

#include <string.h>

#include "chains.h"
#include "error.h"
#include "expect.h"
#include "firewall/nft.h"
#include "folder.h"
#include "forwarding.h"
#include "network.h"
#include "server.h"

char *network_port_mark(const char *key)
{
    return g_strdup_printf("berth:%s:port", key);
}

gboolean network_owns(const Link *link, const char *key)
{
    g_autofree char *mark = network_mark(key);

    return link->half || g_strcmp0(link->alias, mark) == 0;
}

gboolean network_refuse(GError **error, const char *name)
{
    return error_set(error, ERR_EXISTS,
                     "network %s: the host has an interface of this name that berth did not make: "
                     "choose another name, "
                     "or remove it (ip link delete %s)",
                     name, name);
}

static json_t *texts_to_list(const GPtrArray *texts)
{
    json_t *list = json_array();

    for (guint i = 0; i < texts->len; i++)
        json_array_append_new(list, json_string(g_ptr_array_index(texts, i)));
    return list;
}

static json_t *observe_sysctl(const char *name)
{
    static const char *const keys[] = {"accept_dad", "autoconf", "disable_ipv6"};
    json_t *values = json_object();

    for (guint i = 0; i < G_N_ELEMENTS(keys); i++) {
        g_autofree char *path = g_strdup_printf("ipv6/conf/%s/%s", name, keys[i]);
        g_autofree char *fact = g_strconcat("ipv6.", keys[i], NULL);
        g_autofree char *value = net_sysctl(path, NULL);

        if (value != NULL)
            json_object_set_new(values, fact, json_string(value));
    }
    return values;
}

/* External ports: those that we marked, and those that the spec names where a mark could not be set
 * because the interface had an alias. */
static json_t *observe_ports(const Object *object, GError **error)
{
    const char *text = object_config(object, "bridge.external_interfaces");
    g_auto(GStrv) items = type_items(text != NULL ? text : "");
    g_autofree char *mark = network_port_mark(object->key);
    g_autoptr(GPtrArray) links = link_list(error);
    json_t *ports;

    if (links == NULL)
        return NULL;
    ports = json_object();
    for (guint i = 0; i < links->len; i++) {
        const Link *link = g_ptr_array_index(links, i);

        if (g_strcmp0(link->master, object->id.name) == 0 &&
            (g_strcmp0(link->alias, mark) == 0 ||
             g_strv_contains((const char *const *)items, link->name)))
            json_object_set_new(ports, link->name, json_true());
    }
    return ports;
}

static gboolean observe_link(const Object *object, const Link *link, json_t *facts, GError **error)
{
    const char *name = object->id.name;
    g_autoptr(GPtrArray) addresses = link_addresses(name, error);
    g_autoptr(GPtrArray) routes =
        addresses != NULL ? link_routes(name, LINK_ROUTE_STATIC, error) : NULL;
    json_t *ports = routes != NULL ? observe_ports(object, error) : NULL;

    if (ports == NULL)
        return FALSE;
    /* A link whose making was interrupted is not up, so that it is never taken for a whole one. */
    json_object_set_new(facts, "link",
                        json_pack("{s:s, s:s, s:i, s:b}", "kind",
                                  link->kind != NULL ? link->kind : "unknown", "mac",
                                  link->mac != NULL ? link->mac : "", "mtu", (int)link->mtu, "up",
                                  link->up && !link->half));
    network_keep(facts, "sysctl", observe_sysctl(name));
    network_keep(facts, "forwarding", forwarding_observe(object));
    network_keep(facts, "addresses", texts_to_list(addresses));
    network_keep(facts, "routes", texts_to_list(routes));
    network_keep(facts, "ports", ports);
    return TRUE;
}

json_t *network_observe(Host *host, const Context *context, const Object *object, GError **error)
{
    const char *name = object->id.name;
    g_autofree char *mark = network_mark(object->key);
    g_auto(GStrv) names = chains_names(name);
    g_autoptr(json_t) facts = json_object();
    g_autoptr(GError) local = NULL;
    g_autoptr(Link) link = link_get(name, &local);
    json_t *part;

    if (link == NULL && !g_error_matches(local, BERTH_ERROR, ERR_NOT_FOUND)) {
        g_propagate_error(error, g_steal_pointer(&local));
        return NULL;
    }
    if (link != NULL && !network_owns(link, object->key)) {
        network_refuse(error, name);
        return NULL;
    }
    if (link != NULL && !observe_link(object, link, facts, error))
        return NULL;
    if (folder_exists(host->dir, name))
        json_object_set_new(facts, "folder", json_true());
    part = nft_chains("inet", (const char *const *)names, mark, error);
    if (part == NULL)
        return NULL;
    network_keep(facts, "firewall", part);
    g_clear_error(&local);
    part = server_observe(host->dir, name, &local);
    if (local != NULL) {
        g_propagate_error(error, g_steal_pointer(&local));
        return NULL;
    }
    network_keep(facts, "dnsmasq", part);
    return g_steal_pointer(&facts);
}
