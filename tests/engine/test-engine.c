/* What the engine promises beyond the laws: history and the way back, parked data, protection,
 * pending restarts, partial applies, cancelling, a host that does not do what it says, two programs
 * at once. On the fake host. */
#include <criterion/criterion.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "error.h"
#include "support.h"

#define BASE                                                                                       \
    "storage_pools:\n  - {name: data, driver: dir}\n"                                              \
    "networks:\n  - {name: lan, config: {ipv4.address: 10.1.0.1/24, ipv6.address: none}}\n"        \
    "images:\n  - {name: busybox, source: 'builtin:busybox'}\n"                                    \
    "profiles:\n  - name: default\n    devices:\n      root: {type: disk, path: /, pool: data}\n"  \
    "      eth0: {type: nic, network: lan}\n"
#define OTHER_IMAGE                                                                                \
    "storage_pools:\n  - {name: data, driver: dir}\n"                                              \
    "images:\n  - {name: busybox, source: 'builtin:busybox'}\n"                                    \
    "  - {name: other, source: /srv/other.tar.gz}\n"                                               \
    "profiles:\n  - name: default\n    devices:\n      root: {type: disk, path: /, pool: data}\n"
#define WEB(rest) "  - {name: web, image: busybox, state: running" rest "}\n"
#define DB(rest) "  - {name: db, image: busybox, state: running" rest "}\n"

static void must_apply(World *world, const char *yaml)
{
    g_autoptr(GError) error = NULL;

    cr_assert(world_apply(world, yaml, &error), "%s", error->message);
}

static Plan *must_plan(World *world, const char *yaml, const PlanOptions *options)
{
    g_autoptr(GError) error = NULL;
    Plan *plan = world_plan(world, yaml, options, &error);

    cr_assert_not_null(plan, "%s", error->message);
    return plan;
}

static const Object *web_of(World *world)
{
    return snapshot_get(engine_stored(world->engine), "instance/default//web");
}

Test(engine, no_op_makes_no_generation)
{
    g_autoptr(World) world = world_new();
    g_autoptr(json_t) history = NULL;

    must_apply(world, BASE);
    must_apply(world, BASE);
    history = engine_history(world->engine, NULL);
    cr_assert_eq(json_array_size(history), 1);
}

static size_t generations(World *world)
{
    g_autoptr(json_t) history = engine_history(world->engine, NULL);

    return json_array_size(history);
}

Test(engine, a_repair_makes_no_generation) /* EN-46 */
{
    g_autoptr(World) world = world_new();
    g_autofree char *before = NULL;
    g_autofree char *after = NULL;
    g_autoptr(json_t) state = NULL;
    g_autoptr(Plan) plan = NULL;
    g_auto(ApplyResult) result = {0};

    must_apply(world, BASE);
    before = world_fingerprint(world);
    state = world_host_state(world);
    json_object_del(json_object_get(json_object_get(state, "objects"), "network/default//lan"),
                    "link");
    world_set_host_state(world, state);
    plan = must_plan(world, BASE, NULL);
    cr_assert(world_apply_plan(world, plan, &result, NULL));
    cr_assert_eq(result.generation, 0);
    cr_assert_eq(result.steps_done, 1);
    cr_assert_eq(generations(world), 1);
    after = world_fingerprint(world);
    cr_assert_str_eq(before, after);
    cr_assert(world_reopen(world, NULL));
}

/* EN-46: a rebuild that was put off has no generation of its own; the way back is that of the edit.
 */
