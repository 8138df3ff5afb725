/* Drawing what an instance keeps for good: uuid, image, NIC names and addresses, id range, CPUs. */
#include <string.h>

#include "config.h"
#include "error.h"
#include "facts.h"
#include "idmap.h"
#include "image_origin.h"
#include "mentions.h"
#include "refs.h"
#include "storage/volume.h"
#include "type.h"

#define TRIES 1000u

typedef struct {
    const Context *context;
    const Object *object;
    json_t *generated;
    Expanded expanded;
} Draw;

static const char *kept(const Draw *draw, const char *key)
{
    return json_member_string(draw->generated, key);
}

static void keep(Draw *draw, const char *key, const char *value)
{
    json_object_set_new(draw->generated, key, json_string(value));
    json_object_set_new(draw->expanded.config, key, json_string(value));
}

static void forget(Draw *draw, const char *key)
{
    /* The key may be the one that the first of them keeps: that one goes last. */
    json_object_del(draw->expanded.config, key);
    json_object_del(draw->generated, key);
}

/* Calls `each` for the drawn values of every other instance. */
typedef gboolean (*OtherFunction)(const Object *other, void *data);

static gboolean others(const Draw *draw, OtherFunction each, void *data)
{
    for (guint i = 0; i < snapshot_size(draw->context->next); i++) {
        const Object *other = snapshot_at(draw->context->next, i);

        if (other->id.kind == KIND_INSTANCE && strcmp(other->key, draw->object->key) != 0 &&
            !each(other, data))
            return FALSE;
    }
    return TRUE;
}

/* ---- identity ---- */

static void draw_uuid(Draw *draw, const char *key)
{
    g_autofree char *label = g_strdup_printf("%s %s", draw->object->key, key);
    g_autofree char *text = NULL;
    guint8 b[16];

    if (kept(draw, key) != NULL)
        return;
    draw_bytes(draw->context, label, 0, b, sizeof b);
    b[6] = (b[6] & 0x0f) | 0x40; /* RFC 4122: version 4, variant 1 */
    b[8] = (b[8] & 0x3f) | 0x80;
    text = g_strdup_printf("%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
                           b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11],
                           b[12], b[13], b[14], b[15]);
    keep(draw, key, text);
}

static void forget_properties(Draw *draw)
{
    void *next;
    const char *key;
    json_t *value;

    json_object_foreach_safe (draw->generated, next, key, value) {
        if (g_str_has_prefix(key, "image."))
            forget(draw, key);
    }
}

/* IMG-080: what the image says of itself, as `image.PROPERTY`; what was given when it came overlays
 * what is in it (IMG-012). */
static void keep_properties(Draw *draw, const Object *image)
{
    const json_t *maps[] = {json_object_get(image->generated, "properties"),
                            json_object_get(image->spec, "properties")};
    const char *property;
    json_t *value;

    forget_properties(draw);
    for (guint i = 0; i < G_N_ELEMENTS(maps); i++) {
        json_object_foreach ((json_t *)maps[i], property, value) {
            g_autofree char *key = g_strconcat("image.", property, NULL);

            if (json_is_string(value))
                keep(draw, key, json_string_value(value));
        }
    }
}

/* The image of the moment in which the source was named; a newer one of the same alias is no change
 * (EN-09). */
static void draw_image(Draw *draw)
{
    const json_t *source = json_object_get(draw->object->spec, "source");
    gboolean remote = image_origin_is_remote(source);
    const char *name = remote ? image_origin_name(source) : json_member_string(source, "alias");
    const char *made = kept(draw, "volatile.base_image");
    const char *fingerprint;
    const Object *image = NULL;

    if (name == NULL)
        name = json_member_string(source, "fingerprint");
    if (name == NULL) {
        forget(draw, "$image");
        forget(draw, "volatile.base_image");
        forget_properties(draw);
        return;
    }
    if (g_strcmp0(kept(draw, "$image"), name) == 0 && made != NULL)
        return;
    /* What a name on a server means was found out before. */
    if (!remote || made != NULL)
        image =
            refs_find_image(draw->context->next, draw->object->id.project, remote ? made : name);
    fingerprint = image != NULL ? json_member_string(image->generated, "fingerprint") : NULL;
    if (fingerprint == NULL)
        return;
    keep(draw, "$image", name);
    keep(draw, "volatile.base_image", fingerprint);
    keep_properties(draw, image);
}

