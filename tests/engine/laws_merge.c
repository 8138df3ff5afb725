/* Laws of parts and wholes, on random models on the fake host: applies of disjoint selections are
 * together one apply (EN-24), two sources are together one (EN-01, EN-43), and a dump is the host
 * (LAW-5). Arguments: first seed, number of seeds. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "law.h"
#include "print.h"
#include "random_model.h"

enum { PARTS, FILES, OWNERS, DUMP_PLAN, DUMP_BYTES, LAWS };

static Law laws[LAWS] = {
    [PARTS] = {"applies of disjoint --only selections make what one apply makes"},
    [FILES] = {"two files make what one makes, in either order"},
    [OWNERS] = {"two sources make what one makes, in either order"},
    [DUMP_PLAN] = {"LAW-5 a plan of the dump is empty"},
    [DUMP_BYTES] = {"LAW-5 the dump applied to an empty host dumps the same bytes"},
};

/* Many small models say more than a few large ones. */
#define INSTANCES_MOST 8

static guint seed;

/* ---- models and their parts ---- */

/* Which ids are free for an isolated instance depends on who came first. */
static void forget_isolation(json_t *list)
{
    json_t *body;
    size_t i;

    json_array_foreach (list, i, body)
        json_object_del(json_object_get(body, "config"), "security.idmap.isolated");
}

static json_t *small_model(GRand *rand)
{
    json_t *model = random_model(rand);
    json_t *instances = json_object_get(model, "instances");

    forget_isolation(instances);
    forget_isolation(json_object_get(model, "profiles"));
    while (json_array_size(instances) > INSTANCES_MOST)
        json_array_remove(instances, json_array_size(instances) - 1);
    return model;
}

/* The objects that a text declares, as --only names them (of char *). */
static GPtrArray *names_of(const char *text)
{
    g_autoptr(Input) input = input_new();
    g_autoptr(Problems) problems = problems_new();
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);

    input_parse(input, "test.yaml", text, strlen(text), NULL, problems);
    for (guint i = 0; i < input->objects->len; i++) {
        const Object *object = input->objects->pdata[i];
        const Kind *kind = object_kind(object);

        g_ptr_array_add(names, *object->id.name != '\0'
                                   ? g_strdup_printf("%s/%s", kind->name, object->id.name)
                                   : g_strdup(kind->name));
    }
    return names;
}

static void shuffle(GPtrArray *array, GRand *rand)
{
    for (guint i = array->len; i > 1; i--) {
        guint other = (guint)g_rand_int_range(rand, 0, (gint32)i);
        gpointer kept = array->pdata[i - 1];

        array->pdata[i - 1] = array->pdata[other];
        array->pdata[other] = kept;
    }
}

/* Sections of a model, each of its entries in one of two; `keep_together`: what instances need is
 * in the first. */
static void divide(const json_t *model, GRand *rand, gboolean keep_together, json_t *halves[2])
{
    const char *section;
    json_t *value, *entry;
    size_t i;

    halves[0] = json_object();
    halves[1] = json_object();
    json_object_foreach ((json_t *)model, section, value) {
        gboolean late = strcmp(section, "instances") == 0;

        if (!json_is_array(value)) {
            json_object_set(halves[0], section, value);
            continue;
        }
        json_array_foreach (value, i, entry) {
            gboolean second = keep_together ? late && g_rand_boolean(rand) : g_rand_boolean(rand);
            json_t *list = json_object_get(halves[second], section);

            if (list == NULL) {
                list = json_array();
                json_object_set_new(halves[second], section, list);
            }
            json_array_append(list, entry);
        }
    }
}

/* ---- applies ---- */

static gboolean apply_as(World *world, const char *text, const PlanOptions *options, GError **error)
{
    g_autoptr(Plan) plan = world_plan(world, text, options, error);
    g_auto(ApplyResult) result = {0};

    return plan != NULL && world_apply_plan(world, plan, &result, error);
}

