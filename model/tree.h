/* YAML or JSON text as a tree of nodes that know where they were written (EN-01, EN-03, PS-02,
 * PS-05). Scalars keep their source text: 0660 stays "0660". Limits of document.h hold against
 * hostile input. */
#pragma once

#include "validate.h"

typedef enum {
    NODE_NULL,   /* nothing, ~ or null: means unset (PS-05) */
    NODE_SCALAR, /* text */
    NODE_LIST,
    NODE_MAP,
} NodeKind;

typedef struct Node Node;
typedef struct Pair Pair;

struct Node {
    NodeKind kind;
    gboolean plain;     /* a scalar that was neither quoted nor tagged as text */
    guint line, column; /* from 1; 0 when the place is unknown (values that come as JSON) */
    const char *file;   /* what messages call the file that it is in; NULL like the place */
    const char *via; /* what else has a say in it: "variable size, declared at vars.yaml:3:3"; NULL
                        for what stands there itself (EN-25) */
    guint count;     /* items, pairs, or bytes of the text */
    guint weight;    /* nodes in the tree below and with it, aliases counted each time; stops at
                        G_MAXUINT */
    union {
        const char *text; /* NUL-terminated, valid UTF-8, no NUL within */
        const Node **items;
        const Pair *pairs; /* in order of appearance, keys unique */
    };
};

struct Pair {
    const Node *key; /* a scalar */
    const Node *value;
};

typedef struct Tree Tree;

/* Parses all documents of a text. `name` is what messages call it. A mistake that makes the text
 * unreadable is one problem and gives NULL; a key that is there twice is a problem naming both
 * places, and the first one counts. */
Tree *tree_parse(const char *name, const char *text, gsize length, Problems *problems);

/* The tree of a JSON value, numbers and booleans as their text. Strings are copied. */
Tree *tree_from_json(const json_t *value);

void tree_free(Tree *tree);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Tree, tree_free)

guint tree_size(const Tree *tree); /* documents */
const Node *tree_document(const Tree *tree, guint position);

/* Value of a key of a map; NULL when the node is no map or has no such key. */
const Node *node_get(const Node *node, const char *key);

/* "a list", "a map", "nothing", "text": for messages. */
const char *node_kind_name(const Node *node);

/* Adds an error about what is written at a node's place. */
void node_mistake(Problems *problems, const Node *node, const char *format, ...)
    G_GNUC_PRINTF(3, 4);

/* Checks that a text is UTF-8 of printable characters, as YAML wants it. On a mistake one problem
 * names the place. */
gboolean tree_check_text(const char *name, const char *text, gsize length, Problems *problems);

/* JSON writes characters above U+FFFF as two escapes, which libyaml refuses: when the text is JSON
 * and has such pairs, returns it with each as one YAML escape of ten characters; NULL when there is
 * nothing to do. Newly allocated. */
char *tree_join_surrogates(const char *text, gsize length, gsize *ret_length);
