/* A plan for people (EN-20): riskiest first, one line a field, counts and what cannot be undone at
 * the end. */
#include <string.h>

#include "facts.h"
#include "plan.h"
#include "rehearse.h"
#include "secrets.h"

/* Longer values are cut: a plan is read by people. */
#define VALUE_WIDTH 60

typedef struct {
    GString *text;
    gboolean colour;
} Printer;

static const char *const ACTION_SIGNS[ACTION_MAX] = {" ", "+", "~", "-", "!", "="};
static const char *const ACTION_COLOURS[ACTION_MAX] = {"0", "32", "33", "31", "35", "36"};

static Action action_of(const json_t *object)
{
    const char *word = json_string_value(json_array_get(json_object_get(object, "actions"), 0));

    for (guint i = 0; i < ACTION_MAX; i++)
        if (g_strcmp0(action_to_string((Action)i), word) == 0)
            return (Action)i;
    return ACTION_NONE;
}

static Label label_of(const json_t *thing)
{
    return label_from_string(json_member_string(thing, "label"));
}

static gboolean is_set(const json_t *thing, const char *member)
{
    return json_is_true(json_object_get(thing, member));
}

static void print_coloured(Printer *printer, const char *colour, const char *text)
{
    if (printer->colour)
        g_string_append_printf(printer->text, "\033[%sm%s\033[0m", colour, text);
    else
        g_string_append(printer->text, text);
}

char *plan_value_text(const json_t *value, glong width)
{
    g_autofree char *text = NULL;

    if (value == NULL || json_is_null(value))
        return g_strdup("(unset)");
    /* Before anything is cut: half a token is none. */
    text =
        secrets_show(json_is_string(value) ? g_strdup(json_string_value(value)) : json_text(value));
    for (char *at = text; *at != '\0'; at++) {
        if (*at == '\n')
            *at = ' ';
    }
    if (width > 0 && g_utf8_strlen(text, -1) > width) {
        g_autofree char *head = g_utf8_substring(text, 0, width - 3);

        return g_strdup_printf("%s...", head);
    }
    return g_steal_pointer(&text);
}

/* What a field costs, and where it comes from. */
static void print_remarks(Printer *printer, Action action, const json_t *field)
{
    const char *via = json_member_string(field, "via");
    const char *where = json_member_string(field, "source");

    if (is_set(field, "drift"))
        print_coloured(printer, "35", "  (drift)");
    else if (is_set(field, "pending"))
        print_coloured(printer, "33", "  (pending)");
    else if (action == ACTION_UPDATE && label_of(field) != LABEL_NONE)
        g_string_append_printf(printer->text, "  (%s)", label_to_string(label_of(field)));
    if (via != NULL)
        g_string_append_printf(printer->text, "  [%s]", via);
    if (where != NULL)
        g_string_append_printf(printer->text, "  %s", where);
    g_string_append_c(printer->text, '\n');
}

typedef struct {
    Printer *printer;
    Action action;
    const json_t *field;
} Part;

static void print_part(const char *path, const json_t *before, const json_t *after, void *data)
{
    const Part *part = data;
    GString *text = part->printer->text;
    g_autofree char *was = plan_value_text(before, VALUE_WIDTH);
    g_autofree char *is = plan_value_text(after, VALUE_WIDTH);
    g_autofree char *shown = json_path_shown(path);

    g_string_append_printf(text, "      %s: ", shown);
    if (part->action == ACTION_CREATE)
        g_string_append(text, is);
    else if (part->action == ACTION_DELETE)
        g_string_append(text, was);
    else
        g_string_append_printf(text, "%s -> %s", was, is);
    print_remarks(part->printer, part->action, part->field);
}

static void print_field(Printer *printer, Action action, const json_t *field)
{
    const char *path = json_member_string(field, "path");
    const json_t *before = json_object_get(field, "before");
    const json_t *after = json_object_get(field, "after");
    Part part = {printer, action, field};

    facts_take_apart(path != NULL ? path : "", before, after, print_part, &part);
}

/* The dearest of what its pending fields wait for. */
static Label awaited(const json_t *object)
{
    Label label = LABEL_NONE;
    const json_t *field;
    size_t i;

    json_array_foreach (json_object_get(object, "fields"), i, field)
        if (is_set(field, "pending"))
            label = MAX(label, label_of(field));
    return label;
}

/* What a renamed object was called; NULL when it was not renamed. Newly allocated. */
static char *former_label(const json_t *object)
{
    const char *name = json_member_string(object, "renamed_from");
    const char *project = json_member_string(object, "project");
    const Kind *kind = kind_by_name(json_member_string(object, "kind"));
    g_autofree char *key = NULL;

    if (name == NULL || kind == NULL)
        return NULL;
    key = object_key(kind->id, project != NULL ? project : "", "", name);
    return object_key_label(key);
}

static void print_object(Printer *printer, const json_t *object)
{
    const char *key = json_member_string(object, "key");
    const char *former_owner = json_member_string(object, "former_owner");
    Action action = action_of(object);
    Label costs = label_of(object);
    g_autofree char *label = object_key_label(key != NULL ? key : "");
    g_autofree char *former = former_label(object);
    g_autofree char *line = NULL;
    const json_t *field;
    size_t i;

    if (former != NULL) {
        line = g_strdup_printf("%s %s  renamed from %s", ACTION_SIGNS[action], label, former);
    } else if (action == ACTION_NONE) {
        line = g_strdup_printf("  %s  pending: in force after a %s that was not allowed", label,
                               label_to_string(awaited(object)));
    } else {
        line = g_strdup_printf("%s %s  %s%s%s", ACTION_SIGNS[action], label,
                               action_to_string(action), costs > LABEL_LIVE ? ", " : "",
                               costs > LABEL_LIVE ? label_to_string(costs) : "");
    }
    g_string_append(printer->text, "  ");
    print_coloured(printer, ACTION_COLOURS[action], line);
    g_string_append_c(printer->text, '\n');
    if (former_owner != NULL)
        g_string_append_printf(printer->text, "      owner: %s -> %s\n", former_owner,
                               json_member_string(object, "owner"));
    json_array_foreach (json_object_get(object, "fields"), i, field)
        print_field(printer, action, field);
}

