#include "run.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>

#include "error.h"
#include "file.h"
#include "network/link.h"
#include "network/network.h"

#define USUAL_MTU 1500u

static const char *host_end(const json_t *nic)
{
    return json_member_string(nic, "host");
}

static gint64 number(const json_t *nic, const char *key)
{
    return json_integer_value(json_object_get(nic, key));
}

/* Routes of a bridged NIC lead to the bridge, those of a p2p one to the host's end (D-NIC-BR-12,
 * D-NIC-P2P-08). */
static const char *route_link(const json_t *nic)
{
    const char *parent = json_member_string(nic, "parent");

    return parent != NULL ? parent : host_end(nic);
}

static gboolean is_ours(const Link *link, const char *mark)
{
    return link->half || g_strcmp0(link->alias, mark) == 0;
}

gboolean nics_check(const Run *run, const json_t *nics, GError **error)
{
    g_autofree char *mark = network_mark(run->key);
    const char *device;
    json_t *nic;

    json_object_foreach ((json_t *)nics, device, nic) {
        const char *parent = json_member_string(nic, "parent");
        g_autoptr(Link) link = link_get(host_end(nic), NULL);

        if (strlen(host_end(nic)) > 15)
            return error_set(error, ERR_INVALID,
                             "device %s: host_name \"%s\" is longer than 15 characters", device,
                             host_end(nic));
        if (parent != NULL && !link_exists(parent))
            return error_set(error, ERR_FAILED, "device %s: parent \"%s\" does not exist", device,
                             parent);
        if (link == NULL)
            continue;
        if (!is_ours(link, mark))
            return error_set(error, ERR_EXISTS,
                             "device %s: an interface named %s is there and is not this instance's",
                             device, host_end(nic));
        if (!link_delete(host_end(nic), error))
            return FALSE;
    }
    return TRUE;
}

static gboolean set_routes(const json_t *from, const json_t *to, GError **error)
{
    const json_t *before = json_object_get(from, "routes");
    const json_t *after = json_object_get(to, "routes");
    const json_t *cidr;
    size_t i;

    json_array_foreach (before, i, cidr) {
        if (!link_delete_route(route_link(from), json_string_value(cidr), LINK_ROUTE_BOOT, error))
            return FALSE;
    }
    json_array_foreach (after, i, cidr) {
        if (!link_add_route(route_link(to), json_string_value(cidr), LINK_ROUTE_BOOT, error))
            return FALSE;
    }
    return TRUE;
}

/* What can be changed while the link is there. */
static gboolean set_properties(const json_t *from, const json_t *to, GError **error)
{
    const char *host = host_end(to);
    gboolean isolated = json_is_true(json_object_get(to, "isolated"));

    if (number(from, "ingress") != number(to, "ingress") ||
        number(from, "egress") != number(to, "egress")) {
        if (!link_set_limits(host, (guint64)number(to, "ingress"), (guint64)number(to, "egress"),
                             error))
            return FALSE;
    }
    if (isolated != json_is_true(json_object_get(from, "isolated")) &&
        !link_set_isolated(host, isolated, error))
        return FALSE;
    return json_equal(json_object_get(from, "routes"), json_object_get(to, "routes")) ||
           set_routes(from, to, error);
}

/* The host's end gets the same address at each start, so that a start that is undone leaves no
 * trace (LAW-3): the NIC's own with a first byte so high that the bridge never takes it for its
 * own. */
static gboolean set_host_mac(const json_t *nic, GError **error)
{
    const char *hwaddr = json_member_string(nic, "hwaddr");
    g_autofree char *mac =
        hwaddr != NULL && strlen(hwaddr) > 2 ? g_strdup_printf("fe%s", hwaddr + 2) : NULL;

    return mac == NULL || link_set_mac(host_end(nic), mac, error);
}

static gboolean finish(const Run *run, const char *device, const json_t *nic, GError **error)
{
    g_autofree char *mark = network_mark(run->key);

    if (set_host_mac(nic, error) && link_set_alias(host_end(nic), mark, error) &&
        link_set_up(host_end(nic), TRUE, error) && set_properties(NULL, nic, error))
        return TRUE;
    g_prefix_error(error, "device %s: ", device);
    return FALSE;
}

