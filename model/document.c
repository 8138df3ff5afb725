#include "document.h"

#include <string.h>

#include "document_parts.h"

/* Keys of a state file that are no section but the file's own language: input.c has dealt with
 * them. */
static const char *const LANGUAGE[] = {"vars", "include", "overlays", NULL};

static const char *const CLUSTER_FIELDS[] = {
    "enabled",
    "server_name",
    "server_address",
    "cluster_address",
    "cluster_certificate",
    "cluster_certificate_path",
    "cluster_password",
    "cluster_token",
    "member_config",
    NULL,
};

static void read_kind(Input *input, const BodySource *source, const Kind *kind, const Node *value)
{
    if (value->kind == NODE_NULL)
        return;
    if ((kind->flags & KIND_SINGLETON) != 0)
        return;
    if (value->kind != NODE_LIST) {
        body_problem(source, PROBLEM_ERROR, NULL, kind->plural, value,
                     "must be a list, not %s; begin each %s with '- name: NAME'",
                     node_kind_name(value), kind->title);
        return;
    }
    for (guint i = 0; i < value->count; i++) {
        Object *object = body_object(source, kind, NULL, value->items[i]);

        if (object != NULL)
            input_add_object(input, source, object, value->items[i]);
    }
}

/* The top-level `config` map is the server's own (PS-03). */
static void read_server(Input *input, const BodySource *source, const Node *key, const Node *value)
{
    const Pair pair = {key, value};
    const Node body = {.kind = NODE_MAP,
                       .file = key->file,
                       .line = key->line,
                       .column = key->column,
                       .count = 1,
                       .pairs = &pair};
    Object *object;

    if (value->kind == NODE_NULL)
        return;
    object = body_object(source, KINDS[KIND_SERVER], "", &body);
    if (object != NULL)
        input_add_object(input, source, object, key);
}

/* PS-60..62: forming and joining clusters is not there yet; a preseed that says 'no cluster' is
 * fine. */
static void read_cluster(const BodySource *source, const Node *key, const Node *value)
{
    const Node *enabled = node_get(value, "enabled");

    if (value->kind == NODE_NULL)
        return;
    if (value->kind != NODE_MAP) {
        body_problem(source, PROBLEM_ERROR, NULL, "cluster", value, "must be a map, not %s",
                     node_kind_name(value));
        return;
    }
    for (guint i = 0; i < value->count; i++)
        if (!g_strv_contains(CLUSTER_FIELDS, value->pairs[i].key->text))
            body_problem(source, PROBLEM_ERROR, NULL, "cluster", value->pairs[i].key,
                         "unknown field %s", value->pairs[i].key->text);
    if (enabled != NULL && enabled->kind == NODE_SCALAR && type_is_true(enabled->text))
        body_problem(source, PROBLEM_UNSUPPORTED, NULL, "cluster", key,
                     "cluster is not supported by this build");
    else if (enabled != NULL && enabled->kind != NODE_SCALAR && enabled->kind != NODE_NULL)
        body_problem(source, PROBLEM_ERROR, NULL, "cluster.enabled", enabled,
                     "must be true or false, not %s", node_kind_name(enabled));
}

/* Reports a top-level key that is none, with the nearest that is. */
static void unknown_top(const BodySource *source, const Node *key)
{
    g_autoptr(GArray) rows = NULL;
    const char *nearest;
    Row row = {.key = "config"};

    if (problems_are_full(source->problems)) {
        body_problem(source, PROBLEM_ERROR, NULL, NULL, key, "unknown section %s", key->text);
        return;
    }
    rows = g_array_new(TRUE, TRUE, sizeof(Row));
    g_array_append_val(rows, row);
    for (guint i = 0; i < KIND_MAX; i++) {
        row.key = KINDS[i]->plural;
        if ((KINDS[i]->flags & KIND_SINGLETON) == 0)
            g_array_append_val(rows, row);
    }
    for (guint i = 0; KINDS_NOT_YET[i] != NULL; i++) {
        row.key = KINDS_NOT_YET[i];
        g_array_append_val(rows, row);
    }
    for (guint i = 0; LANGUAGE[i] != NULL; i++) {
        row.key = LANGUAGE[i];
        g_array_append_val(rows, row);
    }
    nearest = row_nearest((const Row *)(void *)rows->data, key->text);
    if (nearest != NULL)
        body_problem(source, PROBLEM_ERROR, NULL, NULL, key, "unknown section %s; did you mean %s?",
                     key->text, nearest);
    else
        body_problem(source, PROBLEM_ERROR, NULL, NULL, key, "unknown section %s", key->text);
}