Test(engine, rollback_skips_the_work_that_was_put_off)
{
    static const char wanted[] = OTHER_IMAGE "instances:\n"
                                             "  - {name: web, image: other, state: running}\n";
    g_autoptr(World) world = world_new();
    PlanOptions forbid = world_options();
    g_autofree char *before = NULL;
    g_autofree char *after = NULL;
    g_autofree char *text = NULL;
    g_autoptr(Plan) stored = NULL, waiting = NULL, back = NULL;
    g_auto(ApplyResult) first = {0}, second = {0};

    must_apply(world, OTHER_IMAGE "instances:\n" WEB(""));
    before = world_fingerprint(world);
    forbid.allow_replace = FALSE;
    stored = must_plan(world, wanted, &forbid);
    cr_assert(world_apply_plan(world, stored, &first, NULL));
    cr_assert_eq(first.generation, 2);
    waiting = must_plan(world, wanted, &forbid);
    text = plan_text(waiting, FALSE);
    cr_assert(plan_is_empty(waiting));
    cr_assert_not_null(strstr(text, "in force after a rebuild that was not allowed"), "%s", text);
    cr_assert_not_null(strstr(text, "volume.image: "), "%s", text);
    must_apply(world, wanted);
    cr_assert_eq(generations(world), 2);
    forbid.allow_replace = TRUE;
    back = engine_plan_rollback(world->engine, 0, FALSE, &forbid, NULL);
    cr_assert_not_null(back);
    cr_assert(world_apply_plan(world, back, &second, NULL));
    after = world_fingerprint(world);
    cr_assert_str_eq(before, after);
}

Test(engine, rollback_takes_the_last_generation_back) /* EN-46 */
{
    g_autoptr(World) world = world_new();
    g_autofree char *before = NULL;
    g_autofree char *after = NULL;
    PlanOptions options = {0};
    g_autoptr(Plan) plan = NULL;
    g_auto(ApplyResult) result = {0};

    must_apply(world, BASE "instances:\n" WEB(""));
    before = world_fingerprint(world);
    must_apply(world, BASE "instances:\n" WEB(", config: {limits.memory: 64MiB}"));
    plan = engine_plan_rollback(world->engine, 0, FALSE, &options, NULL);
    cr_assert_not_null(plan);
    cr_assert(world_apply_plan(world, plan, &result, NULL));
    after = world_fingerprint(world);
    cr_assert_str_eq(before, after);
}

Test(engine, rollback_refuses_what_was_changed_since) /* EN-46: 7 */
{
    g_autoptr(World) world = world_new();
    g_autoptr(GError) error = NULL;
    PlanOptions options = {0};
    g_autoptr(Plan) plan = NULL;

    must_apply(world, BASE "instances:\n" WEB(""));
    must_apply(world, BASE "instances:\n" WEB(", description: one"));
    must_apply(world, BASE "instances:\n" WEB(", description: two"));
    plan = engine_plan_rollback(world->engine, 2, FALSE, &options, &error);
    cr_assert_null(plan);
    cr_assert_eq(error_exit_status(error), 7);
    g_clear_error(&error);
    options.force = TRUE;
    plan = engine_plan_rollback(world->engine, 2, FALSE, &options, &error);
    cr_assert_not_null(plan);
}

Test(engine, rollback_to_restores_a_whole_source)
{
    g_autoptr(World) world = world_new();
    PlanOptions options = {.set = "file:test"};
    g_autoptr(Plan) plan = NULL;
    g_auto(ApplyResult) result = {0};

    must_apply(world, BASE);
    must_apply(world, BASE "instances:\n" WEB(""));
    must_apply(world, BASE "instances:\n" WEB("") DB(""));
    plan = engine_plan_rollback(world->engine, 1, TRUE, &options, NULL);
    cr_assert_not_null(plan);
    cr_assert(world_apply_plan(world, plan, &result, NULL));
    cr_assert_null(web_of(world));
    cr_assert_not_null(snapshot_get(engine_stored(world->engine), "network/default//lan"));
}

Test(engine, undelete_brings_parked_data_back) /* EN-31 */
{
    g_autoptr(World) world = world_new();
    ApplyOptions apply = {.cause = "test", .park_seconds = 3600};
    PlanOptions options = {0};
    g_auto(ApplyResult) deleted = {0};
    g_auto(ApplyResult) restored = {0};
    g_autoptr(Plan) removal = NULL;
    g_autoptr(Plan) back = NULL;
    g_autoptr(json_t) parked = NULL;
    g_autoptr(json_t) parked_after = NULL;
    g_autoptr(json_t) state = NULL;

    must_apply(world, BASE "instances:\n" WEB(""));
    removal = must_plan(world, BASE, NULL);
    cr_assert(engine_apply(world->engine, removal, &apply, &deleted, NULL));
    cr_assert_null(web_of(world));
    parked = engine_parked(world->engine, NULL);
    cr_assert_gt(json_array_size(parked), 0);
    back = engine_plan_undelete(world->engine, "instance/default//web", &options, NULL);
    cr_assert_not_null(back);
    cr_assert(world_apply_plan(world, back, &restored, NULL));
    cr_assert_not_null(web_of(world));
    parked_after = engine_parked(world->engine, NULL);
    cr_assert_eq(json_array_size(parked_after), 0);
    state = world_host_state(world);
    cr_assert_eq(json_object_size(json_object_get(state, "parked")), 0);
}

