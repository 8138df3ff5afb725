#include "throttle.h"

#include <arpa/inet.h>
#include <string.h>

#include "http/listen.h"

/* Keys are made by strangers: so many are remembered. */
#define KEYS_MAX 4096

typedef struct {
    gint64 since; /* the first of them */
    guint count;
} Failures;

struct Throttle {
    GMutex mutex;
    GHashTable *keys; /* char * -> Failures * */
    guint failures;
    gint64 window;
};

Throttle *throttle_new(guint failures, gint64 window)
{
    Throttle *throttle = g_new0(Throttle, 1);

    g_mutex_init(&throttle->mutex);
    throttle->keys = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    throttle->failures = failures;
    throttle->window = window;
    return throttle;
}

void throttle_free(Throttle *throttle)
{
    if (throttle == NULL)
        return;
    g_hash_table_unref(throttle->keys);
    g_mutex_clear(&throttle->mutex);
    g_free(throttle);
}

char *throttle_key(const char *what, const char *address)
{
    g_autofree char *host = NULL;
    g_autofree char *port = NULL;
    char network[INET6_ADDRSTRLEN];
    struct in6_addr bytes;

    if (!listen_split(address, 1, &host, &port, NULL) || inet_pton(AF_INET6, host, &bytes) != 1)
        return g_strdup_printf("%.64s %s", what, host != NULL ? host : address);
    memset(bytes.s6_addr + 8, 0, 8);
    inet_ntop(AF_INET6, &bytes, network, sizeof network);
    return g_strdup_printf("%.64s %s/64", what, network);
}

gboolean throttle_may(Throttle *throttle, const char *key, gint64 now)
{
    g_autoptr(GMutexLocker) held = g_mutex_locker_new(&throttle->mutex);
    const Failures *known = g_hash_table_lookup(throttle->keys, key);

    return known == NULL || known->count < throttle->failures ||
           now - known->since >= throttle->window;
}

/* Those whose time is over; all of them when it is nobody's. */
static void make_room(Throttle *throttle, gint64 now)
{
    GHashTableIter iter;
    gpointer value;

    g_hash_table_iter_init(&iter, throttle->keys);
    while (g_hash_table_iter_next(&iter, NULL, &value))
        if (now - ((const Failures *)value)->since >= throttle->window)
            g_hash_table_iter_remove(&iter);
    if (g_hash_table_size(throttle->keys) >= KEYS_MAX)
        g_hash_table_remove_all(throttle->keys);
}

gboolean throttle_failed(Throttle *throttle, const char *key, gint64 now)
{
    g_autoptr(GMutexLocker) held = g_mutex_locker_new(&throttle->mutex);
    Failures *known = g_hash_table_lookup(throttle->keys, key);

    if (known == NULL) {
        if (g_hash_table_size(throttle->keys) >= KEYS_MAX)
            make_room(throttle, now);
        known = g_new0(Failures, 1);
        g_hash_table_insert(throttle->keys, g_strdup(key), known);
    }
    if (known->count == 0 || now - known->since >= throttle->window)
        *known = (Failures){now, 0};
    return ++known->count == throttle->failures;
}