gboolean nics_finish(const Run *run, const json_t *nics, GError **error)
{
    const char *device;
    json_t *nic;

    json_object_foreach ((json_t *)nics, device, nic) {
        if (!finish(run, device, nic, error))
            return FALSE;
    }
    return TRUE;
}

gboolean nic_unplug(const Run *run, const char *device, const json_t *nic, GError **error)
{
    const char *host = host_end(nic);
    gboolean limited = number(nic, "ingress") != 0 || number(nic, "egress") != 0;
    g_autoptr(GError) failure = NULL;

    if (host == NULL)
        return TRUE;
    if (set_routes(nic, NULL, &failure) || g_error_matches(failure, BERTH_ERROR, ERR_NOT_FOUND))
        g_clear_error(&failure);
    if (failure == NULL && limited)
        link_set_limits(host, 0, 0, &failure);
    if (g_error_matches(failure, BERTH_ERROR, ERR_NOT_FOUND))
        g_clear_error(&failure);
    if (failure == NULL)
        link_delete(host, &failure);
    if (failure == NULL)
        return TRUE;
    g_propagate_prefixed_error(error, g_steal_pointer(&failure), "device %s: ", device);
    return FALSE;
}

gboolean nics_remove(const Run *run, const json_t *nics, GError **error)
{
    gboolean removed = TRUE;
    const char *device;
    json_t *nic;

    json_object_foreach ((json_t *)nics, device, nic)
        removed = nic_unplug(run, device, nic, removed ? error : NULL) && removed;
    return removed;
}

/* ---- hot plug ---- */

typedef struct {
    pid_t init;
    const char *name;
    GError *error;
} Inside;

/* A thread of its own may enter another network namespace and never has to come back. */
static void *set_up_inside(void *data)
{
    Inside *inside = data;
    g_autofree char *path = g_strdup_printf("/proc/%d/ns/net", inside->init);
    g_auto(Fd) fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0 || setns(fd, CLONE_NEWNET) != 0)
        error_errno(&inside->error, errno, "enter the network of process %d", inside->init);
    else
        link_set_up(inside->name, TRUE, &inside->error);
    return NULL;
}

static gboolean up_inside(pid_t init, const char *name, GError **error)
{
    Inside inside = {init, name, NULL};

    g_thread_join(g_thread_new("netns", set_up_inside, &inside));
    if (inside.error == NULL)
        return TRUE;
    g_propagate_error(error, inside.error);
    return FALSE;
}

static guint inherited_mtu(const char *parent)
{
    g_autoptr(Link) link = parent != NULL ? link_get(parent, NULL) : NULL;

    return link != NULL ? link->mtu : 0;
}

/* What it has without an MTU of its own: the bridge's, else the kernel's. */
static guint wanted_mtu(const json_t *nic)
{
    const char *parent = json_member_string(nic, "parent");
    gint64 own = number(nic, "mtu");

    return own > 0 ? (guint)own : parent != NULL ? inherited_mtu(parent) : USUAL_MTU;
}

gboolean nic_plug(const Run *run, pid_t init, const char *device, const json_t *nic, GError **error)
{
    g_autofree char *mark = network_mark(run->key);
    g_autoptr(json_t) alone = json_pack("{sO}", device, nic);
    const char *parent = json_member_string(nic, "parent");
    VethOptions options = {
        .name = host_end(nic),
        .alias = mark,
        .master = parent,
        .peer_name = json_member_string(nic, "name"),
        .peer_mac = json_member_string(nic, "hwaddr"),
        .mtu = wanted_mtu(nic),
        .peer_pid = init,
    };

    if (!nics_check(run, alone, error))
        return FALSE;
    if (link_add_veth(&options, error) && finish(run, device, nic, error) &&
        up_inside(init, options.peer_name, error))
        return TRUE;
    nic_unplug(run, device, nic, NULL);
    g_prefix_error(error, "device %s: ", device);
    return FALSE;
}

static gboolean same(const json_t *a, const json_t *b, const char *key)
{
    return json_equal(json_object_get(a, key), json_object_get(b, key)) ||
           (json_object_get(a, key) == NULL && json_object_get(b, key) == NULL);
}

