/* The pure part of the network driver: what is drawn and what is expected, without any host
 * (networks.md 2, 3). */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <string.h>

#include "error.h"
#include "network/lease.h"
#include "network/network.h"
#include "network/subnet.h"
#include "object.h"

static json_t *host(const char *text)
{
    json_t *value = json_loads(text, 0, NULL);

    cr_assert_not_null(value, "%s", text);
    return value;
}

static json_t *expect(const Context *context, const Object *network)
{
    g_autoptr(GError) error = NULL;
    json_t *facts = NETWORK_DRIVER.expect(context, network, NULL, &error);

    cr_assert_not_null(facts, "%s", error != NULL ? error->message : "");
    return facts;
}

static void assert_fact(const json_t *facts, const char *name, const char *wanted)
{
    json_t *value = json_object_get(facts, name);
    g_autofree char *seen = value != NULL ? json_text(value) : g_strdup("absent");

    cr_assert_str_eq(seen, wanted, "%s: %s instead of %s", name, seen, wanted);
}

static void assert_chain(const json_t *facts, const char *chain, ...)
{
    json_t *lines = json_object_get(json_object_get(facts, "firewall"), chain);
    guint count = 0;
    va_list args;

    va_start(args, chain);
    for (const char *line = va_arg(args, const char *); line != NULL;
         line = va_arg(args, const char *)) {
        const char *seen = json_string_value(json_array_get(lines, count++));

        cr_assert(g_strcmp0(seen, line) == 0, "%s line %u: %s instead of %s", chain, count, seen,
                  line);
    }
    va_end(args);
    cr_assert_eq(json_array_size(lines), count, "%s has %zu lines", chain, json_array_size(lines));
}

static gboolean has_argument(const json_t *facts, const char *text)
{
    size_t at;
    json_t *item;

    json_array_foreach (json_at(facts, "dnsmasq/arguments"), at, item)
        if (strcmp(json_string_value(item), text) == 0)
            return TRUE;
    return FALSE;
}

static gboolean has_prefix(const json_t *facts, const char *text)
{
    size_t at;
    json_t *item;

    json_array_foreach (json_at(facts, "dnsmasq/arguments"), at, item)
        if (g_str_has_prefix(json_string_value(item), text))
            return TRUE;
    return FALSE;
}

/* --- subnets --- */

Test(subnet, arithmetic)
{
    static const struct {
        const char *cidr, *network, *second, *last, *before_last;
    } cases[] = {
        {"10.1.2.1/24", "10.1.2.0/24", "10.1.2.2", "10.1.2.255", "10.1.2.254"},
        {"10.1.255.254/23", "10.1.254.0/23", "10.1.254.2", "10.1.255.255", "10.1.255.254"},
        {"192.168.0.1/16", "192.168.0.0/16", "192.168.0.2", "192.168.255.255", "192.168.255.254"},
        {"fd42:1:2:3::1/64", "fd42:1:2:3::/64", "fd42:1:2:3::2", "fd42:1:2:3:ffff:ffff:ffff:ffff",
         "fd42:1:2:3:ffff:ffff:ffff:fffe"},
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        Subnet subnet;
        g_autofree char *network = NULL, *second = NULL, *last = NULL, *before_last = NULL;

        cr_assert(subnet_parse(cases[i].cidr, &subnet));
        network = subnet_network(&subnet);
        second = subnet_nth(&subnet, 2);
        last = subnet_nth(&subnet, -1);
        before_last = subnet_nth(&subnet, -2);
        cr_assert_str_eq(network, cases[i].network);
        cr_assert_str_eq(second, cases[i].second);
        cr_assert_str_eq(last, cases[i].last);
        cr_assert_str_eq(before_last, cases[i].before_last);
    }
}

