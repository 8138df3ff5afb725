/* What the host is made of, in the shape of `GET /1.0/resources` (API-601 to API-635). Observing
 * only; takes some milliseconds, so that callers may want to ask a worker for it. What cannot be
 * read is left out; docs/resources.md lists where the values come from. */
#pragma once

#include "device.h"

/* {"cpu", "memory", "gpu", "network", "storage", "pci", "usb", "system"}. New reference. */
json_t *resources_read(const HostRoot *root);

/* One section each, in a file of its name. New references. */
json_t *resources_cpu(const Inventory *inventory);
json_t *resources_memory(const Inventory *inventory);
json_t *resources_gpu(const Inventory *inventory);
json_t *resources_network(const Inventory *inventory);
json_t *resources_storage(const Inventory *inventory);
json_t *resources_pci(const Inventory *inventory);
json_t *resources_usb(const Inventory *inventory);
json_t *resources_system(const Inventory *inventory);

/* {"space": {"used", "total"}, "inodes": {"used", "total"}} of the file system that a pool's
 * directory is on (API-626): bytes, and numbers of inodes (0 where the file system counts none).
 * NULL with an error when it cannot be asked. New reference. */
json_t *resources_of_pool(const char *directory, GError **error);
