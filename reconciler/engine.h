/* The engine: one way from wanted state to a verified host (EN-36). Opens a state directory,
 * finishes what a crash left, plans, applies, and keeps generations. Used by the command line
 * in-process, later by the daemon's owner thread. */
#pragma once

#include "document.h"
#include "host.h"
#include "plan.h"
#include "store.h"
#include "transaction.h"

typedef struct Engine Engine;

typedef enum {
    ENGINE_READ_ONLY =
        1 << 0, /* writes nothing; does not create the state directory; recovery is not run */
    ENGINE_NO_WAIT = 1 << 1, /* ERR_BUSY at once when another berth program holds the state lock */
    ENGINE_SHARES = 1 << 2,  /* for a daemon: the state lock is held only while transactions of
                                engine_transact run, so that other berth programs can write too */
} EngineFlags;

/* Opens `host->dir`. Without ENGINE_READ_ONLY the state lock is taken (waiting unless NO_WAIT), and
 * an interrupted transaction is undone or its purge finished first (LAW-4). A directory that does
 * not exist is an empty store. The host is borrowed. */
Engine *engine_open(Host *host, EngineFlags flags, GError **error);
void engine_close(Engine *engine);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Engine, engine_close)

/* The committed model. Borrowed; a new one after each apply. */
const Snapshot *engine_stored(Engine *engine);
/* The same for any thread. New reference. */
Snapshot *engine_ref_stored(Engine *engine);
Host *engine_host(Engine *engine);
/* For records that are no part of the model (model/warnings.h). */
Store *engine_store(Engine *engine);

/* What recovery did at open, one line for people, or NULL. */
const char *engine_recovered(Engine *engine);

/* Plan towards what `input` says (EN-20..26). Does not write to the host. */
Plan *engine_plan(Engine *engine, const Input *input, const PlanOptions *options, GError **error);
/* Plan that deletes `keys` (of char *), and what must go with them refuses by name. */
Plan *engine_plan_delete(Engine *engine, const GPtrArray *keys, const PlanOptions *options,
                         GError **error);
/* Plan of `objects` put in and `keys` taken out: what every other way ends in. It costs by what the
 * change reaches: only these objects are looked at, and those that refer to them and whose expected
 * facts or fields differ by it. It is the plan of the whole model but for drift of other objects,
 * which it leaves alone. */
Plan *engine_plan_change(Engine *engine, const GPtrArray *objects, const GPtrArray *keys,
                         const PlanOptions *options, GError **error);
#define POWER_TIMEOUT_OF_INSTANCE (-2)

/* A power state that is asked for now, not declared. */
typedef struct {
    const char *state; /* "running", "stopped", "frozen" */
    gboolean force;    /* a stop kills at once */
    gint64 timeout; /* seconds for a clean stop, after which it fails and the instance runs on; -1:
                       as long as it takes; POWER_TIMEOUT_OF_INSTANCE: boot.host_shutdown_timeout */
    gboolean brief; /* a stop for the time that the host is down: what the instance is to come back
                       to stays as it was (OPS-85) */
} Power;

/* Plan that brings instances, by their keys, to a power state. What it makes is no generation. */
Plan *engine_plan_power(Engine *engine, const GPtrArray *keys, const Power *power, GError **error);

/* Plan that reverts generation `number` (EN-46); `to` restores the objects of one source as they
 * were after it. */
Plan *engine_plan_rollback(Engine *engine, gint64 number, gboolean to, const PlanOptions *options,
                           GError **error);
/* Plan that brings a parked object back (EN-31). */
Plan *engine_plan_undelete(Engine *engine, const char *key, const PlanOptions *options,
                           GError **error);

typedef struct {
    const char *cause;     /* "cli apply", for history */
    const char *user;      /* who asks, for what no file says (EN-25); may be NULL */
    const char *revision;  /* of the repository that the files are of; NULL: of none */
    const char *directory; /* of files whose names are not absolute; NULL: names stay as they are */
    gboolean no_wait;      /* ERR_BUSY at once when others hold what it needs (exit 9) */
    gboolean keep_going;   /* objects that do not depend on a failed one are kept (exit 5) */
    guint parallel;        /* 0: by the number of CPUs */
    gint64 timeout_seconds; /* 0: none; past it the apply is undone */
    gint64 confirm_seconds; /* 0: the apply stands; else it is reverted after so long unless
                               engine_confirm comes first (EN-33) */
    gint64 park_seconds;    /* how long parked data is kept after commit; 0: purged at once */
    ProgressFunction progress;
    /* How far a fetch for an object is, before the first step; see FetchReport. May be NULL. */
    void (*fetching)(void *data, const Object *object, const char *part, guint64 done, guint64 all,
                     guint64 speed);
    void *progress_data;
    volatile gint *cancel; /* non-zero: undo (EN 'Ctrl-C') */
    /* Called once when the commit stands, before any later one can; may be NULL. */
    void (*committed)(void *data, const Plan *plan);
    void *committed_data;
} ApplyOptions;

