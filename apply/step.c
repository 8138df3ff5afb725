#include "step.h"

#include "host.h"

PlanStep *plan_step_new(const FactRow *row, const char *key, const char *path, json_t *from,
                        json_t *to, Phase phase)
{
    PlanStep *plan_step = g_new0(PlanStep, 1);

    plan_step->step = (Step){.name = g_strdup(row->name),
                             .key = g_strdup(key),
                             .path = g_strdup(path),
                             .from = json_incref(from),
                             .to = json_incref(to)};
    plan_step->object = g_strdup(key);
    plan_step->row = row;
    plan_step->phase = phase;
    plan_step->after = g_array_new(FALSE, FALSE, sizeof(guint));
    return plan_step;
}

static void step_clear(Step *step)
{
    g_free(step->name);
    g_free(step->key);
    g_free(step->path);
    json_decref(step->from);
    json_decref(step->to);
    g_free(step->from_key);
    g_free(step->tx);
}

void plan_step_free(PlanStep *plan_step)
{
    if (plan_step == NULL)
        return;
    step_clear(&plan_step->step);
    g_free(plan_step->object);
    g_array_unref(plan_step->after);
    g_free(plan_step);
}

Step *step_copy(const Step *step, const char *tx)
{
    Step *copy = g_new0(Step, 1);

    *copy = (Step){.name = g_strdup(step->name),
                   .key = g_strdup(step->key),
                   .path = g_strdup(step->path),
                   .from = json_incref(step->from),
                   .to = json_incref(step->to),
                   .from_key = g_strdup(step->from_key),
                   .tx = g_strdup(step->tx != NULL ? step->tx : tx)};
    return copy;
}

void plan_steps_ahead(Host *host, const GPtrArray *steps, gboolean on)
{
    for (guint i = 0; i < steps->len; i++) {
        const PlanStep *plan_step = steps->pdata[i];

        if (plan_step->step.to != NULL)
            host_ahead(host, plan_step->row, on);
    }
}

gboolean plan_step_do(Host *host, const PlanStep *plan_step, const Step *step, GError **error)
{
    if (plan_step->staging)
        return host_stage(host, step, error);
    return host_ensure(host, step, error) && (!plan_step->final || host_purge(host, step, error));
}

gboolean plan_step_undo(Host *host, const PlanStep *plan_step, const Step *step, GError **error)
{
    Step reversed = *step;

    if (plan_step->staging)
        return host_unstage(host, step, error);
    reversed.from = step->to;
    reversed.to = step->from;
    if (step->from_key != NULL) {
        reversed.key = step->from_key;
        reversed.from_key = step->key;
    }
    if (!host_ensure(host, &reversed, error))
        return FALSE;
    if (plan_step->final) /* what a purge that was cut short left */
        return host_purge(host, step, error);
    /* Taking an addition back parks it, as any removal does; data of an earlier transaction stays
     * there. */
    return step->from != NULL || plan_step->step.tx != NULL || host_purge(host, &reversed, error);
}

void step_free(Step *step)
{
    if (step == NULL)
        return;
    step_clear(step);
    g_free(step);
}

json_t *plan_step_to_json(const PlanStep *plan_step)
{
    const Step *step = &plan_step->step;

    return json_pack("{s:s, s:s, s:s, s:s, s:O*, s:O*, s:s*, s:s*, s:b, s:b, s:b, s:i}", "name",
                     step->name, "object", plan_step->object, "key", step->key, "path", step->path,
                     "from", step->from, "to", step->to, "from_key", step->from_key, "tx", step->tx,
                     "staging", plan_step->staging, "purges", plan_step->purges, "final",
                     plan_step->final, "phase", (int)plan_step->phase);
}

PlanStep *plan_step_from_json(const json_t *value)
{
    const char *name = json_member_string(value, "name");
    const char *key = json_member_string(value, "key");
    const char *path = json_member_string(value, "path");
    const FactRow *row = name != NULL ? driver_row_by_name(name) : NULL;
    PlanStep *plan_step;

    if (row == NULL || key == NULL || path == NULL)
        return NULL;
    plan_step =
        plan_step_new(row, key, path, json_object_get(value, "from"), json_object_get(value, "to"),
                      (Phase)json_integer_value(json_object_get(value, "phase")));
    plan_step->step.tx = g_strdup(json_member_string(value, "tx"));
    plan_step->step.from_key = g_strdup(json_member_string(value, "from_key"));
    if (json_member_string(value, "object") != NULL) {
        g_free(plan_step->object);
        plan_step->object = g_strdup(json_member_string(value, "object"));
    }
    plan_step->staging = json_is_true(json_object_get(value, "staging"));
    plan_step->purges = json_is_true(json_object_get(value, "purges"));
    plan_step->final = json_is_true(json_object_get(value, "final"));
    return plan_step;
}
