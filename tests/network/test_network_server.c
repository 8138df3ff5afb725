/* The DHCP and DNS server of a network: its life, its answers to real clients, and what gets
 * through to them. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "error.h"
#include "file.h"
#include "network/lease.h"
#include "network/link.h"
#include "network/network.h"
#include "network/release.h"
#include "world.h"

TestSuite(server, .init = world_enter, .fini = world_leave, .timeout = 60);

/* --- the server --- */

Test(server, a_broken_raw_configuration_is_refused_and_the_old_one_kept)
{
    g_autoptr(Object) one = make_network(&context, "lan", "{" ADDRESSES "}");
    g_autoptr(json_t) spec = json_loads(
        "{\"config\": {" ADDRESSES ", \"raw.dnsmasq\": \"dance-on-the-table\"}}", 0, NULL);
    g_autoptr(Object) two = object_with(one, spec, NULL);
    g_autoptr(json_t) facts_one = expect(one);
    g_autoptr(json_t) facts_two = expect(two);
    g_autoptr(GError) error = NULL;
    g_autofree char *before = fingerprint();
    g_autofree char *after = NULL, *pid = NULL, *pid_again = NULL;

    /* At creation: nothing is left. */
    cr_assert_not(change(two, NULL, facts_two, &error));
    cr_assert_not_null(strstr(error->message, "raw.dnsmasq"), "%s", error->message);
    cr_assert_not_null(strstr(error->message, "bad option"), "%s", error->message);
    g_clear_error(&error);
    unmake(two);
    after = fingerprint();
    cr_assert_str_eq(after, before);
    /* At a change: the old server never stopped. */
    make(one);
    pid = server_pid("lan");
    cr_assert_not(ensure(one, row_of("dnsmasq"), json_object_get(facts_one, "dnsmasq"),
                         json_object_get(facts_two, "dnsmasq"), &error));
    pid_again = server_pid("lan");
    cr_assert_str_eq(pid, pid_again);
    assert_as_expected(one);
    unmake(one);
}

Test(server, a_server_that_cannot_start_says_why_and_the_old_one_runs_on)
{
    g_autoptr(Object) one = make_network(&context, "lan", "{" ADDRESSES "}");
    g_autoptr(json_t) spec = json_loads("{\"config\": {" ADDRESSES
                                        ", \"raw.dnsmasq\": \"listen-address=10.200.200.200\"}}",
                                        0, NULL);
    g_autoptr(Object) two = object_with(one, spec, NULL);
    g_autoptr(json_t) facts_one = expect(one);
    g_autoptr(json_t) facts_two = expect(two);
    g_autoptr(GError) error = NULL;

    make(one);
    cr_assert_not(ensure(one, row_of("dnsmasq"), json_object_get(facts_one, "dnsmasq"),
                         json_object_get(facts_two, "dnsmasq"), &error));
    cr_assert_not_null(strstr(error->message, "10.200.200.200"), "%s", error->message);
    assert_as_expected(one);
    unmake(one);
}

Test(server, the_raw_configuration_is_used_and_its_drift_seen)
{
    g_autoptr(Object) network = make_network(
        &context, "lan", "{" ADDRESSES ", \"raw.dnsmasq\": \"address=/x.test/10.1.2.99\\n\"}");
    g_autofree char *answer = NULL;
    g_autofree char *path = g_build_filename(host->dir, "networks", "lan", "dnsmasq.raw", NULL);

    make(network);
    answer = run("busybox nslookup -type=a x.test 10.1.2.1");
    cr_assert_not_null(strstr(answer, "10.1.2.99"), "%s", answer);
    MUST(file_write(path, "no-hosts\n", -1, 0644, NULL, must));
    assert_differs_only_in(network, "dnsmasq");
    repair(network);
    assert_as_expected(network);
    unmake(network);
}

