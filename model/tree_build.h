/* How trees are made: by the YAML reader and from JSON. */
#pragma once

#include "tree.h"

Tree *tree_new(void);

/* Memory that lives as long as the tree. */
void *tree_alloc(Tree *tree, gsize size);

/* A node without content; line and column from 1, 0 when unknown. */
Node *node_new(Tree *tree, NodeKind kind, guint line, guint column);

/* A scalar with a copy of `length` bytes of text. */
Node *node_new_text(Tree *tree, const char *text, gsize length, guint line, guint column);

void tree_add_document(Tree *tree, const Node *node);
