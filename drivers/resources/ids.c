#include "ids.h"

#include <string.h>

#define IDS_LIMIT (16u << 20)

/* Debian's pci.ids and usb.ids, then hwdata. */
static const char *const FOLDERS[] = {"usr/share/misc", "usr/share/hwdata"};

struct Ids {
    GHashTable *names; /* "8086", "8086:5916", "C03", "C03:01" -> name */
};

static gboolean is_number(const char *text, gsize length)
{
    for (gsize i = 0; i < length; i++) {
        if (!g_ascii_isxdigit(text[i]))
            return FALSE;
    }
    return text[length] == ' ';
}

/* "8086  Intel Corporation" or, at the top, "C 03  Display controller"; `parent` is the key above,
 * NULL at the top. Returns the key, borrowed, or NULL. */
static const char *add(Ids *ids, const char *parent, const char *line, gsize digits)
{
    gboolean is_class = parent == NULL && g_str_has_prefix(line, "C ");
    const char *number = is_class ? line + 2 : line;
    gsize length = is_class ? 2 : digits;
    g_autofree char *low = NULL;
    char *key;

    if (strlen(number) <= length || !is_number(number, length))
        return NULL;
    low = g_ascii_strdown(number, (gssize)length);
    key = parent != NULL ? g_strdup_printf("%s:%s", parent, low)
                         : g_strconcat(is_class ? "C" : "", low, NULL);
    g_hash_table_replace(ids->names, key, g_strstrip(g_utf8_make_valid(number + length, -1)));
    return key;
}

static void parse(Ids *ids, char *text)
{
    const char *top = NULL;
    char *rest = text;

    for (char *line = strsep(&rest, "\n"); line != NULL; line = strsep(&rest, "\n")) {
        if (*line == '\0' || *line == '#')
            continue;
        if (*line != '\t')
            top = add(ids, NULL, line, 4);
        else if (top != NULL && line[1] != '\t')
            add(ids, top, line + 1, *top == 'C' ? 2 : 4);
    }
}

Ids *ids_read(const HostRoot *root, const char *file)
{
    Ids *ids = g_new0(Ids, 1);

    ids->names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    for (guint i = 0; i < G_N_ELEMENTS(FOLDERS); i++) {
        gsize length;
        g_autofree char *text = root_bytes(root, IDS_LIMIT, &length, "%s/%s", FOLDERS[i], file);

        if (text != NULL) {
            parse(ids, text);
            break;
        }
    }
    return ids;
}

void ids_free(Ids *ids)
{
    if (ids == NULL)
        return;
    g_hash_table_unref(ids->names);
    g_free(ids);
}

const char *ids_vendor(const Ids *ids, const char *vendor)
{
    return vendor != NULL ? g_hash_table_lookup(ids->names, vendor) : NULL;
}

const char *ids_product(const Ids *ids, const char *vendor, const char *product)
{
    g_autofree char *key = NULL;

    if (vendor == NULL || product == NULL)
        return NULL;
    key = g_strdup_printf("%s:%s", vendor, product);
    return g_hash_table_lookup(ids->names, key);
}

const char *ids_class(const Ids *ids, guint class_id)
{
    g_autofree char *key = g_strdup_printf("C%02x", class_id);

    return g_hash_table_lookup(ids->names, key);
}

const char *ids_subclass(const Ids *ids, guint class_id, guint subclass_id)
{
    g_autofree char *key = g_strdup_printf("C%02x:%02x", class_id, subclass_id);

    return g_hash_table_lookup(ids->names, key);
}
