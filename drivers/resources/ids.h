/* Names of vendors, products and classes by their numbers: the files pci.ids and usb.ids of the
 * Debian packages of these names (or of hwdata). Without them every look-up gives NULL. */
#pragma once

#include "root.h"

typedef struct Ids Ids;

/* Reads one file: "pci.ids" or "usb.ids". Never NULL. */
Ids *ids_read(const HostRoot *root, const char *file);
void ids_free(Ids *ids);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Ids, ids_free)

/* `vendor` and `product` are four lower case hexadecimal digits. Borrowed, or NULL. */
const char *ids_vendor(const Ids *ids, const char *vendor);
const char *ids_product(const Ids *ids, const char *vendor, const char *product);
/* Class and subclass numbers of a USB device or interface. Borrowed, or NULL. */
const char *ids_class(const Ids *ids, guint class_id);
const char *ids_subclass(const Ids *ids, guint class_id, guint subclass_id);
