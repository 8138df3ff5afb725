#include "image/metadata.h"

#include <string.h>

#include "error.h"
#include "tree.h"
#include "type.h"

#define TEMPLATES_MAX 1000u

typedef struct {
    const char *name;
    GError **error;
} Reader;

static json_t *mistake(const Reader *reader, const Node *node, const char *format, ...)
    G_GNUC_PRINTF(3, 4);

static json_t *mistake(const Reader *reader, const Node *node, const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list args;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    if (node != NULL && node->line != 0)
        error_set(reader->error, ERR_INVALID, "%s:%u:%u: %s", reader->name, node->line,
                  node->column, text);
    else
        error_set(reader->error, ERR_INVALID, "%s: %s", reader->name, text);
    return NULL;
}

/* A time in whole seconds; NULL with an error. */
static json_t *read_seconds(const Reader *reader, const Node *node, const char *key)
{
    g_autoptr(GError) failure = NULL;
    gint64 value;

    if (node->kind != NODE_SCALAR ||
        !g_ascii_string_to_signed(node->text, 10, 0, G_GINT64_CONSTANT(253402300799), &value,
                                  &failure))
        return mistake(reader, node, "%s is not a number of seconds", key);
    return json_integer(value);
}

/* A map of text; absent and empty give {}. */
static json_t *read_texts(const Reader *reader, const Node *node, const char *key)
{
    g_autoptr(json_t) map = json_object();

    if (node == NULL || node->kind == NODE_NULL)
        return g_steal_pointer(&map);
    if (node->kind != NODE_MAP)
        return mistake(reader, node, "%s is %s, not a map", key, node_kind_name(node));
    for (guint i = 0; i < node->count; i++) {
        const Node *value = node->pairs[i].value;

        if (value->kind == NODE_NULL)
            continue;
        if (value->kind != NODE_SCALAR)
            return mistake(reader, value, "%s.%s is %s, not text", key, node->pairs[i].key->text,
                           node_kind_name(value));
        json_object_set_new(map, node->pairs[i].key->text, json_string(value->text));
    }
    return g_steal_pointer(&map);
}

static json_t *read_when(const Reader *reader, const Node *node)
{
    static const char *const words[] = {"create", "copy", "rename", "start", NULL};
    g_autoptr(json_t) list = json_array();

    if (node == NULL || node->kind != NODE_LIST)
        return mistake(reader, node, "`when` of a template is not a list");
    for (guint i = 0; i < node->count; i++) {
        const Node *item = node->items[i];

        if (item->kind != NODE_SCALAR || !g_strv_contains(words, item->text))
            return mistake(reader, item,
                           "`when` of a template holds something else than create, copy, rename, "
                           "start");
        json_array_append_new(list, json_string(item->text));
    }
    return g_steal_pointer(&list);
}

static json_t *read_template(const Reader *reader, const Node *node)
{
    const Node *file = node_get(node, "template");
    const Node *create_only = node_get(node, "create_only");
    g_autoptr(json_t) rule = json_object();
    json_t *part;

    if (node->kind != NODE_MAP)
        return mistake(reader, node, "a template is %s, not a map", node_kind_name(node));
    part = read_when(reader, node_get(node, "when"));
    if (part == NULL)
        return NULL;
    json_object_set_new(rule, "when", part);
    if (file == NULL || file->kind != NODE_SCALAR || *file->text == '\0' ||
        strchr(file->text, '/') != NULL || strcmp(file->text, "..") == 0 ||
        strcmp(file->text, ".") == 0)
        return mistake(reader, file != NULL ? file : node,
                       "`template` does not name a file of the folder templates");
    json_object_set_new(rule, "template", json_string(file->text));
    part = read_texts(reader, node_get(node, "properties"), "properties");
    if (part == NULL)
        return NULL;
    json_object_set_new(rule, "properties", part);
    if (create_only != NULL &&
        (create_only->kind != NODE_SCALAR || !TYPE_BOOL.check(NULL, create_only->text, NULL)))
        return mistake(reader, create_only, "create_only is neither true nor false");
    json_object_set_new(rule, "create_only",
                        json_boolean(create_only != NULL && type_is_true(create_only->text)));
    return g_steal_pointer(&rule);
}

static gboolean is_path_inside(const char *path)
{
    g_auto(GStrv) parts = g_strsplit(path, "/", -1);

    return *path == '/' && !g_strv_contains((const char *const *)parts, "..");
}

static json_t *read_templates(const Reader *reader, const Node *node)
{
    g_autoptr(json_t) map = json_object();

    if (node == NULL || node->kind == NODE_NULL)
        return g_steal_pointer(&map);
    if (node->kind != NODE_MAP || node->count > TEMPLATES_MAX)
        return mistake(reader, node, "templates is not a map of at most %u paths", TEMPLATES_MAX);
    for (guint i = 0; i < node->count; i++) {
        const Pair *pair = &node->pairs[i];
        json_t *rule;

        if (!is_path_inside(pair->key->text))
            return mistake(reader, pair->key,
                           "template for \"%s\": not an absolute path inside the instance",
                           pair->key->text);
        rule = read_template(reader, pair->value);
        if (rule == NULL)
            return NULL;
        json_object_set_new(map, pair->key->text, rule);
    }
    return g_steal_pointer(&map);
}

static json_t *read_root(const Reader *reader, const Node *root)
{
    const Node *architecture = node_get(root, "architecture");
    const Node *created = node_get(root, "creation_date");
    const Node *expires = node_get(root, "expiry_date");
    g_autoptr(json_t) metadata = json_object();
    const char *name;
    json_t *part;

    if (root == NULL || root->kind != NODE_MAP)
        return mistake(reader, root, "not a map");
    if (architecture == NULL || architecture->kind != NODE_SCALAR)
        return mistake(reader, root, "architecture is missing");
    name = type_architecture(architecture->text);
    if (name == NULL)
        return mistake(reader, architecture, "\"%s\" is no known architecture", architecture->text);
    json_object_set_new(metadata, "architecture", json_string(name));
    if (created == NULL || created->kind == NODE_NULL)
        return mistake(reader, root, "creation_date is missing");
    part = read_seconds(reader, created, "creation_date");
    if (part == NULL)
        return NULL;
    json_object_set_new(metadata, "creation_date", part);
    if (json_integer_value(part) == 0)
        return mistake(reader, created, "creation_date is 0");
    if (expires != NULL && expires->kind != NODE_NULL) {
        part = read_seconds(reader, expires, "expiry_date");
        if (part == NULL)
            return NULL;
        json_object_set_new(metadata, "expiry_date", part);
    }
    part = read_texts(reader, node_get(root, "properties"), "properties");
    if (part == NULL)
        return NULL;
    json_object_set_new(metadata, "properties", part);
    part = read_templates(reader, node_get(root, "templates"));
    if (part == NULL)
        return NULL;
    json_object_set_new(metadata, "templates", part);
    return g_steal_pointer(&metadata);
}

json_t *metadata_parse(const char *name, const char *text, gsize length, GError **error)
{
    const Reader reader = {name, error};
    g_autoptr(Problems) problems = problems_new();
    g_autoptr(Tree) tree = tree_parse(name, text, length, problems);

    if (!problems_to_error(problems, FALSE, error))
        return NULL;
    if (tree == NULL || tree_size(tree) != 1)
        return mistake(&reader, NULL, "not one YAML document");
    return read_root(&reader, tree_document(tree, 0));
}

char *metadata_time(gint64 seconds)
{
    g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(seconds);

    return g_date_time_format(time, "%Y-%m-%dT%H:%M:%SZ");
}
