#include "image_lock.h"

#include <string.h>

#include "image_origin.h"
#include "print.h"
#include "tree.h"

#define VERSION "1"
#define WHERE "$where"

/* In the order in which they are written. */
static const struct {
    const char *name;
    gboolean of_source;
} FIELDS[] = {
    {"alias", TRUE},         {"url", TRUE},          {"server", TRUE},
    {"protocol", TRUE},      {"project", TRUE},      {"image_type", TRUE},
    {"architecture", FALSE}, {"fingerprint", FALSE}, {"date", FALSE},
};

/* ---- the file ---- */

gboolean image_lock_is_named(const char *name)
{
    g_autofree char *base = g_path_get_basename(name);

    return strcmp(base, IMAGE_LOCK_NAME) == 0;
}

char *image_lock_path(const char *path)
{
    g_autofree char *folder =
        g_file_test(path, G_FILE_TEST_IS_DIR) ? g_strdup(path) : g_path_get_dirname(path);

    return strcmp(folder, ".") == 0 ? g_strdup(IMAGE_LOCK_NAME)
                                    : g_build_filename(folder, IMAGE_LOCK_NAME, NULL);
}

/* ---- entries ---- */

/* As a source, so that it has an origin. */
static json_t *source_of(const json_t *entry)
{
    json_t *source = json_object();

    for (guint i = 0; i < G_N_ELEMENTS(FIELDS); i++) {
        json_t *value = json_object_get(entry, FIELDS[i].name);

        if (FIELDS[i].of_source && value != NULL)
            json_object_set(source, FIELDS[i].name, value);
    }
    return source;
}

json_t *image_lock_find(const json_t *locks, const char *origin, const char *architecture)
{
    json_t *entry;
    size_t i;

    json_array_foreach (json_object_get(locks, origin), i, entry)
        if (g_strcmp0(json_member_string(entry, "architecture"), architecture) == 0)
            return entry;
    return NULL;
}

json_t *image_lock_best(const json_t *locks, const char *origin, const json_t *architectures)
{
    json_t *architecture, *entry = NULL;
    size_t i;

    json_array_foreach ((json_t *)architectures, i, architecture) {
        entry = image_lock_find(locks, origin, json_string_value(architecture));
        if (entry != NULL)
            break;
    }
    return entry;
}

json_t *image_lock_put(json_t *locks, const json_t *source, const char *architecture)
{
    g_autofree char *origin = image_origin(source);
    json_t *entry = image_lock_find(locks, origin, architecture);
    json_t *list = json_object_get(locks, origin);

    if (entry != NULL)
        return entry;
    if (list == NULL) {
        list = json_array();
        json_object_set_new(locks, origin, list);
    }
    entry = source_of(source);
    json_object_set_new(entry, "architecture", json_string(architecture));
    json_array_append_new(list, entry);
    return entry;
}

/* ---- reading ---- */

typedef struct {
    const char *name;
    Problems *problems;
} Reader;

#define MISTAKE(reader, node, ...)                                                                 \
    problem_add_at((reader)->problems, PROBLEM_ERROR, (reader)->name, (node)->line,                \
                   (node)->column, NULL, __VA_ARGS__)

static gboolean is_field(const char *key)
{
    for (guint i = 0; i < G_N_ELEMENTS(FIELDS); i++)
        if (strcmp(FIELDS[i].name, key) == 0)
            return TRUE;
    return FALSE;
}

static json_t *read_fields(const Reader *reader, const Node *node)
{
    json_t *entry = json_object();

    for (guint i = 0; i < node->count; i++) {
        const Pair *pair = &node->pairs[i];

        if (!is_field(pair->key->text))
            MISTAKE(reader, pair->key, "unknown field %s", pair->key->text);
        else if (pair->value->kind != NODE_SCALAR)
            MISTAKE(reader, pair->value, "%s must be text, not %s", pair->key->text,
                    node_kind_name(pair->value));
        else
            json_object_set_new(entry, pair->key->text, json_string(pair->value->text));
    }
    return entry;
}

static gboolean check_entry(const Reader *reader, const Node *node, const json_t *entry)
{
    const char *print = json_member_string(entry, "fingerprint");
    const char *architecture = json_member_string(entry, "architecture");
    g_autoptr(json_t) source = source_of(entry);
    const Node *at = node_get(node, "fingerprint");

    if (!image_origin_is_remote(source) || !image_origin_moves(source))
        MISTAKE(reader, node, "an entry needs `alias` and `server`, or `url`");
    else if (print == NULL)
        MISTAKE(reader, node, "an entry needs a `fingerprint`");
    else if (!json_is_digest(print))
        MISTAKE(reader, at, "\"%s\" is no fingerprint: 64 of 0-9 and a-f", print);
    else if (architecture == NULL || g_strcmp0(type_architecture(architecture), architecture) != 0)
        MISTAKE(reader, architecture != NULL ? node_get(node, "architecture") : node,
                "an entry needs an `architecture` such as x86_64");
    else
        return TRUE;
    return FALSE;
}

