#include "planner.h"

#include <string.h>

#include "error.h"
#include "expand.h"
#include "fields.h"
#include "policy.h"
#include "subject.h"

static void plan_object_free(gpointer data)
{
    PlanObject *object = data;

    g_free(object->key);
    object_unref(object->stored);
    object_unref(object->wanted);
    json_decref(object->observed);
    json_decref(object->expected);
    g_ptr_array_unref(object->fields);
    g_free(object);
}

static Plan *plan_new(const Snapshot *base, gint64 revision)
{
    Plan *plan = g_new0(Plan, 1);

    plan->objects = g_ptr_array_new_with_free_func(plan_object_free);
    plan->steps = g_ptr_array_new_with_free_func((GDestroyNotify)plan_step_free);
    plan->needed = g_ptr_array_new_with_free_func(g_free);
    plan->warnings = g_ptr_array_new_with_free_func(g_free);
    plan->irreversible = g_ptr_array_new_with_free_func(g_free);
    plan->blocked = g_ptr_array_new_with_free_func(g_free);
    plan->base = snapshot_ref(base);
    plan->revision = revision;
    return plan;
}

void plan_add_adopted(Plan *plan, const Object *owned)
{
    PlanObject *object = g_new0(PlanObject, 1);
    const Object *stored = snapshot_get(plan->base, owned->key);

    object->key = g_strdup(owned->key);
    object->action = ACTION_ADOPT;
    object->stored = object_ref(stored);
    object->wanted = object_ref(owned);
    object->fields = g_ptr_array_new();
    g_ptr_array_add(plan->objects, object);
}

void planner_block(Plan *plan, ErrorCode code, char *text)
{
    if (plan->blocked->len == 0)
        plan->blocked_code = code;
    g_ptr_array_add(plan->blocked, text);
}

/* ---- from differences to plan objects ---- */

/* What the plan shows of the host: the part of the facts that differs, without arguments. */
static PlanField *fact_field(const FactChange *change, gboolean drift)
{
    g_autoptr(json_t) from = change->from != NULL ? facts_without_arguments(change->from) : NULL;
    g_autoptr(json_t) to = change->to != NULL ? facts_without_arguments(change->to) : NULL;
    PlanField *field = plan_field_new(change->path, from, to, subject_cost(change));

    field->drift = drift;
    return field;
}

/* What an earlier apply stored and was not allowed to put in force is no drift (EN-22). */
static gboolean is_put_off(const FactChange *change)
{
    return subject_cost(change) >= LABEL_RESTART;
}

/* A fact that already differs from what is stored has drifted; another one follows from an edit
 * elsewhere. */
static void add_fact_fields(const Planner *planner, const Subject *subject, GPtrArray *fields)
{
    GHashTable *waiting = planner->options->waiting;
    gboolean waits = waiting != NULL && g_hash_table_contains(waiting, subject->stored->key);

    for (guint i = 0; i < subject->changes->len; i++) {
        const FactChange *change = subject->changes->pdata[i];
        gboolean drift = !facts_equal(json_at(subject->observed, change->path),
                                      json_at(subject->was_expected, change->path));

        if (!drift && fields->len > 0)
            continue;
        g_ptr_array_add(fields, fact_field(change, drift && !(waits && is_put_off(change))));
        if (drift && waits && is_put_off(change))
            ((PlanField *)fields->pdata[fields->len - 1])->via = g_strdup("pending");
    }
}

/* Drawn values that are part of what users see ("ipv4.address"), not volatile ones. */
static void add_drawn_fields(const Object *wanted, GPtrArray *fields)
{
    g_autoptr(GPtrArray) keys = json_sorted_keys(wanted->generated);

    for (guint i = 0; i < keys->len; i++) {
        const char *key = keys->pdata[i];
        g_autofree char *path = g_strdup_printf("config/%s", key);
        PlanField *field;

        if (key[0] == '$' || g_str_has_prefix(key, "volatile.") ||
            row_find(object_kind(wanted)->config, key) == NULL)
            continue;
        field = plan_field_new(path, NULL, json_object_get(wanted->generated, key), LABEL_NONE);
        field->via = g_strdup("drawn");
        g_ptr_array_add(fields, field);
    }
}

