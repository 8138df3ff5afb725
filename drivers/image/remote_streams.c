/* Simplestreams (IMG-038, IMG-039): an index, lists of products; a product has versions, a version
 * items; a metadata item and a root item make an image. */
#include <string.h>

#include "error.h"
#include "image/remote.h"
#include "type.h"

/* Roots of containers, the best first; under which key the metadata item says the fingerprint. */
static const struct {
    const char *ftype, *digest;
} ROOTS[] = {
    {"squashfs", "combined_squashfs_sha256"},
    {"root.tar.xz", "combined_rootxz_sha256"},
    {"root.tar.xz", "combined_sha256"},
};

#define METADATA_ITEM "lxd.tar.xz"
#define WHOLE_ITEM "lxd_combined.tar.gz"
#define SERIAL_DIGITS 8u /* of its date, YYYYMMDD */

typedef struct {
    const json_t *product;
    const char *serial; /* the version's name */
    const char *fingerprint;
    const json_t *first, *root; /* items; root NULL: a whole image */
    const char *ftype;
} Offer;

static const json_t *item_of(const json_t *version, const char *ftype)
{
    const char *name;
    json_t *item;

    json_object_foreach (json_object_get(version, "items"), name, item)
        if (g_strcmp0(json_member_string(item, "ftype"), ftype) == 0 &&
            json_member_string(item, "path") != NULL)
            return item;
    return NULL;
}

/* The images of a version; each is told to `each` until that says TRUE. */
static gboolean each_of_version(Offer offer, const json_t *version,
                                gboolean (*each)(const Offer *offer, void *data), void *data)
{
    const json_t *whole = item_of(version, WHOLE_ITEM);
    const json_t *metadata = item_of(version, METADATA_ITEM);

    for (guint i = 0; metadata != NULL && i < G_N_ELEMENTS(ROOTS); i++) {
        offer.first = metadata;
        offer.root = item_of(version, ROOTS[i].ftype);
        offer.ftype = ROOTS[i].ftype;
        offer.fingerprint = json_member_string(metadata, ROOTS[i].digest);
        if (offer.root != NULL && offer.fingerprint != NULL && each(&offer, data))
            return TRUE;
    }
    offer.first = whole;
    offer.root = NULL;
    offer.ftype = "tar.gz";
    offer.fingerprint = json_member_string(whole, "sha256");
    return offer.fingerprint != NULL && each(&offer, data);
}

static gboolean each_of_product(const json_t *product,
                                gboolean (*each)(const Offer *offer, void *data), void *data)
{
    json_t *versions = json_object_get(product, "versions");
    g_autoptr(GPtrArray) serials = json_sorted_keys(versions);

    for (guint i = serials->len; i-- > 0;) { /* the newest first */
        const char *serial = serials->pdata[i];
        Offer offer = {.product = product, .serial = serial};

        if (strspn(serial, "0123456789") >= SERIAL_DIGITS &&
            each_of_version(offer, json_object_get(versions, serial), each, data))
            return TRUE;
    }
    return FALSE;
}

/* ---- which one is meant ---- */

typedef struct {
    const char *fingerprint;
    ImageFound *found;
} Search;

static void add_property(json_t *properties, const char *name, const char *value)
{
    if (value != NULL && *value != '\0')
        json_object_set_new(properties, name, json_string(value));
}

static json_t *properties_of(const Offer *offer)
{
    static const char *const same[] = {"os", "release", "version", "variant"};
    const json_t *product = offer->product;
    const json_t *version = json_object_get(json_object_get(product, "versions"), offer->serial);
    const char *architecture = json_member_string(product, "arch");
    const char *os = json_member_string(product, "os");
    const char *title = json_member_string(product, "release_title");
    const char *label = json_member_string(version, "label");
    gboolean labelled = label != NULL && *label != '\0';
    json_t *properties = json_object();
    g_autofree char *description =
        g_strdup_printf("%s %s %s%s%s%s (%s)", os != NULL ? os : "", title != NULL ? title : "",
                        architecture != NULL ? architecture : "", labelled ? " (" : "",
                        labelled ? label : "", labelled ? ")" : "", offer->serial);
    const char *name;
    json_t *value;

    for (guint i = 0; i < G_N_ELEMENTS(same); i++)
        add_property(properties, same[i], json_member_string(product, same[i]));
    add_property(properties, "architecture", architecture);
    add_property(properties, "label", label);
    add_property(properties, "serial", offer->serial);
    add_property(properties, "type", offer->ftype);
    add_property(properties, "description", description);
    json_object_foreach (json_object_get(product, "lxd_requirements"), name, value) {
        g_autofree char *key = g_strconcat("requirements.", name, NULL);

        add_property(properties, key, json_string_value(value));
    }
    return properties;
}

static char *path_of(const json_t *item)
{
    const char *path = json_member_string(item, "path");

    return g_strconcat(*path == '/' ? "" : "/", path, NULL);
}

static guint64 size_of(const json_t *item)
{
    return (guint64)MAX(0, json_integer_value(json_object_get(item, "size")));
}