static gboolean apply_files(World *world, const char *const texts[2], GError **error)
{
    g_autoptr(Problems) problems = problems_new();
    g_autoptr(Input) input = input_new();
    PlanOptions options = world_options();
    g_auto(ApplyResult) result = {0};
    g_autoptr(Plan) plan = NULL;

    for (guint i = 0; i < 2; i++)
        input_parse(input, i == 0 ? "a.yaml" : "b.yaml", texts[i], strlen(texts[i]), NULL,
                    problems);
    if (!problems_to_error(problems, TRUE, error))
        return FALSE;
    plan = engine_plan(world->engine, input, &options, error);
    return plan != NULL && world_apply_plan(world, plan, &result, error);
}

/* Model and host without who owns what. Newly allocated. */
static char *without_owners(World *world)
{
    g_autofree char *text = world_fingerprint(world);
    g_autoptr(json_t) whole = json_loads(text, 0, NULL);
    const char *key, *name;
    json_t *object, *value;
    void *next;

    json_object_foreach (json_object_get(whole, "model"), key, object) {
        json_t *generated = json_object_get(object, "generated");

        json_object_del(object, "owner");
        json_object_foreach_safe (generated, next, name, value)
            if (g_str_has_prefix(name, "$set:")) /* who set which key of the server */
                json_object_del(generated, name);
    }
    return json_text(whole);
}

/* All in one world, because digests cover where it is. */
static void empty(World *world)
{
    g_autoptr(GError) error = NULL;

    if (!world_destroy(world, &error))
        g_error("seed %u: %s", seed, error->message);
}

/* Adds the paths where two values differ, with what is there. */
static void add_differences(const char *path, const json_t *one, const json_t *other, GString *text)
{
    g_autoptr(json_t) all = NULL;
    const char *key;
    json_t *value;

    if (json_equal((json_t *)one, (json_t *)other))
        return;
    if (!json_is_object(one) || !json_is_object(other)) {
        g_autofree char *left = one != NULL ? json_text(one) : g_strdup("nothing");
        g_autofree char *right = other != NULL ? json_text(other) : g_strdup("nothing");

        g_string_append_printf(text, "\n%s: %.200s, not %.200s", path, right, left);
        return;
    }
    all = json_copy((json_t *)one);
    json_object_update_missing(all, (json_t *)other);
    json_object_foreach (all, key, value) {
        g_autofree char *below = g_strdup_printf("%s %s", path, key);

        add_differences(below, json_object_get(one, key), json_object_get(other, key), text);
    }
}

static void compare(guint law, const char *one, const char *other, const GError *error)
{
    g_autoptr(json_t) left = json_loads(one, 0, NULL);
    g_autoptr(json_t) right = json_loads(other, 0, NULL);
    g_autoptr(GString) detail = g_string_new(error != NULL ? error->message : "");

    if (error == NULL && left != NULL)
        add_differences("", left, right, detail);
    law_check(&laws[law], seed, error == NULL && strcmp(one, other) == 0, detail->str);
}

/* ---- the laws ---- */

static void check_parts(World *world, const char *text, const char *whole, GRand *rand)
{
    g_autoptr(GPtrArray) names = names_of(text);
    g_autoptr(GError) error = NULL;
    g_autofree char *made = NULL;

    empty(world);
    shuffle(names, rand);
    for (guint from = 0; error == NULL && from < names->len;) {
        guint drawn = 1 + (guint)g_rand_int_range(rand, 0, 6);
        guint size = MIN(drawn, names->len - from);
        g_autoptr(GPtrArray) only = g_ptr_array_new();
        PlanOptions options = world_options();

        for (guint i = 0; i < size; i++)
            g_ptr_array_add(only, names->pdata[from + i]);
        options.only = only;
        apply_as(world, text, &options, &error);
        from += size;
    }
    made = world_fingerprint(world);
    compare(PARTS, whole, made, error);
}