/* Deletes, then by what the change costs, creates last. */
static int risk(const json_t *object)
{
    switch (action_of(object)) {
    case ACTION_DELETE:
        return 100;
    case ACTION_UPDATE:
    case ACTION_REPAIR:
        return 10 + (int)label_of(object);
    case ACTION_CREATE:
        return 5;
    default:
        return 1;
    }
}

static void print_list(Printer *printer, const char *title, const char *colour, const json_t *lines)
{
    const json_t *line;
    size_t i;

    if (json_array_size(lines) == 0)
        return;
    g_string_append_c(printer->text, '\n');
    print_coloured(printer, colour, title);
    g_string_append_c(printer->text, '\n');
    json_array_foreach (lines, i, line)
        g_string_append_printf(printer->text, "  %s\n", json_string_value(line));
}

/* What was not selected itself (EN-24). */
static void print_needed(Printer *printer, const json_t *keys)
{
    g_autoptr(json_t) labels = json_array();
    const json_t *key;
    size_t i;

    json_array_foreach (keys, i, key) {
        g_autofree char *label = object_key_label(json_string_value(key));

        json_array_append_new(labels, json_string(label));
    }
    print_list(printer, "Comes along, because what is selected needs it:", "36", labels);
}

static void print_counts(Printer *printer, const json_t *plan)
{
    size_t steps = json_array_size(json_object_get(plan, "steps"));
    guint counts[ACTION_MAX] = {0};
    guint pending = 0;
    const json_t *object;
    size_t i;

    json_array_foreach (json_object_get(plan, "objects"), i, object) {
        counts[action_of(object)]++;
        pending += is_set(object, "pending") ? 1 : 0;
    }
    g_string_append_printf(printer->text, "\nPlan: %u to create, %u to update, %u to delete",
                           counts[ACTION_CREATE], counts[ACTION_UPDATE], counts[ACTION_DELETE]);
    if (counts[ACTION_REPAIR] > 0)
        g_string_append_printf(printer->text, ", %u to repair", counts[ACTION_REPAIR]);
    if (counts[ACTION_ADOPT] > 0)
        g_string_append_printf(printer->text, ", %u to adopt", counts[ACTION_ADOPT]);
    if (pending > 0)
        g_string_append_printf(printer->text, ", %u pending", pending);
    g_string_append_printf(printer->text, "; %zu %s.\n", steps, steps == 1 ? "step" : "steps");
}

char *plan_shown_text(const json_t *shown, gboolean colour)
{
    const json_t *plan = json_object_get(shown, "plan");
    const json_t *objects = json_object_get(plan, "objects");
    json_int_t examined = json_integer_value(json_object_get(shown, "examined"));
    Printer printer = {g_string_new(NULL), colour};
    const json_t *object;
    size_t i;

    for (int level = 100; level >= 0; level--) {
        json_array_foreach (objects, i, object)
            if (risk(object) == level)
                print_object(&printer, object);
    }
    if (plan_shown_is_empty(shown) && examined == 0)
        g_string_append(printer.text, "Nothing to do: no object is concerned.\n");
    else if (plan_shown_is_empty(shown))
        g_string_append_printf(printer.text,
                               "%sNothing to do: %" JSON_INTEGER_FORMAT " %s as they should be.\n",
                               json_array_size(objects) > 0 ? "\n" : "", examined,
                               examined == 1 ? "object is" : "objects are");
    else
        print_counts(&printer, plan);
    print_needed(&printer, json_object_get(plan, "needed"));
    print_list(&printer, "Cannot be undone:", "31", json_object_get(plan, "irreversible"));
    print_list(&printer, "Warnings:", "33", json_object_get(plan, "warnings"));
    print_list(&printer, "Blocked:", "31", json_object_get(plan, "blocked"));
    if (json_object_get(shown, "rehearsal") != NULL)
        rehearsal_print(json_object_get(shown, "rehearsal"), printer.text);
    return g_string_free(printer.text, FALSE);
}

char *plan_text(const Plan *plan, gboolean colour)
{
    g_autoptr(json_t) shown = plan_shown(plan);

    return plan_shown_text(shown, colour);
}

/* ---- what a program asks of a plan that it got as JSON ---- */

gboolean plan_shown_is_empty(const json_t *shown)
{
    const json_t *plan = json_object_get(shown, "plan");
    const json_t *object;
    size_t i;

    if (json_array_size(json_object_get(plan, "steps")) > 0 ||
        json_object_get(plan, "reverts") != NULL)
        return FALSE;
    json_array_foreach (json_object_get(plan, "objects"), i, object)
        if (action_of(object) != ACTION_NONE)
            return FALSE;
    return TRUE;
}

gboolean plan_shown_check(const json_t *shown, GError **error)
{
    const json_t *blocked = json_object_get(json_object_get(shown, "plan"), "blocked");
    g_autoptr(GString) text = g_string_new(NULL);
    const json_t *reason;
    size_t i;

    if (json_array_size(blocked) == 0)
        return TRUE;
    json_array_foreach (blocked, i, reason)
        g_string_append_printf(text, "%s%s", i > 0 ? "\n" : "", json_string_value(reason));
    return error_set(error, error_code_of_word(json_member_string(shown, "blocked_code")), "%s",
                     text->str);
}
