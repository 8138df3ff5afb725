/* Sources at work (EN-42): look what is wanted, check it, put it in force as a file apply would.
 * What is known of a source is a note of SPACE_SOURCES, durable, no part of the model:
 *
 *   {wanted, in_force, previous: {id, author, subject, time}, quarantined: ID,
 *    last_try, last_success, next_try: SECONDS, failures: N, error: TEXT, error_since: SECONDS,
 *    failed: ID, stalled: BOOL, view: the fields of the source by which in_force was read}
 *
 * `in_force` is written in the same commit as the objects. What has been rolled back is
 * `quarantined`: it is not tried again until the branch moves. */
#pragma once

#include "engine.h"
#include "source.h"

typedef struct {
    volatile gint *cancel; /* may be NULL; ends a fetch, undoes a transaction */
    gboolean again;        /* puts a revision that is in force, or quarantined, in force again */
    ProgressFunction progress;
    void *progress_data;
    void (*committed)(void *data, const Plan *plan); /* may be NULL; see ApplyOptions */
    void *committed_data;
} SyncOptions;

typedef struct {
    json_t *revision; /* that is wanted; NULL when it could not be looked at */
    gboolean is_new;  /* a revision came in force that was not */
    Plan *plan;       /* what was carried out; NULL when there was nothing to plan */
    ApplyResult result;
} SyncResult;

void sync_result_clear(SyncResult *result);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(SyncResult, sync_result_clear)

/* What people see of a round: {"revision"?, "is_new", "plan"?: see plan_shown, "result": see
 * apply_result_json}. New reference. */
json_t *sync_result_json(const SyncResult *result);

/* One round of a source: look, verify, read, plan, carry out, and remember how it went. From any
 * thread; waits. With the revision in force unchanged it only takes back edits of its objects that
 * nothing holds, and, when its mode is correct, what the host drifted. On failure the last good
 * revision stays in force, and the condition Stalled says why when trying again cannot help. */
gboolean source_sync(Engine *engine, const char *name, const SyncOptions *options,
                     SyncResult *ret_result, GError **error);

/* What a round would do: looks, verifies, reads and plans, and remembers nothing. */
Plan *source_plan(Engine *engine, const char *name, const SyncOptions *options, GError **error);

/* Only the first part: fetches, and remembers what is wanted. TRUE in `ret_new` when that is
 * neither in force nor what failed or was rolled back last. */
gboolean source_look(Engine *engine, const char *name, volatile gint *cancel, gboolean *ret_new,
                     GError **error);

/* What is known of a source; {} when nothing is. New reference. */
json_t *source_status(Engine *engine, const char *name, GError **error);
/* The same with its "conditions" (EN-48), for people and the API. New reference. */
json_t *source_state(Engine *engine, const char *name, GError **error);
/* Changes members of it; a null takes one out. `changes` is borrowed. */
gboolean source_status_change(Engine *engine, const char *name, const json_t *changes,
                              GError **error);

/* Where a source's files say a field of an object: "hosts/web.yaml:3:5@COMMIT", falling back to
 * what encloses it; NULL when that is not known. Newly allocated. */
char *source_where(Engine *engine, const Object *object, const char *path);

/* The files of the revision of a source that is in force. `ret_prefix` gets the folder that they
 * are in. ERR_NOT_FOUND when none is. */
Input *source_input(Engine *engine, const Object *source, char **ret_prefix, GError **error);

/* Folders of sources that are gone are deleted. */
void source_sweep(Engine *engine);
