#include "barrier.h"

#include "host.h"

static gboolean writes(const GPtrArray *steps, guint position)
{
    return ((const PlanStep *)steps->pdata[position])->row->lives_in == LIVES_DISK;
}

gboolean barrier_needed(const GPtrArray *steps)
{
    for (guint i = 0; i < steps->len; i++) {
        if (writes(steps, i))
            return TRUE;
    }
    return FALSE;
}

gboolean barrier_is_due(const GPtrArray *steps, const StepState *states)
{
    for (guint i = 0; i < steps->len; i++) {
        if (writes(steps, i) && states[i] != STEP_DONE)
            return FALSE;
    }
    return barrier_needed(steps);
}

/* Its failure, or NULL. */
static gpointer sync_host(gpointer data)
{
    GError *failure = NULL;

    host_barrier(data, &failure);
    return failure;
}

void barrier_begin(Barrier *barrier, Host *host)
{
    barrier->thread = g_thread_new("barrier", sync_host, host);
}

gboolean barrier_end(Barrier *barrier, GError **error)
{
    GError *failure =
        barrier->thread != NULL ? g_thread_join(g_steal_pointer(&barrier->thread)) : NULL;

    if (failure != NULL)
        g_propagate_error(error, failure);
    return failure == NULL;
}
