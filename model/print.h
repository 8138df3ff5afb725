/* Canonical YAML of objects: fields in row order, config and devices sorted, strings quoted only
 * where YAML needs it. Parsing what is printed gives the same objects (LAW-5). */
#pragma once

#include "snapshot.h"

/* A state file with `objects` (of const Object *), grouped by kind in KINDS order. Secrets are
 * masked as references. Newly allocated. */
char *print_objects(const GPtrArray *objects);

/* One JSON value as YAML, indented by `indent` blanks. Newly allocated. */
char *print_yaml(const json_t *value, guint indent);

/* A plain scalar of this text would be read as something else than text by a YAML reader that
 * resolves types: "yes", "0660", "". */
gboolean print_is_ambiguous(const char *text);

/* `berth fmt`: canonical layout of a state file's text with its comments kept: indentation, spacing
 * and quoting change, never a value or an order. NULL with ERR_INVALID when the text does not
 * parse. */
char *print_format(const char *name, const char *text, gsize length, GError **error);