Test(subnet, overlap_and_containment)
{
    Subnet a, b, c, six;

    cr_assert(subnet_parse("10.1.2.1/24", &a) && subnet_parse("10.0.0.0/8", &b) &&
              subnet_parse("10.1.3.0/24", &c) && subnet_parse("fd42::1/64", &six));
    cr_assert(subnet_overlaps(&a, &b) && subnet_overlaps(&b, &a));
    cr_assert_not(subnet_overlaps(&a, &c));
    cr_assert_not(subnet_overlaps(&a, &six));
    cr_assert(subnet_contains(&a, "10.1.2.200"));
    cr_assert_not(subnet_contains(&a, "10.1.3.1"));
    cr_assert_not(subnet_parse("10.1.2", &a));
    cr_assert_not(subnet_parse("10.1.2.1/33", &a));
}

/* --- drawing --- */

Test(prepare, an_empty_config_draws_all)
{
    Context context = make_context("/state", NULL);
    g_autoptr(Object) network = make_network(&context, "lan", "{}");
    g_autoptr(Object) again = make_network(&context, "lan", "{}");
    Subnet four, six;

    cr_assert_str_eq(json_member_string(network->generated, "ipv4.nat"), "true");
    cr_assert_str_eq(json_member_string(network->generated, "ipv6.nat"), "true");
    cr_assert(g_str_has_prefix(json_member_string(network->generated, "volatile.bridge.hwaddr"),
                               "00:16:3e:"));
    cr_assert(subnet_parse(json_member_string(network->generated, "ipv4.address"), &four));
    cr_assert(subnet_parse(json_member_string(network->generated, "ipv6.address"), &six));
    cr_assert(four.length == 24 && four.address[0] == 10 && four.address[3] == 1);
    cr_assert(six.length == 64 && six.address[0] == 0xfd && six.address[1] == 0x42 &&
              six.address[15] == 1);
    cr_assert(json_equal(network->generated, again->generated), "the same seed draws the same");
    context_clear(&context);
}

Test(prepare, a_given_address_draws_no_nat)
{
    Context context = make_context("/state", NULL);
    g_autoptr(Object) network =
        make_network(&context, "lan",
                     "{\"ipv4.address\": \"10.1.2.1/24\", \"ipv6.address\": \"none\","
                     " \"bridge.hwaddr\": \"00:16:3e:00:00:01\"}");

    cr_assert_null(json_object_get(network->generated, "ipv4.address"));
    cr_assert_null(json_object_get(network->generated, "ipv4.nat"));
    cr_assert_null(json_object_get(network->generated, "ipv6.address"));
    context_clear(&context);
}

Test(prepare, what_was_drawn_stays_and_unset_draws_only_at_creation)
{
    Context context = make_context("/state", NULL);
    g_autoptr(Object) first = make_network(&context, "lan", "{\"ipv4.address\": \"10.1.2.1/24\"}");
    g_autoptr(json_t) without = json_pack("{s:{}}", "config");
    g_autoptr(json_t) with_auto = json_pack("{s:{s:s}}", "config", "ipv4.address", "auto");
    g_autoptr(Object) dropped = object_with(first, without, NULL);
    g_autoptr(Object) automatic = object_with(first, with_auto, NULL);
    g_autoptr(json_t) generated = json_deep_copy(first->generated);

    cr_assert(NETWORK_DRIVER.prepare(&context, dropped, generated, NULL));
    cr_assert(json_equal(generated, first->generated),
              "NET-BR-62: an unset key draws only at creation");
    cr_assert(NETWORK_DRIVER.prepare(&context, automatic, generated, NULL));
    cr_assert_not_null(json_object_get(generated, "ipv4.address"));
    {
        g_autoptr(json_t) before = json_deep_copy(generated);

        cr_assert(NETWORK_DRIVER.prepare(&context, automatic, generated, NULL));
        cr_assert(json_equal(generated, before), "PS-18: auto keeps what was drawn");
    }
    context_clear(&context);
}

