#include <string.h>

#include "document_parts.h"

/* Words of kustomize: what to do with an entry instead of laying it over the other. */
#define PATCH_KEY "$patch"

/* A section of a document whose entries can change. */
typedef struct {
    const Pair *pair;
    const Kind *kind;  /* NULL: not a list of objects */
    GPtrArray *items;  /* of const Node *; NULL where one is gone or the section is no list */
    const Node *value; /* of a section that is no list; NULL: gone */
} Section;

/* Where an object is. */
typedef struct {
    Section *section;
    guint position;
    guint layer; /* of the last one that had a say */
} Entry;

typedef struct {
    Tree *tree;
    Problems *problems;
    const char *project;
    GHashTable *entries; /* "kind project name" -> Entry * */
    Section *config;     /* the last one so far */
    const Part *part;
} Overlay;

static void section_free(gpointer data)
{
    Section *section = data;

    if (section->items != NULL)
        g_ptr_array_unref(section->items);
    g_free(section);
}

/* ---- values ---- */

typedef enum { PATCH_MERGE, PATCH_REPLACE, PATCH_DELETE } Patch;

static Patch patch_of(Overlay *self, const Node *node)
{
    const Node *word = node_get(node, PATCH_KEY);

    if (word == NULL || (word->kind == NODE_SCALAR && strcmp(word->text, "merge") == 0))
        return PATCH_MERGE;
    if (word->kind == NODE_SCALAR && strcmp(word->text, "replace") == 0)
        return PATCH_REPLACE;
    if (word->kind == NODE_SCALAR && strcmp(word->text, "delete") == 0)
        return PATCH_DELETE;
    node_mistake(self->problems, word, PATCH_KEY " is merge, replace or delete");
    return PATCH_MERGE;
}

/* The node without its `$patch`. */
static const Node *without_patch(Overlay *self, const Node *node)
{
    Node *made;
    Pair *pairs;

    if (node_get(node, PATCH_KEY) == NULL)
        return node;
    made = tree_alloc(self->tree, sizeof(Node));
    *made = *node;
    pairs = tree_alloc(self->tree, node->count * sizeof(Pair));
    made->count = 0;
    for (guint i = 0; i < node->count; i++)
        if (strcmp(node->pairs[i].key->text, PATCH_KEY) != 0)
            pairs[made->count++] = node->pairs[i];
    made->pairs = pairs;
    return made;
}

/* The same node, that also says what it was laid over. */
static const Node *laid_over(Overlay *self, const Node *node, const Node *under)
{
    Node *made = tree_alloc(self->tree, sizeof(Node));
    g_autofree char *text = g_strdup_printf(
        "%s%slaid over %s:%u:%u", node->via != NULL ? node->via : "", node->via != NULL ? "; " : "",
        under->file != NULL ? under->file : "-", under->line, under->column);

    *made = *node;
    made->via = tree_text(self->tree, text, strlen(text));
    return made;
}

static const Node *merge_map(Overlay *self, const Node *under, const Node *over, const Row *rows);

/* By what an item is told from the others: its merge key, or itself when the list is one of names.
 */
static const char *identity(const Node *item, const char *key)
{
    const Node *name = item->kind == NODE_MAP ? node_get(item, key) : item;

    return name != NULL && name->kind == NODE_SCALAR ? name->text : NULL;
}

static guint find_item(const GPtrArray *items, const char *key, const Node *item)
{
    const char *name = identity(item, key);

    for (guint i = 0; name != NULL && i < items->len; i++)
        if (g_strcmp0(identity(items->pdata[i], key), name) == 0)
            return i;
    return items->len;
}

static const Node *merge_list(Overlay *self, const Node *under, const Node *over, const Row *row)
{
    g_autoptr(GPtrArray) items = g_ptr_array_new();
    Node *made = tree_alloc(self->tree, sizeof(Node));

    for (guint i = 0; i < under->count; i++)
        g_ptr_array_add(items, (gpointer)under->items[i]);
    for (guint i = 0; i < over->count; i++) {
        const Node *item = over->items[i];
        guint position = find_item(items, row->merge_key, item);
        Patch patch = patch_of(self, item);

        if (position == items->len && patch == PATCH_DELETE)
            node_mistake(self->problems, item, "there is no such item to delete");
        else if (patch == PATCH_DELETE)
            g_ptr_array_remove_index(items, position);
        else if (position == items->len)
            g_ptr_array_add(items, (gpointer)without_patch(self, item));
        else if (item->kind == NODE_MAP && row->fields != NULL)
            items->pdata[position] =
                (gpointer)merge_map(self, items->pdata[position], item, row->fields);
    }
    *made = *under;
    made->count = items->len;
    made->items = tree_alloc(self->tree, items->len * sizeof(Node *));
    if (items->len > 0)
        memcpy(made->items, items->pdata, items->len * sizeof(Node *));
    return made;
}

