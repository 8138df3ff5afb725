#include "mode.h"

#include "source.h"

static const char *const NAMES[] = {
    [MODE_OFF] = "off", [MODE_WARN] = "warn", [MODE_CORRECT] = "correct"};

const char *mode_to_string(Mode mode)
{
    return NAMES[mode];
}

static gboolean parse(const char *text, Mode *ret)
{
    for (guint i = 0; i < G_N_ELEMENTS(NAMES); i++) {
        if (g_strcmp0(text, NAMES[i]) == 0) {
            *ret = i;
            return TRUE;
        }
    }
    return FALSE;
}

Mode mode_of(const Snapshot *model, const Object *object)
{
    const char *name = object->id.project[0] != '\0' ? object->id.project : "default";
    const Object *project = snapshot_find(model, KIND_PROJECT, "", name);
    Mode mode = MODE_WARN;

    if (!parse(source_mode(model, object), &mode) && project != NULL)
        parse(json_member_string(project->spec, "reconcile"), &mode);
    return mode;
}