typedef struct {
    gint64 generation; /* 0: no object changed, at most facts of the host (EN-46) */
    gint64 revert_at;  /* seconds since the epoch, when it waits for a confirmation; else 0 */
    guint steps_done;
    GPtrArray *pending; /* of char *: rows whose restart, rebuild or replace was not allowed */
    GPtrArray *drifted; /* of char *, "network/lan: link": what of them somebody else changed while
                           it ran (EN-30) */
    GPtrArray *restarted; /* of char *: objects that a rollback had to start again */
    GPtrArray *remade;    /* of char *: objects that a rollback made anew without their data, which
                             was deleted for good (no_park) */
    GPtrArray *failed;    /* of char *: with keep_going, objects that failed, with their error */
    GPtrArray *warnings;  /* of char *: what could not be purged yet */
    gint64 milliseconds;
} ApplyResult;

void apply_result_clear(ApplyResult *result);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ApplyResult, apply_result_clear)
/* {"generation", "steps", "pending", "drifted", "restarted", "remade", "failed", "warnings",
 * "milliseconds", "revert_at"?} and back.
 */
json_t *apply_result_json(const ApplyResult *result);
void apply_result_read(const json_t *value, ApplyResult *ret);

/* Carries a plan out: fetches what it needs from elsewhere, while others may write, then journal,
 * steps, verify, barrier, commit, purge. On failure everything is undone and the error is
 * ERR_ROLLED_BACK or ERR_ROLLBACK_INCOMPLETE with the first cause and every undo failure in its
 * text. Success means that a plan made of what was observed last would be empty but for what the
 * result names (LAW-1): `pending`, and `drifted`. ERR_CONFLICT when the model moved since the plan
 * was made. */
gboolean engine_apply(Engine *engine, const Plan *plan, const ApplyOptions *options,
                      ApplyResult *ret_result, GError **error);

/* Makes a plan from `engine_stored`, which holds still meanwhile. */
typedef Plan *(*PlanFunction)(Engine *engine, void *data, GError **error);

/* Plans and carries out in one go, from any thread. Transactions that touch different objects run
 * side by side: each holds the objects that it changes alone, and those that they refer to
 * together with others; one that has to wait plans again afterwards. `ret_plan` (may be NULL) gets
 * the plan that was carried out, or that failed. */
gboolean engine_transact(Engine *engine, PlanFunction make, void *data, const ApplyOptions *options,
                         Plan **ret_plan, ApplyResult *ret_result, GError **error);

/* A PlanFunction: no change, for a dry run of what is none to the model (EN-27). `warning`, a
 * char *, says what that is; NULL: nothing at all. */
Plan *engine_plan_nothing(Engine *engine, void *warning, GError **error);

/* Makes a plan like engine_transact does, and leaves it at that. Any thread. */
Plan *engine_look_ahead(Engine *engine, PlanFunction make, void *data, GError **error);

/* Runs `run`, a short write such as engine_own, while no transaction is under way. Any thread of a
 * program that uses engine_transact. */
gboolean engine_alone(Engine *engine, gboolean (*run)(Engine *engine, void *data, GError **error),
                      void *data, GError **error);

/* Whether a transaction that is under way makes, changes or deletes the object. */
gboolean engine_is_busy(Engine *engine, const char *key);

/* Takes over what another program committed, and, unless this engine only reads, what one that
 * crashed left half done. TRUE in `ret_changed` when the store is not as it was: its model, or what
 * else it keeps. */
gboolean engine_refresh(Engine *engine, gboolean *ret_changed, GError **error);

/* Applies that wait for a confirmation (EN-33): [{generation, revert_at, keys}], the next deadline
 * first. Until then nobody else can change their objects, and nothing that they parked is purged.
 */
json_t *engine_unconfirmed(Engine *engine, GError **error);
/* The generation stands. ERR_NOT_FOUND when it does not wait. See engine_alone. */
gboolean engine_confirm(Engine *engine, gint64 number, GError **error);
/* What it would do: a plan that only shows it. */
Plan *engine_plan_confirm(Engine *engine, gint64 number, GError **error);
/* Plan that takes a waiting generation back; policies do not hold it up. */
Plan *engine_plan_revert(Engine *engine, gint64 number, GError **error);
/* The same as a PlanFunction on the number, a gint64. */
Plan *engine_make_revert(Engine *engine, void *number, GError **error);
/* Calls for each generation that was not confirmed in time, in their order, with what histories are
 * to say of its revert. */
typedef void (*DueFunction)(void *data, gint64 number, const char *cause);
gboolean engine_each_due(Engine *engine, DueFunction each, void *data, GError **error);
/* Takes back what was not confirmed in time; the daemon does it by its timer, every program that
 * writes when it opens the state directory. One line each for people, or NULL. The first failure is
 * the error; what failed waits on and is tried again. Any thread. */
