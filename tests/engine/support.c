#include "support.h"

#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "error.h"
#include "file.h"
#include "refs.h"

typedef struct {
    Host host;
    Host *inner;
    gboolean fake;
    char *file; /* where the fake host's memory is kept for the process after this one */
    Fault fault;
    guint at;
    guint count;
    guint lose_percent;
    GRand *rand;
    guint boots;
    const char *dropped; /* row whose undo is dropped */
    GHashTable *done;    /* "KEY PATH" of steps that were done in a transaction, with drop_undo or
                            watch_order */
    const Plan *watched;
    gint observations;
    gint barriers;
    gboolean fail_barrier;
    const char *hidden; /* fact of the host */
    GMutex mutex;
} FaultHost;

static FaultHost *fault_of(Host *host)
{
    return (FaultHost *)host;
}

static void keep(FaultHost *fault)
{
    g_autoptr(json_t) state = fault->fake ? host_fake_save(fault->inner) : NULL;
    g_autofree char *text = NULL;

    if (state == NULL) /* a real host keeps its state itself */
        return;
    json_object_set_new(state, "boots", json_integer(fault->boots));
    text = json_text(state);
    g_file_set_contents(fault->file, text, -1, NULL);
}

/* The fake host's memory is all that is left of this process. */
static void die(FaultHost *fault)
{
    keep(fault);
    kill(getpid(), SIGKILL);
    for (;;)
        pause();
}

/* Counts an operation; TRUE when it must fail. */
static gboolean count_operation(FaultHost *fault, GError **error)
{
    gboolean hit;

    g_mutex_lock(&fault->mutex);
    hit = ++fault->count == fault->at;
    g_mutex_unlock(&fault->mutex);
    if (!hit)
        return FALSE;
    if (fault->fault == FAULT_KILL_BEFORE)
        die(fault);
    if (fault->fault == FAULT_FAIL)
        return !error_set(error, ERR_FAILED, "made to fail");
    return FALSE;
}

static void after_operation(FaultHost *fault)
{
    g_mutex_lock(&fault->mutex);
    if (fault->fault == FAULT_KILL_AFTER && fault->count == fault->at)
        die(fault);
    g_mutex_unlock(&fault->mutex);
}

static json_t *fault_look(Host *host, const char *name, GError **error)
{
    const FaultHost *fault = fault_of(host);

    if (g_strcmp0(fault->hidden, name) == 0) {
        error_set(error, ERR_FAILED, "%s: hidden by the test", name);
        return NULL;
    }
    return fault->inner->ops->look(fault->inner, name, error);
}

static gboolean fault_resolve(Host *host, const Context *context, const Object *object,
                              json_t *generated, GError **error)
{
    return fault_of(host)->inner->ops->resolve(fault_of(host)->inner, context, object, generated,
                                               error);
}

static json_t *fault_observe(Host *host, const Context *context, const Object *object,
                             GError **error)
{
    g_atomic_int_inc(&fault_of(host)->observations);
    return fault_of(host)->inner->ops->observe(fault_of(host)->inner, context, object, error);
}

static gboolean is_lost(FaultHost *fault, const FactRow *row)
{
    return fault->lose_percent > 0 && row->lives_in == LIVES_DISK &&
           (guint)g_rand_int_range(fault->rand, 0, 100) < fault->lose_percent;
}

static char *slot_of(const Step *step)
{
    return g_strdup_printf("%s %s %s", step->key, step->path, step->to != NULL ? "up" : "down");
}

/* A step that takes back what was done: its opposite is remembered. */
static gboolean is_dropped(FaultHost *fault, const FactRow *row, const Step *step)
{
    Step opposite = *step;
    g_autofree char *slot = NULL;
    g_autofree char *opposite_slot = NULL;
    gboolean dropped;

    if (fault->dropped == NULL || strcmp(fault->dropped, row->name) != 0)
        return FALSE;
    opposite.to = step->from;
    if (step->from_key != NULL)
        opposite.key = step->from_key;
    slot = slot_of(step);
    opposite_slot = slot_of(&opposite);
    g_mutex_lock(&fault->mutex);
    dropped = g_hash_table_contains(fault->done, opposite_slot);
    if (!dropped)
        g_hash_table_add(fault->done, g_steal_pointer(&slot));
    g_mutex_unlock(&fault->mutex);
    return dropped;
}

