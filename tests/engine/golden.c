/* Golden plans: every folder below tests/golden/AREA/CASE holds desired.yaml, and may hold
 * current.yaml (applied first), drift.json (facts changed behind berth's back: {"OBJECT KEY":
 * {"fact/path": value or null}}), options.json, servers.json (image servers: see
 * host_fake_servers; servers-later.json in their place once current.yaml is applied) and
 * images.lock. The plan made of them must equal plan.txt and
 * plan.json, or its error error.txt, and its rehearsal must do all of it; with drift.json, what
 * `berth drift` shows must equal drift.txt. REGEN=1 rewrites them. */
#include <stdio.h>
#include <string.h>

#include "drift.h"
#include "error.h"
#include "facts.h"
#include "image_lock.h"
#include "rehearse.h"
#include "support.h"

static guint test_count, failures;

static void report(gboolean passed, const char *name)
{
    printf("%sok %u - %s\n", passed ? "" : "not ", ++test_count, name);
    failures += passed ? 0 : 1;
}

/* Digests cover where the build and the state directory are, which differ from run to run. */
static char *normalise(const char *text, const char *dir)
{
    g_autoptr(GRegex) digest = g_regex_new("[0-9a-f]{20,64}", 0, 0, NULL);
    GString *plain = g_string_new(text);
    char *normal;

    g_string_replace(plain, dir, "STATE", 0);
    normal = g_regex_replace_literal(digest, plain->str, -1, 0, "DIGEST", 0, NULL);
    g_string_free(plain, TRUE);
    return normal;
}

static void compare_file(const char *folder, const char *name, const char *title, char *actual,
                         const char *dir)
{
    g_autofree char *path = g_build_filename(folder, name, NULL);
    g_autofree char *expected = NULL;
    g_autofree char *label = g_strdup_printf("%s %s", title, name);
    g_autofree char *normal = normalise(actual != NULL ? actual : "", dir);

    if (g_getenv("REGEN") != NULL) {
        if (actual == NULL)
            remove(path);
        else
            g_file_set_contents(path, normal, -1, NULL);
        return;
    }
    g_file_get_contents(path, &expected, NULL, NULL);
    if (expected == NULL && actual == NULL)
        return;
    report(g_strcmp0(expected, actual != NULL ? normal : NULL) == 0, label);
    if (g_strcmp0(expected, actual != NULL ? normal : NULL) != 0) {
        g_auto(GStrv) old = g_strsplit(expected != NULL ? expected : "(no file)", "\n", -1);
        g_auto(GStrv) new = g_strsplit(actual != NULL ? normal : "(nothing)", "\n", -1);

        for (char **line = old; *line != NULL; line++)
            printf("# - %s\n", *line);
        for (char **line = new; *line != NULL; line++)
            printf("# + %s\n", *line);
    }
}

static GPtrArray *string_list(const json_t *list)
{
    GPtrArray *strings;
    json_t *item;
    size_t i;

    if (!json_is_array(list))
        return NULL;
    strings = g_ptr_array_new();
    json_array_foreach ((json_t *)list, i, item)
        g_ptr_array_add(strings, (gpointer)json_string_value(item));
    return strings;
}

static GHashTable *string_set(const json_t *list)
{
    GHashTable *strings;
    json_t *item;
    size_t i;

    if (!json_is_array(list))
        return NULL;
    strings = g_hash_table_new(g_str_hash, g_str_equal);
    json_array_foreach ((json_t *)list, i, item)
        g_hash_table_add(strings, (gpointer)json_string_value(item));
    return strings;
}

static gboolean flag(const json_t *options, const char *name, gboolean fallback)
{
    const json_t *value = json_object_get(options, name);

    return value != NULL ? json_is_true(value) : fallback;
}

