/* Types of network values: MACs, addresses, subnets, ranges, interface names. Parsing is GLib's. */
#include "type.h"

#include <gio/gio.h>
#include <string.h>

#include "error.h"
#include "row.h"

static const char *family_name(GSocketFamily family)
{
    return family == G_SOCKET_FAMILY_IPV4 ? "IPv4" : "IPv6";
}

/* An address of the family, or NULL. GLib would also take scopes ("fe80::1%eth0"), which mean
 * nothing in a host-wide file. */
static GInetAddress *parse_address(const char *text, GSocketFamily family)
{
    g_autoptr(GInetAddress) address = NULL;

    if (strchr(text, '%') != NULL)
        return NULL;
    address = g_inet_address_new_from_string(text);
    if (address == NULL || g_inet_address_get_family(address) != family)
        return NULL;
    return g_steal_pointer(&address);
}

static gboolean is_listed_word(const Row *row, const char *text)
{
    return row != NULL && row->values != NULL && g_strv_contains(row->values, text);
}

/* ", or one of none, auto" for messages of types that take words too. */
static char *word_hint(const Row *row)
{
    g_autofree char *words = NULL;

    if (row == NULL || row->values == NULL)
        return g_strdup("");
    words = g_strjoinv(" or ", (char **)row->values);
    return g_strdup_printf(", or %s", words);
}

static gboolean check_address(const Row *row, const char *text, GSocketFamily family,
                              GError **error)
{
    g_autoptr(GInetAddress) address = parse_address(text, family);
    g_autofree char *hint = NULL;

    if (address != NULL || is_listed_word(row, text))
        return TRUE;
    hint = word_hint(row);
    return error_set(error, ERR_INVALID, "\"%s\" is no %s address: write e.g. %s%s", text,
                     family_name(family), family == G_SOCKET_FAMILY_IPV4 ? "10.1.2.3" : "fd42::1",
                     hint);
}

static gboolean check_address4(const Row *row, const char *text, GError **error)
{
    return check_address(row, text, G_SOCKET_FAMILY_IPV4, error);
}

static gboolean check_address6(const Row *row, const char *text, GError **error)
{
    return check_address(row, text, G_SOCKET_FAMILY_IPV6, error);
}

static gboolean same_address(const char *a, const char *b)
{
    g_autoptr(GInetAddress) left = g_inet_address_new_from_string(a);
    g_autoptr(GInetAddress) right = g_inet_address_new_from_string(b);

    if (left == NULL || right == NULL)
        return strcmp(a, b) == 0;
    return g_inet_address_equal(left, right);
}

static gboolean check_nameserver(const Row *row, const char *text, GError **error)
{
    return strchr(text, ':') != NULL ? check_address6(row, text, error)
                                     : check_address4(row, text, error);
}

static gboolean check_nameservers(const Row *row, const char *text, GError **error)
{
    return type_check_items(row, text, check_nameserver, error);
}

static gboolean check_domain(const Row *row, const char *text, GError **error)
{
    gsize length = strlen(text);

    if (length <= 253 &&
        g_regex_match_simple(
            "^[a-z0-9_]([-a-z0-9_]{0,61}[a-z0-9_])?(\\.[a-z0-9_]([-a-z0-9_]{0,61}[a-z0-9_])?)*$",
            text, G_REGEX_CASELESS | G_REGEX_DOLLAR_ENDONLY, 0))
        return TRUE;
    return error_set(
        error, ERR_INVALID,
        "\"%s\" is no DNS domain: labels of letters, digits and '-', separated by dots", text);
}

static gboolean check_domains(const Row *row, const char *text, GError **error)
{
    return type_check_items(row, text, check_domain, error);
}

static gboolean check_addresses4(const Row *row, const char *text, GError **error)
{
    return type_check_items(row, text, check_address4, error);
}

static gboolean check_addresses6(const Row *row, const char *text, GError **error)
{
    return type_check_items(row, text, check_address6, error);
}

/* Splits ADDRESS/LENGTH. FALSE when the form is another or the length is too long for the family.
 */
static gboolean parse_cidr(const char *text, GSocketFamily family, GInetAddress **ret_address,
                           guint *ret_length)
{
    const char *slash = strchr(text, '/');
    g_autofree char *host = NULL;
    g_autoptr(GInetAddress) address = NULL;
    guint64 length;

    if (slash == NULL ||
        !g_ascii_string_to_unsigned(slash + 1, 10, 0, family == G_SOCKET_FAMILY_IPV4 ? 32 : 128,
                                    &length, NULL))
        return FALSE;
    host = g_strndup(text, (gsize)(slash - text));
    address = parse_address(host, family);
    if (address == NULL)
        return FALSE;
    *ret_address = g_steal_pointer(&address);
    *ret_length = (guint)length;
    return TRUE;
}

