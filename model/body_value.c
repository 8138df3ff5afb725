#include <string.h>

#include "body_parts.h"
#include "secrets.h"

void body_remember(Body *body, char *path, const Node *node, const Node *value)
{
    Origin origin = {.path = path, .line = node->line, .column = node->column};

    if (node->line == 0 || body->file == NULL) {
        g_free(path);
        return;
    }
    if (node->file != NULL && strcmp(node->file, body->file) != 0)
        origin.file = g_strdup(node->file);
    origin.via = g_strdup(value->via);
    g_array_append_val(body->origins, origin);
}

static void report(Severity severity, const BodySource *source, const char *label, const char *path,
                   const Node *node, const char *format, va_list args) G_GNUC_PRINTF(6, 0);

static void report(Severity severity, const BodySource *source, const char *label, const char *path,
                   const Node *node, const char *format, va_list args)
{
    char *text = g_strdup_vprintf(format, args);

    if (node->via != NULL) {
        char *whole = g_strdup_printf("%s (%s)", text, node->via);

        g_free(text);
        text = whole;
    }
    problem_take(
        source->problems, severity, label, path,
        problem_place(node->file != NULL ? node->file : source->file, node->line, node->column),
        text);
}

void body_problem(const BodySource *source, Severity severity, const char *label, const char *path,
                  const Node *node, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    report(severity, source, label, path, node, format, args);
    va_end(args);
}

void body_mistake(Body *body, const char *path, const Node *node, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    report(PROBLEM_ERROR, body->source, body->label, path, node, format, args);
    va_end(args);
}

/* The text of a scalar with its secrets as tokens: a file without variables can only have whole
 * ones (EN-05). NULL with a problem. */
static char *text_with_secrets(const BodySource *source, const char *label, const char *path,
                               const Node *node)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *reference = NULL;

    if (source->foreign && !source->declared && secrets_in(node->text) && secrets_is_open(node->text)) {
        body_problem(source, PROBLEM_ERROR, label, path, node,
                     "cannot hold the control character U+0002");
        return NULL;
    }
    if (source->expanded || !secrets_is_reference(node->text))
        return g_strdup(node->text);
    reference = g_strndup(node->text + strlen("${secret:"), node->count - strlen("${secret:}"));
    if (!secrets_check(reference, &error))
        body_problem(source, PROBLEM_ERROR, label, path, node, "%s", error->message);
    else if (source->foreign)
        body_problem(source, PROBLEM_ERROR, label, path, node,
                     "a secret can only be declared in a state file; this is how one is shown");
    else
        return secrets_token(reference, NULL);
    return NULL;
}

char *body_plain_text(const BodySource *source, const char *label, const char *path,
                      const Node *node)
{
    char *text = text_with_secrets(source, label, path, node);

    if (text == NULL || !secrets_in(text))
        return text;
    body_problem(source, PROBLEM_ERROR, label, path, node, "a secret cannot stand here");
    g_free(text);
    return NULL;
}

char *body_key_text(Body *body, const char *path, const Node *key)
{
    return body_plain_text(body->source, body->label, path, key);
}

json_t *body_text_value(Body *body, const char *path, const Node *node)
{
    g_autofree char *text = NULL;

    if (node->kind == NODE_NULL || (node->kind == NODE_SCALAR && node->count == 0))
        return NULL;
    if (node->kind != NODE_SCALAR) {
        body_mistake(body, path, node, "must be text, not %s", node_kind_name(node));
        return NULL;
    }
    text = text_with_secrets(body->source, body->label, path, node);
    return text != NULL ? json_string_nocheck(text) : NULL;
}

/* TRUE/FALSE in `ret` for the spellings of I-013. */
static gboolean flag_of_text(const char *text, gboolean *ret)
{
    static const char *const no[] = {"false", "0", "no", "off", NULL};

    *ret = type_is_true(text);
    for (guint i = 0; !*ret && no[i] != NULL; i++)
        if (g_ascii_strcasecmp(text, no[i]) == 0)
            return TRUE;
    return *ret;
}

static json_t *scalar_value(Body *body, const Row *row, const char *path, const Node *node)
{
    g_autoptr(json_t) text = body_text_value(body, path, node);
    gboolean flag;
    gint64 number;

    if (text == NULL)
        return NULL;
    if (row->type->shape == SHAPE_BOOL) {
        if (flag_of_text(json_string_value(text), &flag))
            return json_boolean(flag);
        body_mistake(body, path, node, "must be true or false, not %s", json_string_value(text));
        return NULL;
    }
    if (row->type->shape == SHAPE_INT) {
        if (g_ascii_string_to_signed(json_string_value(text), 10, G_MININT64, G_MAXINT64, &number,
                                     NULL))
            return json_integer(number);
        body_mistake(body, path, node, "must be a whole number, not %s", json_string_value(text));
        return NULL;
    }
    return g_steal_pointer(&text);
}

static json_t *fields_value(Body *body, const Row *rows, const char *prefix, const Node *node);

