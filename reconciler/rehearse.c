#include "rehearse.h"

#include <string.h>

#include "engine_private.h"
#include "error.h"
#include "facts.h"

typedef struct {
    json_t *steps;
    GHashTable *by_step; /* Step * -> its entry in `steps`, borrowed */
} Timing;

/* ProgressFunction. A step that runs keeps the time of its begin as a negative number. */
static void on_step(void *data, const Step *step, StepState state, const ProgressCount *count)
{
    static const char *const names[] = {"waiting", "waiting", "done",
                                        "failed",  "undone",  "undo-failed"};
    Timing *timing = data;
    json_t *entry = g_hash_table_lookup(timing->by_step, step);
    gint64 began;

    if (entry == NULL) {
        g_autofree char *label = object_key_label(step->key);

        entry = json_pack("{s:s, s:s, s:s, s:s}", "key", step->key, "object", label, "name",
                          step->name, "path", step->path);
        json_array_append_new(timing->steps, entry);
        g_hash_table_insert(timing->by_step, (gpointer)step, entry);
    }
    json_object_set_new(entry, "state", json_string(names[state]));
    began = json_integer_value(json_object_get(entry, "microseconds"));
    if (state == STEP_RUNNING)
        json_object_set_new(entry, "microseconds", json_integer(-g_get_monotonic_time()));
    else if (began < 0)
        json_object_set_new(entry, "microseconds", json_integer(g_get_monotonic_time() + began));
}

/* What was observed is what the copy begins with. */
static void copy_objects(Host *copy, const Plan *plan)
{
    g_autoptr(json_t) nothing = json_object();

    for (guint i = 0; i < plan->objects->len; i++) {
        const PlanObject *object = plan->objects->pdata[i];
        const char *key = object->stored != NULL ? object->stored->key : object->key;

        if (strcmp(key, object->key) != 0)
            host_fake_put(copy, object->key, nothing);
        host_fake_put(copy, key, object->observed != NULL ? object->observed : nothing);
    }
}

/* LAW-1: what a plan made now would still do, besides what waits to be allowed. */
static gboolean add_left(Engine *copy, const Plan *plan, json_t *left, GError **error)
{
    g_autoptr(Snapshot) stored = store_ref_snapshot(copy->store);
    g_autoptr(GPtrArray) keys = g_ptr_array_new();
    g_autoptr(Wanted) nothing = wanted_new();
    g_autoptr(Plan) again = NULL;
    PlanOptions options = {.forbid_restart = TRUE};

    for (guint i = 0; i < plan->objects->len; i++)
        g_ptr_array_add(keys, ((const PlanObject *)plan->objects->pdata[i])->key);
    again = planner_make(copy->host, stored, 0, nothing, keys, &options, error);
    for (guint i = 0; again != NULL && i < again->steps->len; i++) {
        const Step *step = &((const PlanStep *)again->steps->pdata[i])->step;
        g_autofree char *label = object_key_label(step->key);

        json_array_append_new(left, json_sprintf("%s: %s", label, step->path));
    }
    return again != NULL;
}

json_t *engine_rehearse(Engine *engine, const Plan *plan, GError **error)
{
    g_autoptr(Host) host = host_fake_over(engine->host);
    g_autoptr(Store) store = store_of_model(plan->base, error);
    g_autoptr(GHashTable) by_step = g_hash_table_new(NULL, NULL);
    g_autoptr(json_t) rehearsal = json_pack("{s:[], s:[]}", "steps", "left");
    g_autoptr(GError) failure = NULL;
    g_auto(ApplyResult) result = {0};
    Timing timing = {json_object_get(rehearsal, "steps"), by_step};
    /* In one thread, so that the steps are in the same order each time. */
    const ApplyOptions options = {
        .cause = "rehearsal", .parallel = 1, .progress = on_step, .progress_data = &timing};
    Engine copy = {.host = host, .store = store};
    Plan bare = *plan;
    gint64 began = g_get_monotonic_time();

    if (store == NULL || !engine_may_write(engine, plan, error))
        return NULL;
    bare.secrets = NULL; /* they are kept on disk, and nothing in memory needs them */
    bare.reverts = 0;
    copy_objects(host, plan);
    if (engine_carry_out(&copy, &bare, &options, &result, &failure))
        add_left(&copy, plan, json_object_get(rehearsal, "left"), &failure);
    json_object_set_new(rehearsal, "microseconds", json_integer(g_get_monotonic_time() - began));
    if (failure != NULL) {
        json_object_set_new(rehearsal, "error", json_string(failure->message));
        json_object_set_new(rehearsal, "code", json_string(error_word(failure)));
    }
    return g_steal_pointer(&rehearsal);
}

/* ---- shown ---- */

static double milliseconds(const json_t *thing)
{
    return (double)json_integer_value(json_object_get(thing, "microseconds")) / 1000;
}

void rehearsal_print(const json_t *rehearsal, GString *text)
{
    const json_t *steps = json_object_get(rehearsal, "steps");
    const json_t *left = json_object_get(rehearsal, "left");
    const char *failure = json_member_string(rehearsal, "error");
    const json_t *item;
    size_t i;

    g_string_append(text, "\nRehearsed on a host in memory:\n");
    json_array_foreach (steps, i, item) {
        const char *state = json_member_string(item, "state");

        g_string_append_printf(text, "  %9.3f ms  %s: %s (%s)%s%s\n", milliseconds(item),
                               json_member_string(item, "object"), json_member_string(item, "name"),
                               json_member_string(item, "path"),
                               g_strcmp0(state, "done") == 0 ? "" : "  ",
                               g_strcmp0(state, "done") == 0 ? "" : state);
    }
    if (failure != NULL)
        g_string_append_printf(text, "It fails: %s\n", failure);
    else if (json_array_size(left) > 0)
        g_string_append(text, "It is done, but a plan made afterwards is not empty:\n");
    else
        g_string_append_printf(
            text, "%zu %s in %.3f ms; a plan made afterwards is empty.\n", json_array_size(steps),
            json_array_size(steps) == 1 ? "step" : "steps", milliseconds(rehearsal));
    json_array_foreach (left, i, item)
        g_string_append_printf(text, "  %s\n", json_string_value(item));
}

gboolean rehearsal_check(const json_t *rehearsal, GError **error)
{
    const char *failure = json_member_string(rehearsal, "error");
    const json_t *left = json_object_get(rehearsal, "left");

    if (failure != NULL)
        return error_set(error, ERR_FAILED, "the rehearsal fails: %s; nothing was changed",
                         failure);
    if (json_array_size(left) > 0)
        return error_set(error, ERR_FAILED,
                         "after the rehearsal a plan is not empty (%s); nothing was changed",
                         json_string_value(json_array_get(left, 0)));
    return TRUE;
}