static const PlanStep *planned(const Plan *plan, const Step *step)
{
    for (guint i = 0; i < plan->steps->len; i++) {
        const PlanStep *candidate = plan->steps->pdata[i];

        if (strcmp(candidate->step.key, step->key) == 0 &&
            strcmp(candidate->step.path, step->path) == 0 &&
            (candidate->step.to == NULL) == (step->to == NULL) && !candidate->staging)
            return candidate;
    }
    return NULL;
}

/* The rule of order, told from references alone and not from what the planner made of them. */
static gboolean comes_before(const Plan *plan, const PlanStep *first, const PlanStep *second)
{
    const Object *object = snapshot_get(plan->next, second->object);
    g_autoptr(GPtrArray) needs = NULL;

    if (first->phase != second->phase || first->staging || second->phase == PHASE_DOWN)
        return FALSE;
    if (strcmp(first->object, second->object) == 0)
        return first->row < second->row;
    if (object == NULL)
        return FALSE;
    needs = refs_keys(plan->next, object);
    return g_ptr_array_find_with_equal_func(needs, first->object, g_str_equal, NULL);
}

static gboolean is_in_order(FaultHost *fault, const Step *step, GError **error)
{
    const PlanStep *now = fault->watched != NULL ? planned(fault->watched, step) : NULL;
    gboolean fine = TRUE;

    g_mutex_lock(&fault->mutex);
    for (guint i = 0; now != NULL && fine && i < fault->watched->steps->len; i++) {
        const PlanStep *other = fault->watched->steps->pdata[i];
        g_autofree char *slot = slot_of(&other->step);

        if (other != now && comes_before(fault->watched, other, now) &&
            !g_hash_table_contains(fault->done, slot))
            fine = error_set(error, ERR_FAILED, "%s %s before %s %s", step->key, step->path,
                             other->step.key, other->step.path);
    }
    if (fine && now != NULL)
        g_hash_table_add(fault->done, slot_of(step));
    g_mutex_unlock(&fault->mutex);
    return fine;
}

#define FAULT_OPERATION(name)                                                                      \
    static gboolean fault_##name(Host *host, const FactRow *row, const Step *step, GError **error) \
    {                                                                                              \
        FaultHost *fault = fault_of(host);                                                         \
        gboolean done;                                                                             \
                                                                                                   \
        if (count_operation(fault, error))                                                         \
            return FALSE;                                                                          \
        done = is_lost(fault, row) || fault->inner->ops->name(fault->inner, row, step, error);     \
        after_operation(fault);                                                                    \
        return done;                                                                               \
    }

FAULT_OPERATION(ensure)

static gboolean watched_ensure(Host *host, const FactRow *row, const Step *step, GError **error)
{
    FaultHost *fault = fault_of(host);

    return is_in_order(fault, step, error) &&
           (is_dropped(fault, row, step) || fault_ensure(host, row, step, error));
}

FAULT_OPERATION(stage)
FAULT_OPERATION(unstage)
FAULT_OPERATION(purge)

static char *fault_boot_id(Host *host)
{
    return g_strdup_printf("boot-%u", fault_of(host)->boots);
}

static gboolean fault_barrier(Host *host, GError **error)
{
    FaultHost *fault = fault_of(host);

    g_atomic_int_inc(&fault->barriers);
    if (count_operation(fault, error))
        return FALSE;
    after_operation(fault);
    return !fault->fail_barrier || error_set(error, ERR_FAILED, "the disk is gone");
}

static void fault_free(Host *host)
{
    FaultHost *fault = fault_of(host);

    host_free(fault->inner);
    g_clear_pointer(&fault->rand, g_rand_free);
    g_clear_pointer(&fault->done, g_hash_table_unref);
    g_mutex_clear(&fault->mutex);
    g_free(fault->file);
    g_free(fault);
}

