/* Environments (EN-51): many copies of the same state files side by side on one host, each with a
 * project, networks, pools and a lease of its own. Placing one rewrites what the files declare;
 * from then on it is an apply like any other. Pure. */
#pragma once

#include "document.h"

typedef struct {
    const char *name;       /* of the environment and of its project */
    const char *owner;      /* of the lease; NULL: none */
    const char *expires_at; /* RFC 3339; NULL: never */
} Lease;

/* Moves what `input` declares into an environment: objects of project default go to its project;
 * networks and pools, which no project keeps apart, get names of their own (as do all that refer to
 * them), and networks subnets that are free when they are made. Adds the project and the
 * environment itself, so that one transaction makes all or nothing. What two copies could not both
 * have is refused by name and place: pools and disks on a given device, fixed subnets, addresses of
 * instances, interfaces of the host, kinds that belong to the whole host. */
gboolean env_place(Input *input, const Lease *lease, Problems *problems);

/* "env:NAME": owner of all that is in it. Newly allocated. */
char *env_owner(const char *name);

/* The other way: the key of the environment of that owner; NULL when it is none. Newly allocated. */
char *env_of_owner(const char *owner);

/* Keys of all that belongs to an environment, itself among them (of char *). Newly allocated. */
GPtrArray *env_keys(const Snapshot *model, const char *name);

/* Names of the environments whose lease has ended at `now` (seconds since the epoch; of char *).
 * `ret_next` (may be NULL) gets when the next one ends, 0 for never. */
GPtrArray *env_expired(const Snapshot *model, gint64 now, gint64 *ret_next);
