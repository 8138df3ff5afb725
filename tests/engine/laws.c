/* The laws of spec/engine.md as properties: on random models from the tables, on the fake host.
 * Arguments: first seed, number of seeds. Each seed is one model of 20 to 60 objects and one to
 * three rounds of edits; what is checked of each is named in the output. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "law.h"
#include "print.h"
#include "random_model.h"
#include "rehearse.h"

enum {
    CONVERGED,
    TWICE,
    ALL_OR_NOTHING,
    CRASH,
    ROUND_TRIP,
    SAME_BYTES,
    DESTROYED,
    REHEARSED,
    ACCEPTED,
    LAWS
};

static Law laws[LAWS] = {
    [CONVERGED] = {"LAW-1 a plan after an apply is empty"},
    [TWICE] = {"LAW-2 a second apply touches neither host nor store"},
    [ALL_OR_NOTHING] = {"LAW-3 a failed apply leaves everything as before"},
    [CRASH] = {"LAW-4 a killed apply is undone or complete at the next start"},
    [ROUND_TRIP] = {"LAW-5 a plan of the dump is empty"},
    [SAME_BYTES] = {"EN-21 the same input gives the same plan, byte for byte"},
    [DESTROYED] = {"destroy leaves nothing on the host"},
    [REHEARSED] = {"a rehearsal does every step, converges and touches nothing"},
    /* A few may be refused, for a rule across keys. */
    [ACCEPTED] = {"random models are valid", .failures_in = 20},
};

static guint seed;

static void check(guint law, gboolean holds, const char *detail)
{
    law_check(&laws[law], seed, holds, detail);
}

/* The plan as bytes, or why there is none. `ret_steps`: how many steps it has. */
static char *plan_bytes(World *world, const char *text, guint *ret_steps)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Plan) plan = world_plan(world, text, NULL, &error);
    g_autoptr(json_t) json = plan != NULL ? plan_json(plan) : NULL;

    *ret_steps = plan != NULL ? plan->steps->len : 0;
    return json != NULL ? json_text(json) : g_strdup(error->message);
}

static void check_settled(World *world, const char *text)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Plan) plan = world_plan(world, text, NULL, &error);
    g_autofree char *shown = plan != NULL ? plan_text(plan, FALSE) : g_strdup(error->message);
    g_autofree char *before = world_fingerprint(world);
    g_autofree char *after = NULL;
    g_autoptr(json_t) history = NULL;
    g_autoptr(json_t) history_after = NULL;

    check(CONVERGED, plan != NULL && plan_is_empty(plan), shown);
    if (plan == NULL)
        return;
    history = engine_history(world->engine, NULL);
    world_set_fault(world, FAULT_NONE, 0);
    world_apply(world, text, NULL);
    after = world_fingerprint(world);
    history_after = engine_history(world->engine, NULL);
    check(TWICE,
          world_operations(world) == 0 && strcmp(before, after) == 0 &&
              json_equal(history, history_after),
          shown);
}

static void check_round_trip(World *world)
{
    const Snapshot *stored = engine_stored(world->engine);
    g_autoptr(GPtrArray) objects = g_ptr_array_new();
    g_autofree char *dump = NULL;
    g_autofree char *shown = NULL;
    g_autoptr(GError) error = NULL;
    g_autoptr(Plan) plan = NULL;

    for (guint i = 0; i < snapshot_size(stored); i++) {
        if (strcmp(snapshot_at(stored, i)->owner, "file:test") ==
            0) /* the defaults nobody declared are everywhere */
            g_ptr_array_add(objects, (gpointer)snapshot_at(stored, i));
    }
    dump = print_objects(objects);
    plan = world_plan(world, dump, NULL, &error);
    shown = plan != NULL ? plan_text(plan, FALSE) : g_strdup(error->message);
    check(ROUND_TRIP, plan != NULL && plan_is_empty(plan), shown);
}

/* The n-th operation fails: nothing of the apply remains. */
static void check_failure(World *world, const char *text, GRand *rand, guint operations)
{
    g_autofree char *before = world_fingerprint(world);
    g_autofree char *after = NULL;
    g_autofree char *detail = NULL;
    g_autoptr(GError) error = NULL;
    guint n = 1 + (guint)g_rand_int_range(rand, 0, (gint32)operations);
    gboolean applied;

    world_set_fault(world, FAULT_FAIL, n);
    applied = world_apply(world, text, &error);
    world_set_fault(world, FAULT_NONE, 0);
    after = world_fingerprint(world);
    /* A purge that fails comes after the commit: the apply stands. */
    if (applied)
        return;
    detail =
        g_strdup_printf("operation %u: %s\nbefore %s\nafter  %s", n, error->message, before, after);
    /* What a plan refuses never began; it changes nothing either. */
    check(ALL_OR_NOTHING,
          strcmp(before, after) == 0 &&
              (error->code == ERR_ROLLED_BACK || error->code == ERR_REFUSED),
          detail);
}

