#include "error.h"
#include "secrets.h"
#include "validate.h"

#include <stdarg.h>
#include <string.h>

/* Past this many the rest is counted, not kept: a hostile file must not fill the memory with
 * complaints. */
#define PROBLEMS_KEPT 500u

static void problem_free(void *data)
{
    Problem *problem = data;

    g_free(problem->object);
    g_free(problem->path);
    g_free(problem->where);
    g_free(problem->text);
    g_free(problem);
}

Problems *problems_new(void)
{
    Problems *problems = g_new0(Problems, 1);

    problems->items = g_ptr_array_new_with_free_func(problem_free);
    return problems;
}

void problems_free(Problems *problems)
{
    if (problems == NULL)
        return;
    g_ptr_array_unref(problems->items);
    g_free(problems);
}

/* A value of a megabyte must not be quoted whole in each complaint about it. */
#define TEXT_MAX 1000u
#define LABEL_MAX_BYTES 400u

/* Cuts a text in place after so many bytes, between two characters. */
static char *clip(char *text, gsize max)
{
    char *end;

    if (strlen(text) <= max)
        return text;
    end = g_utf8_find_prev_char(text, text + max - 2);
    strcpy(end != NULL ? end : text, "...");
    return text;
}

gboolean problems_are_full(const Problems *problems)
{
    return problems->items->len >= PROBLEMS_KEPT;
}

void problem_take(Problems *problems, Severity severity, const char *object, const char *path,
                  char *where, char *text)
{
    Problem *problem;

    if (severity == PROBLEM_ERROR)
        problems->errors++;
    else if (severity == PROBLEM_UNSUPPORTED)
        problems->unsupported++;
    if (problems_are_full(problems)) {
        g_free(where);
        g_free(text);
        return;
    }
    problem = g_new0(Problem, 1);
    problem->severity = severity;
    problem->object = clip(g_strdup(object != NULL ? object : ""), LABEL_MAX_BYTES);
    problem->path = clip(g_strdup(path != NULL ? path : ""), TEXT_MAX);
    problem->where = where;
    problem->text = clip(secrets_shown(text), TEXT_MAX);
    g_free(text);
    g_ptr_array_add(problems->items, problem);
}

void problem_add(Problems *problems, Severity severity, const Object *object, const char *path,
                 const char *format, ...)
{
    g_autofree char *label = object != NULL ? object_label(object) : NULL;
    const char *via = object != NULL ? object_via(object, path != NULL ? path : "") : NULL;
    va_list args;
    char *text;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    if (via != NULL) {
        char *whole = g_strdup_printf("%s (%s)", text, via);

        g_free(text);
        text = whole;
    }
    problem_take(problems, severity, label, path,
                 object != NULL ? object_where(object, path != NULL ? path : "") : NULL, text);
}

void problem_add_at(Problems *problems, Severity severity, const char *file, guint line,
                    guint column, const char *path, const char *format, ...)
{
    va_list args;
    char *text;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    problem_take(problems, severity, NULL, path, problem_place(file, line, column), text);
}

char *problem_place(const char *file, guint line, guint column)
{
    if (file == NULL)
        return NULL;
    if (line == 0)
        return g_strdup(file);
    return g_strdup_printf("%s:%u:%u", file, line, column);
}

/* 'network "lan"' from the label "network/lan", the words in which something is refused by name. */
static char *refused_name(const char *label)
{
    const char *slash = strchr(label, '/');
    const char *end;

    if (slash == NULL)
        return g_strdup(label);
    end = strstr(slash, " (project ");
    if (end == NULL)
        end = slash + strlen(slash);
    return g_strdup_printf("%.*s \"%.*s\"%s", (int)(slash - label), label, (int)(end - slash - 1),
                           slash + 1, end);
}

/* Texts come from files: what could move a terminal's cursor is not printed. In place. */
static char *one_line(char *text)
{
    for (char *at = text; *at != '\0'; at++) {
        if (*at == '\n')
            *at = ' ';
        else if ((guchar)*at < 0x20 || *at == 0x7f)
            *at = '?';
        else if ((guchar)at[0] == 0xc2 && (guchar)at[1] >= 0x80 && (guchar)at[1] < 0xa0)
            at[0] = at[1] = '?'; /* C1 controls */
    }
    return text;
}

char *problem_text(const Problem *problem)
{
    GString *text = g_string_new(NULL);

    if (problem->where != NULL)
        g_string_append_printf(text, "%s: ", problem->where);
    if (problem->severity == PROBLEM_UNSUPPORTED) {
        g_autofree char *name = refused_name(problem->object);

        /* The text names the key itself. */
        if (*name != '\0')
            g_string_append_printf(text, "%s: ", name);
    } else {
        g_autofree char *path = json_path_shown(problem->path);

        if (problem->object[0] != '\0')
            g_string_append_printf(text, "%s: ", problem->object);
        if (*path != '\0')
            g_string_append_printf(text, "%s: ", path);
    }
    g_string_append(text, problem->text);
    return one_line(g_string_free(text, FALSE));
}

gboolean problems_to_error(const Problems *problems, gboolean with_unsupported, GError **error)
{
    g_autoptr(GString) text = NULL;
    guint total = problems->errors + (with_unsupported ? problems->unsupported : 0);
    guint shown = 0;

    if (total == 0)
        return TRUE;
    text = g_string_new(NULL);
    for (guint i = 0; i < problems->items->len; i++) {
        const Problem *problem = problems->items->pdata[i];
        g_autofree char *line = NULL;

        if (problem->severity == PROBLEM_REMARK ||
            (problem->severity == PROBLEM_UNSUPPORTED && !with_unsupported))
            continue;
        line = problem_text(problem);
        g_string_append_printf(text, "%s%s", shown++ > 0 ? "\n" : "", line);
    }
    if (shown < total)
        g_string_append_printf(text, "%sand %u more", shown > 0 ? "\n" : "", total - shown);
    return error_set(error, problems->errors > 0 ? ERR_INVALID : ERR_UNSUPPORTED, "%s", text->str);
}
