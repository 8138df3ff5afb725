#include "policy.h"

#include <string.h>

#include "expand.h"
#include "filter.h"
#include "planner.h"
#include "wanted.h"

/* One policy, ready to be asked. */
typedef struct {
    const Object *object;
    GPtrArray *patterns; /* of char *, borrowed; NULL: every object */
    Filter *filter;      /* NULL: fits every object */
    gboolean warns, requires;
} Policy;

static void policy_clear(Policy *policy)
{
    g_clear_pointer(&policy->patterns, g_ptr_array_unref);
    g_clear_pointer(&policy->filter, filter_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Policy, policy_clear)

static Policy policy_of(const Object *object)
{
    const char *effect = json_member_string(object->spec, "effect");
    const char *where = json_member_string(object->spec, "where");
    const json_t *patterns = json_object_get(object->spec, "objects");
    Policy policy = {.object = object,
                     .warns = g_strcmp0(effect, "warn") == 0,
                     .requires = g_strcmp0(effect, "require") == 0};
    size_t i;
    json_t *pattern;

    if (where != NULL)
        policy.filter = filter_parse(where, NULL);
    if (json_array_size(patterns) > 0)
        policy.patterns = g_ptr_array_new();
    json_array_foreach (patterns, i, pattern) {
        if (json_is_string(pattern))
            g_ptr_array_add(policy.patterns, (gpointer)json_string_value(pattern));
    }
    return policy;
}

/* ---- which objects ---- */

/* What `where` looks at: the object as files spell it, with what berth drew, and for an instance
 * with what its profiles give it. New reference. */
static json_t *shown(const Snapshot *model, const Object *object)
{
    json_t *value = json_copy(object->spec);
    const char *key;
    json_t *drawn;

    if (json_object_get(value, "labels") == NULL) /* so that a label that is missing is "" */
        json_object_set_new(value, "labels", json_object());
    json_object_set_new(value, "kind", json_string(object_kind(object)->name));
    json_object_set_new(value, "name", json_string(object->id.name));
    json_object_set_new(value, "project", json_string(object->id.project));
    json_object_set_new(value, "owner", json_string(object->owner));
    if (object_kind(object)->flags & KIND_CONFIG) {
        json_t *config = json_copy(json_object_get(object->spec, "config"));

        json_object_foreach (object->generated, key, drawn) {
            if (key[0] != '$' && json_object_get(config, key) == NULL)
                json_object_set(config, key, drawn);
        }
        json_object_set_new(value, "config", config);
    }
    if (object->id.kind == KIND_INSTANCE) {
        g_auto(Expanded) expanded = {0};

        expand_instance(model, object, &expanded);
        json_object_set(value, "expanded_config", expanded.config);
        json_object_set(value, "expanded_devices", expanded.devices);
    }
    return value;
}

static gboolean is_in_projects(const Policy *policy, const Object *object)
{
    const json_t *projects = json_object_get(policy->object->spec, "projects");
    size_t i;
    json_t *pattern;

    json_array_foreach (projects, i, pattern) {
        if (json_is_string(pattern) &&
            g_pattern_match_simple(json_string_value(pattern), object->id.project))
            return TRUE;
    }
    return json_array_size(projects) == 0;
}

static gboolean is_about(const Policy *policy, const Object *object)
{
    return (policy->patterns == NULL || wanted_matches(policy->patterns, object->key)) &&
           is_in_projects(policy, object);
}

static gboolean fits(const Policy *policy, const Snapshot *model, const Object *object)
{
    g_autoptr(json_t) value = policy->filter != NULL ? shown(model, object) : NULL;

    return filter_matches(policy->filter, value);
}

/* ---- rules ---- */

static gboolean is_about_action(const Policy *policy, Action action)
{
    const json_t *on = json_object_get(policy->object->spec, "on");

    if (action != ACTION_CREATE && action != ACTION_UPDATE && action != ACTION_DELETE)
        return FALSE;
    return json_array_size(on) == 0 ? action != ACTION_DELETE
                                    : json_has_text(on, action_to_string(action));
}

/* Says which policy it is, where it was written, and why, in its author's words. */
static void judge(Plan *plan, const Policy *policy, gboolean warns, const char *text)
{
    const char *why = json_member_string(policy->object->spec, "description");
    g_autofree char *where = object_where(policy->object, "");
    char *line = g_strdup_printf("policy \"%s\"%s%s%s: %s%s%s", policy->object->id.name,
                                 where != NULL ? " (" : "", where != NULL ? where : "",
                                 where != NULL ? ")" : "", text, why != NULL ? ": " : "",
                                 why != NULL ? why : "");

    if (warns)
        g_ptr_array_add(plan->warnings, line);
    else
        planner_block(plan, ERR_REFUSED, line);
}

static char *rule_text(const Policy *policy, const Object *object, Action action)
{
    const char *where = json_member_string(policy->object->spec, "where");
    g_autofree char *label = object_label(object);

    if (policy->requires)
        return g_strdup_printf("%s must fit \"%s\"", label, where);
    if (where == NULL)
        return g_strdup_printf("%s: no %s here", label, action_to_string(action));
    return g_strdup_printf("%s fits \"%s\"", label, where);
}

static void check_rule(Plan *plan, const Policy *policy)
{
    for (guint i = 0; i < plan->objects->len; i++) {
        const PlanObject *change = plan->objects->pdata[i];
        const Object *object = change->wanted != NULL ? change->wanted : change->stored;
        const Snapshot *model = change->wanted != NULL ? plan->next : plan->base;
        g_autofree char *text = NULL;

        if (!is_about_action(policy, change->action) || !is_about(policy, object) ||
            fits(policy, model, object) == policy->requires)
            continue;
        text = rule_text(policy, object, change->action);
        judge(plan, policy, policy->warns, text);
    }
}

/* A new rule says what of the present it would not have let in. */
static void check_present(Plan *plan, const Policy *policy)
{
    g_autoptr(GHashTable) changed = g_hash_table_new(g_str_hash, g_str_equal);

    for (guint i = 0; i < plan->objects->len; i++)
        g_hash_table_add(changed, ((const PlanObject *)plan->objects->pdata[i])->key);
    for (guint i = 0; i < snapshot_size(plan->next); i++) {
        const Object *object = snapshot_at(plan->next, i);
        g_autofree char *rule = NULL;
        g_autofree char *text = NULL;

        if (g_hash_table_contains(changed, object->key) || !is_about(policy, object) ||
            fits(policy, plan->next, object) == policy->requires)
            continue;
        rule = rule_text(policy, object, ACTION_CREATE);
        text = g_strdup_printf("already there: %s", rule);
        judge(plan, policy, TRUE, text);
    }
}

/* ---- budgets ---- */

static guint spent(const Plan *plan, const Policy *policy, const char *field)
{
    guint count = 0;

    for (guint i = 0; i < plan->objects->len; i++) {
        const PlanObject *change = plan->objects->pdata[i];
        const Object *object = change->wanted != NULL ? change->wanted : change->stored;
        gboolean counts = strcmp(field, "max_creates") == 0   ? change->action == ACTION_CREATE
                          : strcmp(field, "max_deletes") == 0 ? change->action == ACTION_DELETE
                          : strcmp(field, "max_restarts") == 0
                              ? change->label == LABEL_RESTART
                              : change->label == LABEL_REBUILD || change->label == LABEL_REPLACE;

        if (counts && is_about(policy, object) &&
            fits(policy, change->wanted != NULL ? plan->next : plan->base, object))
            count++;
    }
    return count;
}

/* FALSE when the policy has no budget: it is a rule. */
static gboolean check_budgets(Plan *plan, const Policy *policy)
{
    static const char *const budgets[][2] = {{"max_creates", "creates"},
                                             {"max_deletes", "deletes"},
                                             {"max_restarts", "restarts"},
                                             {"max_replaces", "replaces or rebuilds"}};
    gboolean found = FALSE;

    for (guint i = 0; i < G_N_ELEMENTS(budgets); i++) {
        const json_t *most = json_object_get(policy->object->spec, budgets[i][0]);
        g_autofree char *text = NULL;
        guint count;

        if (most == NULL)
            continue;
        found = TRUE;
        count = spent(plan, policy, budgets[i][0]);
        if ((json_int_t)count <= json_integer_value(most))
            continue;
        text = g_strdup_printf("the plan %s %u objects, %s is %" JSON_INTEGER_FORMAT, budgets[i][1],
                               count, budgets[i][0], json_integer_value(most));
        judge(plan, policy, policy->warns, text);
    }
    return found;
}

/* ---- all of them ---- */

static void check_one(Plan *plan, const Object *object, gboolean is_new)
{
    g_auto(Policy) policy = policy_of(object);

    /* Of a request that was not checked by the model: it must not let anything through. */
    if (policy.filter == NULL && json_object_get(object->spec, "where") != NULL) {
        judge(plan, &policy, FALSE, "its `where` cannot be read");
        return;
    }
    if (check_budgets(plan, &policy))
        return;
    check_rule(plan, &policy);
    if (is_new && json_array_size(json_object_get(object->spec, "on")) == 0)
        check_present(plan, &policy);
}

void policy_check(Plan *plan, const GPtrArray *extra)
{
    const Snapshot *models[] = {plan->base, plan->next};

    for (guint m = 0; m < G_N_ELEMENTS(models); m++) {
        guint first, count;

        snapshot_range(models[m], KIND_POLICY, "", &first, &count);
        for (guint i = first; i < first + count; i++) {
            const Object *object = snapshot_at(models[m], i);
            const Object *other = snapshot_get(models[1 - m], object->key);
            gboolean same = other != NULL && json_equal(other->spec, object->spec);

            if (m == 0 || !same)
                check_one(plan, object, m == 1);
        }
    }
    for (guint i = 0; extra != NULL && i < extra->len; i++)
        check_one(plan, extra->pdata[i], FALSE);
}
