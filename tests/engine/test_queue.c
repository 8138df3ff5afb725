/* The queue of objects to look at (EN-41), against a clock of its own. */
#include <criterion/criterion.h>

#include "queue.h"

#define SECOND G_USEC_PER_SEC

static guint due(Queue *queue, gint64 now)
{
    g_autoptr(GPtrArray) keys = queue_take(queue, now);

    return keys->len;
}

/* Twenty things within a tenth of a second are one look, and not before they are over. */
Test(queue, settles)
{
    g_autoptr(Queue) queue = queue_new();
    gint64 now = SECOND;

    cr_expect_eq(queue_next(queue), -1);
    for (guint i = 0; i < 20; i++)
        queue_post(queue, "a", now += 5000);
    cr_expect_eq(due(queue, now), 0);
    cr_expect_eq(queue_next(queue), now + SECOND / 10);
    cr_expect_eq(due(queue, queue_next(queue)), 1);
    cr_expect_eq(due(queue, now + SECOND), 0);
    queue_done(queue, "a", QUEUE_CONVERGED, now);
    cr_expect_eq(queue_next(queue), -1);
}

/* What goes on without end is looked at all the same. */
Test(queue, does_not_starve)
{
    g_autoptr(Queue) queue = queue_new();
    gint64 now = SECOND;
    guint taken = 0;

    for (guint i = 0; i < 200 && taken == 0; i++) {
        queue_post(queue, "a", now += 10000);
        taken = due(queue, now);
    }
    cr_expect_eq(taken, 1);
    cr_expect_leq(now, SECOND + SECOND / 2 + 20000);
}

/* One that is being looked at is not taken twice; what happens meanwhile is not lost. */
Test(queue, one_at_a_time)
{
    g_autoptr(Queue) queue = queue_new();
    gint64 now = SECOND;

    queue_post(queue, "a", now);
    cr_expect_eq(due(queue, now += SECOND), 1);
    queue_post(queue, "a", now);
    cr_expect_eq(due(queue, now += SECOND), 0);
    queue_done(queue, "a", QUEUE_CONVERGED, now);
    cr_expect_eq(due(queue, now), 1);
}

/* kustomize-controller#701: failing is tried less and less often, but a new revision at once. */
Test(queue, backs_off)
{
    g_autoptr(Queue) queue = queue_new();
    gint64 now = SECOND, last = 0;

    queue_post(queue, "a", now);
    for (guint i = 0; i < 12; i++) {
        gint64 wait;

        cr_expect_eq(due(queue, now += SECOND / 5), 1);
        wait = queue_done(queue, "a", QUEUE_FAILED, now);
        cr_expect_gt(wait, last > 0 && last < 300 * (gint64)SECOND ? last : 0);
        cr_expect_leq(wait, 300 * (gint64)SECOND);
        queue_post(queue, "a", now); /* more of the same does not hurry it */
        cr_expect_eq(due(queue, now + wait - 1), 0);
        last = wait;
        now += wait;
    }
    cr_expect_eq(due(queue, now), 1);
    queue_done(queue, "a", QUEUE_FAILED, now);
    queue_reset(queue, "a", now);
    cr_expect_eq(due(queue, now + SECOND / 5), 1);
    cr_expect_eq(queue_done(queue, "a", QUEUE_FAILED, now), SECOND);
}

/* Somebody who undoes every repair is not fought without end. */
Test(queue, gives_way)
{
    g_autoptr(Queue) queue = queue_new();
    gint64 now = SECOND;
    guint heals = 0;

    for (gint64 end = now + 60 * (gint64)SECOND; now < end; now += SECOND / 50) {
        queue_post(queue, "a", now);
        if (due(queue, now) > 0) {
            heals++;
            queue_done(queue, "a", QUEUE_HEALED, now);
        }
    }
    cr_expect_geq(heals, 6);
    cr_expect_leq(heals, 12);
}

/* An object that somebody changes waits for the end of that. */
Test(queue, busy)
{
    g_autoptr(Queue) queue = queue_new();
    gint64 now = SECOND;

    queue_post(queue, "a", now);
    cr_expect_eq(due(queue, now += SECOND), 1);
    queue_done(queue, "a", QUEUE_BUSY, now);
    cr_expect_eq(queue_next(queue), -1);
    queue_reset(queue, "a", now);
    cr_expect_eq(due(queue, now += SECOND), 1);
}
