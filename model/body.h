/* One object's body -> an Object: walks a node by the rows of its kind, turns scalars into the
 * shapes that the rows ask for, drops what is empty or the default, resolves the short spellings,
 * and remembers where each field was written (EN-03, PS-05). */
#pragma once

#include "tree.h"

typedef struct {
    const char *file; /* what messages call it; NULL for values that come as JSON */
    const char
        *folder; /* relative paths of image files are relative to it; NULL: they stay as they are */
    const char *project; /* of objects that name none; NULL is "default" */
    gboolean foreign;    /* a body made by a server (REST, `show` text): computed fields are dropped
                            instead of refused, ${ is text */
    gboolean declared;   /* of a foreign body: somebody has read it of state files, and it may hold
                            secrets whose content is not known yet (EN-05) */
    gboolean expanded;   /* variables are put in already: what is left of ${ is text */
    Problems *problems;
} BodySource;

/* Builds the object that `node` describes. `name` is its name when the body has none (NULL: the
 * body must have it). NULL with problems when the object cannot be told; other mistakes are
 * problems too, and what is wrong is left out of the object. */
Object *body_object(const BodySource *source, const Kind *kind, const char *name, const Node *node);

/* Adds a problem at a node: an error, or with `severity` something else. */
void body_problem(const BodySource *source, Severity severity, const char *label, const char *path,
                  const Node *node, const char *format, ...) G_GNUC_PRINTF(6, 7);

/* The text of a scalar that can be no secret (EN-05). Newly allocated; NULL with a problem when it
 * is one. */
char *body_plain_text(const BodySource *source, const char *label, const char *path,
                      const Node *node);

/* What relative paths of a node are relative to: the folder of its file. Newly allocated; NULL:
 * they stay as they are. */
char *body_folder(const BodySource *source, const Node *node);

/* The short spellings of `source` (EN-08): an instance's names an image by name or fingerprint, an
 * image's is builtin:NAME or a file's path. NULL when the text is neither; paths become absolute
 * below `folder`. */
json_t *body_long_source(KindId kind, const char *text, const char *folder);
/* The other way round: the short spelling of a field's value; NULL when it has none. Newly
 * allocated. */
char *body_short_source(const Object *object, const Row *row, const json_t *value);
/* Makes the local files that an image's source names absolute. */
void body_resolve_files(json_t *source, const char *folder);
