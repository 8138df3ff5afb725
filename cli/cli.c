#include "command.h"

#include <string.h>

#include "changed_since.h"
#include "error.h"
#include "output.h"
#include "remotes.h"
#include "select.h"

char *cli_directory(const Cli *cli)
{
    const char *dir = cli->args->dir;

    if (dir == NULL)
        dir = g_getenv("BERTH_DIR");
    if (dir == NULL || *dir == '\0')
        dir = "/var/lib/berth";
    return g_canonicalize_filename(dir, NULL);
}

const char *cli_project(const Cli *cli)
{
    return cli->args->project != NULL ? cli->args->project : "default";
}

gboolean cli_format_is(const Cli *cli, const char *name)
{
    const char *formats = cli->command->formats;

    if (cli->args->format != NULL)
        return strcmp(cli->args->format, name) == 0;
    return formats != NULL && g_str_has_prefix(formats, name) &&
           strchr("|", formats[strlen(name)]) != NULL;
}

BackendFlags cli_writes(const Cli *cli)
{
    return cli->args->dry_run ? 0 : BACKEND_WRITES;
}

static ProgressKind progress_kind(const Cli *cli)
{
    if (cli_format_is(cli, "jsonl"))
        return PROGRESS_JSON;
    if (output_is_quiet())
        return PROGRESS_NONE;
    return message_is_terminal() && !output_is_verbose() ? PROGRESS_BAR : PROGRESS_LINES;
}

gboolean cli_remote(Cli *cli, const char **ret, GError **error)
{
    const char *name = cli->remote != NULL ? cli->remote : g_getenv("BERTH_REMOTE");
    g_autoptr(json_t) remotes = NULL;

    *ret = NULL;
    if (cli->args->local)
        return TRUE;
    if ((name == NULL || *name == '\0') && cli->default_remote == NULL) {
        remotes = remotes_read(error);
        if (remotes == NULL)
            return FALSE;
        cli->default_remote = g_strdup(json_member_string(remotes, "default"));
    }
    *ret = name != NULL && *name != '\0' ? name : cli->default_remote;
    if (*ret == cli->default_remote && strcmp(*ret, "local") == 0)
        *ret = NULL; /* nobody asked for the daemon: without one the engine runs here */
    return TRUE;
}

gboolean cli_only_here(Cli *cli, const char *what, GError **error)
{
    const char *remote;

    return cli_remote(cli, &remote, error) &&
           (remote == NULL || strcmp(remote, "local") == 0 ||
            error_set(error, ERR_USAGE,
                      "%s works on the state directory of the machine that it runs on, and cannot "
                      "ask %s:",
                      what, remote));
}

/* "NAME:" before the first colon of a word; NULL when that is no remote. Newly allocated. */
static gboolean take_prefix(json_t **remotes, const char *word, char **ret, GError **error)
{
    const char *colon = strchr(word, ':');
    g_autofree char *name = colon != NULL ? g_strndup(word, (gsize)(colon - word)) : NULL;

    *ret = NULL;
    if (name == NULL)
        return TRUE;
    if (*remotes == NULL && (*remotes = remotes_read(error)) == NULL)
        return FALSE;
    if (remotes_has(*remotes, name))
        *ret = g_steal_pointer(&name);
    return TRUE;
}

gboolean cli_take_remote(Cli *cli, GError **error)
{
    g_autoptr(json_t) remotes = NULL;
    g_autoptr(GStrvBuilder) left = g_strv_builder_new();

    if ((cli->command->options & OPTIONS_HERE) != 0)
        return TRUE;
    for (guint i = 0; cli->words[i] != NULL; i++) {
        g_autofree char *name = NULL;
        const char *rest;

        /* What follows the first word of a command like exec is not ours. */
        if (!(cli->command->posix && i > 0) && !take_prefix(&remotes, cli->words[i], &name, error))
            return FALSE;
        rest = name != NULL ? cli->words[i] + strlen(name) + 1 : cli->words[i];
        if (name != NULL && cli->remote != NULL && strcmp(name, cli->remote) != 0)
            return error_set(error, ERR_USAGE, "%s: and %s: are two servers; one at a time",
                             cli->remote, name);
        if (name != NULL) {
            g_free(cli->remote);
            cli->remote = g_strdup(name);
        }
        if (name == NULL || *rest != '\0')
            g_strv_builder_add(left, rest);
    }
    g_strfreev(cli->words);
    cli->words = g_strv_builder_end(left);
    return TRUE;
}

gboolean cli_open(Cli *cli, BackendFlags flags, GError **error)
{
    g_autofree char *dir = NULL;
    const char *remote;

    if (cli->backend != NULL)
        return TRUE;
    if (!cli_remote(cli, &remote, error))
        return FALSE;
    dir = cli_directory(cli);
    if (cli->args->no_wait_lock)
        flags |= BACKEND_NO_WAIT;
    cli->backend = backend_choose(remote, dir, cli->args->local, flags, error);
    if (cli->backend == NULL)
        return FALSE;
    cli->progress = progress_new(progress_kind(cli));
    progress_listen(cli->progress);
    return TRUE;
}

