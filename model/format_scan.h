/* The pieces of a YAML text that `berth fmt` puts out again, by libyaml's scanner. */
#pragma once

#include <yaml.h>

#include "tree.h"

typedef enum {
    ATOM_DASH,
    ATOM_SCALAR,
    ATOM_COLON,
    ATOM_PROPERTY,
    ATOM_ALIAS,
    ATOM_FLOW,
    ATOM_MARKER
} AtomKind;

/* A piece of text that stays together. */
typedef struct {
    AtomKind kind;
    yaml_scalar_style_t style; /* of a scalar */
    gsize start, end;          /* bytes */
    guint column;              /* where it was */
    guint indent;              /* where it goes when it is first in its line */
    guint inner;               /* where further lines of it go */
    guint parent;              /* column of the block that it is in, as it was */
    guint parent_indent;       /* and as it will be */
    char *plain;               /* text of a quoted scalar that can as well stand without quotes */
} Atom;

/* Of Atom, in their order; NULL when it is not sure that a new layout would mean the same. New
 * reference. */
GArray *format_scan(const char *text, gsize length);
