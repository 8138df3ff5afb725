/* A plan for people (EN-20): riskiest first, one line a field, counts and what cannot be undone at
 * the end. */
#include <string.h>

#include "plan.h"

/* Longer values are cut: a plan is read by people. */
#define VALUE_WIDTH 60

typedef struct {
    GString *text;
    gboolean colour;
} Printer;

static const char *const ACTION_SIGNS[ACTION_MAX] = {" ", "+", "~", "-", "!", "="};
static const char *const ACTION_COLOURS[ACTION_MAX] = {"0", "32", "33", "31", "35", "36"};

static void print_coloured(Printer *printer, const char *colour, const char *text)
{
    if (printer->colour)
        g_string_append_printf(printer->text, "\033[%sm%s\033[0m", colour, text);
    else
        g_string_append(printer->text, text);
}

static char *value_text(const PlanField *field, const json_t *value)
{
    g_autofree char *text = NULL;

    if (value == NULL)
        return g_strdup("(unset)");
    if (field->secret)
        return g_strdup("(secret)");
    text = json_is_string(value) ? g_strdup(json_string_value(value)) : json_text(value);
    for (char *at = text; *at != '\0'; at++) {
        if (*at == '\n')
            *at = ' ';
    }
    if (g_utf8_strlen(text, -1) > VALUE_WIDTH) {
        g_autofree char *head = g_utf8_substring(text, 0, VALUE_WIDTH - 3);

        return g_strdup_printf("%s...", head);
    }
    return g_steal_pointer(&text);
}

static void print_field(Printer *printer, const PlanObject *object, const PlanField *field)
{
    g_autofree char *before = value_text(field, field->before);
    g_autofree char *after = value_text(field, field->after);
    g_autofree char *path = g_strdelimit(g_strdup(field->path), "/", '.');

    g_string_append_printf(printer->text, "      %s: ", path);
    if (object->action == ACTION_CREATE)
        g_string_append(printer->text, after);
    else if (object->action == ACTION_DELETE)
        g_string_append(printer->text, before);
    else
        g_string_append_printf(printer->text, "%s -> %s", before, after);
    if (field->drift)
        print_coloured(printer, "35", "  (drift)");
    else if (field->pending)
        print_coloured(printer, "33", "  (pending)");
    else if (object->action == ACTION_UPDATE && field->label != LABEL_NONE)
        g_string_append_printf(printer->text, "  (%s)", label_to_string(field->label));
    if (field->via != NULL)
        g_string_append_printf(printer->text, "  [%s]", field->via);
    if (field->where != NULL)
        g_string_append_printf(printer->text, "  %s", field->where);
    g_string_append_c(printer->text, '\n');
}

/* The dearest of what its pending fields wait for. */
static Label awaited(const PlanObject *object)
{
    Label label = LABEL_NONE;

    for (guint i = 0; i < object->fields->len; i++) {
        const PlanField *field = object->fields->pdata[i];

        if (field->pending)
            label = MAX(label, field->label);
    }
    return label;
}

static void print_object(Printer *printer, const PlanObject *object)
{
    g_autofree char *label = object_key_label(object->key);
    g_autofree char *line = NULL;

    if (object->stored != NULL && object->wanted != NULL &&
        strcmp(object->stored->key, object->wanted->key) != 0) {
        g_autofree char *old = object_label(object->stored);

        line = g_strdup_printf("%s %s  renamed from %s", ACTION_SIGNS[object->action], label, old);
    } else if (object->action == ACTION_NONE) {
        line = g_strdup_printf("  %s  pending: in force after a %s that was not allowed", label,
                               label_to_string(awaited(object)));
    } else {
        line = g_strdup_printf("%s %s  %s%s%s", ACTION_SIGNS[object->action], label,
                               action_to_string(object->action),
                               object->label > LABEL_LIVE ? ", " : "",
                               object->label > LABEL_LIVE ? label_to_string(object->label) : "");
    }
    g_string_append(printer->text, "  ");
    print_coloured(printer, ACTION_COLOURS[object->action], line);
    g_string_append_c(printer->text, '\n');
    if (object->action == ACTION_ADOPT)
        g_string_append_printf(printer->text, "      owner: %s -> %s\n", object->stored->owner,
                               object->wanted->owner);
    for (guint i = 0; i < object->fields->len; i++)
        print_field(printer, object, object->fields->pdata[i]);
}

/* Deletes, then by what the change costs, creates last. */
static int risk(const PlanObject *object)
{
    switch (object->action) {
    case ACTION_DELETE:
        return 100;
    case ACTION_UPDATE:
    case ACTION_REPAIR:
        return 10 + (int)object->label;
    case ACTION_CREATE:
        return 5;
    default:
        return 1;
    }
}

static void print_list(Printer *printer, const char *title, const char *colour,
                       const GPtrArray *lines)
{
    if (lines->len == 0)
        return;
    g_string_append_c(printer->text, '\n');
    print_coloured(printer, colour, title);
    g_string_append_c(printer->text, '\n');
    for (guint i = 0; i < lines->len; i++)
        g_string_append_printf(printer->text, "  %s\n", (const char *)lines->pdata[i]);
}

static void print_counts(Printer *printer, const Plan *plan)
{
    guint counts[ACTION_MAX] = {0};
    guint pending = 0;

    for (guint i = 0; i < plan->objects->len; i++) {
        const PlanObject *object = plan->objects->pdata[i];

        counts[object->action]++;
        pending += object->pending ? 1 : 0;
    }
    g_string_append_printf(printer->text, "\nPlan: %u to create, %u to update, %u to delete",
                           counts[ACTION_CREATE], counts[ACTION_UPDATE], counts[ACTION_DELETE]);
    if (counts[ACTION_REPAIR] > 0)
        g_string_append_printf(printer->text, ", %u to repair", counts[ACTION_REPAIR]);
    if (counts[ACTION_ADOPT] > 0)
        g_string_append_printf(printer->text, ", %u to adopt", counts[ACTION_ADOPT]);
    if (pending > 0)
        g_string_append_printf(printer->text, ", %u pending", pending);
    g_string_append_printf(printer->text, "; %u %s.\n", plan->steps->len,
                           plan->steps->len == 1 ? "step" : "steps");
}

char *plan_text(const Plan *plan, gboolean colour)
{
    Printer printer = {g_string_new(NULL), colour};

    for (int level = 100; level >= 0; level--) {
        for (guint i = 0; i < plan->objects->len; i++) {
            const PlanObject *object = plan->objects->pdata[i];

            if (risk(object) == level)
                print_object(&printer, object);
        }
    }
    if (plan_is_empty(plan))
        g_string_append_printf(printer.text, "%sNothing to do: %u %s as they should be.\n",
                               plan->objects->len > 0 ? "\n" : "", plan->examined,
                               plan->examined == 1 ? "object is" : "objects are");
    else
        print_counts(&printer, plan);
    print_list(&printer, "Cannot be undone:", "31", plan->irreversible);
    print_list(&printer, "Warnings:", "33", plan->warnings);
    print_list(&printer, "Blocked:", "31", plan->blocked);
    return g_string_free(printer.text, FALSE);
}
