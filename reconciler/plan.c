#include "plan.h"

#include <string.h>

#include "notes.h"
#include "planner.h"
#include "secrets.h"

const char *action_to_string(Action action)
{
    static const char *const names[ACTION_MAX] = {"none",   "create", "update",
                                                  "delete", "repair", "adopt"};

    return names[action];
}

void plan_free(Plan *plan)
{
    if (plan == NULL)
        return;
    g_ptr_array_unref(plan->objects);
    g_ptr_array_unref(plan->steps);
    g_ptr_array_unref(plan->needed);
    g_ptr_array_unref(plan->warnings);
    g_ptr_array_unref(plan->irreversible);
    g_ptr_array_unref(plan->blocked);
    snapshot_unref(plan->base);
    snapshot_unref(plan->next);
    g_free(plan->hash);
    g_free(plan->source);
    if (plan->secrets != NULL)
        g_hash_table_unref(plan->secrets);
    json_decref(plan->notes);
    g_free(plan);
}

gboolean plan_is_empty(const Plan *plan)
{
    if (plan->steps->len > 0 || plan->reverts != 0)
        return FALSE;
    for (guint i = 0; i < plan->objects->len; i++) {
        if (((const PlanObject *)plan->objects->pdata[i])->action != ACTION_NONE)
            return FALSE;
    }
    return TRUE;
}

static json_t *strings_to_json(const GPtrArray *strings)
{
    json_t *list = json_array();

    for (guint i = 0; i < strings->len; i++)
        json_array_append_new(list, json_string(strings->pdata[i]));
    return list;
}

/* Nothing changes that is shown, only the content of a secret. */
static gboolean secret_changed(const PlanField *field)
{
    return secrets_changed(field->before, field->after) ||
           (field->secret && field->before != NULL && field->after != NULL &&
            !json_equal(field->before, field->after));
}

/* The value as it is shown; NULL is null. New reference. */
static json_t *shown(const PlanField *field, const json_t *value)
{
    g_autofree char *text = NULL;

    if (value == NULL)
        return json_null();
    if (value == field->after && secret_changed(field))
        return json_string("(secret changed)");
    if (field->secret)
        return json_string("(secret)");
    if (!secrets_in_value(value))
        return json_incref((json_t *)value);
    text = json_is_string(value) ? secrets_shown(json_string_value(value)) : json_text(value);
    return json_string(text);
}

/* With `exact` values are what they are: for the hash, which sees a secret change. */
static json_t *field_to_json(const PlanField *field, const char *owner, gboolean exact)
{
    json_t *before =
        exact && field->before != NULL ? json_incref(field->before) : shown(field, field->before);
    json_t *after =
        exact && field->after != NULL ? json_incref(field->after) : shown(field, field->after);
    json_t *value = json_pack("{s:s, s:o, s:o, s:s, s:s, s:s?}", "path", field->path, "before",
                              before, "after", after, "label", label_to_string(field->label),
                              "owner", owner, "source", field->where);

    if (field->via != NULL)
        json_object_set_new(value, "via", json_string(field->via));
    if (field->drift)
        json_object_set_new(value, "drift", json_true());
    if (field->pending)
        json_object_set_new(value, "pending", json_true());
    return value;
}

static json_t *object_to_json(const PlanObject *object, gboolean exact)
{
    const Object *any = object->wanted != NULL ? object->wanted : object->stored;
    json_t *fields = json_array();
    json_t *value;

    for (guint i = 0; i < object->fields->len; i++)
        json_array_append_new(fields, field_to_json(object->fields->pdata[i], any->owner, exact));
    value = json_pack("{s:s, s:s, s:s, s:s, s:[s], s:s, s:s, s:o}", "key", object->key, "kind",
                      object_kind(any)->name, "project", any->id.project, "name", any->id.name,
                      "actions", action_to_string(object->action), "label",
                      label_to_string(object->label), "owner", any->owner, "fields", fields);
    if (object->pending)
        json_object_set_new(value, "pending", json_true());
    if (object->stored != NULL && object->wanted != NULL &&
        strcmp(object->stored->key, object->wanted->key) != 0)
        json_object_set_new(value, "renamed_from", json_string(object->stored->id.name));
    if (object->action == ACTION_ADOPT)
        json_object_set_new(value, "former_owner", json_string(object->stored->owner));
    return value;
}

