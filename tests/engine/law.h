/* Properties that are checked on many random models: counted, the first failures told, reported as
 * TAP. */
#pragma once

#include <glib.h>

typedef struct {
    const char *name;
    guint checks;
    guint failures;
    guint failures_in; /* so many of a hundred may fail; 0: none */
} Law;

/* One check on the model of that seed; `detail` (may be NULL) says what is wrong. */
void law_check(Law *law, guint seed, gboolean holds, const char *detail);

/* A law that was never checked has failed. Returns the exit status. */
int laws_report(const Law *laws, guint count);
