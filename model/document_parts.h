/* What the files that read state files share: how an input grows (input.c), which files belong to
 * it (fileset.c), what a document says (document.c). */
#pragma once

#include "body.h"
#include "document.h"
#include "template.h"

/* One document of a file that was read. */
typedef struct {
    const Node *root;
    const char *file;  /* what messages call it */
    char *folder;      /* what relative paths are relative to */
    guint layer;       /* 0, or the number of the overlay that it is part of */
    gboolean expanded; /* variables are put in: what is left of ${ is text */
} Part;

/* Puts a document's objects into the input. */
void document_read(Input *input, const BodySource *source, const Node *root);

/* Adds an object, or a problem when it is there already; steals it. */
void input_add_object(Input *input, const BodySource *source, Object *object, const Node *node);

/* Names and sizes are part of what is digested, so that no two sets of files run together to the
 * same bytes. */
void input_take_digest(Input *input, const char *name, const char *text, gsize length);

/* Counts bytes that were read; FALSE with an error when there are too many. */
gboolean input_count(Input *input, const char *name, gsize bytes, GError **error);

/* The directory of input_confine() without links; NULL when there is none. */
const char *input_root(const Input *input);

/* Files that belong together, while they are found. */
typedef struct FileSet FileSet;

FileSet *fileset_new(Input *input, Problems *problems);
void fileset_free(FileSet *set);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(FileSet, fileset_free)

/* A file, directory or "-", and all that it includes and lays over itself. */
gboolean fileset_add(FileSet *set, const char *path, GError **error);
/* A text in memory. */
void fileset_add_text(FileSet *set, const char *name, const char *text, gsize length);
/* The documents, base before overlay, in order. Borrowed, of Part *. */
GPtrArray *fileset_parts(FileSet *set);
/* Hands over the trees that the parts are in, of Tree *. */
GPtrArray *fileset_steal_trees(FileSet *set);

/* Lays the parts whose layer is not 0 over those before them: objects by kind, project and name,
 * maps by key, lists of maps by the merge key of their row (EN-04). What was laid over something is
 * out of its own part. New nodes are made in `tree`. */
void overlay_merge(GPtrArray *parts, const char *project, Tree *tree, Problems *problems);
