/* hold, unhold, holds (EN-47). */
#include <string.h>

#include "command.h"
#include "error.h"
#include "output.h"
#include "select.h"
#include "table.h"
#include "units.h"
#include "view.h"

/* "instance/web.config.limits.memory": names may hold dots, so that the longest object that exists
 * counts. `ret_path` is "" for the whole object. */
static char *split(const Cli *cli, const Snapshot *model, const char *word, char **ret_path,
                   GError **error)
{
    g_autofree char *name = g_strdup(word);

    for (;;) {
        g_autofree char *key = select_key(model, name, cli_project(cli), error);
        char *dot;

        if (key == NULL)
            return NULL;
        if (snapshot_get(model, key) != NULL) {
            const char *rest = word + strlen(name);
            const Object *object = snapshot_get(model, key);
            g_auto(GStrv) parts = g_strsplit(*rest == '.' ? rest + 1 : rest, ".", 3);

            /* "config.KEY" and "devices.NAME.KEY" are two and three parts; "limits.memory" alone
             * means the config key. */
            if (g_strcmp0(parts[0], "devices") == 0)
                *ret_path = g_strjoinv("/", parts);
            else if (g_strcmp0(parts[0], "config") == 0)
                *ret_path = g_strconcat("config/", rest + strlen(".config."), NULL);
            else if (*rest != '\0' && object_kind(object)->config != NULL &&
                     row_find(object_kind(object)->config, rest + 1) != NULL)
                *ret_path = g_strconcat("config/", rest + 1, NULL);
            else
                *ret_path = g_strdup(*rest == '.' ? rest + 1 : rest);
            return g_steal_pointer(&key);
        }
        dot = strrchr(name, '.');
        if (dot == NULL) {
            error_set(error, ERR_NOT_FOUND, "%s does not exist", word);
            return NULL;
        }
        *dot = '\0';
    }
}

gboolean command_hold(Cli *cli, GError **error)
{
    const Snapshot *model;
    const char *reason = cli->args->reason;
    g_autofree char *path = NULL;
    g_autofree char *key = NULL;
    g_autoptr(GError) cause = NULL;
    gint64 seconds = 0;

    if (cli->args->hold_for == NULL)
        return error_set(error, ERR_USAGE, "give --for DURATION, such as --for 2h");
    if (!units_parse_duration(cli->args->hold_for, &seconds, &cause) || seconds == 0)
        return error_set(error, ERR_USAGE, "--for %s: %s", cli->args->hold_for,
                         cause != NULL ? cause->message : "give a time above zero");
    if (reason == NULL || *reason == '\0')
        return error_set(error, ERR_USAGE, "give --reason TEXT: others want to know why");
    model = cli_model(cli, BACKEND_WRITES | BACKEND_SHARES, error);
    key = model != NULL ? split(cli, model, cli->words[0], &path, error) : NULL;
    return key != NULL && backend_hold(cli->backend, key, path, seconds, reason, error);
}

gboolean command_unhold(Cli *cli, GError **error)
{
    const Snapshot *model = cli_model(cli, BACKEND_WRITES | BACKEND_SHARES, error);
    g_autofree char *path = NULL;
    g_autofree char *key = model != NULL ? split(cli, model, cli->words[0], &path, error) : NULL;

    return key != NULL && backend_unhold(cli->backend, key, *path != '\0' ? path : NULL, error);
}

gboolean command_holds(Cli *cli, GError **error)
{
    g_autoptr(Table) table =
        table_new((const char *const[]){"OBJECT", "FIELD", "SINCE", "UNTIL", "BY", "REASON", NULL});
    g_autoptr(json_t) holds = NULL;
    size_t i;
    json_t *hold;

    if (!cli_open(cli, 0, error))
        return FALSE;
    holds = backend_holds(cli->backend, error);
    if (holds == NULL)
        return FALSE;
    json_array_foreach (holds, i, hold) {
        g_autofree char *label = object_key_label(json_member_string(hold, "object"));
        g_autofree char *path = view_path(json_member_string(hold, "path"));
        g_autofree char *since = view_time(json_object_get(hold, "since"));
        gboolean ends = json_integer_value(json_object_get(hold, "until")) != 0;
        g_autofree char *until =
            ends ? view_time(json_object_get(hold, "until")) : g_strdup("the files say so");

        table_add(table, label, path, since, until, json_member_string(hold, "by"),
                  json_member_string(hold, "reason"));
    }
    table_print(table, cli_list_format(cli), holds);
    return TRUE;
}