/* What a value becomes; NULL when it is taken out. */
static const Node *merge_value(Overlay *self, const Node *under, const Node *over, const Row *row)
{
    if (over->kind == NODE_NULL)
        return NULL;
    if (over->kind == NODE_MAP && patch_of(self, over) == PATCH_DELETE)
        return NULL;
    if (under->kind == NODE_MAP && over->kind == NODE_MAP)
        return merge_map(self, under, over, row != NULL ? row->fields : NULL);
    if (under->kind == NODE_LIST && over->kind == NODE_LIST && row != NULL &&
        row->merge_key != NULL)
        return merge_list(self, under, over, row);
    return laid_over(self, over, under);
}

/* What a new value is; NULL when it is none. */
static const Node *new_value(Overlay *self, const Node *over)
{
    return over->kind == NODE_NULL ||
                   (over->kind == NODE_MAP && patch_of(self, over) == PATCH_DELETE)
               ? NULL
               : without_patch(self, over);
}

static gboolean same_text(const Node *a, const Node *b)
{
    return a->kind == NODE_SCALAR && b->kind == NODE_SCALAR && strcmp(a->text, b->text) == 0;
}

/* Key by key; null takes a key out. `rows` (may be NULL) know which lists have a merge key. */
static const Node *merge_map(Overlay *self, const Node *under, const Node *over, const Row *rows)
{
    Node *made;
    Pair *pairs;

    if (patch_of(self, over) == PATCH_REPLACE)
        return laid_over(self, without_patch(self, over), under);
    made = tree_alloc(self->tree, sizeof(Node));
    pairs = tree_alloc(self->tree, (under->count + over->count) * sizeof(Pair));
    *made = *under;
    made->count = 0;
    for (guint i = 0; i < under->count; i++) {
        Pair pair = under->pairs[i];
        const Node *value = node_get(over, pair.key->text);

        if (value != NULL && !same_text(value, pair.value)) {
            pair.value = merge_value(self, pair.value, value,
                                     rows != NULL ? row_find(rows, pair.key->text) : NULL);
            for (guint k = 0; k < over->count; k++)
                if (strcmp(over->pairs[k].key->text, pair.key->text) == 0)
                    pair.key = over->pairs[k].key;
        }
        if (pair.value != NULL)
            pairs[made->count++] = pair;
    }
    for (guint i = 0; i < over->count; i++) {
        const Pair *pair = &over->pairs[i];
        const Node *value =
            node_get(under, pair->key->text) == NULL && strcmp(pair->key->text, PATCH_KEY) != 0
                ? new_value(self, pair->value)
                : NULL;

        if (value != NULL)
            pairs[made->count++] = (Pair){pair->key, value};
    }
    made->pairs = pairs;
    return made;
}

/* ---- objects ---- */

static char *entry_key(const Overlay *self, const Kind *kind, const Node *item)
{
    const Node *name = node_get(item, "name");
    const Node *project = node_get(item, "project");
    const char *within = project != NULL && project->kind == NODE_SCALAR ? project->text
                         : self->project != NULL                         ? self->project
                                                                         : "default";

    if (name == NULL || name->kind != NODE_SCALAR)
        return NULL;
    return object_key(kind->id, (kind->flags & KIND_IN_PROJECT) != 0 ? within : "", NULL,
                      name->text);
}

static void note_entry(Overlay *self, char *key, Section *section, guint position)
{
    Entry *entry = g_new0(Entry, 1);

    entry->section = section;
    entry->position = position;
    entry->layer = self->part->layer;
    g_hash_table_replace(self->entries, key, entry);
}

