#include "look.h"

#include <string.h>

#include "file.h"
#include "instance/ended.h"
#include "instance/facts.h"
#include "instance/record.h"
#include "network/settings.h"
#include "resources/link_state.h"

#define LEASES_MAX_BYTES (16u << 20)

/* Lines of all lease files: TIME MAC ADDRESS NAME ID. Of GStrv. */
static GPtrArray *read_leases(const char *dir)
{
    GPtrArray *leases = g_ptr_array_new_with_free_func((GDestroyNotify)g_strfreev);
    g_autofree char *folder = g_build_filename(dir, "networks", NULL);
    g_autoptr(GDir) networks = g_dir_open(folder, 0, NULL);
    const char *network;

    while (networks != NULL && (network = g_dir_read_name(networks)) != NULL) {
        g_autofree char *path = g_build_filename(folder, network, "dnsmasq.leases", NULL);
        g_autofree char *text = NULL;
        g_auto(GStrv) lines = NULL;

        if (!file_read(path, LEASES_MAX_BYTES, &text, NULL, NULL))
            continue;
        lines = g_strsplit(text, "\n", -1);
        for (guint i = 0; lines[i] != NULL; i++) {
            g_auto(GStrv) words = g_strsplit(lines[i], " ", 5);

            if (g_strv_length(words) >= 3)
                g_ptr_array_add(leases, g_steal_pointer(&words));
        }
    }
    return leases;
}

static char *addresses_of(const GPtrArray *leases, const Object *instance)
{
    g_autoptr(GString) found = g_string_new(NULL);
    const char *key;
    json_t *value;

    for (guint i = 0; i < leases->len; i++) {
        char **words = leases->pdata[i];

        json_object_foreach (instance->generated, key, value)
            if (g_str_has_suffix(key, ".hwaddr") &&
                g_strcmp0(json_string_value(value), words[1]) == 0)
                g_string_append_printf(found, "%s%s", found->len > 0 ? " " : "", words[2]);
    }
    return g_strdup(found->str);
}

/* The family of the addresses that a network gives by itself; NULL: it gives none. */
static const char *family_given(const Object *network)
{
    Family family;

    for (int version = 4; version <= 6; version += 2) {
        settings_family(network, version, &family);
        if (family.present && family.dhcp)
            return version == 4 ? "inet" : "inet6";
    }
    return NULL;
}

/* The first address of a family, other hosts' sight of it, on the interface with a MAC address.
 * Borrowed. */
static const char *address_on(const json_t *links, const char *mac, const char *family)
{
    const char *name;
    json_t *link, *address;
    size_t i;

    json_object_foreach ((json_t *)links, name, link) {
        if (mac == NULL || g_ascii_strcasecmp(json_member_string(link, "hwaddr"), mac) != 0)
            continue;
        json_array_foreach (json_object_get(link, "addresses"), i, address)
            if (g_strcmp0(json_member_string(address, "family"), family) == 0 &&
                g_strcmp0(json_member_string(address, "scope"), "global") == 0)
                return json_member_string(address, "address");
    }
    return NULL;
}

static json_t *nics_of(const Context *context, const Object *instance, pid_t init)
{
    g_autoptr(json_t) links = link_states_inside(init, NULL);
    g_auto(Expanded) expanded = {0};
    json_t *nics = json_object();
    const char *name;
    json_t *device;

    expand_instance(context->next, instance, &expanded);
    json_object_foreach (expanded.devices, name, device) {
        const Object *network =
            device_is(device, "nic") ? nic_network(context, instance, device) : NULL;
        const char *family = network != NULL ? family_given(network) : NULL;

        if (family == NULL)
            continue;
        json_object_set_new(
            nics, name,
            json_pack("{s:s, s:s*}", "network", network->id.name, "address",
                      address_on(links, device_value(&expanded, name, "hwaddr"), family)));
    }
    return nics;
}

static void look_at_instance(const Context *context, const GPtrArray *leases,
                             const Object *instance, json_t *seen)
{
    g_autofree char *addresses = addresses_of(leases, instance);
    g_autofree char *name = disk_name(instance->id.project, instance->id.name);
    g_autoptr(json_t) record = record_read(context->dir, name, NULL);
    pid_t init = record_init(record);
    json_t *ended = init == 0 ? ended_read(context->dir, name) : NULL;

    json_object_set_new(seen, "addresses", json_string(addresses));
    if (init != 0)
        json_object_set_new(seen, "nics", nics_of(context, instance, init));
    if (ended != NULL)
        json_object_set_new(seen, "ended", ended);
}

json_t *look_at_objects(Engine *engine, const GPtrArray *objects)
{
    const char *dir = engine_host(engine)->dir;
    g_autoptr(Snapshot) stored = engine_ref_stored(engine);
    const Context context = {.next = stored, .dir = dir};
    g_autoptr(GPtrArray) leases = read_leases(dir);
    json_t *found = json_object();

    for (guint i = 0; i < objects->len; i++) {
        const Object *object = objects->pdata[i];
        json_t *expected = NULL;
        g_autoptr(GError) error = NULL;
        json_t *facts = engine_observe(engine, object, &expected, &error);
        json_t *seen = facts != NULL ? json_pack("{s:o, s:o}", "facts", facts, "expected", expected)
                                     : json_pack("{s:s}", "error", error->message);

        if (object->id.kind == KIND_INSTANCE)
            look_at_instance(&context, leases, object, seen);
        json_object_set_new(found, object->key, seen);
    }
    return found;
}
