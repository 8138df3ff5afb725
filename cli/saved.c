#include "saved.h"

#include <string.h>

#include "change.h"
#include "error.h"
#include "file.h"
#include "sources.h"
#include "table.h"

#define SAVED_FORMAT "berth-plan"
#define SAVED_VERSION 1
#define SAVED_MAX_BYTES (256u << 20)

/* Words of the command line; paths become absolute. */
static json_t *list_of(char *const *words, gboolean paths)
{
    json_t *list = json_array();

    for (guint i = 0; words != NULL && words[i] != NULL; i++) {
        g_autofree char *word =
            paths ? g_canonicalize_filename(words[i], NULL) : g_strdup(words[i]);

        json_array_append_new(list, json_string(word));
    }
    return list;
}

/* The reverse. Newly allocated. */
static char **words_of(const json_t *list)
{
    g_autoptr(GStrvBuilder) words = g_strv_builder_new();
    size_t i;
    json_t *word;

    json_array_foreach ((json_t *)list, i, word)
        if (json_is_string(word))
            g_strv_builder_add(words, json_string_value(word));
    return g_strv_builder_end(words);
}

gboolean saved_write(const Cli *cli, const char *path, const Proposal *proposal,
                     const GPtrArray *paths, const Input *input, const json_t *options,
                     GError **error)
{
    g_autofree char *dir = cli_directory(cli);
    g_autoptr(json_t) saved = NULL;
    g_autofree char *text = NULL;
    json_t *list = json_array();
    json_t *variables = json_object();

    for (guint i = 0; i < paths->len; i++)
        json_array_append_new(list, json_string(g_ptr_array_index(paths, i)));
    json_object_set_new(variables, "given", list_of(cli->args->vars, FALSE));
    json_object_set_new(variables, "files", list_of(cli->args->var_files, TRUE));
    saved =
        json_pack("{s:s, s:i, s:s, s:s, s:s, s:o, s:o, s:O, s:o}", "format", SAVED_FORMAT,
                  "format_version", SAVED_VERSION, "plan_hash", proposal_hash(proposal), "digest",
                  input->digest, "directory", dir, "paths", list, "variables", variables, "options",
                  options, "plan", json_incref(json_object_get(proposal->shown, "plan")));
    text = json_pretty(saved);
    return file_write(path, text, -1, 0600, NULL, error);
}

gboolean saved_read(const char *path, json_t **ret_saved, GError **error)
{
    g_autofree char *text = NULL;
    gsize length = 0;
    json_t *saved;

    *ret_saved = NULL;
    if (strcmp(path, "-") == 0 || !g_file_test(path, G_FILE_TEST_IS_REGULAR))
        return TRUE;
    if (!file_read(path, SAVED_MAX_BYTES, &text, &length, error))
        return FALSE;
    if (length == 0 || text[0] != '{')
        return TRUE;
    saved = json_loadb(text, length, 0, NULL);
    if (g_strcmp0(json_string_at(saved, "format"), SAVED_FORMAT) != 0) {
        json_decref(saved);
        return TRUE;
    }
    if (json_integer_value(json_object_get(saved, "format_version")) != SAVED_VERSION ||
        json_string_at(saved, "plan_hash") == NULL || json_string_at(saved, "digest") == NULL ||
        !json_is_array(json_object_get(saved, "paths")) ||
        !json_is_object(json_object_get(saved, "options"))) {
        json_decref(saved);
        return error_set(error, ERR_INVALID,
                         "%s: this saved plan is incomplete or of another version: plan again",
                         path);
    }
    *ret_saved = saved;
    return TRUE;
}

Proposal *saved_plan(Cli *cli, const json_t *saved, Input **ret_input, GError **error)
{
    const json_t *options = json_object_get(saved, "options");
    const char *directory = json_string_at(saved, "directory");
    g_autoptr(GPtrArray) paths = g_ptr_array_new();
    g_autofree char *dir = cli_directory(cli);
    g_autoptr(Input) input = NULL;
    g_autoptr(Proposal) proposal = NULL;
    g_autoptr(GError) local = NULL;
    size_t i;
    json_t *path;

    if (g_strcmp0(directory, dir) != 0) {
        error_set(error, ERR_CONFLICT, "the plan was made for the state directory %s, this is %s",
                  directory, dir);
        return NULL;
    }
    if (cli->args->vars != NULL || cli->args->var_files != NULL) {
        error_set(error, ERR_USAGE,
                  "a saved plan has its variables with it: leave out --var and "
                  "--var-file");
        return NULL;
    }
    cli->args->vars = words_of(json_object_get(json_object_get(saved, "variables"), "given"));
    cli->args->var_files = words_of(json_object_get(json_object_get(saved, "variables"), "files"));
    json_array_foreach (json_object_get(saved, "paths"), i, path)
        g_ptr_array_add(paths, (char *)json_string_value(path));
    input = sources_read(cli, paths, json_member_string(options, "project"),
                         json_string_at(saved, "digest"), &local);
    if (input == NULL) {
        /* A file that is gone or cannot be read has changed too. */
        local->code = ERR_CONFLICT;
        g_propagate_error(error, g_steal_pointer(&local));
        return NULL;
    }
    if (!cli_open(cli, cli_writes(cli), error))
        return NULL;
    proposal = change_plan(cli, NULL, NULL, json_deep_copy(options), input, error);
    if (proposal == NULL)
        return NULL;
    if (g_strcmp0(proposal_hash(proposal), json_string_at(saved, "plan_hash")) != 0) {
        error_set(error, ERR_CONFLICT,
                  "the host or what is stored has changed since the plan was saved: plan again");
        return NULL;
    }
    *ret_input = g_steal_pointer(&input);
    return g_steal_pointer(&proposal);
}
