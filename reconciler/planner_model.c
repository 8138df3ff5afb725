#include <string.h>

#include "error.h"
#include "facts.h"
#include "fields.h"
#include "mentions.h"
#include "planner.h"
#include "refs.h"
#include "text.h"

static gboolean same_object(const Object *a, const Object *b)
{
    return a != NULL && b != NULL && json_equal(a->spec, b->spec) &&
           json_equal(a->generated, b->generated);
}

/* What is resolved more than once makes its remarks once. */
static void take_remarks(Planner *planner, const Object *object)
{
    g_autoptr(json_t) remarks = driver_take_remarks(object->generated);
    g_autofree char *label = object_label(object);
    json_t *remark;
    size_t i;

    json_array_foreach (remarks, i, remark) {
        g_autofree char *text = g_strdup_printf("%s: %s", label, json_string_value(remark));

        if (!g_ptr_array_find_with_equal_func(planner->plan->warnings, text, g_str_equal, NULL))
            g_ptr_array_add(planner->plan->warnings, g_steal_pointer(&text));
    }
}

gboolean planner_resolve(Planner *planner, const Object *object, GError **error)
{
    if (!host_resolve(planner->host, &planner->after, object, object->generated, error))
        return FALSE;
    take_remarks(planner, object);
    return TRUE;
}

/* What cannot be drawn for an object that is wrong is no news beside what is wrong with it, and
 * where. */
static void say_what_is_wrong(const Planner *planner, const Object *object, GError **error)
{
    g_autoptr(Problems) problems = problems_new();
    g_autoptr(GError) wrong = NULL;

    validate_object(planner->plan->next, object, problems);
    if (problems_to_error(problems, TRUE, &wrong))
        return;
    g_clear_error(error);
    g_propagate_error(error, g_steal_pointer(&wrong));
}

static gboolean draw(Planner *planner, const Object *object, GError **error)
{
    const Driver *driver = DRIVERS[object->id.kind];
    g_autoptr(json_t) before = json_copy(object->generated);
    g_autofree char *label = NULL;

    if (driver == NULL)
        return TRUE;
    if (planner_resolve(planner, object, error) &&
        (driver->prepare == NULL ||
         driver->prepare(&planner->after, object, object->generated, error))) {
        /* Those that draw after it keep clear of it. */
        if (!json_equal(before, object->generated))
            snapshot_read_again(planner->plan->next, object);
        return TRUE;
    }
    label = object_label(object);
    g_prefix_error(error, "%s: ", label);
    say_what_is_wrong(planner, object, error);
    return FALSE;
}

/* Draws in order of kinds, which is that of references. */
static gboolean draw_all(Planner *planner, guint from, GError **error)
{
    for (int kind = 0; kind < KIND_MAX; kind++) {
        for (guint i = from; i < planner->wanted->put->len; i++) {
            const Object *object = planner->wanted->put->pdata[i];

            if ((int)object->id.kind == kind && !draw(planner, object, error))
                return FALSE;
        }
    }
    return TRUE;
}

void planner_set_next(Planner *planner)
{
    g_clear_pointer(&planner->plan->next, snapshot_unref);
    planner->plan->next =
        snapshot_change(planner->base, planner->wanted->put, planner->wanted->remove);
    planner->after = (Context){.next = planner->plan->next,
                               .host = planner->host_facts,
                               .dir = planner->host->dir,
                               .seed = planner->host->seed,
                               .actions = planner->options->actions,
                               .images = planner->options->images};
}

/* An object that is put in as it is stored need not be in memory twice. */
static void share(Object *object, const Object *stored)
{
    json_decref(object->spec);
    json_decref(object->generated);
    object->spec = json_incref(stored->spec);
    object->generated = json_incref(stored->generated);
}