static gboolean is_empty(const Node *node)
{
    return node->kind == NODE_NULL ||
           ((node->kind == NODE_LIST || node->kind == NODE_MAP) && node->count == 0);
}

static void read_top(Input *input, const BodySource *source, const Pair *pair)
{
    const char *key = pair->key->text;
    const Kind *kind = kind_by_plural(key);

    if (strcmp(key, "config") == 0)
        read_server(input, source, pair->key, pair->value);
    else if (strcmp(key, "cluster") == 0)
        read_cluster(source, pair->key, pair->value);
    else if (kind != NULL && (kind->flags & KIND_SINGLETON) == 0)
        read_kind(input, source, kind, pair->value);
    else if (g_strv_contains(LANGUAGE, key))
        return;
    else if (!g_strv_contains(KINDS_NOT_YET, key))
        unknown_top(source, pair->key);
    else if (!is_empty(pair->value))
        body_problem(source, PROBLEM_UNSUPPORTED, NULL, key, pair->key,
                     "%s is not supported by this build", key);
}

void document_read(Input *input, const BodySource *source, const Node *node)
{
    if (node->kind == NODE_NULL)
        return;
    if (node->kind != NODE_MAP) {
        body_problem(source, PROBLEM_ERROR, NULL, NULL, node,
                     "a state file is a map of sections such as networks: and instances:, not %s",
                     node_kind_name(node));
        return;
    }
    for (guint i = 0; i < node->count; i++)
        read_top(input, source, &node->pairs[i]);
}

Object *document_parse_body(const Kind *kind, const char *project, const char *name,
                            const char *file, const char *text, gsize length, Problems *problems)
{
    const BodySource source = {
        .file = file, .project = project, .foreign = TRUE, .problems = problems};
    guint errors = problems->errors;
    g_autoptr(Tree) tree = tree_parse(file, text, length, problems);
    g_autoptr(Object) object = NULL;

    if (tree == NULL)
        return NULL;
    if (tree_size(tree) != 1) {
        problem_add_at(problems, PROBLEM_ERROR, file, 0, 0, NULL,
                       "holds %u documents; one %s is expected", tree_size(tree), kind->title);
        return NULL;
    }
    object = body_object(&source, kind, name, tree_document(tree, 0));
    return problems->errors == errors ? g_steal_pointer(&object) : NULL;
}

static Object *object_of(const BodySource *source, const Kind *kind, const char *name,
                         const json_t *body)
{
    guint errors = source->problems->errors;
    g_autoptr(Tree) tree = tree_from_json(body);
    g_autoptr(Object) object = body_object(source, kind, name, tree_document(tree, 0));

    return source->problems->errors == errors ? g_steal_pointer(&object) : NULL;
}

Object *document_object_from_json(const Kind *kind, const char *project, const char *name,
                                  const json_t *body, Problems *problems)
{
    const BodySource source = {.project = project, .foreign = TRUE, .problems = problems};

    return object_of(&source, kind, name, body);
}

Object *document_object_declared(const Kind *kind, const char *project, const char *name,
                                 const json_t *body, Problems *problems)
{
    const BodySource source = {
        .project = project, .foreign = TRUE, .declared = TRUE, .problems = problems};

    return object_of(&source, kind, name, body);
}