static const HostOps fault_ops = {
    .look = fault_look,
    .resolve = fault_resolve,
    .observe = fault_observe,
    .ensure = watched_ensure,
    .stage = fault_stage,
    .unstage = fault_unstage,
    .purge = fault_purge,
    .boot_id = fault_boot_id,
    .barrier = fault_barrier,
    .free = fault_free,
};

static World *world_of(char *dir, Host *inner, const char *seed)
{
    World *world = g_new0(World, 1);
    FaultHost *fault = g_new0(FaultHost, 1);
    GError *error = NULL;

    /* A child made by fork() has none of its parent's idle threads: there must be none. */
    g_thread_pool_set_max_unused_threads(0);
    world->dir = dir;
    host_init(&fault->host, &fault_ops, world->dir);
    g_free(fault->host.seed);
    fault->host.seed = g_strdup(seed);
    fault->inner = inner;
    fault->file = g_strdup_printf("%s.host", world->dir);
    g_mutex_init(&fault->mutex);
    world->host = &fault->host;
    world->engine = engine_open(world->host, 0, &error);
    if (world->engine == NULL)
        g_error("cannot open %s: %s", world->dir, error->message);
    return world;
}

World *world_new(void)
{
    char *dir = g_dir_make_tmp("berth-test-XXXXXX", NULL);
    World *world =
        world_of(dir, host_fake_new(dir), "test"); /* the same drawn values on every machine */

    fault_of(world->host)->fake = TRUE;
    return world;
}

World *world_new_real(void)
{
    /* On a real disk, and where containers' users may look paths up. */
    char *dir = g_mkdtemp(g_strdup("/var/tmp/berth-real-XXXXXX"));

    chmod(dir, 0711);
    return world_of(dir, host_real_new(dir), "test");
}

gboolean world_reopen(World *world, GError **error)
{
    engine_close(g_steal_pointer(&world->engine));
    world->engine = engine_open(world->host, 0, error);
    return world->engine != NULL;
}

void world_free(World *world)
{
    if (world == NULL)
        return;
    engine_close(world->engine);
    unlink(fault_of(world->host)->file);
    host_free(world->host);
    file_remove_tree(world->dir, NULL);
    g_free(world->dir);
    g_free(world);
}

PlanOptions world_options(void)
{
    return (PlanOptions){.set = "file:test", .prune = TRUE, .allow_replace = TRUE};
}

void world_set_servers(World *world, const json_t *servers)
{
    host_fake_servers(fault_of(world->host)->inner, servers);
}

Plan *world_plan_input(World *world, const Input *input, const PlanOptions *options, GError **error)
{
    PlanOptions standard = world_options();

    return engine_plan(world->engine, input, options != NULL ? options : &standard, error);
}

Plan *world_plan(World *world, const char *yaml, const PlanOptions *options, GError **error)
{
    g_autoptr(Problems) problems = problems_new();
    g_autoptr(Input) input = input_new();

    input_parse(input, "test.yaml", yaml, strlen(yaml), NULL, problems);
    return problems_to_error(problems, TRUE, error) ? world_plan_input(world, input, options, error)
                                                    : NULL;
}

/* Nobody else is there: what an apply takes for another's change is a mistake of its own (LAW-1).
 */
static gboolean nobody_interfered(const ApplyResult *result, GError **error)
{
    return result->drifted->len == 0 || error_set(error, ERR_FAILED, "drifted during the apply: %s",
                                                  (const char *)result->drifted->pdata[0]);
}

gboolean world_apply_plan(World *world, const Plan *plan, ApplyResult *ret_result, GError **error)
{
    ApplyOptions apply = {.cause = "test", .parallel = 1};

    return engine_apply(world->engine, plan, &apply, ret_result, error) &&
           nobody_interfered(ret_result, error);
}

gboolean world_apply(World *world, const char *yaml, GError **error)
{
    g_autoptr(Plan) plan = world_plan(world, yaml, NULL, error);
    g_auto(ApplyResult) result = {0};

    return plan != NULL && world_apply_plan(world, plan, &result, error);
}

