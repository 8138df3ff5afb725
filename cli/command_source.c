/* source: where state files come from by themselves (EN-42). */
#include <signal.h>
#include <string.h>

#include "command.h"
#include "error.h"
#include "output.h"
#include "source.h"
#include "table.h"
#include "view.h"

/* ---- what changes the model ---- */

static void set_text(json_t *body, const char *key, const char *value)
{
    if (value != NULL)
        json_object_set_new(body, key, json_string(value));
}

static gboolean add_rows(json_t *body, char *const *rows, GError **error)
{
    for (; rows != NULL && *rows != NULL; rows++) {
        const char *equals = strchr(*rows, '=');
        g_autofree char *key = equals != NULL ? g_strndup(*rows, (gsize)(equals - *rows)) : NULL;

        if (key == NULL)
            return error_set(error, ERR_USAGE, "--row %s: write KEY=VALUE", *rows);
        set_text(body, key, equals + 1);
    }
    return TRUE;
}

/* A path of this machine says nothing to another one. Newly allocated. */
static gboolean take_path(const Cli *cli, const char *option, const char *path, char **ret,
                          GError **error)
{
    if (path == NULL)
        return TRUE;
    if (!backend_is_local(cli->backend) && !g_path_is_absolute(path))
        return error_set(error, ERR_USAGE,
                         "%s %s: give the absolute path that it has on %s, which reads it", option,
                         path, backend_place(cli->backend));
    *ret = g_canonicalize_filename(path, NULL);
    return TRUE;
}

static const Object *find(const Snapshot *model, const char *name, GError **error)
{
    const Object *source = snapshot_find(model, KIND_SOURCE, "", name);

    if (source == NULL)
        error_set(error, ERR_NOT_FOUND, "there is no source %s; `berth source list` lists them",
                  name);
    return source;
}

static gboolean source_add(Cli *cli, const char *name, GError **error)
{
    const Arguments *args = cli->args;
    g_autoptr(json_t) body = json_pack("{s:s}", "name", name);
    g_autofree char *directory = NULL, *signers = NULL;
    const Snapshot *model;

    if ((args->git != NULL) == (args->directory != NULL))
        return error_set(error, ERR_USAGE, "give --git URL or --directory PATH");
    model = cli_model(cli, BACKEND_WRITES, error);
    if (model == NULL || !take_path(cli, "--directory", args->directory, &directory, error) ||
        !take_path(cli, "--verify", args->verify, &signers, error))
        return FALSE;
    set_text(body, "type", args->git != NULL ? "git" : "directory");
    set_text(body, "url", args->git);
    set_text(body, "path", directory != NULL ? directory : args->path);
    set_text(body, "ref", args->ref);
    set_text(body, "interval", args->interval);
    set_text(body, "mode", args->mode);
    set_text(body, "signers_file", signers);
    set_text(body, "project", args->project);
    if (args->prune)
        json_object_set_new(body, "prune", json_true());
    if (!add_rows(body, args->rows, error))
        return FALSE;
    if (snapshot_find(model, KIND_SOURCE, "", name) != NULL)
        return error_set(error, ERR_EXISTS, "there is a source %s already", name);
    if (!backend_source_add(cli->backend, name, body, error))
        return FALSE;
    message("Added. The daemon looks at it now; without one: berth source sync %s", name);
    return TRUE;
}

static gboolean set_suspended(Cli *cli, const char *name, gboolean suspend, GError **error)
{
    const Snapshot *model = cli_model(cli, BACKEND_WRITES, error);

    return model != NULL && find(model, name, error) != NULL &&
           backend_source_suspend(cli->backend, name, suspend, error);
}

static gboolean source_suspend(Cli *cli, const char *name, GError **error)
{
    return set_suspended(cli, name, TRUE, error);
}

static gboolean source_resume(Cli *cli, const char *name, GError **error)
{
    return set_suspended(cli, name, FALSE, error);
}

static gboolean source_remove(Cli *cli, const char *name, GError **error)
{
    const Snapshot *model = cli_model(cli, BACKEND_WRITES, error);

    return model != NULL && find(model, name, error) != NULL &&
           backend_source_remove(cli->backend, name, error);
}

/* ---- looking ---- */

static char *short_id(const json_t *status, const char *member)
{
    const char *id = json_member_string(json_object_get(status, member), "id");

    return id != NULL ? g_strndup(id, 12) : g_strdup("");
}

static const char *state_of(const Object *source, const json_t *status)
{
    const char *in_force = json_string_at(status, "in_force/id");

    if (source_flag(source, "suspend"))
        return "suspended";
    if (json_is_true(json_object_get(status, "stalled")))
        return "stalled";
    if (json_member_string(status, "error") != NULL)
        return "failing";
    if (in_force == NULL)
        return "new";
    return g_strcmp0(in_force, json_member_string(status, "quarantined")) == 0 ? "rolled back"
                                                                               : "ready";
}