static gboolean apply_in_child(World *world, gpointer data)
{
    return world_apply(world, data, NULL);
}

static void check_crash(World *world, char *text, GRand *rand, guint operations,
                        gboolean *ret_applied)
{
    g_autofree char *before = world_fingerprint(world);
    g_autofree char *after = NULL;
    g_autoptr(GError) error = NULL;
    gboolean passed, killed, reopened;

    world_set_fault(world, g_rand_boolean(rand) ? FAULT_KILL_BEFORE : FAULT_KILL_AFTER,
                    1 + (guint)g_rand_int_range(rand, 0, (gint32)operations));
    killed = world_in_child(world, apply_in_child, text, &passed);
    world_set_fault(world, FAULT_NONE, 0);
    reopened = world_reopen(world, &error);
    if (!reopened) {
        check(CRASH, FALSE, error->message);
        *ret_applied = TRUE;
        world_reopen(world, NULL);
        return;
    }
    after = world_fingerprint(world);
    *ret_applied = strcmp(before, after) != 0;
    if (killed && *ret_applied) { /* then it must be all of it */
        g_autoptr(Plan) plan = world_plan(world, text, NULL, NULL);

        check(CRASH, plan != NULL && plan_is_empty(plan), "neither before nor after");
    } else {
        check(CRASH, TRUE, NULL);
    }
}

static void check_rehearsal(World *world, const char *text)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Plan) plan = world_plan(world, text, NULL, NULL);
    g_autofree char *before = world_fingerprint(world);
    g_autofree char *after = NULL;
    g_autoptr(json_t) rehearsal = NULL;

    if (plan == NULL || plan->blocked->len > 0)
        return;
    world_set_fault(world, FAULT_NONE, 0);
    rehearsal = engine_rehearse(world->engine, plan, &error);
    after = world_fingerprint(world);
    if (rehearsal != NULL)
        rehearsal_check(rehearsal, &error);
    check(REHEARSED,
          error == NULL && world_operations(world) == 0 && strcmp(before, after) == 0 &&
              json_array_size(json_object_get(rehearsal, "steps")) == plan->steps->len,
          error != NULL ? error->message : "something was touched");
}

static gboolean run_round(World *world, json_t *model, GRand *rand)
{
    g_autofree char *text = random_text(model);
    guint operations;
    g_autofree char *once = plan_bytes(world, text, &operations);
    g_autofree char *again = plan_bytes(world, text, &operations);
    g_autoptr(GError) error = NULL;
    gboolean applied = FALSE;

    check(SAME_BYTES, strcmp(once, again) == 0, once);
    if (seed % 3 == 0)
        check_rehearsal(world, text);
    if (operations > 0) {
        check_failure(world, text, rand, operations);
        if (seed % 4 == 0)
            check_crash(world, text, rand, operations, &applied);
    }
    if (!world_apply(world, text, &error)) {
        check(ACCEPTED, FALSE, error->message);
        return FALSE;
    }
    check(ACCEPTED, TRUE, NULL);
    check_settled(world, text);
    return TRUE;
}

static void run_seed(void)
{
    g_autoptr(World) world = world_new();
    GRand *rand = g_rand_new_with_seed(seed);
    g_autoptr(json_t) model = random_model(rand);
    g_autoptr(GError) error = NULL;
    gboolean valid = run_round(world, model, rand);

    for (guint round = 1 + (guint)g_rand_int_range(rand, 0, 3); valid && round > 0; round--) {
        g_autoptr(json_t) edited = json_deep_copy(model);

        random_edit(edited, rand, 1 + (guint)g_rand_int_range(rand, 0, 10));
        if (run_round(world, edited, rand)) {
            json_decref(model);
            model = json_incref(edited);
        }
    }
    if (valid) {
        check_round_trip(world);
        if (!world_destroy(world, &error)) {
            check(DESTROYED, FALSE, error->message);
        } else {
            g_autoptr(json_t) state = world_host_state(world);

            check(DESTROYED,
                  json_object_size(json_object_get(state, "objects")) == 0 &&
                      json_object_size(json_object_get(state, "parked")) == 0,
                  "something is left");
        }
    }
    g_rand_free(rand);
}

int main(int argc, char **argv)
{
    guint first = argc > 1 ? (guint)atoi(argv[1]) : 1;
    guint count = argc > 2 ? (guint)atoi(argv[2]) : 20;
    guint used, all;

    for (seed = first; seed < first + count; seed++)
        run_seed();
    random_coverage(&used, &all);
    printf("# %u seeds; %u of %u usable config rows drawn\n", count, used, all);
    return laws_report(laws, LAWS);
}
