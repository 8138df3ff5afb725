/* Disks: API-623 to API-625. Everything in sys/class/block that hangs on a device; loops, device
 * mapper and RAM disks do not. */
#include <string.h>

#include "resources.h"

#define BLOCK_DIR "sys/class/block"
#define SECTOR 512 /* the unit of `size`, whatever the disk's own */

static json_t *read_partition(const HostRoot *root, const char *disk, const char *name)
{
    json_t *partition = json_object();

    set_text_or_empty(partition, "id", g_strdup(name));
    set_text_or_empty(partition, "device", root_text(root, BLOCK_DIR "/%s/%s/dev", disk, name));
    set_number(partition, "partition",
               root_number(root, 0, BLOCK_DIR "/%s/%s/partition", disk, name));
    set_number(partition, "size",
               root_number(root, 0, BLOCK_DIR "/%s/%s/size", disk, name) * SECTOR);
    json_object_set_new(partition, "read_only",
                        json_boolean(root_number(root, 0, BLOCK_DIR "/%s/%s/ro", disk, name) == 1));
    return partition;
}

static json_t *read_partitions(const HostRoot *root, const char *disk)
{
    g_autoptr(GPtrArray) names = root_list(root, BLOCK_DIR "/%s", disk);
    json_t *partitions = json_array();

    for (guint i = 0; i < names->len; i++) {
        const char *name = names->pdata[i];

        if (g_str_has_prefix(name, disk) &&
            root_exists(root, BLOCK_DIR "/%s/%s/partition", disk, name))
            json_array_append_new(partitions, read_partition(root, disk, name));
    }
    return partitions;
}

/* Name of the first link in a folder of /dev/disk that leads to a device node; NULL when there is
 * none. Newly allocated. */
static char *name_of_link(const HostRoot *root, const char *folder, const char *disk)
{
    g_autoptr(GPtrArray) names = root_list(root, "dev/disk/%s", folder);

    for (guint i = 0; i < names->len; i++) {
        g_autofree char *target =
            root_target(root, "dev/disk/%s/%s", folder, (char *)names->pdata[i]);

        if (g_strcmp0(target, disk) == 0)
            return g_strdup(names->pdata[i]);
    }
    return NULL;
}

static char *either(char *first, const char *second)
{
    return first != NULL ? first : g_strdup(second);
}

static const char *first_property(GHashTable *properties, const char *const *keys)
{
    const char *value = NULL;

    for (; *keys != NULL && (value == NULL || *value == '\0'); keys++)
        value = g_hash_table_lookup(properties, *keys);
    return value;
}

static gboolean property_is(GHashTable *properties, const char *key, const char *wanted)
{
    return g_strcmp0(g_hash_table_lookup(properties, key), wanted) == 0;
}

/* "virtio", "nvme", "scsi", ... by the bus, finer where udev knows: "cdrom", "usb", "sata". */
static char *type_of(const HostRoot *root, const char *disk, GHashTable *udev)
{
    if (property_is(udev, "ID_CDROM", "1"))
        return g_strdup("cdrom");
    if (property_is(udev, "ID_USB_DRIVER", "usb-storage"))
        return g_strdup("usb");
    if (property_is(udev, "ID_ATA_SATA", "1"))
        return g_strdup("sata");
    return root_target(root, BLOCK_DIR "/%s/device/subsystem", disk);
}

/* Turns a minute; 1 stands for a disk that turns at a speed that nobody knows, 0 for one that does
 * not. */
static gint64 rpm_of(const HostRoot *root, const char *disk, GHashTable *udev)
{
    const char *text = g_hash_table_lookup(udev, "ID_ATA_ROTATION_RATE_RPM");
    gint64 rpm = text != NULL ? (gint64)g_ascii_strtoull(text, NULL, 10) : 0;

    if (rpm > 0)
        return rpm;
    return root_number(root, 0, BLOCK_DIR "/%s/queue/rotational", disk) == 1 ? 1 : 0;
}

