#include "queue.h"

#define SETTLE (G_USEC_PER_SEC / 10)     /* after the last thing that happened */
#define SETTLE_MOST (G_USEC_PER_SEC / 2) /* after the first one */
#define UNSURE (3 * G_USEC_PER_SEC / 10)
#define FIRST_WAIT G_USEC_PER_SEC
#define MOST_WAIT (300 * (gint64)G_USEC_PER_SEC)
#define HEALS_MOST 5 /* within HEALS_TIME; more often somebody works against us */
#define HEALS_TIME (60 * (gint64)G_USEC_PER_SEC)

typedef struct {
    gint64 first; /* when the first thing happened that nobody has looked at yet; 0: none */
    gint64 due;   /* 0: not waiting */
    gint64 not_before;
    gboolean taken;
    guint failures;
    guint heals;
    gint64 healed;
} Item;

struct Queue {
    GHashTable *items; /* key -> Item */
};

Queue *queue_new(void)
{
    Queue *queue = g_new0(Queue, 1);

    queue->items = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    return queue;
}

void queue_free(Queue *queue)
{
    g_hash_table_unref(queue->items);
    g_free(queue);
}

static Item *item_of(Queue *queue, const char *key)
{
    Item *item = g_hash_table_lookup(queue->items, key);

    if (item == NULL) {
        item = g_new0(Item, 1);
        g_hash_table_insert(queue->items, g_strdup(key), item);
    }
    return item;
}

void queue_post(Queue *queue, const char *key, gint64 now)
{
    Item *item = item_of(queue, key);

    if (item->first == 0)
        item->first = now;
    item->due = MIN(now + SETTLE, item->first + SETTLE_MOST);
    item->due = MAX(item->due, item->not_before);
}

void queue_reset(Queue *queue, const char *key, gint64 now)
{
    Item *item = item_of(queue, key);

    item->failures = 0;
    item->heals = 0;
    item->not_before = 0;
    queue_post(queue, key, now);
}

void queue_forget(Queue *queue, const char *key)
{
    g_hash_table_remove(queue->items, key);
}

GPtrArray *queue_take(Queue *queue, gint64 now)
{
    GPtrArray *keys = g_ptr_array_new_with_free_func(g_free);
    GHashTableIter iter;
    gpointer key, value;

    g_hash_table_iter_init(&iter, queue->items);
    while (g_hash_table_iter_next(&iter, &key, &value)) {
        Item *item = value;

        if (item->taken || item->due == 0 || item->due > now)
            continue;
        item->taken = TRUE;
        item->first = 0;
        item->due = 0;
        g_ptr_array_add(keys, g_strdup(key));
    }
    return keys;
}

gint64 queue_next(const Queue *queue)
{
    GHashTableIter iter;
    gpointer value;
    gint64 next = -1;

    g_hash_table_iter_init(&iter, queue->items);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const Item *item = value;

        if (!item->taken && item->due != 0 && (next < 0 || item->due < next))
            next = item->due;
    }
    return next;
}

/* FIRST_WAIT, twice that, and so on. */
static gint64 wait_of(guint failures)
{
    gint64 wait = FIRST_WAIT;

    for (guint i = 1; i < failures && wait < MOST_WAIT; i++)
        wait *= 2;
    return MIN(wait, MOST_WAIT);
}

static gint64 try_again(Item *item, gint64 wait, gint64 now)
{
    item->not_before = now + wait;
    item->first = now;
    item->due = item->not_before;
    return wait;
}

gint64 queue_done(Queue *queue, const char *key, QueueResult result, gint64 now)
{
    Item *item = g_hash_table_lookup(queue->items, key);

    if (item == NULL)
        return 0;
    item->taken = FALSE;
    switch (result) {
    case QUEUE_HEALED:
        item->heals = now - item->healed < HEALS_TIME ? item->heals + 1 : 1;
        item->healed = now;
        item->failures = 0;
        if (item->heals <= HEALS_MOST)
            return 0;
        item->not_before = now + wait_of(item->heals - HEALS_MOST);
        if (item->due != 0)
            item->due = MAX(item->due, item->not_before);
        return item->not_before - now;
    case QUEUE_FAILED:
        item->failures++;
        return try_again(item, wait_of(item->failures), now);
    case QUEUE_UNSURE:
        return try_again(item, UNSURE, now);
    case QUEUE_CONVERGED:
        item->failures = 0;
        if (item->due == 0 && (item->heals == 0 || now - item->healed > HEALS_TIME))
            g_hash_table_remove(queue->items, key);
        return 0;
    default:
        return 0;
    }
}