Test(prepare, keeps_clear_of_the_host_and_other_networks)
{
    Context context = make_context("/state", NULL);
    g_autoptr(Object) free_draw = make_network(&context, "lan", "{}");
    const char *first = json_member_string(free_draw->generated, "ipv4.address");
    const char *first6 = json_member_string(free_draw->generated, "ipv6.address");
    Context busy = make_context("/state", json_pack("{s:{s:{s:[s]}}, s:[s]}", "interfaces", "eth0",
                                                    "addresses", first, "routes", first6));
    g_autoptr(Object) moved = make_network(&busy, "lan", "{}");
    g_autofree char *config = g_strdup_printf("{\"ipv4.address\": \"%s\"}", first);
    g_autoptr(Object) other = make_network(NULL, "other", config);

    cr_assert_str_neq(json_member_string(moved->generated, "ipv4.address"), first);
    cr_assert_str_neq(json_member_string(moved->generated, "ipv6.address"), first6);
    context_add(&context, other);
    {
        g_autoptr(Object) third = make_network(&context, "lan", "{}");

        cr_assert_str_neq(json_member_string(third->generated, "ipv4.address"), first);
    }
    context_clear(&context);
    context_clear(&busy);
}

Test(prepare, a_full_host_is_an_error)
{
    Context context = make_context("/state", json_pack("{s:[s]}", "routes", "10.0.0.0/8"));
    g_autoptr(Object) bare = make_network(NULL, "lan", "{}");
    g_autoptr(json_t) generated = json_object();
    g_autoptr(GError) error = NULL;

    cr_assert_not(NETWORK_DRIVER.prepare(&context, bare, generated, &error));
    cr_assert_not_null(strstr(error->message, "ipv4.address"), "%s", error->message);
    context_clear(&context);
}

Test(prepare, no_ipv6_where_the_host_has_it_off)
{
    Context context = make_context("/state", json_pack("{s:s}", "ipv6", "off"));
    g_autoptr(Object) network = make_network(&context, "lan", "{}");
    g_autoptr(Object) wanted = make_network(&context, "wan", "{\"ipv6.address\": \"auto\"}");

    cr_assert_null(json_object_get(network->generated, "ipv6.address"));
    cr_assert_not_null(json_object_get(wanted->generated, "ipv6.address"));
    context_clear(&context);
}

/* --- expecting --- */

#define FIXED                                                                                      \
    "\"bridge.hwaddr\": \"00:16:3E:00:00:01\", \"ipv4.address\": \"10.1.2.1/24\", "                \
    "\"ipv6.address\": \"fd42::1/64\""

Test(expect, link_sysctl_and_addresses)
{
    Context context = make_context("/state", NULL);
    g_autoptr(Object) network = make_network(NULL, "lan",
                                             "{" FIXED ", \"bridge.mtu\": \"1400\","
                                             " \"ipv4.routes\": \"10.9.0.0/16, 10.8.0.0/16\"}");
    g_autoptr(json_t) facts = expect(&context, network);

    assert_fact(facts, "link",
                "{\"kind\":\"bridge\",\"mac\":\"00:16:3e:00:00:01\",\"mtu\":1400,\"up\":true}");
    assert_fact(facts, "sysctl",
                "{\"ipv6.accept_dad\":\"0\",\"ipv6.autoconf\":\"0\",\"ipv6.disable_ipv6\":\"0\"}");
    assert_fact(facts, "forwarding", "{\"ipv4\":true,\"ipv6\":true}");
    assert_fact(facts, "addresses", "[\"10.1.2.1/24\",\"fd42::1/64\"]");
    assert_fact(facts, "routes", "[\"10.8.0.0/16\",\"10.9.0.0/16\"]");
    assert_fact(facts, "ports", "absent");
    context_clear(&context);
}

Test(expect, no_address_no_server_no_rules)
{
    Context context = make_context("/state", NULL);
    g_autoptr(Object) network =
        make_network(&context, "lan", "{\"ipv4.address\": \"none\", \"ipv6.address\": \"none\"}");
    g_autoptr(json_t) facts = expect(&context, network);

    assert_fact(facts, "addresses", "absent");
    assert_fact(facts, "forwarding", "absent");
    assert_fact(facts, "firewall", "absent");
    assert_fact(facts, "dnsmasq", "absent");
    assert_fact(facts, "sysctl",
                "{\"ipv6.accept_dad\":\"0\",\"ipv6.autoconf\":\"0\",\"ipv6.disable_ipv6\":\"1\"}");
    context_clear(&context);
}