Test(server, a_server_without_a_record_is_found_and_replaced)
{
    g_autofree char *before = fingerprint();
    g_autoptr(Object) network = make_network(&context, "lan", "{" ADDRESSES "}");
    g_autofree char *record = g_build_filename(host->dir, "networks", "lan", "dnsmasq.pid", NULL);
    g_autofree char *after = NULL;

    make(network);
    MUST(file_remove(record, must));
    assert_differs_only_in(network, "dnsmasq");
    repair(network);
    assert_as_expected(network);
    MUST(file_remove(record, must));
    {
        g_autoptr(json_t) seen = observe(network);

        MUST(change(network, seen, NULL, must));
    }
    unmake(network);
    after = fingerprint();
    cr_assert_str_eq(after, before);
}

Test(server, a_pid_of_somebody_else_is_not_believed)
{
    g_autoptr(Object) network = make_network(&context, "lan", "{" ADDRESSES "}");
    g_autofree char *path = g_build_filename(host->dir, "networks", "lan", "dnsmasq.pid", NULL);
    g_autofree char *text = NULL;
    g_autoptr(json_t) seen = NULL;

    make(network);
    text = server_pid("lan");
    {
        /* The same number, another start time: as after the number was used again. */
        g_autoptr(json_t) record = json_loads(text, 0, NULL);
        g_autofree char *forged = NULL;

        json_array_set_new(json_object_get(record, "process"), 0, json_integer(getpid()));
        forged = json_text(record);
        MUST(file_write(path, forged, -1, 0644, NULL, must));
    }
    seen = observe(network);
    cr_assert(json_is_false(json_at(seen, "dnsmasq/running")),
              "found by its arguments, not by the record");
    unmake(network);
}

Test(server, leases_are_parked_with_the_folder)
{
    g_autoptr(Object) network = make_network(&context, "lan", "{" ADDRESSES "}");
    g_autoptr(json_t) facts = expect(network);
    g_autofree char *path = g_build_filename(host->dir, "networks", "lan", "dnsmasq.leases", NULL);
    g_autofree char *text = NULL;
    g_autofree char *left = NULL;

    make(network);
    MUST(file_write(path, "9999999999 00:16:3e:00:00:01 10.1.2.77 x *\n", -1, 0644, NULL, must));
    MUST(change(network, facts, NULL, must));
    {
        g_autoptr(json_t) seen = observe(network);

        cr_assert_eq(json_object_size(seen), 0, "parked files are no fact");
    }
    MUST(change(network, NULL, facts, must));
    assert_as_expected(network);
    MUST(file_read(path, 4096, &text, NULL, must));
    cr_assert_not_null(strstr(text, "10.1.2.77"), "%s", text);
    unmake(network);
    left = run("find %s -mindepth 1", host->dir);
    cr_assert_str_eq(left, "");
}

Test(server, a_rename_moves_the_folder)
{
    g_autoptr(Object) one = make_network(&context, "lan", "{" ADDRESSES "}");
    g_autoptr(Object) two = object_new(KIND_NETWORK, "default", "", "wan",
                                       json_deep_copy(one->spec), json_deep_copy(one->generated));
    g_autoptr(json_t) facts_one = expect(one);
    g_autoptr(json_t) facts_two = expect(two);
    g_autofree char *leases =
        g_build_filename(host->dir, "networks", "lan", "dnsmasq.leases", NULL);
    g_autofree char *moved = g_build_filename(host->dir, "networks", "wan", "dnsmasq.leases", NULL);
    g_autoptr(json_t) folder = json_true();
    Step step = {.name = (char *)"network.folder",
                 .key = two->key,
                 .from_key = one->key,
                 .path = (char *)"folder",
                 .from = folder,
                 .to = folder,
                 .tx = (char *)"7"};

    make(one);
    MUST(file_write(leases, "9999999999 00:16:3e:00:00:01 10.1.2.77 x *\n", -1, 0644, NULL, must));
    json_object_del(facts_one, "folder");
    MUST(change(one, facts_one, NULL, must));
    MUST(row_of("folder")->ensure(host, &step, must));
    MUST(row_of("folder")->ensure(host, &step, must));
    cr_assert(file_exists(moved) && !file_exists(leases));
    MUST(change(two, NULL, facts_two, must));
    assert_as_expected(two);
    unmake(two);
}