static GPtrArray *subject_fields(const Planner *planner, const Subject *subject)
{
    const Object *stored = subject->stored;
    const Object *wanted = subject->wanted;
    const Object *any = wanted != NULL ? wanted : stored;
    GPtrArray *fields;

    if (!g_hash_table_contains(planner->touched, any->key))
        fields = g_ptr_array_new_with_free_func((GDestroyNotify)plan_field_free);
    else if (any->id.kind == KIND_INSTANCE && stored != NULL && wanted != NULL)
        fields = fields_diff_expanded(planner->base, stored, planner->plan->next, wanted);
    else
        fields = fields_diff(stored, wanted);
    if (stored == NULL && object_kind(wanted)->config != NULL)
        add_drawn_fields(wanted, fields);
    if (stored != NULL && wanted != NULL && !subject_is_renamed(subject) &&
        DRIVERS[any->id.kind] != NULL)
        add_fact_fields(planner, subject, fields);
    for (guint i = 0; i < fields->len; i++) {
        PlanField *field = fields->pdata[i];

        if (wanted != NULL && !field->drift && field->via == NULL)
            field->where = object_where(wanted, field->path);
        if (field->label == LABEL_RESTART && any->id.kind == KIND_INSTANCE && stored != NULL &&
            json_object_get(subject->observed, "running") == NULL)
            field->label = LABEL_NEXT_START;
        field->pending = field->label >= LABEL_RESTART && subject_holds(subject, field->label);
    }
    return fields;
}

static Action subject_action(const Subject *subject, const GPtrArray *fields)
{
    gboolean edited = FALSE;

    if (subject->stored == NULL)
        return ACTION_CREATE;
    if (subject->wanted == NULL)
        return ACTION_DELETE;
    if (subject_is_renamed(subject))
        return ACTION_UPDATE;
    for (guint i = 0; i < fields->len; i++)
        edited = edited || !((const PlanField *)fields->pdata[i])->drift;
    if (edited || !json_equal(subject->stored->spec, subject->wanted->spec) ||
        !json_equal(subject->stored->generated, subject->wanted->generated))
        return ACTION_UPDATE;
    if (subject->changes != NULL && subject->changes->len > 0)
        return ACTION_REPAIR;
    return strcmp(subject->stored->owner, subject->wanted->owner) != 0 ? ACTION_ADOPT : ACTION_NONE;
}

/* What waits is said by the spec's fields; by the facts where the spec was changed before. */
static void say_what_waits(Subject *subject, GPtrArray *fields)
{
    for (guint i = 0; i < fields->len; i++) {
        const PlanField *field = fields->pdata[i];

        if (!field->drift && field->label >= LABEL_RESTART)
            return;
    }
    while (subject->held_fields->len > 0)
        g_ptr_array_add(fields, g_ptr_array_steal_index(subject->held_fields, 0));
}

/* FALSE when there is nothing to say about it. */
static gboolean add_plan_object(Planner *planner, const char *key, Subject *subject)
{
    GPtrArray *fields = subject_fields(planner, subject);
    Action action = subject_action(subject, fields);
    PlanObject *object;

    if (action == ACTION_NONE && subject->held->len == 0) {
        g_ptr_array_unref(fields);
        return FALSE;
    }
    say_what_waits(subject, fields);
    object = g_new0(PlanObject, 1);
    object->key = g_strdup(key);
    object->action = action;
    object->stored = subject->stored != NULL ? object_ref(subject->stored) : NULL;
    object->wanted = subject->wanted != NULL ? object_ref(subject->wanted) : NULL;
    object->observed = json_incref(subject->observed);
    object->expected = json_incref(subject->expected);
    object->fields = fields;
    object->pending = subject->held->len > 0;
    object->anew = subject->anew;
    for (guint i = 0; i < fields->len; i++) {
        const PlanField *field = fields->pdata[i];

        if (!field->pending && object->stored != NULL && object->wanted != NULL)
            object->label = MAX(object->label, field->label);
    }
    for (guint i = 0;
         subject_is_renamed(subject) && subject->changes != NULL && i < subject->changes->len;
         i++) {
        const FactChange *change = subject->changes->pdata[i];

        if (change->row->split)
            object->label = MAX(object->label, change->row->label);
    }
    g_ptr_array_add(planner->plan->objects, object);
    return TRUE;
}

static int compare_by_rank(gconstpointer a, gconstpointer b, gpointer data)
{
    const PlanObject *left = *(const PlanObject *const *)a;
    const PlanObject *right = *(const PlanObject *const *)b;
    guint left_rank = order_rank(data, left->key), right_rank = order_rank(data, right->key);

    return left_rank < right_rank ? -1 : left_rank > right_rank;
}

/* Whether a key only goes from unset to its default, or back. */
static gboolean same_as_default(const Object *object, const PlanField *field)
{
    const Row *row = fields_row(object, field->path);
    const json_t *set = field->before == NULL ? field->after : field->before;

    return row != NULL && row->fallback != NULL &&
           (field->before == NULL || field->after == NULL) &&
           g_strcmp0(json_string_value(set), row->fallback) == 0;
}

