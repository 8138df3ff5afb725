#include <gio/gio.h>
#include <string.h>

#include "expand.h"
#include "mentions.h"
#include "validate_parts.h"

/* Addresses are compared by meaning. Newly allocated; NULL when `text` is none. */
static char *address_text(const char *text)
{
    g_autoptr(GInetAddress) address = g_inet_address_new_from_string(text);

    return address != NULL ? g_inet_address_to_string(address) : NULL;
}

/* Two NICs with one MAC or one static address on the same bridge and VLAN (D-NIC-BR-05,
 * D-NIC-BR-10, NET-020). */
static void claim(Model *model, const Object *instance, const char *device, const char *member,
                  const json_t *nic, char *value)
{
    const char *link = json_member_string(nic, "network");
    const char *vlan = json_member_string(nic, "vlan");
    g_autofree char *key = NULL;
    const Object *other;

    if (link == NULL)
        link = json_member_string(nic, "parent");
    if (link == NULL || value == NULL) {
        g_free(value);
        return;
    }
    if (model->addresses != NULL) {
        g_hash_table_add(model->addresses, mention_of_address(value));
        g_free(value);
        return;
    }
    key = g_strdup_printf("%s|%s|%s|%s", link, vlan != NULL ? vlan : "", member, value);
    other = g_hash_table_lookup(model->nics, key);
    if (other == NULL) {
        g_hash_table_insert(model->nics, g_steal_pointer(&key), (void *)instance);
    } else if (model_is_selected(model, instance) || model_is_selected(model, other)) {
        g_autofree char *path = g_strdup_printf("devices/%s/%s", device, member);
        g_autofree char *label = object_label(other);

        problem_add(model->problems, PROBLEM_ERROR, instance, path,
                    "%s is used on %s by %s%s already", value, link,
                    other == instance ? "another NIC of " : "", label);
    }
    g_free(value);
}

static void claim_addresses(Model *model, const Object *instance, const char *device,
                            const json_t *nic)
{
    const char *mac = json_member_string(nic, "hwaddr");
    const char *ipv4 = json_member_string(nic, "ipv4.address");
    const char *ipv6 = json_member_string(nic, "ipv6.address");

    if (mac == NULL) {
        g_autofree char *drawn = g_strdup_printf("volatile.%s.hwaddr", device);

        mac = json_member_string(instance->generated, drawn);
    }
    if (mac != NULL)
        claim(model, instance, device, "hwaddr", nic, g_ascii_strdown(mac, -1));
    if (ipv4 != NULL)
        claim(model, instance, device, "ipv4.address", nic, address_text(ipv4));
    if (ipv6 != NULL)
        claim(model, instance, device, "ipv6.address", nic, address_text(ipv6));
}

/* Whether one of `later` (of const json_t *, devices maps) has a device of this name, which then
 * replaces the earlier one (D-GEN-03). */
static gboolean is_replaced(const GPtrArray *later, const char *name)
{
    for (guint i = 0; i < later->len; i++)
        if (json_object_get(later->pdata[i], name) != NULL)
            return TRUE;
    return FALSE;
}

static void claim_devices(Model *model, const Object *instance, const json_t *devices,
                          GPtrArray *later)
{
    const char *name;
    json_t *device;

    json_object_foreach ((json_t *)devices, name, device) {
        if (g_strcmp0(json_member_string(device, "type"), "nic") == 0 && !is_replaced(later, name))
            claim_addresses(model, instance, name, device);
    }
    g_ptr_array_add(later, (void *)devices);
}

/* The NICs that an instance really has; like expand_instance, without building the expansion. Other
 * kinds have none. */
static void claim_of(Model *model, const Object *instance)
{
    g_autoptr(GPtrArray) later = NULL;
    g_autoptr(GPtrArray) profiles = NULL;

    if (instance->id.kind != KIND_INSTANCE)
        return;
    later = g_ptr_array_new();
    profiles = expand_profiles(instance);
    claim_devices(model, instance, json_object_get(instance->spec, "devices"), later);
    for (guint i = profiles->len; i > 0; i--) {
        const Object *profile = snapshot_resolve(model->snapshot, KIND_PROFILE,
                                                 instance->id.project, profiles->pdata[i - 1]);

        if (profile != NULL)
            claim_devices(model, instance, json_object_get(profile->spec, "devices"), later);
    }
}

static void claim_of_all(Model *model, const GPtrArray *objects)
{
    for (guint i = 0; i < objects->len; i++)
        claim_of(model, objects->pdata[i]);
}

static void add_instance(const Model *model, const char *key, GHashTable *instances)
{
    const Object *object = snapshot_get(model->snapshot, key);

    if (object != NULL && object->id.kind == KIND_INSTANCE)
        g_hash_table_add(instances, (void *)object);
}

/* Instances that have one of the addresses, themselves or from a profile. A few too many. */
static GPtrArray *instances_with(const Model *model, GHashTable *addresses)
{
    g_autoptr(GHashTable) keys = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(GHashTable) users = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(GHashTable) found = g_hash_table_new(NULL, NULL);
    GPtrArray *instances = g_ptr_array_new();
    GHashTableIter iter;
    gpointer item;

    g_hash_table_iter_init(&iter, addresses);
    while (g_hash_table_iter_next(&iter, &item, NULL))
        snapshot_mentions(model->snapshot, item, keys);
    g_hash_table_iter_init(&iter, keys);
    while (g_hash_table_iter_next(&iter, &item, NULL)) {
        const Object *object = snapshot_get(model->snapshot, item);
        g_autofree char *word = object != NULL && object->id.kind == KIND_PROFILE
                                    ? mention_of(KIND_PROFILE, object->id.name)
                                    : NULL;

        add_instance(model, item, found);
        if (word != NULL)
            snapshot_mentions(model->snapshot, word, users);
    }
    g_hash_table_iter_init(&iter, users);
    while (g_hash_table_iter_next(&iter, &item, NULL))
        add_instance(model, item, found);
    g_hash_table_iter_init(&iter, found);
    while (g_hash_table_iter_next(&iter, &item, NULL))
        g_ptr_array_add(instances, item);
    g_ptr_array_sort(instances, object_compare);
    return instances;
}

void model_check_addresses(Model *model)
{
    g_autoptr(GHashTable) addresses = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(GPtrArray) instances = NULL;

    if (model->selected == NULL || model->checked->len > snapshot_size(model->snapshot) / 2) {
        for (guint i = 0; i < snapshot_size(model->snapshot); i++)
            claim_of(model, snapshot_at(model->snapshot, i));
        return;
    }
    model->addresses = addresses;
    claim_of_all(model, model->checked);
    model->addresses = NULL;
    instances = instances_with(model, addresses);
    claim_of_all(model, instances);
}
