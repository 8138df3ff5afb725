/* status: conditions of the stored objects, once or whenever they change. */
#include <string.h>

#include "command.h"
#include "moment.h"
#include "output.h"
#include "table.h"
#include "view.h"

/* Without any event the store is looked at so often: on file systems that tell of nothing. */
#define TICK_SECONDS 30

/* Conditions that hold, besides Ready, as words; and the first reason. */
static void gather(const json_t *conditions, const char *object, GString *words, const char **ready,
                   const char **reason, char **generation)
{
    size_t i;
    json_t *condition;

    json_array_foreach ((json_t *)conditions, i, condition) {
        const char *type = json_member_string(condition, "type");
        const json_t *status = json_object_get(condition, "status");
        const char *text = json_is_boolean(status) ? (json_is_true(status) ? "True" : "False")
                                                   : json_string_value(status);
        const char *why = json_member_string(condition, "reason");

        if (g_strcmp0(json_member_string(condition, "object"), object) != 0)
            continue;
        if (g_strcmp0(type, "Ready") == 0)
            *ready = g_strcmp0(text, "True") == 0 ? "yes" : "no";
        else if (g_strcmp0(text, "True") == 0)
            g_string_append_printf(words, "%s%s", words->len > 0 ? " " : "", type);
        if (why != NULL && *why != '\0' && *reason == NULL &&
            (g_strcmp0(type, "Ready") == 0) != (g_strcmp0(text, "True") == 0))
            *reason = why;
        if (*generation == NULL && json_is_integer(json_object_get(condition, "generation")))
            *generation =
                g_strdup_printf("%" JSON_INTEGER_FORMAT,
                                json_integer_value(json_object_get(condition, "generation")));
    }
}

/* Applies that somebody has to confirm (EN-33), a line each; also those of which the time has come
 * and that are still there, which else only the system's log would tell. */
static void add_unconfirmed(const json_t *history, GString *text)
{
    const json_t *row;
    size_t i;

    json_array_foreach (history, i, row) {
        const json_t *until = json_object_get(row, "revert_at");
        json_int_t number = json_integer_value(json_object_get(row, "generation"));
        g_autofree char *time = view_time(until);

        if (until == NULL)
            continue;
        if (json_integer_value(until) > moment_now())
            g_string_append_printf(text,
                                   "\nGeneration %" JSON_INTEGER_FORMAT
                                   " is taken back at %s unless you confirm it: berth confirm "
                                   "%" JSON_INTEGER_FORMAT,
                                   number, time, number);
        else
            g_string_append_printf(text,
                                   "\nGeneration %" JSON_INTEGER_FORMAT
                                   " was not confirmed by %s and is not taken back yet: berth "
                                   "revert %" JSON_INTEGER_FORMAT " does it, or says what is in "
                                   "its way",
                                   number, time, number);
    }
}

/* "Generation 4 of 2026-01-02T03:04:05Z by cli apply; 1 parked", or that there is none; and what
 * waits for a confirmation. */
static char *summary(Cli *cli)
{
    g_autoptr(json_t) history = backend_history(cli->backend, NULL);
    g_autoptr(json_t) parked = backend_parked(cli->backend, NULL);
    const json_t *last = json_array_get(history, 0);
    size_t count = json_array_size(parked);
    g_autofree char *time = NULL;
    GString *text;

    if (last == NULL)
        return g_strdup("Nothing was applied here yet.");
    time = view_time(json_object_get(last, "time"));
    text = g_string_new(NULL);
    g_string_append_printf(text, "Generation %" JSON_INTEGER_FORMAT " of %s by %s",
                           json_integer_value(json_object_get(last, "generation")), time,
                           json_member_string(last, "cause"));
    if (count > 0)
        g_string_append_printf(text, "; %zu parked (berth parked)", count);
    add_unconfirmed(history, text);
    return g_string_free(text, FALSE);
}

