#include "verify.h"

#include <string.h>

#include "error.h"
#include "facts.h"
#include "planner.h"

/* An object that had steps. */
typedef struct {
    const PlanObject *object;
    GPtrArray *steps; /* of PlanStep *, borrowed */
} Stepped;

struct Verification {
    Host *host;
    const Plan *plan;
    GHashTable *stepped; /* key -> Stepped */
    GHashTable *drift;   /* key -> char *; see verification_drift */
};

static void stepped_free(void *data)
{
    Stepped *stepped = data;

    g_ptr_array_unref(stepped->steps);
    g_free(stepped);
}

static void add_steps(Verification *verification)
{
    const Plan *plan = verification->plan;

    for (guint i = 0; i < plan->steps->len; i++) {
        PlanStep *step = plan->steps->pdata[i];
        Stepped *stepped = g_hash_table_lookup(verification->stepped, step->object);

        if (stepped == NULL) {
            stepped = g_new(Stepped, 1);
            *stepped = (Stepped){NULL, g_ptr_array_new()};
            g_hash_table_insert(verification->stepped, step->object, stepped);
        }
        g_ptr_array_add(stepped->steps, step);
    }
    for (guint i = 0; i < plan->objects->len; i++) {
        const PlanObject *object = plan->objects->pdata[i];
        Stepped *stepped = g_hash_table_lookup(verification->stepped, object->key);

        if (stepped != NULL)
            stepped->object = object;
    }
}

Verification *verification_new(Host *host, const Plan *plan)
{
    Verification *verification = g_new(Verification, 1);

    *verification = (Verification){
        .host = host,
        .plan = plan,
        .stepped = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, stepped_free),
        .drift = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, g_free),
    };
    add_steps(verification);
    return verification;
}

void verification_free(Verification *verification)
{
    if (verification == NULL)
        return;
    g_hash_table_unref(verification->stepped);
    g_hash_table_unref(verification->drift);
    g_free(verification);
}

const char *verification_drift(const Verification *verification, const char *key)
{
    return verification != NULL ? g_hash_table_lookup(verification->drift, key) : NULL;
}

static const Driver *driver_of(const PlanObject *object)
{
    return DRIVERS[(object->stored != NULL ? object->stored : object->wanted)->id.kind];
}

/* Looks again at the objects that had steps. `old` looks at them as they were before the plan.
 * Returns facts by key. */
static GHashTable *observe_stepped(Verification *verification, gboolean old, GHashTable *failed,
                                   GError **error)
{
    const Plan *plan = verification->plan;
    Host *host = verification->host;
    g_autoptr(HostFacts) facts = host_facts_new(host);
    g_autoptr(GPtrArray) keys = g_ptr_array_new();
    g_autoptr(GArray) sights = g_array_new(FALSE, FALSE, sizeof(Sight));
    g_autoptr(GPtrArray) observed = NULL;
    Context before = {plan->base, facts, host->dir, host->seed, NULL, TRUE};
    Context after = {plan->next, facts, host->dir, host->seed, NULL, FALSE};
    GHashTable *by_key;
    GHashTableIter iter;
    gpointer key, value;

    g_hash_table_iter_init(&iter, verification->stepped);
    while (g_hash_table_iter_next(&iter, &key, &value)) {
        const PlanObject *object = ((const Stepped *)value)->object;
        gboolean as_stored = old ? object->stored != NULL : object->wanted == NULL;
        gboolean renamed = object->stored != NULL && object->wanted != NULL &&
                           strcmp(object->stored->key, object->wanted->key) != 0;
        Sight stored = {object->stored, &before, NULL, NULL};
        Sight wanted = {object->wanted, &after, NULL, NULL};

        if (failed != NULL && g_hash_table_contains(failed, key))
            continue;
        if (!renamed && object->stored != NULL && object->wanted != NULL) {
            wanted.former = object->stored;
            wanted.former_context = &before;
            as_stored = FALSE;
        }
        g_ptr_array_add(keys, key);
        g_array_append_val(sights, *(as_stored ? &stored : &wanted));
    }
    observed = planner_observe(host, sights, error);
    if (observed == NULL || !host_facts_hold(facts, error))
        return NULL;
    by_key = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, (GDestroyNotify)json_decref);
    for (guint i = 0; i < keys->len; i++)
        g_hash_table_insert(by_key, keys->pdata[i], json_incref(observed->pdata[i]));
    return by_key;
}

static gboolean mismatch(const char *key, const char *path, const json_t *is, const json_t *should,
                         GError **error)
{
    g_autofree char *label = object_key_label(key);
    g_autoptr(json_t) plain = should != NULL ? facts_without_arguments(should) : NULL;
    g_autofree char *is_text = is != NULL ? json_text(is) : g_strdup("absent");
    g_autofree char *should_text = plain != NULL ? json_text(plain) : g_strdup("absent");

    return error_set(error, ERR_FAILED,
                     "%s: %s is not as it should be after the apply: it is %s, not %s", label, path,
                     is_text, should_text);
}

/* Every step must have come out as planned. What ran once and is done is not there any more, which
 * is no failure (EN-35). */
static gboolean check_steps(const Verification *verification, const char *key,
                            const Stepped *stepped, const json_t *facts, GError **error)
{
    for (guint i = 0; i < stepped->steps->len; i++) {
        const PlanStep *step = stepped->steps->pdata[i];
        const json_t *is = json_at(facts, step->step.path);
        const json_t *should = json_at(stepped->object->expected, step->step.path);

        if (!facts_equal(is, should) &&
            !(is == NULL && host_has_ended(verification->host, step->row, key)))
            return mismatch(key, step->step.path, is, should, error);
    }
    return TRUE;
}

