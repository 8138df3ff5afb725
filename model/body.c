#include "body.h"

#include <string.h>

/* State of one object's walk. */
typedef struct {
    const BodySource *source;
    const Kind *kind;
    char *label;
    GArray *origins; /* of Origin */
} Body;

static void origin_clear(void *data)
{
    g_free(((Origin *)data)->path);
}

/* Steals `path`. */
static void remember(Body *body, char *path, const Node *node)
{
    Origin origin = {path, node->line, node->column};

    if (node->line == 0 || body->source->file == NULL)
        g_free(path);
    else
        g_array_append_val(body->origins, origin);
}

static void report(Severity severity, const BodySource *source, const char *label, const char *path,
                   const Node *node, const char *format, va_list args) G_GNUC_PRINTF(6, 0);

static void report(Severity severity, const BodySource *source, const char *label, const char *path,
                   const Node *node, const char *format, va_list args)
{
    problem_take(source->problems, severity, label, path,
                 problem_place(source->file, node->line, node->column),
                 g_strdup_vprintf(format, args));
}

void body_problem(const BodySource *source, Severity severity, const char *label, const char *path,
                  const Node *node, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    report(severity, source, label, path, node, format, args);
    va_end(args);
}

static void mistake(Body *body, const char *path, const Node *node, const char *format, ...)
    G_GNUC_PRINTF(4, 5);

static void mistake(Body *body, const char *path, const Node *node, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    report(PROBLEM_ERROR, body->source, body->label, path, node, format, args);
    va_end(args);
}

char *body_plain_text(const BodySource *source, const char *label, const char *path,
                      const Node *node)
{
    GString *text;

    if (source->foreign || strstr(node->text, "${") == NULL)
        return g_strdup(node->text);
    text = g_string_sized_new(node->count);
    for (const char *at = node->text; *at != '\0';) {
        if (g_str_has_prefix(at, "$${")) {
            g_string_append(text, "${");
            at += 3;
        } else if (g_str_has_prefix(at, "${")) {
            const char *end = strchr(at, '}');
            int length = end != NULL && end - at < 60 ? (int)(end - at) + 1 : 2;

            body_problem(
                source, PROBLEM_UNSUPPORTED, label, path, node,
                "%s %.*s is not supported by this build; write $${ for a ${ that is meant as text",
                g_str_has_prefix(at, "${secret:") ? "the secret" : "the variable", length, at);
            g_string_free(text, TRUE);
            return NULL;
        } else {
            g_string_append_c(text, *at++);
        }
    }
    return g_string_free(text, FALSE);
}

/* A scalar as a JSON string; NULL when it is unset or wrong. */
static json_t *text_value(Body *body, const char *path, const Node *node)
{
    g_autofree char *text = NULL;

    if (node->kind == NODE_NULL || (node->kind == NODE_SCALAR && node->count == 0))
        return NULL;
    if (node->kind != NODE_SCALAR) {
        mistake(body, path, node, "must be text, not %s", node_kind_name(node));
        return NULL;
    }
    if (body->source->foreign || strstr(node->text, "${") == NULL)
        return json_stringn_nocheck(node->text, node->count);
    text = body_plain_text(body->source, body->label, path, node);
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
    g_autoptr(json_t) text = text_value(body, path, node);
    gboolean flag;
    gint64 number;

    if (text == NULL)
        return NULL;
    if (row->type->shape == SHAPE_BOOL) {
        if (flag_of_text(json_string_value(text), &flag))
            return json_boolean(flag);
        mistake(body, path, node, "must be true or false, not %s", json_string_value(text));
        return NULL;
    }
    if (row->type->shape == SHAPE_INT) {
        if (g_ascii_string_to_signed(json_string_value(text), 10, G_MININT64, G_MAXINT64, &number,
                                     NULL))
            return json_integer(number);
        mistake(body, path, node, "must be a whole number, not %s", json_string_value(text));
        return NULL;
    }
    return g_steal_pointer(&text);
}

static json_t *fields_value(Body *body, const Row *rows, const char *prefix, const Node *node);

/* Reports a key that no row knows, with the nearest one that does. */
static void unknown_key(Body *body, const char *what, const Row *rows, const char *path,
                        const Node *key)
{
    const char *nearest =
        problems_are_full(body->source->problems) ? NULL : row_nearest(rows, key->text);

    if (nearest != NULL)
        mistake(body, path, key, "unknown %s %s; did you mean %s?", what, key->text, nearest);
    else
        mistake(body, path, key, "unknown %s %s", what, key->text);
}

