#include "addresses.h"

#include <gio/gio.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <string.h>

#include "http/listen.h"

static GInetAddress *address_of(const struct sockaddr *raw)
{
    if (raw == NULL)
        return NULL;
    if (raw->sa_family == AF_INET)
        return g_inet_address_new_from_bytes(
            (const guint8 *)&((const struct sockaddr_in *)raw)->sin_addr, G_SOCKET_FAMILY_IPV4);
    if (raw->sa_family == AF_INET6)
        return g_inet_address_new_from_bytes(
            (const guint8 *)&((const struct sockaddr_in6 *)raw)->sin6_addr, G_SOCKET_FAMILY_IPV6);
    return NULL;
}

GPtrArray *addresses_of_host(void)
{
    GPtrArray *found = g_ptr_array_new_with_free_func(g_free);
    struct ifaddrs *all = NULL;

    if (getifaddrs(&all) < 0)
        return found;
    for (const struct ifaddrs *at = all; at != NULL; at = at->ifa_next) {
        g_autoptr(GInetAddress) address = address_of(at->ifa_addr);

        if (address != NULL && !g_inet_address_get_is_loopback(address) &&
            !g_inet_address_get_is_link_local(address) &&
            !g_inet_address_get_is_multicast(address) && !g_inet_address_get_is_any(address))
            g_ptr_array_add(found, g_inet_address_to_string(address));
    }
    freeifaddrs(all);
    return found;
}

GPtrArray *addresses_of_listener(const char *address)
{
    GPtrArray *found = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) host = NULL;
    g_autofree char *name = NULL;
    g_autofree char *port = NULL;

    if (!listen_split(address, 0, &name, &port, NULL))
        return found;
    if (strcmp(name, "::") != 0 && strcmp(name, "0.0.0.0") != 0) {
        g_ptr_array_add(found, g_strdup(address));
        return found;
    }
    host = addresses_of_host();
    for (guint i = 0; i < host->len; i++) {
        const char *one = host->pdata[i];
        gboolean is_ipv6 = strchr(one, ':') != NULL;

        if (!is_ipv6 || strcmp(name, "::") == 0)
            g_ptr_array_add(found, g_strdup_printf(is_ipv6 ? "[%s]:%s" : "%s:%s", one, port));
    }
    return found;
}
