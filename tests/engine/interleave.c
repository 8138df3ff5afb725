/* All interleavings of two transactions on disjoint objects: both commit, or one is undone at any
 * point between the other's steps. The result is always that of the one or of both alone. And two
 * on the same object: the later one is refused at once. */
#include <stdio.h>
#include <string.h>

#include "engine_private.h"
#include "error.h"
#include "support.h"

#define POOL_A "storage_pools:\n  - {name: a, driver: dir}\n"
#define POOL_B "storage_pools:\n  - {name: b, driver: dir}\n"
#define A                                                                                          \
    POOL_A "networks:\n  - {name: neta, config: {ipv4.address: 10.1.0.1/24, ipv6.address: "        \
           "none}}\n"
#define B                                                                                          \
    POOL_B "networks:\n  - {name: netb, config: {ipv4.address: 10.2.0.1/24, ipv6.address: "        \
           "none}}\n"

typedef struct {
    Plan *plan;
    GPtrArray *put, *remove;
    TransactionRequest request;
    Transaction *transaction;
    guint done;       /* steps done so far */
    guint undo_after; /* undone instead of going on after so many; G_MAXUINT: committed */
    gboolean over;
} Side;

static gboolean side_open(Side *side, World *world, const char *yaml, guint undo_after)
{
    g_autoptr(GError) error = NULL;
    PlanOptions options = {0};

    memset(side, 0, sizeof *side);
    side->plan = world_plan(world, yaml, &options, &error);
    if (side->plan == NULL)
        g_error("%s", error->message);
    side->put = g_ptr_array_new();
    side->remove = g_ptr_array_new();
    side->undo_after = undo_after;
    for (guint i = 0; i < snapshot_size(side->plan->next); i++) {
        const Object *object = snapshot_at(side->plan->next, i);

        if (snapshot_get(side->plan->base, object->key) == NULL)
            g_ptr_array_add(side->put, (gpointer)object);
    }
    side->request =
        (TransactionRequest){.store = world->engine->store,
                             .host = world->host,
                             .steps = side->plan->steps,
                             .commit = {side->put, side->remove, "test", "api", "done", NULL}};
    side->transaction = transaction_open(&side->request, &error);
    return side->transaction != NULL;
}

static void side_close(Side *side)
{
    transaction_free(side->transaction, NULL);
    g_ptr_array_unref(side->put);
    g_ptr_array_unref(side->remove);
    plan_free(side->plan);
}

/* The next thing a side does: a step, its undo, or its commit. */
static gboolean side_move(Side *side)
{
    g_autoptr(GError) error = NULL;

    if (side->done == side->undo_after) {
        transaction_undo(side->transaction, g_error_new_literal(BERTH_ERROR, ERR_FAILED, "test"),
                         &error);
        side->over = TRUE;
        return error->code == ERR_ROLLED_BACK;
    }
    if (side->done == side->plan->steps->len) {
        side->over = TRUE;
        return transaction_commit(side->transaction, &error);
    }
    return transaction_do(side->transaction, side->done++, &error);
}

/* Model and host without what differs between runs. */
static char *result_of(World *world)
{
    GString *text = g_string_new(NULL);
    g_autofree char *whole = world_fingerprint(world);

    g_string_assign(text, whole);
    g_string_replace(text, world->dir, "STATE", 0);
    return g_string_free(text, FALSE);
}

static char *expected_of(gboolean a, gboolean b)
{
    g_autoptr(World) world = world_new();
    PlanOptions options = {0};
    const char *parts[] = {a ? A : "", b ? B : ""};

    for (guint i = 0; i < 2; i++) {
        g_autoptr(Plan) plan = world_plan(world, parts[i], &options, NULL);
        g_auto(ApplyResult) result = {0};

        world_apply_plan(world, plan, &result, NULL);
    }
    return result_of(world);
}

/* `order` has a bit for each move: whose turn it is. When that side is over, the other one moves.
 */
static gboolean run_order(guint order, guint undo_a, guint undo_b, guint moves,
                          char *const expected[2][2])
{
    g_autoptr(World) world = world_new();
    Side a, b;
    gboolean fine = side_open(&a, world, A, undo_a) && side_open(&b, world, B, undo_b);
    g_autofree char *result = NULL;

    for (guint i = 0; i < 2 * moves && fine && !(a.over && b.over); i++) {
        gboolean turn_of_b = (order >> (i % moves)) & 1;
        Side *side = turn_of_b ? (b.over ? &a : &b) : (a.over ? &b : &a);

        fine = side_move(side);
    }
    side_close(&a);
    side_close(&b);
    engine_look(world->engine);
    result = result_of(world);
    return fine && strcmp(result, expected[undo_a == G_MAXUINT][undo_b == G_MAXUINT]) == 0;
}

static gboolean same_object_is_refused(void)
{
    g_autoptr(World) world = world_new();
    Side a, b;
    gboolean first = side_open(&a, world, A, G_MAXUINT);
    gboolean second = side_open(&b, world, A, G_MAXUINT);

    while (first && !a.over)
        first = side_move(&a);
    side_close(&a);
    side_close(&b);
    return first && !second;
}

int main(void)
{
    char *expected[2][2];
    guint points = 0, failures = 0, steps_a, steps_b, moves;
    Side probe;

    for (int a = 0; a < 2; a++) {
        for (int b = 0; b < 2; b++)
            expected[a][b] = expected_of(a, b);
    }
    {
        g_autoptr(World) world = world_new();

        side_open(&probe, world, A, G_MAXUINT);
        steps_a = probe.plan->steps->len;
        side_close(&probe);
        world_reopen(world, NULL);
        side_open(&probe, world, B, G_MAXUINT);
        steps_b = probe.plan->steps->len;
        side_close(&probe);
    }
    moves = MIN(steps_a + steps_b + 2, 10);
    for (guint order = 0; order < 1u << moves; order++) {
        /* Every order with both committing; every eighth with each point of undo on either side. */
        points++;
        failures += run_order(order, G_MAXUINT, G_MAXUINT, moves, expected) ? 0 : 1;
        for (guint undo = 0; order % 8 == 5 && undo <= steps_a; undo++) {
            points += 2;
            failures += run_order(order, undo, G_MAXUINT, moves, expected) ? 0 : 1;
            failures += run_order(order, G_MAXUINT, MIN(undo, steps_b), moves, expected) ? 0 : 1;
        }
    }
    printf("%sok 1 - interleaved transactions on disjoint objects: %u orders, %u failed\n",
           failures == 0 ? "" : "not ", points, failures);
    failures += same_object_is_refused() ? 0 : 1;
    printf("%sok 2 - a second transaction on the same object is refused\n",
           failures == 0 ? "" : "not ");
    printf("1..2\n");
    for (int i = 0; i < 4; i++)
        g_free(expected[i / 2][i % 2]);
    return failures > 0 ? 1 : 0;
}
