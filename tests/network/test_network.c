/* The network driver on a real kernel: each fact made, observed, undone, lost and repaired; servers
 * that answer. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "error.h"
#include "file.h"
#include "namespace.h"
#include "network/lease.h"
#include "network/link.h"
#include "network/network.h"
#include "object.h"
#include "paths.h"

#define MUST(call)                                                                                 \
    do {                                                                                           \
        g_autoptr(GError) failure = NULL;                                                          \
        GError **must = &failure;                                                                  \
        cr_assert(call, "%s: %s", #call, failure != NULL ? failure->message : "");                 \
    } while (0)

#define ADDRESSES "\"ipv4.address\": \"10.1.2.1/24\", \"ipv6.address\": \"fd42:1::1/64\""

static Host *host;
static Context context;

static void enter(void)
{
    namespace_enter();
    host = host_real_new(namespace_dir());
    context = make_context(host->dir, host_facts(host, NULL));
    cr_assert_not_null(context.host);
}

static void leave(void)
{
    if (host == NULL)
        return;
    context_clear(&context);
    host_free(host);
    namespace_leave();
}

TestSuite(network, .init = enter, .fini = leave, .timeout = 60);

/* --- the engine's part, in small --- */

static json_t *without_arguments(const json_t *value)
{
    json_t *copy;
    const char *key;
    json_t *member;

    if (!json_is_object(value))
        return json_deep_copy(value);
    copy = json_object();
    json_object_foreach ((json_t *)value, key, member) {
        if (*key != '$')
            json_object_set_new(copy, key, without_arguments(member));
    }
    return copy;
}

static json_t *expect(const Object *network)
{
    g_autoptr(GError) error = NULL;
    json_t *facts = NETWORK_DRIVER.expect(&context, network, NULL, &error);

    cr_assert_not_null(facts, "%s", error != NULL ? error->message : "");
    return facts;
}

static json_t *observe(const Object *network)
{
    g_autoptr(GError) error = NULL;
    json_t *facts = NETWORK_DRIVER.observe(host, &context, network, &error);

    cr_assert_not_null(facts, "%s", error != NULL ? error->message : "");
    return facts;
}

static void assert_as_expected(const Object *network)
{
    g_autoptr(json_t) expected = expect(network);
    g_autoptr(json_t) wanted = without_arguments(expected);
    g_autoptr(json_t) seen = observe(network);
    g_autofree char *wanted_text = json_text(wanted);
    g_autofree char *seen_text = json_text(seen);

    cr_assert_str_eq(seen_text, wanted_text);
}

static gboolean ensure(const Object *network, const FactRow *row, json_t *from, json_t *to,
                       GError **error)
{
    Step step = {.name = (char *)row->name,
                 .key = network->key,
                 .path = (char *)row->path,
                 .from = from,
                 .to = to,
                 .tx = (char *)"7"};

    return row->ensure(host, &step, error);
}

static const FactRow *row_of(const char *path)
{
    for (const FactRow *row = NETWORK_DRIVER.rows; row->path != NULL; row++) {
        if (strcmp(row->path, path) == 0)
            return row;
    }
    cr_assert_fail("no row %s", path);
    return NULL;
}

/* All rows from -> to, in order; removals in reverse. */
static gboolean change(const Object *network, const json_t *from, const json_t *to, GError **error)
{
    int count = 0;

    while (NETWORK_DRIVER.rows[count].path != NULL)
        count++;
    for (int i = count - 1; i >= 0; i--) {
        const FactRow *row = &NETWORK_DRIVER.rows[i];
        json_t *a = json_object_get(from, row->path);

        if (a != NULL && json_object_get(to, row->path) == NULL &&
            !ensure(network, row, a, NULL, error))
            return FALSE;
    }
    for (int i = 0; i < count; i++) {
        const FactRow *row = &NETWORK_DRIVER.rows[i];
        json_t *a = json_object_get(from, row->path);
        json_t *b = json_object_get(to, row->path);

        if (b != NULL && !json_equal(a, b) && !ensure(network, row, a, b, error))
            return FALSE;
    }
    return TRUE;
}

static void make(const Object *network)
{
    g_autoptr(json_t) to = expect(network);

    MUST(change(network, NULL, to, must));
}

/* After a commit, and after a creation was taken back: what was parked goes. */
static void purge(const Object *network)
{
    for (const FactRow *row = NETWORK_DRIVER.rows; row->path != NULL; row++) {
        Step step = {.name = (char *)row->name,
                     .key = network->key,
                     .path = (char *)row->path,
                     .tx = (char *)"7"};

        if (row->purge != NULL)
            MUST(row->purge(host, &step, must));
    }
}

static void unmake(const Object *network)
{
    g_autoptr(json_t) from = expect(network);

    MUST(change(network, from, NULL, must));
    purge(network);
}

static void repair(const Object *network)
{
    g_autoptr(json_t) from = observe(network);
    g_autoptr(json_t) to = expect(network);

    MUST(change(network, from, to, must));
}

static char *server_pid(const char *network)
{
    g_autofree char *folder = path_network(host->dir, network);
    g_autofree char *path = g_build_filename(folder, "dnsmasq.pid", NULL);
    char *text = NULL;

    MUST(file_read(path, 4096, &text, NULL, must));
    return text;
}