Test(expect, chains_of_a_plain_network)
{
    Context context = make_context("/state", NULL);
    g_autoptr(Object) network =
        make_network(NULL, "lan",
                     "{" FIXED ", \"ipv4.nat\": \"true\", \"ipv6.nat\": \"true\","
                     " \"ipv6.nat.address\": \"2001:db8::9\"}");
    g_autoptr(json_t) facts = expect(&context, network);

    assert_chain(facts, "pstrt.lan", "type nat hook postrouting priority 100 policy accept",
                 "ip saddr 10.1.2.0/24 ip daddr != 10.1.2.0/24 masquerade",
                 "ip6 saddr fd42::/64 ip6 daddr != fd42::/64 snat ip6 to 2001:db8::9", NULL);
    assert_chain(facts, "fwd.lan", "type filter hook forward priority 0 policy accept",
                 "meta nfproto ipv4 oifname \"lan\" accept",
                 "meta nfproto ipv4 iifname \"lan\" accept",
                 "meta nfproto ipv6 oifname \"lan\" accept",
                 "meta nfproto ipv6 iifname \"lan\" accept", NULL);
    assert_chain(facts, "in.lan", "type filter hook input priority 0 policy accept",
                 "iifname \"lan\" tcp dport 53 accept", "iifname \"lan\" udp dport 53 accept",
                 "iifname \"lan\" icmp type 3 accept", "iifname \"lan\" icmp type 11 accept",
                 "iifname \"lan\" icmp type 12 accept", "iifname \"lan\" udp dport 67 accept",
                 "iifname \"lan\" icmpv6 type 1 accept", "iifname \"lan\" icmpv6 type 2 accept",
                 "iifname \"lan\" icmpv6 type 3 accept", "iifname \"lan\" icmpv6 type 4 accept",
                 "iifname \"lan\" icmpv6 type 133 accept", "iifname \"lan\" icmpv6 type 135 accept",
                 "iifname \"lan\" icmpv6 type 136 accept", "iifname \"lan\" icmpv6 type 143 accept",
                 "iifname \"lan\" udp dport 547 accept", NULL);
    cr_assert_eq(json_array_size(json_at(facts, "firewall/out.lan")), 17);
    context_clear(&context);
}

Test(expect, routing_off_rejects_and_does_not_forward)
{
    Context context = make_context("/state", NULL);
    g_autoptr(Object) network = make_network(
        NULL, "lan", "{" FIXED ", \"ipv4.routing\": \"false\", \"ipv6.routing\": \"no\"}");
    g_autoptr(json_t) facts = expect(&context, network);

    assert_fact(facts, "forwarding", "absent");
    assert_chain(facts, "fwd.lan", "type filter hook forward priority 0 policy accept",
                 "meta nfproto ipv4 oifname \"lan\" reject",
                 "meta nfproto ipv4 iifname \"lan\" reject",
                 "meta nfproto ipv6 oifname \"lan\" reject",
                 "meta nfproto ipv6 iifname \"lan\" reject", NULL);
    context_clear(&context);
}

Test(expect, firewall_off_keeps_nat_and_service_rules)
{
    Context context = make_context("/state", NULL);
    g_autoptr(Object) network =
        make_network(NULL, "lan",
                     "{" FIXED ", \"ipv4.nat\": \"true\", \"ipv4.firewall\": \"false\","
                     " \"ipv6.firewall\": \"false\", \"ipv6.dhcp\": \"false\"}");
    g_autoptr(json_t) facts = expect(&context, network);

    cr_assert_null(json_at(facts, "firewall/fwd.lan"));
    cr_assert_eq(json_array_size(json_at(facts, "firewall/pstrt.lan")), 2);
    assert_chain(facts, "in.lan", "type filter hook input priority 0 policy accept",
                 "iifname \"lan\" tcp dport 53 accept", "iifname \"lan\" udp dport 53 accept",
                 "iifname \"lan\" udp dport 67 accept", NULL);
    context_clear(&context);
}