Test(engine, purge_deletes_what_is_parked)
{
    g_autoptr(World) world = world_new();
    ApplyOptions apply = {.cause = "test", .park_seconds = 3600};
    g_auto(ApplyResult) deleted = {0};
    g_autoptr(Plan) removal = NULL;
    g_autoptr(GError) error = NULL;
    PlanOptions options = {0};
    guint count = 0;

    must_apply(world, BASE "instances:\n" WEB(""));
    removal = must_plan(world, BASE, NULL);
    cr_assert(engine_apply(world->engine, removal, &apply, &deleted, NULL));
    cr_assert(engine_purge(world->engine, NULL, FALSE, &count, NULL));
    cr_assert_eq(count, 0, "not due yet");
    cr_assert(engine_purge(world->engine, NULL, TRUE, &count, NULL));
    cr_assert_gt(count, 0);
    cr_assert_null(engine_plan_undelete(world->engine, "instance/default//web", &options, &error));
    cr_assert_eq(error->code, ERR_NOT_FOUND);
}

Test(engine, protected_objects_stay_with_what_they_need) /* EN-49 */
{
    g_autoptr(World) world = world_new();

    must_apply(world, BASE "instances:\n" WEB(", protect: true") DB(""));
    must_apply(world, "config: {user.a: b}\n");
    cr_assert_not_null(web_of(world));
    cr_assert_not_null(snapshot_get(engine_stored(world->engine), "network/default//lan"));
    cr_assert_null(snapshot_get(engine_stored(world->engine), "instance/default//db"));
}

Test(engine, a_restart_that_is_not_allowed_is_pending) /* EN-22, EN-48 */
{
    static const char wanted[] =
        BASE "instances:\n" WEB(", config: {linux.sysctl.net.ipv4.ip_forward: 1}");
    g_autoptr(World) world = world_new();
    PlanOptions forbid = world_options();
    g_autoptr(Plan) first = NULL;
    g_autoptr(Plan) second = NULL;
    g_auto(ApplyResult) result = {0};
    g_autoptr(json_t) conditions = NULL;
    g_autoptr(json_t) cleared = NULL;
    g_autofree char *text = NULL;

    forbid.forbid_restart = TRUE;
    must_apply(world, BASE "instances:\n" WEB(""));
    first = must_plan(world, wanted, &forbid);
    cr_assert(world_apply_plan(world, first, &result, NULL));
    cr_assert_eq(result.pending->len, 1);
    cr_assert_str_eq(object_config(web_of(world), "linux.sysctl.net.ipv4.ip_forward"), "1");
    second = must_plan(world, wanted, &forbid);
    cr_assert(plan_is_empty(second), "pending is neither a change nor drift");
    text = plan_text(second, FALSE);
    cr_assert_not_null(strstr(text, "in force after a restart that was not allowed"), "%s", text);
    cr_assert_not_null(strstr(text, "running.config: "), "%s", text);
    conditions = engine_conditions(world->engine, "instance/default//web", NULL);
    cr_assert_eq(json_array_size(conditions), 2, "Ready and RestartPending");
    must_apply(world, wanted);
    cleared = engine_conditions(world->engine, "instance/default//web", NULL);
    cr_assert_eq(json_array_size(cleared), 1);
}