static GHashTable *changed_keys(const Planner *planner)
{
    GHashTable *changed = g_hash_table_new(g_str_hash, g_str_equal);
    const Wanted *wanted = planner->wanted;

    for (guint i = 0; i < wanted->put->len; i++) {
        Object *object = wanted->put->pdata[i];
        const Object *stored = snapshot_get(planner->base, object->key);

        if (same_object(object, stored))
            share(object, stored);
        else
            g_hash_table_add(changed, object->key);
    }
    for (guint i = 0; i < wanted->remove->len; i++)
        g_hash_table_add(changed, wanted->remove->pdata[i]);
    return changed;
}

static gboolean refers_to(const Snapshot *snapshot, const Object *object, GHashTable *keys)
{
    g_autoptr(GPtrArray) needs = refs_keys(snapshot, object);

    for (guint i = 0; i < needs->len; i++) {
        if (g_hash_table_contains(keys, needs->pdata[i]))
            return TRUE;
    }
    return FALSE;
}

/* Images keep a volume on each pool where an instance uses them: they change with their instances.
 */
static void add_used_images(const Planner *planner, GHashTable *changed, GHashTable *images)
{
    GHashTableIter iter;
    gpointer key;

    g_hash_table_iter_init(&iter, changed);
    while (g_hash_table_iter_next(&iter, &key, NULL)) {
        const Object *object = snapshot_get(planner->plan->next, key);
        g_autoptr(GArray) references = NULL;

        if (object == NULL || object->id.kind != KIND_INSTANCE)
            continue;
        references = refs_of_spec(object);
        for (guint i = 0; i < references->len; i++) {
            const Reference *reference = &g_array_index(references, Reference, i);
            const Object *target = refs_resolve(planner->plan->next, object, reference);

            if (reference->kind == KIND_IMAGE && target != NULL)
                g_hash_table_add(images, target->key);
        }
    }
}

/* The words by which others may name an object: for an image also its aliases and each beginning of
 * its fingerprint. */
static void add_who_names(const Snapshot *base, const Object *object, GHashTable *keys)
{
    g_autofree char *word = object != NULL ? mention_of(object->id.kind, object->id.name) : NULL;
    g_autofree char *fingerprint = NULL;
    json_t *alias;
    size_t i;

    if (object == NULL)
        return;
    snapshot_mentions(base, word, keys);
    if (object->id.kind != KIND_IMAGE)
        return;
    json_array_foreach (json_object_get(object->spec, "aliases"), i, alias) {
        g_autofree char *by_alias = mention_of(KIND_IMAGE, json_string_value(alias));

        snapshot_mentions(base, by_alias, keys);
    }
    fingerprint = g_strdup(json_member_string(object->generated, "fingerprint"));
    for (gsize length = fingerprint != NULL ? strlen(fingerprint) : 0; length > 0; length--) {
        g_autofree char *by_print = NULL;

        fingerprint[length] = '\0';
        by_print = mention_of(KIND_IMAGE, fingerprint);
        snapshot_mentions(base, by_print, keys);
    }
}

/* What an instance gets by a profile refers to something too. */
static void add_who_uses_profiles(const Snapshot *base, GHashTable *keys)
{
    g_autoptr(GPtrArray) profiles = g_ptr_array_new();
    GHashTableIter iter;
    gpointer key;

    g_hash_table_iter_init(&iter, keys);
    while (g_hash_table_iter_next(&iter, &key, NULL)) {
        const Object *object = snapshot_get(base, key);

        if (object != NULL && object->id.kind == KIND_PROFILE)
            g_ptr_array_add(profiles, (gpointer)object);
    }
    for (guint i = 0; i < profiles->len; i++)
        add_who_names(base, profiles->pdata[i], keys);
}

/* Keys of all that changes or refers to it, before or after, in the order of keys. Only those can
 * refer that do so in the stored model: others change themselves. */
