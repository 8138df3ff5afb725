#include "subject.h"

#include <string.h>

#include "error.h"
#include "fields.h"

void subject_free(Subject *subject)
{
    if (subject == NULL)
        return;
    json_decref(subject->observed);
    json_decref(subject->expected);
    json_decref(subject->was_expected);
    if (subject->changes != NULL)
        g_ptr_array_unref(subject->changes);
    g_ptr_array_unref(subject->held);
    g_ptr_array_unref(subject->held_fields);
    g_free(subject);
}

static gboolean is_allowed(const PlanOptions *options, Label label, const char *key)
{
    switch (label) {
    case LABEL_RESTART:
        return !options->forbid_restart && (options->allow_restart_only == NULL ||
                                            wanted_matches(options->allow_restart_only, key));
    case LABEL_REBUILD:
    case LABEL_REPLACE:
        return options->allow_replace && (options->allow_replace_only == NULL ||
                                          wanted_matches(options->allow_replace_only, key));
    default:
        return TRUE;
    }
}

/* Whether a change takes the data along (FactRow.carries). */
static gboolean subject_carries(const FactChange *change)
{
    return change->from != NULL && change->to != NULL && change->row->carries != NULL &&
           change->row->carries(change->from, change->to);
}

Label subject_cost(const FactChange *change)
{
    if (change->from == NULL || change->to == NULL || subject_carries(change))
        return LABEL_LIVE;
    return change->row->label;
}

gboolean subject_is_renamed(const Subject *subject)
{
    return subject->stored != NULL && subject->wanted != NULL &&
           strcmp(subject->stored->key, subject->wanted->key) != 0;
}

static void block_rename(Planner *planner, const char *key)
{
    g_autofree char *label = object_key_label(key);

    planner_block(
        planner->plan, ERR_REFUSED,
        g_strdup_printf("%s is renamed while it runs, which needs a restart that is not allowed",
                        label));
}

/* A rename moves every fact, equal or not. All of it moves, or nothing: it cannot be held back in
 * part. */
static gboolean compare_renamed(Planner *planner, const Driver *driver, const char *key,
                                Subject *subject, GError **error)
{
    subject->changes = facts_pair(driver, subject->observed, subject->expected, error);
    if (subject->changes == NULL)
        return FALSE;
    for (guint i = 0; i < subject->changes->len; i++) {
        const FactChange *change = subject->changes->pdata[i];

        if (change->from != NULL && change->row->split &&
            !is_allowed(planner->options, change->row->label, key))
            block_rename(planner, key);
    }
    return TRUE;
}

gboolean subject_holds(const Subject *subject, Label label)
{
    for (guint i = 0; i < subject->held->len; i++) {
        if (((const FactRow *)subject->held->pdata[i])->label == label)
            return TRUE;
    }
    return FALSE;
}

/* A restart that may only be needed for the new root waits with it. */
static gboolean waits_for_rebuild(const Subject *subject, const FactChange *change)
{
    return change->row->label == LABEL_RESTART && subject_holds(subject, LABEL_REBUILD);
}

static void add_held_field(Subject *subject, const FactChange *change, const char *member,
                           const json_t *from, const json_t *to)
{
    PlanField *field = plan_field_new(change->path, from, to, change->row->label);

    if (member != NULL) {
        g_free(field->path);
        field->path = g_strdup_printf("%s/%s", change->path, member);
    }
    field->pending = TRUE;
    g_ptr_array_add(subject->held_fields, field);
}

/* Remembers what `held`, the change as far as it is allowed, leaves out of it. */
static void add_held_fields(Subject *subject, const FactChange *change, const json_t *held)
{
    const char *member;
    json_t *to;

    if (!json_is_object(change->to)) {
        add_held_field(subject, change, NULL, change->from, change->to);
        return;
    }
    json_object_foreach (change->to, member, to) {
        if (member[0] != '$' && !facts_equal(json_object_get(held, member), to))
            add_held_field(subject, change, member, json_object_get(change->from, member), to);
    }
}

/* Data that is deleted for good at once leaves no room for a new one built beside it: the object is
 * taken down as a whole first. */
static gboolean remake(Planner *planner, const Driver *driver, const char *key, Subject *subject,
                       GError **error)
{
    gboolean staged = FALSE;

    for (guint i = 0; i < subject->changes->len; i++) {
        const FactChange *change = subject->changes->pdata[i];

        staged = staged || (change->row->stage != NULL && change->from != NULL &&
                            change->to != NULL && !subject_carries(change));
    }
    if (!staged || !wanted_matches(planner->options->no_park, key))
        return TRUE;
    subject->anew = TRUE;
    g_clear_pointer(&subject->changes, g_ptr_array_unref);
    subject->changes = facts_pair(driver, subject->observed, subject->expected, error);
    return subject->changes != NULL;
}

