/* What an instance really gets: its profiles in order, then its own entries (I-018, D-GEN-03, D-NONE-01). */
#pragma once

#include "snapshot.h"

typedef struct {
    json_t *config;  /* effective config, with generated values of the instance included */
    json_t *devices; /* effective devices, entries of type `none` left out */
} Expanded;

/* Expands an instance within `snapshot`. Missing profiles are skipped (validation reports them). */
void expand_instance(const Snapshot *snapshot, const Object *instance, Expanded *ret);
void expanded_clear(Expanded *expanded);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Expanded, expanded_clear)

/* Names of the profiles in force, in order: absent means ["default"], [] means none (PF-12). New array of borrowed strings. */
GPtrArray *expand_profiles(const Object *instance);

/* Where an effective value comes from: "instance", "profile NAME", or NULL when it is not set. `path` is "config/KEY" or
 * "devices/DEV/KEY". Newly allocated. (EN-25) */
char *expand_source(const Snapshot *snapshot, const Object *instance, const char *path);