gboolean world_destroy(World *world, GError **error)
{
    const Snapshot *stored = engine_stored(world->engine);
    g_autoptr(GPtrArray) keys = g_ptr_array_new();
    PlanOptions options = {0};
    g_autoptr(Plan) plan = NULL;
    g_auto(ApplyResult) result = {0};

    for (guint i = 0; i < snapshot_size(stored); i++)
        g_ptr_array_add(keys, snapshot_at(stored, i)->key);
    plan = engine_plan_delete(world->engine, keys, &options, error);
    return plan != NULL && world_apply_plan(world, plan, &result, error);
}

static json_t *model_of(World *world)
{
    const Snapshot *stored = engine_stored(world->engine);
    json_t *model = json_object();

    for (guint i = 0; i < snapshot_size(stored); i++) {
        const Object *object = snapshot_at(stored, i);

        json_object_set_new(model, object->key, store_object_to_json(object));
    }
    return model;
}

char *world_model(World *world)
{
    g_autoptr(json_t) model = model_of(world);

    return json_text(model);
}

char *world_fingerprint(World *world)
{
    g_autoptr(json_t) whole = host_fake_save(fault_of(world->host)->inner);
    g_autofree char *raw = NULL;
    GString *text;

    json_object_set_new(whole, "model", model_of(world));
    raw = json_text(whole);
    text = g_string_new(raw);
    g_string_replace(text, world->dir, "STATE", 0); /* so that two worlds can be compared */
    return g_string_free(text, FALSE);
}

json_t *world_host_state(World *world)
{
    return host_fake_save(fault_of(world->host)->inner);
}

void world_set_host_state(World *world, const json_t *state)
{
    host_fake_load(fault_of(world->host)->inner, state);
}

void world_set_fault(World *world, Fault kind, guint n)
{
    FaultHost *fault = fault_of(world->host);

    fault->fault = kind;
    fault->at = n;
    fault->count = 0;
}

guint world_operations(World *world)
{
    return fault_of(world->host)->count;
}

guint world_take_barriers(World *world, gboolean fail)
{
    FaultHost *fault = fault_of(world->host);

    fault->fail_barrier = fail;
    return (guint)g_atomic_int_exchange(&fault->barriers, 0);
}

void world_hide(World *world, const char *fact)
{
    fault_of(world->host)->hidden = fact;
}

guint world_take_observations(World *world)
{
    return (guint)g_atomic_int_exchange(&fault_of(world->host)->observations, 0);
}

void world_lose_writes(World *world, guint percent, guint32 seed)
{
    FaultHost *fault = fault_of(world->host);

    g_clear_pointer(&fault->rand, g_rand_free);
    fault->lose_percent = percent;
    fault->rand = g_rand_new_with_seed(seed);
}

static void remember_again(FaultHost *fault)
{
    if (fault->done == NULL)
        fault->done = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_hash_table_remove_all(fault->done);
}

void world_drop_undo(World *world, const char *row)
{
    remember_again(fault_of(world->host));
    fault_of(world->host)->dropped = row;
}

void world_watch_order(World *world, const Plan *plan)
{
    remember_again(fault_of(world->host));
    fault_of(world->host)->watched = plan;
}

void world_reboot(World *world)
{
    FaultHost *fault = fault_of(world->host);

    fault->boots++;
    host_fake_lose_kernel(fault->inner);
}

gboolean world_in_child(World *world, gboolean (*body)(World *world, gpointer data), gpointer data,
                        gboolean *ret_passed)
{
    FaultHost *fault = fault_of(world->host);
    g_autofree char *text = NULL;
    g_autoptr(json_t) state = NULL;
    int status;
    pid_t child;

    engine_close(g_steal_pointer(&world->engine));
    keep(fault);
    child = fork();
    if (child == 0) {
        gboolean passed;

        world->engine = engine_open(world->host, 0, NULL);
        passed = world->engine != NULL && body(world, data);
        keep(fault);
        _exit(passed ? 0 : 1);
    }
    waitpid(child, &status, 0);
    if (fault->fake) {
        g_file_get_contents(fault->file, &text, NULL, NULL);
        state = json_loads(text, 0, NULL);
        host_fake_load(fault->inner, state);
    }
    *ret_passed = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}
