/* A private place for tests of instances on the real host: mount and network namespaces of its own,
 * a state directory with a pool and an image made from busybox, and a model of one pool, one
 * network-less profile and what the test adds. Every change goes the way that the engine goes:
 * prepare, observe, expect, differences by rows, steps; every step can be undone. */
#pragma once

#include "host.h"
#include "snapshot.h"

typedef struct {
    Host *host;
    Snapshot *model;
    char *dir;
    GPtrArray *objects; /* of Object *: all that were ever in the model, so that tests may go on
                           with replaced ones */
    GHashTable *stored; /* name -> Object *: as it was last applied */
    GPtrArray *done;    /* of Step *: what scene_apply did, in order */
} Scene;

/* NULL when not root: see SCENE. */
Scene *scene_new(void);
void scene_free(Scene *scene);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Scene, scene_free)

/* The scene of one test, which is skipped where there can be none. */
#define SCENE()                                                                                    \
    g_autoptr(Scene) scene = scene_new();                                                          \
    if (scene == NULL)                                                                             \
    cr_skip_test("needs root")

/* Puts an instance into the model without touching the host. Both are JSON texts with ' for ";
 * `extra` is merged into the spec. */
Object *scene_instance(Scene *scene, const char *name, const char *config, const char *devices,
                       const char *extra);
/* The instance c1 with that config, to be running. */
const Object *running(Scene *scene, const char *config);
void scene_remove(Scene *scene, const Object *object);
const Object *scene_get(Scene *scene, const char *name);

/* Makes the host as the model wants it; checks that a new look shows it so. FALSE with an error;
 * what was done stays noted. */
gboolean scene_apply(Scene *scene, const Object *object, GError **error);
/* Undoes what the last scene_apply did, last first. */
gboolean scene_undo(Scene *scene, GError **error);
/* The same, asserted. */
void scene_must(Scene *scene, const Object *object);

/* Facts as the host shows them; asserted. */
json_t *scene_observe(Scene *scene, const Object *object);
json_t *scene_expect(Scene *scene, const Object *object, const json_t *observed);
/* Whether both agree. */
gboolean scene_is_converged(Scene *scene, const Object *object);

pid_t scene_init(Scene *scene, const char *name);
/* Waits until a look at the instance shows `state` (NULL: not running), at most 10 s. */
gboolean scene_wait_state(Scene *scene, const Object *object, const char *state);

/* Runs a command line inside, by busybox sh; the exit status. `ret_output` (may be NULL) gets what
 * it wrote. */
int scene_run(Scene *scene, const Object *object, const char *command, char **ret_output);

/* Text of a file of one controller's group of an instance, newly allocated. */
char *scene_cgroup(Scene *scene, const char *name, const char *controller, const char *file);

/* Paths of the control groups of a state directory that are there. Of char *. */
GPtrArray *scene_groups(const char *dir);

/* All that a run could leave behind: links, mounts, groups of our name, processes of ours, names
 * below the state directory. Newly allocated text to compare. */
char *scene_fingerprint(Scene *scene);

json_t *scene_json(const char *text);
/* Asserted. */
void has_text(const char *text, const char *part);
