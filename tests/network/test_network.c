/* The network driver on a real kernel: each fact made, observed, undone, lost and repaired. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "error.h"
#include "file.h"
#include "network/link.h"
#include "network/network.h"
#include "world.h"

TestSuite(network, .init = world_enter, .fini = world_leave, .timeout = 60);

/* --- making, undoing --- */

Test(network, is_as_expected_and_goes_without_a_trace)
{
    g_autofree char *before = fingerprint();
    g_autoptr(Object) network =
        make_network(&context, "lan",
                     "{" ADDRESSES ", \"ipv4.nat\": \"true\", \"ipv4.routes\": \"10.9.0.0/16\","
                     " \"ipv6.routes\": \"fd50::/64\", \"bridge.mtu\": \"1400\"}");
    g_autofree char *after = NULL;

    make(network);
    assert_as_expected(network);
    unmake(network);
    after = fingerprint();
    cr_assert_str_eq(after, before);
}

Test(network, drawn_addresses_work_as_well)
{
    g_autoptr(Object) network = make_network(&context, "lan", "{}");

    make(network);
    assert_as_expected(network);
    unmake(network);
}

Test(network, without_addresses_it_is_a_bare_bridge)
{
    g_autofree char *before = fingerprint();
    g_autoptr(Object) network =
        make_network(&context, "lan", "{\"ipv4.address\": \"none\", \"ipv6.address\": \"none\"}");
    g_autofree char *after = NULL;

    make(network);
    assert_as_expected(network);
    unmake(network);
    after = fingerprint();
    cr_assert_str_eq(after, before);
}

/* A program that writes what changes in the kernel to FILE until it is killed. */
static pid_t watch(const char *program, const char *object, const char *file)
{
    pid_t pid = fork();

    if (pid == 0) {
        if (freopen(file, "w", stdout) != NULL)
            execlp(program, program, "monitor", object, NULL);
        _exit(127);
    }
    cr_assert_gt(pid, 0);
    return pid;
}

static void assert_silent(pid_t watcher, const char *file)
{
    g_autofree char *text = NULL;

    kill(watcher, SIGTERM);
    waitpid(watcher, NULL, 0);
    MUST(file_read(file, 1 << 20, &text, NULL, must));
    cr_assert_str_eq(text, "", "%s", text);
}

/* LAW-2: neither looking nor making the same again changes anything in the kernel. */
Test(network, twice_is_once)
{
    g_autofree char *ip_changes = g_strdup_printf("%s/../ip", host->dir);
    g_autofree char *nft_changes = g_strdup_printf("%s/../nft", host->dir);
    pid_t ip_watcher, nft_watcher;
    g_autoptr(Object) network =
        make_network(&context, "lan", "{" ADDRESSES ", \"ipv4.nat\": \"true\"}");
    g_autoptr(json_t) facts = expect(network);
    g_autofree char *rules = NULL, *rules_again = NULL, *pid = NULL, *pid_again = NULL,
                    *links = NULL, *links_again = NULL;

    make(network);
    rules = run("nft -a list ruleset");
    links = run("ip -o addr");
    pid = server_pid("lan");
    ip_watcher = watch("ip", "all", ip_changes);
    nft_watcher = watch("nft", NULL, nft_changes);
    g_usleep(300000);
    assert_as_expected(network);
    for (const FactRow *row = NETWORK_DRIVER.rows; row->path != NULL; row++) {
        json_t *fact = json_object_get(facts, row->path);

        if (fact != NULL)
            MUST(ensure(network, row, fact, fact, must));
    }
    g_usleep(100000);
    assert_silent(ip_watcher, ip_changes);
    assert_silent(nft_watcher, nft_changes);
    rules_again = run("nft -a list ruleset");
    links_again = run("ip -o addr");
    pid_again = server_pid("lan");
    cr_assert_str_eq(rules, rules_again);
    cr_assert_str_eq(links, links_again);
    cr_assert_str_eq(pid, pid_again);
    unmake(network);
}

/* Stops after each number of steps, then undoes one more than was done: 'never happened' is part of
 * the contract. */
Test(network, an_undo_at_any_step_leaves_nothing)
{
    g_autofree char *before = fingerprint();
    g_autoptr(Object) network =
        make_network(&context, "lan",
                     "{" ADDRESSES ", \"ipv4.nat\": \"true\", \"ipv4.routes\": \"10.9.0.0/16\"}");
    g_autoptr(json_t) facts = expect(network);
    int count = 0;

    while (NETWORK_DRIVER.rows[count].path != NULL)
        count++;
    for (int done = 0; done <= count; done++) {
        g_autofree char *after = NULL;

        for (int i = 0; i < done; i++) {
            const FactRow *row = &NETWORK_DRIVER.rows[i];

            if (json_object_get(facts, row->path) != NULL)
                MUST(ensure(network, row, NULL, json_object_get(facts, row->path), must));
        }
        for (int i = MIN(done, count - 1); i >= 0; i--) {
            const FactRow *row = &NETWORK_DRIVER.rows[i];

            if (json_object_get(facts, row->path) != NULL)
                MUST(ensure(network, row, json_object_get(facts, row->path), NULL, must));
        }
        purge(network);
        after = fingerprint();
        cr_assert_str_eq(after, before, "after %d steps", done);
    }
}

