/* history, show, diff, rollback: generations (EN-46). */
#include <stdlib.h>
#include <string.h>

#include "change.h"
#include "error.h"
#include "mask.h"
#include "output.h"
#include "print.h"
#include "table.h"
#include "view.h"

static gboolean read_number(const char *text, gint64 *ret, GError **error)
{
    g_autoptr(GError) local = NULL;

    if (g_ascii_string_to_signed(text, 10, 0, G_MAXINT64, ret, &local))
        return TRUE;
    return error_set(error, ERR_USAGE, "'%s' is no generation: 'berth history' lists their numbers",
                     text);
}

static char *objects_summary(const json_t *objects)
{
    g_autofree char *first = NULL;
    size_t count = json_array_size(objects);

    if (count == 0)
        return g_strdup("");
    first = object_key_label(json_string_value(json_array_get(objects, 0)));
    if (count == 1)
        return g_steal_pointer(&first);
    return g_strdup_printf("%s and %zu more", first, count - 1);
}

/* A member as text, whatever its type. */
static char *member_text(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);

    if (json_is_string(value))
        return g_strdup(json_string_value(value));
    if (json_is_integer(value))
        return g_strdup_printf("%" JSON_INTEGER_FORMAT, json_integer_value(value));
    return value == NULL || json_is_null(value) ? g_strdup("") : json_text(value);
}

gboolean command_history(Cli *cli, GError **error)
{
    g_autoptr(Table) table = table_new(
        (const char *const[]){"GENERATION", "TIME", "CAUSE", "SOURCE", "RESULT", "OBJECTS", NULL});
    g_autoptr(json_t) history = NULL;
    size_t i;
    json_t *entry;

    if (cli->args->limit < 0)
        return error_set(error, ERR_USAGE, "--limit %d: give 0 or more", cli->args->limit);
    if (!cli_open(cli, 0, error))
        return FALSE;
    history = backend_history(cli->backend, error);
    if (history == NULL)
        return FALSE;
    while (cli->args->limit > 0 && json_array_size(history) > (size_t)cli->args->limit)
        json_array_remove(history, json_array_size(history) - 1);
    json_array_foreach (history, i, entry) {
        g_autofree char *number = member_text(entry, "generation");
        g_autofree char *time = view_time(json_object_get(entry, "time"));
        g_autofree char *cause = member_text(entry, "cause");
        g_autofree char *source = member_text(entry, "source");
        g_autofree char *result = member_text(entry, "result");
        g_autofree char *objects = objects_summary(json_object_get(entry, "objects"));

        table_add(table, number, time, cause, source, result, objects);
    }
    table_print(table, cli->args->format != NULL ? cli->args->format : "table", history);
    return TRUE;
}

static void print_value(const Cli *cli, const json_t *value)
{
    g_autofree char *text = cli_format_is(cli, "yaml") ? print_yaml(value, 0) : json_pretty(value);

    output_text(text);
}

/* "+", "-" or "~" of one key among a generation's changes. */
static const char *change_sign(const json_t *generation, const char *key)
{
    size_t i;
    json_t *change;

    json_array_foreach (json_object_get(generation, "changes"), i, change) {
        if (g_strcmp0(json_member_string(change, "key"), key) != 0)
            continue;
        if (!json_is_object(json_object_get(change, "before")))
            return "+";
        return json_is_object(json_object_get(change, "after")) ? "~" : "-";
    }
    return " ";
}

/* Field differences by object: [{key, path, before, after}]. With `generation` each object's line
 * starts with what happened to it. */
static void print_differences(const json_t *rows, const json_t *generation)
{
    const char *last = NULL;
    size_t i;
    json_t *row;

    json_array_foreach ((json_t *)rows, i, row) {
        const char *key = json_member_string(row, "key");
        g_autofree char *label = object_key_label(key);
        const json_t *before = json_object_get(row, "before");
        g_autofree char *path = view_path(json_member_string(row, "path"));
        g_autofree char *from = view_value(before);
        g_autofree char *to = view_value(json_object_get(row, "after"));

        if (g_strcmp0(last, key) != 0)
            output_printf("%s%s%s%s\n", last != NULL || generation != NULL ? "\n" : "",
                          generation != NULL ? change_sign(generation, key) : "",
                          generation != NULL ? " " : "", label);
        last = key;
        if (before == NULL || json_is_null(before))
            output_printf("  %s: %s\n", path, to);
        else
            output_printf("  %s: %s -> %s\n", path, from, to);
    }
}

gboolean command_show(Cli *cli, GError **error)
{
    static const char *const fields[] = {"generation", "cause", "source", "result"};
    g_autoptr(json_t) generation = NULL;
    g_autoptr(json_t) rows = NULL;
    g_autofree char *time = NULL;
    gint64 number = 0;

    if (!read_number(cli->words[0], &number, error) || !cli_open(cli, 0, error))
        return FALSE;
    generation = backend_generation(cli->backend, number, error);
    if (generation == NULL)
        return FALSE;
    if (!cli_format_is(cli, "text")) {
        mask_generation(generation);
        print_value(cli, generation);
        return TRUE;
    }
    rows = backend_diff(cli->backend, number - 1, number, error);
    if (rows == NULL)
        return FALSE;
    for (guint i = 0; i < G_N_ELEMENTS(fields); i++) {
        g_autofree char *text = member_text(generation, fields[i]);

        if (*text != '\0')
            output_printf("%-11s %s\n", fields[i], text);
    }
    time = view_time(json_object_get(generation, "time"));
    output_printf("%-11s %s\n", "time", time);
    print_differences(rows, generation);
    return TRUE;
}

gboolean command_diff(Cli *cli, GError **error)
{
    g_autoptr(json_t) rows = NULL;
    gint64 from = 0, to = 0;

    if (!read_number(cli->words[0], &from, error) || !read_number(cli->words[1], &to, error) ||
        !cli_open(cli, 0, error))
        return FALSE;
    rows = backend_diff(cli->backend, from, to, error);
    if (rows == NULL)
        return FALSE;
    if (!cli_format_is(cli, "text")) {
        print_value(cli, rows);
        return TRUE;
    }
    print_differences(rows, NULL);
    return TRUE;
}

gboolean command_rollback(Cli *cli, GError **error)
{
    g_autoptr(Proposal) proposal = NULL;
    g_autofree char *cause = NULL;
    gint64 number = 0; /* 0: the newest */

    if (cli->args->to && cli->words[0] == NULL)
        return error_set(error, ERR_USAGE, "--to needs the number of a generation");
    if (cli->args->source != NULL && cli->words[0] != NULL && !cli->args->to)
        return error_set(error, ERR_USAGE, "--source goes with --to, or without a number");
    if (cli->words[0] != NULL && !read_number(cli->words[0], &number, error))
        return FALSE;
    if (!cli_open(cli, cli_writes(cli), error))
        return FALSE;
    proposal =
        change_plan(cli, "rollback",
                    json_pack("{s:I, s:b}", "generation", (json_int_t)number, "to", cli->args->to),
                    change_options(cli, cli->args->source, !cli->args->yes), NULL, error);
    if (proposal == NULL)
        return FALSE;
    cause = cli->words[0] != NULL
                ? g_strdup_printf("cli rollback %s%s", cli->args->to ? "--to " : "", cli->words[0])
                : g_strdup("cli rollback");
    return change_carry_out(cli, proposal, FALSE, "Roll back?", cause, error);
}