Test(server, a_directory_that_the_server_cannot_enter_is_named)
{
    g_autoptr(Object) network = make_network(&context, "lan", "{" ADDRESSES "}");
    g_autoptr(json_t) facts = expect(network);
    g_autoptr(GError) error = NULL;

    g_free(run("chmod 0700 %s", host->dir));
    cr_assert_not(change(network, NULL, facts, &error));
    cr_assert_not_null(strstr(error->message, host->dir), "%s", error->message);
    g_free(run("chmod 0711 %s", host->dir));
    unmake(network);
}

static Object *make_instance(const char *name)
{
    return object_new(KIND_INSTANCE, "default", "", name,
                      json_pack("{s:{}, s:{}}", "config", "devices"), NULL);
}

static void set_lease(json_t *from, json_t *to)
{
    Step step = {.name = (char *)"instance.lease",
                 .key = (char *)"instance/default//web",
                 .path = (char *)"leases/eth0",
                 .from = from,
                 .to = to,
                 .tx = (char *)"7"};

    MUST(lease_ensure(host, &step, must));
}

Test(server, dhcp_and_dns_answer)
{
    g_autoptr(Object) network =
        make_network(&context, "lan",
                     "{" ADDRESSES ", \"dns.search\": \"a.test\","
                     " \"bridge.mtu\": \"1400\", \"dns.domain\": \"d.test\"}");
    g_autoptr(Object) web = make_instance("web");
    g_autoptr(json_t) nic = json_pack("{s:s}", "ipv4.address", "10.1.2.77");
    g_autoptr(json_t) fact = lease_expect(&context, network, web, "eth0", nic, "00:16:3E:00:00:77");
    g_autofree char *pid = NULL, *pid_again = NULL, *lease = NULL, *free_lease = NULL,
                    *answer = NULL, *six = NULL;

    make(network);
    pid = server_pid("lan");
    set_lease(NULL, fact);
    {
        g_autoptr(json_t) seen = lease_observe(host, network, web, "eth0", NULL);
        g_autoptr(json_t) anywhere = lease_observe(host, NULL, web, "eth0", NULL);

        cr_assert(json_equal(seen, fact));
        cr_assert(json_equal(anywhere, fact));
    }
    add_client("c1", "00:16:3e:00:00:77", "lan");
    add_client("c2", "00:16:3e:00:00:78", "lan");
    lease = get_lease("c1");
    cr_assert_not_null(strstr(lease, "ip='10.1.2.77'"), "%s", lease);
    cr_assert_not_null(strstr(lease, "router='10.1.2.1'"), "%s", lease);
    cr_assert_not_null(strstr(lease, "dns='10.1.2.1'"), "%s", lease);
    cr_assert_not_null(strstr(lease, "domain='d.test'"), "%s", lease);
    cr_assert_not_null(strstr(lease, "mtu='1400'"), "%s", lease);
    cr_assert_not_null(strstr(lease, "search='a.test'"), "%s", lease);
    free_lease = get_lease("c2");
    cr_assert_not_null(strstr(free_lease, "ip='10.1.2."), "%s", free_lease);
    /* From a neighbour, and from the host by the bridge's address (NET-RES-01). */
    answer = run("ip netns exec c2 busybox nslookup -type=a web.d.test 10.1.2.1");
    cr_assert_not_null(strstr(answer, "10.1.2.77"), "%s", answer);
    cr_assert(succeeds("busybox nslookup -type=a web 10.1.2.1"));
    cr_assert(succeeds("busybox nslookup -type=a _gateway.d.test 10.1.2.1"));
    /* What a client says of itself does not count in mode managed. */
    cr_assert_not(succeeds("busybox nslookup -type=a claimed.d.test 10.1.2.1"));
    cr_assert(succeeds("ip netns exec c2 ping -c 1 -W 2 10.1.2.77"));
    /* IPv6 by router advertisement. */
    for (int i = 0; i < 50 && (six == NULL || strstr(six, "fd42:1:") == NULL); i++) {
        g_usleep(100000);
        g_free(six);
        six = run("ip -n c1 -6 addr show dev eth0 scope global");
    }
    cr_assert_not_null(strstr(six, "fd42:1::"), "%s", six);
    pid_again = server_pid("lan");
    cr_assert_str_eq(pid, pid_again, "a lease changes without a restart");
    unmake(network);
}