gboolean cli_reopen(Cli *cli, BackendFlags flags, GError **error)
{
    g_clear_pointer(&cli->progress, progress_free);
    g_clear_pointer(&cli->backend, backend_free);
    return cli_open(cli, flags, error);
}

gboolean cli_pause(Cli *cli, guint seconds, GError **error)
{
    gboolean wanted = TRUE;

    if (!backend_wait(cli->backend, seconds, &wanted, error))
        return FALSE;
    if (!wanted)
        g_usleep(seconds * G_USEC_PER_SEC);
    return TRUE;
}

const Snapshot *cli_model(Cli *cli, BackendFlags flags, GError **error)
{
    return cli_open(cli, flags, error) ? backend_model(cli->backend, error) : NULL;
}

char *cli_selector(const Cli *cli)
{
    return cli->args->selectors != NULL ? g_strjoinv(",", cli->args->selectors) : NULL;
}

/* As a set; NULL without --changed-since. */
static GHashTable *changed_keys(const Cli *cli)
{
    GHashTable *keys = cli->changed != NULL ? g_hash_table_new(g_str_hash, g_str_equal) : NULL;
    const json_t *key;
    size_t i;

    json_array_foreach (cli->changed, i, key)
        g_hash_table_add(keys, (gpointer)json_string_value(key));
    return keys;
}

/* What --only or --exclude name, as a set that borrows from `ret_keys`. */
static gboolean named(const Cli *cli, const Snapshot *stored, char *const *words,
                      GPtrArray **ret_keys, GHashTable **ret, GError **error)
{
    if (words == NULL)
        return TRUE;
    *ret_keys = select_keys(stored, words, cli_project(cli), error);
    if (*ret_keys == NULL)
        return FALSE;
    *ret = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = 0; i < (*ret_keys)->len; i++)
        g_hash_table_add(*ret, g_ptr_array_index(*ret_keys, i));
    return TRUE;
}

gboolean cli_filter_keys(Cli *cli, GPtrArray *keys, GError **error)
{
    const Snapshot *stored = cli_model(cli, 0, error);
    g_autofree char *text = cli_selector(cli);
    g_autoptr(Selector) selector = NULL;
    g_autoptr(GPtrArray) only_keys = NULL;
    g_autoptr(GPtrArray) excluded_keys = NULL;
    g_autoptr(GHashTable) only = NULL;
    g_autoptr(GHashTable) excluded = NULL;
    g_autoptr(GHashTable) changed = NULL;

    if (stored == NULL || (text != NULL && (selector = selector_parse(text, error)) == NULL) ||
        !named(cli, stored, cli->args->only, &only_keys, &only, error) ||
        !named(cli, stored, cli->args->exclude, &excluded_keys, &excluded, error) ||
        !changed_since(cli, NULL, NULL, error))
        return FALSE;
    changed = changed_keys(cli);
    for (guint i = keys->len; i > 0; i--) {
        const char *key = g_ptr_array_index(keys, i - 1);

        if (!selector_matches(selector, snapshot_get(stored, key)) ||
            (changed != NULL && !g_hash_table_contains(changed, key)) ||
            (only != NULL && !g_hash_table_contains(only, key)) ||
            (excluded != NULL && g_hash_table_contains(excluded, key)))
            g_ptr_array_remove_index(keys, i - 1);
    }
    return TRUE;
}

GPtrArray *cli_chosen_keys(Cli *cli, GError **error)
{
    const Snapshot *stored = cli_model(cli, 0, error);
    const char *project = cli->words[0] != NULL ? cli_project(cli) : cli->args->project;
    g_autoptr(GPtrArray) keys =
        stored != NULL ? select_keys(stored, cli->words, project, error) : NULL;

    return keys != NULL && cli_filter_keys(cli, keys, error) ? g_steal_pointer(&keys) : NULL;
}

GPtrArray *cli_chosen_objects(Cli *cli, GError **error)
{
    const Snapshot *stored = cli_model(cli, 0, error);
    g_autoptr(GPtrArray) keys = stored != NULL ? cli_chosen_keys(cli, error) : NULL;
    GPtrArray *objects;

    if (keys == NULL)
        return NULL;
    objects = g_ptr_array_new();
    for (guint i = 0; i < keys->len; i++)
        g_ptr_array_add(objects, (gpointer)snapshot_get(stored, g_ptr_array_index(keys, i)));
    return objects;
}

const char *cli_list_format(const Cli *cli)
{
    return cli->args->format != NULL ? cli->args->format : "table";
}

void cli_clear(Cli *cli)
{
    g_clear_pointer(&cli->progress, progress_free);
    g_clear_pointer(&cli->backend, backend_free);
    g_clear_pointer(&cli->changed, json_decref);
    g_clear_pointer(&cli->policies, json_decref);
    g_clear_pointer(&cli->remote, g_free);
    g_clear_pointer(&cli->default_remote, g_free);
    g_clear_pointer(&cli->words, g_strfreev);
}
