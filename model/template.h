/* Expands a document of a state file (EN-04): `${name}` in values, `foreach` on entries of lists.
 * Nodes in, nodes out; nothing is run, and what hostile files can make of it is bounded by the
 * limits of document.h. */
#pragma once

#include "variables.h"

typedef struct Template Template;

/* `variables` is borrowed; the values that it gets live as long as the template. */
Template *template_new(Variables *variables);
/* Frees the nodes that it made, too. */
void template_free(Template *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Template, template_free)

/* Has the document an entry with `foreach`? */
gboolean template_has_loop(const Node *document);

/* The document with all variables put in. What is wrong goes to the problems, and the value is left
 * empty. Lives as long as the template. */
const Node *template_expand(Template *self, const Node *document, Problems *problems);

/* After all documents: a variable that must be given and was not is a problem, used or not. */
void template_check_required(Template *self, Problems *problems);

/* For what else makes nodes of the input (overlay.h). */
Tree *template_tree(Template *self);
