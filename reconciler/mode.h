/* What is done about drift of an object (EN-41). Pure. */
#pragma once

#include "snapshot.h"

typedef enum {
    MODE_OFF,     /* nobody looks until asked to */
    MODE_WARN,    /* said, not changed */
    MODE_CORRECT, /* put right */
} Mode;

const char *mode_to_string(Mode mode);

/* That of the object's source (correct unless that says otherwise); else `reconcile` of its project
 * (those outside projects: of project default); else warn. */
Mode mode_of(const Snapshot *model, const Object *object);