static PlanOptions read_options(const json_t *json)
{
    PlanOptions options = {0};
    const char *set = json_member_string(json, "set");

    options.set = set != NULL ? set : "file:test";
    options.prune = flag(json, "prune", TRUE);
    options.adopt = flag(json, "adopt", FALSE);
    options.refresh = flag(json, "refresh", FALSE);
    options.allow_replace = flag(json, "allow_replace", FALSE);
    options.forbid_restart = flag(json, "forbid_restart", FALSE);
    options.no_park = string_list(json_object_get(json, "no_park"));
    if (json_member_string(json, "selector") != NULL)
        options.selector = selector_parse(json_member_string(json, "selector"), NULL);
    options.keys = string_set(json_object_get(json, "keys"));
    options.only = string_list(json_object_get(json, "only"));
    options.exclude = string_list(json_object_get(json, "exclude"));
    options.allow_restart_only = string_list(json_object_get(json, "allow_restart_only"));
    return options;
}

static void make_drift(World *world, const json_t *drift)
{
    const char *key, *path;
    json_t *paths, *value;
    g_autoptr(json_t) state = world_host_state(world);

    json_object_foreach ((json_t *)drift, key, paths) {
        json_t *objects = json_object_get(state, "objects");
        json_t *facts = json_object_get(objects, key);

        if (facts == NULL) {
            printf("# drift.json names %s, which has no facts\n", key);
            continue;
        }
        json_object_foreach (paths, path, value)
            facts_set(facts, path, json_is_null(value) ? NULL : value);
    }
    world_set_host_state(world, state);
}

static char *read_text(const char *folder, const char *name)
{
    g_autofree char *path = g_build_filename(folder, name, NULL);
    char *text = NULL;

    g_file_get_contents(path, &text, NULL, NULL);
    return text;
}

static void set_servers(World *world, const char *folder, const char *name)
{
    g_autofree char *text = read_text(folder, name);
    g_autoptr(json_t) servers = text != NULL ? json_loads(text, 0, NULL) : NULL;

    if (text != NULL && servers == NULL)
        printf("# %s/%s is no JSON\n", folder, name);
    if (servers != NULL)
        world_set_servers(world, servers);
}

/* Of desired.yaml, and images.lock when there is one. */
static Plan *plan_case(World *world, const char *folder, const char *desired,
                       const PlanOptions *options, GError **error)
{
    g_autofree char *lock = read_text(folder, IMAGE_LOCK_NAME);
    g_autoptr(Problems) problems = problems_new();
    g_autoptr(Input) input = input_new();

    input_parse(input, "test.yaml", desired, strlen(desired), NULL, problems);
    if (lock != NULL)
        image_lock_parse(input->locks, IMAGE_LOCK_NAME, lock, strlen(lock), problems);
    return problems_to_error(problems, TRUE, error) ? world_plan_input(world, input, options, error)
                                                    : NULL;
}

/* What a plan can be carried out as, is done by its rehearsal. */
static void rehearse(World *world, const Plan *plan, const char *title)
{
    g_autofree char *label = g_strdup_printf("%s rehearsal", title);
    g_autoptr(GError) error = NULL;
    g_autoptr(json_t) rehearsal = NULL;

    if (plan->blocked->len > 0 || g_getenv("REGEN") != NULL)
        return;
    rehearsal = engine_rehearse(world->engine, plan, &error);
    if (rehearsal != NULL)
        rehearsal_check(rehearsal, &error);
    if (error != NULL)
        printf("# %s\n", error->message);
    report(error == NULL &&
               json_array_size(json_object_get(rehearsal, "steps")) == plan->steps->len,
           label);
}

/* Newly allocated; NULL with an error. */
static char *shown_drift(World *world, GError **error)
{
    const Snapshot *stored = engine_stored(world->engine);
    g_autoptr(GPtrArray) objects = g_ptr_array_new();
    g_autoptr(GPtrArray) keys = g_ptr_array_new();
    g_autoptr(json_t) warnings = json_array();
    PlanOptions options = world_options();
    g_autoptr(Plan) plan = NULL;
    g_autoptr(json_t) list = NULL;
    GString *text;

    for (guint i = 0; i < snapshot_size(stored); i++) {
        g_ptr_array_add(objects, (gpointer)snapshot_at(stored, i));
        g_ptr_array_add(keys, snapshot_at(stored, i)->key);
    }
    plan = engine_plan_change(world->engine, objects, NULL, &options, error);
    list = plan != NULL ? drift_list(world->engine, plan, keys, warnings, error) : NULL;
    if (list == NULL)
        return NULL;
    text = g_string_new(NULL);
    drift_print(list, TRUE, FALSE, text);
    drift_print_patch(list, text);
    return g_string_free(text, FALSE);
}

