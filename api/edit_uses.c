#include "edit_uses.h"

#include <string.h>

void profile_rename_uses(const Snapshot *model, const Object *stored, const char *name,
                         GPtrArray *objects)
{
    for (guint i = 0; i < snapshot_size(model); i++) {
        const Object *user = snapshot_at(model, i);
        g_autoptr(json_t) spec = NULL;
        json_t *profiles;
        json_t *profile;
        size_t at;

        if ((user->id.kind != KIND_INSTANCE && user->id.kind != KIND_IMAGE) ||
            strcmp(snapshot_project_for(model, KIND_PROFILE, user->id.project),
                   stored->id.project) != 0)
            continue;
        if (!json_has_text(json_object_get(user->spec, "profiles"), stored->id.name))
            continue;
        spec = json_deep_copy(user->spec);
        profiles = json_object_get(spec, "profiles");
        json_array_foreach (profiles, at, profile) {
            if (g_strcmp0(json_string_value(profile), stored->id.name) == 0)
                json_array_set_new(profiles, at, json_string(name));
        }
        g_ptr_array_add(objects, object_with(user, spec, NULL));
    }
}