static void read_entry(const Reader *reader, const Node *node, json_t *locks)
{
    g_autoptr(json_t) entry = NULL;
    g_autoptr(json_t) source = NULL;
    const char *architecture;
    json_t *known;
    guint errors = reader->problems->errors;

    if (node->kind != NODE_MAP) {
        MISTAKE(reader, node, "an entry is a map, not %s", node_kind_name(node));
        return;
    }
    entry = read_fields(reader, node);
    if (reader->problems->errors > errors || !check_entry(reader, node, entry))
        return;
    source = source_of(entry);
    architecture = json_member_string(entry, "architecture");
    known = image_lock_put(locks, source, architecture);
    if (json_object_get(known, WHERE) != NULL) {
        MISTAKE(reader, node, "%s is locked twice for %s; the first one is at %s",
                image_origin_name(source), architecture, json_member_string(known, WHERE));
        return;
    }
    json_object_update(known, entry);
    json_object_set_new(known, WHERE,
                        json_sprintf("%s:%u:%u", reader->name, node->line, node->column));
}

static void read_document(const Reader *reader, const Node *node, json_t *locks)
{
    const Node *images = node_get(node, "images");
    const Node *version = node_get(node, "version");

    if (node->kind != NODE_MAP) {
        MISTAKE(reader, node, "a lock file is a map with `version` and `images`, not %s",
                node_kind_name(node));
        return;
    }
    for (guint i = 0; i < node->count; i++)
        if (strcmp(node->pairs[i].key->text, "images") != 0 &&
            strcmp(node->pairs[i].key->text, "version") != 0)
            MISTAKE(reader, node->pairs[i].key, "unknown field %s", node->pairs[i].key->text);
    if (version == NULL || version->kind != NODE_SCALAR || strcmp(version->text, VERSION) != 0) {
        MISTAKE(reader, version != NULL ? version : node,
                "this build reads lock files of `version: " VERSION "`");
        return;
    }
    if (images == NULL || images->kind == NODE_NULL)
        return;
    if (images->kind != NODE_LIST) {
        MISTAKE(reader, images, "images must be a list, not %s", node_kind_name(images));
        return;
    }
    for (guint i = 0; i < images->count; i++)
        read_entry(reader, images->items[i], locks);
}

void image_lock_parse(json_t *locks, const char *name, const char *text, gsize length,
                      Problems *problems)
{
    const Reader reader = {name, problems};
    g_autoptr(Tree) tree = tree_parse(name, text, length, problems);

    for (guint i = 0; tree != NULL && i < tree_size(tree); i++)
        read_document(&reader, tree_document(tree, i), locks);
}

/* ---- writing ---- */

static gint compare_entries(gconstpointer a, gconstpointer b)
{
    const json_t *left = *(const json_t *const *)a, *right = *(const json_t *const *)b;

    return g_strcmp0(json_member_string(left, "architecture"),
                     json_member_string(right, "architecture"));
}

static void print_entry(GString *text, const json_t *entry)
{
    gboolean first = TRUE;

    for (guint i = 0; i < G_N_ELEMENTS(FIELDS); i++) {
        const json_t *value = json_object_get(entry, FIELDS[i].name);
        g_autofree char *printed = value != NULL ? print_yaml(value, 0) : NULL;

        if (printed == NULL || json_string_length(value) == 0)
            continue;
        g_string_append_printf(text, "%s%s: %s\n", first ? "- " : "  ", FIELDS[i].name,
                               g_strchomp(printed));
        first = FALSE;
    }
}

char *image_lock_print(const json_t *locks)
{
    GString *text = g_string_new("# Made by `berth lock`; `berth lock update NAME` takes what the "
                                 "server has now.\nversion: " VERSION "\nimages:");
    g_autoptr(GPtrArray) origins = json_sorted_keys(locks);

    g_string_append(text, origins->len > 0 ? "\n" : " []\n");
    for (guint i = 0; i < origins->len; i++) {
        g_autoptr(GPtrArray) entries = g_ptr_array_new();
        json_t *entry;
        size_t at;

        json_array_foreach (json_object_get(locks, origins->pdata[i]), at, entry)
            g_ptr_array_add(entries, entry);
        g_ptr_array_sort(entries, compare_entries);
        for (guint j = 0; j < entries->len; j++)
            print_entry(text, entries->pdata[j]);
    }
    return g_string_free(text, FALSE);
}
