/* What is drawn for a network: its MAC address and, at creation, free subnets (NET-BR-04, 15, 27,
 * 60; PS-18). Pure. */
#include "prepare.h"

#include <string.h>
#include <sys/socket.h>

#include "error.h"
#include "settings.h"

#define TRIES 100u

static void add_subnet(GArray *used, const char *cidr)
{
    Subnet subnet;

    /* A default route covers everything and excludes nothing. */
    if (cidr != NULL && subnet_parse(cidr, &subnet) && subnet.length > 0)
        g_array_append_val(used, subnet);
}

static void add_list(GArray *used, const char *text)
{
    g_auto(GStrv) items = type_items(text != NULL ? text : "");

    for (char **item = items; *item != NULL; item++)
        add_subnet(used, *item);
}

static void add_other_networks(const Context *context, const Object *object, GArray *used)
{
    for (guint i = 0; i < snapshot_size(context->next); i++) {
        const Object *other = snapshot_at(context->next, i);

        if (other->id.kind != KIND_NETWORK || strcmp(other->key, object->key) == 0)
            continue;
        add_subnet(used, settings_address(other, 4));
        add_subnet(used, settings_address(other, 6));
        add_list(used, object_config(other, "ipv4.routes"));
        add_list(used, object_config(other, "ipv6.routes"));
    }
}

/* Everything that a new subnet must keep clear of: what the host reaches, and what other networks
 * have. */
static GArray *used_subnets(const Context *context, const Object *object)
{
    GArray *used = g_array_new(FALSE, FALSE, sizeof(Subnet));
    json_t *interfaces = (json_t *)host_fact(context->host, "interfaces");
    const json_t *routes = host_fact(context->host, "routes");
    const char *name;
    json_t *interface, *item;
    size_t at;

    json_object_foreach (interfaces, name, interface) {
        if (strcmp(name, object->id.name) == 0)
            continue;
        json_array_foreach (json_object_get(interface, "addresses"), at, item)
            add_subnet(used, json_string_value(item));
    }
    json_array_foreach (routes, at, item)
        add_subnet(used, json_string_value(item));
    add_other_networks(context, object, used);
    add_list(used, object_config(object, "ipv4.routes"));
    add_list(used, object_config(object, "ipv6.routes"));
    return used;
}

static gboolean is_free(const GArray *used, const char *cidr)
{
    Subnet candidate;

    subnet_parse(cidr, &candidate);
    for (guint i = 0; i < used->len; i++) {
        if (subnet_overlaps(&candidate, &g_array_index(used, Subnet, i)))
            return FALSE;
    }
    return TRUE;
}

/* 10.x.y.1/24 with x and y from 0 to 254, or fd42:x:x:x::1/64. Newly allocated. */
static char *draw_candidate(const Context *context, const char *label, int version, guint attempt)
{
    guint8 b[6];

    draw_bytes(context, label, attempt, b, sizeof(b));
    if (version == 4)
        return g_strdup_printf("10.%u.%u.1/24", b[0] % 255u, b[1] % 255u);
    {
        g_autofree char *loose = g_strdup_printf("fd42:%x:%x:%x::1/64", (guint)b[0] << 8 | b[1],
                                                 (guint)b[2] << 8 | b[3], (guint)b[4] << 8 | b[5]);
        Subnet subnet;

        /* As the kernel spells it: zero groups fold. */
        subnet_parse(loose, &subnet);
        return subnet_cidr(&subnet);
    }
}

static gboolean draw_subnet(const Context *context, const Object *object, int version,
                            json_t *generated, GError **error)
{
    g_autoptr(GArray) used = used_subnets(context, object);
    g_autofree char *key = g_strdup_printf("ipv%d.address", version);
    g_autofree char *nat = g_strdup_printf("ipv%d.nat", version);
    g_autofree char *label = g_strdup_printf("%s %s", object->key, key);

    for (guint attempt = 0; attempt < TRIES; attempt++) {
        g_autofree char *candidate = draw_candidate(context, label, version, attempt);

        if (!is_free(used, candidate))
            continue;
        json_object_set_new(generated, key, json_string(candidate));
        json_object_set_new(generated, nat, json_string("true"));
        return TRUE;
    }
    return error_set(
        error, ERR_FAILED,
        "network %s: config.%s: found no free subnet in %u tries: set one by hand, or \"none\"",
        object->id.name, key, TRIES);
}

static gboolean mac_is_used(const Context *context, const Object *object, const char *mac)
{
    for (guint i = 0; i < snapshot_size(context->next); i++) {
        const Object *other = snapshot_at(context->next, i);

        if (other->id.kind == KIND_NETWORK && strcmp(other->key, object->key) != 0 &&
            settings_mac(other) != NULL && g_ascii_strcasecmp(settings_mac(other), mac) == 0)
            return TRUE;
    }
    return FALSE;
}

static gboolean draw_mac(const Context *context, const Object *object, json_t *generated,
                         GError **error)
{
    g_autofree char *label = g_strdup_printf("%s bridge.hwaddr", object->key);

    for (guint attempt = 0; attempt < TRIES; attempt++) {
        g_autofree char *mac = NULL;
        guint8 b[3];

        draw_bytes(context, label, attempt, b, sizeof(b));
        mac = g_strdup_printf("00:16:3e:%02x:%02x:%02x", b[0], b[1], b[2]);
        if (mac_is_used(context, object, mac))
            continue;
        json_object_set_new(generated, "volatile.bridge.hwaddr", json_string(mac));
        return TRUE;
    }
    return error_set(error, ERR_FAILED,
                     "network %s: found no free MAC address: set config.bridge.hwaddr",
                     object->id.name);
}

/* `auto` draws whenever nothing was drawn yet; an unset key draws only at creation (NET-BR-62). The
 * host's word counts for IPv6: where it is off by default, an unset key stays unset. */
static gboolean wants_subnet(const Context *context, const Object *object, int version,
                             const json_t *generated, gboolean created)
{
    g_autofree char *key = g_strdup_printf("ipv%d.address", version);
    const char *own = json_member_string(json_object_get(object->spec, "config"), key);
    const char *ipv6;

    if (json_object_get(generated, key) != NULL)
        return FALSE;
    if (own != NULL && *own != '\0')
        return strcmp(own, "auto") == 0;
    if (!created || version == 4)
        return created;
    ipv6 = json_string_value(host_fact(context->host, "ipv6"));
    return ipv6 == NULL || strcmp(ipv6, "on") == 0;
}

gboolean network_prepare(const Context *context, const Object *object, json_t *generated,
                         GError **error)
{
    /* The MAC is drawn once and for all networks, also for those that name theirs: it tells a new
     * network from an old one. */
    gboolean created = json_object_get(generated, "volatile.bridge.hwaddr") == NULL;
    const char *type = json_member_string(object->spec, "type");

    if (type != NULL && strcmp(type, "bridge") != 0)
        return TRUE; /* expect refuses it */
    if (created && !draw_mac(context, object, generated, error))
        return FALSE;
    for (int version = 4; version <= 6; version += 2) {
        if (wants_subnet(context, object, version, generated, created) &&
            !draw_subnet(context, object, version, generated, error))
            return FALSE;
    }
    return TRUE;
}
