#include "http/peers.h"

#include <gio/gio.h>
#include <string.h>

struct Peers {
    guint limit;
    GMutex lock;
    GHashTable *counts;  /* host -> number */
    GHashTable *proxies; /* set of hosts */
};

Peers *peers_new(guint limit)
{
    Peers *peers = g_new0(Peers, 1);

    peers->limit = limit;
    g_mutex_init(&peers->lock);
    peers->counts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    peers->proxies = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    return peers;
}

void peers_free(Peers *peers)
{
    if (peers == NULL)
        return;
    g_hash_table_unref(peers->counts);
    g_hash_table_unref(peers->proxies);
    g_mutex_clear(&peers->lock);
    g_free(peers);
}

/* Without port and brackets. */
static char *host_of(const char *address)
{
    const char *colon = strrchr(address, ':');
    gsize length = colon != NULL ? (gsize)(colon - address) : strlen(address);

    return address[0] == '[' && length > 2 ? g_strndup(address + 1, length - 2)
                                           : g_strndup(address, length);
}

void peers_set_proxies(Peers *peers, const char *const *addresses)
{
    g_autoptr(GMutexLocker) held = g_mutex_locker_new(&peers->lock);

    g_hash_table_remove_all(peers->proxies);
    for (; addresses != NULL && *addresses != NULL; addresses++) {
        /* As the kernel's addresses are written. */
        g_autoptr(GInetAddress) parsed = g_inet_address_new_from_string(*addresses);

        if (parsed != NULL)
            g_hash_table_add(peers->proxies, g_inet_address_to_string(parsed));
    }
}

gboolean peers_is_proxy(Peers *peers, const char *address)
{
    g_autofree char *host = host_of(address);
    g_autoptr(GMutexLocker) held = g_mutex_locker_new(&peers->lock);

    return g_hash_table_contains(peers->proxies, host);
}

static guint count_of(const Peers *peers, const char *host)
{
    return GPOINTER_TO_UINT(g_hash_table_lookup(peers->counts, host));
}

gboolean peers_has_room(Peers *peers, const char *address)
{
    g_autofree char *host = host_of(address);
    g_autoptr(GMutexLocker) held = g_mutex_locker_new(&peers->lock);

    return g_hash_table_contains(peers->proxies, host) || count_of(peers, host) < peers->limit;
}

gboolean peers_enter(Peers *peers, const char *address)
{
    char *host = host_of(address);
    g_autoptr(GMutexLocker) held = g_mutex_locker_new(&peers->lock);
    guint count = count_of(peers, host);

    if (count >= peers->limit) {
        g_free(host);
        return FALSE;
    }
    g_hash_table_replace(peers->counts, host, GUINT_TO_POINTER(count + 1));
    return TRUE;
}

void peers_leave(Peers *peers, const char *address)
{
    g_autofree char *host = host_of(address);
    g_autoptr(GMutexLocker) held = g_mutex_locker_new(&peers->lock);
    guint count = count_of(peers, host);

    if (count > 1)
        g_hash_table_replace(peers->counts, g_steal_pointer(&host), GUINT_TO_POINTER(count - 1));
    else
        g_hash_table_remove(peers->counts, host);
}