static void set_identity(const HostRoot *root, const char *disk, GHashTable *udev, json_t *ret)
{
    static const char *const SERIALS[] = {"SCSI_IDENT_SERIAL", "ID_SCSI_SERIAL", "ID_SERIAL_SHORT",
                                          NULL};
    static const char *const MODELS[] = {"ID_MODEL", NULL};
    static const char *const REVISIONS[] = {"ID_REVISION", NULL};
    static const char *const WWNS[] = {"ID_WWN_WITH_EXTENSION", "ID_WWN", NULL};
    g_autofree char *serial = root_text(root, BLOCK_DIR "/%s/device/serial", disk);
    g_autofree char *wwid = root_text(root, BLOCK_DIR "/%s/wwid", disk);

    if (wwid == NULL)
        wwid = root_text(root, BLOCK_DIR "/%s/device/wwid", disk);
    if (serial == NULL)
        serial = root_text(root, BLOCK_DIR "/%s/serial", disk);
    set_text(
        ret, "model",
        either(root_text(root, BLOCK_DIR "/%s/device/model", disk), first_property(udev, MODELS)));
    set_text(ret, "firmware_version",
             either(root_text(root, BLOCK_DIR "/%s/device/firmware_rev", disk),
                    first_property(udev, REVISIONS)));
    set_text(ret, "serial", either(g_steal_pointer(&serial), first_property(udev, SERIALS)));
    set_text(ret, "wwn", either(g_steal_pointer(&wwid), first_property(udev, WWNS)));
    set_text_or_empty(ret, "device_id", name_of_link(root, "by-id", disk));
    set_text(ret, "device_path", name_of_link(root, "by-path", disk));
}

static json_t *read_disk(const HostRoot *root, const char *name)
{
    g_autofree char *real = root_real(root, BLOCK_DIR "/%s", name);
    g_autofree char *number = root_text(root, BLOCK_DIR "/%s/dev", name);
    g_autofree char *udev_path = g_strdup_printf("run/udev/data/b%s", number != NULL ? number : "");
    g_autoptr(GHashTable) udev = root_properties(root, "E:", udev_path);
    json_t *disk = json_object();

    set_text(disk, "id", g_strdup(name));
    set_text_or_empty(disk, "device", g_steal_pointer(&number));
    set_text(disk, "type", type_of(root, name, udev));
    set_number(disk, "size", root_number(root, 0, BLOCK_DIR "/%s/size", name) * SECTOR);
    set_number(disk, "block_size",
               root_number(root, 0, BLOCK_DIR "/%s/queue/physical_block_size", name));
    set_number(disk, "rpm", rpm_of(root, name, udev));
    json_object_set_new(disk, "read_only",
                        json_boolean(root_number(root, 0, BLOCK_DIR "/%s/ro", name) == 1));
    json_object_set_new(disk, "removable",
                        json_boolean(root_number(root, 0, BLOCK_DIR "/%s/removable", name) == 1));
    set_identity(root, name, udev, disk);
    if (real != NULL) {
        set_number(disk, "numa_node", device_numa_node(root, real));
        set_text(disk, "pci_address", device_pci_address(real));
        set_text(disk, "usb_address", device_usb_address(root, real));
    }
    json_object_set_new(disk, "partitions", read_partitions(root, name));
    return disk;
}

json_t *resources_storage(const Inventory *inventory)
{
    const HostRoot *root = inventory->root;
    g_autoptr(GPtrArray) names = root_list(root, BLOCK_DIR);
    json_t *disks = json_array();
    json_int_t total = 0;

    for (guint i = 0; i < names->len; i++) {
        json_t *disk;

        /* Hidden ones are paths of a multipath disk, which is listed itself. */
        if (!root_exists(root, BLOCK_DIR "/%s/device", (char *)names->pdata[i]) ||
            !root_exists(root, BLOCK_DIR "/%s/dev", (char *)names->pdata[i]) ||
            root_number(root, 0, BLOCK_DIR "/%s/hidden", (char *)names->pdata[i]) == 1)
            continue;
        disk = read_disk(root, names->pdata[i]);
        total += 1 + (json_int_t)json_array_size(json_object_get(disk, "partitions"));
        json_array_append_new(disks, disk);
    }
    return json_pack("{s:o, s:I}", "disks", disks, "total", total);
}