#define NICS 64

static gpointer release_one(gpointer data)
{
    g_autofree char *mac = g_strdup_printf("00:16:3e:00:00:%02x", GPOINTER_TO_UINT(data));
    g_autoptr(GError) error = NULL;

    return lease_release(host->dir, "lan", mac, &error) ? NULL : g_strdup(error->message);
}

/* Instances of one network are deleted side by side, also when nothing serves it any more. */
Test(server, leases_that_no_server_keeps_go_side_by_side)
{
    g_autofree char *path = g_build_filename(host->dir, "networks", "lan", "dnsmasq.leases", NULL);
    g_autofree char *folder = g_path_get_dirname(path);
    g_autoptr(GString) text = g_string_new("9999999999 00:16:3e:00:01:00 10.1.2.9 stays *\n");
    g_autofree char *left = NULL;
    GThread *threads[NICS];

    cr_assert_eq(g_mkdir_with_parents(folder, 0755), 0);
    for (guint i = 0; i < NICS; i++)
        g_string_append_printf(text, "9999999999 00:16:3e:00:00:%02x 10.1.2.%u x *\n", i, i + 10);
    MUST(file_write(path, text->str, -1, 0644, NULL, must));
    for (guint i = 0; i < NICS; i++)
        threads[i] = g_thread_new("release", release_one, GUINT_TO_POINTER(i));
    for (guint i = 0; i < NICS; i++) {
        g_autofree char *problem = g_thread_join(threads[i]);

        cr_expect_null(problem, "%s", problem);
    }
    cr_assert(g_file_get_contents(path, &left, NULL, NULL));
    cr_expect_str_eq(left, "9999999999 00:16:3e:00:01:00 10.1.2.9 stays *\n");
}

Test(server, leases_change_and_go_while_the_server_runs)
{
    g_autoptr(Object) network = make_network(&context, "lan", "{" ADDRESSES "}");
    g_autoptr(Object) web = make_instance("web");
    g_autoptr(json_t) nic = json_pack("{s:s}", "ipv4.address", "10.1.2.77");
    g_autoptr(json_t) other_nic = json_pack("{s:s}", "ipv4.address", "10.1.2.88");
    g_autoptr(json_t) fact = lease_expect(&context, network, web, "eth0", nic, "00:16:3e:00:00:77");
    g_autoptr(json_t) other =
        lease_expect(&context, network, web, "eth0", other_nic, "00:16:3e:00:00:77");
    g_autofree char *first = NULL, *second = NULL, *third = NULL;

    make(network);
    add_client("c1", "00:16:3e:00:00:77", "lan");
    set_lease(NULL, fact);
    first = get_lease("c1");
    cr_assert_not_null(strstr(first, "ip='10.1.2.77'"), "%s", first);
    set_lease(fact, other);
    g_free(run("ip -n c1 addr flush dev eth0"));
    second = get_lease("c1");
    cr_assert_not_null(strstr(second, "ip='10.1.2.88'"), "%s", second);
    set_lease(other, NULL);
    {
        g_autoptr(json_t) seen = lease_observe(host, network, web, "eth0", NULL);

        cr_assert_null(seen);
    }
    third = run("find %s/networks/lan/dnsmasq.hosts -type f", host->dir);
    cr_assert_str_eq(third, "");
    unmake(network);
}

static gboolean has_lease(const char *mac)
{
    g_autofree char *path = g_build_filename(host->dir, "networks", "lan", "dnsmasq.leases", NULL);
    g_autofree char *text = NULL;

    MUST(file_read(path, 65536, &text, NULL, must));
    return strstr(text, mac) != NULL;
}

/* The address is free for others at once, whether the server runs or not; neighbours keep theirs.
 */
