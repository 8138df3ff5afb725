#include "forwarding.h"

#include <string.h>

#include "expect.h"
#include "link.h"
#include "server.h"

#define IPV4 "ipv4/ip_forward"
#define IPV6 "ipv6/conf/all/forwarding"

static gboolean is_on(const char *key)
{
    g_autofree char *value = net_sysctl(key, NULL);

    return value != NULL && strcmp(value, "0") != 0;
}

json_t *forwarding_observe(const Object *network)
{
    g_autoptr(json_t) wanted = network_forwarding(network);
    json_t *found = json_object();

    if (json_object_get(wanted, "ipv4") != NULL && is_on(IPV4))
        json_object_set_new(found, "ipv4", json_true());
    if (json_object_get(wanted, "ipv6") != NULL && is_on(IPV6))
        json_object_set_new(found, "ipv6", json_true());
    return found;
}

/* Interfaces that take router advertisements only as long as the host does not forward; also "all"
 * and "default". */
static json_t *accepting(void)
{
    g_autoptr(GDir) folder = g_dir_open("/proc/sys/net/ipv6/conf", 0, NULL);
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    json_t *list = json_array();
    const char *name;

    while (folder != NULL && (name = g_dir_read_name(folder)) != NULL) {
        g_autofree char *key = g_strdup_printf("ipv6/conf/%s/accept_ra", name);
        g_autofree char *value = net_sysctl(key, NULL);

        if (g_strcmp0(value, "1") == 0)
            g_ptr_array_add(names, g_strdup(name));
    }
    g_ptr_array_sort(names, (GCompareFunc)(void (*)(void))g_strcmp0);
    for (guint i = 0; i < names->len; i++)
        json_array_append_new(list, json_string(g_ptr_array_index(names, i)));
    return list;
}

json_t *forwarding_state(void)
{
    return json_pack("{s:b, s:b, s:o}", "ipv4", is_on(IPV4), "ipv6", is_on(IPV6), "accept_ra",
                     accepting());
}

static gboolean set_accept(const char *name, const char *from, const char *to, GError **error)
{
    g_autofree char *key = g_strdup_printf("ipv6/conf/%s/accept_ra", name);
    g_autofree char *value = net_sysctl(key, NULL);

    /* An interface that went away, or that somebody else set, needs nothing. */
    return value == NULL || strcmp(value, from) != 0 || net_sysctl_set(key, to, error);
}

/* A host that forwards IPv6 keeps its own default route only where accept_ra says 2 (NET-BR-37):
 * before forwarding is on. */
static gboolean switch_on(const json_t *wanted, GError **error)
{
    if (json_object_get(wanted, "ipv4") != NULL && !net_sysctl_set(IPV4, "1", error))
        return FALSE;
    if (json_object_get(wanted, "ipv6") != NULL && !is_on(IPV6)) {
        g_autoptr(json_t) names = accepting();
        size_t at;
        json_t *name;

        json_array_foreach (names, at, name)
            if (!set_accept(json_string_value(name), "1", "2", error))
                return FALSE;
        return net_sysctl_set(IPV6, "1", error);
    }
    return TRUE;
}

/* Which families a bridge needs forwarded is kept in the kernel with it: net.ipv4.conf.NAME.tag is
 * a number for whatever use, and has no meaning to the kernel. So the last one that goes puts the
 * host back, in whatever order they go. */
enum { NEEDS_IPV4 = 1 << 0, NEEDS_IPV6 = 1 << 1 };

static guint needs_of(const json_t *fact)
{
    return (json_object_get(fact, "ipv4") != NULL ? (guint)NEEDS_IPV4 : 0) |
           (json_object_get(fact, "ipv6") != NULL ? (guint)NEEDS_IPV6 : 0);
}

static gboolean write_needs(const char *name, guint needs, GError **error)
{
    g_autofree char *key = g_strdup_printf("ipv4/conf/%s/tag", name);
    g_autofree char *value = g_strdup_printf("%u", needs);

    return net_sysctl_set(key, value, error);
}

/* What all bridges of ours need together. */
static gboolean read_needs(guint *ret, GError **error)
{
    g_autoptr(GPtrArray) links = link_list(error);

    if (links == NULL)
        return FALSE;
    *ret = 0;
    for (guint i = 0; i < links->len; i++) {
        const Link *link = g_ptr_array_index(links, i);
        g_autofree char *key = g_strdup_printf("ipv4/conf/%s/tag", link->name);
        g_autofree char *value = NULL;

        if (link->alias == NULL || !g_str_has_prefix(link->alias, "berth:network/") ||
            g_strcmp0(link->kind, "bridge") != 0)
            continue;
        value = net_sysctl(key, NULL);
        if (value != NULL)
            *ret |= (guint)g_ascii_strtoull(value, NULL, 10);
    }
    return TRUE;
}

/* What `from` had switched on, and nobody needs any more, goes back to how the host was before, as
 * `from` remembers it. */
static gboolean switch_back(const Step *step, GError **error)
{
    json_t *before = json_object_get(step->from, "$before");
    guint needs;
    size_t at;
    json_t *name;

    if (!read_needs(&needs, error))
        return FALSE;
    needs |= needs_of(step->to);
    if ((needs_of(step->from) & ~needs & NEEDS_IPV4) != 0 &&
        json_is_false(json_object_get(before, "ipv4")) && !net_sysctl_set(IPV4, "0", error))
        return FALSE;
    if ((needs_of(step->from) & ~needs & NEEDS_IPV6) == 0 ||
        !json_is_false(json_object_get(before, "ipv6")))
        return TRUE;
    if (is_on(IPV6) && !net_sysctl_set(IPV6, "0", error))
        return FALSE;
    json_array_foreach (json_object_get(before, "accept_ra"), at, name)
        if (!set_accept(json_string_value(name), "2", "1", error))
            return FALSE;
    return TRUE;
}

gboolean forwarding_ensure(Host *host, const Step *step, GError **error)
{
    static GMutex lock; /* what is needed and what is set must not change in between */
    const char *name = server_network_of(step->key);
    gboolean done;

    g_mutex_lock(&lock);
    /* Without its link a network needs nothing. */
    done = (!link_exists(name) || write_needs(name, needs_of(step->to), error)) &&
           switch_back(step, error) && switch_on(step->to, error);
    g_mutex_unlock(&lock);
    return done;
}