/* D-NIC-BR-25: name, address and the host's name take a new plug, and so does an MTU, which both
 * ends have (D-NIC-BR-04). */
gboolean nic_change(const Run *run, const json_t *from, const json_t *to, gboolean *ret_done,
                    GError **error)
{
    const char *parent = json_member_string(to, "parent");
    g_autoptr(Link) link = link_get(host_end(to), NULL);

    *ret_done = FALSE;
    if (!same(from, to, "host") || !same(from, to, "name") || !same(from, to, "hwaddr") ||
        link == NULL || link->mtu != wanted_mtu(to))
        return TRUE;
    if (!same(from, to, "parent") && !link_set_master(host_end(to), parent, error))
        return FALSE;
    *ret_done = set_properties(from, to, error);
    return *ret_done;
}

/* ---- what is there ---- */

/* The routes that we or the model know of and the host has, as the fact lists them. */
static json_t *known_routes(const json_t *recorded, const json_t *wanted, GError **error)
{
    const json_t *const sides[] = {json_object_get(recorded, "routes"),
                                   json_object_get(wanted, "routes")};
    g_autoptr(GPtrArray) there = NULL;
    json_t *found = json_array();

    if (sides[0] == NULL && sides[1] == NULL)
        return found;
    there = link_routes(route_link(recorded), LINK_ROUTE_BOOT, error);
    if (there == NULL) {
        json_decref(found);
        return NULL;
    }
    for (guint i = 0; i < there->len; i++) {
        const char *cidr = there->pdata[i];
        gboolean known = FALSE;

        for (guint side = 0; side < G_N_ELEMENTS(sides); side++) {
            const json_t *item;
            size_t at;

            json_array_foreach (sides[side], at, item)
                known |= g_strcmp0(json_string_value(item), cidr) == 0;
        }
        if (known)
            json_array_append_new(found, json_string(cidr));
    }
    return found;
}

static gboolean observe_limits(json_t *nic, const json_t *recorded, const json_t *wanted,
                               GError **error)
{
    guint64 ingress = 0, egress = 0;

    if (number(recorded, "ingress") == 0 && number(recorded, "egress") == 0 &&
        number(wanted, "ingress") == 0 && number(wanted, "egress") == 0)
        return TRUE;
    if (!link_limits(host_end(recorded), &ingress, &egress, error))
        return FALSE;
    if (ingress > 0)
        json_object_set_new(nic, "ingress", json_integer((json_int_t)ingress));
    if (egress > 0)
        json_object_set_new(nic, "egress", json_integer((json_int_t)egress));
    return TRUE;
}

json_t *nic_observe(const json_t *recorded, const json_t *wanted, GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autoptr(Link) link = link_get(host_end(recorded), &failure);
    g_autoptr(json_t) nic = NULL;
    g_autoptr(json_t) routes = NULL;
    gboolean wants_mtu = json_object_get(wanted, "mtu") != NULL;

    if (link == NULL) {
        if (!g_error_matches(failure, BERTH_ERROR, ERR_NOT_FOUND))
            g_propagate_error(error, g_steal_pointer(&failure));
        return NULL;
    }
    nic =
        json_pack("{ss sO* sO* ss*}", "host", link->name, "name", json_object_get(recorded, "name"),
                  "hwaddr", json_object_get(recorded, "hwaddr"), "parent", link->master);
    /* Without an MTU of its own a NIC has its bridge's; only another one is worth telling, or one
       that it had. */
    if (wants_mtu || json_object_get(recorded, "mtu") != NULL ||
        (link->master != NULL && inherited_mtu(link->master) != link->mtu))
        json_object_set_new(nic, "mtu", json_integer(link->mtu));
    if (link->isolated)
        json_object_set_new(nic, "isolated", json_true());
    if (!observe_limits(nic, recorded, wanted, error))
        return NULL;
    routes = known_routes(recorded, wanted, error);
    if (routes == NULL)
        return NULL;
    if (json_array_size(routes) > 0)
        json_object_set(nic, "routes", routes);
    return g_steal_pointer(&nic);
}
