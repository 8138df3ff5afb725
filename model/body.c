#include <string.h>

#include "body_parts.h"

/* What a short `source` stands for; NULL with a problem when it stands for nothing. */
static json_t *short_source(Body *body, const char *path, const Node *node)
{
    g_autofree char *plain = body_plain_text(body->source, body->label, path, node);
    g_autofree char *folder = body_folder(body->source, node);
    json_t *source = plain != NULL ? body_long_source(body->kind->id, plain, folder) : NULL;

    if (plain != NULL && source == NULL)
        body_mistake(body, path, node,
                     "%s is no image source; write builtin:NAME, a file as /PATH or ./PATH, or "
                     "{server, protocol, alias}",
                     plain);
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
            body_mistake(body, key, pair->value,
                         "must be the name or the fingerprint of an image, not %s",
                         node_kind_name(pair->value));
        return image;
    }
    if (json_object_get(spec, "source") != NULL) {
        body_mistake(body, key, pair->key,
                     "the image is named twice, by source and by image; leave one out");
        return TRUE;
    }
    source = short_source(body, key, pair->value);
    if (source != NULL) {
        const char *name = json_object_get(source, "alias") != NULL ? "source/alias" : "source";

        json_object_set_new_nocheck(spec, "source", source);
        body_remember(body, g_strdup(name), pair->value, pair->value);
    }
    return TRUE;
}

/* One key of `config`. */
static void set_key(Body *body, json_t *config, json_t *generated, const Pair *pair)
{
    g_autofree char *key = body_key_text(body, "config", pair->key);
    g_autofree char *path = key != NULL ? g_strconcat("config/", key, NULL) : NULL;
    gboolean computed = key != NULL && g_str_has_prefix(key, "volatile.");
    json_t *value;

    if (key == NULL)
        return;
    if (row_find(body->kind->config, key) == NULL) {
        body_unknown_key(body, "key", body->kind->config, "config", pair->key);
        return;
    }
    if (computed && !body->source->foreign) {
        body_mistake(body, path, pair->key, "is read-only: berth writes it itself");
        return;
    }
    value = body_text_value(body, path, pair->value);
    if (value == NULL)
        return;
    json_object_set_new_nocheck(computed ? generated : config, key, value);
    if (!computed)
        body_remember(body, g_steal_pointer(&path), pair->key, pair->value);
}

static void set_config(Body *body, json_t *config, json_t *generated, const Node *node)
{
    if (node->kind == NODE_NULL)
        return;
    if (node->kind != NODE_MAP) {
        body_mistake(body, "config", node, "must be a map of keys and values, not %s",
                     node_kind_name(node));
        return;
    }
    for (guint i = 0; i < node->count; i++)
        set_key(body, config, generated, &node->pairs[i]);
}

static void set_device(Body *body, json_t *devices, const Pair *pair)
{
    g_autoptr(json_t) device = json_object();
    g_autofree char *name = body_key_text(body, "devices", pair->key);
    g_autofree char *path = name != NULL ? g_strconcat("devices/", name, NULL) : NULL;

    if (name == NULL)
        return;
    if (pair->value->kind != NODE_MAP) {
        body_mistake(body, path, pair->value, "must be a map with a type, not %s",
                     node_kind_name(pair->value));
        return;
    }
    for (guint i = 0; i < pair->value->count; i++) {
        const Pair *member = &pair->value->pairs[i];
        g_autofree char *key = body_key_text(body, path, member->key);
        g_autofree char *below = key != NULL ? g_strconcat(path, "/", key, NULL) : NULL;
        json_t *value = key != NULL ? body_text_value(body, below, member->value) : NULL;

        if (value == NULL)
            continue;
        json_object_set_new_nocheck(device, key, value);
        body_remember(body, g_steal_pointer(&below), member->key, member->value);
    }
    body_remember(body, g_steal_pointer(&path), pair->key, pair->value);
    json_object_set_new_nocheck(devices, name, g_steal_pointer(&device));
}

static void set_devices(Body *body, json_t *devices, const Node *node)
{
    if (node->kind == NODE_NULL)
        return;
    if (node->kind != NODE_MAP) {
        body_mistake(body, "devices", node, "must be a map of devices, not %s",
                     node_kind_name(node));
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
    body_unknown_key(body, "field", (const Row *)(void *)rows->data, "", key);
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
        body_mistake(body, key, pair->key,
                     "the image is named twice, by source and by image; leave one out");
    else
        body_set_field(body, spec, row, "", pair);
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
    body.file = node->file != NULL ? node->file : source->file;
    body.origins = g_array_new(FALSE, FALSE, sizeof(Origin));
    g_array_set_clear_func(body.origins, origin_clear);
    spec = json_object();
    generated = json_object();
    if ((kind->flags & KIND_CONFIG) != 0)
        json_object_set_new(spec, "config", json_object());
    if ((kind->flags & KIND_DEVICES) != 0)
        json_object_set_new(spec, "devices", json_object());
    body_remember(&body, g_strdup(""), node, node);
    for (guint i = 0; node->kind == NODE_MAP && i < node->count; i++) {
        if (strcmp(node->pairs[i].key->text, "name") == 0)
            body_remember(&body, g_strdup("name"), node->pairs[i].key, node->pairs[i].value);
        set_member(&body, spec, generated, &node->pairs[i]);
    }
    if (kind->id == KIND_IMAGE && json_is_object(json_object_get(spec, "source"))) {
        const Node *written = node_get(node, "source");
        g_autofree char *folder = body_folder(source, written != NULL ? written : node);

        body_resolve_files(json_object_get(spec, "source"), folder);
    }
    object = object_new(kind->id, project, NULL, own, spec, generated);
    object->file = g_strdup(body.file);
    object->origins = body.origins;
    g_free(body.label);
    return object;
}
