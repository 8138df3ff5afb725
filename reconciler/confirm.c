/* Applies that are reverted unless somebody confirms them in time (EN-33). */
#include <string.h>

#include "engine_private.h"
#include "error.h"
#include "moment.h"
#include "pending.h"

/* "2026-03-01 12:00:00", of here. Newly allocated. */
static char *time_text(gint64 seconds)
{
    g_autoptr(GDateTime) time = g_date_time_new_from_unix_local(seconds);

    return time != NULL ? g_date_time_format(time, "%F %T") : g_strdup("?");
}

json_t *engine_unconfirmed(Engine *engine, GError **error)
{
    return pending_list(engine->store, error);
}

/* ERR_NOT_FOUND unless the generation waits. */
static gboolean must_wait(Engine *engine, gint64 number, GError **error)
{
    g_autoptr(json_t) list = pending_list(engine->store, error);
    size_t i;
    json_t *item;

    if (list == NULL)
        return FALSE;
    json_array_foreach (list, i, item) {
        if (json_integer_value(json_object_get(item, "generation")) == number)
            return TRUE;
    }
    return error_set(error, ERR_NOT_FOUND,
                     "generation %" G_GINT64_FORMAT " waits for no confirmation: it was confirmed, "
                     "or reverted, or never had to be; `berth history` tells",
                     number);
}

gboolean engine_check_unconfirmed(Engine *engine, const GPtrArray *put, const GPtrArray *removed,
                                  gint64 reverts, GError **error)
{
    g_autoptr(json_t) list = pending_list(engine->store, error);
    size_t i;
    json_t *item;

    if (list == NULL)
        return FALSE;
    json_array_foreach (list, i, item) {
        gint64 number = json_integer_value(json_object_get(item, "generation"));
        const json_t *keys = json_object_get(item, "keys");

        for (guint j = 0; number != reverts && j < put->len + removed->len; j++) {
            const char *key =
                j < put->len ? ((const Object *)put->pdata[j])->key : removed->pdata[j - put->len];
            g_autofree char *label = object_key_label(key);
            g_autofree char *until =
                time_text(json_integer_value(json_object_get(item, "revert_at")));

            if (json_has_text(keys, key))
                return error_set(error, ERR_CONFLICT,
                                 "%s is part of generation %" G_GINT64_FORMAT
                                 ", which is reverted at %s unless it is confirmed: `berth confirm "
                                 "%" G_GINT64_FORMAT "` or `berth revert %" G_GINT64_FORMAT
                                 "` first",
                                 label, number, until, number, number);
        }
    }
    return TRUE;
}

/* ---- confirm ---- */

gboolean engine_confirm(Engine *engine, gint64 number, GError **error)
{
    guint purged;
    gboolean done;

    if (!must_wait(engine, number, error) || !store_begin(engine->store, TRUE, error))
        return FALSE;
    done = pending_confirm(engine->store, number, error);
    if (!store_end(engine->store, done, done ? error : NULL) || !done)
        return FALSE;
    /* What cannot be purged now is tried again after the next commit. */
    parked_purge(engine->store, engine->host, NULL, FALSE, &purged, NULL);
    return TRUE;
}

Plan *engine_plan_confirm(Engine *engine, gint64 number, GError **error)
{
    g_autofree char *warning =
        g_strdup_printf("generation %" G_GINT64_FORMAT " would stand: it is not reverted any more, "
                        "and what it parked is deleted when its time is over",
                        number);

    return must_wait(engine, number, error) ? engine_plan_nothing(engine, warning, error) : NULL;
}

/* ---- revert ---- */

Plan *engine_plan_revert(Engine *engine, gint64 number, GError **error)
{
    PlanOptions options = {.allow_replace = TRUE, .reverting = TRUE};
    Plan *plan;

    if (!must_wait(engine, number, error))
        return NULL;
    plan = engine_plan_rollback(engine, number, FALSE, &options, error);
    if (plan != NULL)
        plan->reverts = number;
    return plan;
}

Plan *engine_make_revert(Engine *engine, void *data, GError **error)
{
    return engine_plan_revert(engine, *(const gint64 *)data, error);
}

gint64 engine_next_revert(Engine *engine)
{
    g_autoptr(json_t) list = pending_list(engine->store, NULL);

    return json_integer_value(json_object_get(json_array_get(list, 0), "revert_at"));
}

gboolean engine_each_due(Engine *engine, DueFunction each, void *data, GError **error)
{
    g_autoptr(json_t) list = pending_list(engine->store, error);
    size_t i;
    json_t *item;

    json_array_foreach (list, i, item) {
        gint64 number = json_integer_value(json_object_get(item, "generation"));
        g_autofree char *cause =
            g_strdup_printf("revert %" G_GINT64_FORMAT ": not confirmed in time", number);

        if (json_integer_value(json_object_get(item, "revert_at")) > moment_now())
            break; /* the list is in their order */
        each(data, number, cause);
    }
    return list != NULL;
}

typedef struct {
    Engine *engine;
    GString *told;
    GError *failure; /* the first */
} Revert;

/* One that another program took back, or somebody confirmed, a moment ago is no failure. */
static void revert_one(void *data, gint64 number, const char *cause)
{
    Revert *revert = data;
    ApplyOptions options = {.cause = cause};
    g_auto(ApplyResult) result = {0};
    g_autoptr(GError) failure = NULL;

    if (engine_transact(revert->engine, engine_make_revert, &number, &options, NULL, &result,
                        &failure)) {
        g_string_append_printf(revert->told,
                               "%sgeneration %" G_GINT64_FORMAT
                               " was not confirmed in time and has been reverted",
                               revert->told->len > 0 ? "\n" : "", number);
    } else if (revert->failure == NULL && !g_error_matches(failure, BERTH_ERROR, ERR_NOT_FOUND)) {
        g_prefix_error(&failure,
                       "generation %" G_GINT64_FORMAT
                       " was not confirmed in time, and cannot be reverted: ",
                       number);
        revert->failure = g_steal_pointer(&failure);
    }
}

char *engine_revert_due(Engine *engine, GError **error)
{
    Revert revert = {engine, g_string_new(NULL), NULL};

    /* What cannot be listed is not tried: one failure at most. */
    if (engine_each_due(engine, revert_one, &revert, error) && revert.failure != NULL)
        g_propagate_error(error, revert.failure);
    return g_string_free(revert.told, revert.told->len == 0);
}
