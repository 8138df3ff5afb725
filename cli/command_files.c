/* validate, fmt, schema, doc: what needs no host. */
#include <glib/gstdio.h>
#include <string.h>

#include "error.h"
#include "file.h"
#include "output.h"
#include "print.h"
#include "schema.h"
#include "sources.h"
#include "table.h"

/* The model that references of the input are looked up in. */
static Snapshot *surroundings(Cli *cli, GError **error)
{
    const Snapshot *model;

    if (!cli->args->stored)
        return snapshot_new();
    model = cli_model(cli, 0, error);
    return model != NULL ? snapshot_ref((Snapshot *)model) : NULL;
}

static gboolean check_input(Cli *cli, const Input *input, Problems *problems, GError **error)
{
    g_autoptr(Snapshot) base = surroundings(cli, error);
    g_autoptr(Snapshot) next = base != NULL ? snapshot_change(base, input->objects, NULL) : NULL;
    g_autoptr(GPtrArray) keys = g_ptr_array_new();

    if (next == NULL)
        return FALSE;
    for (guint i = 0; i < input->objects->len; i++) {
        const Object *object = g_ptr_array_index(input->objects, i);

        validate_object(next, object, problems);
        g_ptr_array_add(keys, object->key);
    }
    validate_snapshot(next, keys, problems);
    return TRUE;
}

static json_t *problems_json(const Problems *problems)
{
    static const char *const severities[] = {[PROBLEM_ERROR] = "error",
                                             [PROBLEM_REMARK] = "remark",
                                             [PROBLEM_UNSUPPORTED] = "unsupported"};
    json_t *list = json_array();

    for (guint i = 0; i < problems->items->len; i++) {
        const Problem *problem = g_ptr_array_index(problems->items, i);

        json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s*, s:s}", "severity",
                                              severities[problem->severity], "object",
                                              problem->object != NULL ? problem->object : "",
                                              "path", problem->path != NULL ? problem->path : "",
                                              "where", problem->where, "text", problem->text));
    }
    return list;
}

gboolean command_validate(Cli *cli, GError **error)
{
    g_autoptr(GPtrArray) paths = sources_paths(cli, FALSE, error);
    g_autoptr(Input) input = input_new();
    g_autoptr(Problems) problems = problems_new();

    if (paths == NULL)
        return FALSE;
    if (!sources_give(cli, input, error))
        return FALSE;
    for (guint i = 0; i < paths->len; i++)
        if (!input_read(input, g_ptr_array_index(paths, i), cli->args->project, problems, error))
            return FALSE;
    input_check_given(input, problems);
    if (!check_input(cli, input, problems, error))
        return FALSE;
    if (cli_format_is(cli, "json")) {
        g_autoptr(json_t) value =
            json_pack("{s:b, s:i, s:o}", "ok", problems->errors == 0, "objects",
                      (int)input->objects->len, "problems", problems_json(problems));
        g_autofree char *text = json_pretty(value);

        output_text(text);
    } else {
        for (guint i = 0; i < problems->items->len; i++) {
            const Problem *problem = g_ptr_array_index(problems->items, i);
            g_autofree char *text = problem_text(problem);

            if (problem->severity != PROBLEM_ERROR)
                message("remark: %s", text);
        }
    }
    if (!problems_to_error(problems, FALSE, error))
        return FALSE;
    if (cli_format_is(cli, "text") && !output_is_quiet())
        output_printf("OK: %u object%s\n", input->objects->len,
                      input->objects->len == 1 ? "" : "s");
    return TRUE;
}

/* Lays one file out. `ret_changed` tells whether that changes it. */
static gboolean format_file(const Cli *cli, const char *path, gboolean *ret_changed, GError **error)
{
    g_autofree char *text = NULL;
    g_autofree char *formatted = NULL;
    gsize length = 0;

    if (!file_read(strcmp(path, "-") == 0 ? "/dev/stdin" : path, DOCUMENT_MAX_BYTES, &text, &length,
                   error))
        return FALSE;
    formatted = print_format(path, text, length, error);
    if (formatted == NULL)
        return FALSE;
    *ret_changed = strlen(formatted) != length || memcmp(formatted, text, length) != 0;
    if (cli->args->check) {
        if (*ret_changed)
            output_printf("%s\n", path);
    } else if (!cli->args->write) {
        output_text(formatted);
    } else if (*ret_changed) {
        GStatBuf info;

        if (!file_write(path, formatted, -1, g_stat(path, &info) == 0 ? info.st_mode & 07777 : 0644,
                        NULL, error))
            return FALSE;
        message("%s", path);
    }
    return TRUE;
}

gboolean command_fmt(Cli *cli, GError **error)
{
    static char *stdin_alone[] = {(char *)"-", NULL};
    char **paths = cli->words[0] != NULL ? cli->words : stdin_alone;
    gboolean any = FALSE;

    for (guint i = 0; paths[i] != NULL; i++) {
        gboolean changed = FALSE;

        if (cli->args->write && strcmp(paths[i], "-") == 0)
            return error_set(error, ERR_USAGE, "-w needs files: standard input cannot be written");
        if (!format_file(cli, paths[i], &changed, error))
            return FALSE;
        any |= changed;
    }
    cli->status = cli->args->check && any ? 1 : 0;
    return TRUE;
}

static const Kind *kind_of(const char *name, GError **error)
{
    const Kind *kind = kind_by_name(name);
    GString *names;

    if (kind != NULL)
        return kind;
    names = g_string_new(NULL);
    for (guint i = 0; i < KIND_MAX; i++)
        g_string_append_printf(names, "%s%s", i > 0 ? ", " : "", KINDS[i]->name);
    error_set(error, ERR_USAGE, "there is no kind '%s'; the kinds are %s", name, names->str);
    g_string_free(names, TRUE);
    return NULL;
}

gboolean command_schema(Cli *cli, GError **error)
{
    const Kind *kind = cli->words[0] != NULL ? kind_of(cli->words[0], error) : NULL;
    g_autoptr(json_t) schema = NULL;
    g_autofree char *text = NULL;

    if (cli->words[0] != NULL && kind == NULL)
        return FALSE;
    schema = schema_of(kind);
    text = json_pretty(schema);
    output_text(text);
    return TRUE;
}

gboolean command_doc(Cli *cli, GError **error)
{
    const char *word = cli->words[0];
    const char *dot = word != NULL ? strchr(word, '.') : NULL;
    g_autofree char *name = dot != NULL ? g_strndup(word, (gsize)(dot - word)) : g_strdup(word);
    g_autofree char *text = NULL;
    const Kind *kind;

    if (word == NULL) {
        g_autoptr(Table) table = table_new((const char *const[]){"KIND", "IN FILES", "WHAT", NULL});

        for (guint i = 0; i < KIND_MAX; i++)
            table_add(table, KINDS[i]->name, KINDS[i]->plural, KINDS[i]->title);
        table_print(table, "table", NULL);
        return TRUE;
    }
    kind = kind_of(name, error);
    if (kind == NULL)
        return FALSE;
    text = dot != NULL ? schema_doc_key(kind, dot + 1, error) : schema_doc(kind);
    if (text == NULL)
        return FALSE;
    output_text(text);
    if (!g_str_has_suffix(text, "\n"))
        output_text("\n");
    return TRUE;
}
