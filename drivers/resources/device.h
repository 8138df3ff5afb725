/* What the sections of the inventory share: where a device hangs, and who made it. */
#pragma once

#include "ids.h"

/* What a section reads from. */
typedef struct {
    const HostRoot *root;
    Ids *pci;
    Ids *usb;
} Inventory;

/* PCI address ("0000:00:02.0") of the device itself or the nearest one that it hangs on, by its
 * real path; NULL when there is none. Newly allocated. */
char *device_pci_address(const char *real_path);
/* "BUS:DEVICE" of the USB device that it is or hangs on; NULL when there is none. Newly allocated.
 */
char *device_usb_address(const HostRoot *root, const char *real_path);

/* NUMA node of a device directory or of what it hangs on; 0 when the host has none. */
gint64 device_numa_node(const HostRoot *root, const char *real_path);

/* Sets driver and driver_version of a device directory: the module's own version, or else the
 * kernel's release. Nothing when no driver has it. */
void device_driver(const HostRoot *root, const char *path, json_t *ret);
/* Sets vendor, vendor_id, product, product_id of a PCI address. */
void device_pci_names(const Inventory *inventory, const char *address, json_t *ret);
/* Sets them of a USB device's directory. */
void device_usb_names(const Inventory *inventory, const char *path, json_t *ret);

/* Sets all that network and graphics cards share, of a device directory: driver, NUMA node,
 * pci_address, usb_address, vendor, product. Returns a key that is the same for all parts of one
 * card, newly allocated, or NULL when it hangs on no bus that is known. */
char *device_card(const Inventory *inventory, const char *path, json_t *ret);

/* `make` of every virtual function of a PCI device, as {current_vfs, maximum_vfs, vfs}; NULL when
 * it can have none. New reference. */
typedef json_t *(*MakeCard)(const Inventory *inventory, const char *pci_address);
json_t *device_sriov(const Inventory *inventory, const char *pci_address, MakeCard make);
/* Whether a PCI device is a virtual function of another. */
gboolean device_is_vf(const HostRoot *root, const char *pci_address);

/* PCI addresses of all devices of a base class (0x02 network, 0x03 display), in order. Of char *.
 */
GPtrArray *device_of_class(const HostRoot *root, guint base_class);

/* {"cards": cards, "total": cards and virtual functions}. Steals `cards`. */
json_t *device_cards(json_t *cards);
