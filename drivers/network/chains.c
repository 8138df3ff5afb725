#include "chains.h"

#include "network.h"
#include "settings.h"

/* ICMP and ICMPv6 types that a host needs to get from, and send to, its neighbours (NET-FW-05). */
static const int ICMP[] = {3, 11, 12, -1};
static const int ICMPV6_IN[] = {1, 2, 3, 4, 133, 135, 136, 143, -1};
static const int ICMPV6_OUT[] = {1, 2, 3, 4, 128, 134, 135, 136, 143, -1};

static void G_GNUC_PRINTF(2, 3) add(json_t *chain, const char *format, ...)
{
    g_autofree char *line = NULL;
    va_list args;

    va_start(args, format);
    line = g_strdup_vprintf(format, args);
    va_end(args);
    json_array_append_new(chain, json_string(line));
}

static json_t *chain_new(const char *hook)
{
    json_t *chain = json_array();

    json_array_append_new(chain, json_string(hook));
    return chain;
}

/* Keeps a chain under PREFIX.NETWORK unless it has nothing but its hook. */
static void keep_chain(json_t *chains, const char *prefix, const Object *network, json_t *chain)
{
    g_autofree char *name = g_strdup_printf("%s.%s", prefix, network->id.name);

    if (json_array_size(chain) > 1)
        json_object_set(chains, name, chain);
    json_decref(chain);
}

static const char *ip_word(const Family *family)
{
    return family->version == 4 ? "ip" : "ip6";
}

/* NET-FW-03 */
static void add_nat(json_t *chain, const Family *family)
{
    const char *ip = ip_word(family);
    g_autofree char *subnet = NULL;

    if (!family->present || !family->nat)
        return;
    subnet = subnet_network(&family->subnet);
    if (family->nat_address != NULL) {
        Subnet source;
        g_autofree char *address = subnet_parse(family->nat_address, &source)
                                       ? subnet_address(&source)
                                       : g_strdup(family->nat_address);

        add(chain, "%s saddr %s %s daddr != %s snat %s to %s", ip, subnet, ip, subnet, ip, address);
    } else {
        add(chain, "%s saddr %s %s daddr != %s masquerade", ip, subnet, ip, subnet);
    }
}

/* NET-FW-04, NET-BR-26: what crosses the boundary of the bridge. */
static void add_forward(json_t *chain, const Family *family, const char *name)
{
    const char *verdict = family->routing ? "accept" : "reject";

    if (!family->present || !family->firewall)
        return;
    add(chain, "meta nfproto ipv%d oifname \"%s\" %s", family->version, name, verdict);
    add(chain, "meta nfproto ipv%d iifname \"%s\" %s", family->version, name, verdict);
}

static void add_types(json_t *chain, const char *side, const char *name, const char *protocol,
                      const int *types)
{
    for (; *types >= 0; types++)
        add(chain, "%s \"%s\" %s type %d accept", side, name, protocol, *types);
}

/* NET-FW-05, NET-BR-20: DNS and DHCP as long as the server runs; ICMP where berth filters. */
static void add_service(json_t *chain, const Family *four, const Family *six, const char *name,
                        gboolean in)
{
    const char *side = in ? "iifname" : "oifname";
    const char *port = in ? "dport" : "sport";

    add(chain, "%s \"%s\" tcp %s 53 accept", side, name, port);
    add(chain, "%s \"%s\" udp %s 53 accept", side, name, port);
    if (four->present && four->dhcp) {
        if (four->firewall)
            add_types(chain, side, name, "icmp", ICMP);
        add(chain, "%s \"%s\" udp %s 67 accept", side, name, port);
    }
    if (six->present && six->dhcp) {
        if (six->firewall)
            add_types(chain, side, name, "icmpv6", in ? ICMPV6_IN : ICMPV6_OUT);
        add(chain, "%s \"%s\" udp %s 547 accept", side, name, port);
    }
}

json_t *chains_expect(const Object *network)
{
    const char *name = network->id.name;
    json_t *chains = json_object();
    json_t *nat = chain_new("type nat hook postrouting priority 100 policy accept");
    json_t *forward = chain_new("type filter hook forward priority 0 policy accept");
    json_t *in = chain_new("type filter hook input priority 0 policy accept");
    json_t *out = chain_new("type filter hook output priority 0 policy accept");
    Family four, six;

    settings_family(network, 4, &four);
    settings_family(network, 6, &six);
    add_nat(nat, &four);
    add_nat(nat, &six);
    add_forward(forward, &four, name);
    add_forward(forward, &six, name);
    if (network_has_server(network)) {
        add_service(in, &four, &six, name, TRUE);
        add_service(out, &four, &six, name, FALSE);
    }
    keep_chain(chains, "pstrt", network, nat);
    keep_chain(chains, "fwd", network, forward);
    keep_chain(chains, "in", network, in);
    keep_chain(chains, "out", network, out);
    return chains;
}

char **chains_names(const char *network)
{
    static const char *const prefixes[] = {"pstrt", "fwd", "in", "out"};
    char **names = g_new0(char *, G_N_ELEMENTS(prefixes) + 1);

    for (guint i = 0; i < G_N_ELEMENTS(prefixes); i++)
        names[i] = g_strdup_printf("%s.%s", prefixes[i], network);
    return names;
}
