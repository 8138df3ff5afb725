/* What an apply did, as JSON: for scripts, and for clients of the daemon. */
#include "engine.h"

void apply_result_clear(ApplyResult *result)
{
    g_clear_pointer(&result->pending, g_ptr_array_unref);
    g_clear_pointer(&result->drifted, g_ptr_array_unref);
    g_clear_pointer(&result->restarted, g_ptr_array_unref);
    g_clear_pointer(&result->remade, g_ptr_array_unref);
    g_clear_pointer(&result->failed, g_ptr_array_unref);
    g_clear_pointer(&result->warnings, g_ptr_array_unref);
}

static json_t *list_of(const GPtrArray *strings)
{
    json_t *list = json_array();

    for (guint i = 0; strings != NULL && i < strings->len; i++)
        json_array_append_new(list, json_string(g_ptr_array_index(strings, i)));
    return list;
}

json_t *apply_result_json(const ApplyResult *result)
{
    json_t *value =
        json_pack("{s:I, s:i, s:o, s:o, s:o, s:o, s:o, s:o, s:I}", "generation",
                  (json_int_t)result->generation, "steps", (int)result->steps_done, "pending",
                  list_of(result->pending), "drifted", list_of(result->drifted), "restarted",
                  list_of(result->restarted), "remade", list_of(result->remade), "failed",
                  list_of(result->failed), "warnings", list_of(result->warnings), "milliseconds",
                  (json_int_t)result->milliseconds);

    if (result->revert_at != 0)
        json_object_set_new(value, "revert_at", json_integer(result->revert_at));
    return value;
}

static GPtrArray *strings_of(const json_t *list)
{
    GPtrArray *strings = g_ptr_array_new_with_free_func(g_free);
    const json_t *item;
    size_t i;

    json_array_foreach (list, i, item)
        if (json_is_string(item))
            g_ptr_array_add(strings, g_strdup(json_string_value(item)));
    return strings;
}

void apply_result_read(const json_t *value, ApplyResult *ret)
{
    *ret = (ApplyResult){
        .generation = json_integer_value(json_object_get(value, "generation")),
        .revert_at = json_integer_value(json_object_get(value, "revert_at")),
        .steps_done = (guint)json_integer_value(json_object_get(value, "steps")),
        .pending = strings_of(json_object_get(value, "pending")),
        .drifted = strings_of(json_object_get(value, "drifted")),
        .restarted = strings_of(json_object_get(value, "restarted")),
        .remade = strings_of(json_object_get(value, "remade")),
        .failed = strings_of(json_object_get(value, "failed")),
        .warnings = strings_of(json_object_get(value, "warnings")),
        .milliseconds = json_integer_value(json_object_get(value, "milliseconds")),
    };
}