Test(engine, keep_going_keeps_what_does_not_depend) /* exit 5 */
{
    g_autoptr(World) world = world_new();
    ApplyOptions apply = {.cause = "test", .keep_going = TRUE, .parallel = 1};
    g_auto(ApplyResult) result = {0};
    g_autoptr(GError) error = NULL;
    g_autoptr(Plan) plan = NULL;

    must_apply(world, BASE);
    plan = must_plan(world, BASE "instances:\n" WEB("") DB(""), NULL);
    world_set_fault(world, FAULT_FAIL, plan->steps->len);
    cr_assert_not(engine_apply(world->engine, plan, &apply, &result, &error));
    cr_assert_eq(error_exit_status(error), 5, "%s", error->message);
    cr_assert_eq(result.failed->len, 1);
    cr_assert_neq(web_of(world) == NULL,
                  snapshot_get(engine_stored(world->engine), "instance/default//db") == NULL);
}

Test(engine, a_stale_plan_is_refused) /* exit 7 */
{
    g_autoptr(World) world = world_new();
    g_autoptr(Plan) stale = must_plan(world, BASE, NULL);
    g_auto(ApplyResult) result = {0};
    g_autoptr(GError) error = NULL;

    must_apply(world, "config: {user.a: b}\n");
    cr_assert_not(world_apply_plan(world, stale, &result, &error));
    cr_assert_eq(error_exit_status(error), 7);
}

Test(engine, cancel_undoes) /* Ctrl-C */
{
    g_autoptr(World) world = world_new();
    g_autoptr(Plan) plan = must_plan(world, BASE "instances:\n" WEB(""), NULL);
    gint cancel = 1;
    ApplyOptions apply = {.cause = "test", .cancel = &cancel};
    g_auto(ApplyResult) result = {0};
    g_autoptr(GError) error = NULL;

    cr_assert_not(engine_apply(world->engine, plan, &apply, &result, &error));
    cr_assert_eq(error_exit_status(error), 130);
    cr_assert_null(web_of(world));
}

Test(engine, a_host_that_does_not_do_what_it_says_is_noticed) /* LAW-8 */
{
    g_autoptr(World) world = world_new();
    g_autofree char *before = world_fingerprint(world);
    g_autofree char *after = NULL;
    g_autoptr(GError) error = NULL;

    world_lose_writes(world, 100, 1);
    cr_assert_not(world_apply(world, BASE, &error));
    world_lose_writes(world, 0, 1);
    cr_assert_eq(error_exit_status(error), 3, "%s", error->message);
    after = world_fingerprint(world);
    cr_assert_str_eq(before, after);
}

static void cancel_at_the_end(void *data, const Step *step, StepState state,
                              const ProgressCount *count)
{
    (void)step;
    (void)state;
    if (count->done == count->total)
        *(volatile gint *)data = 1;
}

static gboolean holds(World *world, const char *key, const char *type)
{
    g_autoptr(json_t) conditions = engine_conditions(world->engine, key, NULL);
    size_t i;
    json_t *condition;

    json_array_foreach (conditions, i, condition) {
        if (strcmp(json_string_value(json_object_get(condition, "type")), type) == 0)
            return json_is_true(json_object_get(condition, "status"));
    }
    return FALSE;
}

Test(engine, what_a_rollback_left_is_degraded_and_not_ready) /* LAW-8, EN-48 */
{
    static const char *const key = "network/default//lan";
    g_autoptr(World) world = world_new();
    g_autoptr(Plan) plan = NULL;
    g_autoptr(GError) error = NULL;
    g_auto(ApplyResult) result = {0};
    volatile gint cancel = 0;
    ApplyOptions apply = {.cause = "test",
                          .parallel = 1,
                          .cancel = &cancel,
                          .progress = cancel_at_the_end,
                          .progress_data = (gpointer)&cancel};
    static const char other[] =
        "networks:\n  - {name: lan, config: {ipv4.address: 10.2.0.1/24, ipv6.address: none}}\n";

    must_apply(world, "networks:\n  - {name: lan, config: {ipv4.address: 10.1.0.1/24, "
                      "ipv6.address: none}}\n");
    cr_assert(holds(world, key, "Ready"));
    plan = must_plan(world, other, NULL);
    for (guint i = 0; i < plan->steps->len; i++)
        world_drop_undo(world, ((const PlanStep *)plan->steps->pdata[i])->row->name);
    cr_assert_not(engine_apply(world->engine, plan, &apply, &result, &error));
    cr_assert_eq(error_exit_status(error), 4, "%s", error->message);
    cr_assert(holds(world, key, "Degraded"));
    cr_assert_not(holds(world, key, "Ready"));
    world_drop_undo(world, NULL);
    must_apply(world, other);
    cr_assert(holds(world, key, "Ready"));
    cr_assert_not(holds(world, key, "Degraded"));
}