static gboolean has_step(const Stepped *stepped, const char *path)
{
    for (guint i = 0; i < stepped->steps->len; i++)
        if (strcmp(((const PlanStep *)stepped->steps->pdata[i])->step.path, path) == 0)
            return TRUE;
    return FALSE;
}

static gboolean has_change(const GPtrArray *changes, const char *path)
{
    for (guint i = 0; i < changes->len; i++)
        if (strcmp(((const FactChange *)changes->pdata[i])->path, path) == 0)
            return TRUE;
    return FALSE;
}

/* What a plan made now would do to the object (LAW-1), less what this one left undone already:
 * pending rows. */
static gboolean find_drift(Verification *verification, const Stepped *stepped, const json_t *facts,
                           GError **error)
{
    const PlanObject *object = stepped->object;
    g_autoptr(GPtrArray) left = facts_diff(driver_of(object), facts, object->expected, error);
    g_autoptr(GPtrArray) before = NULL;
    g_autoptr(GPtrArray) paths = g_ptr_array_new();

    if (left == NULL)
        return FALSE;
    if (left->len == 0)
        return TRUE;
    before = facts_diff(driver_of(object), object->observed, object->expected, error);
    if (before == NULL)
        return FALSE;
    for (guint i = 0; i < left->len; i++) {
        const FactChange *change = left->pdata[i];

        if (!has_step(stepped, change->path) && !has_change(before, change->path))
            g_ptr_array_add(paths, change->path);
    }
    g_ptr_array_add(paths, NULL);
    if (paths->pdata[0] != NULL)
        g_hash_table_insert(verification->drift, object->key,
                            g_strjoinv(", ", (char **)paths->pdata));
    return TRUE;
}

gboolean verification_run(void *data, GHashTable *failed, GError **error)
{
    Verification *verification = data;
    g_autoptr(GHashTable) observed = NULL;
    GHashTableIter iter;
    gpointer key, facts;

    if (g_hash_table_size(verification->stepped) == 0) /* nothing was done to the host */
        return TRUE;
    observed = observe_stepped(verification, FALSE, failed, error);
    if (observed == NULL)
        return FALSE;
    g_hash_table_iter_init(&iter, observed);
    while (g_hash_table_iter_next(&iter, &key, &facts)) {
        const Stepped *stepped = g_hash_table_lookup(verification->stepped, key);

        if (!check_steps(verification, key, stepped, facts, error) ||
            !find_drift(verification, stepped, facts, error))
            return FALSE;
    }
    return TRUE;
}

/* Puts one object back to what it was observed to be, step by step; what fails is told by the
 * comparison that follows. */
static void put_back(Verification *verification, const PlanObject *object, const json_t *is)
{
    g_autoptr(json_t) whole = facts_with_arguments(is, object->expected);
    g_autoptr(GPtrArray) changes = facts_diff(driver_of(object), whole, object->observed, NULL);

    for (guint i = 0; changes != NULL && i < changes->len; i++) {
        const FactChange *change = changes->pdata[i];
        Step step = {.name = (char *)change->row->name,
                     .key = object->stored != NULL ? object->stored->key : object->key,
                     .path = change->path,
                     .from = change->from,
                     .to = change->to,
                     .tx = (char *)"rollback"};

        /* Data that is gone is not made up. */
        if (change->row->purge != NULL && change->from == NULL)
            continue;
        host_ensure(verification->host, &step, NULL);
    }
}

/* The facts of an object that are not as they were before the plan; NULL when they are. */
static char *left_over(const PlanObject *object, const json_t *is)
{
    g_autoptr(GPtrArray) changes = NULL;
    g_autofree char *label = NULL;
    GString *text;

    if (facts_equal(is, object->observed))
        return NULL;
    label = object_key_label(object->key);
    text = g_string_new(label);
    changes = facts_diff(driver_of(object), is, object->observed, NULL);
    for (guint i = 0; changes != NULL && i < changes->len; i++)
        g_string_append_printf(text, "%s%s", i == 0 ? ": " : ", ",
                               ((const FactChange *)changes->pdata[i])->path);
    return g_string_free(text, FALSE);
}

/* After a rollback the host must show what it showed before (LAW-3); if not, it is put right once,
 * else exit 4. */
void verification_of_rollback(Verification *verification, GError **error)
{
    g_autoptr(GString) differences = g_string_new(NULL);
    g_autoptr(GError) failure = NULL;

    for (guint attempt = 0; attempt < 2; attempt++) {
        g_autoptr(GHashTable) observed = observe_stepped(verification, TRUE, NULL, &failure);
        GHashTableIter iter;
        gpointer key, facts;

        g_string_truncate(differences, 0);
        if (observed == NULL)
            break;
        g_hash_table_iter_init(&iter, observed);
        while (g_hash_table_iter_next(&iter, &key, &facts)) {
            const PlanObject *object =
                ((const Stepped *)g_hash_table_lookup(verification->stepped, key))->object;
            g_autofree char *text = left_over(object, facts);

            if (text == NULL)
                continue;
            g_string_append_printf(differences, "\n  %s", text);
            if (attempt == 0)
                put_back(verification, object, facts);
        }
        if (differences->len == 0)
            return;
    }
    if (error != NULL && *error != NULL) {
        g_autoptr(GError) first = *error;

        *error = NULL;
        error_set(error, ERR_ROLLBACK_INCOMPLETE, "%s\nthe host is not as it was before:%s",
                  first->message, failure != NULL ? failure->message : differences->str);
    }
}
