#include "mask.h"

#include <string.h>

#include "secrets.h"

void mask_map(const Row *rows, json_t *map)
{
    const char *key;
    json_t *value;
    void *next;

    json_object_foreach_safe (map, next, key, value) {
        const Row *row = rows != NULL ? row_find(rows, key) : NULL;

        /* What stands for a secret's content is shown as its reference, wherever it leaves. */
        if (row != NULL && (row->flags & ROW_SECRET) != 0 &&
            !(json_is_string(value) && secrets_is_whole(json_string_value(value))))
            json_object_set_new(map, key, json_string(MASK));
        if (*key == '$')
            json_object_del(map, key);
    }
}

void mask_stored(const char *key, json_t *stored)
{
    g_autofree char *name = g_strndup(key, strcspn(key, "/"));
    const Kind *kind = kind_by_name(name);

    if (kind == NULL || !json_is_object(stored))
        return;
    mask_map(kind->fields, json_object_get(stored, "spec"));
    mask_map(kind->config, json_object_get(json_object_get(stored, "spec"), "config"));
    mask_map(kind->config, json_object_get(stored, "generated"));
}

void mask_generation(json_t *generation)
{
    static const char *const sides[] = {"before", "after"};
    size_t i;
    json_t *change;

    json_array_foreach (json_object_get(generation, "changes"), i, change)
        for (guint side = 0; side < G_N_ELEMENTS(sides); side++)
            mask_stored(json_member_string(change, "key"), json_object_get(change, sides[side]));
}

void mask_parked(json_t *parked)
{
    size_t i;
    json_t *entry;

    json_array_foreach (parked, i, entry) {
        json_object_del(entry, "step");
        mask_stored(json_member_string(entry, "key"), json_object_get(entry, "object"));
    }
}
