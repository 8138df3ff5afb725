#include "link_state.h"

#include <fcntl.h>
#include <net/if.h>

#include "error.h"
#include "file.h"
#include "link_dump.h"

static const char *type_of(const LinkEntry *entry)
{
    if ((entry->flags & IFF_LOOPBACK) != 0)
        return "loopback";
    if ((entry->flags & IFF_POINTOPOINT) != 0)
        return "point-to-point";
    return (entry->flags & IFF_BROADCAST) != 0 ? "broadcast" : "unknown";
}

/* What both shapes have. */
static json_t *common(const LinkEntry *entry)
{
    return json_pack("{s:O, s:s, s:I, s:s, s:s, s:{s:I, s:I, s:I, s:I}}", "addresses",
                     entry->addresses, "hwaddr", entry->hwaddr, "mtu", (json_int_t)entry->mtu,
                     "state", (entry->flags & IFF_UP) != 0 ? "up" : "down", "type", type_of(entry),
                     "counters", "bytes_received", (json_int_t)entry->stats.rx_bytes, "bytes_sent",
                     (json_int_t)entry->stats.tx_bytes, "packets_received",
                     (json_int_t)entry->stats.rx_packets, "packets_sent",
                     (json_int_t)entry->stats.tx_packets);
}

static LinkEntry *by_index(const GPtrArray *links, int index)
{
    for (guint i = 0; i < links->len; i++) {
        LinkEntry *entry = links->pdata[i];

        if (entry->index == index)
            return entry;
    }
    return NULL;
}

static json_t *names_in(const GPtrArray *links, int master)
{
    json_t *names = json_array();

    for (guint i = 0; i < links->len; i++) {
        const LinkEntry *entry = links->pdata[i];

        if (entry->master == master)
            json_array_append_new(names, json_string(entry->name));
    }
    return names;
}

static void set_details(json_t *state, const GPtrArray *links, const LinkEntry *entry)
{
    if (entry->details == NULL)
        return;
    if (g_str_equal(entry->kind, "bridge")) {
        json_object_set_new(entry->details, "upper_devices", names_in(links, entry->index));
    } else if (g_str_equal(entry->kind, "bond")) {
        json_object_set_new(entry->details, "lower_devices", names_in(links, entry->index));
        /* A bond has a carrier when its link monitoring says up. */
        json_object_set_new(entry->details, "mii_state",
                            json_string((entry->flags & IFF_RUNNING) != 0 ? "up" : "down"));
    } else {
        const LinkEntry *lower =
            entry->below_namespace == LINK_DUMP_HERE ? by_index(links, entry->below) : NULL;

        json_object_set_new(entry->details, "lower_device",
                            json_string(lower != NULL ? lower->name : ""));
    }
    json_object_set(state, entry->kind, entry->details);
}

json_t *link_state(const char *name, GError **error)
{
    static const char *const PARTS[] = {"bond", "bridge", "ovn", "vlan"};
    g_autoptr(GPtrArray) links = link_dump(LINK_DUMP_HERE, error);

    for (guint i = 0; links != NULL && i < links->len; i++) {
        const LinkEntry *entry = links->pdata[i];
        json_t *state;

        if (!g_str_equal(entry->name, name))
            continue;
        state = common(entry);
        for (guint n = 0; n < G_N_ELEMENTS(PARTS); n++)
            json_object_set_new(state, PARTS[n], json_null());
        set_details(state, links, entry);
        return state;
    }
    if (links != NULL)
        error_set(error, ERR_NOT_FOUND, "there is no network interface %s on this host", name);
    return NULL;
}

/* The end that is here of a veth inside; NULL when it is no veth or its other end is elsewhere. */
static const char *host_name(const GPtrArray *here, const LinkEntry *inside, int id)
{
    const LinkEntry *entry = by_index(here, inside->below);

    return g_strcmp0(inside->kind, "veth") == 0 && entry != NULL &&
                   g_strcmp0(entry->kind, "veth") == 0 && entry->below == inside->index &&
                   entry->below_namespace == id
               ? entry->name
               : "";
}

static json_t *state_inside(const LinkEntry *entry, const char *host)
{
    json_t *state = common(entry);
    json_t *counters = json_object_get(state, "counters");

    json_object_set_new(state, "host_name", json_string(host));
    json_object_set_new(counters, "errors_received",
                        json_integer((json_int_t)entry->stats.rx_errors));
    json_object_set_new(counters, "errors_sent", json_integer((json_int_t)entry->stats.tx_errors));
    json_object_set_new(counters, "packets_dropped_inbound",
                        json_integer((json_int_t)entry->stats.rx_dropped));
    json_object_set_new(counters, "packets_dropped_outbound",
                        json_integer((json_int_t)entry->stats.tx_dropped));
    return state;
}

json_t *link_states_inside(pid_t pid, GError **error)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/ns/net", pid);
    g_auto(Fd) fd = open(path, O_RDONLY | O_CLOEXEC);
    g_autoptr(GPtrArray) inside = NULL;
    g_autoptr(GPtrArray) here = NULL;
    json_t *states;
    int id;

    if (fd < 0) {
        if (errno == ENOENT || errno == ESRCH)
            error_set(error, ERR_NOT_FOUND, "process %d is gone", pid);
        else
            error_errno(error, errno, "open %s", path);
        return NULL;
    }
    if (!link_namespace_id(fd, &id, error))
        return NULL;
    inside = link_dump(id, error);
    here = inside != NULL ? link_dump(LINK_DUMP_HERE, error) : NULL;
    if (here == NULL)
        return NULL;
    states = json_object();
    for (guint i = 0; i < inside->len; i++) {
        const LinkEntry *entry = inside->pdata[i];

        json_object_set_new(states, entry->name, state_inside(entry, host_name(here, entry, id)));
    }
    return states;
}
