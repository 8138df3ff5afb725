#include "ready_wait.h"

#include "error.h"
#include "output.h"
#include "ready.h"

#define USUAL_SECONDS 300
/* Without any event it is looked again so often: what happens inside a container tells of nothing.
 */
#define TICK_SECONDS 1

static void add_key(GPtrArray *keys, const Snapshot *model, const char *key)
{
    if (snapshot_get(model, key) != NULL &&
        !g_ptr_array_find_with_equal_func(keys, key, g_str_equal, NULL))
        g_ptr_array_add(keys, g_strdup(key));
}

/* What was deleted is not in the model. */
static GPtrArray *keys_of(const Cli *cli, const Snapshot *model, const Proposal *proposal)
{
    GPtrArray *keys = g_ptr_array_new_with_free_func(g_free);
    gboolean chosen = cli->args->only != NULL || cli->args->exclude != NULL ||
                      cli->args->selectors != NULL || cli->changed != NULL;
    const json_t *object;
    size_t i;

    json_array_foreach (json_at(proposal->shown, "plan/objects"), i, object)
        add_key(keys, model, json_member_string(object, "key"));
    for (guint n = 0; proposal->input != NULL && !chosen && n < proposal->input->objects->len; n++)
        add_key(keys, model, ((const Object *)proposal->input->objects->pdata[n])->key);
    return keys;
}

static const char *degraded(const json_t *conditions, const char *key)
{
    const json_t *condition;
    size_t i;

    json_array_foreach (conditions, i, condition)
        if (g_strcmp0(json_member_string(condition, "object"), key) == 0 &&
            g_strcmp0(json_member_string(condition, "type"), "Degraded") == 0 &&
            json_is_true(json_object_get(condition, "status")))
            return json_member_string(condition, "reason");
    return NULL;
}

json_t *ready_look(Cli *cli, const GPtrArray *keys, gboolean to_run, gboolean *ret_never,
                   GError **error)
{
    const Snapshot *model = backend_model(cli->backend, error);
    g_autoptr(GPtrArray) objects = g_ptr_array_new();
    g_autoptr(json_t) conditions = model != NULL ? backend_conditions(cli->backend, error) : NULL;
    g_autoptr(json_t) seen = NULL;
    json_t *missing;

    if (conditions == NULL)
        return NULL;
    for (guint i = 0; i < keys->len; i++)
        if (snapshot_get(model, keys->pdata[i]) != NULL)
            g_ptr_array_add(objects, (gpointer)snapshot_get(model, keys->pdata[i]));
    seen = backend_observe(cli->backend, objects, error);
    if (seen == NULL)
        return NULL;
    missing = json_object();
    *ret_never = FALSE;
    for (guint i = 0; i < keys->len; i++) {
        const char *key = keys->pdata[i];
        g_autofree char *reason = NULL;
        Readiness readiness = ready_judge(snapshot_get(model, key), json_object_get(seen, key),
                                          degraded(conditions, key), to_run, &reason);

        *ret_never |= readiness == READY_NEVER;
        if (readiness != READY_YES)
            json_object_set_new(missing, key, json_string(reason));
    }
    return missing;
}

static char *lines_of(const json_t *missing)
{
    g_autoptr(GString) lines = g_string_new(NULL);
    const char *key;
    json_t *reason;

    json_object_foreach ((json_t *)missing, key, reason) {
        g_autofree char *label = object_key_label(key);

        g_string_append_printf(lines, "\n  %s %s", label, json_string_value(reason));
    }
    return g_strdup(lines->str);
}

/* Those of `all` that are missing; all of them once more when none is. Borrowed strings. */
static GPtrArray *left_of(const GPtrArray *all, const json_t *missing)
{
    GPtrArray *left = g_ptr_array_new();

    for (guint i = 0; i < all->len; i++)
        if (json_object_size(missing) == 0 || json_object_get(missing, all->pdata[i]) != NULL)
            g_ptr_array_add(left, all->pdata[i]);
    return left;
}

/* Looks again and again at what is not ready; what is returned is of one look at all when it is
 * empty. */
static json_t *wait_for(Cli *cli, const GPtrArray *all, gint64 until, gboolean *ret_never,
                        GError **error)
{
    g_autoptr(json_t) missing = ready_look(cli, all, FALSE, ret_never, error);
    g_autofree char *told = NULL;
    gboolean whole = TRUE;

    while (missing != NULL && !*ret_never && g_get_monotonic_time() < until &&
           !(whole && json_object_size(missing) == 0)) {
        g_autoptr(GPtrArray) left = left_of(all, missing);
        g_autofree char *lines = lines_of(missing);

        if (*lines != '\0' && g_strcmp0(lines, told) != 0)
            message_verbose("Not ready yet:%s", lines);
        g_free(told);
        told = g_steal_pointer(&lines);
        if (json_object_size(missing) > 0 && !cli_pause(cli, TICK_SECONDS, error))
            return NULL;
        json_decref(missing);
        missing = ready_look(cli, left, FALSE, ret_never, error);
        whole = left->len == all->len;
    }
    return g_steal_pointer(&missing);
}

gboolean ready_wait(Cli *cli, const Proposal *proposal, gint64 until, json_t **ret_ready,
                    GError **error)
{
    gint64 began = g_get_monotonic_time();
    g_autoptr(GPtrArray) keys = NULL;
    g_autoptr(json_t) missing = NULL;
    g_autofree char *lines = NULL;
    const Snapshot *model;
    gboolean never = FALSE;

    *ret_ready = NULL;
    if (until == 0)
        until = began + USUAL_SECONDS * (gint64)G_USEC_PER_SEC;
    /* Watching first, so that nothing is missed between look and wait. The model of the backend
     * that made the plan may be the one from before. */
    if (!cli_reopen(cli, 0, error) || !backend_watch(cli->backend, error))
        return FALSE;
    model = backend_model(cli->backend, error);
    if (model == NULL)
        return FALSE;
    keys = keys_of(cli, model, proposal);
    missing = wait_for(cli, keys, until, &never, error);
    if (missing == NULL)
        return FALSE;
    *ret_ready =
        json_pack("{s:b, s:O}", "ready", json_object_size(missing) == 0, "not_ready", missing);
    if (json_object_size(missing) == 0) {
        message("Ready after %.2f s.", (double)(g_get_monotonic_time() - began) / G_USEC_PER_SEC);
        return TRUE;
    }
    lines = lines_of(missing);
    return error_set(error, ERR_NOT_READY, "%s:%s\nThe changes stay.",
                     never ? "it was applied, but will not get ready by itself"
                           : "it was applied, but is not ready in time",
                     lines);
}
