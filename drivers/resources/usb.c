/* USB devices: API-633 to API-635. Hubs are left out: nothing of them can be given to an instance.
 */
#include <stdlib.h>
#include <string.h>

#include "resources.h"

#define USB_DIR "sys/bus/usb/devices"
#define CLASS_HUB 9

/* A file of hexadecimal digits without 0x. */
static guint read_hex(const HostRoot *root, const char *path, const char *file)
{
    g_autofree char *text = root_text(root, "%s/%s", path, file);

    return text != NULL ? (guint)g_ascii_strtoull(text, NULL, 16) & 0xff : 0;
}

static json_t *read_interface(const Inventory *inventory, const char *path)
{
    guint class_id = read_hex(inventory->root, path, "bInterfaceClass");
    guint subclass_id = read_hex(inventory->root, path, "bInterfaceSubClass");
    json_t *interface = json_object();

    set_text_or_empty(interface, "class", g_strdup(ids_class(inventory->usb, class_id)));
    set_number(interface, "class_id", class_id);
    set_text_or_empty(interface, "subclass",
                      g_strdup(ids_subclass(inventory->usb, class_id, subclass_id)));
    set_number(interface, "subclass_id", subclass_id);
    set_number(interface, "number", read_hex(inventory->root, path, "bInterfaceNumber"));
    device_driver(inventory->root, path, interface);
    return interface;
}

/* The parts of "1-2" are "1-2:1.0", "1-2:1.1", ... */
static json_t *read_interfaces(const Inventory *inventory, const char *device,
                               const GPtrArray *names)
{
    g_autofree char *prefix = g_strconcat(device, ":", NULL);
    json_t *interfaces = json_array();

    for (guint i = 0; i < names->len; i++) {
        g_autofree char *path = g_strconcat(USB_DIR "/", names->pdata[i], NULL);

        if (g_str_has_prefix(names->pdata[i], prefix))
            json_array_append_new(interfaces, read_interface(inventory, path));
    }
    return interfaces;
}

static json_t *read_device(const Inventory *inventory, const char *name, const GPtrArray *names)
{
    const HostRoot *root = inventory->root;
    g_autofree char *path = g_strconcat(USB_DIR "/", name, NULL);
    gint64 bus = root_number(root, -1, "%s/busnum", path);
    gint64 number = root_number(root, -1, "%s/devnum", path);
    g_autofree char *speed = NULL;
    json_t *device;

    if (bus < 0 || number < 0 || read_hex(root, path, "bDeviceClass") == CLASS_HUB)
        return NULL;
    device = json_object();
    speed = root_text(root, "%s/speed", path);
    set_number(device, "bus_address", bus);
    set_number(device, "device_address", number);
    set_text_or_empty(device, "vendor", NULL);
    set_text_or_empty(device, "product", NULL);
    device_usb_names(inventory, path, device);
    json_object_set_new(device, "speed",
                        json_real(speed != NULL ? g_ascii_strtod(speed, NULL) : 0));
    json_object_set_new(device, "interfaces", read_interfaces(inventory, name, names));
    return device;
}

json_t *resources_usb(const Inventory *inventory)
{
    g_autoptr(GPtrArray) names = root_list(inventory->root, USB_DIR);
    json_t *devices = json_array();

    for (guint i = 0; i < names->len; i++) {
        json_t *device = NULL;

        if (strchr(names->pdata[i], ':') == NULL)
            device = read_device(inventory, names->pdata[i], names);
        if (device != NULL)
            json_array_append_new(devices, device);
    }
    return json_pack("{s:o, s:I}", "devices", devices, "total",
                     (json_int_t)json_array_size(devices));
}