static GPtrArray *affected_keys(const Planner *planner, GHashTable *changed)
{
    g_autoptr(GHashTable) named = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(GHashTable) images = g_hash_table_new(g_str_hash, g_str_equal);
    const Snapshot *base = planner->base, *next = planner->plan->next;
    GPtrArray *keys = g_ptr_array_new_with_free_func(g_free);
    GHashTableIter iter;
    gpointer key;

    g_hash_table_iter_init(&iter, changed);
    while (g_hash_table_iter_next(&iter, &key, NULL)) {
        add_who_names(base, snapshot_get(base, key), named);
        add_who_names(base, snapshot_get(next, key), named);
    }
    add_who_uses_profiles(base, named);
    add_used_images(planner, changed, images);
    g_hash_table_iter_init(&iter, named);
    while (g_hash_table_iter_next(&iter, &key, NULL)) {
        const Object *object = snapshot_get(next, key);

        if (object == NULL || g_hash_table_contains(changed, key) ||
            g_hash_table_contains(images, key))
            continue;
        if (refers_to(next, object, changed) || refers_to(base, object, changed))
            g_ptr_array_add(keys, g_strdup(key));
    }
    g_hash_table_iter_init(&iter, images);
    while (g_hash_table_iter_next(&iter, &key, NULL)) {
        if (!g_hash_table_contains(changed, key))
            g_ptr_array_add(keys, g_strdup(key));
    }
    g_hash_table_iter_init(&iter, changed);
    while (g_hash_table_iter_next(&iter, &key, NULL)) {
        if (snapshot_get(next, key) != NULL)
            g_ptr_array_add(keys, g_strdup(key));
    }
    g_ptr_array_sort(keys, text_compare);
    return keys;
}

/* Objects that depend on one that changes (EN-22) are looked at and checked too. Those that nobody
 * asked about get a copy of their own, so that values can be drawn for them. Returns the keys of
 * all that has to be checked. */
static GPtrArray *add_affected(Planner *planner, GHashTable *changed)
{
    g_autoptr(GHashTable) present = g_hash_table_new(g_str_hash, g_str_equal);
    GPtrArray *keys = affected_keys(planner, changed);

    for (guint i = 0; i < planner->wanted->put->len; i++)
        g_hash_table_add(present, ((const Object *)planner->wanted->put->pdata[i])->key);
    for (guint i = 0; i < keys->len; i++) {
        if (!g_hash_table_contains(present, keys->pdata[i]))
            g_ptr_array_add(
                planner->wanted->put,
                object_with(snapshot_get(planner->plan->next, keys->pdata[i]), NULL, NULL));
    }
    return keys;
}

/* Only what changes and what depends on it is checked again: the rest was when it was committed. */
static gboolean check(Planner *planner, GHashTable *changed, const GPtrArray *keys, GError **error)
{
    g_autoptr(Problems) problems = problems_new();

    for (guint i = 0; i < planner->wanted->put->len; i++) {
        const Object *object = planner->wanted->put->pdata[i];

        if (g_hash_table_contains(changed, object->key))
            validate_object(planner->plan->next, object, problems);
    }
    if (keys->len > 0)
        validate_snapshot(planner->plan->next, keys, problems);
    if (problems->errors == 0)
        validate_handover(planner->base, planner->plan->next, planner->wanted->renamed, problems);
    for (guint i = 0; i < problems->items->len; i++) {
        const Problem *problem = problems->items->pdata[i];

        if (problem->severity == PROBLEM_REMARK)
            g_ptr_array_add(planner->plan->warnings, problem_text(problem));
    }
    return problems_to_error(problems, TRUE, error);
}

/* Whether an object stands in the way when another gets a new name: `names` has its keys before and
 * after. Projects are renamed while they are empty; their own profile default goes along. */
static gboolean holds_name(const Snapshot *next, const Object *renamed, const Object *object,
                           GHashTable *names)
{
    if (renamed->id.kind == KIND_PROJECT)
        return strcmp(object->id.project, renamed->id.name) == 0 ||
               (object->id.kind == KIND_CERTIFICATE && refers_to(next, object, names));
    return refers_to(next, object, names);
}

/* What others refer to by name cannot be renamed under them (NET-006, PJ-11); pools cannot at all.
 */
