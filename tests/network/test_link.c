/* Links, addresses, routes, sysctls and rate limits on a real kernel (NET-BR-03, 04, 06, 25;
 * NET-FW-12; D-NIC-09). */
#include <criterion/criterion.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "error.h"
#include "namespace.h"
#include "network/link.h"

TestSuite(link, .init = namespace_enter, .fini = namespace_leave, .timeout = 30);

#define MUST(call)                                                                                 \
    do {                                                                                           \
        g_autoptr(GError) failure = NULL;                                                          \
        GError **must = &failure;                                                                  \
        cr_assert(call, "%s: %s", #call, failure != NULL ? failure->message : "");                 \
    } while (0)

Test(link, missing_is_not_found)
{
    g_autoptr(GError) error = NULL;

    cr_assert_null(link_get("nothere", &error));
    cr_assert(g_error_matches(error, BERTH_ERROR, ERR_NOT_FOUND), "%s", error->message);
    cr_assert_not(link_exists("nothere"));
    g_clear_error(&error);
    cr_assert_null(link_get("a-name-that-is-far-too-long", &error));
    cr_assert(g_error_matches(error, BERTH_ERROR, ERR_NOT_FOUND), "%s", error->message);
    MUST(link_delete("nothere", must));
    MUST(link_delete_address("nothere", "10.1.2.3/24", must));
    MUST(link_delete_route("nothere", "10.1.2.0/24", LINK_ROUTE_STATIC, must));
}

Test(link, bridge_has_all_from_the_start)
{
    g_autoptr(Link) link = NULL;
    g_autoptr(GError) error = NULL;

    MUST(link_add_bridge("lan", "00:16:3e:01:02:03", 1400, "berth:network/default//lan", must));
    link = link_get("lan", NULL);
    cr_assert_not_null(link);
    cr_assert_str_eq(link->kind, "bridge");
    cr_assert_str_eq(link->mac, "00:16:3e:01:02:03");
    cr_assert_str_eq(link->alias, "berth:network/default//lan");
    cr_assert_eq(link->mtu, 1400);
    cr_assert_not(link->up);
    cr_assert_not(link->half);
    cr_assert_not(link_add_bridge("lan", "00:16:3e:01:02:04", 1500, NULL, &error));
    cr_assert(g_error_matches(error, BERTH_ERROR, ERR_EXISTS), "%s", error->message);
}

Test(link, bridge_keeps_its_mtu_and_mac_when_ports_come)
{
    g_autoptr(Link) link = NULL;
    VethOptions veth = {
        .name = "v0", .peer_name = "v1", .mtu = 1300, .master = "lan", .alias = "berth:x"};

    MUST(link_add_bridge("lan", "00:16:3e:01:02:03", 1400, NULL, must));
    MUST(link_add_veth(&veth, must));
    MUST(link_set_up("lan", TRUE, must));
    MUST(link_set_up("v0", TRUE, must));
    link = link_get("lan", NULL);
    cr_assert_eq(link->mtu, 1400);
    cr_assert_str_eq(link->mac, "00:16:3e:01:02:03");
    MUST(link_set_master("v0", NULL, must));
    link_free(g_steal_pointer(&link));
    link = link_get("lan", NULL);
    cr_assert_eq(link->mtu, 1400);
}

Test(link, properties)
{
    VethOptions veth = {
        .name = "v0", .peer_name = "v1", .peer_mac = "00:16:3e:aa:bb:cc", .alias = "berth:x"};
    g_autoptr(Link) link = NULL;
    g_autoptr(Link) peer = NULL;

    MUST(link_add_bridge("lan", "00:16:3e:01:02:03", 1500, NULL, must));
    MUST(link_add_veth(&veth, must));
    peer = link_get("v1", NULL);
    cr_assert_str_eq(peer->mac, "00:16:3e:aa:bb:cc");
    cr_assert_null(peer->alias);
    MUST(link_set_mtu("v0", 1450, must));
    MUST(link_set_mac("v0", "00:16:3e:00:00:01", must));
    MUST(link_set_master("v0", "lan", must));
    MUST(link_set_isolated("v0", TRUE, must));
    MUST(link_set_up("v0", TRUE, must));
    link = link_get("v0", NULL);
    cr_assert_str_eq(link->kind, "veth");
    cr_assert_str_eq(link->mac, "00:16:3e:00:00:01");
    cr_assert_str_eq(link->master, "lan");
    cr_assert_str_eq(link->alias, "berth:x");
    cr_assert_eq(link->mtu, 1450);
    cr_assert(link->isolated && link->up);
    MUST(link_set_isolated("v0", FALSE, must));
    link_free(g_steal_pointer(&link));
    link = link_get("v0", NULL);
    cr_assert_not(link->isolated);
    MUST(link_delete("v0", must));
    cr_assert_not(link_exists("v1"));
}

Test(link, a_birth_without_its_second_half_is_told_from_others)
{
    g_autoptr(Link) half = NULL;
    g_autoptr(Link) foreign = NULL;

    g_free(run("ip link add half type bridge"));
    g_free(run("ip link set half group 1651668072"));
    g_free(run("ip link add foreign type bridge"));
    half = link_get("half", NULL);
    foreign = link_get("foreign", NULL);
    cr_assert(half->half);
    cr_assert_not(foreign->half);
    MUST(link_set_alias("half", "berth:mine", must));
    link_free(g_steal_pointer(&half));
    half = link_get("half", NULL);
    cr_assert_not(half->half);
}

/* A process in another network namespace, to move links to. */
static pid_t other_namespace(void)
{
    int ready[2];
    char byte;
    pid_t pid;

    cr_assert(pipe(ready) == 0);
    pid = fork();
    if (pid == 0) {
        if (unshare(CLONE_NEWNET) == 0 && write(ready[1], "x", 1) == 1)
            pause();
        _exit(1);
    }
    cr_assert(read(ready[0], &byte, 1) == 1);
    return pid;
}

Test(link, is_born_in_the_namespace_of_a_process)
{
    pid_t pid = other_namespace();
    VethOptions born = {
        .name = "a0", .peer_name = "eth0", .peer_mac = "00:16:3e:00:00:07", .peer_pid = pid};
    g_autofree char *inner = NULL;

    MUST(link_add_veth(&born, must));
    cr_assert_not(link_exists("eth0"));
    inner = run("nsenter -t %d -n ip -o link", (int)pid);
    cr_assert(strstr(inner, "eth0@") != NULL, "%s", inner);
    cr_assert_not_null(strstr(inner, "00:16:3e:00:00:07"));
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

Test(link, addresses)
{
    g_autoptr(GPtrArray) list = NULL;

    MUST(link_add_bridge("lan", "00:16:3e:01:02:03", 1500, NULL, must));
    MUST(link_set_up("lan", TRUE, must));
    MUST(link_add_address("lan", "10.1.2.1/24", must));
    MUST(link_add_address("lan", "10.1.2.1/24", must));
    MUST(link_add_address("lan", "fd42::1/64", must));
    MUST(link_add_address("lan", "10.9.9.9/32", must));
    list = link_addresses("lan", NULL);
    cr_assert_eq(list->len, 3);
    cr_assert_str_eq(list->pdata[0], "10.1.2.1/24");
    cr_assert_str_eq(list->pdata[1], "10.9.9.9/32");
    cr_assert_str_eq(list->pdata[2], "fd42::1/64");
    MUST(link_delete_address("lan", "10.1.2.1/24", must));
    MUST(link_delete_address("lan", "10.1.2.1/24", must));
    MUST(link_delete_address("lan", "fd42::1/64", must));
    g_ptr_array_unref(g_steal_pointer(&list));
    list = link_addresses("lan", NULL);
    cr_assert_eq(list->len, 1);
}

Test(link, routes)
{
    g_autoptr(GPtrArray) list = NULL;
    g_autoptr(GPtrArray) all = NULL;
    g_autoptr(GError) error = NULL;

    MUST(link_add_bridge("lan", "00:16:3e:01:02:03", 1500, NULL, must));
    MUST(link_set_up("lan", TRUE, must));
    MUST(link_add_address("lan", "10.1.2.1/24", must));
    MUST(link_add_route("lan", "10.7.0.0/16", LINK_ROUTE_STATIC, must));
    MUST(link_add_route("lan", "10.7.0.0/16", LINK_ROUTE_STATIC, must));
    MUST(link_add_route("lan", "fd50::/64", LINK_ROUTE_STATIC, must));
    MUST(link_add_route("lan", "10.8.0.0/16", LINK_ROUTE_BOOT, must));
    list = link_routes("lan", LINK_ROUTE_STATIC, NULL);
    cr_assert_eq(list->len, 2);
    cr_assert_str_eq(list->pdata[0], "10.7.0.0/16");
    cr_assert_str_eq(list->pdata[1], "fd50::/64");
    all = link_all_routes(NULL);
    cr_assert_geq(all->len, 4);
    cr_assert_not(link_add_route("lan", "10.7.0.0/16", LINK_ROUTE_BOOT, &error));
    cr_assert(g_error_matches(error, BERTH_ERROR, ERR_EXISTS));
    MUST(link_delete_route("lan", "10.7.0.0/16", LINK_ROUTE_STATIC, must));
    MUST(link_delete_route("lan", "10.7.0.0/16", LINK_ROUTE_STATIC, must));
    MUST(link_delete_route("lan", "fd50::/64", LINK_ROUTE_STATIC, must));
    g_ptr_array_unref(g_steal_pointer(&list));
    list = link_routes("lan", LINK_ROUTE_STATIC, NULL);
    cr_assert_eq(list->len, 0);
}

Test(link, sysctls)
{
    g_autofree char *value = NULL;
    g_autoptr(GError) error = NULL;

    MUST(net_sysctl_set("ipv4/ip_forward", "1", must));
    value = net_sysctl("ipv4/ip_forward", NULL);
    cr_assert_str_eq(value, "1");
    cr_assert_null(net_sysctl("ipv4/no_such_key", &error));
    cr_assert(g_error_matches(error, BERTH_ERROR, ERR_NOT_FOUND));
}

Test(link, limits)
{
    VethOptions veth = {.name = "v0", .peer_name = "v1"};
    g_autofree char *before = NULL;
    g_autofree char *after = NULL;
    g_autofree char *qdisc = NULL;
    guint64 ingress = 1, egress = 1;

    MUST(link_add_veth(&veth, must));
    before = run("tc qdisc show dev v0");
    MUST(link_limits("v0", &ingress, &egress, must));
    cr_assert(ingress == 0 && egress == 0);
    MUST(link_set_limits("v0", 10000000, 20000000, must));
    MUST(link_limits("v0", &ingress, &egress, must));
    cr_assert(ingress == 10000000 && egress == 20000000, "%lu %lu", (gulong)ingress,
              (gulong)egress);
    qdisc = run("tc class show dev v0");
    cr_assert_not_null(strstr(qdisc, "rate 10Mbit"), "%s", qdisc);
    MUST(link_set_limits("v0", 40000000000, 0, must));
    MUST(link_limits("v0", &ingress, &egress, must));
    cr_assert(ingress == 40000000000 && egress == 0, "%lu %lu", (gulong)ingress, (gulong)egress);
    MUST(link_set_limits("v0", 0, 5000000, must));
    MUST(link_set_limits("v0", 0, 0, must));
    after = run("tc qdisc show dev v0");
    cr_assert_str_eq(before, after);
    g_free(g_steal_pointer(&after));
    after = run("nft list ruleset");
    cr_assert_str_eq(after, "");
}

Test(link, limits_of_a_link_that_is_gone)
{
    VethOptions veth = {.name = "v0", .peer_name = "v1"};
    g_autofree char *rules = NULL;

    MUST(link_add_veth(&veth, must));
    MUST(link_set_limits("v0", 0, 5000000, must));
    MUST(link_delete("v0", must));
    MUST(link_set_limits("v0", 0, 0, must));
    rules = run("nft list ruleset");
    cr_assert_str_eq(rules, "");
}

Test(link, the_usual_mtu_is_kept_as_well)
{
    VethOptions veth = {.name = "v0", .peer_name = "v1", .mtu = 1400, .master = "lan"};
    g_autoptr(Link) link = NULL;

    MUST(link_add_bridge("lan", "00:16:3e:01:02:03", 1500, NULL, must));
    MUST(link_add_veth(&veth, must));
    link = link_get("lan", NULL);
    cr_assert_eq(link->mtu, 1500);
}

static gint stop;

static gpointer come_and_go(gpointer data)
{
    while (!g_atomic_int_get(&stop)) {
        VethOptions veth = {.name = data, .peer_name = "x1"};

        link_add_veth(&veth, NULL);
        link_delete(data, NULL);
    }
    return NULL;
}

/* The kernel tells of a list during which something changed: it is not to be taken for a failure,
 * nor for whole. */
Test(link, lists_are_whole_while_links_come_and_go)
{
    GThread *thread;

    MUST(link_add_bridge("lan", "00:16:3e:01:02:03", 1500, NULL, must));
    /* So many that the kernel needs several messages for them. */
    for (int i = 0; i < 40; i++) {
        g_autofree char *name = g_strdup_printf("many%d", i);

        MUST(link_add_bridge(name, "00:16:3e:01:02:04", 1500, NULL, must));
    }
    thread = g_thread_new("links", come_and_go, (gpointer) "x0");
    for (int i = 0; i < 300; i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GPtrArray) links = link_list(&error);
        gboolean found = FALSE;

        cr_assert_not_null(links, "%s", error != NULL ? error->message : "");
        for (guint at = 0; at < links->len; at++)
            found |= strcmp(((Link *)g_ptr_array_index(links, at))->name, "lan") == 0;
        cr_assert(found);
    }
    g_atomic_int_set(&stop, 1);
    g_thread_join(thread);
}