static gboolean check_cidr(const Row *row, const char *text, GSocketFamily family, GError **error)
{
    g_autoptr(GInetAddress) address = NULL;
    g_autofree char *hint = NULL;
    guint length;

    if (is_listed_word(row, text) || parse_cidr(text, family, &address, &length))
        return TRUE;
    hint = word_hint(row);
    return error_set(
        error, ERR_INVALID, "\"%s\" is no %s address with prefix length: write e.g. %s%s", text,
        family_name(family), family == G_SOCKET_FAMILY_IPV4 ? "10.1.2.1/24" : "fd42::1/64", hint);
}

static gboolean check_cidr4(const Row *row, const char *text, GError **error)
{
    return check_cidr(row, text, G_SOCKET_FAMILY_IPV4, error);
}

static gboolean check_cidr6(const Row *row, const char *text, GError **error)
{
    return check_cidr(row, text, G_SOCKET_FAMILY_IPV6, error);
}

static gboolean same_cidr(const char *a, const char *b)
{
    GSocketFamily family = strchr(a, ':') != NULL ? G_SOCKET_FAMILY_IPV6 : G_SOCKET_FAMILY_IPV4;
    g_autoptr(GInetAddress) left = NULL;
    g_autoptr(GInetAddress) right = NULL;
    guint left_length, right_length;

    if (!parse_cidr(a, family, &left, &left_length) ||
        !parse_cidr(b, family, &right, &right_length))
        return strcmp(a, b) == 0;
    return left_length == right_length && g_inet_address_equal(left, right);
}

static gboolean check_network(const char *text, GSocketFamily family, GError **error)
{
    g_autoptr(GInetAddress) address = NULL;
    g_autoptr(GInetAddressMask) mask = NULL;
    guint length;

    if (!parse_cidr(text, family, &address, &length))
        return error_set(error, ERR_INVALID, "\"%s\" is no %s network: write e.g. %s", text,
                         family_name(family),
                         family == G_SOCKET_FAMILY_IPV4 ? "10.1.2.0/24" : "fd42::/64");
    mask = g_inet_address_mask_new(address, length, NULL);
    if (mask != NULL)
        return TRUE;
    return error_set(error, ERR_INVALID,
                     "\"%s\" has address bits beyond its prefix length: a network has none", text);
}

static gboolean check_network4(const Row *row, const char *text, GError **error)
{
    return check_network(text, G_SOCKET_FAMILY_IPV4, error);
}

static gboolean check_network6(const Row *row, const char *text, GError **error)
{
    return check_network(text, G_SOCKET_FAMILY_IPV6, error);
}

static gboolean check_routes4(const Row *row, const char *text, GError **error)
{
    return type_check_items(row, text, check_network4, error);
}

static gboolean check_routes6(const Row *row, const char *text, GError **error)
{
    return type_check_items(row, text, check_network6, error);
}

/* Two lists are the same when their items are, one by one. */
static gboolean same_lists(const char *a, const char *b,
                           gboolean (*same)(const char *, const char *))
{
    g_auto(GStrv) left = type_items(a);
    g_auto(GStrv) right = type_items(b);
    guint count = g_strv_length(left);

    if (count != g_strv_length(right))
        return FALSE;
    for (guint i = 0; i < count; i++)
        if (!same(left[i], right[i]))
            return FALSE;
    return TRUE;
}

static gboolean same_cidrs(const char *a, const char *b)
{
    return same_lists(a, b, same_cidr);
}

static gboolean same_addresses(const char *a, const char *b)
{
    return same_lists(a, b, same_address);
}

static gboolean check_range(const char *text, GSocketFamily family, GError **error)
{
    g_auto(GStrv) ends = g_strsplit(text, "-", -1);
    g_autoptr(GInetAddress) first = NULL;
    g_autoptr(GInetAddress) last = NULL;

    if (g_strv_length(ends) == 2) {
        first = parse_address(ends[0], family);
        last = parse_address(ends[1], family);
    }
    if (first == NULL || last == NULL)
        return error_set(error, ERR_INVALID, "\"%s\" is no range of %s addresses: write FIRST-LAST",
                         text, family_name(family));
    if (memcmp(g_inet_address_to_bytes(first), g_inet_address_to_bytes(last),
               g_inet_address_get_native_size(first)) > 0)
        return error_set(error, ERR_INVALID, "the range \"%s\" runs backwards", text);
    return TRUE;
}

