/* Pairs of state files that between them take every step of every driver through each of its ways:
 * added, changed, removed, staged, renamed. Used by the sweeps, on the fake host and on the real
 * one. */
#pragma once

typedef struct {
    const char *name;
    const char *current; /* "" for an empty host */
    const char *desired;
    int accident; /* between the two the instance web's processes are killed behind berth's back */
} Scenario;

/* Ended by name NULL. */
extern const Scenario SCENARIOS[];