/* What is written to while it is carried over would be torn. */
static void block_carrying(Planner *planner, const char *key, const Subject *subject)
{
    g_autofree char *label = object_key_label(key);

    for (guint i = 0; i < subject->changes->len; i++)
        if (subject_carries(subject->changes->pdata[i]) &&
            json_object_get(subject->observed, "running") != NULL)
            planner_block(planner->plan, ERR_REFUSED,
                          g_strdup_printf("%s goes to another pool, and it is running: stop it "
                                          "first",
                                          label));
}

/* The facts that differ; a change whose cost is not allowed is held back, and what remains is
 * compared again. */
static gboolean compare_facts(Planner *planner, const Driver *driver, const char *key,
                              Subject *subject, GError **error)
{
    for (;;) {
        gboolean again = FALSE;

        g_clear_pointer(&subject->changes, g_ptr_array_unref);
        subject->changes = facts_diff(driver, subject->observed, subject->expected, error);
        if (subject->changes == NULL)
            return FALSE;
        for (guint i = 0; i < subject->changes->len && !again; i++) {
            const FactChange *change = subject->changes->pdata[i];
            g_autoptr(json_t) held = NULL;
            json_t *copy;

            if (change->from == NULL || change->to == NULL ||
                (is_allowed(planner->options, subject_cost(change), key) &&
                 !waits_for_rebuild(subject, change)))
                continue;
            held = facts_hold_back(driver, change->row, change->path, change->from, change->to);
            copy = json_deep_copy(subject->expected);
            facts_set(copy, change->path, held);
            g_ptr_array_add(subject->held, (gpointer)change->row);
            add_held_fields(subject, change, held);
            json_decref(subject->expected);
            subject->expected = copy;
            again = TRUE;
        }
        if (!again)
            return remake(planner, driver, key, subject, error);
    }
}

/* What the driver says that the facts should be. What it remarks becomes `warnings`, unless that is
 * NULL. */
static json_t *expect(const Context *context, const Object *object, const json_t *observed,
                      GPtrArray *warnings, GError **error)
{
    json_t *facts = DRIVERS[object->id.kind]->expect(context, object, observed, error);
    g_autoptr(json_t) remarks = driver_take_remarks(facts);
    size_t i;
    json_t *remark;

    json_array_foreach (warnings != NULL ? remarks : NULL, i, remark) {
        g_autofree char *label = object_label(object);

        g_ptr_array_add(warnings, g_strdup_printf("%s: %s", label, json_string_value(remark)));
    }
    return facts;
}

/* The facts that are expected before and after the plan, and what is observed with the arguments of
 * the former. Of what the plan does not touch both are the same. */
static gboolean expect_facts(Planner *planner, const char *key, Subject *subject,
                             const json_t *observed, GError **error)
{
    const Object *stored = subject->stored, *wanted = subject->wanted;
    GPtrArray *warnings = planner->plan->warnings;
    gboolean same =
        stored != NULL && wanted != NULL && !g_hash_table_contains(planner->touched, key);

    if (stored != NULL) {
        subject->was_expected =
            expect(&planner->before, stored, observed, same ? warnings : NULL, error);
        if (subject->was_expected == NULL)
            return FALSE;
        subject->observed = facts_with_arguments(observed, subject->was_expected);
    } else {
        subject->observed = json_incref((json_t *)observed);
    }
    if (same)
        subject->expected = json_incref(subject->was_expected);
    else if (wanted != NULL)
        subject->expected = expect(&planner->after, wanted, observed, warnings, error);
    else
        subject->expected = json_object();
    return subject->expected != NULL;
}

Subject *subject_new(Planner *planner, const char *key, const json_t *observed, GError **error)
{
    const char *old = g_hash_table_lookup(planner->wanted->renamed, key);
    const Object *stored = snapshot_get(planner->base, old != NULL ? old : key);
    const Object *wanted = snapshot_get(planner->plan->next, key);
    const Driver *driver = DRIVERS[wanted != NULL ? wanted->id.kind : stored->id.kind];
    Subject *subject = g_new0(Subject, 1);
    gboolean made = TRUE;

    subject->stored = stored;
    subject->wanted = wanted;
    subject->held = g_ptr_array_new();
    subject->held_fields = g_ptr_array_new_with_free_func((GDestroyNotify)plan_field_free);
    if (driver != NULL)
        made = expect_facts(planner, key, subject, observed, error) &&
               (subject_is_renamed(subject) ? compare_renamed : compare_facts)(planner, driver, key,
                                                                               subject, error);
    else
        subject->observed = json_incref((json_t *)observed);
    if (made && subject->changes != NULL)
        block_carrying(planner, key, subject);
    if (!made) {
        g_autofree char *label = object_key_label(key);

        g_prefix_error(error, "%s: ", label);
        g_clear_pointer(&subject, subject_free);
    }
    return subject;
}
