#include "forwarding.h"

#include <string.h>

#include "error.h"
#include "file.h"
#include "link.h"
#include "process.h"
#include "server.h"

#define RECORD_MAX 65536
#define IPV4 "ipv4/ip_forward"
#define IPV6 "ipv6/conf/all/forwarding"

static gboolean is_on(const char *key)
{
    g_autofree char *value = net_sysctl(key, NULL);

    return value != NULL && strcmp(value, "0") != 0;
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

static gboolean set_accept(const char *name, const char *from, const char *to, GError **error)
{
    g_autofree char *key = g_strdup_printf("ipv6/conf/%s/accept_ra", name);
    g_autofree char *value = net_sysctl(key, NULL);

    /* An interface that went away, or that somebody else set, needs nothing. */
    return value == NULL || strcmp(value, from) != 0 || net_sysctl_set(key, to, error);
}

/* ---- how the host was ---- */

/* What berth switched on is kept in a file until it is switched back, by whichever program does it:
 * {"boot": id, "ipv4": true, "ipv6": [interface whose accept_ra was 1...]}. After a reboot it
 * means nothing. */
static char *saved_path(const char *dir)
{
    return g_build_filename(dir, "networks", ".forwarding", NULL);
}

/* Never NULL. */
static json_t *read_saved(const char *dir)
{
    g_autofree char *path = saved_path(dir);
    g_autofree char *text = NULL;
    const char *boot = boot_id();
    g_autoptr(json_t) record = NULL;

    if (file_read(path, RECORD_MAX, &text, NULL, NULL))
        record = json_loads(text, 0, NULL);
    if (g_strcmp0(json_member_string(record, "boot"), boot) == 0)
        return g_steal_pointer(&record);
    return json_pack("{s:s}", "boot", boot);
}

static gboolean write_saved(const char *dir, const json_t *record, GError **error)
{
    g_autofree char *path = saved_path(dir);
    g_autofree char *folder = g_path_get_dirname(path);
    g_autofree char *text = json_text(record);

    if (json_object_size(record) == 1)
        return file_remove(path, error);
    return file_make_directory(folder, 0711, error) &&
           file_write(path, text, -1, 0600, NULL, error);
}

/* ---- switching ---- */

/* A host that forwards IPv6 keeps its own default route only where accept_ra says 2 (NET-BR-37):
 * before forwarding is on. */
static gboolean switch_ipv6_on(const json_t *names, GError **error)
{
    size_t at;
    json_t *name;

    json_array_foreach (names, at, name)
        if (!set_accept(json_string_value(name), "1", "2", error))
            return FALSE;
    return net_sysctl_set(IPV6, "1", error);
}

/* The record comes first: whoever is killed in between can still put the host back. */
static gboolean switch_on(const char *dir, const json_t *wanted, GError **error)
{
    gboolean four = json_object_get(wanted, "ipv4") != NULL && !is_on(IPV4);
    gboolean six = json_object_get(wanted, "ipv6") != NULL && !is_on(IPV6);
    g_autoptr(json_t) record = NULL;
    g_autoptr(json_t) names = NULL;

    if (!four && !six)
        return TRUE;
    record = read_saved(dir);
    names = accepting();
    if (four)
        json_object_set_new(record, "ipv4", json_true());
    if (six && json_object_get(record, "ipv6") == NULL)
        json_object_set(record, "ipv6", names);
    return write_saved(dir, record, error) && (!four || net_sysctl_set(IPV4, "1", error)) &&
           (!six || switch_ipv6_on(names, error));
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

/* What one bridge needs, as it was last written. */
static guint own_needs(const char *name)
{
    g_autofree char *key = g_strdup_printf("ipv4/conf/%s/tag", name);
    g_autofree char *value = net_sysctl(key, NULL);

    return value != NULL ? (guint)g_ascii_strtoull(value, NULL, 10) : 0;
}

/* A family that is on for another network's sake is not this one's. */
json_t *forwarding_observe(const Object *network)
{
    guint needs = own_needs(network->id.name);
    json_t *found = json_object();

    if ((needs & NEEDS_IPV4) != 0 && is_on(IPV4))
        json_object_set_new(found, "ipv4", json_true());
    if ((needs & NEEDS_IPV6) != 0 && is_on(IPV6))
        json_object_set_new(found, "ipv6", json_true());
    return found;
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

        if (link->alias == NULL || !g_str_has_prefix(link->alias, "berth:network/") ||
            g_strcmp0(link->kind, "bridge") != 0)
            continue;
        *ret |= own_needs(link->name);
    }
    return TRUE;
}

static gboolean switch_ipv6_back(const json_t *names, GError **error)
{
    size_t at;
    json_t *name;

    if (is_on(IPV6) && !net_sysctl_set(IPV6, "0", error))
        return FALSE;
    json_array_foreach (names, at, name)
        if (!set_accept(json_string_value(name), "2", "1", error))
            return FALSE;
    return TRUE;
}

/* What `from` needed, and nobody needs any more, goes back to how the host was before. */
static gboolean switch_back(const char *dir, const Step *step, GError **error)
{
    g_autoptr(json_t) record = read_saved(dir);
    gboolean four, six;
    guint needs;

    if (!read_needs(&needs, error))
        return FALSE;
    needs = needs_of(step->from) & ~(needs | needs_of(step->to));
    four = (needs & NEEDS_IPV4) != 0 && json_object_get(record, "ipv4") != NULL;
    six = (needs & NEEDS_IPV6) != 0 && json_object_get(record, "ipv6") != NULL;
    if ((four && is_on(IPV4) && !net_sysctl_set(IPV4, "0", error)) ||
        (six && !switch_ipv6_back(json_object_get(record, "ipv6"), error)))
        return FALSE;
    if (four)
        json_object_del(record, "ipv4");
    if (six)
        json_object_del(record, "ipv6");
    return (!four && !six) || write_saved(dir, record, error);
}

gboolean forwarding_ensure(Host *host, const Step *step, GError **error)
{
    static GMutex lock; /* what is needed and what is set must not change in between */
    const char *name = server_network_of(step->key);
    gboolean done;

    g_mutex_lock(&lock);
    /* Without its link a network needs nothing. */
    done = (!link_exists(name) || write_needs(name, needs_of(step->to), error)) &&
           switch_back(host->dir, step, error) && switch_on(host->dir, step->to, error);
    g_mutex_unlock(&lock);
    return done;
}
