#include "edit_project.h"

#include <string.h>

#include "kind.h"
#include "type.h"

void project_set_features(json_t *body)
{
    static const char prefix[] = "features.";
    json_t *config = json_object_get(body, "config");

    if (config == NULL || json_is_null(config)) {
        config = json_object();
        json_object_set_new(body, "config", config);
    }
    for (const Row *row = KINDS[KIND_PROJECT]->config; json_is_object(config) && row->key != NULL;
         row++)
        if (g_str_has_prefix(row->key, prefix) && strcmp(row->fallback, "true") == 0 &&
            json_object_get(config, row->key) == NULL)
            json_object_set_new(config, row->key, json_string(row->fallback));
}

void project_add_profile(const Snapshot *model, const Object *stored, const Object *wanted,
                         GPtrArray *objects, GPtrArray *keys)
{
    const Object *had =
        stored != NULL ? snapshot_find(model, KIND_PROFILE, stored->id.name, "default") : NULL;
    json_t *spec;

    if (had != NULL)
        g_ptr_array_add(keys, had->key);
    if (wanted == NULL || !type_is_true(object_config_or_default(wanted, "features.profiles")))
        return;
    spec = had != NULL
               ? json_deep_copy(had->spec)
               : json_pack("{s:o, s:{}, s:{}}", "description",
                           json_sprintf("Default LXD profile for project %s", wanted->id.name),
                           "config", "devices");
    g_ptr_array_add(objects, object_new(KIND_PROFILE, wanted->id.name, "", "default", spec, NULL));
}
