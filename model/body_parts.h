/* The walk over one object's body, shared by the two files that do it: values by their rows, and
 * what surrounds them. */
#pragma once

#include "body.h"

/* State of one object's walk. */
typedef struct {
    const BodySource *source;
    const Kind *kind;
    char *label;
    const char *file; /* that the object begins in; NULL when it comes as JSON */
    GArray *origins;  /* of Origin */
} Body;

/* Notes that a field with this value was written at `node`; steals `path`. */
void body_remember(Body *body, char *path, const Node *node, const Node *value);

/* An error about a field of the object. */
void body_mistake(Body *body, const char *path, const Node *node, const char *format, ...)
    G_GNUC_PRINTF(4, 5);

/* Reports a key that no row knows, with the nearest one that does. `what` says what it should be:
 * "field". */
void body_unknown_key(Body *body, const char *what, const Row *rows, const char *path,
                      const Node *key);

/* A free key of a map, which may no more hold a variable than a value may. Newly allocated; NULL
 * with a problem. */
char *body_key_text(Body *body, const char *path, const Node *key);

/* A scalar as a JSON string; NULL when it is unset or, with a problem, wrong. */
json_t *body_text_value(Body *body, const char *path, const Node *node);

/* Puts the value of one field into `object`, in the shape that its row says. */
void body_set_field(Body *body, json_t *object, const Row *row, const char *prefix,
                    const Pair *pair);