Test(network, a_change_and_its_undo)
{
    g_autoptr(Object) one =
        make_network(&context, "lan",
                     "{" ADDRESSES ", \"ipv4.nat\": \"true\", \"ipv4.routes\": \"10.9.0.0/16\"}");
    g_autoptr(json_t) two_spec = json_loads(
        "{\"config\": {\"ipv4.address\": \"10.7.7.1/24\", \"ipv6.address\": \"none\", "
        "\"bridge.mtu\": "
        "\"1300\", \"bridge.hwaddr\": \"00:16:3e:99:99:99\", \"ipv4.routes\": \"10.9.0.0/16\","
        " \"dns.domain\": \"x.test\", \"ipv4.routing\": \"false\"}}",
        0, NULL);
    g_autoptr(Object) two = object_with(one, two_spec, NULL);
    g_autoptr(json_t) facts_one = expect(one);
    g_autoptr(json_t) facts_two = expect(two);
    g_autofree char *before = NULL, *after = NULL;

    make(one);
    before = fingerprint();
    MUST(change(one, facts_one, facts_two, must));
    assert_as_expected(two);
    MUST(change(one, facts_two, facts_one, must));
    assert_as_expected(one);
    after = fingerprint();
    cr_assert_str_eq(after, before);
    unmake(one);
}

Test(network, a_new_address_keeps_the_routes_of_nics)
{
    g_autoptr(Object) one = make_network(&context, "lan", "{" ADDRESSES "}");
    g_autoptr(json_t) spec = json_loads(
        "{\"config\": {\"ipv4.address\": \"10.1.2.9/24\", \"ipv6.address\": \"none\"}}", 0, NULL);
    g_autoptr(Object) two = object_with(one, spec, NULL);
    g_autoptr(json_t) facts_one = expect(one);
    g_autoptr(json_t) facts_two = expect(two);
    g_autofree char *routes = NULL;

    make(one);
    MUST(link_add_route("lan", "10.66.0.0/16", LINK_ROUTE_BOOT, must));
    MUST(change(one, facts_one, facts_two, must));
    routes = run("ip route");
    cr_assert_not_null(strstr(routes, "10.66.0.0/16 dev lan"), "%s", routes);
    unmake(two);
}

/* --- drift --- */

Test(network, drift_is_seen_and_repaired)
{
    static const struct {
        const char *command, *fact;
    } cases[] = {
        {"ip link set lan mtu 1350", "link"},
        {"ip link set lan address 00:16:3e:55:55:55", "link"},
        {"ip addr del 10.1.2.1/24 dev lan", "addresses"},
        {"ip addr add 10.55.0.1/24 dev lan", "addresses"},
        {"ip route del 10.9.0.0/16 dev lan", "routes"},
        {"nft flush chain inet berth in.lan", "firewall"},
        {"nft delete table inet berth", "firewall"},
        {"sysctl -qw net.ipv4.ip_forward=0", "forwarding"},
        {"sysctl -qw net.ipv6.conf.lan.autoconf=1", "sysctl"},
        {"busybox kill", "dnsmasq"},
    };
    g_autoptr(Object) network =
        make_network(&context, "lan",
                     "{" ADDRESSES ", \"ipv4.nat\": \"true\", \"ipv4.routes\": \"10.9.0.0/16\"}");

    make(network);
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        if (strcmp(cases[i].fact, "dnsmasq") == 0) {
            g_free(run("busybox kill -9 %d", (int)server_process("lan")));
            g_usleep(50000);
        } else {
            g_free(run("%s", cases[i].command));
        }
        /* An address that goes takes its network's other facts along; those are repaired in the
         * same way. */
        if (strcmp(cases[i].command, "ip addr del 10.1.2.1/24 dev lan") != 0)
            assert_differs_only_in(network, cases[i].fact);
        repair(network);
        assert_as_expected(network);
    }
    unmake(network);
}

Test(network, a_bridge_that_somebody_deleted_comes_back_whole)
{
    g_autofree char *before = fingerprint();
    g_autoptr(Object) network =
        make_network(&context, "lan", "{" ADDRESSES ", \"ipv4.nat\": \"true\"}");
    g_autofree char *after = NULL;

    make(network);
    g_free(run("ip link delete lan"));
    repair(network);
    assert_as_expected(network);
    g_free(run("ip link delete lan"));
    unmake(network);
    after = fingerprint();
    cr_assert_str_eq(after, before);
}

