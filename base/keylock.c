#include "keylock.h"

#define LOOK_MICROSECONDS 200000

static GMutex mutex;
static GCond changed;
static GHashTable *taken;

gboolean key_lock(const char *name, volatile gint *cancel)
{
    g_autoptr(GMutexLocker) held = g_mutex_locker_new(&mutex);

    if (taken == NULL)
        taken = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    while (g_hash_table_contains(taken, name)) {
        if (cancel == NULL)
            g_cond_wait(&changed, &mutex);
        else if (g_atomic_int_get(cancel) != 0)
            return FALSE;
        else
            g_cond_wait_until(&changed, &mutex, g_get_monotonic_time() + LOOK_MICROSECONDS);
    }
    g_hash_table_add(taken, g_strdup(name));
    return TRUE;
}

void key_unlock(const char *name)
{
    g_autoptr(GMutexLocker) held = g_mutex_locker_new(&mutex);

    g_hash_table_remove(taken, name);
    g_cond_broadcast(&changed);
}
