/* How far a long piece of work is, told from deep inside it (EN-34). Each thread has at most one
 * listener, so that what unpacks, copies, hashes or downloads need not know for whom it works. */
#pragma once

#include <glib.h>

typedef struct {
    /* Called in the working thread, often: must be quick. */
    void (*tell)(void *data, guint64 done, guint64 total);
    void *data;
} Meter;

/* Who listens to the calling thread from now on (borrowed; NULL: nobody). Returns who did before.
 */
const Meter *meter_listen(const Meter *meter);

/* Bytes done so far, of `total` (0: not known). Cheap enough to be called for each block. */
void meter_tell(guint64 done, guint64 total);
