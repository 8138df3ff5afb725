/* Who does the work: the engine in this process, or a daemon that is asked over its API. Commands
 * know only this interface, so that they print the same and exit the same either way. */
#pragma once

#include "engine.h"

typedef struct Backend Backend;

/* A plan that was made, with what is needed to carry it out. */
typedef struct {
    json_t *shown;      /* see plan_shown */
    json_t *wish;       /* that it was made from: see wish.h */
    const Input *input; /* of the wish, borrowed; may be NULL */
    Plan *plan;         /* of an engine in this process; NULL */
} Proposal;

void proposal_free(Proposal *proposal);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Proposal, proposal_free)
const char *proposal_hash(const Proposal *proposal); /* EN-21 */

/* A program to run in an instance, with our own descriptors. */
typedef struct {
    const char *const *argv;
    const char *const *env; /* NAME=VALUE; NULL: none */
    const char *cwd;        /* NULL: the usual one */
    gboolean terminal;
} Program;

typedef enum {
    BACKEND_WRITES = 1 << 0,  /* the command may change something */
    BACKEND_NO_WAIT = 1 << 1, /* ERR_BUSY at once when others are at work */
    BACKEND_SHARES = 1 << 2,  /* it may take long without changing anything: others may write
                                 meanwhile */
} BackendFlags;

/* The engine of this process on a state directory (engine_open). */
Backend *backend_engine(const char *dir, BackendFlags flags, GError **error);
/* The server that `remote` (may be NULL) names; else the daemon that listens on unix.socket of the
 * state directory; the engine of this process when
 * none does, or with `local`. A socket that is not ours to open is ERR_PERMISSION. */
Backend *backend_choose(const char *remote, const char *dir, gboolean local, BackendFlags flags,
                        GError **error);
void backend_free(Backend *backend);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Backend, backend_free)

/* Where the state is, for messages and saved plans: the state directory, or a server's address. */
const char *backend_place(const Backend *backend);
/* Whether paths of its model are paths of this machine. */
gboolean backend_is_local(const Backend *backend);

/* The stored model. Borrowed; it does not change until backend_wait. */
const Snapshot *backend_model(Backend *backend, GError **error);

/* From now on changes of the model are noticed. */
gboolean backend_watch(Backend *backend, GError **error);
/* Returns when something may have changed, or after `tick` seconds; the model is a new one. FALSE
 * in `ret_wanted` when nobody reads standard output any more. */
gboolean backend_wait(Backend *backend, guint tick, gboolean *ret_wanted, GError **error);

/* How objects (of const Object *) are: {KEY: {"facts"} or {"error"}; "addresses": TEXT for
 * instances}. New reference. */
json_t *backend_observe(Backend *backend, const GPtrArray *objects, GError **error);

/* Plans. `wish` (stolen) is one of wish.h; `input` (may be NULL) takes the place of its objects,
 * and must outlive the proposal. */
Proposal *backend_plan(Backend *backend, json_t *wish, const Input *input, GError **error);
/* Carries it out (engine_apply). With `exactly` only the very plan that was proposed. A signal that
 * comes meanwhile has everything undone; `ret_signal` gets its number, or 0. */
gboolean backend_apply(Backend *backend, const Proposal *proposal, gboolean exactly,
                       const ApplyOptions *options, ApplyResult *ret_result, int *ret_signal,
                       GError **error);

/* As the functions of engine.h. */
json_t *backend_history(Backend *backend, GError **error);
json_t *backend_generation(Backend *backend, gint64 number, GError **error);
json_t *backend_diff(Backend *backend, gint64 from, gint64 to, GError **error);
/* NULL as well where the backend cannot tell. */
json_t *backend_origin(Backend *backend, const char *key, const char *path);
json_t *backend_conditions(Backend *backend, GError **error);
json_t *backend_parked(Backend *backend, GError **error);
gboolean backend_purge(Backend *backend, const char *key, gboolean all, guint *ret_count,
                       GError **error);
gboolean backend_confirm(Backend *backend, gint64 number, GError **error);
gboolean backend_own(Backend *backend, const GPtrArray *keys, const char *owner, GError **error);
/* What is on the host, by name (fingerprint.h). */
json_t *backend_fingerprint(Backend *backend, GError **error);

/* Sources (EN-42). What is known of one: see source_state. */
json_t *backend_source_state(Backend *backend, const char *name, GError **error);
gboolean backend_source_add(Backend *backend, const char *name, const json_t *body, GError **error);
gboolean backend_source_suspend(Backend *backend, const char *name, gboolean suspend,
                                GError **error);
gboolean backend_source_remove(Backend *backend, const char *name, GError **error);
/* One round (source_sync). `ret_round` gets sync_result_json of it, also when it failed; NULL when
 * nothing is known. New reference. `ret_signal`: as backend_apply. */
gboolean backend_source_sync(Backend *backend, const char *name, gboolean again, json_t **ret_round,
                             int *ret_signal, GError **error);

/* Holds (EN-47), as the functions of engine.h; who holds is who asks. */
json_t *backend_holds(Backend *backend, GError **error);
gboolean backend_hold(Backend *backend, const char *key, const char *path, gint64 seconds,
                      const char *reason, GError **error);
gboolean backend_unhold(Backend *backend, const char *key, const char *path, GError **error);

/* A token that lets one client in (AUTH-29, AUTH-30). Newly allocated; NULL with an error. */
char *backend_token(Backend *backend, const char *name, GError **error);
gboolean backend_exec(Backend *backend, const Object *object, const Program *program,
                      int *ret_status, GError **error);