static json_t *step_to_json(const PlanStep *step)
{
    static const char *const phases[PHASE_MAX] = {"add", "down", "change", "up"};
    json_t *after = json_array();
    g_autofree char *from = step->step.from != NULL ? json_digest(step->step.from) : NULL;
    g_autofree char *to = step->step.to != NULL ? json_digest(step->step.to) : NULL;

    for (guint i = 0; i < step->after->len; i++)
        json_array_append_new(after, json_integer(g_array_index(step->after, guint, i)));
    /* Facts can hold secrets and are long: a plan shows digests of them. */
    return json_pack("{s:s, s:s, s:s, s:s, s:s?, s:s?, s:o}", "name", step->step.name, "key",
                     step->step.key, "path", step->step.path, "phase", phases[step->phase], "from",
                     from, "to", to, "after", after);
}

/* All but the hash. The model's revision and the digests of what was observed stand where a clock
 * would make two equal plans differ. */
static json_t *plan_body(const Plan *plan, gboolean exact)
{
    json_t *objects = json_array();
    json_t *steps = json_array();
    g_autoptr(GChecksum) observed = g_checksum_new(G_CHECKSUM_SHA256);

    for (guint i = 0; i < plan->objects->len; i++) {
        const PlanObject *object = plan->objects->pdata[i];
        g_autofree char *digest =
            object->observed != NULL ? json_digest(object->observed) : g_strdup("");

        json_array_append_new(objects, object_to_json(object, exact));
        g_checksum_update(observed, (const guchar *)digest, -1);
    }
    for (guint i = 0; i < plan->steps->len; i++)
        json_array_append_new(steps, step_to_json(plan->steps->pdata[i]));
    return json_pack(
        "{s:i, s:{s:I, s:s}, s:o, s:o, s:o, s:o, s:o}", "format_version", 1, "observed_at",
        "revision", (json_int_t)plan->revision, "facts", g_checksum_get_string(observed), "objects",
        objects, "steps", steps, "warnings", strings_to_json(plan->warnings), "irreversible",
        strings_to_json(plan->irreversible), "blocked", strings_to_json(plan->blocked));
}

void plan_seal(Plan *plan)
{
    g_autoptr(json_t) body = plan_body(plan, TRUE);

    g_free(plan->hash);
    plan->hash = json_digest(body);
}

json_t *plan_json(const Plan *plan)
{
    json_t *body = plan_body(plan, FALSE);

    if (plan->needed->len > 0)
        json_object_set_new(body, "needed", strings_to_json(plan->needed));
    if (plan->reverts != 0)
        json_object_set_new(body, "reverts", json_integer(plan->reverts));

    json_object_set_new(body, "plan_hash", json_string(plan->hash));
    return body;
}

char *plan_json_digest(const json_t *plan)
{
    g_autoptr(json_t) content = json_deep_copy(plan);

    json_object_del(content, "plan_hash");
    json_object_del(json_object_get(content, "observed_at"), "revision");
    return json_digest(content);
}

json_t *plan_shown(const Plan *plan)
{
    json_t *shown =
        json_pack("{s:o, s:I}", "plan", plan_json(plan), "examined", (json_int_t)plan->examined);

    if (plan->blocked->len > 0) {
        const GError blocked = {BERTH_ERROR, (gint)plan->blocked_code, NULL};

        json_object_set_new(shown, "blocked_code", json_string(error_word(&blocked)));
    }
    if (json_object_get(plan->notes, SPACE_HELD) != NULL)
        json_object_set_new(shown, "held", json_true());
    return shown;
}
