/* What a backend has to be able to do; nobody but backends includes it. See backend.h for what each
 * function does. */
#pragma once

#include "backend.h"

typedef struct {
    void (*free)(Backend *backend);
    Snapshot *(*model)(Backend *backend, GError **error); /* new reference */
    gboolean (*watch)(Backend *backend, GError **error);
    gboolean (*wait)(Backend *backend, guint tick, gboolean *ret_wanted, GError **error);
    json_t *(*observe)(Backend *backend, const GPtrArray *objects, GError **error);
    /* Sets `shown` and what else it needs of a proposal that has its wish. */
    gboolean (*plan)(Backend *backend, Proposal *proposal, GError **error);
    gboolean (*apply)(Backend *backend, const Proposal *proposal, gboolean exactly,
                      const ApplyOptions *options, ApplyResult *ret_result, int *ret_signal,
                      GError **error);
    json_t *(*history)(Backend *backend, GError **error);
    json_t *(*generation)(Backend *backend, gint64 number, GError **error);
    json_t *(*diff)(Backend *backend, gint64 from, gint64 to, GError **error);
    json_t *(*origin)(Backend *backend, const char *key, const char *path); /* may be NULL */
    json_t *(*conditions)(Backend *backend, GError **error);
    json_t *(*parked)(Backend *backend, GError **error);
    gboolean (*purge)(Backend *backend, const char *key, gboolean all, guint *ret_count,
                      GError **error);
    gboolean (*confirm)(Backend *backend, gint64 number, GError **error);
    gboolean (*own)(Backend *backend, const GPtrArray *keys, const char *owner, GError **error);
    json_t *(*fingerprint)(Backend *backend, GError **error);
    json_t *(*source_state)(Backend *backend, const char *name, GError **error);
    gboolean (*source_add)(Backend *backend, const char *name, const json_t *body, GError **error);
    gboolean (*source_suspend)(Backend *backend, const char *name, gboolean suspend,
                               GError **error);
    gboolean (*source_remove)(Backend *backend, const char *name, GError **error);
    gboolean (*source_sync)(Backend *backend, const char *name, gboolean again, json_t **ret_round,
                            int *ret_signal, GError **error);
    json_t *(*holds)(Backend *backend, GError **error);
    gboolean (*hold)(Backend *backend, const char *key, const char *path, gint64 seconds,
                     const char *reason, GError **error);
    gboolean (*unhold)(Backend *backend, const char *key, const char *path, GError **error);
    char *(*token)(Backend *backend, const char *name, GError **error);
    gboolean (*exec)(Backend *backend, const Object *object, const Program *program,
                     int *ret_status, GError **error);
} BackendClass;

/* The first member of each. */
struct Backend {
    const BackendClass *class;
    char *place;
    gboolean is_local;
    Snapshot *model; /* once it was asked for */
};