/* devices/NAME/pool of a root disk, which was and is on a pool. */
static gboolean is_root_pool(const Snapshot *model, const Object *object, const PlanField *field)
{
    g_auto(GStrv) parts = json_path_split(field->path);
    g_auto(Expanded) expanded = {0};
    const json_t *device;

    if (g_strv_length(parts) != 3 || strcmp(parts[0], "devices") != 0 ||
        strcmp(parts[2], "pool") != 0 || field->before == NULL || field->after == NULL)
        return FALSE;
    /* What a profile says of an instance is a field of that as well. */
    if (object->id.kind == KIND_INSTANCE)
        expand_instance(model, object, &expanded);
    device = json_object_get(expanded.devices != NULL ? expanded.devices
                                                      : json_object_get(object->spec, "devices"),
                             parts[1]);
    return device_is_root(device);
}

static void check_fixed_field(Plan *plan, const PlanObject *object, PlanField *field,
                              gboolean fixed_pools)
{
    const char *key =
        g_str_has_prefix(field->path, "config/") ? field->path + strlen("config/") : field->path;
    g_autofree char *label = object_key_label(object->key);
    g_autofree char *before = field->before != NULL ? json_text(field->before) : g_strdup("unset");
    g_autofree char *after = field->after != NULL ? json_text(field->after) : g_strdup("unset");

    if (field->drift)
        return;
    if (fixed_pools && is_root_pool(plan->next, object->wanted, field))
        field->label = LABEL_BLOCKED;
    if (field->label == LABEL_REBUILD && strcmp(object->stored->key, object->wanted->key) != 0)
        planner_block(plan, ERR_REFUSED,
                      g_strdup_printf("%s: rename it first, and change %s in a second apply", label,
                                      field->path));
    if (field->label != LABEL_BLOCKED)
        return;
    /* What berth drew itself may be written down (PS-19). */
    if (field->before == NULL &&
        json_equal(json_object_get(object->stored->generated, key), field->after))
        return;
    if (same_as_default(object->wanted, field))
        return;
    planner_block(plan, ERR_INVALID,
                  g_strdup_printf("%s%s%s: %s cannot be changed from %s to %s after creation",
                                  field->where != NULL ? field->where : "",
                                  field->where != NULL ? ": " : "", label, field->path, before,
                                  after));
}

/* Fields that cannot change after creation (PS-30, PS-31). */
static void check_fixed(Plan *plan, gboolean fixed_pools)
{
    for (guint i = 0; i < plan->objects->len; i++) {
        const PlanObject *object = plan->objects->pdata[i];

        for (guint j = 0;
             object->stored != NULL && object->wanted != NULL && j < object->fields->len; j++)
            check_fixed_field(plan, object, object->fields->pdata[j], fixed_pools);
    }
}

/* Keys to look at: all that is put, taken out (but for the old names of renamed objects) or
 * asked for. */
static GPtrArray *keys_to_examine(Planner *planner, const GPtrArray *put, const GPtrArray *examine)
{
    GPtrArray *keys = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GHashTable) old_names = g_hash_table_new(g_str_hash, g_str_equal);
    const GPtrArray *lists[] = {put, planner->wanted->remove, examine};
    GHashTableIter iter;
    gpointer old;

    g_hash_table_iter_init(&iter, planner->wanted->renamed);
    while (g_hash_table_iter_next(&iter, NULL, &old))
        g_hash_table_add(old_names, old);
    for (guint l = 0; l < G_N_ELEMENTS(lists); l++) {
        for (guint i = 0; lists[l] != NULL && i < lists[l]->len; i++) {
            const char *key = lists[l]->pdata[i];

            if (g_hash_table_contains(seen, key) || g_hash_table_contains(old_names, key))
                continue;
            if (snapshot_get(planner->base, key) == NULL &&
                snapshot_get(planner->plan->next, key) == NULL)
                continue;
            g_ptr_array_add(keys, g_strdup(key));
            g_hash_table_add(seen, keys->pdata[keys->len - 1]);
        }
    }
    return keys;
}

static GPtrArray *observe_keys(Planner *planner, const GPtrArray *keys, guint from, guint to,
                               GError **error)
{
    g_autoptr(GArray) sights = g_array_new(FALSE, FALSE, sizeof(Sight));

    for (guint i = from; i < to; i++) {
        const char *key = keys->pdata[i];
        const char *old = g_hash_table_lookup(planner->wanted->renamed, key);
        const Object *stored = snapshot_get(planner->base, old != NULL ? old : key);
        const Object *wanted = snapshot_get(planner->plan->next, key);
        Sight sight = {wanted, &planner->after, NULL, NULL};

        if (wanted == NULL || old != NULL)
            sight = (Sight){stored, &planner->before, NULL, NULL};
        else if (stored != NULL && g_hash_table_contains(planner->touched, key))
            sight = (Sight){wanted, &planner->after, stored, &planner->before};
        g_array_append_val(sights, sight);
    }
    return planner_observe(planner->host, sights, error);
}