/* ST-021: the pool's default of the moment of creation. */
static void draw_size(Draw *draw, gboolean is_new)
{
    const Object *pool =
        is_new ? root_pool(draw->context, draw->object, &draw->expanded, NULL, NULL) : NULL;
    const char *size = pool != NULL ? volume_default_size(pool) : NULL;

    if (size != NULL)
        keep(draw, "$size", size);
}

/* ---- NICs ---- */

typedef struct {
    const char *suffix, *value;
} Clash;

static gboolean has_no_such(const Object *other, void *data)
{
    const Clash *clash = data;
    const char *key;
    json_t *value;

    json_object_foreach (other->generated, key, value) {
        if (g_str_has_suffix(key, clash->suffix) &&
            g_strcmp0(json_string_value(value), clash->value) == 0)
            return FALSE;
    }
    return TRUE;
}

/* Whether this instance, as far as it is drawn, or another one of those that mention `word`, has
 * the value already. */
static gboolean is_free(const Draw *draw, const char *suffix, const char *value, const char *word)
{
    g_autoptr(GHashTable) keys = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    Clash clash = {suffix, value};
    GHashTableIter iter;
    gpointer key;

    snapshot_mentions(draw->context->next, word, keys);
    g_hash_table_iter_init(&iter, keys);
    while (g_hash_table_iter_next(&iter, &key, NULL)) {
        const Object *other = snapshot_get(draw->context->next, key);

        if (other != NULL && other->id.kind == KIND_INSTANCE &&
            strcmp(key, draw->object->key) != 0 && !has_no_such(other, &clash))
            return FALSE;
    }
    return has_no_such(draw->object, &clash);
}

/* I-216 */
static void draw_mac(Draw *draw, const char *device)
{
    g_autofree char *key = g_strdup_printf("volatile.%s.hwaddr", device);
    g_autofree char *label = g_strdup_printf("%s %s", draw->object->key, key);

    for (guint attempt = 0; attempt < TRIES && kept(draw, key) == NULL; attempt++) {
        g_autofree char *mac = NULL;
        g_autofree char *word = NULL;
        guint8 b[3];

        draw_bytes(draw->context, label, attempt, b, sizeof b);
        mac = g_strdup_printf("00:16:3e:%02x:%02x:%02x", b[0], b[1], b[2]);
        word = mention_of_address(mac);
        if (is_free(draw, ".hwaddr", mac, word))
            keep(draw, key, mac);
    }
}

static gboolean name_is_taken(const Draw *draw, const char *name)
{
    const char *device;
    json_t *entry;

    json_object_foreach (draw->expanded.devices, device, entry) {
        if (device_is(entry, "nic") &&
            g_strcmp0(device_value(&draw->expanded, device, "name"), name) == 0)
            return TRUE;
    }
    return FALSE;
}

/* I-224: the lowest ethN that is free */
static void draw_name(Draw *draw, const char *device)
{
    g_autofree char *key = g_strdup_printf("volatile.%s.name", device);

    for (guint i = 0; i < TRIES && kept(draw, key) == NULL; i++) {
        g_autofree char *name = g_strdup_printf("eth%u", i);

        if (!name_is_taken(draw, name))
            keep(draw, key, name);
    }
}

/* SV-37 */
static gboolean names_by_mac(const Draw *draw)
{
    const Object *server = snapshot_find(draw->context->next, KIND_SERVER, "", "");

    return server != NULL &&
           g_strcmp0(object_config(server, "instances.nic.host_name"), "mac") == 0;
}

