#include "device.h"

#include <stdlib.h>
#include <string.h>

static gboolean is_pci_address(const char *name)
{
    static const char SHAPE[] = "xxxx:xx:xx.x"; /* domains may be longer */
    gsize length = strlen(name);
    const char *tail = length >= sizeof(SHAPE) - 1 ? name + length - (sizeof(SHAPE) - 1) : NULL;

    if (tail == NULL)
        return FALSE;
    for (const char *at = name; at < tail; at++) {
        if (!g_ascii_isxdigit(*at))
            return FALSE;
    }
    for (gsize i = 0; SHAPE[i] != '\0'; i++) {
        if (SHAPE[i] == 'x' ? !g_ascii_isxdigit(tail[i]) : tail[i] != SHAPE[i])
            return FALSE;
    }
    return TRUE;
}

char *device_pci_address(const char *real_path)
{
    g_auto(GStrv) parts = g_strsplit(real_path, "/", -1);

    for (guint i = g_strv_length(parts); i > 0; i--) {
        if (is_pci_address(parts[i - 1]))
            return g_strdup(parts[i - 1]);
    }
    return NULL;
}

/* The nearest directory at or above a path, below sys/devices, that has a file; NULL when none has.
 * Newly allocated. */
static char *climb(const HostRoot *root, const char *real_path, const char *file)
{
    g_autofree char *at = g_strdup(real_path);

    while (g_str_has_prefix(at, "sys/devices/")) {
        char *above;

        if (root_exists(root, "%s/%s", at, file))
            return g_steal_pointer(&at);
        above = g_path_get_dirname(at);
        g_free(at);
        at = above;
    }
    return NULL;
}

char *device_usb_address(const HostRoot *root, const char *real_path)
{
    g_autofree char *device = climb(root, real_path, "devnum");
    gint64 bus;
    gint64 number;

    if (device == NULL)
        return NULL;
    bus = root_number(root, -1, "%s/busnum", device);
    number = root_number(root, -1, "%s/devnum", device);
    return bus >= 0 && number >= 0
               ? g_strdup_printf("%" G_GINT64_FORMAT ":%" G_GINT64_FORMAT, bus, number)
               : NULL;
}

gint64 device_numa_node(const HostRoot *root, const char *real_path)
{
    g_autofree char *device = climb(root, real_path, "numa_node");

    /* The kernel says -1 on a host with one node. */
    return device != NULL ? MAX(root_number(root, 0, "%s/numa_node", device), 0) : 0;
}

void device_driver(const HostRoot *root, const char *path, json_t *ret)
{
    g_autofree char *name = root_target(root, "%s/driver", path);
    char *version;

    if (name == NULL)
        return;
    version = root_text(root, "%s/driver/module/version", path);
    if (version == NULL)
        version = root_text(root, "proc/sys/kernel/osrelease");
    set_text(ret, "driver_version", version);
    set_text(ret, "driver", g_steal_pointer(&name));
}

/* "0x8086" as "8086". */
static char *id_of(const HostRoot *root, const char *path, const char *file)
{
    gint64 number = root_number(root, -1, "%s/%s", path, file);

    return number >= 0 && number <= 0xffff ? g_strdup_printf("%04x", (guint)number) : NULL;
}

static void set_names(const Ids *ids, json_t *ret, char *vendor, char *product)
{
    set_text(ret, "vendor", g_strdup(ids_vendor(ids, vendor)));
    set_text(ret, "product", g_strdup(ids_product(ids, vendor, product)));
    set_text(ret, "vendor_id", vendor);
    set_text(ret, "product_id", product);
}

void device_pci_names(const Inventory *inventory, const char *address, json_t *ret)
{
    g_autofree char *path = g_strdup_printf("sys/bus/pci/devices/%s", address);

    set_names(inventory->pci, ret, id_of(inventory->root, path, "vendor"),
              id_of(inventory->root, path, "device"));
}

void device_usb_names(const Inventory *inventory, const char *path, json_t *ret)
{
    char *vendor = root_text(inventory->root, "%s/idVendor", path);
    char *product = root_text(inventory->root, "%s/idProduct", path);

    set_names(inventory->usb, ret, vendor, product);
    /* What the device says of itself is better than the list. */
    set_text(ret, "vendor", root_text(inventory->root, "%s/manufacturer", path));
    set_text(ret, "product", root_text(inventory->root, "%s/product", path));
}

char *device_card(const Inventory *inventory, const char *path, json_t *ret)
{
    g_autofree char *real = root_real(inventory->root, "%s", path);
    g_autofree char *pci = NULL;
    g_autofree char *usb = NULL;

    if (real == NULL)
        return NULL;
    usb = device_usb_address(inventory->root, real);
    pci = usb == NULL ? device_pci_address(real) : NULL;
    set_number(ret, "numa_node", device_numa_node(inventory->root, real));
    device_driver(inventory->root, path, ret);
    if (usb != NULL) {
        g_autofree char *device = climb(inventory->root, real, "devnum");

        set_text(ret, "usb_address", g_strdup(usb));
        device_usb_names(inventory, device, ret);
        return g_steal_pointer(&usb);
    }
    if (pci != NULL) {
        set_text(ret, "pci_address", g_strdup(pci));
        device_pci_names(inventory, pci, ret);
        return g_steal_pointer(&pci);
    }
    return g_steal_pointer(&real);
}

json_t *device_sriov(const Inventory *inventory, const char *pci_address, MakeCard make)
{
    g_autofree char *path = g_strdup_printf("sys/bus/pci/devices/%s", pci_address);
    gint64 maximum = root_number(inventory->root, -1, "%s/sriov_totalvfs", path);
    g_autoptr(GPtrArray) names = NULL;
    json_t *sriov;
    json_t *vfs;

    if (maximum < 0)
        return NULL;
    sriov = json_object();
    vfs = json_array();
    set_number(sriov, "maximum_vfs", maximum);
    set_number(sriov, "current_vfs", root_number(inventory->root, 0, "%s/sriov_numvfs", path));
    names = root_list(inventory->root, "%s", path);
    for (guint i = 0; i < names->len; i++) {
        g_autofree char *address = NULL;

        if (!g_str_has_prefix(names->pdata[i], "virtfn"))
            continue;
        address = root_target(inventory->root, "%s/%s", path, (char *)names->pdata[i]);
        if (address != NULL && device_is_vf(inventory->root, address))
            json_array_append_new(vfs, make(inventory, address));
    }
    json_object_set_new(sriov, "vfs", vfs);
    return sriov;
}

gboolean device_is_vf(const HostRoot *root, const char *pci_address)
{
    return root_exists(root, "sys/bus/pci/devices/%s/physfn", pci_address);
}

GPtrArray *device_of_class(const HostRoot *root, guint base_class)
{
    g_autoptr(GPtrArray) all = root_list(root, "sys/bus/pci/devices");
    GPtrArray *found = g_ptr_array_new_with_free_func(g_free);

    for (guint i = 0; i < all->len; i++) {
        gint64 number =
            root_number(root, -1, "sys/bus/pci/devices/%s/class", (char *)all->pdata[i]);

        if (number >= 0 && number >> 16 == base_class)
            g_ptr_array_add(found, g_strdup(all->pdata[i]));
    }
    return found;
}

json_t *device_cards(json_t *cards)
{
    json_int_t total = 0;
    json_t *card;
    gsize i;

    json_array_foreach (cards, i, card)
        total += 1 + (json_int_t)json_array_size(json_at(card, "sriov/vfs"));
    return json_pack("{s:o, s:I}", "cards", cards, "total", total);
}
