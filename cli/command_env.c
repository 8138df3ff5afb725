/* env: many copies of the same state files side by side, each with a lease (EN-51). */
#include <string.h>

#include "change.h"
#include "env.h"
#include "error.h"
#include "file.h"
#include "fingerprint.h"
#include "output.h"
#include "sources.h"
#include "table.h"
#include "units.h"

#define BASELINE_MAX_BYTES (64u << 20)

static const char *text_of(const Object *object, const char *field)
{
    const char *text = json_member_string(object->spec, field);

    return text != NULL ? text : "";
}

/* --ttl from now on; NULL without. Newly allocated. */
static gboolean read_ttl(const Cli *cli, char **ret, GError **error)
{
    g_autoptr(GDateTime) now = g_date_time_new_now_utc();
    g_autoptr(GDateTime) end = NULL;
    g_autoptr(GError) local = NULL;
    gint64 seconds;

    *ret = NULL;
    if (cli->args->ttl == NULL)
        return TRUE;
    if (!units_parse_duration(cli->args->ttl, &seconds, &local))
        return error_set(error, ERR_USAGE, "--ttl %s: %s", cli->args->ttl, local->message);
    end = g_date_time_add_seconds(now, (gdouble)seconds);
    *ret = g_date_time_format(end, "%Y-%m-%dT%H:%M:%SZ");
    return TRUE;
}

static const Object *find(const Snapshot *model, const char *name, GError **error)
{
    const Object *object = snapshot_find(model, KIND_ENVIRONMENT, "", name);

    if (object == NULL)
        error_set(error, ERR_NOT_FOUND,
                  "there is no environment \"%s\"; `berth env list` lists them", name);
    return object;
}

static json_t *options_of(const Cli *cli, const char *name)
{
    g_autofree char *owner = env_owner(name);

    return change_options(cli, owner, !cli->args->yes);
}

/* ---- up ---- */

static Input *read_files(Cli *cli, const Lease *lease, GError **error)
{
    g_autoptr(GPtrArray) paths = g_ptr_array_new();
    g_autoptr(Problems) problems = problems_new();
    g_autoptr(Input) input = NULL;

    for (guint i = 1; cli->words[i] != NULL; i++)
        g_ptr_array_add(paths, cli->words[i]);
    if (paths->len == 0)
        g_ptr_array_add(paths, (char *)"berth.yaml");
    input = sources_read(cli, paths, NULL, NULL, error);
    if (input == NULL)
        return NULL;
    env_place(input, lease, problems);
    return problems_to_error(problems, TRUE, error) ? g_steal_pointer(&input) : NULL;
}

static gboolean up(Cli *cli, GError **error)
{
    Lease lease = {cli->args->name, cli->args->lease_owner, NULL};
    g_autofree char *expires_at = NULL;
    g_autofree char *cause = NULL;
    g_autoptr(Input) input = NULL;
    g_autoptr(Proposal) proposal = NULL;
    const Snapshot *model;
    const Object *there;
    json_t *options;

    if (lease.name == NULL)
        return error_set(error, ERR_USAGE, "name the environment: --name NAME");
    if (!KINDS[KIND_ENVIRONMENT]->check_name(lease.name, error) ||
        !read_ttl(cli, &expires_at, error))
        return FALSE;
    lease.expires_at = expires_at;
    input = read_files(cli, &lease, error);
    model = input != NULL ? cli_model(cli, cli_writes(cli), error) : NULL;
    if (model == NULL)
        return FALSE;
    there = snapshot_find(model, KIND_ENVIRONMENT, "", lease.name);
    if (there != NULL &&
        strcmp(text_of(there, "lease_owner"), lease.owner != NULL ? lease.owner : "") != 0)
        return error_set(error, ERR_CONFLICT, "environment \"%s\" belongs to \"%s\"", lease.name,
                         text_of(there, "lease_owner"));
    if (there == NULL && snapshot_find(model, KIND_PROJECT, "", lease.name) != NULL)
        return error_set(error, ERR_CONFLICT,
                         "there is a project \"%s\" already; name the environment otherwise",
                         lease.name);
    options = options_of(cli, lease.name);
    json_object_set_new(options, "prune", json_true());
    proposal = change_plan(cli, NULL, NULL, options, input, error);
    cause = g_strdup_printf("env up %s", lease.name);
    return proposal != NULL &&
           change_carry_out(cli, proposal, FALSE, "Make this environment?", cause, error);
}