Test(expect, server_arguments)
{
    Context context = make_context("/state", json_pack("{s:s}", "dnsmasq_user", "dnsmasq"));
    g_autoptr(Object) network = make_network(
        NULL, "lan",
        "{" FIXED ", \"dns.domain\": \"example.test\", \"dns.search\": \"a.test, b.test\","
        " \"ipv4.dhcp.gateway\": \"10.1.2.9\", \"bridge.mtu\": \"1400\", \"ipv4.dhcp.expiry\": "
        "\"30m\","
        " \"ipv4.dhcp.ranges\": \"10.1.2.10-10.1.2.20,10.1.2.30-10.1.2.40\"}");
    g_autoptr(json_t) facts = expect(&context, network);
    static const char *const wanted[] = {
        "--interface=lan",
        "--bind-interfaces",
        "--conf-file=/state/networks/lan/dnsmasq.raw",
        "--dhcp-leasefile=/state/networks/lan/dnsmasq.leases",
        "--dhcp-hostsfile=/state/networks/lan/dnsmasq.hosts",
        "--log-facility=/state/networks/lan/dnsmasq.log",
        "--user=dnsmasq",
        "--domain=example.test",
        "--local=/example.test/",
        "--interface-name=_gateway.example.test,lan",
        "--listen-address=10.1.2.1",
        "--listen-address=fd42::1",
        "--dhcp-option-force=3,10.1.2.9",
        "--dhcp-option-force=26,1400",
        "--dhcp-option-force=119,a.test,b.test",
        "--dhcp-range=10.1.2.10,10.1.2.20,30m",
        "--dhcp-range=10.1.2.30,10.1.2.40,30m",
        "--enable-ra",
        "--dhcp-range=::,constructor:lan,ra-stateless,ra-names",
        "--dhcp-ignore-names",
    };

    for (guint i = 0; i < G_N_ELEMENTS(wanted); i++)
        cr_assert(has_argument(facts, wanted[i]), "%s", wanted[i]);
    context_clear(&context);
}

Test(expect, server_variants)
{
    Context context = make_context("/state", NULL);
    g_autoptr(Object) plain = make_network(NULL, "lan", "{" FIXED "}");
    g_autoptr(Object) quiet =
        make_network(NULL, "lan",
                     "{" FIXED ", \"dns.mode\": \"none\", \"ipv4.dhcp\": \"false\","
                     " \"ipv6.dhcp\": \"false\", \"raw.dnsmasq\": \"no-hosts\"}");
    g_autoptr(Object) open = make_network(NULL, "lan",
                                          "{" FIXED ", \"dns.mode\": \"dynamic\","
                                          " \"ipv6.dhcp.stateful\": \"true\"}");
    g_autoptr(json_t) facts = expect(&context, plain);
    g_autoptr(json_t) quiet_facts = expect(&context, quiet);
    g_autoptr(json_t) open_facts = expect(&context, open);

    cr_assert(has_argument(facts, "--dhcp-range=10.1.2.2,10.1.2.254,1h"));
    cr_assert(has_argument(facts, "--domain=lxd"));
    cr_assert_not(has_prefix(facts, "--dhcp-option-force"));
    cr_assert_null(json_at(facts, "dnsmasq/raw"));
    cr_assert(has_argument(quiet_facts, "--dhcp-range=::,constructor:lan,ra-only"));
    cr_assert_not(has_prefix(quiet_facts, "--dhcp-range=10."));
    cr_assert_not(has_prefix(quiet_facts, "--domain"));
    cr_assert_str_eq(json_string_at(quiet_facts, "dnsmasq/raw"), "no-hosts");
    cr_assert(has_argument(open_facts, "--dhcp-range=fd42::2,fd42::ffff:ffff:ffff:ffff,64,1h"));
    cr_assert_not(has_argument(open_facts, "--dhcp-ignore-names"));
    context_clear(&context);
}

