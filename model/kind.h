/* The registry of kinds: one record per kind holds its rows, its place in files and in the API, and
 * one hook for checks across fields. Parser, schema, docs, routes and command line are derived from
 * it (DESIGN 3). */
#pragma once

#include "row.h"

typedef struct Object Object;
typedef struct Snapshot Snapshot;
typedef struct Problems Problems;

typedef enum {
    KIND_SERVER, /* the server's own config: a singleton, named "" */
    KIND_PROJECT,
    KIND_POOL,
    KIND_NETWORK,
    KIND_PROFILE,
    KIND_IMAGE,
    KIND_INSTANCE,
    KIND_CERTIFICATE, /* of a client that is let in; named by its fingerprint */
    KIND_SOURCE,      /* of state files: a git repository or a directory */
    KIND_POLICY,      /* what plans may do (EN-26) */
    KIND_ENVIRONMENT, /* the lease of a copy of state files (EN-51) */
    KIND_MAX
} KindId;

typedef enum {
    KIND_SINGLETON = 1 << 0,  /* exists once, has no name, is not in a list */
    KIND_IN_PROJECT = 1 << 1, /* named within a project */
    KIND_DEVICES = 1 << 2,    /* has a `devices` map */
    KIND_CONFIG = 1 << 3,     /* has a `config` map */
} KindFlags;

struct Kind {
    KindId id;
    const char *name;   /* in OBJ: "pool" in pool/default */
    const char *plural; /* top-level key of a state file: "storage_pools" */
    const char *title;  /* in prose: "storage pool" */
    const char *api;    /* collection below /1.0: "storage-pools" */
    guint flags;
    const char *feature; /* project key that makes it the project's own ("features.networks"); NULL:
                            always its own */
    const Row *fields;   /* top-level fields besides config and devices; ended by key NULL */
    const Row *config;   /* rows of `config`; NULL without */
    /* Which Applies bit an object of this kind has, from its type or driver field; 0 when undecided
     * (a profile). */
    guint (*variant)(const json_t *spec);
    /* Checks across fields of one object and what it refers to in `snapshot`. Each problem is
     * reported with problem_add (validate.h). NULL when there is nothing to check. */
    void (*check)(const Snapshot *snapshot, const Object *object, Problems *problems);
    /* Checks the syntax of a new object's name; NULL: TYPE_NAME only. */
    gboolean (*check_name)(const char *name, GError **error);
};

/* All kinds in order of KindId, which is also the order in which references point: backwards. */
extern const Kind *const KINDS[KIND_MAX];

const Kind *kind_by_name(
    const char *name); /* "pool", also the plural and the API's spelling; NULL when unknown */
const Kind *
kind_by_plural(const char *plural); /* top-level key of a state file; NULL when unknown */

/* Top-level keys that berth knows of but does not handle in this build ("network_acls", ...),
 * NULL-terminated: refused by name, not as a typo. */
extern const char *const KINDS_NOT_YET[];

/* The device types, by D-GEN-07: the rows of one type ("nic" rows depend on nictype: see
 * device_rows). */
typedef struct {
    const char *type; /* "nic", "disk", "none", ... */
    const char
        *variant;    /* nictype: "bridged", "p2p", ...; NULL when the type has one set of rows */
    guint applies;   /* ON_CONTAINER | ON_VM */
    const Row *rows; /* without `type`; ended by key NULL */
    gboolean unsupported; /* the whole type is not honoured by this build */
    const char *summary;
    const char *spec_id;
} DeviceType;

extern const DeviceType DEVICE_TYPES[]; /* ended by type NULL */

/* Whether a device entry is a root disk (D-DISK-26). */
gboolean device_is_root(const json_t *device);

/* The record for one device entry. `snapshot` (may be NULL) finds the type of a managed network.
 * NULL and an error when the type or nictype is missing or unknown. */
const DeviceType *device_type_of(const Snapshot *snapshot, const char *project,
                                 const json_t *device, GError **error);
