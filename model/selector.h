/* Label selectors (EN-10, EN-24) in kubectl's grammar, joined by commas that mean 'and':
 *
 *   a=b  a==b  a!=b  a in (b, c)  a notin (b, c)  a  !a
 *
 * `!=` and `notin` also fit objects without the label. */
#pragma once

#include "object.h"

typedef struct Selector Selector;

/* ERR_USAGE that names the place. */
Selector *selector_parse(const char *text, GError **error);
void selector_free(Selector *selector);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Selector, selector_free)

/* Whether an object's `labels` fit. NULL fits all. */
gboolean selector_matches(const Selector *selector, const Object *object);