/* The number itself. */
static pid_t server_process(const char *network)
{
    g_autofree char *text = server_pid(network);
    g_autoptr(json_t) record = json_loads(text, 0, NULL);

    return (pid_t)json_integer_value(json_array_get(json_object_get(record, "process"), 0));
}

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

static void assert_differs_only_in(const Object *network, const char *fact)
{
    g_autoptr(json_t) expected = expect(network);
    g_autoptr(json_t) wanted = without_arguments(expected);
    g_autoptr(json_t) seen = observe(network);
    const char *name;
    json_t *value;

    json_object_foreach (wanted, name, value) {
        gboolean same = json_equal(value, json_object_get(seen, name));

        cr_assert(same == (strcmp(name, fact) != 0), "%s when %s was changed", name, fact);
    }
}

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
    json_decref((json_t *)context.host);
    context.host = host_facts(host, NULL);
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
    json_decref((json_t *)context.host);
    context.host = host_facts(host, NULL);
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
    json_decref((json_t *)context.host);
    context.host = host_facts(host, NULL);
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
    MUST(change(one, facts_one, NULL, must));
    value = net_sysctl("ipv4/ip_forward", NULL);
    cr_assert_str_eq(value, "1", "the other network still needs it");
    MUST(change(two, facts_two, NULL, must));
    unmake(one);
    unmake(two);
    after = fingerprint();
    cr_assert_str_eq(after, before);
}

/* --- the server --- */

Test(network, a_broken_raw_configuration_is_refused_and_the_old_one_kept)
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

Test(network, a_server_that_cannot_start_says_why_and_the_old_one_runs_on)
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

Test(network, the_raw_configuration_is_used_and_its_drift_seen)
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

Test(network, a_server_without_a_record_is_found_and_replaced)
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

Test(network, a_pid_of_somebody_else_is_not_believed)
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

Test(network, leases_are_parked_with_the_folder)
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

Test(network, a_rename_moves_the_folder)
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

Test(network, a_directory_that_the_server_cannot_enter_is_named)
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

/* --- clients --- */

/* A network namespace NAME with eth0 on the bridge. */
static void add_client(const char *name, const char *mac, const char *bridge)
{
    g_autofree char *outer = g_strdup_printf("v%s", name);

    g_free(run("ip netns add %s", name));
    g_free(run("ip link add %s type veth peer name eth0 address %s netns %s", outer, mac, name));
    g_free(run("ip link set %s master %s up", outer, bridge));
    g_free(run("ip -n %s link set eth0 up", name));
    g_free(run("ip -n %s link set lo up", name));
}

/* Gets a lease in a client: what the server said, one "key=value" a line. */
static char *get_lease(const char *name)
{
    g_autofree char *script = g_build_filename(host->dir, "..", "udhcpc.sh", NULL);
    g_autofree char *output = g_strdup_printf("%s/../lease-%s", host->dir, name);
    g_autofree char *text = g_strdup_printf(
        "#!/bin/sh\n[ \"$1\" = bound ] || exit 0\n"
        "ip addr add $ip/$mask dev $interface\nip route add default via $router\nset > %s\n",
        output);
    char *answer = NULL;

    MUST(file_write(script, text, -1, 0755, NULL, must));
    g_free(run("ip netns exec %s busybox udhcpc -i eth0 -n -q -f -t 8 -T 1 -O search -O mtu -x "
               "hostname:claimed -s %s",
               name, script));
    MUST(file_read(output, 65536, &answer, NULL, must));
    return answer;
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

Test(network, dhcp_and_dns_answer)
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
        g_autoptr(json_t) all = lease_observe_all(host, web, NULL);

        cr_assert(json_equal(seen, fact));
        cr_assert(json_equal(json_object_get(all, "eth0"), fact));
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

Test(network, leases_change_and_go_while_the_server_runs)
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

Test(network, a_lease_moves_with_its_nic_to_another_network)
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

Test(network, the_server_answers_on_a_bridge_that_was_made_anew)
{
    g_autoptr(Object) network = make_network(&context, "lan", "{" ADDRESSES "}");

    make(network);
    g_free(run("ip link delete lan"));
    repair(network);
    assert_server_answers();
    unmake(network);
}

Test(network, the_server_answers_on_addresses_that_were_lost)
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

Test(network, nat_and_routing_decide_what_gets_out)
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

Test(network, limits_hold)
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
    g_autoptr(json_t) facts = NULL;
    json_t *interface;

    g_free(run("ip link add ext0 type veth peer name ext1"));
    g_free(run("ip addr add 192.0.2.5/24 dev ext0"));
    g_free(run("ip link set ext0 up"));
    g_free(run("ip link set ext1 up"));
    network = make_network(&context, "lan", "{" ADDRESSES "}");
    make(network);
    facts = host_facts(host, NULL);
    interface = json_at(facts, "interfaces/ext0");
    cr_assert_str_eq(json_string_value(json_array_get(json_object_get(interface, "addresses"), 0)),
                     "192.0.2.5/24");
    cr_assert(json_is_false(json_object_get(interface, "ours")));
    cr_assert(json_is_true(json_at(facts, "interfaces/lan/ours")));
    cr_assert_null(json_at(facts, "interfaces/lo"));
    cr_assert_eq(json_array_size(json_object_get(facts, "routes")), 1);
    cr_assert_str_eq(json_string_value(json_array_get(json_object_get(facts, "routes"), 0)),
                     "192.0.2.0/24");
    unmake(network);
}
