/* PCI devices: API-620 to API-622. */
#include <string.h>

#include "resources.h"

#define VPD_LIMIT 32768 /* 15 bits of address */

/* Tags of the vital product data (PCI Local Bus Specification 3.0, appendix I). */
enum { VPD_NAME = 0x82, VPD_READ_ONLY = 0x90, VPD_READ_WRITE = 0x91, VPD_LARGE = 0x80 };

static char *clean(const guint8 *bytes, gsize length)
{
    g_autofree char *copy = g_strndup((const char *)bytes, length);

    return g_strstrip(g_utf8_make_valid(copy, -1));
}

/* {KEYWORD: text}; the checksum (RV) and the room left (RW) say nothing about the device. */
static void add_entries(json_t *entries, const guint8 *at, gsize length)
{
    while (length >= 3) {
        gsize size = at[2];
        g_autofree char *key = clean(at, 2);

        if (size > length - 3)
            return;
        if (!g_str_equal(key, "RV") && !g_str_equal(key, "RW"))
            set_text(entries, key, clean(at + 3, size));
        at += 3 + size;
        length -= 3 + size;
    }
}

static json_t *parse_vpd(const guint8 *at, gsize length)
{
    json_t *vpd = json_object();
    json_t *entries = json_object();

    while (length >= 3 && (*at & VPD_LARGE) != 0) {
        gsize size = at[1] | (gsize)at[2] << 8;

        if (size > length - 3)
            break;
        if (*at == VPD_NAME)
            set_text(vpd, "product_name", clean(at + 3, size));
        else if (*at == VPD_READ_ONLY || *at == VPD_READ_WRITE)
            add_entries(entries, at + 3, size);
        at += 3 + size;
        length -= 3 + size;
    }
    if (json_object_size(entries) > 0)
        json_object_set(vpd, "entries", entries);
    json_decref(entries);
    return vpd;
}

static json_t *read_vpd(const HostRoot *root, const char *path)
{
    gsize length;
    g_autofree char *bytes = root_bytes(root, VPD_LIMIT, &length, "%s/vpd", path);

    return bytes != NULL ? parse_vpd((const guint8 *)bytes, length) : json_object();
}

static json_t *read_device(const Inventory *inventory, const char *address)
{
    static const char *const ALWAYS[] = {"driver",    "driver_version", "vendor",
                                         "vendor_id", "product",        "product_id"};
    const HostRoot *root = inventory->root;
    g_autofree char *path = g_strdup_printf("sys/bus/pci/devices/%s", address);
    g_autofree char *group = root_target(root, "%s/iommu_group", path);
    g_autofree char *real = root_real(root, "%s", path);
    json_t *device = json_object();

    for (guint i = 0; i < G_N_ELEMENTS(ALWAYS); i++)
        json_object_set_new(device, ALWAYS[i], json_string(""));
    device_driver(root, path, device);
    device_pci_names(inventory, address, device);
    set_text(device, "pci_address", g_strdup(address));
    set_number(device, "iommu_group",
               group != NULL ? (gint64)g_ascii_strtoull(group, NULL, 10) : 0);
    set_number(device, "numa_node", real != NULL ? device_numa_node(root, real) : 0);
    json_object_set_new(device, "vpd", read_vpd(root, path));
    return device;
}

json_t *resources_pci(const Inventory *inventory)
{
    g_autoptr(GPtrArray) names = root_list(inventory->root, "sys/bus/pci/devices");
    json_t *devices = json_array();

    for (guint i = 0; i < names->len; i++)
        json_array_append_new(devices, read_device(inventory, names->pdata[i]));
    return json_pack("{s:o, s:I}", "devices", devices, "total", (json_int_t)names->len);
}