/* D-NIC-08. The name stays the same over restarts, so that it can be told whose a link is. */
static void draw_host_name(Draw *draw, const char *device)
{
    g_autofree char *key = g_strdup_printf("volatile.%s.host_name", device);
    g_autofree char *label = g_strdup_printf("%s %s", draw->object->key, key);
    const char *mac = device_value(&draw->expanded, device, "hwaddr");

    if (mac != NULL && names_by_mac(draw)) {
        g_auto(GStrv) parts = g_strsplit(mac, ":", -1);
        g_autofree char *rest = g_strjoinv("", parts + 1);
        g_autofree char *low = g_ascii_strdown(rest, -1);
        g_autofree char *name = g_strconcat("lxd", low, NULL);

        /* One that was named after a MAC goes with the MAC. */
        if (kept(draw, key) == NULL || g_str_has_prefix(kept(draw, key), "lxd"))
            keep(draw, key, name);
    }
    for (guint attempt = 0; attempt < TRIES && kept(draw, key) == NULL; attempt++) {
        g_autofree char *name = NULL;
        g_autofree char *word = NULL;
        guint8 b[4];

        draw_bytes(draw->context, label, attempt, b, sizeof b);
        name = g_strdup_printf("veth%02x%02x%02x%02x", b[0], b[1], b[2], b[3]);
        word = mention_of_link(name);
        if (json_object_get(host_fact(draw->context->host, "interfaces"), name) == NULL &&
            is_free(draw, ".host_name", name, word))
            keep(draw, key, name);
    }
}

/* What was drawn for a device that is gone or names the value itself is given up. */
static void drop_unused(Draw *draw)
{
    static const char *const properties[] = {"hwaddr", "name", "host_name"};
    g_autoptr(GPtrArray) keys = json_sorted_keys(draw->generated);

    for (guint i = 0; i < keys->len; i++) {
        const char *key = keys->pdata[i];

        for (guint p = 0; p < G_N_ELEMENTS(properties); p++) {
            g_autofree char *suffix = g_strconcat(".", properties[p], NULL);
            g_autofree char *device = NULL;
            const json_t *entry;

            if (!g_str_has_prefix(key, "volatile.") || !g_str_has_suffix(key, suffix))
                continue;
            device = g_strndup(key + strlen("volatile."),
                               strlen(key) - strlen("volatile.") - strlen(suffix));
            entry = json_object_get(draw->expanded.devices, device);
            if (!device_is(entry, "nic") || json_object_get(entry, properties[p]) != NULL) {
                forget(draw, key);
                break;
            }
        }
    }
}

static void draw_nics(Draw *draw)
{
    g_autoptr(GPtrArray) devices = json_sorted_keys(draw->expanded.devices);

    drop_unused(draw);
    for (guint i = 0; i < devices->len; i++) {
        const char *name = devices->pdata[i];
        const json_t *device = json_object_get(draw->expanded.devices, name);

        if (!device_is(device, "nic"))
            continue;
        if (json_object_get(device, "hwaddr") == NULL)
            draw_mac(draw, name);
        if (json_object_get(device, "name") == NULL)
            draw_name(draw, name);
        if (json_object_get(device, "host_name") == NULL)
            draw_host_name(draw, name);
    }
}

/* ---- ids ---- */

static gboolean take_range(const Object *other, void *data)
{
    const char *base = json_member_string(other->generated, "volatile.idmap.base");
    const char *size = json_member_string(other->generated, "$idmap.size");
    IdSpan span = {0};

    if (base == NULL || size == NULL)
        return TRUE;
    span.outer = (guint32)g_ascii_strtoull(base, NULL, 10);
    span.size = (guint32)g_ascii_strtoull(size, NULL, 10);
    g_array_append_val((GArray *)data, span);
    return TRUE;
}