/* A version is named by its date, which is the image's too. */
static char *date_of(const char *serial)
{
    return g_strdup_printf("%.4s-%.2s-%.2sT00:00:00Z", serial, serial + 4, serial + 6);
}

/* Without a fingerprint, the first offer is it. */
static gboolean take(const Offer *offer, void *data)
{
    Search *search = data;
    ImageFound *found = search->found;

    if (search->fingerprint != NULL && !g_str_has_prefix(offer->fingerprint, search->fingerprint))
        return FALSE;
    found->fingerprint = g_ascii_strdown(offer->fingerprint, -1);
    found->paths[0] = path_of(offer->first);
    found->paths[1] = offer->root != NULL ? path_of(offer->root) : NULL;
    found->filename = g_path_get_basename(
        json_member_string(offer->root != NULL ? offer->root : offer->first, "path"));
    found->architecture = g_strdup(type_architecture(json_member_string(offer->product, "arch")));
    found->created_at = date_of(offer->serial);
    found->size = size_of(offer->first) + size_of(offer->root);
    found->properties = properties_of(offer);
    return TRUE;
}

/* Whether a product goes by `alias`, or by ALIAS/ARCHITECTURE as its list prints that. */
static gboolean has_alias(const json_t *product, const char *alias, const char *architecture)
{
    const char *own = json_member_string(product, "arch");
    const char *list = json_member_string(product, "aliases");
    g_auto(GStrv) names = type_items(list != NULL ? list : "");

    for (char **name = names; *name != NULL; name++) {
        g_autofree char *whole = g_strdup_printf("%s/%s", *name, own);

        if (strcmp(whole, alias) == 0 ||
            (strcmp(*name, alias) == 0 && g_strcmp0(type_architecture(own), architecture) == 0))
            return TRUE;
    }
    return FALSE;
}

/* One list of products, for one architecture of the host. */
static gboolean search_products(const json_t *products, const json_t *source,
                                const char *architecture, ImageFound *ret)
{
    const char *alias = json_member_string(source, "alias");
    const char *fingerprint = json_member_string(source, "fingerprint");
    gboolean by_print = fingerprint != NULL && *fingerprint != '\0';
    Search search = {by_print ? fingerprint : NULL, ret};
    const char *name;
    json_t *product;

    json_object_foreach (json_object_get(products, "products"), name, product) {
        if (type_architecture(json_member_string(product, "arch")) == NULL)
            continue;
        if ((by_print || has_alias(product, alias, architecture)) &&
            each_of_product(product, take, &search))
            return TRUE;
        /* An alias may be the beginning of a fingerprint. */
        if (!by_print && strlen(alias) >= 12) {
            Search prefix = {alias, ret};

            if (each_of_product(product, take, &prefix))
                return TRUE;
        }
    }
    return FALSE;
}

/* All lists of products that the index names; NULL with an error. */
static GPtrArray *read_products(const FetchServer *server, GError **error)
{
    g_autoptr(GPtrArray) all = g_ptr_array_new_with_free_func((GDestroyNotify)json_decref);
    g_autoptr(json_t) index = fetch_json(server, "/streams/v1/index.json", error);
    const char *name;
    json_t *entry;

    if (index == NULL)
        return NULL;
    json_object_foreach (json_object_get(index, "index"), name, entry) {
        const char *path = json_member_string(entry, "path");
        g_autofree char *whole = path != NULL ? path_of(entry) : NULL;
        json_t *products;

        if (whole == NULL ||
            g_strcmp0(json_member_string(entry, "datatype"), "image-downloads") != 0 ||
            json_array_size(json_object_get(entry, "products")) == 0)
            continue;
        products = fetch_json(server, whole, error);
        if (products == NULL)
            return NULL;
        g_ptr_array_add(all, products);
    }
    return g_steal_pointer(&all);
}

gboolean image_remote_find_streams(const FetchServer *server, const json_t *source,
                                   const json_t *architectures, ImageFound *ret, GError **error)
{
    const char *alias = json_member_string(source, "alias");
    const char *fingerprint = json_member_string(source, "fingerprint");
    const char *type = json_member_string(source, "image_type");
    g_autoptr(GPtrArray) lists = NULL;
    json_t *architecture;
    size_t i;

    if (g_strcmp0(type, "virtual-machine") == 0)
        return error_set(error, ERR_UNSUPPORTED,
                         "images of virtual machines are not supported by this build");
    if ((alias == NULL || *alias == '\0') && (fingerprint == NULL || *fingerprint == '\0'))
        return error_set(error, ERR_INVALID, "source: names neither an alias nor a fingerprint");
    lists = read_products(server, error);
    if (lists == NULL)
        return FALSE;
    json_array_foreach (architectures, i, architecture)
        for (guint j = 0; j < lists->len; j++)
            if (search_products(lists->pdata[j], source, json_string_value(architecture), ret))
                return TRUE;
    return error_set(error, ERR_NOT_FOUND, "%s has no image %s", server->url,
                     fingerprint != NULL && *fingerprint != '\0' ? fingerprint : alias);
}