static json_t *list_value(Body *body, const Row *row, const char *path, const Node *node)
{
    g_autoptr(json_t) list = json_array();

    if (node->kind == NODE_NULL)
        return NULL;
    if (node->kind != NODE_LIST) {
        mistake(body, path, node, "must be a list, not %s", node_kind_name(node));
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
                            : text_value(body, below, named != NULL ? named : item);

        if (value == NULL &&
            (item->kind == NODE_NULL || (item->kind == NODE_SCALAR && item->count == 0)))
            mistake(body, below, item, "an item of the list is empty");
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
        mistake(body, path, node, "must be a map, not %s", node_kind_name(node));
        return NULL;
    }
    for (guint i = 0; i < node->count; i++) {
        const Pair *pair = &node->pairs[i];
        g_autofree char *below = g_strconcat(path, "/", pair->key->text, NULL);
        json_t *value = text_value(body, below, pair->value);

        if (value != NULL) {
            json_object_set_new_nocheck(map, pair->key->text, value);
            remember(body, g_steal_pointer(&below), pair->key);
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

/* Puts the value of one field into `object`. */
static void set_field(Body *body, json_t *object, const Row *row, const char *prefix,
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
    remember(body, g_steal_pointer(&path), pair->key);
}

static json_t *fields_value(Body *body, const Row *rows, const char *prefix, const Node *node)
{
    g_autoptr(json_t) object = json_object();

    if (node->kind == NODE_NULL)
        return NULL;
    if (node->kind != NODE_MAP) {
        mistake(body, prefix, node, "must be a map, not %s", node_kind_name(node));
        return NULL;
    }
    for (guint i = 0; i < node->count; i++) {
        const Row *row = row_find(rows, node->pairs[i].key->text);

        if (row == NULL)
            unknown_key(body, "field", rows, prefix, node->pairs[i].key);
        else
            set_field(body, object, row, prefix, &node->pairs[i]);
    }
    return g_steal_pointer(&object);
}

/* What a short `source` stands for; NULL with a problem when it stands for nothing. */
static json_t *short_source(Body *body, const char *path, const Node *node)
{
    g_autofree char *plain = body_plain_text(body->source, body->label, path, node);
    json_t *source =
        plain != NULL ? body_long_source(body->kind->id, plain, body->source->folder) : NULL;

    if (plain != NULL && source == NULL)
        mistake(body, path, node,
                "%s is no image source; write builtin:NAME, or a file as /PATH or ./PATH", plain);
    return source;
}

/* `source:` and, for instances, `image:`. TRUE when the pair was one of them in a short spelling.
 */
static gboolean set_short_source(Body *body, json_t *spec, const Pair *pair)
{
    const char *key = pair->key->text;
    gboolean image = body->kind->id == KIND_INSTANCE && strcmp(key, "image") == 0;
    json_t *source;

    if (!image && (strcmp(key, "source") != 0 ||
                   (body->kind->id != KIND_INSTANCE && body->kind->id != KIND_IMAGE)))
        return FALSE;
    if (pair->value->kind != NODE_SCALAR || pair->value->count == 0) {
        if (image && pair->value->kind != NODE_NULL && pair->value->kind != NODE_SCALAR)
            mistake(body, key, pair->value,
                    "must be the name or the fingerprint of an image, not %s",
                    node_kind_name(pair->value));
        return image;
    }
    if (json_object_get(spec, "source") != NULL) {
        mistake(body, key, pair->key,
                "the image is named twice, by source and by image; leave one out");
        return TRUE;
    }
    source = short_source(body, key, pair->value);
    if (source != NULL) {
        const char *name = json_object_get(source, "alias") != NULL ? "source/alias" : "source";

        json_object_set_new_nocheck(spec, "source", source);
        remember(body, g_strdup(name), pair->value);
    }
    return TRUE;
}

static void set_config(Body *body, json_t *config, json_t *generated, const Node *node)
{
    if (node->kind == NODE_NULL)
        return;
    if (node->kind != NODE_MAP) {
        mistake(body, "config", node, "must be a map of keys and values, not %s",
                node_kind_name(node));
        return;
    }
    for (guint i = 0; i < node->count; i++) {
        const Node *key = node->pairs[i].key;
        const Row *row = row_find(body->kind->config, key->text);
        g_autofree char *path = g_strconcat("config/", key->text, NULL);
        gboolean computed = g_str_has_prefix(key->text, "volatile.");
        json_t *value;

        if (row == NULL) {
            unknown_key(body, "key", body->kind->config, "config", key);
            continue;
        }
        if (computed && !body->source->foreign) {
            mistake(body, path, key, "is read-only: berth writes it itself");
            continue;
        }
        value = text_value(body, path, node->pairs[i].value);
        if (value == NULL)
            continue;
        json_object_set_new_nocheck(computed ? generated : config, key->text, value);
        if (!computed)
            remember(body, g_steal_pointer(&path), key);
    }
}

static void set_device(Body *body, json_t *devices, const Pair *pair)
{
    g_autoptr(json_t) device = json_object();
    g_autofree char *path = g_strconcat("devices/", pair->key->text, NULL);

    if (pair->value->kind != NODE_MAP) {
        mistake(body, path, pair->value, "must be a map with a type, not %s",
                node_kind_name(pair->value));
        return;
    }
    for (guint i = 0; i < pair->value->count; i++) {
        const Pair *member = &pair->value->pairs[i];
        g_autofree char *below = g_strconcat(path, "/", member->key->text, NULL);
        json_t *value = text_value(body, below, member->value);

        if (value == NULL)
            continue;
        json_object_set_new_nocheck(device, member->key->text, value);
        remember(body, g_steal_pointer(&below), member->key);
    }
    remember(body, g_steal_pointer(&path), pair->key);
    json_object_set_new_nocheck(devices, pair->key->text, g_steal_pointer(&device));
}

static void set_devices(Body *body, json_t *devices, const Node *node)
{
    if (node->kind == NODE_NULL)
        return;
    if (node->kind != NODE_MAP) {
        mistake(body, "devices", node, "must be a map of devices, not %s", node_kind_name(node));
        return;
    }
    for (guint i = 0; i < node->count; i++)
        set_device(body, devices, &node->pairs[i]);
}

/* The top-level fields that are in no row, for 'did you mean'. */
static void unknown_field(Body *body, const Node *key)
{
    const Row extra[] = {
        {.key = "name"},    {.key = "project"}, {.key = "config"},
        {.key = "devices"}, {.key = "image"},   {0},
    };
    const guint flags[] = {0, KIND_IN_PROJECT, KIND_CONFIG, KIND_DEVICES, 0};
    g_autoptr(GArray) rows = g_array_new(TRUE, TRUE, sizeof(Row));

    for (guint i = 0; i < G_N_ELEMENTS(flags); i++)
        if ((body->kind->flags & flags[i]) == flags[i] &&
            (strcmp(extra[i].key, "image") != 0 || body->kind->id == KIND_INSTANCE))
            g_array_append_val(rows, extra[i]);
    for (const Row *row = body->kind->fields; row != NULL && row->key != NULL; row++)
        g_array_append_vals(rows, row, 1);
    unknown_key(body, "field", (const Row *)(void *)rows->data, "", key);
}

static void set_member(Body *body, json_t *spec, json_t *generated, const Pair *pair)
{
    const char *key = pair->key->text;
    const Row *row;

    if (strcmp(key, "name") == 0 ||
        (strcmp(key, "project") == 0 && (body->kind->flags & KIND_IN_PROJECT) != 0))
        return;
    if (strcmp(key, "config") == 0 && (body->kind->flags & KIND_CONFIG) != 0) {
        set_config(body, json_object_get(spec, "config"), generated, pair->value);
        return;
    }
    if (strcmp(key, "devices") == 0 && (body->kind->flags & KIND_DEVICES) != 0) {
        set_devices(body, json_object_get(spec, "devices"), pair->value);
        return;
    }
    if (set_short_source(body, spec, pair))
        return;
    row = body->kind->fields != NULL ? row_find(body->kind->fields, key) : NULL;
    if (row == NULL)
        unknown_field(body, pair->key);
    else if (strcmp(key, "source") == 0 && json_object_get(spec, "source") != NULL)
        mistake(body, key, pair->key,
                "the image is named twice, by source and by image; leave one out");
    else
        set_field(body, spec, row, "", pair);
}

/* A name field: text that is not empty. Newly allocated; NULL when there is none, with a problem
 * when it is wrong. */
static char *name_member(const BodySource *source, const Kind *kind, const Node *node,
                         const char *key)
{
    const Node *value = node_get(node, key);
    g_autofree char *label = NULL;

    if (value == NULL || value->kind == NODE_NULL ||
        (value->kind == NODE_SCALAR && value->count == 0))
        return NULL;
    label = g_strdup(kind->name);
    if (value->kind == NODE_SCALAR)
        return body_plain_text(source, label, key, value);
    body_problem(source, PROBLEM_ERROR, label, key, value, "must be text, not %s",
                 node_kind_name(value));
    return NULL;
}

/* The object's name; NULL with a problem when there is none or two differ. */
static char *find_name(const BodySource *source, const Kind *kind, const char *name,
                       const Node *node)
{
    guint before = source->problems->errors + source->problems->unsupported;
    g_autofree char *own = name_member(source, kind, node, "name");

    if ((kind->flags & KIND_SINGLETON) != 0) {
        if (node_get(node, "name") == NULL)
            return g_strdup("");
        body_problem(source, PROBLEM_ERROR, kind->name, "name", node_get(node, "name"),
                     "there is only one %s; it has no name", kind->title);
        return NULL;
    }
    if (own != NULL && name != NULL && strcmp(own, name) != 0) {
        body_problem(source, PROBLEM_ERROR, kind->name, "name", node_get(node, "name"),
                     "the body is that of %s, not of %s", own, name);
        return NULL;
    }
    if (own != NULL)
        return g_steal_pointer(&own);
    if (name != NULL)
        return g_strdup(name);
    if (source->problems->errors + source->problems->unsupported == before)
        body_problem(source, PROBLEM_ERROR, kind->name, NULL, node, "a %s needs a name",
                     kind->title);
    return NULL;
}

static char *find_project(const BodySource *source, const Kind *kind, const Node *node)
{
    g_autofree char *own = NULL;
    const char *given = source->project != NULL ? source->project : "default";

    if ((kind->flags & KIND_IN_PROJECT) == 0)
        return g_strdup("");
    own = name_member(source, kind, node, "project");
    if (own == NULL)
        return g_strdup(given);
    if (source->foreign && strcmp(own, given) != 0)
        body_problem(source, PROBLEM_ERROR, kind->name, "project", node_get(node, "project"),
                     "the body is of project %s, not of %s", own, given);
    return g_steal_pointer(&own);
}

Object *body_object(const BodySource *source, const Kind *kind, const char *name, const Node *node)
{
    g_autofree char *own = NULL;
    g_autofree char *project = NULL;
    g_autofree char *key = NULL;
    Body body = {.source = source, .kind = kind};
    json_t *spec, *generated;
    Object *object;

    if (node->kind != NODE_MAP &&
        !((kind->flags & KIND_SINGLETON) != 0 && node->kind == NODE_NULL)) {
        body_problem(source, PROBLEM_ERROR, kind->name, NULL, node,
                     "a %s is described by a map, not by %s", kind->title, node_kind_name(node));
        return NULL;
    }
    own = find_name(source, kind, name, node);
    if (own == NULL)
        return NULL;
    project = find_project(source, kind, node);
    key = object_key(kind->id, project, NULL, own);
    body.label = object_key_label(key);
    body.origins = g_array_new(FALSE, FALSE, sizeof(Origin));
    g_array_set_clear_func(body.origins, origin_clear);
    spec = json_object();
    generated = json_object();
    if ((kind->flags & KIND_CONFIG) != 0)
        json_object_set_new(spec, "config", json_object());
    if ((kind->flags & KIND_DEVICES) != 0)
        json_object_set_new(spec, "devices", json_object());
    remember(&body, g_strdup(""), node);
    for (guint i = 0; node->kind == NODE_MAP && i < node->count; i++) {
        if (strcmp(node->pairs[i].key->text, "name") == 0)
            remember(&body, g_strdup("name"), node->pairs[i].key);
        set_member(&body, spec, generated, &node->pairs[i]);
    }
    if (kind->id == KIND_IMAGE && json_is_object(json_object_get(spec, "source")))
        body_resolve_files(json_object_get(spec, "source"), source->folder);
    object = object_new(kind->id, project, NULL, own, spec, generated);
    object->file = g_strdup(source->file);
    object->origins = body.origins;
    g_free(body.label);
    return object;
}
