#include "sources.h"

#include <string.h>

#include "error.h"
#include "file.h"
#include "output.h"

static void add_path(GPtrArray *paths, const char *path, gboolean absolute)
{
    gboolean keep = !absolute || strcmp(path, "-") == 0;

    g_ptr_array_add(paths, keep ? g_strdup(path) : g_canonicalize_filename(path, NULL));
}

GPtrArray *sources_paths(const Cli *cli, gboolean absolute, GError **error)
{
    g_autoptr(GPtrArray) paths = g_ptr_array_new_with_free_func(g_free);

    for (guint i = 0; cli->args->files != NULL && cli->args->files[i] != NULL; i++)
        add_path(paths, cli->args->files[i], absolute);
    for (guint i = 0; cli->words[i] != NULL; i++) {
        if (strcmp(cli->words[i], "-") != 0 && !file_exists(cli->words[i])) {
            error_set(error, ERR_USAGE, "%s: there is no such file or directory", cli->words[i]);
            return NULL;
        }
        add_path(paths, cli->words[i], absolute);
    }
    if (paths->len == 0 && file_exists("berth.yaml"))
        add_path(paths, "berth.yaml", absolute);
    if (paths->len == 0) {
        error_set(
            error, ERR_USAGE,
            "nothing to read: give a file or directory with -f (there is no berth.yaml here)");
        return NULL;
    }
    return g_steal_pointer(&paths);
}

gboolean sources_give(const Cli *cli, Input *input, GError **error)
{
    const Arguments *args = cli->args;

    for (guint i = 0; args->var_files != NULL && args->var_files[i] != NULL; i++)
        if (!input_give_file(input, args->var_files[i], error))
            return FALSE;
    for (guint i = 0; args->vars != NULL && args->vars[i] != NULL; i++)
        if (!input_give(input, args->vars[i], error))
            return FALSE;
    return TRUE;
}

/* What was found while reading: remarks are told, everything else is the error. */
static gboolean tell_problems(const Problems *problems, GError **error)
{
    for (guint i = 0; i < problems->items->len; i++) {
        const Problem *problem = g_ptr_array_index(problems->items, i);
        g_autofree char *text = problem_text(problem);

        if (problem->severity == PROBLEM_REMARK)
            message_verbose("remark: %s", text);
    }
    return problems_to_error(problems, TRUE, error);
}

static gboolean read_paths(Input *input, const GPtrArray *paths, const char *project,
                           Problems *problems, GError **error)
{
    for (guint i = 0; i < paths->len; i++)
        if (!input_read(input, g_ptr_array_index(paths, i), project, problems, error))
            return FALSE;
    return TRUE;
}

Input *sources_read(const Cli *cli, const GPtrArray *paths, const char *project, const char *digest,
                    GError **error)
{
    g_autoptr(Input) input = input_new();
    g_autoptr(Problems) problems = problems_new();

    if (!sources_give(cli, input, error) || !read_paths(input, paths, project, problems, error))
        return NULL;
    input_check_given(input, problems);
    if (digest != NULL && g_strcmp0(digest, input->digest) != 0) {
        error_set(error, ERR_CONFLICT,
                  "the files have changed since the plan was saved: plan again");
        return NULL;
    }
    return tell_problems(problems, error) ? g_steal_pointer(&input) : NULL;
}

gboolean sources_policies(Cli *cli, GError **error)
{
    g_autoptr(GPtrArray) paths = g_ptr_array_new();
    g_autoptr(Input) input = input_new();
    g_autoptr(Problems) problems = problems_new();

    if (cli->args->policies == NULL)
        return TRUE;
    for (char **path = cli->args->policies; *path != NULL; path++)
        g_ptr_array_add(paths, *path);
    if (!read_paths(input, paths, NULL, problems, error) || !tell_problems(problems, error))
        return FALSE;
    cli->policies = json_object();
    for (guint i = 0; i < input->objects->len; i++) {
        const Object *object = g_ptr_array_index(input->objects, i);
        g_autofree char *where = object_where(object, "");
        g_autofree char *label = object_label(object);

        if (object->id.kind != KIND_POLICY)
            return error_set(error, ERR_INVALID,
                             "%s: %s: a file of --policy declares nothing but policies", where,
                             label);
        json_object_set(cli->policies, object->id.name, object->spec);
    }
    return TRUE;
}

char *sources_owner(const Cli *cli, const GPtrArray *paths, GError **error)
{
    const char *first = g_ptr_array_index(paths, 0);
    g_autofree char *path = NULL;

    if (cli->args->set != NULL) {
        if (*cli->args->set == '\0') {
            error_set(error, ERR_USAGE, "--set: the name is empty");
            return NULL;
        }
        return g_strconcat("file:", cli->args->set, NULL);
    }
    if (strcmp(first, "-") == 0) {
        /* All standard inputs are one set; pruning by that would delete what another one declared.
         */
        if (cli->args->prune) {
            error_set(error, ERR_USAGE,
                      "--prune with standard input needs --set NAME, to know whose objects may go");
            return NULL;
        }
        return g_strdup("file:-");
    }
    path = g_canonicalize_filename(first, NULL);
    return g_strconcat("file:", path, NULL);
}
