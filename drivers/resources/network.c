/* Network cards: API-615 to API-619. Interfaces that hang on a device, together by card, and PCI
 * devices of the network class without one (given to a virtual machine, or to another network
 * namespace). */
#include <string.h>

#include "ethtool.h"
#include "resources.h"

#define NET_DIR "sys/class/net"
#define NETWORK_CLASS 0x02
/* The contents of the file `type`: ARPHRD_*. */
#define TYPE_ETHERNET 1
#define TYPE_INFINIBAND 32

/* Names and numbers of a card's infiniband devices: "issm0", "umad0", "uverbs0". */
static void set_infiniband(const HostRoot *root, const char *interface, json_t *port)
{
    static const struct {
        const char *folder, *prefix, *key;
    } KINDS[] = {{"infiniband_mad", "issm", "issm"},
                 {"infiniband_mad", "umad", "mad"},
                 {"infiniband_verbs", "uverbs", "verb"}};
    json_t *infiniband = json_object();

    for (guint i = 0; i < G_N_ELEMENTS(KINDS); i++) {
        g_autofree char *folder =
            g_strdup_printf(NET_DIR "/%s/device/%s", interface, KINDS[i].folder);
        g_autoptr(GPtrArray) names = root_list(root, "%s", folder);

        for (guint n = 0; n < names->len; n++) {
            g_autofree char *name_key = g_strdup_printf("%s_name", KINDS[i].key);
            g_autofree char *device_key = g_strdup_printf("%s_device", KINDS[i].key);

            if (!g_str_has_prefix(names->pdata[n], KINDS[i].prefix))
                continue;
            set_text(infiniband, name_key, g_strdup(names->pdata[n]));
            set_text(infiniband, device_key,
                     root_text(root, "%s/%s/dev", folder, (char *)names->pdata[n]));
            break;
        }
    }
    json_object_set_new(port, "infiniband", infiniband);
}

static json_t *read_port(const HostRoot *root, const char *name)
{
    gint64 type = root_number(root, -1, NET_DIR "/%s/type", name);
    json_t *port = json_object();

    set_text(port, "id", g_strdup(name));
    set_text(port, "address", root_text(root, NET_DIR "/%s/address", name));
    set_text_or_empty(port, "protocol",
                      type == TYPE_ETHERNET     ? g_strdup("ethernet")
                      : type == TYPE_INFINIBAND ? g_strdup("infiniband")
                                                : NULL);
    set_number(port, "port",
               root_number(root, 0, NET_DIR "/%s/%s", name,
                           type == TYPE_INFINIBAND ? "dev_id" : "dev_port"));
    json_object_set_new(port, "auto_negotiation", json_false());
    json_object_set_new(port, "link_detected",
                        json_boolean(root_number(root, 0, NET_DIR "/%s/carrier", name) == 1));
    if (type == TYPE_INFINIBAND)
        set_infiniband(root, name, port);
    if (host_root_live(root))
        ethtool_port(name, port);
    return port;
}

static json_t *add_port(const HostRoot *root, json_t *card, const char *name)
{
    json_t *ports = json_object_get(card, "ports");

    if (ports == NULL) {
        ports = json_array();
        json_object_set_new(card, "ports", ports);
        if (host_root_live(root))
            ethtool_card(name, card);
    }
    json_array_append_new(ports, read_port(root, name));
    return card;
}

static json_t *read_pci_card(const Inventory *inventory, const char *address)
{
    const HostRoot *root = inventory->root;
    g_autofree char *path = g_strdup_printf("sys/bus/pci/devices/%s", address);
    g_autoptr(GPtrArray) names = root_list(root, NET_DIR);
    g_autofree char *key = NULL;
    json_t *card = json_object();

    key = device_card(inventory, path, card);
    for (guint i = 0; i < names->len; i++) {
        g_autofree char *real = root_real(root, NET_DIR "/%s/device", (char *)names->pdata[i]);
        g_autofree char *owner = real != NULL ? device_pci_address(real) : NULL;

        if (g_strcmp0(owner, address) == 0)
            add_port(root, card, names->pdata[i]);
    }
    return card;
}

/* Cards that hang on no PCI device of the network class: USB, platform. */
static void add_others(const Inventory *inventory, GHashTable *seen, json_t *cards)
{
    const HostRoot *root = inventory->root;
    g_autoptr(GPtrArray) names = root_list(root, NET_DIR);

    for (guint i = 0; i < names->len; i++) {
        g_autofree char *path = g_strdup_printf(NET_DIR "/%s/device", (char *)names->pdata[i]);
        g_autoptr(json_t) card = json_object();
        g_autofree char *key = NULL;
        json_t *known;

        if (!root_exists(root, "%s", path))
            continue;
        key = device_card(inventory, path, card);
        if (key == NULL ||
            (g_hash_table_lookup_extended(seen, key, NULL, (gpointer *)&known) && known == NULL))
            continue;
        if (!g_hash_table_contains(seen, key)) {
            json_array_append(cards, card);
            known = card;
            g_hash_table_insert(seen, g_steal_pointer(&key), known);
        }
        add_port(root, known, names->pdata[i]);
    }
}

json_t *resources_network(const Inventory *inventory)
{
    const HostRoot *root = inventory->root;
    g_autoptr(GPtrArray) addresses = device_of_class(root, NETWORK_CLASS);
    /* Key of a card -> the card as long as ports may come to it, borrowed; NULL: it has all. */
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    json_t *cards = json_array();

    for (guint i = 0; i < addresses->len; i++) {
        const char *address = addresses->pdata[i];
        json_t *card;
        json_t *sriov;

        g_hash_table_insert(seen, g_strdup(address), NULL);
        if (device_is_vf(root, address))
            continue;
        card = read_pci_card(inventory, address);
        sriov = device_sriov(inventory, address, read_pci_card);
        if (sriov != NULL)
            json_object_set_new(card, "sriov", sriov);
        json_array_append_new(cards, card);
    }
    add_others(inventory, seen, cards);
    return device_cards(cards);
}
