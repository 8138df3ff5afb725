/* Graphics cards: API-607 to API-612. Every PCI device of the display class, and what the kernel's
 * graphics subsystem lists beside (USB, platform). */
#include <stdio.h>
#include <string.h>

#include "resources.h"

#define DISPLAY_CLASS 0x03

static void set_node(json_t *drm, const HostRoot *root, const char *kind, const char *name)
{
    g_autofree char *name_key = g_strdup_printf("%s_name", kind);
    g_autofree char *device_key = g_strdup_printf("%s_device", kind);

    set_text(drm, name_key, g_strdup(name));
    set_text(drm, device_key, root_text(root, "sys/class/drm/%s/dev", name));
}

/* The nodes of a device directory: card0, controlD64, renderD128. NULL when it has no card. */
static json_t *read_drm(const HostRoot *root, const char *path)
{
    g_autoptr(GPtrArray) names = root_list(root, "%s/drm", path);
    json_t *drm = json_object();

    for (guint i = 0; i < names->len; i++) {
        const char *name = names->pdata[i];
        guint id;
        char rest;

        if (sscanf(name, "card%u%c", &id, &rest) == 1) {
            set_number(drm, "id", id);
            set_node(drm, root, "card", name);
        } else if (g_str_has_prefix(name, "controlD")) {
            set_node(drm, root, "control", name);
        } else if (g_str_has_prefix(name, "renderD")) {
            set_node(drm, root, "render", name);
        }
    }
    if (json_object_get(drm, "id") == NULL)
        g_clear_pointer(&drm, json_decref);
    return drm;
}

static json_t *read_mdev_type(const HostRoot *root, const char *path)
{
    g_autoptr(GPtrArray) active = root_list(root, "%s/devices", path);
    json_t *type = json_object();
    json_t *devices = json_array();

    for (guint i = 0; i < active->len; i++)
        json_array_append_new(devices, json_string(active->pdata[i]));
    set_text_or_empty(type, "api", root_text(root, "%s/device_api", path));
    set_number(type, "available", root_number(root, 0, "%s/available_instances", path));
    set_text(type, "name", root_text(root, "%s/name", path));
    set_text(type, "description", root_text(root, "%s/description", path));
    json_object_set_new(type, "devices", devices);
    return type;
}

static void set_mdev(const HostRoot *root, const char *path, json_t *card)
{
    g_autoptr(GPtrArray) names = root_list(root, "%s/mdev_supported_types", path);
    json_t *types = json_object();

    for (guint i = 0; i < names->len; i++) {
        g_autofree char *type =
            g_strdup_printf("%s/mdev_supported_types/%s", path, (char *)names->pdata[i]);

        json_object_set_new(types, names->pdata[i], read_mdev_type(root, type));
    }
    if (json_object_size(types) > 0)
        json_object_set(card, "mdev", types);
    json_decref(types);
}

/* Value of "Key: \t value" in one of the files of NVIDIA's driver. Newly allocated, or NULL. */
static char *nvidia_value(const char *text, const char *key)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

    for (char **line = lines; *line != NULL; line++) {
        char *colon = strchr(*line, ':');

        if (colon != NULL && g_str_has_prefix(*line, key) && *line + strlen(key) == colon)
            return g_strdup(g_strstrip(colon + 1));
    }
    return NULL;
}

/* What the driver's files in /proc say. The rest (CUDA version, architecture) only NVIDIA's own
 * library knows. */
static void set_nvidia(const HostRoot *root, const char *address, json_t *card)
{
    g_autofree char *text = root_text(root, "proc/driver/nvidia/gpus/%s/information", address);
    g_autofree char *minor = text != NULL ? nvidia_value(text, "Device Minor") : NULL;
    json_t *nvidia;

    if (text == NULL)
        return;
    nvidia = json_object();
    set_text_or_empty(nvidia, "model", nvidia_value(text, "Model"));
    set_text_or_empty(nvidia, "brand", NULL);
    set_text(nvidia, "uuid", nvidia_value(text, "GPU UUID"));
    set_text(nvidia, "nvrm_version", root_text(root, "sys/module/nvidia/version"));
    if (minor != NULL) {
        set_text(nvidia, "card_name", g_strdup_printf("nvidia%s", minor));
        set_text(nvidia, "card_device", g_strdup_printf("195:%s", minor));
    }
    json_object_set_new(card, "nvidia", nvidia);
}

static json_t *read_card(const Inventory *inventory, const char *path, char **ret_key)
{
    json_t *card = json_object();
    json_t *drm = read_drm(inventory->root, path);

    *ret_key = device_card(inventory, path, card);
    if (drm != NULL)
        json_object_set_new(card, "drm", drm);
    set_mdev(inventory->root, path, card);
    return card;
}

static json_t *read_pci_card(const Inventory *inventory, const char *address)
{
    g_autofree char *path = g_strdup_printf("sys/bus/pci/devices/%s", address);
    g_autofree char *key = NULL;
    json_t *card = read_card(inventory, path, &key);

    set_nvidia(inventory->root, address, card);
    return card;
}

json_t *resources_gpu(const Inventory *inventory)
{
    const HostRoot *root = inventory->root;
    g_autoptr(GPtrArray) addresses = device_of_class(root, DISPLAY_CLASS);
    g_autoptr(GPtrArray) names = root_list(root, "sys/class/drm");
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    json_t *cards = json_array();

    for (guint i = 0; i < addresses->len; i++) {
        const char *address = addresses->pdata[i];
        json_t *card;
        json_t *sriov;

        g_hash_table_add(seen, g_strdup(address));
        if (device_is_vf(root, address))
            continue;
        card = read_pci_card(inventory, address);
        sriov = device_sriov(inventory, address, read_pci_card);
        if (sriov != NULL)
            json_object_set_new(card, "sriov", sriov);
        json_array_append_new(cards, card);
    }
    for (guint i = 0; i < names->len; i++) {
        g_autofree char *path = g_strdup_printf("sys/class/drm/%s/device", (char *)names->pdata[i]);
        g_autofree char *key = NULL;
        json_t *card;
        guint id;
        char rest;

        /* Not the connectors, such as card0-HDMI-A-1. */
        if (sscanf(names->pdata[i], "card%u%c", &id, &rest) != 1)
            continue;
        card = read_card(inventory, path, &key);
        if (key != NULL && g_hash_table_add(seen, g_steal_pointer(&key)))
            json_array_append(cards, card);
        json_decref(card);
    }
    return device_cards(cards);
}
