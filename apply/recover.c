#include "recover.h"

#include <string.h>

#include "error.h"
#include "host.h"

static gboolean undo_step(Host *host, const PlanStep *plan_step, const char *tx, gboolean rebooted,
                          GError **error)
{
    g_autoptr(Step) step = step_copy(&plan_step->step, tx);

    if (rebooted && plan_step->row->lives_in == LIVES_KERNEL)
        return TRUE;
    return plan_step_undo(host, plan_step, step, error);
}

static gboolean undo_transaction(Store *store, Host *host, const OpenTransaction *open,
                                 GPtrArray *keys, GString *failures)
{
    g_autofree char *boot = host_boot_id(host);
    gboolean rebooted = strcmp(boot, open->boot) != 0;
    g_autoptr(GPtrArray) again = g_ptr_array_new();
    gsize before = failures->len;

    for (guint i = open->steps->len; i > 0; i--) {
        PlanStep *step = open->steps->pdata[i - 1];

        if (!g_ptr_array_find_with_equal_func(keys, step->object, g_str_equal, NULL))
            g_ptr_array_add(keys, g_strdup(step->object));
        if (!undo_step(host, step, open->tx, rebooted, NULL))
            g_ptr_array_add(again, step);
    }
    /* What an undo needs may be undone only after it (transaction.c). */
    for (guint i = again->len; i > 0; i--) {
        const PlanStep *step = again->pdata[i - 1];
        g_autoptr(GError) failure = NULL;
        g_autofree char *label = object_key_label(step->step.key);

        if (!undo_step(host, step, open->tx, rebooted, &failure))
            g_string_append_printf(failures, "\n  %s: undo of %s: %s", label, step->step.name,
                                   failure->message);
    }
    return failures->len == before;
}

gboolean recover_run(Store *store, Host *host, GPtrArray *ret_keys, char **ret_summary,
                     GError **error)
{
    g_autoptr(GPtrArray) unfinished = journal_unfinished(store, error);
    g_autoptr(GString) failures = g_string_new(NULL);
    guint steps = 0, undone = 0, purged;

    *ret_summary = NULL;
    if (unfinished == NULL)
        return FALSE;
    for (guint i = unfinished->len; i > 0; i--) {
        const OpenTransaction *open = unfinished->pdata[i - 1];

        if (!undo_transaction(store, host, open, ret_keys, failures))
            continue;
        if (!journal_close(store, open->tx, error))
            return FALSE;
        steps += open->steps->len;
        undone++;
    }
    if (failures->len > 0)
        return error_set(error, ERR_ROLLBACK_INCOMPLETE,
                         "an interrupted apply could not be undone completely:%s", failures->str);
    if (undone > 0)
        *ret_summary = g_strdup_printf("an interrupted apply was undone (%u steps)", steps);
    /* What was committed and only waits for its purge; a failure is retried at the next start. */
    parked_purge(store, host, NULL, FALSE, &purged, NULL);
    return TRUE;
}
