/* How trees are made: by the YAML reader and from JSON. */
#pragma once

#include "tree.h"

/* `name` (may be NULL) is what messages call the text that its nodes are read from; copied. */
Tree *tree_new(const char *name);

/* Memory that lives as long as the tree. */
void *tree_alloc(Tree *tree, gsize size);

/* A copy of a text in that memory. */
char *tree_text(Tree *tree, const char *text, gsize length);

/* A node without content; line and column from 1, 0 when unknown. */
Node *node_new(Tree *tree, NodeKind kind, guint line, guint column);

/* A scalar with a copy of `length` bytes of text. */
Node *node_new_text(Tree *tree, const char *text, gsize length, guint line, guint column);

/* Adds the weight of a child to that of its parent, up to G_MAXUINT. */
guint node_weigh(guint sum, const Node *child);

void tree_add_document(Tree *tree, const Node *node);