Test(network, a_dead_server_leaves_nothing_when_its_network_goes)
{
    g_autofree char *before = fingerprint();
    g_autoptr(Object) network = make_network(&context, "lan", "{" ADDRESSES "}");
    g_autofree char *after = NULL;

    make(network);
    g_free(run("busybox kill -9 %d", (int)server_process("lan")));
    g_usleep(50000);
    {
        g_autoptr(json_t) seen = observe(network);

        cr_assert_null(json_object_get(seen, "dnsmasq"));
        MUST(change(network, seen, NULL, must));
    }
    unmake(network);
    after = fingerprint();
    cr_assert_str_eq(after, before);
}

/* --- what others have --- */

Test(network, an_interface_of_somebody_else_is_never_touched)
{
    g_autoptr(Object) network = make_network(&context, "lan", "{" ADDRESSES "}");
    g_autoptr(json_t) facts = expect(network);
    g_autoptr(GError) error = NULL;
    g_autofree char *before = NULL, *after = NULL;

    g_free(run("ip link add lan type bridge"));
    before = fingerprint();
    cr_assert_null(NETWORK_DRIVER.observe(host, &context, network, &error));
    cr_assert(g_error_matches(error, BERTH_ERROR, ERR_EXISTS), "%s", error->message);
    g_clear_error(&error);
    cr_assert_not(ensure(network, row_of("link"), NULL, json_object_get(facts, "link"), &error));
    cr_assert(g_error_matches(error, BERTH_ERROR, ERR_EXISTS), "%s", error->message);
    for (int i = 8; i >= 0; i--) {
        const FactRow *row = &NETWORK_DRIVER.rows[i];

        MUST(ensure(network, row, json_object_get(facts, row->path), NULL, must));
    }
    after = fingerprint();
    cr_assert_str_eq(after, before);
}

Test(network, a_half_made_bridge_is_finished_or_removed)
{
    g_autoptr(Object) network = make_network(&context, "lan", "{" ADDRESSES "}");
    g_autoptr(json_t) facts = expect(network);
    g_autoptr(json_t) seen = NULL;

    g_free(run("ip link add lan type bridge"));
    g_free(run("ip link set lan group 1651668072"));
    seen = observe(network);
    cr_assert(json_is_false(json_at(seen, "link/up")));
    MUST(ensure(network, row_of("link"), json_object_get(facts, "link"), NULL, must));
    cr_assert_not(link_exists("lan"));
    g_free(run("ip link add lan type bridge"));
    g_free(run("ip link set lan group 1651668072"));
    repair(network);
    assert_as_expected(network);
    unmake(network);
}

Test(network, external_interfaces_join_and_leave)
{
    g_autofree char *before = NULL, *after = NULL, *ports = NULL;
    g_autoptr(Object) network = NULL;

    g_free(run("ip link add ext0 type veth peer name ext1"));
    before = fingerprint();
    world_refresh();
    network = make_network(&context, "lan",
                           "{" ADDRESSES ", \"bridge.external_interfaces\": \"ext0,absent0\"}");
    make(network);
    assert_as_expected(network);
    ports = run("ip link show master lan");
    cr_assert_not_null(strstr(ports, "ext0"));
    g_free(run("ip link set ext0 nomaster"));
    {
        g_autoptr(json_t) seen = observe(network);

        cr_assert_null(json_object_get(seen, "ports"));
    }
    repair(network);
    assert_as_expected(network);
    unmake(network);
    after = fingerprint();
    cr_assert_str_eq(after, before);
}

Test(network, a_removed_external_interface_is_released)
{
    g_autoptr(Object) one = NULL;
    g_autoptr(Object) two = NULL;
    g_autoptr(json_t) spec = json_loads("{\"config\": {" ADDRESSES "}}", 0, NULL);
    g_autoptr(json_t) seen = NULL;
    g_autoptr(json_t) wanted = NULL;

    g_free(run("ip link add ext0 type veth peer name ext1"));
    world_refresh();
    one =
        make_network(&context, "lan", "{" ADDRESSES ", \"bridge.external_interfaces\": \"ext0\"}");
    two = object_with(one, spec, NULL);
    make(one);
    /* Seen also by the model that no longer names it. */
    seen = observe(two);
    cr_assert_not_null(json_at(seen, "ports/ext0"));
    wanted = expect(two);
    MUST(change(two, seen, wanted, must));
    assert_as_expected(two);
    unmake(two);
}

/* --- forwarding --- */