/* Lays one entry over the object that it names, or leaves it where it is: a new one. */
static void lay_entry(Overlay *self, Section *section, guint position)
{
    const Node *item = section->items->pdata[position];
    g_autofree char *key = entry_key(self, section->kind, item);
    Entry *entry = key != NULL ? g_hash_table_lookup(self->entries, key) : NULL;
    gpointer *under = entry != NULL ? &entry->section->items->pdata[entry->position] : NULL;
    Patch patch = self->part->layer > 0 ? patch_of(self, item) : PATCH_MERGE;

    if (key == NULL || (self->part->layer == 0 && entry != NULL))
        return; /* told where the object is made */
    if (entry == NULL || *under == NULL) {
        if (patch == PATCH_DELETE) {
            g_autofree char *label = object_key_label(key);

            node_mistake(self->problems, item, "there is no %s to delete", label);
            section->items->pdata[position] = NULL;
            return;
        }
        if (self->part->layer > 0)
            section->items->pdata[position] = (gpointer)without_patch(self, item);
        note_entry(self, g_steal_pointer(&key), section, position);
        return;
    }
    if (entry->layer == self->part->layer)
        return; /* the same object twice in one overlay: told where the object is made */
    *under = patch == PATCH_DELETE ? NULL
                                   : (gpointer)merge_map(self, *under, item, section->kind->fields);
    entry->layer = self->part->layer;
    section->items->pdata[position] = NULL;
}

static void lay_section(Overlay *self, Section *section)
{
    if (section->kind != NULL) {
        for (guint i = 0; i < section->items->len; i++)
            lay_entry(self, section, i);
        return;
    }
    if (strcmp(section->pair->key->text, "config") != 0 || section->value->kind != NODE_MAP)
        return;
    if (self->part->layer > 0 && self->config != NULL) {
        self->config->value = merge_map(self, self->config->value, section->value, NULL);
        section->value = NULL;
    } else {
        self->config = section;
    }
}

static Section *section_new(const Pair *pair)
{
    const Kind *kind = kind_by_plural(pair->key->text);
    Section *section = g_new0(Section, 1);

    section->pair = pair;
    section->value = pair->value;
    if (kind != NULL && (kind->flags & KIND_SINGLETON) == 0 && pair->value->kind == NODE_LIST) {
        section->kind = kind;
        section->items = g_ptr_array_new();
        for (guint i = 0; i < pair->value->count; i++)
            g_ptr_array_add(section->items, (gpointer)pair->value->items[i]);
    }
    return section;
}

/* The document that the sections have become. */
static const Node *root_of(Overlay *self, const Node *root, const GPtrArray *sections)
{
    Node *made = tree_alloc(self->tree, sizeof(Node));
    Pair *pairs = tree_alloc(self->tree, sections->len * sizeof(Pair));

    *made = *root;
    made->count = 0;
    for (guint i = 0; i < sections->len; i++) {
        const Section *section = sections->pdata[i];
        Node *list;

        if (section->value == NULL)
            continue;
        pairs[made->count] = (Pair){section->pair->key, section->value};
        if (section->items != NULL) {
            list = tree_alloc(self->tree, sizeof(Node));
            *list = *section->value;
            list->items = tree_alloc(self->tree, section->items->len * sizeof(Node *));
            list->count = 0;
            for (guint k = 0; k < section->items->len; k++)
                if (section->items->pdata[k] != NULL)
                    list->items[list->count++] = section->items->pdata[k];
            pairs[made->count].value = list;
        }
        made->count++;
    }
    made->pairs = pairs;
    return made;
}

void overlay_merge(GPtrArray *parts, const char *project, Tree *tree, Problems *problems)
{
    Overlay self = {.tree = tree, .problems = problems, .project = project};
    g_autoptr(GPtrArray) all = g_ptr_array_new_with_free_func((GDestroyNotify)g_ptr_array_unref);

    self.entries = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    for (guint i = 0; i < parts->len; i++) {
        const Part *part = parts->pdata[i];
        GPtrArray *sections = g_ptr_array_new_with_free_func(section_free);

        self.part = part;
        g_ptr_array_add(all, sections);
        for (guint k = 0; part->root->kind == NODE_MAP && k < part->root->count; k++) {
            Section *section = section_new(&part->root->pairs[k]);

            g_ptr_array_add(sections, section);
            lay_section(&self, section);
        }
    }
    for (guint i = 0; i < parts->len; i++) {
        Part *part = parts->pdata[i];

        if (part->root->kind == NODE_MAP)
            part->root = root_of(&self, part->root, all->pdata[i]);
    }
    g_hash_table_unref(self.entries);
}