/* Of the objects that the command names: their conditions, and a table of them. */
static gboolean look(Cli *cli, json_t **ret_conditions, Table **ret_table, GError **error)
{
    g_autoptr(Table) table = table_new(
        (const char *const[]){"OBJECT", "READY", "CONDITIONS", "GENERATION", "REASON", NULL});
    g_autoptr(GPtrArray) objects = cli_chosen_objects(cli, error);
    g_autoptr(json_t) all = objects != NULL ? backend_conditions(cli->backend, error) : NULL;
    g_autoptr(json_t) chosen = json_array();
    size_t n;
    json_t *condition;

    if (all == NULL)
        return FALSE;
    for (guint i = 0; i < objects->len; i++) {
        const Object *object = g_ptr_array_index(objects, i);
        g_autofree char *label = object_label(object);
        g_autofree char *generation = NULL;
        g_autoptr(GString) words = g_string_new(NULL);
        const char *ready = "", *reason = NULL;

        gather(all, object->key, words, &ready, &reason, &generation);
        table_add(table, label, ready, words->str, generation, reason);
        json_array_foreach (all, n, condition)
            if (g_strcmp0(json_member_string(condition, "object"), object->key) == 0)
                json_array_append(chosen, condition);
    }
    *ret_conditions = g_steal_pointer(&chosen);
    *ret_table = g_steal_pointer(&table);
    return TRUE;
}

static void print_line(const json_t *condition, const char *change)
{
    g_autoptr(json_t) line = json_copy((json_t *)condition);
    g_autofree char *text = NULL;

    if (change != NULL)
        json_object_set_new(line, "change", json_string(change));
    text = json_text(line);
    output_printf("%s\n", text);
}

/* The condition of the same object and type. Borrowed; NULL when there is none. */
static const json_t *same_condition(const json_t *conditions, const json_t *condition)
{
    size_t i;
    json_t *other;

    json_array_foreach ((json_t *)conditions, i, other)
        if (json_equal(json_object_get(other, "object"), json_object_get(condition, "object")) &&
            json_equal(json_object_get(other, "type"), json_object_get(condition, "type")))
            return other;
    return NULL;
}

/* One line for each condition that came, changed or went; `say` which of it. */
static void print_changes(const json_t *before, const json_t *after, gboolean say)
{
    size_t i;
    json_t *condition;

    json_array_foreach ((json_t *)after, i, condition) {
        const json_t *had = same_condition(before, condition);

        if (had == NULL || !json_equal(had, condition))
            print_line(condition, !say ? NULL : had == NULL ? "added" : "changed");
    }
    json_array_foreach ((json_t *)before, i, condition)
        if (same_condition(after, condition) == NULL)
            print_line(condition, "removed");
}

/* `last` (replaced) is what was printed before: the same is not printed again. */
static void print_all(Cli *cli, const json_t *conditions, const Table *table, char **last)
{
    g_autofree char *head = summary(cli);
    g_autofree char *text = json_text(conditions);
    g_autofree char *now = g_strconcat(head, "\n", text, NULL);
    gboolean as_table = strcmp(cli_list_format(cli), "table") == 0;

    if (g_strcmp0(*last, now) == 0)
        return;
    if (*last != NULL && as_table)
        output_text(output_colour() ? "\033[H\033[2J" : "\n");
    if (as_table)
        output_printf("%s\n\n", head);
    table_print(table, cli_list_format(cli), conditions);
    g_free(*last);
    *last = g_steal_pointer(&now);
}

gboolean command_status(Cli *cli, GError **error)
{
    gboolean lines = cli_format_is(cli, "jsonl");
    g_autofree char *last = NULL;
    g_autoptr(json_t) before = NULL;

    if (!cli_open(cli, 0, error))
        return FALSE;
    /* First, so that nothing is missed between look and wait. */
    if (cli->args->watch && !backend_watch(cli->backend, error))
        return FALSE;
    for (;;) {
        g_autoptr(json_t) conditions = NULL;
        g_autoptr(Table) table = NULL;

        gboolean wanted = TRUE;

        if (!look(cli, &conditions, &table, error))
            return FALSE;
        if (!lines)
            print_all(cli, conditions, table, &last);
        else
            print_changes(before, conditions, cli->args->watch);
        json_decref(before);
        before = g_steal_pointer(&conditions);
        if (!output_flush() || !cli->args->watch)
            return TRUE;
        if (!backend_wait(cli->backend, TICK_SECONDS, &wanted, error))
            return FALSE;
        if (!wanted)
            return TRUE;
    }
}
