#include "env.h"

#include <string.h>

#include "refs.h"

#define INTERFACE_NAME 15

char *env_owner(const char *name)
{
    return g_strconcat("env:", name, NULL);
}

char *env_of_owner(const char *owner)
{
    return g_str_has_prefix(owner, "env:")
               ? object_key(KIND_ENVIRONMENT, "", "", owner + strlen("env:"))
               : NULL;
}

/* The name that a network or pool of the files gets in an environment; fits an interface name for
 * networks. */
static char *env_name(const char *environment, KindId kind, const char *name)
{
    g_autofree char *plain = g_strdup_printf("%s-%s", environment, name);
    g_autofree char *digest = NULL;

    if (kind != KIND_NETWORK || strlen(plain) <= INTERFACE_NAME)
        return g_steal_pointer(&plain);
    digest = g_compute_checksum_for_string(G_CHECKSUM_SHA256, plain, -1);
    return g_strdup_printf("e%.8s-%.5s", digest, name);
}

/* ---- what cannot be twice ---- */

typedef struct {
    KindId kind;
    const char *key; /* of config */
    const char *why;
} Fixed;

static const Fixed FIXED[] = {
    {KIND_POOL, "source", "two copies would share it; leave it out"},
    {KIND_NETWORK, "bridge.external_interfaces", "an interface of the host is in one bridge only"},
    {KIND_NETWORK, "bridge.hwaddr", "two copies would have the same address; leave it out"},
    {KIND_NETWORK, "ipv4.dhcp.ranges", "the subnet is drawn; leave it out"},
    {KIND_NETWORK, "ipv6.dhcp.ranges", "the subnet is drawn; leave it out"},
    {KIND_NETWORK, "ipv4.routes", "two copies would route the same networks; leave it out"},
    {KIND_NETWORK, "ipv6.routes", "two copies would route the same networks; leave it out"},
};

/* Of NICs. */
static const char *const FIXED_NIC[] = {"ipv4.address", "ipv6.address", "hwaddr", "host_name"};

static void refuse(const Object *object, const char *path, const char *why, Problems *problems)
{
    problem_add(problems, PROBLEM_ERROR, object, path, "not in an environment: %s", why);
}

static void check_config(const Object *object, Problems *problems)
{
    const json_t *config = json_object_get(object->spec, "config");

    for (guint i = 0; i < G_N_ELEMENTS(FIXED); i++) {
        g_autofree char *path = g_strconcat("config/", FIXED[i].key, NULL);

        if (object->id.kind == FIXED[i].kind && json_object_get(config, FIXED[i].key) != NULL)
            refuse(object, path, FIXED[i].why, problems);
    }
}

static void check_devices(const Object *object, Problems *problems)
{
    const char *name;
    json_t *device;

    json_object_foreach (json_object_get(object->spec, "devices"), name, device) {
        for (guint i = 0; i < G_N_ELEMENTS(FIXED_NIC); i++) {
            g_autofree char *path = g_strdup_printf("devices/%s/%s", name, FIXED_NIC[i]);

            if (g_strcmp0(json_member_string(device, "type"), "nic") == 0 &&
                json_object_get(device, FIXED_NIC[i]) != NULL &&
                g_strcmp0(json_member_string(device, FIXED_NIC[i]), "none") != 0)
                refuse(object, path, "two copies would both have it; leave it out", problems);
        }
    }
}

static gboolean is_of_host(const Object *object)
{
    switch (object->id.kind) {
    case KIND_NETWORK:
    case KIND_POOL:
    case KIND_PROFILE:
    case KIND_IMAGE:
    case KIND_INSTANCE:
        return FALSE;
    default:
        return TRUE;
    }
}

static void check(const Object *object, Problems *problems)
{
    if (is_of_host(object)) {
        refuse(object, "", "it belongs to the whole host", problems);
        return;
    }
    if (*object->id.project != '\0' && strcmp(object->id.project, "default") != 0) {
        refuse(object, "project", "it is a project itself; leave `project` out", problems);
        return;
    }
    check_config(object, problems);
    check_devices(object, problems);
}

/* ---- rewriting ---- */

typedef struct {
    const char *name;    /* of the environment */
    GHashTable *renamed; /* "network/lan" -> new name */
} Place;

static const char *new_name(const Place *place, KindId kind, const char *name)
{
    g_autofree char *word = g_strdup_printf("%s/%s", KINDS[kind]->name, name);

    return g_hash_table_lookup(place->renamed, word);
}

/* Puts the new names where the rows say that there are names. */
static void rename_references(const Place *place, const Object *object, json_t *spec)
{
    g_autoptr(GArray) references = refs_of_spec(object);

    for (guint i = 0; i < references->len; i++) {
        const Reference *reference = &g_array_index(references, Reference, i);
        const char *name = new_name(place, reference->kind, reference->name);
        g_auto(GStrv) parts = NULL;
        json_t *holder = spec;
        guint last;

        if (name == NULL)
            continue;
        parts = g_strsplit(reference->path, "/", -1);
        last = g_strv_length(parts) - 1;
        for (guint j = 0; j < last; j++)
            holder = json_object_get(holder, parts[j]);
        json_object_set_new(holder, parts[last], json_string(name));
    }
}