void body_unknown_key(Body *body, const char *what, const Row *rows, const char *path,
                      const Node *key)
{
    const char *nearest =
        problems_are_full(body->source->problems) ? NULL : row_nearest(rows, key->text);

    if (nearest != NULL)
        body_mistake(body, path, key, "unknown %s %s; did you mean %s?", what, key->text, nearest);
    else
        body_mistake(body, path, key, "unknown %s %s", what, key->text);
}

static json_t *list_value(Body *body, const Row *row, const char *path, const Node *node)
{
    g_autoptr(json_t) list = json_array();

    if (node->kind == NODE_NULL)
        return NULL;
    if (node->kind != NODE_LIST) {
        body_mistake(body, path, node, "must be a list, not %s", node_kind_name(node));
        return NULL;
    }
    for (guint i = 0; i < node->count; i++) {
        const Node *item = node->items[i];
        g_autofree char *below = g_strdup_printf("%s/%u", path, i);
        /* A server lists objects where a file lists their names. */
        const Node *named =
            body->source->foreign && row->merge_key != NULL ? node_get(item, row->merge_key) : NULL;
        json_t *value = row->type->shape == SHAPE_OBJECTS
                            ? fields_value(body, row->fields, below, item)
                            : body_text_value(body, below, named != NULL ? named : item);

        if (value == NULL &&
            (item->kind == NODE_NULL || (item->kind == NODE_SCALAR && item->count == 0)))
            body_mistake(body, below, item, "an item of the list is empty");
        if (value != NULL)
            json_array_append_new(list, value);
    }
    /* An empty list says something only where an absent one stands for something else (PF-12). */
    if (node->count == 0 && row->fallback == NULL && row->ref == NULL)
        return NULL;
    return g_steal_pointer(&list);
}

static json_t *map_value(Body *body, const char *path, const Node *node)
{
    g_autoptr(json_t) map = json_object();

    if (node->kind == NODE_NULL)
        return NULL;
    if (node->kind != NODE_MAP) {
        body_mistake(body, path, node, "must be a map, not %s", node_kind_name(node));
        return NULL;
    }
    for (guint i = 0; i < node->count; i++) {
        const Pair *pair = &node->pairs[i];
        g_autofree char *key = body_key_text(body, path, pair->key);
        g_autofree char *below = key != NULL ? g_strconcat(path, "/", key, NULL) : NULL;
        json_t *value = key != NULL ? body_text_value(body, below, pair->value) : NULL;

        if (value != NULL) {
            json_object_set_new_nocheck(map, key, value);
            body_remember(body, g_steal_pointer(&below), pair->key, pair->value);
        }
    }
    return json_object_size(map) > 0 ? g_steal_pointer(&map) : NULL;
}

static json_t *row_value(Body *body, const Row *row, const char *path, const Node *node)
{
    switch (row->type->shape) {
    case SHAPE_LIST:
    case SHAPE_OBJECTS:
        return list_value(body, row, path, node);
    case SHAPE_MAP:
        return map_value(body, path, node);
    case SHAPE_OBJECT: {
        json_t *object = fields_value(body, row->fields, path, node);

        if (object != NULL && json_object_size(object) == 0)
            g_clear_pointer(&object, json_decref);
        return object;
    }
    default:
        return scalar_value(body, row, path, node);
    }
}

/* A top-level value that says what its absence says is left out, so that both spellings are the
 * same object. */
static gboolean is_default(const Row *row, const json_t *value)
{
    if (json_is_boolean(value))
        return json_is_true(value) == (row->fallback != NULL && type_is_true(row->fallback));
    return row->fallback != NULL && json_is_string(value) && (row->flags & ROW_REQUIRED) == 0 &&
           strcmp(json_string_value(value), row->fallback) == 0;
}

void body_set_field(Body *body, json_t *object, const Row *row, const char *prefix,
                    const Pair *pair)
{
    g_autofree char *path = *prefix != '\0' ? g_strconcat(prefix, "/", pair->key->text, NULL)
                                            : g_strdup(pair->key->text);
    json_t *value;

    if ((row->flags & ROW_RUNTIME) != 0) {
        /* `show` texts are full of these; in a state file somebody may think that they do
         * something. */
        if (!body->source->foreign)
            body_problem(body->source, PROBLEM_REMARK, body->label, path, pair->key,
                         "is computed by berth and ignored here");
        return;
    }
    value = row_value(body, row, path, pair->value);
    if (value == NULL)
        return;
    if (is_default(row, value)) {
        json_decref(value);
        return;
    }
    json_object_set_new_nocheck(object, pair->key->text, value);
    body_remember(body, g_steal_pointer(&path), pair->key, pair->value);
}

static json_t *fields_value(Body *body, const Row *rows, const char *prefix, const Node *node)
{
    g_autoptr(json_t) object = json_object();

    if (node->kind == NODE_NULL)
        return NULL;
    if (node->kind != NODE_MAP) {
        body_mistake(body, prefix, node, "must be a map, not %s", node_kind_name(node));
        return NULL;
    }
    for (guint i = 0; i < node->count; i++) {
        const Row *row = row_find(rows, node->pairs[i].key->text);

        if (row == NULL)
            body_unknown_key(body, "field", rows, prefix, node->pairs[i].key);
        else
            body_set_field(body, object, row, prefix, &node->pairs[i]);
    }
    return g_steal_pointer(&object);
}