/* ---- renew ---- */

static gboolean renew(Cli *cli, GError **error)
{
    const char *name = cli->words[1];
    const Snapshot *model = cli_model(cli, cli_writes(cli), error);
    const Object *object = model != NULL && name != NULL ? find(model, name, error) : NULL;
    g_autofree char *expires_at = NULL;
    g_autofree char *cause = NULL;
    g_autoptr(json_t) spec = NULL;
    g_autoptr(Input) input = input_new();
    g_autoptr(Proposal) proposal = NULL;

    if (model != NULL && name == NULL)
        return error_set(error, ERR_USAGE,
                         "which environment? berth env renew NAME --ttl DURATION");
    if (object == NULL)
        return FALSE;
    if (cli->args->ttl == NULL)
        return error_set(error, ERR_USAGE, "for how long? give --ttl DURATION");
    if (!read_ttl(cli, &expires_at, error))
        return FALSE;
    spec = json_deep_copy(object->spec);
    json_object_set_new(spec, "expires_at", json_string(expires_at));
    g_ptr_array_add(input->objects, object_with(object, spec, NULL));
    proposal = change_plan(cli, NULL, NULL, options_of(cli, name), input, error);
    cause = g_strdup_printf("env renew %s", name);
    return proposal != NULL && change_carry_out(cli, proposal, FALSE, NULL, cause, error);
}

/* ---- down ---- */

static void add_keys(json_t *keys, const Snapshot *model, const char *name)
{
    g_autoptr(GPtrArray) found = env_keys(model, name);

    for (guint i = 0; i < found->len; i++)
        json_array_append_new(keys, json_string(found->pdata[i]));
}

static gboolean down(Cli *cli, GError **error)
{
    const Snapshot *model = cli_model(cli, cli_writes(cli), error);
    g_autoptr(json_t) keys = json_array();
    g_autoptr(Proposal) proposal = NULL;
    gboolean expired = cli->args->expired;

    if (model == NULL)
        return FALSE;
    if ((cli->words[1] == NULL) != expired)
        return error_set(error, ERR_USAGE, "name environments, or give --expired");
    if (expired) {
        g_autoptr(GPtrArray) names = env_expired(model, g_get_real_time() / G_USEC_PER_SEC, NULL);

        for (guint i = 0; i < names->len; i++)
            add_keys(keys, model, names->pdata[i]);
    }
    for (guint i = 1; !expired && cli->words[i] != NULL; i++) {
        if (find(model, cli->words[i], error) == NULL)
            return FALSE;
        add_keys(keys, model, cli->words[i]);
    }
    proposal = change_plan(cli, "delete", g_steal_pointer(&keys),
                           change_options(cli, NULL, !cli->args->yes), NULL, error);
    return proposal != NULL && change_carry_out(cli, proposal, FALSE,
                                                "Delete all this and its data?", "env down", error);
}

/* ---- list ---- */

