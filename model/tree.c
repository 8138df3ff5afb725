#include "tree.h"

#include <string.h>

#include "tree_build.h"
#include "validate.h"

/* All nodes and texts of a tree live in blocks that are freed together: a file of ten thousand
 * objects has hundreds of thousands. */
#define BLOCK_SIZE (64u * 1024u)

struct Tree {
    GPtrArray *documents; /* of const Node * */
    GPtrArray *blocks;
    char *free;
    gsize left;
    const char *name;
};

void *tree_alloc(Tree *tree, gsize size)
{
    void *memory;

    size = (size + 7) & ~(gsize)7;
    if (size > tree->left) {
        gsize block = MAX(size, BLOCK_SIZE);

        tree->free = g_malloc(block);
        tree->left = block;
        g_ptr_array_add(tree->blocks, tree->free);
    }
    memory = tree->free;
    tree->free += size;
    tree->left -= size;
    return memory;
}

char *tree_text(Tree *tree, const char *text, gsize length)
{
    char *copy = tree_alloc(tree, length + 1);

    memcpy(copy, text, length);
    copy[length] = '\0';
    return copy;
}

Tree *tree_new(const char *name)
{
    Tree *tree = g_new0(Tree, 1);

    tree->documents = g_ptr_array_new();
    tree->blocks = g_ptr_array_new_with_free_func(g_free);
    if (name != NULL)
        tree->name = tree_text(tree, name, strlen(name));
    return tree;
}

void tree_free(Tree *tree)
{
    if (tree == NULL)
        return;
    g_ptr_array_unref(tree->documents);
    g_ptr_array_unref(tree->blocks);
    g_free(tree);
}

void tree_add_document(Tree *tree, const Node *node)
{
    g_ptr_array_add(tree->documents, (void *)node);
}

guint tree_size(const Tree *tree)
{
    return tree->documents->len;
}

const Node *tree_document(const Tree *tree, guint position)
{
    return tree->documents->pdata[position];
}

Node *node_new(Tree *tree, NodeKind kind, guint line, guint column)
{
    Node *node = tree_alloc(tree, sizeof(Node));

    memset(node, 0, sizeof(Node));
    node->kind = kind;
    node->line = line;
    node->column = column;
    node->file = tree->name;
    node->weight = 1;
    return node;
}

Node *node_new_text(Tree *tree, const char *text, gsize length, guint line, guint column)
{
    Node *node = node_new(tree, NODE_SCALAR, line, column);

    node->text = tree_text(tree, text, length);
    node->count = (guint)length;
    return node;
}

guint node_weigh(guint sum, const Node *child)
{
    return sum > G_MAXUINT - child->weight ? G_MAXUINT : sum + child->weight;
}

const Node *node_get(const Node *node, const char *key)
{
    if (node == NULL || node->kind != NODE_MAP)
        return NULL;
    for (guint i = 0; i < node->count; i++)
        if (strcmp(node->pairs[i].key->text, key) == 0)
            return node->pairs[i].value;
    return NULL;
}

const char *node_kind_name(const Node *node)
{
    static const char *const names[] = {"nothing", "text", "a list", "a map"};

    return names[node->kind];
}

static const Node *node_from_json(Tree *tree, const json_t *value)
{
    Node *node;
    const char *key;
    json_t *member;
    char *text;
    Pair *pairs;
    guint i = 0;

    switch (json_typeof(value)) {
    case JSON_NULL:
        node = node_new_text(tree, "", 0, 0, 0);
        node->kind = NODE_NULL;
        return node;
    case JSON_STRING:
        return node_new_text(tree, json_string_value(value), json_string_length(value), 0, 0);
    case JSON_ARRAY:
        node = node_new(tree, NODE_LIST, 0, 0);
        node->items = tree_alloc(tree, json_array_size(value) * sizeof(Node *));
        for (; node->count < json_array_size(value); node->count++)
            node->items[node->count] = node_from_json(tree, json_array_get(value, node->count));
        return node;
    case JSON_OBJECT:
        node = node_new(tree, NODE_MAP, 0, 0);
        pairs = tree_alloc(tree, json_object_size(value) * sizeof(Pair));
        json_object_foreach ((json_t *)value, key, member)
            pairs[i++] =
                (Pair){node_new_text(tree, key, strlen(key), 0, 0), node_from_json(tree, member)};
        node->pairs = pairs;
        node->count = i;
        return node;
    default:
        text = json_dumps(value, JSON_ENCODE_ANY);
        node = node_new_text(tree, text, strlen(text), 0, 0);
        node->plain = TRUE;
        free(text);
        return node;
    }
}

Tree *tree_from_json(const json_t *value)
{
    Tree *tree = tree_new(NULL);

    tree_add_document(tree, node_from_json(tree, value));
    return tree;
}

void node_mistake(Problems *problems, const Node *node, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    problem_take(problems, PROBLEM_ERROR, NULL, NULL,
                 problem_place(node->file, node->line, node->column),
                 g_strdup_vprintf(format, args));
    va_end(args);
}
