/* Pairs of state files that between them take every step of every driver through each of its ways:
 * added, changed, removed, staged, renamed. Used by the sweeps, on the fake host and on the real
 * one. */
#pragma once

#include "support.h"

typedef struct {
    const char *name;
    const char *current; /* "" for an empty host */
    const char *desired;
    int accident; /* between the two the instance web's processes are killed behind berth's back */
    const char *no_park[5]; /* objects whose data is deleted for good at once (EN-31) */
} Scenario;

/* Ended by name NULL. */
extern const Scenario SCENARIOS[];

/* The way from one to the other; NULL with an error. */
Plan *scenario_plan(World *world, const Scenario *scenario, GError **error);
/* Plans and applies it. */
gboolean scenario_apply(World *world, const Scenario *scenario, GError **error);