static void must_set(World *world, const char *key, const char *type, gboolean status)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(json_t) changed = NULL;

    cr_assert(
        engine_set_condition(world->engine, key, type, status, "a test says so", &changed, &error),
        "%s", error != NULL ? error->message : "");
}

/* What is said of what failed is what it was: it was put back (EN-48, exit 5). */
Test(engine, keep_going_leaves_the_conditions_of_what_failed)
{
    static const char *const web = "instance/default//web", *const db = "instance/default//db";
    g_autoptr(World) world = world_new();
    ApplyOptions apply = {.cause = "test", .keep_going = TRUE, .parallel = 1};
    g_autoptr(GError) error = NULL;
    g_auto(ApplyResult) result = {0};
    g_autoptr(Plan) plan = NULL;
    const char *failed, *kept;

    must_apply(world, BASE "instances:\n" WEB("") DB(""));
    plan = must_plan(world,
                     BASE "instances:\n" WEB(", config: {limits.memory: 64MiB}")
                         DB(", config: {limits.memory: 64MiB}"),
                     NULL);
    for (guint i = 0; i < 2; i++) {
        must_set(world, i == 0 ? web : db, "Ready", FALSE);
        must_set(world, i == 0 ? web : db, "Stalled", TRUE);
    }
    world_set_fault(world, FAULT_FAIL, plan->steps->len);
    cr_assert_not(engine_apply(world->engine, plan, &apply, &result, &error));
    cr_assert_eq(error_exit_status(error), 5, "%s", error->message);
    failed = strstr(result.failed->pdata[0], "web") != NULL ? web : db;
    kept = failed == web ? db : web;
    cr_assert(holds(world, failed, "Stalled"));
    cr_assert_not(holds(world, failed, "Ready"));
    cr_assert_not(holds(world, kept, "Stalled"));
    cr_assert(holds(world, kept, "Ready"));
}

/* Conditions are written with what they are about: both stand, or neither (EN-01, EN-48). */
Test(engine, conditions_that_cannot_be_written_undo_the_apply)
{
    g_autoptr(World) world = world_new();
    g_autofree char *before = NULL;
    g_autofree char *after = NULL;
    g_autoptr(GError) error = NULL;
    gint64 revision;

    must_apply(world, BASE);
    before = world_fingerprint(world);
    revision = store_revision(engine_store(world->engine));
    cr_assert(sql_run(store_database(engine_store(world->engine)), &error,
                      "CREATE TRIGGER full BEFORE INSERT ON conditions BEGIN SELECT "
                      "RAISE(FAIL, 'the disk is full'); END",
                      ""));
    cr_assert_not(world_apply(world, BASE "instances:\n" WEB(""), &error));
    cr_assert_eq(error_exit_status(error), 3, "%s", error->message);
    cr_assert_not_null(strstr(error->message, "the disk is full"));
    cr_assert_eq(store_revision(engine_store(world->engine)), revision);
    cr_assert_null(web_of(world));
    after = world_fingerprint(world);
    cr_assert_str_eq(before, after);
}

/* ProgressFunction: takes the link of the instance away once all steps are done. */
static void interfere(void *data, const Step *step, StepState state, const ProgressCount *count)
{
    World *world = data;
    g_autoptr(json_t) facts = NULL;
    json_t *web;

    (void)step;
    if (state != STEP_DONE || count->done < count->total)
        return;
    facts = world_host_state(world);
    web = json_object_get(json_object_get(facts, "objects"), "instance/default//web");
    cr_assert_eq(json_object_del(web, "link"), 0);
    world_set_host_state(world, facts);
}

