/* A state directory of its own in a mount namespace of its own, and the moves of the engine that a
 * driver's rows need for being tried one by one. */
#pragma once

#include "host.h"

typedef struct {
    char *dir; /* STATE, below `top` */
    char *top; /* a fresh temporary folder; also for sources */
    Host *host;
    Snapshot *model;
    HostFacts *facts;
    Context context;
} Rig;

extern Rig rig;

/* For Criterion's .init and .fini. A test that is not root is skipped by rig_open(). */
void rig_open(void);
void rig_close(void);

/* Fails the test with the error's text unless it is NULL. */
#define no_error(error) cr_assert_null((error), "%s", (error) != NULL ? (error)->message : "")

/* Puts an object into the model, with what resolve and prepare of its driver give. `spec` is JSON
 * text with ' for ". Returns it, borrowed from the model. */
const Object *rig_put(KindId kind, const char *name, const char *spec);
/* The same, for objects whose resolve or prepare must fail: the error. */
GError *rig_put_fails(KindId kind, const char *name, const char *spec);

json_t *rig_expect(const Object *object);
json_t *rig_observe(const Object *object);

/* One step by its row's name. `from` and `to` are borrowed, either may be NULL. FALSE with an
 * error. */
gboolean rig_step(const char *row, const Object *object, const char *path, json_t *from, json_t *to,
                  const char *tx, GError **error);
gboolean rig_purge(const char *row, const Object *object, const char *path, json_t *from,
                   json_t *to, const char *tx, GError **error);

/* Makes the facts of an object what is expected (create), or takes all away (delete), row by row in
 * the engine's order. */
void rig_create(const Object *object, const char *tx);
void rig_delete(const Object *object, const char *tx);
void rig_undelete(const Object *object, const char *tx);
void rig_purge_all(const Object *object, const char *tx);

/* Facts without '$' arguments are equal. */
void rig_assert_same(const json_t *observed, const json_t *expected);

/* Everything below the rig: files with mode, owner, size and content, mounts, loop devices. Newly
 * allocated; equal states give equal text. */
char *rig_fingerprint(void);
/* Times of change of all files too: equal when nothing was written. */
char *rig_write_fingerprint(void);
/* Asserts that the state is `before` again. */
void rig_assert_state(const char *before);

/* Runs a program; its stdout. Fails the test when it fails. */
char *rig_run(const char *const *argv);
/* An attached loop device over a fresh sparse file; its path. Detached by rig_close(). */
char *rig_loop_device(const char *name, gint64 bytes);
