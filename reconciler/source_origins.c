#include "source_origins.h"

#include <string.h>

static const char *without(const char *prefix, const char *file)
{
    gsize length = strlen(prefix);

    return strncmp(file, prefix, length) == 0 && file[length] == '/' ? file + length + 1 : file;
}

json_t *source_origins(const Input *input, const char *prefix)
{
    json_t *origins = json_object();

    for (guint i = 0; i < input->objects->len; i++) {
        const Object *object = input->objects->pdata[i];
        json_t *at = json_object();

        for (guint o = 0; object->origins != NULL && o < object->origins->len; o++) {
            const Origin *origin = &g_array_index(object->origins, Origin, o);

            json_t *place = json_pack("[i, i]", (int)origin->line, (int)origin->column);

            if (origin->file != NULL)
                json_array_append_new(place, json_string(without(prefix, origin->file)));
            json_object_set_new(at, origin->path, place);
        }
        json_object_set_new(origins, object->key,
                            json_pack("{s:s, s:o}", "file",
                                      object->file != NULL ? without(prefix, object->file) : "",
                                      "at", at));
    }
    return origins;
}

char *source_origins_find(const json_t *origins, const char *key, const char *path)
{
    const json_t *entry = json_object_get(origins, key);
    const char *file = json_member_string(entry, "file");
    g_autofree char *near = g_strdup(path);

    if (file == NULL)
        return NULL;
    for (;;) {
        const json_t *place = json_object_get(json_object_get(entry, "at"), near);
        char *slash = strrchr(near, '/');

        if (place != NULL && json_array_size(place) > 2)
            file = json_string_value(json_array_get(place, 2));
        if (place != NULL)
            return g_strdup_printf("%s:%d:%d", file,
                                   (int)json_integer_value(json_array_get(place, 0)),
                                   (int)json_integer_value(json_array_get(place, 1)));
        if (*near == '\0')
            return g_strdup(file);
        *(slash != NULL ? slash : near) = '\0';
    }
}
