#include "resources.h"

#include <sys/statvfs.h>

#include "error.h"
#include "file.h"

json_t *resources_read(const HostRoot *root)
{
    g_autoptr(Ids) pci = ids_read(root, "pci.ids");
    g_autoptr(Ids) usb = ids_read(root, "usb.ids");
    Inventory inventory = {root, pci, usb};
    json_t *all = json_object();

    json_object_set_new(all, "cpu", resources_cpu(&inventory));
    json_object_set_new(all, "memory", resources_memory(&inventory));
    json_object_set_new(all, "gpu", resources_gpu(&inventory));
    json_object_set_new(all, "network", resources_network(&inventory));
    json_object_set_new(all, "storage", resources_storage(&inventory));
    json_object_set_new(all, "pci", resources_pci(&inventory));
    json_object_set_new(all, "usb", resources_usb(&inventory));
    json_object_set_new(all, "system", resources_system(&inventory));
    return all;
}

static json_t *used_and_total(guint64 unit, guint64 total, guint64 available)
{
    return json_pack("{s:I, s:I}", "used", (json_int_t)(unit * (total - MIN(available, total))),
                     "total", (json_int_t)(unit * total));
}

json_t *resources_of_pool(const char *directory, GError **error)
{
    struct statvfs info;

    if (statvfs(directory, &info) != 0) {
        error_errno(error, errno, "ask the file system of %s", directory);
        return NULL;
    }
    return json_pack("{s:o, s:o}", "space",
                     used_and_total(info.f_frsize, info.f_blocks, info.f_bfree), "inodes",
                     used_and_total(1, info.f_files, info.f_ffree));
}