static void run_case(const char *folder, const char *title)
{
    g_autoptr(World) world = world_new();
    g_autofree char *current = read_text(folder, "current.yaml");
    g_autofree char *desired = read_text(folder, "desired.yaml");
    g_autofree char *options_text = read_text(folder, "options.json");
    g_autofree char *drift_text = read_text(folder, "drift.json");
    g_autoptr(json_t) options_json =
        options_text != NULL ? json_loads(options_text, 0, NULL) : NULL;
    g_autoptr(json_t) drift = drift_text != NULL ? json_loads(drift_text, 0, NULL) : NULL;
    PlanOptions options = read_options(options_json);
    g_autoptr(GError) error = NULL;
    g_autoptr(Plan) plan = NULL;
    g_autofree char *drifted = NULL;
    g_autofree char *text = NULL, *json_text_value = NULL, *error_text = NULL;

    set_servers(world, folder, "servers.json");
    if (current != NULL && !world_apply(world, current, &error)) {
        printf("# current.yaml: %s\n", error->message);
        report(FALSE, title);
        return;
    }
    make_drift(world, drift);
    set_servers(world, folder, "servers-later.json");
    drifted = drift != NULL ? shown_drift(world, &error) : NULL;
    compare_file(folder, "drift.txt", title, drifted, world->dir);
    plan = plan_case(world, folder, desired, &options, &error);
    if (plan != NULL) {
        g_autoptr(json_t) json = plan_json(plan);
        char *raw;

        raw = json_dumps(json, JSON_INDENT(2) | JSON_SORT_KEYS);
        text = plan_text(plan, FALSE);
        rehearse(world, plan, title);
        json_text_value = g_strdup_printf("%s\n", raw);
        free(raw);
    } else {
        error_text = g_strdup_printf("exit %d\n%s\n", error_exit_status(error), error->message);
    }
    compare_file(folder, "plan.txt", title, text, world->dir);
    compare_file(folder, "plan.json", title, json_text_value, world->dir);
    compare_file(folder, "error.txt", title, error_text, world->dir);
    g_clear_pointer(&options.keys, g_hash_table_unref);
    g_clear_pointer(&options.selector, selector_free);
    g_clear_pointer(&options.only, g_ptr_array_unref);
    g_clear_pointer(&options.exclude, g_ptr_array_unref);
    g_clear_pointer(&options.no_park, g_ptr_array_unref);
    g_clear_pointer(&options.allow_restart_only, g_ptr_array_unref);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static GPtrArray *folders_in(const char *path)
{
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    const char *name;

    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL)
        g_ptr_array_add(names, g_strdup(name));
    g_ptr_array_sort(names, compare_names);
    return names;
}

int main(int argc, char **argv)
{
    const char *root = argc > 1 ? argv[1] : "tests/golden";
    g_autoptr(GPtrArray) areas = folders_in(root);

    for (guint a = 0; a < areas->len; a++) {
        g_autofree char *area = g_build_filename(root, areas->pdata[a], NULL);
        g_autoptr(GPtrArray) cases = folders_in(area);

        for (guint c = 0; c < cases->len; c++) {
            g_autofree char *folder = g_build_filename(area, cases->pdata[c], NULL);
            g_autofree char *title =
                g_strdup_printf("%s/%s", (char *)areas->pdata[a], (char *)cases->pdata[c]);

            if (argc <= 2 || strstr(title, argv[2]) != NULL)
                run_case(folder, title);
        }
    }
    printf("1..%u\n", test_count);
    return failures > 0 ? 1 : 0;
}