static void check_renames(Planner *planner)
{
    GHashTableIter iter;
    gpointer key, old;

    g_hash_table_iter_init(&iter, planner->wanted->renamed);
    while (g_hash_table_iter_next(&iter, &key, &old)) {
        g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);
        const Object *object = snapshot_get(planner->base, old);
        g_autofree char *label = object_key_label(old);
        gboolean fixed = object->id.kind == KIND_POOL;

        g_hash_table_add(names, key);
        g_hash_table_add(names, old);
        if (!fixed && object->id.kind != KIND_NETWORK && object->id.kind != KIND_PROJECT)
            continue;
        for (guint i = 0; !fixed && i < snapshot_size(planner->plan->next); i++)
            fixed =
                holds_name(planner->plan->next, object, snapshot_at(planner->plan->next, i), names);
        if (!fixed)
            continue;
        planner->plan->blocked_code = ERR_REFUSED;
        g_ptr_array_add(planner->plan->blocked,
                        g_strdup_printf("%s cannot be renamed: %s", label,
                                        object->id.kind == KIND_POOL ? "pools keep their names"
                                                                     : "it is in use"));
    }
}

/* Whether an object that nobody asked about gets other facts or other fields by the plan; if it
 * does not, the host need not be asked about it. What cannot be told is looked at. */
static gboolean is_affected_really(const Planner *planner, Object *object)
{
    const Object *stored = snapshot_get(planner->base, object->key);
    const Driver *driver = DRIVERS[object->id.kind];
    g_autoptr(GPtrArray) fields = NULL;
    g_autoptr(json_t) before = NULL;
    g_autoptr(json_t) after = NULL;

    if (!same_object(object, stored))
        return TRUE;
    share(object, stored);
    if (object->id.kind == KIND_INSTANCE) {
        fields = fields_diff_expanded(planner->base, stored, planner->plan->next, object);
        if (fields->len > 0)
            return TRUE;
    }
    if (driver == NULL)
        return FALSE;
    before = driver->expect(&planner->before, stored, NULL, NULL);
    after = driver->expect(&planner->after, object, NULL, NULL);
    return before == NULL || after == NULL || !facts_equal(before, after);
}

static void mark_touched(Planner *planner, GHashTable *changed, const GPtrArray *affected)
{
    GHashTableIter iter;
    gpointer key;

    g_hash_table_iter_init(&iter, changed);
    while (g_hash_table_iter_next(&iter, &key, NULL))
        g_hash_table_add(planner->touched, g_strdup(key));
    for (guint i = 0; i < affected->len; i++)
        g_hash_table_add(planner->touched, g_strdup(affected->pdata[i]));
}

/* An instance that is asked to start or stop gets other facts, though its model may stay as it is.
 */
static void mark_acted_on(Planner *planner)
{
    const char *key;
    json_t *action;

    json_object_foreach ((json_t *)planner->options->actions, key, action)
        g_hash_table_add(planner->touched, g_strdup(key));
}

gboolean planner_complete_model(Planner *planner, GPtrArray *ret_examine, GError **error)
{
    g_autoptr(GHashTable) changed = NULL;
    g_autoptr(GPtrArray) to_check = NULL;
    guint asked;

    planner_set_next(planner);
    if (!planner_add_images(planner, error))
        return FALSE;
    asked = planner->wanted->put->len;
    if (!draw_all(planner, 0, error))
        return FALSE;
    check_renames(planner);
    mark_acted_on(planner);
    changed = changed_keys(planner);
    if (g_hash_table_size(changed) > 0) {
        to_check = add_affected(planner, changed);
        mark_touched(planner, changed, to_check);
        if (planner->wanted->put->len > asked) {
            planner_set_next(planner);
            if (!draw_all(planner, asked, error))
                return FALSE;
        }
        if (!check(planner, changed, to_check, error))
            return FALSE;
    }
    planner_tell_newer_images(planner);
    for (guint i = 0; i < planner->wanted->put->len; i++) {
        Object *object = planner->wanted->put->pdata[i];

        if (i < asked || is_affected_really(planner, object))
            g_ptr_array_add(ret_examine, g_strdup(object->key));
    }
    return TRUE;
}