Test(engine, what_somebody_else_changes_meanwhile_is_drift) /* EN-30, LAW-1 */
{
    static const char wanted[] = BASE "instances:\n" WEB(", config: {limits.memory: 64MiB}");
    g_autoptr(World) world = world_new();
    ApplyOptions apply = {
        .cause = "test", .parallel = 1, .progress = interfere, .progress_data = world};
    g_auto(ApplyResult) result = {0};
    g_autoptr(json_t) conditions = NULL;
    g_autoptr(GError) error = NULL;
    g_autoptr(Plan) plan = NULL;
    g_autoptr(Plan) again = NULL;

    must_apply(world, BASE "instances:\n" WEB(""));
    plan = must_plan(world, wanted, NULL);
    cr_assert(engine_apply(world->engine, plan, &apply, &result, &error), "%s", error->message);
    cr_assert_eq(result.drifted->len, 1);
    cr_assert_str_eq(result.drifted->pdata[0], "instance/web: link");
    again = must_plan(world, wanted, NULL);
    cr_assert_not(plan_is_empty(again));
    conditions = engine_conditions(world->engine, "instance/default//web", NULL);
    cr_assert_eq(json_array_size(conditions), 2, "Ready and Drifted");
}

Test(engine, a_second_program_is_told_that_the_first_is_busy) /* exit 9 */
{
    g_autoptr(World) world = world_new();
    int status;
    pid_t child = fork();

    if (child == 0) {
        g_autoptr(GError) error = NULL;
        Engine *other = engine_open(world->host, ENGINE_NO_WAIT, &error);

        _exit(other == NULL && error_exit_status(error) == 9 ? 0 : 1);
    }
    waitpid(child, &status, 0);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

Test(engine, reading_an_absent_state_directory_writes_nothing)
{
    g_autofree char *dir = g_strdup_printf("%s/berth-absent-%d", g_get_tmp_dir(), getpid());
    Host *host = host_fake_new(dir);
    g_autoptr(GError) error = NULL;
    Engine *engine = engine_open(host, ENGINE_READ_ONLY, &error);

    cr_assert_not_null(engine);
    cr_assert_eq(snapshot_size(engine_stored(engine)), 2, "project and profile default");
    engine_close(engine);
    cr_assert_not(g_file_test(dir, G_FILE_TEST_EXISTS));
    host_free(host);
}

Test(engine, adopt_and_release_change_the_owner_alone) /* EN-50 */
{
    g_autoptr(World) world = world_new();
    g_autoptr(GPtrArray) keys = g_ptr_array_new();

    must_apply(world, BASE "instances:\n" WEB(""));
    g_ptr_array_add(keys, (gpointer) "instance/default//web");
    world_set_fault(world, FAULT_NONE, 0);
    cr_assert(engine_own(world->engine, keys, "file:other", NULL));
    cr_assert_str_eq(web_of(world)->owner, "file:other");
    cr_assert_eq(world_operations(world), 0);
    must_apply(world, BASE); /* file:test no longer owns it: it is not pruned */
    cr_assert_not_null(web_of(world));
}

Test(engine, the_server_config_merges_by_source)
{
    g_autoptr(World) world = world_new();
    PlanOptions other = {.set = "file:other"};
    g_autoptr(Plan) plan = NULL;
    g_auto(ApplyResult) result = {0};
    const Object *server;

    must_apply(world, "config: {user.a: one, user.b: two}\n");
    plan = must_plan(world, "config: {user.c: three}\n", &other);
    cr_assert(world_apply_plan(world, plan, &result, NULL));
    must_apply(world, "config: {user.a: one}\n");
    server = snapshot_get(engine_stored(world->engine), "server///");
    cr_assert_str_eq(object_config(server, "user.a"), "one");
    cr_assert_null(object_config(server, "user.b"), "left out by the source that had set it");
    cr_assert_str_eq(object_config(server, "user.c"), "three");
}

Test(engine, history_shows_and_compares_generations)
{
    g_autoptr(World) world = world_new();
    g_autoptr(json_t) generation = NULL;
    g_autoptr(json_t) differences = NULL;

    must_apply(world, BASE "instances:\n" WEB(""));
    must_apply(world, BASE "instances:\n" WEB(", description: front"));
    generation = engine_generation(world->engine, 2, NULL);
    cr_assert_eq(json_array_size(json_object_get(generation, "changes")), 1);
    differences = engine_diff(world->engine, 1, 2, NULL);
    cr_assert_eq(json_array_size(differences), 1);
    cr_assert_str_eq(json_string_value(json_object_get(json_array_get(differences, 0), "path")),
                     "description");
}
