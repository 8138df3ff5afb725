/* What the engine's tests share: a world with a state directory and a fake host that can outlive a
 * killed process, faults at the n-th operation, and short ways to plan and apply text. */
#pragma once

#include "engine.h"

typedef struct {
    char *dir;  /* state directory, fresh */
    Host *host; /* the fake host, wrapped in faults */
    Engine *engine;
} World;

World *world_new(void);
/* The same with the real host; for programs that are root in namespaces of their own. */
World *world_new_real(void);
/* Closes the engine and opens it again, as another process would; the host stays. FALSE with an
 * error when recovery fails. */
gboolean world_reopen(World *world, GError **error);
void world_free(World *world);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(World, world_free)

/* Plan of a state file's text; NULL with the error. `options` may be NULL: set "file:test",
 * everything allowed. */
Plan *world_plan(World *world, const char *yaml, const PlanOptions *options, GError **error);
/* The same of an input that is read already. */
Plan *world_plan_input(World *world, const Input *input, const PlanOptions *options,
                       GError **error);
/* The image servers that the fake host sees: see host_fake_servers. */
void world_set_servers(World *world, const json_t *servers);
/* Plans and applies; asserts nothing. */
gboolean world_apply(World *world, const char *yaml, GError **error);
gboolean world_apply_plan(World *world, const Plan *plan, ApplyResult *ret_result, GError **error);
/* Deletes everything but the defaults. */
gboolean world_destroy(World *world, GError **error);

/* The committed model as text. */
char *world_model(World *world);
/* Host facts and committed model as one text: what LAW-3 compares. */
char *world_fingerprint(World *world);

/* The fake host's memory, to look into and to change behind berth's back. New reference. */
json_t *world_host_state(World *world);
void world_set_host_state(World *world, const json_t *state);

/* The options that world_plan uses by default. */
PlanOptions world_options(void);

/* ---- faults ---- */

typedef enum { FAULT_NONE, FAULT_FAIL, FAULT_KILL_BEFORE, FAULT_KILL_AFTER } Fault;

/* From now on the n-th operation of the host (1 is the next; ensure, stage, unstage, purge,
 * barrier) fails, or the process dies before or after it. */
void world_set_fault(World *world, Fault fault, guint n);
/* Operations since the last world_set_fault. */
guint world_operations(World *world);
/* How often disks were synced before a commit since the last call; from now on it fails or not. */
guint world_take_barriers(World *world, gboolean fail);
/* From now on looking at this fact of the host (host_fact) fails; NULL: none does. Borrowed. */
void world_hide(World *world, const char *fact);
/* How often objects were looked at since the last call. */
guint world_take_observations(World *world);
/* Each disk step is lost with this chance in percent: what a power cut does to unsynced writes. */
void world_lose_writes(World *world, guint percent, guint32 seed);
/* The undo of this row's steps does nothing from now on, but says it did; NULL ends it. */
void world_drop_undo(World *world, const char *row);
/* From now on a step of `plan` that is done before one that it must come after fails (what it
 * refers to first, and within an object in row order); NULL ends it. */
void world_watch_order(World *world, const Plan *plan);
/* Kernel facts vanish and the boot id changes. */
void world_reboot(World *world);

/* Runs `body` in a child process and returns TRUE when it was killed by a fault; the host's state
 * is carried over. `body` returns FALSE to report that its check failed. */
gboolean world_in_child(World *world, gboolean (*body)(World *world, gpointer data), gpointer data,
                        gboolean *ret_passed);
