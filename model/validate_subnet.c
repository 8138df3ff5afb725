/* Subnets of networks: each belongs to one of them. */
#include <gio/gio.h>
#include <string.h>

#include "validate_parts.h"

typedef struct {
    const Object *network;
    char *path; /* of the field that holds it */
    GInetAddressMask *mask;
} Claim;

static void claim_free(gpointer data)
{
    Claim *claim = data;

    g_free(claim->path);
    g_object_unref(claim->mask);
    g_free(claim);
}

/* What the user wrote, or what was drawn where that was left to berth (NET-BR-15, NET-BR-27). */
static const char *address_of(const Object *network, const char *key)
{
    const char *given = json_member_string(json_object_get(network->spec, "config"), key);

    if (given == NULL || *given == '\0' || strcmp(given, "auto") == 0)
        return json_member_string(network->generated, key);
    return given;
}

/* The mask of ADDRESS/LENGTH without its host bits; NULL for words and for what is none. */
static GInetAddressMask *mask_of(const char *text)
{
    g_auto(GStrv) parts = text != NULL ? g_strsplit(text, "/", 2) : NULL;
    g_autoptr(GInetAddress) address = NULL;
    g_autofree guint8 *bytes = NULL;
    gsize size;
    guint64 length;
    GInetAddress *base;
    GInetAddressMask *mask;

    if (parts == NULL || parts[0] == NULL || parts[1] == NULL)
        return NULL;
    address = g_inet_address_new_from_string(parts[0]);
    if (address == NULL || !g_ascii_string_to_unsigned(parts[1], 10, 0, 128, &length, NULL))
        return NULL;
    size = g_inet_address_get_native_size(address);
    if (length > size * 8)
        return NULL;
    bytes = g_memdup2(g_inet_address_to_bytes(address), size);
    for (gsize bit = length; bit < size * 8; bit++)
        bytes[bit / 8] &= (guint8) ~(0x80u >> bit % 8);
    base = g_inet_address_new_from_bytes(bytes, g_inet_address_get_family(address));
    mask = g_inet_address_mask_new(base, (guint)length, NULL);
    g_object_unref(base);
    return mask;
}

static gboolean overlap(GInetAddressMask *a, GInetAddressMask *b)
{
    return g_inet_address_mask_get_family(a) == g_inet_address_mask_get_family(b) &&
           (g_inet_address_mask_matches(a, g_inet_address_mask_get_address(b)) ||
            g_inet_address_mask_matches(b, g_inet_address_mask_get_address(a)));
}

static void add_claims(GPtrArray *claims, const Object *network)
{
    static const char *const keys[] = {"ipv4.address", "ipv6.address"};

    for (guint i = 0; i < G_N_ELEMENTS(keys); i++) {
        GInetAddressMask *mask = mask_of(address_of(network, keys[i]));
        Claim *claim;

        if (mask == NULL)
            continue;
        claim = g_new(Claim, 1);
        *claim = (Claim){network, g_strconcat("config/", keys[i], NULL), mask};
        g_ptr_array_add(claims, claim);
    }
}

static GPtrArray *claims_of(const Snapshot *snapshot)
{
    GPtrArray *claims = g_ptr_array_new_with_free_func(claim_free);

    for (guint i = 0; i < snapshot_size(snapshot); i++) {
        const Object *object = snapshot_at(snapshot, i);

        if (object->id.kind == KIND_NETWORK)
            add_claims(claims, object);
    }
    return claims;
}

/* "10.0.0.0/24 of network/lan (lab.yaml:7:5)". Newly allocated. */
static char *claim_text(const Claim *claim)
{
    g_autofree char *subnet = g_inet_address_mask_to_string(claim->mask);
    g_autofree char *label = object_label(claim->network);
    g_autofree char *where = object_where(claim->network, claim->path);

    return g_strdup_printf("%s of %s%s%s%s", subnet, label, where != NULL ? " (" : "",
                           where != NULL ? where : "", where != NULL ? ")" : "");
}

void model_check_subnets(Model *model)
{
    g_autoptr(GPtrArray) claims = NULL;
    gboolean any = FALSE;

    for (guint i = 0; i < model->checked->len && !any; i++)
        any = ((const Object *)model->checked->pdata[i])->id.kind == KIND_NETWORK;
    if (!any)
        return;
    claims = claims_of(model->snapshot);
    for (guint i = 0; i < claims->len; i++) {
        for (guint j = 0; j < i; j++) {
            const Claim *one = claims->pdata[i], *other = claims->pdata[j];
            gboolean first = model_is_selected(model, one->network);
            g_autofree char *text = NULL;

            if (one->network == other->network || !overlap(one->mask, other->mask) ||
                (!first && !model_is_selected(model, other->network)))
                continue;
            text = claim_text(first ? other : one);
            problem_add(model->problems, PROBLEM_ERROR, first ? one->network : other->network,
                        first ? one->path : other->path,
                        "overlaps with %s; give each network a subnet of its own", text);
        }
    }
}

/* Whether `taker` comes before `giver` goes, or before it has changed. What is new comes first,
 * then what goes, then what changes. */
static gboolean comes_before(const Snapshot *before, const Snapshot *after, const Claim *taker,
                             const Claim *giver)
{
    const Object *now = snapshot_get(after, giver->network->key);
    const char *key = giver->path + strlen("config/");

    if (now != NULL)
        return g_strcmp0(address_of(now, key), address_of(giver->network, key)) != 0;
    return snapshot_get(before, taker->network->key) == NULL;
}

void validate_handover(const Snapshot *before, const Snapshot *after, GHashTable *renamed,
                       Problems *problems)
{
    g_autoptr(GPtrArray) old = claims_of(before);
    g_autoptr(GPtrArray) new = claims_of(after);

    for (guint i = 0; i < new->len; i++) {
        const Claim *taker = new->pdata[i];

        for (guint j = 0; j < old->len; j++) {
            const Claim *giver = old->pdata[j];
            g_autofree char *text = NULL;

            if (strcmp(taker->network->key, giver->network->key) == 0 ||
                snapshot_get(before, taker->network->key) == taker->network ||
                g_strcmp0(g_hash_table_lookup(renamed, taker->network->key), giver->network->key) ==
                    0 ||
                !overlap(taker->mask, giver->mask) || !comes_before(before, after, taker, giver))
                continue;
            text = claim_text(giver);
            problem_add(problems, PROBLEM_ERROR, taker->network, taker->path,
                        "takes over %s, which still has it when this one comes; take it from there "
                        "in an apply of its own first",
                        text);
        }
    }
}