static void check_files(World *world, const json_t *model, const char *whole, GRand *rand)
{
    json_t *halves[2];
    g_autofree char *first = NULL;
    g_autofree char *second = NULL;

    divide(model, rand, FALSE, halves);
    first = random_text(halves[0]);
    second = random_text(halves[1]);
    for (guint order = 0; order < 2; order++) {
        const char *const texts[] = {order == 0 ? first : second, order == 0 ? second : first};
        g_autoptr(GError) error = NULL;
        g_autofree char *made = NULL;

        empty(world);
        apply_files(world, texts, &error);
        made = world_fingerprint(world);
        compare(FILES, whole, made, error);
    }
    json_decref(halves[0]);
    json_decref(halves[1]);
}

/* Each source is a set of its own, applied by itself. One that needs the other's objects first is
 * refused whole, and tried again after it. */
static gboolean apply_sources(World *world, const char *const texts[2], const char *const sets[2],
                              GError **error)
{
    for (guint round = 0; round < 4; round++) {
        PlanOptions options = world_options();

        options.set = sets[round % 2];
        g_clear_error(error);
        if (!apply_as(world, texts[round % 2], &options, error) && round > 1)
            return FALSE;
    }
    return error == NULL || *error == NULL;
}

static void check_owners(World *world, const json_t *model, const char *whole, GRand *rand)
{
    json_t *halves[2];
    g_autofree char *base = NULL;
    g_autofree char *rest = NULL;

    divide(model, rand, TRUE, halves);
    base = random_text(halves[0]);
    rest = random_text(halves[1]);
    for (guint order = 0; order < 2 && json_object_size(halves[1]) > 0; order++) {
        const char *const texts[] = {order == 0 ? base : rest, order == 0 ? rest : base};
        const char *const sets[] = {order == 0 ? "file:a" : "file:b",
                                    order == 0 ? "file:b" : "file:a"};
        g_autoptr(GError) error = NULL;
        g_autofree char *made = NULL;

        empty(world);
        apply_sources(world, texts, sets, &error);
        made = without_owners(world);
        compare(OWNERS, whole, made, error);
    }
    json_decref(halves[0]);
    json_decref(halves[1]);
}

/* What somebody declared; the defaults that nobody did are everywhere. */
static char *dump_of(World *world)
{
    const Snapshot *stored = engine_stored(world->engine);
    g_autoptr(GPtrArray) objects = g_ptr_array_new();

    for (guint i = 0; i < snapshot_size(stored); i++)
        if (strcmp(snapshot_at(stored, i)->owner, "file:test") == 0)
            g_ptr_array_add(objects, (gpointer)snapshot_at(stored, i));
    return print_objects(objects);
}

static void check_dump(World *world)
{
    g_autofree char *dump = dump_of(world);
    g_autofree char *again = NULL;
    g_autoptr(GError) error = NULL;
    g_autoptr(Plan) plan = world_plan(world, dump, NULL, &error);
    g_autofree char *shown = plan != NULL ? plan_text(plan, FALSE) : g_strdup(error->message);

    law_check(&laws[DUMP_PLAN], seed, plan != NULL && plan_is_empty(plan), shown);
    g_clear_error(&error);
    if (world_destroy(world, &error))
        world_apply(world, dump, &error);
    again = dump_of(world);
    compare(DUMP_BYTES, dump, again, error);
}

static void run_seed(void)
{
    g_autoptr(World) world = world_new();
    GRand *rand = g_rand_new_with_seed(seed);
    g_autoptr(json_t) model = small_model(rand);
    g_autofree char *text = random_text(model);
    g_autofree char *whole = NULL;
    g_autofree char *unowned = NULL;

    if (world_apply(world, text, NULL)) { /* a few models break a rule across keys */
        whole = world_fingerprint(world);
        unowned = without_owners(world);
        check_dump(world);
        check_parts(world, text, whole, rand);
        check_files(world, model, whole, rand);
        check_owners(world, model, unowned, rand);
    }
    g_rand_free(rand);
}

int main(int argc, char **argv)
{
    guint first = argc > 1 ? (guint)atoi(argv[1]) : 1;
    guint count = argc > 2 ? (guint)atoi(argv[2]) : 20;

    for (seed = first; seed < first + count; seed++)
        run_seed();
    printf("# %u seeds\n", count);
    return laws_report(laws, LAWS);
}