/* The part of the host's range that is good for users and groups alike. */
static gboolean common_range(const json_t *ids, guint64 *ret_first, guint64 *ret_last)
{
    guint64 first = 0, last = G_MAXUINT32;
    static const char *const sorts[] = {"uid", "gid"};

    for (guint i = 0; i < G_N_ELEMENTS(sorts); i++) {
        const json_t *range = json_object_get(ids, sorts[i]);
        guint64 base = (guint64)json_integer_value(json_array_get(range, 0));
        guint64 size = (guint64)json_integer_value(json_array_get(range, 1));

        if (size == 0)
            return FALSE;
        first = MAX(first, base);
        last = MIN(last, base + size - 1);
    }
    *ret_first = first;
    *ret_last = last;
    return first <= last;
}

static gboolean still_fits(const Draw *draw, GArray *taken, guint64 first, guint64 last,
                           guint32 size)
{
    const char *base = kept(draw, "volatile.idmap.base");
    guint64 mine = base != NULL ? g_ascii_strtoull(base, NULL, 10) : 0;

    if (mine < first || mine + size - 1 > last)
        return FALSE;
    for (guint i = 0; i < taken->len; i++) {
        const IdSpan *span = &g_array_index(taken, IdSpan, i);

        if (mine < (guint64)span->outer + span->size && span->outer < mine + size)
            return FALSE;
    }
    return TRUE;
}

/* SEC-38, SEC-39, RT-80..83 */
static gboolean draw_isolated(Draw *draw, GError **error)
{
    const json_t *config = draw->expanded.config;
    const char *fixed = json_member_string(config, "security.idmap.base");
    const char *size_text = json_member_string(config, "security.idmap.size");
    guint32 size =
        size_text != NULL ? (guint32)g_ascii_strtoull(size_text, NULL, 10) : IDMAP_MIN_SIZE;
    const json_t *ids = host_fact(draw->context->host, "ids");
    g_autoptr(GArray) taken = g_array_new(FALSE, FALSE, sizeof(IdSpan));
    g_autofree char *count = g_strdup_printf("%u", size);
    g_autofree char *text = NULL;
    guint64 first, last;
    guint32 base;

    keep(draw, "$idmap.size", count);
    if (fixed != NULL) {
        keep(draw, "volatile.idmap.base", fixed);
        return TRUE;
    }
    if (!common_range(ids, &first, &last))
        return error_set(error, ERR_FAILED, "no host ids for unprivileged containers: %s",
                         json_member_string(ids, "error") != NULL ? json_member_string(ids, "error")
                                                                  : "unknown");
    first += IDMAP_MIN_SIZE;
    others(draw, take_range, taken);
    if (still_fits(draw, taken, first, last, size))
        return TRUE;
    if (!idmap_place((guint32)first, (guint32)last, size, taken, &base))
        return error_set(error, ERR_REFUSED,
                         "security.idmap.isolated: not enough uid/gid available for the container: "
                         "%u ids are wanted",
                         size);
    text = g_strdup_printf("%u", base);
    keep(draw, "volatile.idmap.base", text);
    return TRUE;
}

static gboolean draw_ids(Draw *draw, GError **error)
{
    const char *isolated = json_member_string(draw->expanded.config, "security.idmap.isolated");

    if (isolated != NULL && type_is_true(isolated) && !config_is_privileged(draw->expanded.config))
        return draw_isolated(draw, error);
    forget(draw, "$idmap.size");
    keep(draw, "volatile.idmap.base", "0"); /* SEC-37 */
    return TRUE;
}

gboolean instance_prepare(const Context *context, const Object *object, json_t *generated,
                          GError **error)
{
    Draw draw = {context, object, generated, {NULL, NULL}};
    gboolean is_new = json_object_get(generated, "volatile.uuid") == NULL;
    gboolean drawn;

    expand_instance(context->next, object, &draw.expanded);
    json_object_update(draw.expanded.config, generated);
    draw_uuid(&draw, "volatile.uuid");
    draw_uuid(&draw, "volatile.cloud-init.instance-id");
    draw_image(&draw);
    draw_size(&draw, is_new);
    draw_nics(&draw);
    drawn = draw_ids(&draw, error);
    expanded_clear(&draw.expanded);
    return drawn;
}
