#include "template_parts.h"

#include <string.h>

Template *template_new(Variables *variables)
{
    Template *self = g_new0(Template, 1);

    self->variables = variables;
    self->tree = tree_new(NULL);
    return self;
}

void template_free(Template *self)
{
    if (self == NULL)
        return;
    tree_free(self->tree);
    g_free(self);
}

/* Counts what is made; FALSE, with one problem in all, when it is too much. */
gboolean template_count(Template *self, const Node *place, guint nodes, gsize bytes)
{
    if (self->full)
        return FALSE;
    if (nodes > TEMPLATE_MAX_NODES - self->nodes || bytes > DOCUMENT_MAX_BYTES - self->bytes) {
        self->full = TRUE;
        node_mistake(
            self->problems, place,
            "variables and foreach make the input too large (more than %u values or %u bytes)",
            TEMPLATE_MAX_NODES, DOCUMENT_MAX_BYTES);
        return FALSE;
    }
    self->nodes += nodes;
    self->bytes += bytes;
    return TRUE;
}

Node *template_empty_at(Template *self, const Node *place)
{
    Node *node = node_new_text(self->tree, "", 0, place->line, place->column);

    node->kind = NODE_NULL;
    node->file = place->file;
    return node;
}

gboolean template_too_deep(Template *self, const Node *place, guint depth)
{
    if (depth <= DOCUMENT_MAX_DEPTH)
        return FALSE;
    if (!self->full)
        node_mistake(self->problems, place,
                     "variables make the input nest more than %u levels deep", DOCUMENT_MAX_DEPTH);
    self->full = TRUE;
    return TRUE;
}

/* A copy of a variable's value, for one use. What is within keeps its own place; `via` says who
 * uses it. */
const Node *template_copy(Template *self, const Node *node, const char *via, guint depth)
{
    Node *made;
    Pair *pairs;

    if (template_too_deep(self, node, depth) || !template_count(self, node, 1, 0))
        return template_empty_at(self, node);
    made = tree_alloc(self->tree, sizeof(Node));
    *made = *node;
    made->via = via;
    switch (node->kind) {
    case NODE_LIST:
        made->items = tree_alloc(self->tree, node->count * sizeof(Node *));
        for (guint i = 0; i < node->count; i++)
            made->items[i] = template_copy(self, node->items[i], via, depth + 1);
        break;
    case NODE_MAP:
        pairs = tree_alloc(self->tree, node->count * sizeof(Pair));
        for (guint i = 0; i < node->count; i++)
            pairs[i] = (Pair){template_copy(self, node->pairs[i].key, via, depth + 1),
                              template_copy(self, node->pairs[i].value, via, depth + 1)};
        made->pairs = pairs;
        break;
    default:
        break;
    }
    return made;
}

/* ---- the walk ---- */

static const Node *expand_list(Template *self, const Node *node, guint depth)
{
    g_autoptr(GPtrArray) items = g_ptr_array_sized_new(node->count);
    Node *made;

    for (guint i = 0; i < node->count && !self->full; i++) {
        if (node_get(node->items[i], LOOP_KEY) != NULL)
            template_expand_loop(self, node->items[i], items, depth + 1);
        else
            g_ptr_array_add(items, (gpointer)template_expand_node(self, node->items[i], depth + 1));
    }
    made = tree_alloc(self->tree, sizeof(Node));
    *made = *node;
    made->count = items->len;
    made->items = tree_alloc(self->tree, items->len * sizeof(Node *));
    if (items->len > 0)
        memcpy(made->items, items->pdata, items->len * sizeof(Node *));
    return made;
}

static const Node *expand_key(Template *self, const Node *key)
{
    g_auto(GStrv) parts = NULL;
    g_autofree char *text = NULL;
    const char *at = strstr(key->text, "${");
    Node *made;

    if (at == NULL)
        return key;
    for (; at != NULL; at = strstr(at + 2, "${")) {
        if (at == key->text || at[-1] != '$') {
            node_mistake(self->problems, key,
                         "a key cannot hold a variable, only a value can; write $${ for text");
            return key;
        }
    }
    parts = g_strsplit(key->text, "$${", -1);
    text = g_strjoinv("${", parts);
    made = node_new_text(self->tree, text, strlen(text), key->line, key->column);
    made->file = key->file;
    made->plain = key->plain;
    return made;
}

const Node *template_expand_map(Template *self, const Node *node, gboolean loop, guint depth)
{
    Pair *pairs;
    Node *made;

    pairs = tree_alloc(self->tree, node->count * sizeof(Pair));
    made = tree_alloc(self->tree, sizeof(Node));
    *made = *node;
    made->count = 0;
    for (guint i = 0; i < node->count && !self->full; i++) {
        const Node *key = expand_key(self, node->pairs[i].key);

        if (loop && (strcmp(key->text, LOOP_KEY) == 0 || strcmp(key->text, LOOP_NAME) == 0))
            continue;
        pairs[made->count].key = key;
        pairs[made->count++].value = template_expand_node(self, node->pairs[i].value, depth + 1);
    }
    made->pairs = pairs;
    return made;
}

const Node *template_expand_node(Template *self, const Node *node, guint depth)
{
    if (template_too_deep(self, node, depth) || !template_count(self, node, 1, 0))
        return template_empty_at(self, node);
    switch (node->kind) {
    case NODE_SCALAR:
        return template_expand_text(self, node, depth);
    case NODE_LIST:
        return expand_list(self, node, depth);
    case NODE_MAP:
        return template_expand_map(self, node, FALSE, depth);
    default:
        return node;
    }
}

const Node *template_expand(Template *self, const Node *document, Problems *problems)
{
    static const char *const language[] = {"vars", "include", "overlays", NULL};
    Node *made;
    Pair *pairs;

    self->problems = problems;
    if (document->kind != NODE_MAP)
        return document;
    made = template_empty_at(self, document);
    /* Sections alone: a default is expanded when somebody uses it. */
    pairs = tree_alloc(self->tree, document->count * sizeof(Pair));
    for (guint i = 0; i < document->count; i++) {
        pairs[i] = document->pairs[i];
        if (!g_strv_contains(language, pairs[i].key->text))
            pairs[i].value = template_expand_node(self, pairs[i].value, 1);
    }
    if (self->full)
        return made;
    made->kind = NODE_MAP;
    made->count = document->count;
    made->pairs = pairs;
    return made;
}

void template_check_required(Template *self, Problems *problems)
{
    g_autoptr(GPtrArray) all = variables_all(self->variables);

    self->problems = problems;
    for (guint i = 0; i < all->len; i++) {
        Variable *variable = all->pdata[i];

        template_variable_value(self, variable, variable->key);
    }
}

Tree *template_tree(Template *self)
{
    return self->tree;
}