static gboolean list(Cli *cli, GError **error)
{
    g_autoptr(Table) table =
        table_new((const char *const[]){"NAME", "OWNER", "EXPIRES", "OBJECTS", NULL});
    g_autoptr(json_t) rows = json_array();
    const Snapshot *model = cli_model(cli, 0, error);
    guint first, count;

    if (model == NULL)
        return FALSE;
    snapshot_range(model, KIND_ENVIRONMENT, "", &first, &count);
    for (guint i = first; i < first + count; i++) {
        const Object *object = snapshot_at(model, i);
        const char *expires = text_of(object, "expires_at");
        g_autoptr(GPtrArray) keys = env_keys(model, object->id.name);
        g_autofree char *size = g_strdup_printf("%u", keys->len);

        table_add(table, object->id.name, text_of(object, "lease_owner"),
                  *expires != '\0' ? expires : "never", size);
        json_array_append_new(rows, json_pack("{s:s, s:s, s:s, s:i}", "name", object->id.name,
                                              "lease_owner", text_of(object, "lease_owner"),
                                              "expires_at", expires, "objects", (int)keys->len));
    }
    table_print(table, cli_list_format(cli), rows);
    return TRUE;
}

/* ---- leaks ---- */

/* The state directory is this host's; what another one was like is kept where the user says. */
static char *baseline_path(const Cli *cli, GError **error)
{
    g_autofree char *dir = cli_directory(cli);

    if (cli->args->baseline != NULL)
        return g_strdup(cli->args->baseline);
    if (backend_is_local(cli->backend))
        return g_build_filename(dir, "baseline.json", NULL);
    error_set(error, ERR_USAGE, "give --baseline FILE: where to keep what %s is like",
              backend_place(cli->backend));
    return NULL;
}

/* Before the first apply there is no state directory yet. */
static gboolean save_baseline(const Cli *cli, const char *path, const json_t *now, GError **error)
{
    g_autofree char *text = json_pretty(now);
    g_autofree char *dir = cli_directory(cli);

    if (cli->args->baseline == NULL && !file_make_directory(dir, 0711, error))
        return FALSE;
    if (!file_write(path, text, -1, 0600, NULL, error))
        return FALSE;
    message("Saved what is there now as %s.", path);
    return TRUE;
}

static void print_added(const json_t *added)
{
    const char *part;
    json_t *names;
    size_t i;
    json_t *name;

    json_object_foreach ((json_t *)added, part, names)
        json_array_foreach (names, i, name) {
            g_autofree char *line = g_strdup_printf("%s: %s\n", part, json_string_value(name));

            output_text(line);
        }
}

static gboolean leaks(Cli *cli, GError **error)
{
    /* Nobody else is at work meanwhile: what is about to be purged is no leak. */
    g_autofree char *path = cli_open(cli, BACKEND_WRITES, error) ? baseline_path(cli, error) : NULL;
    g_autoptr(json_t) now = path != NULL ? backend_fingerprint(cli->backend, error) : NULL;
    g_autoptr(json_t) before = NULL;
    g_autoptr(json_t) added = NULL;
    g_autofree char *text = NULL;

    if (now == NULL)
        return FALSE;
    if (cli->args->save)
        return save_baseline(cli, path, now, error);
    if (!file_read(path, BASELINE_MAX_BYTES, &text, NULL, error)) {
        g_prefix_error(error,
                       "the state to compare with (save one with `berth env leaks --save`): ");
        return FALSE;
    }
    before = json_loads(text, 0, NULL);
    if (!json_is_object(before))
        return error_set(error, ERR_INVALID, "%s: this is no baseline", path);
    added = fingerprint_added(before, now);
    if (cli_format_is(cli, "json")) {
        g_autofree char *pretty = json_pretty(added);

        output_text(pretty);
    } else {
        print_added(added);
    }
    cli->status = json_object_size(added) > 0 ? 2 : 0;
    return TRUE;
}

gboolean command_env(Cli *cli, GError **error)
{
    static const struct {
        const char *word;
        CommandFunction run;
    } parts[] = {{"up", up}, {"renew", renew}, {"list", list}, {"down", down}, {"leaks", leaks}};

    for (guint i = 0; i < G_N_ELEMENTS(parts); i++) {
        if (strcmp(cli->words[0], parts[i].word) == 0)
            return parts[i].run(cli, error);
    }
    return error_set(error, ERR_USAGE, "berth env %s: write up, renew, list, down or leaks",
                     cli->words[0]);
}
