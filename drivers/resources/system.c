/* The machine as its firmware describes it: API-629 to API-632. */
#include <string.h>

#include "resources.h"

#define DMI_DIR "sys/class/dmi/id"

/* Chassis types of the SMBIOS specification, 7.4.1. */
static const char *const CHASSIS[] = {
    "unspecified",
    "other",
    "unknown",
    "desktop",
    "low profile desktop",
    "pizza box",
    "mini tower",
    "tower",
    "portable",
    "laptop",
    "notebook",
    "hand held",
    "docking station",
    "all in one",
    "sub notebook",
    "space-saving",
    "lunch box",
    "main server chassis",
    "expansion chassis",
    "sub chassis",
    "bus expansion chassis",
    "peripheral chassis",
    "RAID chassis",
    "rack mount chassis",
    "sealed-case PC",
    "multi-system chassis",
    "compact PCI",
    "advanced TCA",
    "blade",
    "blade enclosure",
    "tablet",
    "convertible",
    "detachable",
    "IoT gateway",
    "embedded PC",
    "mini PC",
    "stick PC",
};

/* Names in firmware tables of what runs virtual machines. */
static const char *const HYPERVISORS[] = {
    "KVM",          "QEMU",
    "VMware",       "VMW",
    "innotek GmbH", "VirtualBox",
    "Xen",          "Bochs",
    "Parallels",    "BHYVE",
    "Amazon EC2",   "Google Compute Engine",
    "OpenStack",    "Virtual Machine",
};

static char *dmi(const HostRoot *root, const char *file)
{
    return root_text(root, DMI_DIR "/%s", file);
}

/* A container's first process has this in its environment, as container managers agreed. */
static gboolean in_container(const HostRoot *root)
{
    gsize length;
    g_autofree char *environment = root_bytes(root, 65536, &length, "proc/1/environ");

    for (const char *at = environment; at != NULL && at < environment + length;
         at += strlen(at) + 1) {
        if (g_str_has_prefix(at, "container=") && at[strlen("container=")] != '\0')
            return TRUE;
    }
    return root_exists(root, "run/systemd/container") || root_exists(root, "run/.containerenv") ||
           root_exists(root, ".dockerenv");
}

static gboolean in_virtual_machine(const HostRoot *root)
{
    static const char *const FILES[] = {"product_name", "sys_vendor", "board_vendor",
                                        "bios_vendor"};
    g_autofree char *cpuinfo = root_text(root, "proc/cpuinfo");

    /* The processor's own flag, on x86. */
    if (cpuinfo != NULL && strstr(cpuinfo, " hypervisor") != NULL)
        return TRUE;
    for (guint i = 0; i < G_N_ELEMENTS(FILES); i++) {
        g_autofree char *text = dmi(root, FILES[i]);

        for (guint n = 0; text != NULL && n < G_N_ELEMENTS(HYPERVISORS); n++) {
            if (g_str_has_prefix(text, HYPERVISORS[n]))
                return TRUE;
        }
    }
    return root_exists(root, "sys/hypervisor/type");
}

static json_t *read_chassis(const HostRoot *root)
{
    gint64 type = root_number(root, -1, DMI_DIR "/chassis_type");
    json_t *chassis = json_object();

    set_text_or_empty(chassis, "vendor", dmi(root, "chassis_vendor"));
    set_text_or_empty(chassis, "serial", dmi(root, "chassis_serial"));
    set_text_or_empty(chassis, "version", dmi(root, "chassis_version"));
    set_text_or_empty(chassis, "type",
                      type >= 0 && type < (gint64)G_N_ELEMENTS(CHASSIS) ? g_strdup(CHASSIS[type])
                                                                        : NULL);
    return chassis;
}

static json_t *read_firmware(const HostRoot *root)
{
    json_t *firmware = json_object();

    set_text_or_empty(firmware, "vendor", dmi(root, "bios_vendor"));
    set_text_or_empty(firmware, "date", dmi(root, "bios_date"));
    set_text_or_empty(firmware, "version", dmi(root, "bios_version"));
    return firmware;
}

static json_t *read_motherboard(const HostRoot *root)
{
    json_t *board = json_object();

    set_text_or_empty(board, "vendor", dmi(root, "board_vendor"));
    set_text_or_empty(board, "product", dmi(root, "board_name"));
    set_text_or_empty(board, "serial", dmi(root, "board_serial"));
    set_text_or_empty(board, "version", dmi(root, "board_version"));
    return board;
}

json_t *resources_system(const Inventory *inventory)
{
    const HostRoot *root = inventory->root;
    gboolean described = root_exists(root, DMI_DIR);
    json_t *machine = json_object();

    set_text_or_empty(machine, "uuid", dmi(root, "product_uuid"));
    set_text_or_empty(machine, "vendor", dmi(root, "sys_vendor"));
    set_text_or_empty(machine, "product", dmi(root, "product_name"));
    set_text_or_empty(machine, "family", dmi(root, "product_family"));
    set_text_or_empty(machine, "version", dmi(root, "product_version"));
    set_text_or_empty(machine, "sku", dmi(root, "product_sku"));
    set_text_or_empty(machine, "serial", dmi(root, "product_serial"));
    set_text(machine, "type",
             g_strdup(in_container(root)         ? "container"
                      : in_virtual_machine(root) ? "virtual-machine"
                                                 : "physical"));
    json_object_set_new(machine, "chassis", described ? read_chassis(root) : json_null());
    json_object_set_new(machine, "firmware", described ? read_firmware(root) : json_null());
    json_object_set_new(machine, "motherboard", described ? read_motherboard(root) : json_null());
    return machine;
}
