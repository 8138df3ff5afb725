/* source: where state files come from by themselves (EN-42). */
#include <signal.h>
#include <string.h>

#include "error.h"
#include "local.h"
#include "output.h"
#include "source_sync.h"
#include "table.h"
#include "view.h"

/* ---- what changes the model ---- */

static gboolean carry_out(Engine *engine, Plan *plan, GError **error)
{
    g_autoptr(Plan) owned = plan;
    ApplyOptions options = {.cause = "cli source"};
    g_auto(ApplyResult) result = {0};

    return plan != NULL && engine_apply(engine, plan, &options, &result, error);
}

static gboolean put(Engine *engine, const char *name, const json_t *body, GError **error)
{
    g_autoptr(Problems) problems = problems_new();
    g_autoptr(Object) source =
        document_object_from_json(KINDS[KIND_SOURCE], NULL, name, body, problems);
    g_autoptr(GPtrArray) objects = g_ptr_array_new();
    PlanOptions options = {0};

    if (!problems_to_error(problems, TRUE, error))
        return FALSE;
    g_ptr_array_add(objects, source);
    return carry_out(engine, engine_plan_change(engine, objects, NULL, &options, error), error);
}

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

static gboolean source_add(Cli *cli, const char *name, GError **error)
{
    g_auto(Local) local = {0};
    const Arguments *args = cli->args;
    g_autoptr(json_t) body = json_pack("{s:s}", "name", name);
    g_autofree char *directory =
        args->directory != NULL ? g_canonicalize_filename(args->directory, NULL) : NULL;
    g_autofree char *signers =
        args->verify != NULL ? g_canonicalize_filename(args->verify, NULL) : NULL;

    if ((args->git != NULL) == (args->directory != NULL))
        return error_set(error, ERR_USAGE, "give --git URL or --directory PATH");
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
    if (!add_rows(body, args->rows, error) || !local_open(cli, 0, &local, error))
        return FALSE;
    if (snapshot_find(engine_stored(local.engine), KIND_SOURCE, "", name) != NULL)
        return error_set(error, ERR_EXISTS, "there is a source %s already", name);
    if (!put(local.engine, name, body, error))
        return FALSE;
    message("Added. The daemon looks at it now; without one: berth source sync %s", name);
    return TRUE;
}

static const Object *find(Engine *engine, const char *name, GError **error)
{
    const Object *source = snapshot_find(engine_stored(engine), KIND_SOURCE, "", name);

    if (source == NULL)
        error_set(error, ERR_NOT_FOUND, "there is no source %s; `berth source list` lists them",
                  name);
    return source;
}

static gboolean set_suspended(Cli *cli, const char *name, gboolean suspend, GError **error)
{
    g_auto(Local) local = {0};
    const Object *source =
        local_open(cli, 0, &local, error) ? find(local.engine, name, error) : NULL;
    g_autoptr(json_t) body = source != NULL ? json_deep_copy(source->spec) : NULL;

    if (source == NULL)
        return FALSE;
    json_object_set_new(body, "name", json_string(name));
    json_object_set_new(body, "suspend", json_boolean(suspend));
    return put(local.engine, name, body, error);
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
    g_auto(Local) local = {0};
    const Object *source =
        local_open(cli, 0, &local, error) ? find(local.engine, name, error) : NULL;
    g_autoptr(GPtrArray) keys = g_ptr_array_new();
    PlanOptions options = {0};

    if (source == NULL)
        return FALSE;
    g_ptr_array_add(keys, source->key);
    if (!carry_out(local.engine, engine_plan_delete(local.engine, keys, &options, error), error))
        return FALSE;
    source_sweep(local.engine);
    return TRUE;
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

static json_t *view(Engine *engine, const Object *source, GError **error)
{
    json_t *status = source_status(engine, source->id.name, error);
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
    g_auto(Local) local = {0};
    g_autoptr(Table) table = table_new((const char *const[]){
        "NAME", "TYPE", "STATE", "WANTED", "IN FORCE", "LAST SUCCESS", "ERROR", NULL});
    g_autoptr(json_t) all = json_array();
    guint first, count;

    if (!local_open(cli, ENGINE_READ_ONLY, &local, error))
        return FALSE;
    snapshot_range(engine_stored(local.engine), KIND_SOURCE, "", &first, &count);
    for (guint i = first; i < first + count; i++) {
        const Object *source = snapshot_at(engine_stored(local.engine), i);
        json_t *shown = view(local.engine, source, error);
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
    table_print(table, cli->args->format != NULL ? cli->args->format : "table", all);
    return TRUE;
}

static gboolean source_show(Cli *cli, const char *name, GError **error)
{
    g_auto(Local) local = {0};
    const Object *source =
        local_open(cli, ENGINE_READ_ONLY, &local, error) ? find(local.engine, name, error) : NULL;
    g_autoptr(json_t) shown = source != NULL ? view(local.engine, source, error) : NULL;
    g_autoptr(Table) table = table_new((const char *const[]){"NAME", NULL});
    const char *format = cli->args->format != NULL ? cli->args->format : "yaml";

    if (shown == NULL)
        return FALSE;
    table_print(table, strcmp(format, "json") == 0 ? "json" : "yaml", shown);
    return TRUE;
}

/* ---- one round ---- */

static volatile gint cancel;

static void on_signal(int number)
{
    cancel = 1;
}

static gboolean source_sync_now(Cli *cli, const char *name, GError **error)
{
    g_auto(Local) local = {0};
    SyncOptions options = {.cancel = &cancel, .again = cli->args->force};
    g_auto(SyncResult) result = {0};
    gboolean done;

    if (!local_open(cli, ENGINE_SHARES, &local, error))
        return FALSE;
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    done = source_sync(local.engine, name, &options, &result, error);
    if (result.plan != NULL && !plan_is_empty(result.plan)) {
        g_autofree char *text = plan_text(result.plan, output_colour());

        if (!output_is_quiet() && cli->args->format == NULL)
            output_text(text);
    }
    if (!done)
        return FALSE;
    message("%s: %.12s is in force%s.", name, json_member_string(result.revision, "id"),
            result.is_new ? "" : ", as before");
    if (result.result.pending != NULL && result.result.pending->len > 0)
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