char *engine_revert_due(Engine *engine, GError **error);
/* When the next one is due (seconds since the epoch); 0: none waits. */
gint64 engine_next_revert(Engine *engine);

/* What is held (EN-47): [{object, path, until, since, reason, by}]; see holds.h. */
json_t *engine_holds(Engine *engine, GError **error);
/* Holds a field of an object, or all of it with path "", for so many seconds; 0: until the files
 * say the same. ERR_NOT_FOUND when there is no such object or field. */
gboolean engine_hold(Engine *engine, const char *key, const char *path, gint64 seconds,
                     const char *reason, const char *by, GError **error);
/* Lets go of a hold, with path NULL of all holds of the object. ERR_NOT_FOUND when there is none.
 */
gboolean engine_unhold(Engine *engine, const char *key, const char *path, GError **error);
/* Only whether they would be refused, for a dry run. */
gboolean engine_may_hold(Engine *engine, const char *key, const char *path, GError **error);
gboolean engine_may_unhold(Engine *engine, const char *key, const char *path, GError **error);

/* Notes of a space of notes.h, by key. New reference. */
json_t *engine_notes(Engine *engine, const char *space, GError **error);

/* Ownership without any change to the host (EN-50, EN-43). `owner` "api" releases. */
gboolean engine_own(Engine *engine, const GPtrArray *keys, const char *owner, GError **error);
/* What it would do: a plan that only shows it. */
Plan *engine_plan_own(Engine *engine, const GPtrArray *keys, const char *owner, GError **error);

/* Which image the source of `object` (an image or an instance) means: the applied one, or with
 * `fresh`, and when none is, the one that its server has now (EN-09): {"fingerprint",
 * "architecture", "date"}. */
json_t *engine_ask_image(Engine *engine, const Object *object, gboolean fresh, GError **error);
/* The host's own architecture. Newly allocated. */
char *engine_architecture(Engine *engine, GError **error);

/* History (EN-46), newest first: [{generation, time, cause, source, result, objects: [key...]}]. */
json_t *engine_history(Engine *engine, GError **error);
/* When the newest generation that is whole was made, in seconds since the epoch; 0: there is none.
 */
gint64 engine_last_success(Engine *engine);
/* One generation with its changes: {..., changes: [{key, before, after}]}. */
json_t *engine_generation(Engine *engine, gint64 number, GError **error);
/* Where a field was written, as the commit that set it kept it (EN-25): {"where":
 * "FILE:LINE:COLUMN", "via"?} or {"user", "cause", "time"}; NULL when that is not known. */
json_t *engine_origin(Engine *engine, const char *key, const char *path);
/* Field differences between two generations' models: [{key, path, before, after}]. */
json_t *engine_diff(Engine *engine, gint64 from, gint64 to, GError **error);

/* Where the host is not as stored (EN-40), of the objects `keys` (of char *): a plan of repairs
 * alone. What waits for a restart is pending, no drift. Looks only; any thread, and nobody waits
 * for it. */
Plan *engine_look_at(Engine *engine, const GPtrArray *keys, GError **error);
/* The same for a PlanFunction, to be carried out. */
Plan *engine_plan_repair(Engine *engine, const GPtrArray *keys, GError **error);

/* The end of a transaction of engine_transact, or of a take-over by engine_refresh. */
typedef struct {
    const Plan *plan;      /* NULL: another program's, or none was made */
    const GError *failure; /* NULL: it stands */
    gint64 milliseconds;
} TransactionEnd;

/* `ended` is called after each one, when its objects are free again, in the thread that made it.
 * To be set before the first. */
void engine_on_end(Engine *engine, void (*ended)(void *data, const TransactionEnd *end),
                   void *data);

/* Sets or clears a condition of an object. `ret_changed` gets what engine_conditions shows of it
 * when that is something new, else NULL; new reference. */
gboolean engine_set_condition(Engine *engine, const char *key, const char *type, gboolean status,
                              const char *reason, json_t **ret_changed, GError **error);

/* Conditions (EN-48) of one object or all (NULL): [{object, type, status, reason, generation,
 * since}]. */
json_t *engine_conditions(Engine *engine, const char *key, GError **error);

/* Parked data: [{key, path, tx, since, until}]; purge deletes what is due, or all of `key`, or
 * everything with `all`. */
json_t *engine_parked(Engine *engine, GError **error);
gboolean engine_purge(Engine *engine, const char *key, gboolean all, guint *ret_count,
                      GError **error);
/* What it would do: a plan that only shows it. */
Plan *engine_plan_purge(Engine *engine, const char *key, gboolean all, GError **error);

/* Deletes what is due, from any thread, while no other program writes. */
gboolean engine_purge_due(Engine *engine, guint *ret_count, GError **error);
/* When something parked is due next (seconds since the epoch); 0: nothing ever. */
gint64 engine_next_purge(Engine *engine);

/* Facts of one object as the host shows them now, and as they should be (for status and explain).
 */
json_t *engine_observe(Engine *engine, const Object *object, json_t **ret_expected, GError **error);