static json_t *view(Cli *cli, const Object *source, GError **error)
{
    json_t *status = backend_source_state(cli->backend, source->id.name, error);
    json_t *view;

    if (status == NULL)
        return NULL;
    view = view_object(source, NULL);
    json_object_set_new(view, "state", json_string(state_of(source, status)));
    json_object_set_new(view, "status", status);
    return view;
}

static gboolean source_list(Cli *cli, const char *name, GError **error)
{
    g_autoptr(Table) table = table_new((const char *const[]){
        "NAME", "TYPE", "STATE", "WANTED", "IN FORCE", "LAST SUCCESS", "ERROR", NULL});
    g_autoptr(json_t) all = json_array();
    const Snapshot *model = cli_model(cli, 0, error);
    guint first, count;

    if (model == NULL)
        return FALSE;
    snapshot_range(model, KIND_SOURCE, "", &first, &count);
    for (guint i = first; i < first + count; i++) {
        const Object *source = snapshot_at(model, i);
        json_t *shown = view(cli, source, error);
        const json_t *status = json_object_get(shown, "status");
        g_autofree char *wanted = short_id(status, "wanted");
        g_autofree char *in_force = short_id(status, "in_force");
        g_autofree char *success = view_time(json_object_get(status, "last_success"));

        if (shown == NULL)
            return FALSE;
        json_array_append_new(all, shown);
        table_add(table, source->id.name, source_text(source, "type"),
                  json_member_string(shown, "state"), wanted, in_force, success,
                  json_member_string(status, "error"));
    }
    table_print(table, cli_list_format(cli), all);
    return TRUE;
}

static gboolean source_show(Cli *cli, const char *name, GError **error)
{
    const Snapshot *model = cli_model(cli, 0, error);
    const Object *source = model != NULL ? find(model, name, error) : NULL;
    g_autoptr(json_t) shown = source != NULL ? view(cli, source, error) : NULL;
    g_autoptr(Table) table = table_new((const char *const[]){"NAME", NULL});
    const char *format = cli->args->format != NULL ? cli->args->format : "yaml";

    if (shown == NULL)
        return FALSE;
    table_print(table, strcmp(format, "json") == 0 ? "json" : "yaml", shown);
    return TRUE;
}

/* ---- one round ---- */

static gboolean source_sync_now(Cli *cli, const char *name, GError **error)
{
    const Snapshot *model = cli_model(cli, BACKEND_WRITES | BACKEND_SHARES, error);
    g_autoptr(json_t) round = NULL;
    g_autoptr(GError) local = NULL;
    const json_t *plan;
    int number = 0;
    gboolean done;

    if (model == NULL || find(model, name, error) == NULL)
        return FALSE;
    done = backend_source_sync(cli->backend, name, cli->args->force, &round, &number, &local);
    plan = json_object_get(round, "plan");
    if (plan != NULL && !plan_shown_is_empty(plan) && !output_is_quiet() &&
        cli->args->format == NULL) {
        g_autofree char *text = plan_shown_text(plan, output_colour());

        output_text(text);
    }
    if (!done) {
        if (number == SIGTERM && g_error_matches(local, BERTH_ERROR, ERR_INTERRUPTED))
            cli->status = 128 + SIGTERM;
        g_propagate_error(error, g_steal_pointer(&local));
        return FALSE;
    }
    message("%s: %.12s is in force%s.", name, json_string_at(round, "revision/id"),
            json_is_true(json_object_get(round, "is_new")) ? "" : ", as before");
    if (json_array_size(json_at(round, "result/pending")) > 0)
        cli->status = 10;
    return TRUE;
}

static const struct {
    const char *name;
    gboolean named; /* takes a NAME */
    gboolean (*run)(Cli *cli, const char *name, GError **error);
} ACTIONS[] = {
    {"add", TRUE, source_add},         {"list", FALSE, source_list},
    {"show", TRUE, source_show},       {"sync", TRUE, source_sync_now},
    {"suspend", TRUE, source_suspend}, {"resume", TRUE, source_resume},
    {"remove", TRUE, source_remove},
};

gboolean command_source(Cli *cli, GError **error)
{
    const char *name = cli->words[1];

    for (guint i = 0; i < G_N_ELEMENTS(ACTIONS); i++) {
        if (strcmp(ACTIONS[i].name, cli->words[0]) != 0)
            continue;
        if (ACTIONS[i].named != (name != NULL))
            return error_set(error, ERR_USAGE, "source %s %s", ACTIONS[i].name,
                             ACTIONS[i].named ? "needs the name of a source" : "takes no name");
        return ACTIONS[i].run(cli, name, error);
    }
    return error_set(error, ERR_USAGE,
                     "source %s: there are add, list, show, sync, suspend, resume and remove",
                     cli->words[0]);
}
