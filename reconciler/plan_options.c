#include "plan_options.h"

#include <string.h>

#include "document.h"

static GPtrArray *words_of(const json_t *options, const char *key)
{
    const json_t *list = json_object_get(options, key);
    GPtrArray *words;
    size_t i;
    json_t *item;

    if (list == NULL)
        return NULL;
    words = g_ptr_array_new();
    json_array_foreach ((json_t *)list, i, item)
        if (json_is_string(item))
            g_ptr_array_add(words, (char *)json_string_value(item));
    return words;
}

/* Policies that were checked when they were read from their file. */
static GPtrArray *policies_of(const json_t *options)
{
    json_t *bodies = json_object_get(options, "policies");
    GPtrArray *policies;
    const char *name;
    json_t *body;

    if (bodies == NULL)
        return NULL;
    policies = g_ptr_array_new_with_free_func((GDestroyNotify)object_unref);
    json_object_foreach (bodies, name, body)
        g_ptr_array_add(policies,
                        object_new(KIND_POLICY, "", "", name, json_deep_copy(body), NULL));
    return policies;
}

static GHashTable *set_of(const json_t *options, const char *key)
{
    const json_t *list = json_object_get(options, key);
    GHashTable *set;
    const json_t *item;
    size_t i;

    if (list == NULL)
        return NULL;
    set = g_hash_table_new(g_str_hash, g_str_equal);
    json_array_foreach (list, i, item)
        if (json_is_string(item))
            g_hash_table_add(set, (gpointer)json_string_value(item));
    return set;
}

gboolean plan_options_read(const json_t *options, PlanOptions *ret, GError **error)
{
    const char *selector = json_member_string(options, "selector");
    const json_t *replace = json_object_get(options, "allow_replace");
    const json_t *restart = json_object_get(options, "allow_restart");

    memset(ret, 0, sizeof(*ret));
    ret->project = json_member_string(options, "project");
    ret->set = json_member_string(options, "set");
    ret->only = words_of(options, "only");
    ret->exclude = words_of(options, "exclude");
    ret->prune = json_is_true(json_object_get(options, "prune"));
    ret->adopt = json_is_true(json_object_get(options, "adopt"));
    ret->new_image = words_of(options, "new_image");
    ret->no_park = words_of(options, "no_park");
    ret->refresh = json_is_true(json_object_get(options, "refresh"));
    ret->force = json_is_true(json_object_get(options, "force"));
    ret->saved = json_is_true(json_object_get(options, "saved"));
    ret->allow_replace = replace != NULL;
    if (replace != NULL && !json_has_text(replace, "all"))
        ret->allow_replace_only = words_of(options, "allow_replace");
    ret->forbid_restart = restart != NULL && json_has_text(restart, "none");
    if (restart != NULL && !ret->forbid_restart && !json_has_text(restart, "all"))
        ret->allow_restart_only = words_of(options, "allow_restart");
    ret->policies = policies_of(options);
    ret->keys = set_of(options, "keys");
    if (selector != NULL)
        ret->selector = selector_parse(selector, error);
    return selector == NULL || ret->selector != NULL;
}

void plan_options_clear(PlanOptions *options)
{
    g_clear_pointer(&options->keys, g_hash_table_unref);
    g_clear_pointer(&options->selector, selector_free);
    g_clear_pointer(&options->only, g_ptr_array_unref);
    g_clear_pointer(&options->exclude, g_ptr_array_unref);
    g_clear_pointer(&options->new_image, g_ptr_array_unref);
    g_clear_pointer(&options->no_park, g_ptr_array_unref);
    g_clear_pointer(&options->allow_replace_only, g_ptr_array_unref);
    g_clear_pointer(&options->allow_restart_only, g_ptr_array_unref);
    g_clear_pointer(&options->policies, g_ptr_array_unref);
}
