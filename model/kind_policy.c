#include "kind_rows.h"

#include <string.h>

#include "error.h"
#include "filter.h"
#include "validate.h"

#define MOST(row_key, row_summary)                                                                 \
    ROW(row_key, NUMBER, NULL, 0, NONE, 0, "EN-26", row_summary, BOUNDS(0, G_MAXINT32))

static const Row fields[] = {
    DESCRIPTION_ROW("EN-26"),
    ROW("effect", ENUM, "deny", 0, NONE, 0, "EN-26",
        "What happens to a change that fits (deny, warn), or that does not fit `where` (require).",
        WORDS("deny", "warn", "require")),
    ROW("objects", LIST, NULL, 0, NONE, 0, "EN-26",
        "The objects it is about, as KIND or KIND/PATTERN; all when absent."),
    ROW("projects", LIST, NULL, 0, NONE, 0, "EN-26",
        "Patterns of projects whose objects it is about; all when absent."),
    ROW("on", LIST, NULL, 0, NONE, 0, "EN-26",
        "The actions it is about: create, update, delete; create and update when absent."),
    ROW("where", STRING, NULL, 0, NONE, 0, "EN-26",
        "A filter as in the API's lists, over the object as it is to be; every object when "
        "absent."),
    MOST("max_creates", "Budget: so many objects may be made by one plan."),
    MOST("max_deletes", "Budget: so many objects may be deleted by one plan."),
    MOST("max_restarts", "Budget: so many instances may be restarted by one plan."),
    MOST("max_replaces",
         "Budget: so many objects may be replaced, or their roots rebuilt, by one plan."),
    META_ROWS,
    ROW_END,
};

static void check_words(const Object *object, const char *field, const char *const *known,
                        Problems *problems)
{
    size_t i;
    json_t *item;

    json_array_foreach (json_object_get(object->spec, field), i, item) {
        g_autofree char *path = g_strdup_printf("%s/%zu", field, i);

        if (!g_strv_contains(known, json_string_value(item)))
            problem_add(problems, PROBLEM_ERROR, object, path,
                        "\"%s\" is no action: give create, update or delete",
                        json_string_value(item));
    }
}

static void check_patterns(const Object *object, Problems *problems)
{
    size_t i;
    json_t *item;

    json_array_foreach (json_object_get(object->spec, "objects"), i, item) {
        const char *pattern = json_string_value(item);
        g_autofree char *kind = g_strndup(pattern, strcspn(pattern, "/"));
        g_autofree char *path = g_strdup_printf("objects/%zu", i);

        if (strcmp(pattern, "*") != 0 && kind_by_name(kind) == NULL)
            problem_add(problems, PROBLEM_ERROR, object, path,
                        "\"%s\": there is no kind \"%s\"; write KIND or KIND/PATTERN, such as "
                        "instance/web-*",
                        pattern, kind);
    }
}

static gboolean has_budget(const Object *object)
{
    static const char *const budgets[] = {"max_creates", "max_deletes", "max_restarts",
                                          "max_replaces"};

    for (guint i = 0; i < G_N_ELEMENTS(budgets); i++) {
        if (json_object_get(object->spec, budgets[i]) != NULL)
            return TRUE;
    }
    return FALSE;
}

/* A policy is either a rule over objects or a budget over counts; a mistake in one must not make it
 * allow everything. */
static void check(const Snapshot *snapshot, const Object *object, Problems *problems)
{
    static const char *const actions[] = {"create", "update", "delete", NULL};
    const char *where = json_member_string(object->spec, "where");
    gboolean require = g_strcmp0(json_member_string(object->spec, "effect"), "require") == 0;
    g_autoptr(GError) error = NULL;
    g_autoptr(Filter) filter = where != NULL ? filter_parse(where, &error) : NULL;

    if (error != NULL)
        problem_add(problems, PROBLEM_ERROR, object, "where", "\"%s\": %s", where, error->message);
    if (require && where == NULL)
        problem_add(problems, PROBLEM_ERROR, object, "effect",
                    "require needs `where`: what must hold");
    if (require && has_budget(object))
        problem_add(problems, PROBLEM_ERROR, object, "effect",
                    "a budget (max_...) denies or warns; it does not require");
    if (has_budget(object) && json_object_get(object->spec, "on") != NULL)
        problem_add(problems, PROBLEM_ERROR, object, "on",
                    "a budget counts what its max_... names; leave `on` out");
    check_words(object, "on", actions, problems);
    check_patterns(object, problems);
}

const Kind POLICY_KIND = {
    .id = KIND_POLICY,
    .name = "policy",
    .plural = "policies",
    .title = "policy",
    .api = "policies",
    .fields = fields,
    .check = check,
};