static gboolean check_range4(const Row *row, const char *text, GError **error)
{
    return check_range(text, G_SOCKET_FAMILY_IPV4, error);
}

static gboolean check_range6(const Row *row, const char *text, GError **error)
{
    return check_range(text, G_SOCKET_FAMILY_IPV6, error);
}

static gboolean check_ranges4(const Row *row, const char *text, GError **error)
{
    return type_check_items(row, text, check_range4, error);
}

static gboolean check_ranges6(const Row *row, const char *text, GError **error)
{
    return type_check_items(row, text, check_range6, error);
}

static gboolean same_range(const char *a, const char *b)
{
    g_auto(GStrv) left = g_strsplit(a, "-", 2);
    g_auto(GStrv) right = g_strsplit(b, "-", 2);

    if (g_strv_length(left) != 2 || g_strv_length(right) != 2)
        return strcmp(a, b) == 0;
    return same_address(left[0], right[0]) && same_address(left[1], right[1]);
}

static gboolean same_ranges(const char *a, const char *b)
{
    return same_lists(a, b, same_range);
}

static gboolean check_mac(const Row *row, const char *text, GError **error)
{
    if (!g_regex_match_simple("^([0-9a-f]{2}:){5}[0-9a-f]{2}$", text,
                              G_REGEX_CASELESS | G_REGEX_DOLLAR_ENDONLY, 0))
        return error_set(error, ERR_INVALID,
                         "\"%s\" is no MAC address: write e.g. 00:16:3e:12:34:56", text);
    if ((g_ascii_xdigit_value(text[1]) & 1) != 0)
        return error_set(error, ERR_INVALID,
                         "%s is a multicast address: the first byte of a MAC must be even", text);
    if (strcmp(text, "00:00:00:00:00:00") == 0)
        return error_set(error, ERR_INVALID, "a MAC address of zeros cannot be used");
    return TRUE;
}

static gboolean same_caseless(const char *a, const char *b)
{
    return g_ascii_strcasecmp(a, b) == 0;
}

static gboolean check_ifname(const Row *row, const char *text, GError **error)
{
    if (g_regex_match_simple("^[-_.a-zA-Z0-9]{2,15}$", text, G_REGEX_DOLLAR_ENDONLY, 0) &&
        strcmp(text, "..") != 0)
        return TRUE;
    return error_set(error, ERR_INVALID,
                     "\"%s\" is no interface name: 2 to 15 letters, digits, '-', '_' or '.'", text);
}

static gboolean check_duration(const Row *row, const char *text, GError **error)
{
    if (g_regex_match_simple("^([1-9][0-9]{0,8}[smhdw]?|infinite)$", text, G_REGEX_DOLLAR_ENDONLY,
                             0))
        return TRUE;
    return error_set(error, ERR_INVALID, "\"%s\" is no lease time: write e.g. 30m, 1h or infinite",
                     text);
}

static gboolean check_host_port(const Row *row, const char *text, GError **error)
{
    g_autoptr(GInetAddress) address = g_inet_address_new_from_string(text);
    g_autoptr(GSocketConnectable) host = NULL;

    /* A bare address (IPv6 without brackets too), or ":PORT" for all addresses, or HOST[:PORT]. */
    if (address != NULL)
        return TRUE;
    if (text[0] == ':') {
        guint64 port;

        if (g_ascii_string_to_unsigned(text + 1, 10, 1, 65535, &port, NULL))
            return TRUE;
    } else if (text[0] != '\0' && strpbrk(text, " /\t\n") == NULL) {
        host = g_network_address_parse(text, 1, NULL);
    }
    if (host != NULL)
        return TRUE;
    return error_set(
        error, ERR_INVALID,
        "\"%s\" is no listen address: write e.g. 192.0.2.1:8443, [2001:db8::1]:8443 or :8443",
        text);
}

static gboolean check_subnet(const Row *row, const char *text, GError **error)
{
    const char *colon = strchr(text, ':');

    if (is_listed_word(row, text))
        return TRUE;
    if (colon == NULL || colon == text)
        return error_set(error, ERR_INVALID, "\"%s\" names no uplink: write UPLINK:NETWORK/LENGTH",
                         text);
    return strchr(colon + 1, ':') != NULL ? check_network6(row, colon + 1, error)
                                          : check_network4(row, colon + 1, error);
}

static gboolean check_subnets(const Row *row, const char *text, GError **error)
{
    return type_check_items(row, text, check_subnet, error);
}

