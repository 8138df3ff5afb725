/* Inside of the template: what its parts share. */
#pragma once

#include "document.h"
#include "template.h"

#define LOOP_KEY "foreach"
#define LOOP_NAME "as"

/* One foreach that is being carried out, and those around it. */
typedef struct Loop Loop;
struct Loop {
    const char *name; /* "each", or what `as` says */
    const Node *key;
    const Node *value;
    const Loop *outer;
};

struct Template {
    Variables *variables;
    Problems *problems;
    Tree *tree;  /* what is made lives here */
    guint nodes; /* made so far */
    gsize bytes; /* of texts that were put together */
    gboolean full;
    const Loop *loop;
};

/* ---- template.c ---- */

/* Counts what is made; FALSE, with one problem in all, when it is too much. */
gboolean template_count(Template *self, const Node *place, guint nodes, gsize bytes);
Node *template_empty_at(Template *self, const Node *place);
gboolean template_too_deep(Template *self, const Node *place, guint depth);
/* A copy of a variable's value, for one use. */
const Node *template_copy(Template *self, const Node *node, const char *via, guint depth);
/* What a node of a document becomes; `loop`: a map's `foreach` is its own. */
const Node *template_expand_node(Template *self, const Node *node, guint depth);
const Node *template_expand_map(Template *self, const Node *node, gboolean loop, guint depth);

/* ---- template_value.c ---- */

/* The value of a variable; NULL with a problem, but once for each variable. */
const Node *template_variable_value(Template *self, Variable *variable, const Node *use);
gboolean template_is_path(const char *text);
/* A text with the values of its references. */
const Node *template_expand_text(Template *self, const Node *node, guint depth);

/* ---- template_loop.c ---- */

/* Adds what an entry with `foreach` becomes to `items`. */
void template_expand_loop(Template *self, const Node *entry, GPtrArray *items, guint depth);
