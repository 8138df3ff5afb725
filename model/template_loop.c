/* `foreach`: one entry becomes many. */
#include <string.h>

#include "template_parts.h"

gboolean template_has_loop(const Node *document)
{
    for (guint i = 0; document->kind == NODE_MAP && i < document->count; i++) {
        const Node *section = document->pairs[i].value;

        for (guint k = 0; section->kind == NODE_LIST && k < section->count; k++)
            if (node_get(section->items[k], LOOP_KEY) != NULL)
                return TRUE;
    }
    return FALSE;
}

/* One round: the entry without its foreach. */
static void round_of(Template *self, const Node *entry, Loop *loop, GPtrArray *items, guint depth)
{
    if (!template_count(self, entry, 1, 0))
        return;
    self->loop = loop;
    g_ptr_array_add(items, (gpointer)template_expand_map(self, entry, TRUE, depth));
    self->loop = loop->outer;
}

/* The key of a list's item, which names what is made of it: the text itself, or the `name` of a
 * map. So taking one out does not rename the others. */
static const Node *item_key(Template *self, const Node *item, const Node *place)
{
    const Node *name = item->kind == NODE_MAP ? node_get(item, "name") : item;

    if (name != NULL && name->kind == NODE_SCALAR && name->count > 0)
        return name;
    node_mistake(
        self->problems, item->line != 0 ? item : place,
        "foreach over a list of %s: each item needs a name: by which its object is told from the "
        "others; or use a map",
        item->kind == NODE_MAP ? "maps" : node_kind_name(item));
    return NULL;
}

static void loop_list(Template *self, const Node *entry, const Node *over, Loop *loop,
                      GPtrArray *items, guint depth)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

    for (guint i = 0; i < over->count && !self->full; i++) {
        loop->value = over->items[i];
        loop->key = item_key(self, loop->value, over);
        if (loop->key == NULL)
            return;
        if (!g_hash_table_add(seen, (gpointer)loop->key->text)) {
            node_mistake(self->problems, loop->key, "foreach: %s is in the list twice",
                         loop->key->text);
            return;
        }
        round_of(self, entry, loop, items, depth);
    }
}

static void loop_count(Template *self, const Node *entry, const Node *over, Loop *loop,
                       GPtrArray *items, guint depth)
{
    guint64 rounds;

    if (!g_ascii_string_to_unsigned(over->text, 10, 0, TEMPLATE_MAX_ROUNDS, &rounds, NULL)) {
        node_mistake(self->problems, over,
                     "foreach takes a list, a map, or a count up to %u, not %.60s",
                     TEMPLATE_MAX_ROUNDS, over->text);
        return;
    }
    for (guint64 i = 0; i < rounds && !self->full; i++) {
        g_autofree char *number = g_strdup_printf("%" G_GUINT64_FORMAT, i);
        Node *node = node_new_text(self->tree, number, strlen(number), over->line, over->column);

        node->file = over->file;
        node->via = over->via;
        loop->key = loop->value = node;
        round_of(self, entry, loop, items, depth);
    }
}

/* More than one object of the same name would be made. */
static gboolean name_is_fixed(Template *self, const Node *entry, const Node *over)
{
    const Node *name = node_get(entry, "name");

    gboolean several = over->kind == NODE_SCALAR
                           ? strcmp(over->text, "0") != 0 && strcmp(over->text, "1") != 0
                           : over->count > 1;

    if (!several || name == NULL || name->kind != NODE_SCALAR || strstr(name->text, "${") != NULL)
        return FALSE;
    node_mistake(self->problems, name,
                 "foreach makes several of this name; put ${each.key} into it");
    return TRUE;
}

void template_expand_loop(Template *self, const Node *entry, GPtrArray *items, guint depth)
{
    const Node *as = node_get(entry, LOOP_NAME);
    const Node *over = template_expand_node(self, node_get(entry, LOOP_KEY), depth);
    Loop loop = {.name = "each", .outer = self->loop};

    if (as != NULL &&
        (as->kind != NODE_SCALAR || !template_is_path(as->text) || strchr(as->text, '.'))) {
        node_mistake(self->problems, as, "as: takes a name, to use instead of each");
        return;
    }
    if (as != NULL)
        loop.name = as->text;
    if (over->kind == NODE_NULL) {
        /* With an error this is only what came of it. */
        if (self->problems->errors == 0)
            node_mistake(self->problems, over,
                         "foreach takes a list, a map or a count, not nothing");
        return;
    }
    if (name_is_fixed(self, entry, over))
        return;
    if (over->kind == NODE_LIST)
        loop_list(self, entry, over, &loop, items, depth);
    else if (over->kind == NODE_SCALAR)
        loop_count(self, entry, over, &loop, items, depth);
    for (guint i = 0; over->kind == NODE_MAP && i < over->count && !self->full; i++) {
        loop.key = over->pairs[i].key;
        loop.value = over->pairs[i].value;
        round_of(self, entry, &loop, items, depth);
    }
}
