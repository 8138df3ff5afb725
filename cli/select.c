#include "select.h"

#include <string.h>

#include "error.h"

/* Splits KIND[/NAME]; the name is NULL when there is none. */
static const Kind *split(const char *text, const char **ret_name, GError **error)
{
    const char *slash = strchr(text, '/');
    g_autofree char *word = slash != NULL ? g_strndup(text, (gsize)(slash - text)) : g_strdup(text);
    const Kind *kind = kind_by_name(word);

    if (kind == NULL) {
        GString *names = g_string_new(NULL);

        for (guint i = 0; i < KIND_MAX; i++)
            g_string_append_printf(names, "%s%s", i > 0 ? ", " : "", KINDS[i]->name);
        error_set(
            error, ERR_USAGE,
            "'%s': there is no kind '%s'; an object is written KIND/NAME, and the kinds are %s",
            text, word, names->str);
        g_string_free(names, TRUE);
        return NULL;
    }
    *ret_name = slash != NULL ? slash + 1 : NULL;
    return kind;
}

static const char *project_of(const Snapshot *snapshot, const Kind *kind, const char *project)
{
    return (kind->flags & KIND_IN_PROJECT) != 0 ? snapshot_project_for(snapshot, kind->id, project)
                                                : "";
}

char *select_key(const Snapshot *snapshot, const char *text, const char *project, GError **error)
{
    const char *name = NULL;
    const Kind *kind = split(text, &name, error);

    if (kind == NULL)
        return NULL;
    if ((kind->flags & KIND_SINGLETON) != 0)
        return object_key(kind->id, "", "", "");
    if (name == NULL || *name == '\0') {
        error_set(error, ERR_USAGE, "'%s' names no object: write %s/NAME", text, kind->name);
        return NULL;
    }
    return object_key(kind->id, project_of(snapshot, kind, project), "", name);
}

const Object *select_object(const Snapshot *snapshot, const char *text, const char *project,
                            GError **error)
{
    g_autofree char *key = select_key(snapshot, text, project, error);
    const Object *object = key != NULL ? snapshot_get(snapshot, key) : NULL;

    if (key != NULL && object == NULL)
        error_set(error, ERR_NOT_FOUND, "there is no %s%s%s", text,
                  strcmp(project, "default") == 0 ? "" : " in project ",
                  strcmp(project, "default") == 0 ? "" : project);
    return object;
}

/* Does `object` match KIND[/GLOB] seen from `project`? */
static gboolean matches(const Snapshot *snapshot, const Object *object, const Kind *kind,
                        const char *name, const char *project)
{
    if (object->id.kind != kind->id)
        return FALSE;
    if ((kind->flags & KIND_IN_PROJECT) != 0 && project != NULL &&
        strcmp(object->id.project, project_of(snapshot, kind, project)) != 0)
        return FALSE;
    return name == NULL || (kind->flags & KIND_SINGLETON) != 0 ||
           g_pattern_match_simple(name, object->id.name);
}

GPtrArray *select_keys(const Snapshot *snapshot, char *const *words, const char *project,
                       GError **error)
{
    g_autoptr(GPtrArray) keys = g_ptr_array_new_with_free_func(g_free);
    guint size = snapshot_size(snapshot);
    g_autofree gboolean *chosen = g_new0(gboolean, size + 1);

    for (guint w = 0; words != NULL && words[w] != NULL; w++) {
        const char *name = NULL;
        const Kind *kind = split(words[w], &name, error);
        gboolean found = FALSE;

        if (kind == NULL)
            return NULL;
        for (guint i = 0; i < size; i++)
            if (matches(snapshot, snapshot_at(snapshot, i), kind, name, project))
                chosen[i] = found = TRUE;
        /* A kind or pattern that matches nothing is an empty list; a name that does not exist is a
         * mistake. */
        if (!found && name != NULL && strpbrk(name, "*?") == NULL) {
            error_set(error, ERR_NOT_FOUND, "there is no %s", words[w]);
            return NULL;
        }
    }
    for (guint i = 0; i < size; i++) {
        const Object *object = snapshot_at(snapshot, i);

        if (words == NULL || words[0] == NULL)
            chosen[i] =
                project == NULL || matches(snapshot, object, KINDS[object->id.kind], NULL, project);
        if (chosen[i])
            g_ptr_array_add(keys, g_strdup(object->key));
    }
    return g_steal_pointer(&keys);
}
