#include "step.h"

PlanStep *plan_step_new(const FactRow *row, const char *key, const char *path, json_t *from,
                        json_t *to, Phase phase)
{
    PlanStep *plan_step = g_new0(PlanStep, 1);

    plan_step->step = (Step){g_strdup(row->name), g_strdup(key),   g_strdup(path),
                             json_incref(from),   json_incref(to), NULL};
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
    g_free(step->tx);
}

void plan_step_free(PlanStep *plan_step)
{
    if (plan_step == NULL)
        return;
    step_clear(&plan_step->step);
    g_array_unref(plan_step->after);
    g_free(plan_step);
}

Step *step_copy(const Step *step, const char *tx)
{
    Step *copy = g_new0(Step, 1);

    *copy = (Step){g_strdup(step->name),  g_strdup(step->key),
                   g_strdup(step->path),  json_incref(step->from),
                   json_incref(step->to), g_strdup(step->tx != NULL ? step->tx : tx)};
    return copy;
}

Step step_reversed(const Step *step)
{
    Step reversed = *step;

    reversed.from = step->to;
    reversed.to = step->from;
    return reversed;
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

    return json_pack("{s:s, s:s, s:s, s:O*, s:O*, s:s*, s:b, s:b, s:i}", "name", step->name, "key",
                     step->key, "path", step->path, "from", step->from, "to", step->to, "tx",
                     step->tx, "staging", plan_step->staging, "purges", plan_step->purges, "phase",
                     (int)plan_step->phase);
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
    plan_step->staging = json_is_true(json_object_get(value, "staging"));
    plan_step->purges = json_is_true(json_object_get(value, "purges"));
    return plan_step;
}
