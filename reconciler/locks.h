/* Which objects transactions under way hold: alone when they change them, together when they only
 * refer to them. Not thread-safe: the engine's mutex is held around each call. */
#pragma once

#include "plan.h"

typedef struct Locks Locks;

Locks *locks_new(void);
void locks_free(Locks *locks);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Locks, locks_free)

/* What one plan needs. */
typedef struct {
    GHashTable *alone;    /* of char * */
    GHashTable *together; /* of char *; none that is in `alone` */
} LockSet;

/* What the plan changes alone; what that refers to together. Values drawn from a common stock
 * (subnets, ids) and limits of a project are counted by one transaction at a time. */
LockSet *lock_set_of_plan(const Plan *plan);
void lock_set_free(LockSet *set);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LockSet, lock_set_free)

/* All of the set or nothing. FALSE when another transaction is in the way. */
gboolean locks_try(Locks *locks, const LockSet *set);
void locks_release(Locks *locks, const LockSet *set);

/* Whether somebody holds `key` alone. */
gboolean locks_is_held(const Locks *locks, const char *key);