Test(server, a_nic_that_goes_gives_its_address_back)
{
    g_autoptr(Object) network = make_network(&context, "lan", "{" ADDRESSES "}");
    g_autoptr(Object) web = make_instance("web");
    g_autoptr(json_t) nic = json_object();
    g_autoptr(json_t) one = lease_expect(&context, network, web, "eth0", nic, "00:16:3e:00:00:77");
    g_autoptr(json_t) two = lease_expect(&context, network, web, "eth1", nic, "00:16:3e:00:00:78");
    g_autoptr(json_t) facts = expect(network);

    make(network);
    add_client("c1", "00:16:3e:00:00:77", "lan");
    add_client("c2", "00:16:3e:00:00:78", "lan");
    set_lease(NULL, one);
    set_lease(NULL, two);
    g_free(get_lease("c1"));
    g_free(get_lease("c2"));
    cr_assert(has_lease("00:16:3e:00:00:77") && has_lease("00:16:3e:00:00:78"));
    set_lease(one, NULL);
    cr_assert_not(has_lease("00:16:3e:00:00:77"));
    cr_assert(has_lease("00:16:3e:00:00:78"));
    MUST(ensure(network, row_of("dnsmasq"), json_object_get(facts, "dnsmasq"), NULL, must));
    set_lease(two, NULL);
    cr_assert_not(has_lease("00:16:3e:00:00:78"));
    unmake(network);
}

Test(server, a_lease_moves_with_its_nic_to_another_network)
{
    g_autoptr(Object) one = make_network(&context, "lan", "{" ADDRESSES "}");
    g_autoptr(Object) two = make_network(
        &context, "wan", "{\"ipv4.address\": \"10.3.3.1/24\", \"ipv6.address\": \"none\"}");
    g_autoptr(Object) web = make_instance("web");
    g_autoptr(json_t) nic = json_object();
    g_autoptr(json_t) old_fact = lease_expect(&context, one, web, "eth0", nic, "00:16:3e:00:00:77");
    g_autoptr(json_t) new_fact = lease_expect(&context, two, web, "eth0", nic, "00:16:3e:00:00:77");
    g_autoptr(json_t) seen = NULL;
    g_autoptr(json_t) after = NULL;

    make(one);
    make(two);
    set_lease(NULL, old_fact);
    seen = lease_observe(host, two, web, "eth0", NULL);
    cr_assert(json_equal(seen, old_fact));
    set_lease(seen, new_fact);
    after = lease_observe(host, two, web, "eth0", NULL);
    cr_assert(json_equal(after, new_fact));
    unmake(one);
    unmake(two);
}

/* All that the server of "lan" does still works: DHCP, DNS by both families, router advertisements.
 */
static void assert_server_answers(void)
{
    g_autofree char *lease = NULL;
    g_autofree char *six = NULL;

    add_client("c1", "00:16:3e:00:00:77", "lan");
    lease = get_lease("c1");
    cr_assert_not_null(strstr(lease, "ip='10.1.2."), "%s", lease);
    cr_assert(succeeds("ip netns exec c1 busybox nslookup -type=a _gateway.lxd 10.1.2.1"));
    for (int i = 0; i < 80 && (six == NULL || strstr(six, "fd42:1:") == NULL); i++) {
        g_usleep(100000);
        g_free(six);
        six = run("ip -n c1 -6 addr show dev eth0 scope global -tentative");
    }
    cr_assert_not_null(strstr(six, "fd42:1::"), "%s", six);
    cr_assert(succeeds("ip netns exec c1 busybox nslookup -type=a _gateway.lxd fd42:1::1"));
}

Test(server, the_server_answers_on_a_bridge_that_was_made_anew)
{
    g_autoptr(Object) network = make_network(&context, "lan", "{" ADDRESSES "}");

    make(network);
    g_free(run("ip link delete lan"));
    repair(network);
    assert_server_answers();
    unmake(network);
}

Test(server, the_server_answers_on_addresses_that_were_lost)
{
    g_autoptr(Object) network = make_network(&context, "lan", "{" ADDRESSES "}");

    make(network);
    g_free(run("ip addr flush dev lan"));
    repair(network);
    assert_server_answers();
    unmake(network);
}

/* --- packets --- */