static gboolean check_proxy(const Row *row, const char *text, GError **error)
{
    g_autoptr(GRegex) regex = g_regex_new("^(tcp|udp):(\\[[0-9a-f:.]+\\]|[^:\\[\\]]+):[0-9]+(-[0-9]"
                                          "+)?(,[0-9]+(-[0-9]+)?)*$|^unix:(/|@).+$",
                                          G_REGEX_CASELESS | G_REGEX_DOLLAR_ENDONLY, 0, NULL);

    if (g_regex_match(regex, text, 0, NULL))
        return TRUE;
    return error_set(
        error, ERR_INVALID,
        "\"%s\" is no proxy address: write e.g. tcp:192.0.2.1:80, udp:[2001:db8::1]:53,60-70 or "
        "unix:/path",
        text);
}

static gboolean check_vlan(const Row *row, const char *text, GError **error)
{
    g_auto(GStrv) ends = g_strsplit(text, "-", -1);
    guint64 first, last;

    if (g_strv_length(ends) <= 2 &&
        g_ascii_string_to_unsigned(ends[0], 10, 1, 4094, &first, NULL) &&
        g_ascii_string_to_unsigned(ends[1] != NULL ? ends[1] : ends[0], 10, first, 4094, &last,
                                   NULL))
        return TRUE;
    return error_set(error, ERR_INVALID,
                     "\"%s\" is no VLAN: write ids from 1 to 4094 or ranges such as 10-20", text);
}

static gboolean check_vlans(const Row *row, const char *text, GError **error)
{
    return type_check_items(row, text, check_vlan, error);
}

STRING_TYPE(TYPE_MAC, "MAC address", check_mac, same_caseless,
            "{\"pattern\": \"^([0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}$\"}");
STRING_TYPE(TYPE_IPV4, "IPv4 address", check_address4, same_address, "{\"format\": \"ipv4\"}");
STRING_TYPE(TYPE_IPV6, "IPv6 address", check_address6, same_address, "{\"format\": \"ipv6\"}");
STRING_TYPE(TYPE_ADDRESS4, "IPv4 address", check_address4, same_address, NULL);
STRING_TYPE(TYPE_ADDRESS6, "IPv6 address", check_address6, same_address, NULL);
STRING_TYPE(TYPE_ADDRESSES4, "comma list of IPv4 addresses", check_addresses4, same_addresses,
            NULL);
STRING_TYPE(TYPE_ADDRESSES6, "comma list of IPv6 addresses", check_addresses6, same_addresses,
            NULL);
STRING_TYPE(TYPE_ADDRESS, "address", check_nameserver, same_address, NULL);
STRING_TYPE(TYPE_DOMAIN, "DNS domain", check_domain, same_caseless, NULL);
STRING_TYPE(TYPE_DOMAINS, "comma list of DNS domains", check_domains, type_same_items, NULL);
STRING_TYPE(TYPE_NAMESERVERS, "comma list of addresses", check_nameservers, same_addresses, NULL);
STRING_TYPE(TYPE_CIDR4, "IPv4 address with prefix length", check_cidr4, same_cidr, NULL);
STRING_TYPE(TYPE_CIDR6, "IPv6 address with prefix length", check_cidr6, same_cidr, NULL);
STRING_TYPE(TYPE_ROUTES4, "comma list of IPv4 networks", check_routes4, same_cidrs, NULL);
STRING_TYPE(TYPE_ROUTES6, "comma list of IPv6 networks", check_routes6, same_cidrs, NULL);
STRING_TYPE(TYPE_RANGES4, "comma list of IPv4 ranges", check_ranges4, same_ranges, NULL);
STRING_TYPE(TYPE_RANGES6, "comma list of IPv6 ranges", check_ranges6, same_ranges, NULL);
STRING_TYPE(TYPE_SUBNETS, "comma list of UPLINK:NETWORK", check_subnets, type_same_items, NULL);
STRING_TYPE(TYPE_IFNAME, "interface name", check_ifname, NULL,
            "{\"pattern\": \"^[-_.a-zA-Z0-9]{2,15}$\"}");
STRING_TYPE(TYPE_DURATION, "lease time", check_duration, NULL,
            "{\"pattern\": \"^([1-9][0-9]*[smhdw]?|infinite)$\"}");
STRING_TYPE(TYPE_HOST_PORT, "listen address", check_host_port, NULL, NULL);
STRING_TYPE(TYPE_PROXY, "proxy address", check_proxy, NULL,
            "{\"pattern\": \"^(tcp|udp|unix):.+$\"}");
STRING_TYPE(TYPE_VLANS, "comma list of VLANs", check_vlans, type_same_items, NULL);
