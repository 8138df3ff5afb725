/* Conditions of objects as they change (EN-48): stored, and told once as lifecycle events
 * "condition-changed" with context {"object", "type", "status", "reason", "generation", "since"}.
 * Any thread. */
#pragma once

#include "daemon.h"

typedef struct Conditions Conditions;

/* Told for each change: what engine_conditions shows of it (borrowed). */
typedef void (*ConditionFunction)(void *data, const Object *object, const json_t *condition);

Conditions *conditions_new(Daemon *daemon);
void conditions_free(Conditions *conditions);

/* One more listener; to be called before the first change. */
void conditions_listen(Conditions *conditions, ConditionFunction told, void *data);

/* Says how the object is. `reason` is for people; without `status` it is not looked at. What cannot
 * be stored is logged. TRUE when it is news. */
gboolean conditions_set(Conditions *conditions, const Object *object, const char *type,
                        gboolean status, const char *reason);

/* How many objects have a condition of this type now. */
guint conditions_count(Conditions *conditions, const char *type);
/* An object is gone, and its conditions with it. */
void conditions_forget(Conditions *conditions, const char *key);