Test(network, forwarding_is_put_back_by_undo_but_not_below_a_neighbour)
{
    g_autofree char *before = NULL, *after = NULL, *value = NULL, *accept = NULL;
    g_autoptr(Object) one = NULL;
    g_autoptr(Object) two = NULL;
    g_autoptr(json_t) facts_one = NULL;
    g_autoptr(json_t) facts_two = NULL;

    g_free(run("sysctl -qw net.ipv6.conf.default.accept_ra=1"));
    world_refresh();
    before = fingerprint();
    one = make_network(&context, "lan", "{" ADDRESSES "}");
    two = make_network(&context, "wan",
                       "{\"ipv4.address\": \"10.3.3.1/24\", \"ipv6.address\": \"fd42:3::1/64\"}");
    facts_one = expect(one);
    facts_two = expect(two);
    MUST(change(one, NULL, facts_one, must));
    MUST(change(two, NULL, facts_two, must));
    accept = net_sysctl("ipv6/conf/default/accept_ra", NULL);
    cr_assert_str_eq(accept, "2", "NET-BR-37");
    /* Another program, later: what it sees of the host is what berth made of it. */
    json_decref(facts_one);
    json_decref(facts_two);
    world_refresh();
    facts_one = expect(one);
    facts_two = expect(two);
    MUST(change(one, facts_one, NULL, must));
    value = net_sysctl("ipv4/ip_forward", NULL);
    cr_assert_str_eq(value, "1", "the other network still needs it");
    MUST(change(two, facts_two, NULL, must));
    unmake(one);
    unmake(two);
    after = fingerprint();
    cr_assert_str_eq(after, before);
}

/* --- side by side --- */

/* NULL, or what went wrong. */
static gpointer make_in_thread(gpointer data)
{
    Object *network = data;
    GError *error = NULL;
    g_autoptr(json_t) facts = NETWORK_DRIVER.expect(&context, network, NULL, &error);

    if (facts != NULL)
        change(network, NULL, facts, &error);
    return error;
}

/* New threads inherit the namespaces of the one that starts them. */
Test(network, networks_made_side_by_side_do_not_disturb_each_other)
{
    static const char *const configs[] = {
        "{" ADDRESSES ", \"ipv4.nat\": \"true\"}",
        "{\"ipv4.address\": \"10.3.3.1/24\", \"ipv6.address\": \"none\", \"ipv4.nat\": \"true\"}",
        "{\"ipv4.address\": \"10.4.4.1/24\", \"ipv6.address\": \"fd42:4::1/64\"}",
        "{\"ipv4.address\": \"none\", \"ipv6.address\": \"fd42:5::1/64\"}",
    };
    Object *networks[G_N_ELEMENTS(configs)];
    GThread *threads[G_N_ELEMENTS(configs)];
    g_autofree char *before = fingerprint();
    g_autofree char *after = NULL;

    for (guint i = 0; i < G_N_ELEMENTS(configs); i++) {
        g_autofree char *name = g_strdup_printf("net%u", i);

        networks[i] = make_network(&context, name, configs[i]);
        threads[i] = g_thread_new(name, make_in_thread, networks[i]);
    }
    for (guint i = 0; i < G_N_ELEMENTS(configs); i++) {
        g_autoptr(GError) error = g_thread_join(threads[i]);

        cr_assert_null(error, "%s", error->message);
    }
    for (guint i = 0; i < G_N_ELEMENTS(configs); i++)
        assert_as_expected(networks[i]);
    for (guint i = 0; i < G_N_ELEMENTS(configs); i++) {
        unmake(networks[i]);
        object_unref(networks[i]);
    }
    after = fingerprint();
    cr_assert_str_eq(after, before);
}

/* --- facts of the host --- */

Test(network, facts_of_the_host)
{
    g_autoptr(Object) network = NULL;
    g_autoptr(json_t) interfaces = NULL;
    g_autoptr(json_t) routes = NULL;
    json_t *interface;

    g_free(run("ip link add ext0 type veth peer name ext1"));
    g_free(run("ip addr add 192.0.2.5/24 dev ext0"));
    g_free(run("ip link set ext0 up"));
    g_free(run("ip link set ext1 up"));
    network = make_network(&context, "lan", "{" ADDRESSES "}");
    make(network);
    interfaces = host_look(host, "interfaces", NULL);
    routes = host_look(host, "routes", NULL);
    interface = json_object_get(interfaces, "ext0");
    cr_assert_str_eq(json_string_value(json_array_get(json_object_get(interface, "addresses"), 0)),
                     "192.0.2.5/24");
    cr_assert(json_is_false(json_object_get(interface, "ours")));
    cr_assert(json_is_true(json_at(interfaces, "lan/ours")));
    cr_assert_null(json_object_get(interfaces, "lo"));
    cr_assert_eq(json_array_size(routes), 1);
    cr_assert_str_eq(json_string_value(json_array_get(routes, 0)), "192.0.2.0/24");
    unmake(network);
}