/* A NIC may name a managed bridge as its parent, too. */
static void rename_parents(const Place *place, json_t *spec)
{
    const char *key;
    json_t *device;

    json_object_foreach (json_object_get(spec, "devices"), key, device) {
        const char *parent = json_member_string(device, "parent");
        const char *name = parent != NULL ? new_name(place, KIND_NETWORK, parent) : NULL;

        if (name != NULL)
            json_object_set_new(device, "parent", json_string(name));
    }
}

static void rename_after(const Place *place, json_t *spec)
{
    json_t *list = json_object_get(spec, "after");
    size_t i;
    json_t *item;

    json_array_foreach (list, i, item) {
        g_auto(GStrv) parts = g_strsplit(json_string_value(item), "/", 2);
        const Kind *kind = parts[0] != NULL ? kind_by_name(parts[0]) : NULL;
        const char *name =
            kind != NULL && parts[1] != NULL ? new_name(place, kind->id, parts[1]) : NULL;

        if (name != NULL)
            json_array_set_new(list, i, json_sprintf("%s/%s", kind->name, name));
    }
}

/* A subnet that the files fix is drawn anew, so that copies do not meet. */
static void draw_subnets(json_t *config)
{
    static const char *const keys[] = {"ipv4.address", "ipv6.address"};

    for (guint i = 0; i < G_N_ELEMENTS(keys); i++) {
        const char *address = json_member_string(config, keys[i]);

        if (address != NULL && strcmp(address, "none") != 0)
            json_object_set_new(config, keys[i], json_string("auto"));
    }
}

static Object *place_object(const Place *place, const Object *object)
{
    const char *own = new_name(place, object->id.kind, object->id.name);
    gboolean outside = object->id.kind == KIND_NETWORK || object->id.kind == KIND_POOL;
    g_autoptr(json_t) spec = json_deep_copy(object->spec);

    rename_references(place, object, spec);
    rename_parents(place, spec);
    rename_after(place, spec);
    if (object->id.kind == KIND_NETWORK)
        draw_subnets(json_object_get(spec, "config"));
    return object_moved(object, outside ? object->id.project : place->name,
                        own != NULL ? own : object->id.name, g_steal_pointer(&spec));
}

static json_t *file_list(const Input *input)
{
    json_t *list = json_array();

    for (guint i = 0; i < input->files->len; i++)
        json_array_append_new(list, json_string(input->files->pdata[i]));
    return list;
}

static Object *project_of(const char *name)
{
    return object_new(KIND_PROJECT, "", "", name,
                      json_pack("{s:s, s:{s:s, s:s, s:s, s:s}}", "description", "an environment",
                                "config", "features.images", "true", "features.networks", "false",
                                "features.profiles", "true", "features.storage.volumes", "true"),
                      NULL);
}

static Object *environment_of(const Input *input, const Lease *lease)
{
    json_t *spec =
        json_pack("{s:s, s:o, s:s*, s:s*}", "project", lease->name, "files", file_list(input),
                  "lease_owner", lease->owner, "expires_at", lease->expires_at);

    return object_new(KIND_ENVIRONMENT, "", "", lease->name, spec, NULL);
}

gboolean env_place(Input *input, const Lease *lease, Problems *problems)
{
    g_autoptr(GHashTable) renamed = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    Place place = {lease->name, renamed};
    guint errors = problems->errors;

    for (guint i = 0; i < input->objects->len; i++) {
        const Object *object = input->objects->pdata[i];

        check(object, problems);
        if (object->id.kind == KIND_NETWORK || object->id.kind == KIND_POOL)
            g_hash_table_insert(
                renamed, g_strdup_printf("%s/%s", KINDS[object->id.kind]->name, object->id.name),
                env_name(lease->name, object->id.kind, object->id.name));
    }
    if (problems->errors > errors)
        return FALSE;
    for (guint i = 0; i < input->objects->len; i++) {
        Object *placed = place_object(&place, input->objects->pdata[i]);

        object_unref(input->objects->pdata[i]);
        input->objects->pdata[i] = placed;
    }
    g_ptr_array_add(input->objects, project_of(lease->name));
    g_ptr_array_add(input->objects, environment_of(input, lease));
    return TRUE;
}

/* ---- what is there of one ---- */

GPtrArray *env_keys(const Snapshot *model, const char *name)
{
    GPtrArray *keys = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *owner = env_owner(name);

    for (guint i = 0; i < snapshot_size(model); i++) {
        const Object *object = snapshot_at(model, i);

        /* The environment itself may have been given another owner. */
        if (strcmp(object->owner, owner) == 0 || strcmp(object->id.project, name) == 0 ||
            (object->id.kind == KIND_ENVIRONMENT && strcmp(object->id.name, name) == 0))
            g_ptr_array_add(keys, g_strdup(object->key));
    }
    return keys;
}

GPtrArray *env_expired(const Snapshot *model, gint64 now, gint64 *ret_next)
{
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    gint64 next = 0;
    guint first, count;

    snapshot_range(model, KIND_ENVIRONMENT, "", &first, &count);
    for (guint i = first; i < first + count; i++) {
        const Object *object = snapshot_at(model, i);
        const char *text = json_member_string(object->spec, "expires_at");
        g_autoptr(GDateTime) time = text != NULL ? g_date_time_new_from_iso8601(text, NULL) : NULL;
        gint64 end = time != NULL ? g_date_time_to_unix(time) : 0;

        if (end != 0 && end <= now)
            g_ptr_array_add(names, g_strdup(object->id.name));
        else if (end != 0 && (next == 0 || end < next))
            next = end;
    }
    if (ret_next != NULL)
        *ret_next = next;
    return names;
}