/* So many objects are looked at side by side: enough for all CPUs, few enough that the facts of a
 * large host never are in memory all at once. */
#define EXAMINE_TOGETHER 256u

/* Of each object only what differs is kept (of Subject *). */
static gboolean examine_host(Planner *planner, const GPtrArray *keys, GHashTable *subjects,
                             GError **error)
{
    for (guint from = 0; from < keys->len; from += EXAMINE_TOGETHER) {
        guint to = MIN(from + EXAMINE_TOGETHER, keys->len);
        g_autoptr(GPtrArray) observed = observe_keys(planner, keys, from, to, error);

        if (observed == NULL)
            return FALSE;
        for (guint i = from; i < to; i++) {
            char *key = keys->pdata[i];
            Subject *subject = subject_new(planner, key, observed->pdata[i - from], error);

            if (subject == NULL)
                return FALSE;
            if (add_plan_object(planner, key, subject))
                g_hash_table_insert(subjects, key, subject);
            else
                subject_free(subject);
        }
    }
    planner->plan->examined = keys->len;
    return TRUE;
}

static gboolean order_and_step(Planner *planner, GHashTable *subjects, GError **error)
{
    g_autoptr(GPtrArray) changed = g_ptr_array_new();
    g_autoptr(GHashTable) changes = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(Order) order = NULL;

    for (guint i = 0; i < planner->plan->objects->len; i++) {
        char *key = ((const PlanObject *)planner->plan->objects->pdata[i])->key;
        const Subject *subject = g_hash_table_lookup(subjects, key);

        g_ptr_array_add(changed, key);
        g_hash_table_insert(changes, key, subject->changes);
    }
    order = order_new(planner->base, planner->plan->next, changed, error);
    if (order == NULL)
        return FALSE;
    g_ptr_array_sort_with_data(planner->plan->objects, compare_by_rank, order);
    planner_add_steps(planner, order, changes);
    return TRUE;
}

static void take_messages(Planner *planner)
{
    Wanted *wanted = planner->wanted;

    for (guint i = 0; i < wanted->warnings->len; i++)
        g_ptr_array_add(planner->plan->warnings, g_strdup(wanted->warnings->pdata[i]));
    for (guint i = 0; i < wanted->needed->len; i++)
        g_ptr_array_add(planner->plan->needed, g_strdup(wanted->needed->pdata[i]));
    for (guint i = 0; i < wanted->blocked->len; i++)
        g_ptr_array_add(planner->plan->blocked, g_strdup(wanted->blocked->pdata[i]));
    planner->plan->blocked_code = wanted->blocked_code;
}

/* Fills the plan. */
static gboolean fill(Planner *planner, const GPtrArray *examine, GError **error)
{
    const Wanted *wanted = planner->wanted;
    g_autoptr(GPtrArray) put = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GHashTable) subjects =
        g_hash_table_new_full(g_str_hash, g_str_equal, NULL, (GDestroyNotify)subject_free);
    g_autoptr(GPtrArray) keys = NULL;

    if (!planner_complete_model(planner, put, error)) {
        if (wanted->blocked->len > 0) { /* the reason for what does not fit together */
            g_clear_error(error);
            error_set(error, wanted->blocked_code, "%s", (const char *)wanted->blocked->pdata[0]);
        }
        return FALSE;
    }
    keys = keys_to_examine(planner, put, examine);
    return examine_host(planner, keys, subjects, error) && order_and_step(planner, subjects, error);
}

Plan *planner_make(Host *host, const Snapshot *base, gint64 revision, Wanted *wanted,
                   const GPtrArray *examine, const PlanOptions *options, GError **error)
{
    g_autoptr(Plan) plan = plan_new(base, revision);
    g_autoptr(HostFacts) facts = host_facts_new(host);
    g_autoptr(GHashTable) touched = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(GError) failure = NULL;
    Planner planner = {.host = host,
                       .base = base,
                       .options = options,
                       .wanted = wanted,
                       .host_facts = facts,
                       .touched = touched,
                       .plan = plan};
    gboolean filled;

    planner.before = (Context){base, facts, host->dir, host->seed, options->actions, TRUE};
    plan->source = g_strdup(options->set);
    wanted_keep_needed(wanted, base);
    take_messages(&planner);
    filled = fill(&planner, examine, &failure);
    /* What is not known of the host is the reason for whatever else went wrong. */
    if (!host_facts_hold(facts, error))
        return NULL;
    if (!filled) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return NULL;
    }
    check_fixed(plan, planner.options->fixed_pools);
    if (!options->reverting)
        policy_check(plan, options->policies);
    plan_seal(plan);
    return g_steal_pointer(&plan);
}