/* A host outside: 10.99.0.2, which knows no way back to the bridge. */
static void add_outside(void)
{
    g_free(run("ip netns add out"));
    g_free(run("ip link add up0 type veth peer name eth0 netns out"));
    g_free(run("ip addr add 10.99.0.1/24 dev up0"));
    g_free(run("ip link set up0 up"));
    g_free(run("ip -n out addr add 10.99.0.2/24 dev eth0"));
    g_free(run("ip -n out link set eth0 up"));
}

Test(server, nat_and_routing_decide_what_gets_out)
{
    g_autoptr(Object) with_nat =
        make_network(&context, "lan", "{" ADDRESSES ", \"ipv4.nat\": \"true\"}");
    g_autoptr(json_t) plain_spec = json_loads("{\"config\": {" ADDRESSES "}}", 0, NULL);
    g_autoptr(json_t) closed_spec = json_loads(
        "{\"config\": {" ADDRESSES ", \"ipv4.nat\": \"true\", \"ipv4.routing\": \"false\"}}", 0,
        NULL);
    g_autoptr(json_t) snat_spec =
        json_loads("{\"config\": {" ADDRESSES
                   ", \"ipv4.nat\": \"true\", \"ipv4.nat.address\": \"10.99.0.9\"}}",
                   0, NULL);
    g_autoptr(Object) plain = object_with(with_nat, plain_spec, NULL);
    g_autoptr(Object) closed = object_with(with_nat, closed_spec, NULL);
    g_autoptr(Object) snat = object_with(with_nat, snat_spec, NULL);

    add_outside();
    make(with_nat);
    add_client("c1", "00:16:3e:00:00:77", "lan");
    g_free(get_lease("c1"));
    cr_assert(succeeds("ip netns exec c1 ping -c 1 -W 2 10.99.0.2"), "masquerade");
    repair(plain);
    cr_assert_not(succeeds("ip netns exec c1 ping -c 1 -W 1 10.99.0.2"), "no way back without NAT");
    repair(snat);
    g_free(run("ip addr add 10.99.0.9/32 dev up0"));
    cr_assert(succeeds("ip netns exec c1 ping -c 1 -W 2 10.99.0.2"), "snat");
    repair(closed);
    cr_assert_not(succeeds("ip netns exec c1 ping -c 1 -W 1 10.99.0.2"), "rejected");
    cr_assert(succeeds("ip netns exec c1 ping -c 1 -W 2 10.1.2.1"), "the host still answers");
    repair(with_nat);
    cr_assert(succeeds("ip netns exec c1 ping -c 1 -W 2 10.99.0.2"), "open again");
    unmake(with_nat);
}

Test(server, limits_hold)
{
    g_autoptr(Object) network = make_network(&context, "lan", "{" ADDRESSES "}");
    gint64 start, took;

    make(network);
    add_client("c1", "00:16:3e:00:00:77", "lan");
    g_free(run("ip -n c1 addr add 10.1.2.50/24 dev eth0"));
    /* 400 pings of 1400 bytes are 4.6 Mbit each way: 0.8 s at their own pace, 1.5 s at 3 Mbit/s. */
    MUST(link_set_limits("vc1", 3000000, 0, must));
    start = g_get_monotonic_time();
    g_free(run("ping -q -i 0.002 -c 400 -s 1400 10.1.2.50"));
    took = g_get_monotonic_time() - start;
    cr_assert_gt(took, 1300000, "3 Mbit/s towards the instance: %ld us", (long)took);
    /* From the instance: what is over the rate and the burst of 1 MiB is dropped. */
    MUST(link_set_limits("vc1", 0, 80000, must));
    {
        g_autofree char *lossy = NULL;
        const char *loss;

        cr_assert(succeeds("ip netns exec c1 ping -c 1 -W 2 10.1.2.1"));
        lossy = run("ip netns exec c1 ping -q -i 0.001 -c 1200 -s 1400 10.1.2.1");
        loss = strstr(lossy, " received, ");
        cr_assert_not_null(loss, "%s", lossy);
        cr_assert_gt(atoi(loss + strlen(" received, ")), 5, "%s", lossy);
    }
    MUST(link_set_limits("vc1", 0, 0, must));
    unmake(network);
}
