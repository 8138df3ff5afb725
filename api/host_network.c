#include "host_network.h"

#include <net/if.h>
#include <string.h>

#include "resources/link_dump.h"
#include "resources/root.h"

static const char *type_of(const LinkEntry *link, const HostRoot *root)
{
    static const char *const kinds[] = {"bridge", "bond", "vlan"};

    if ((link->flags & IFF_LOOPBACK) != 0)
        return "loopback";
    for (guint i = 0; i < G_N_ELEMENTS(kinds); i++)
        if (g_strcmp0(link->kind, kinds[i]) == 0)
            return kinds[i];
    return root_exists(root, "sys/class/net/%s/device", link->name) ? "physical" : "unknown";
}

static json_t *wire(const LinkEntry *link, const HostRoot *root)
{
    return json_pack("{s:s, s:s, s:{}, s:s, s:[], s:b, s:s, s:n}", "name", link->name,
                     "description", "", "config", "type", type_of(link, root), "used_by", "managed",
                     FALSE, "status", "", "locations");
}

static gboolean is_managed(const Snapshot *model, const char *name)
{
    for (guint i = 0; i < snapshot_size(model); i++) {
        const Object *object = snapshot_at(model, i);

        if (object->id.kind == KIND_NETWORK && strcmp(object->id.name, name) == 0)
            return TRUE;
    }
    return FALSE;
}

json_t *host_networks(const Snapshot *model, gboolean whole, GError **error)
{
    g_autoptr(HostRoot) root = host_root_open("/", error);
    g_autoptr(GPtrArray) links = root != NULL ? link_dump(LINK_DUMP_HERE, error) : NULL;
    json_t *list;

    if (links == NULL)
        return NULL;
    list = json_array();
    for (guint i = 0; i < links->len; i++) {
        const LinkEntry *link = links->pdata[i];
        g_autofree char *url = g_strdup_printf("/1.0/networks/%s", link->name);

        if (g_strcmp0(link->kind, "veth") != 0 && !is_managed(model, link->name))
            json_array_append_new(list, whole ? wire(link, root) : json_string(url));
    }
    return list;
}

json_t *host_network(const char *name)
{
    g_autoptr(HostRoot) root = host_root_open("/", NULL);
    g_autoptr(GPtrArray) links = root != NULL ? link_dump(LINK_DUMP_HERE, NULL) : NULL;

    for (guint i = 0; links != NULL && i < links->len; i++) {
        const LinkEntry *link = links->pdata[i];

        if (strcmp(link->name, name) == 0)
            return wire(link, root);
    }
    return NULL;
}