Test(expect, external_interfaces)
{
    Context context = make_context(
        "/state",
        host("{\"interfaces\": {\"eth1\": {\"addresses\": [], \"up\": false}, \"eth2\": "
             "{\"addresses\": "
             "[\"192.0.2.1/24\"], \"up\": true}, \"eth3\": {\"addresses\": [], \"up\": true, "
             "\"master\": \"other\"}}}"));
    g_autoptr(Object) good =
        make_network(NULL, "lan", "{" FIXED ", \"bridge.external_interfaces\": \"eth1,missing\"}");
    g_autoptr(Object) addressed =
        make_network(NULL, "lan", "{" FIXED ", \"bridge.external_interfaces\": \"eth2\"}");
    g_autoptr(Object) taken =
        make_network(NULL, "lan", "{" FIXED ", \"bridge.external_interfaces\": \"eth3\"}");
    g_autoptr(json_t) facts = expect(&context, good);
    g_autoptr(GError) error = NULL;

    assert_fact(facts, "ports", "{\"$down\":[\"eth1\"],\"eth1\":true}");
    cr_assert_null(NETWORK_DRIVER.expect(&context, addressed, NULL, &error));
    cr_assert_not_null(strstr(error->message, "eth2 has addresses"), "%s", error->message);
    g_clear_error(&error);
    cr_assert_null(NETWORK_DRIVER.expect(&context, taken, NULL, &error));
    cr_assert_not_null(strstr(error->message, "eth3 is a port of other"), "%s", error->message);
    context_clear(&context);
}

Test(expect, what_is_not_done_is_refused_by_name)
{
    static const char *const configs[] = {"{" FIXED ", \"bridge.driver\": \"openvswitch\"}",
                                          "{" FIXED ", \"bridge.mode\": \"fan\"}"};
    Context context = make_context("/state", NULL);

    for (guint i = 0; i < G_N_ELEMENTS(configs); i++) {
        g_autoptr(Object) network = make_network(NULL, "lan", configs[i]);
        g_autoptr(GError) error = NULL;

        cr_assert_null(NETWORK_DRIVER.expect(&context, network, NULL, &error));
        cr_assert(g_error_matches(error, BERTH_ERROR, ERR_UNSUPPORTED), "%s", error->message);
    }
    context_clear(&context);
}

/* --- leases --- */

static void assert_lease(const Context *context, const Object *network, const char *project,
                         const char *nic, const char *wanted)
{
    g_autoptr(Object) instance = object_new(KIND_INSTANCE, project, "", "web",
                                            json_pack("{s:{}, s:{}}", "config", "devices"), NULL);
    g_autoptr(json_t) device = host(nic);
    g_autoptr(json_t) fact =
        lease_expect(context, network, instance, "eth0", device, "00:16:3E:AA:BB:CC");
    g_autofree char *seen = fact != NULL ? json_text(fact) : g_strdup("absent");

    cr_assert_str_eq(seen, wanted);
}

Test(lease, texts)
{
    Context context = make_context("/state", NULL);
    g_autoptr(Object) managed = make_network(NULL, "lan", "{" FIXED "}");
    g_autoptr(Object) nameless = make_network(NULL, "lan", "{" FIXED ", \"dns.mode\": \"none\"}");
    g_autoptr(Object) silent =
        make_network(&context, "lan", "{\"ipv4.address\": \"none\", \"ipv6.address\": \"none\"}");

    assert_lease(&context, managed, "default", "{}",
                 "{\"file\":\"web.eth0\",\"network\":\"lan\",\"text\":\"00:16:3e:aa:bb:cc,web\"}");
    assert_lease(&context, managed, "default",
                 "{\"ipv4.address\": \"10.1.2.7\", \"ipv6.address\": \"fd42::7\"}",
                 "{\"file\":\"web.eth0\",\"network\":\"lan\","
                 "\"text\":\"00:16:3e:aa:bb:cc,10.1.2.7,[fd42::7],web\"}");
    assert_lease(&context, managed, "blue", "{\"ipv4.address\": \"none\"}",
                 "{\"file\":\"blue_web.eth0\",\"network\":\"lan\",\"text\":\"00:16:3e:aa:bb:cc,web."
                 "blue.lxd\"}");
    assert_lease(&context, nameless, "default", "{}", "absent");
    assert_lease(
        &context, nameless, "default", "{\"ipv4.address\": \"10.1.2.7\"}",
        "{\"file\":\"web.eth0\",\"network\":\"lan\",\"text\":\"00:16:3e:aa:bb:cc,10.1.2.7\"}");
    assert_lease(&context, silent, "default", "{}", "absent");
    context_clear(&context);
}
