#include "server_arguments.h"

#include <string.h>

#include "network.h"
#include "paths.h"
#include "settings.h"

char *server_file(const char *dir, const char *network, const char *name)
{
    g_autofree char *folder = path_network(dir, network);

    return g_strdup_printf("%s/dnsmasq.%s", folder, name);
}

static void G_GNUC_PRINTF(2, 3) add(json_t *arguments, const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list args;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    json_array_append_new(arguments, json_string(text));
}

static void add_general(json_t *arguments, const Context *context, const char *name)
{
    g_autofree char *raw = server_file(context->dir, name, "raw");
    g_autofree char *started = server_file(context->dir, name, "started");
    g_autofree char *log = server_file(context->dir, name, "log");
    const char *user = json_string_value(host_fact(context->host, "dnsmasq_user"));

    add(arguments, "--strict-order");
    add(arguments, "--bind-interfaces");
    add(arguments, "--except-interface=lo");
    add(arguments, "--interface=%s", name);
    /* A ping before each offer would hold up every container's start. */
    add(arguments, "--no-ping");
    add(arguments, "--quiet-dhcp");
    add(arguments, "--quiet-dhcp6");
    add(arguments, "--quiet-ra");
    add(arguments, "--conf-file=%s", raw);
    add(arguments, "--pid-file=%s", started);
    add(arguments, "--log-facility=%s", log);
    add(arguments, "--user=%s", user != NULL ? user : "nobody");
    add(arguments, "--group=nogroup");
}

/* Modes managed and dynamic answer for the domain and keep it from the upstream servers; in mode
 * managed no client's word about its own name counts (NET-BR-08, NET-BR-66). */
static void add_names(json_t *arguments, const Object *network)
{
    const char *domain = settings_domain(network);
    DnsMode mode = settings_dns_mode(network);

    if (mode != DNS_DYNAMIC)
        add(arguments, "--dhcp-ignore-names");
    if (mode == DNS_NONE)
        return;
    add(arguments, "--domain=%s", domain);
    add(arguments, "--local=/%s/", domain);
    add(arguments, "--interface-name=_gateway.%s,%s", domain, network->id.name);
}

static void add_leases(json_t *arguments, const Context *context, const Object *network)
{
    g_autofree char *leases = server_file(context->dir, network->id.name, "leases");
    g_autofree char *hosts = server_file(context->dir, network->id.name, "hosts");

    add(arguments, "--dhcp-no-override");
    add(arguments, "--dhcp-authoritative");
    add(arguments, "--dhcp-rapid-commit");
    add(arguments, "--dhcp-leasefile=%s", leases);
    add(arguments, "--dhcp-hostsfile=%s", hosts);
}

/* One --dhcp-range for each FIRST-LAST; `rest` follows the ends. */
static void add_ranges(json_t *arguments, const Family *family, const char *rest)
{
    g_auto(GStrv) ranges = type_items(family->ranges != NULL ? family->ranges : "");
    /* IPv4: the network, the bridge's usual place, ...; the last one is the broadcast address. */
    g_autofree char *first = subnet_nth(&family->subnet, 2);
    g_autofree char *last = subnet_nth(&family->subnet, family->version == 4 ? -2 : -1);

    if (*ranges == NULL)
        add(arguments, "--dhcp-range=%s,%s,%s", first, last, rest);
    for (char **range = ranges; *range != NULL; range++) {
        g_auto(GStrv) ends = g_strsplit(*range, "-", 2);

        if (g_strv_length(ends) == 2)
            add(arguments, "--dhcp-range=%s,%s,%s", g_strstrip(ends[0]), g_strstrip(ends[1]), rest);
    }
}

static void add_ipv4(json_t *arguments, const Object *network, const Family *four)
{
    g_autofree char *address = NULL;
    const char *search = object_config_or_default(network, "dns.search");

    if (!four->present)
        return;
    address = subnet_address(&four->subnet);
    add(arguments, "--listen-address=%s", address);
    if (!four->dhcp)
        return;
    if (four->gateway != NULL)
        add(arguments, "--dhcp-option-force=3,%s", four->gateway);
    if (network_mtu(network) != 1500)
        add(arguments, "--dhcp-option-force=26,%u", network_mtu(network));
    if (search != NULL && *search != '\0') {
        g_auto(GStrv) items = type_items(search);
        g_autofree char *joined = g_strjoinv(",", items);

        add(arguments, "--dhcp-option-force=119,%s", joined);
    }
    add_ranges(arguments, four, four->expiry);
}

static void add_ipv6(json_t *arguments, const Object *network, const Family *six)
{
    g_autofree char *address = NULL;

    if (!six->present)
        return;
    address = subnet_address(&six->subnet);
    add(arguments, "--listen-address=%s", address);
    add(arguments, "--enable-ra");
    if (six->dhcp && six->stateful) {
        g_autofree char *rest = g_strdup_printf("%u,%s", six->subnet.length, six->expiry);

        add_ranges(arguments, six, rest);
    } else if (six->dhcp) {
        add(arguments, "--dhcp-range=::,constructor:%s,ra-stateless,ra-names", network->id.name);
    } else {
        add(arguments, "--dhcp-range=::,constructor:%s,ra-only", network->id.name);
    }
}

json_t *server_expect(const Context *context, const Object *network)
{
    const char *raw = object_config(network, "raw.dnsmasq");
    json_t *fact, *arguments;
    Family four, six;

    if (!network_has_server(network))
        return NULL;
    settings_family(network, 4, &four);
    settings_family(network, 6, &six);
    arguments = json_array();
    add_general(arguments, context, network->id.name);
    add_names(arguments, network);
    add_leases(arguments, context, network);
    add_ipv4(arguments, network, &four);
    add_ipv6(arguments, network, &six);
    fact = json_pack("{s:b, s:o}", "running", TRUE, "arguments", arguments);
    if (raw != NULL && *raw != '\0')
        json_object_set_new(fact, "raw", json_string(raw));
    return fact;
}
