#include "facts.h"

#include <string.h>

#include "error.h"
#include "network/lease.h"
#include "network/network.h"
#include "text.h"
#include "type.h"
#include "units.h"

gboolean device_is(const json_t *device, const char *type)
{
    return g_strcmp0(json_member_string(device, "type"), type) == 0;
}

const char *device_value(const Expanded *expanded, const char *device, const char *property)
{
    const char *set = json_member_string(json_object_get(expanded->devices, device), property);
    g_autofree char *drawn = g_strdup_printf("volatile.%s.%s", device, property);

    return set != NULL ? set : json_member_string(expanded->config, drawn);
}

const Object *nic_network(const Context *context, const Object *object, const json_t *device)
{
    const char *name = json_member_string(device, "network");

    return name != NULL ? snapshot_resolve(context->next, KIND_NETWORK, object->id.project, name)
                        : NULL;
}

/* D-NIC-09: limits.max overrides both. */
static gboolean set_rate(json_t *nic, const char *fact, const json_t *device, const char *key,
                         GError **error)
{
    const char *most = json_member_string(device, "limits.max");
    const char *text = most != NULL ? most : json_member_string(device, key);
    gint64 bits;

    if (text == NULL)
        return TRUE;
    if (!units_parse_bits(text, &bits, error)) {
        g_prefix_error(error, "%s: ", most != NULL ? "limits.max" : key);
        return FALSE;
    }
    /* The kernel counts bytes. */
    if (bits >= 8)
        json_object_set_new(nic, fact, json_integer(bits / 8 * 8));
    return TRUE;
}

/* D-NIC-BR-12, D-NIC-BR-13, D-NIC-P2P-08 */
static void set_routes(json_t *nic, const json_t *device)
{
    static const char *const keys[] = {"ipv4.routes", "ipv6.routes"};
    g_autoptr(GPtrArray) routes = g_ptr_array_new_with_free_func(g_free);
    json_t *list;

    for (guint i = 0; i < G_N_ELEMENTS(keys); i++) {
        const char *text = json_member_string(device, keys[i]);
        g_auto(GStrv) parts = g_strsplit(text != NULL ? text : "", ",", -1);

        for (char **part = parts; *part != NULL; part++) {
            if (*g_strstrip(*part) != '\0')
                g_ptr_array_add(routes, g_strdup(*part));
        }
    }
    if (routes->len == 0)
        return;
    g_ptr_array_sort(routes, text_compare);
    list = json_array();
    for (guint i = 0; i < routes->len; i++)
        json_array_append_new(list, json_string(routes->pdata[i]));
    json_object_set_new(nic, "routes", list);
}

static void set_text(json_t *nic, const char *fact, const char *text)
{
    if (text != NULL)
        json_object_set_new(nic, fact, json_string(text));
}

static gboolean fill_nic(json_t *nic, const Context *context, const Object *object,
                         const Expanded *expanded, const char *name, GError **error)
{
    const json_t *device = json_object_get(expanded->devices, name);
    const Object *network = nic_network(context, object, device);
    const char *mtu = json_member_string(device, "mtu");
    const char *isolated = json_member_string(device, "security.port_isolation");
    const char *hwaddr = device_value(expanded, name, "hwaddr");
    g_autofree char *mac = hwaddr != NULL ? g_ascii_strdown(hwaddr, -1) : NULL;

    if (json_member_string(device, "network") != NULL && network == NULL)
        return error_set(error, ERR_INVALID, "network \"%s\" does not exist",
                         json_member_string(device, "network"));
    set_text(nic, "host", device_value(expanded, name, "host_name"));
    set_text(nic, "name", device_value(expanded, name, "name"));
    set_text(nic, "hwaddr", mac);
    if (network != NULL) {
        set_text(nic, "parent", network->id.name);
        json_object_set_new(nic, "mtu", json_integer(network_mtu(network)));
    } else {
        set_text(nic, "parent", json_member_string(device, "parent"));
        if (mtu != NULL)
            json_object_set_new(nic, "mtu", json_integer(g_ascii_strtoll(mtu, NULL, 10)));
    }
    if (isolated != NULL && type_is_true(isolated))
        json_object_set_new(nic, "isolated", json_true());
    set_routes(nic, device);
    return set_rate(nic, "ingress", device, "limits.ingress", error) &&
           set_rate(nic, "egress", device, "limits.egress", error);
}

json_t *nics_expect(const Context *context, const Object *object, const Expanded *expanded,
                    GError **error)
{
    g_autoptr(json_t) nics = json_object();
    const char *name;
    json_t *device;

    json_object_foreach (expanded->devices, name, device) {
        json_t *nic;

        if (!device_is(device, "nic"))
            continue;
        nic = json_object();
        json_object_set_new(nics, name, nic);
        if (!fill_nic(nic, context, object, expanded, name, error)) {
            g_prefix_error(error, "device %s: ", name);
            return NULL;
        }
    }
    return g_steal_pointer(&nics);
}

json_t *leases_expect(const Context *context, const Object *object, const Expanded *expanded)
{
    json_t *leases = json_object();
    const char *name;
    json_t *device;

    json_object_foreach (expanded->devices, name, device) {
        const Object *network =
            device_is(device, "nic") ? nic_network(context, object, device) : NULL;
        json_t *lease;

        if (network == NULL)
            continue;
        lease = lease_expect(context, network, object, name, device,
                             device_value(expanded, name, "hwaddr"));
        if (lease != NULL)
            json_object_set_new(leases, name, lease);
    }
    return leases;
}
