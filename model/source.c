#include "source.h"

#include <string.h>

#include "type.h"
#include "units.h"

char *source_owner(const char *name)
{
    return g_strconcat(SOURCE_OWNER, name, NULL);
}

const Object *source_of(const Snapshot *snapshot, const Object *object)
{
    if (!g_str_has_prefix(object->owner, SOURCE_OWNER))
        return NULL;
    return snapshot_find(snapshot, KIND_SOURCE, "", object->owner + strlen(SOURCE_OWNER));
}

const char *source_text(const Object *source, const char *field)
{
    const char *text = json_member_string(source->spec, field);
    const Row *row = row_find(KINDS[KIND_SOURCE]->fields, field);

    return text != NULL || row == NULL ? text : row->fallback;
}

gboolean source_flag(const Object *source, const char *field)
{
    const json_t *value = json_object_get(source->spec, field);
    const Row *row = row_find(KINDS[KIND_SOURCE]->fields, field);

    return value != NULL ? json_is_true(value) : row != NULL && type_is_true(row->fallback);
}

gint64 source_seconds(const Object *source, const char *field)
{
    const char *text = source_text(source, field);
    gint64 seconds = 0;

    if (text != NULL)
        units_parse_duration(text, &seconds, NULL);
    return seconds;
}

const char *source_mode(const Snapshot *snapshot, const Object *object)
{
    const Object *source = source_of(snapshot, object);
    const char *mode = source != NULL ? source_text(source, "mode") : NULL;

    if (mode != NULL && source_flag(source, "suspend") && strcmp(mode, "correct") == 0)
        return "warn";
    return mode;
}
