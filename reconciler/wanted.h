/* What a request asks for, before the host is looked at: objects to put in and keys to take out,
 * after selection, ownership, rename, protection and prune. Pure. */
#pragma once

#include "document.h"
#include "plan.h"

typedef struct {
    GPtrArray *put; /* of Object *: this plan's own copies; `generated` may still be drawn into */
    GPtrArray *remove;   /* of char *: keys */
    GPtrArray *kept;     /* of char *: keys that protection keeps from being removed */
    GHashTable *renamed; /* new key -> old key */
    GHashTable *parked;  /* key -> transaction id whose parked data becomes the object's again */
    GPtrArray *needed;   /* of char *: keys that come along with what was selected */
    GPtrArray *warnings; /* of char * */
    GPtrArray *blocked;  /* of char * */
    ErrorCode blocked_code;
} Wanted;

Wanted *wanted_new(void);
void wanted_free(Wanted *wanted);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Wanted, wanted_free)

/* From what files declare. FALSE with ERR_CONFLICT when an object belongs to another source
 * (EN-43). */
gboolean wanted_add_input(Wanted *wanted, const Snapshot *base, const Input *input,
                          const PlanOptions *options, GError **error);

/* One object put in: drawn values, and fields that cannot change and are left out, carry over from
 * the stored one. */
void wanted_put(Wanted *wanted, const Snapshot *base, const Object *object, const char *owner);

/* One object taken out, unless it is protected (EN-49); project and profile default are reset
 * instead. */
void wanted_remove(Wanted *wanted, const Snapshot *base, const char *key);

/* What a protected object needs stays with it; what a source that goes had is released. To be
 * called once when everything is in. */
void wanted_keep_needed(Wanted *wanted, const Snapshot *base);

/* Whether an object is in the selection by name, labels and keys (EN-24). */
gboolean wanted_selected(const PlanOptions *options, const Object *object);

/* Whether one of the patterns (NULL: none) fits an object: "instance/web", globs allowed. */
gboolean wanted_matches(const GPtrArray *patterns, const char *key);
