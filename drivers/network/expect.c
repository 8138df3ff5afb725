#include "expect.h"

#include <string.h>

#include "chains.h"
#include "error.h"
#include "network.h"
#include "server_arguments.h"
#include "settings.h"
#include "text.h"

/* What this driver does not do is refused here, whatever the tables say of it. */
static gboolean check_supported(const Object *object, GError **error)
{
    const char *type = json_member_string(object->spec, "type");
    const char *driver = object_config_or_default(object, "bridge.driver");
    const char *mode = object_config_or_default(object, "bridge.mode");
    const char *name = object->id.name;

    /* The kernel keeps parameters for all and for new interfaces under these names. */
    if (strcmp(name, "all") == 0 || strcmp(name, "default") == 0)
        return error_set(error, ERR_INVALID,
                         "network %s: no interface can have this name: choose another one", name);
    if (type != NULL && strcmp(type, "bridge") != 0)
        return error_set(error, ERR_UNSUPPORTED,
                         "network %s: type %s is not supported by this build", name, type);
    if (driver != NULL && strcmp(driver, "native") != 0)
        return error_set(error, ERR_UNSUPPORTED,
                         "network %s: config.bridge.driver: %s is not supported by this build",
                         name, driver);
    if (mode != NULL && strcmp(mode, "standard") != 0)
        return error_set(error, ERR_UNSUPPORTED,
                         "network %s: config.bridge.mode: %s is not supported by this build", name,
                         mode);
    return TRUE;
}

/* A sorted JSON list of texts without doubles. */
static json_t *sorted_list(GPtrArray *texts)
{
    json_t *list = json_array();

    g_ptr_array_sort(texts, text_compare);
    for (guint i = 0; i < texts->len; i++) {
        if (i == 0 || strcmp(g_ptr_array_index(texts, i - 1), g_ptr_array_index(texts, i)) != 0)
            json_array_append_new(list, json_string(g_ptr_array_index(texts, i)));
    }
    return list;
}

void network_keep(json_t *facts, const char *name, json_t *value)
{
    if (value != NULL && (json_array_size(value) > 0 || json_object_size(value) > 0))
        json_object_set(facts, name, value);
    json_decref(value);
}

static json_t *expect_link(const Object *network)
{
    g_autofree char *mac = g_ascii_strdown(settings_mac(network), -1);

    return json_pack("{s:s, s:s, s:i, s:b}", "kind", "bridge", "mac", mac, "mtu",
                     (int)network_mtu(network), "up", TRUE);
}

/* NET-BR-63; nothing where the kernel has no IPv6 at all. */
static json_t *expect_sysctl(const Context *context, const Family *six)
{
    if (g_strcmp0(json_string_value(host_fact(context->host, "ipv6")), "none") == 0)
        return NULL;
    return json_pack("{s:s, s:s, s:s}", "ipv6.accept_dad", "0", "ipv6.autoconf", "0",
                     "ipv6.disable_ipv6", six->present ? "0" : "1");
}

/* The families that the host is to forward for it: {"ipv4": true, "ipv6": true}, as wanted. */
static json_t *network_forwarding(const Object *network)
{
    json_t *forwarding = json_object();

    for (int version = 4; version <= 6; version += 2) {
        g_autofree char *name = g_strdup_printf("ipv%d", version);
        Family family;

        settings_family(network, version, &family);
        if (family.present && family.routing)
            json_object_set_new(forwarding, name, json_true());
    }
    return forwarding;
}

static json_t *expect_addresses(const Family *four, const Family *six)
{
    g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func(g_free);

    if (four->present)
        g_ptr_array_add(list, subnet_cidr(&four->subnet));
    if (six->present)
        g_ptr_array_add(list, subnet_cidr(&six->subnet));
    return sorted_list(list);
}

static void add_routes(GPtrArray *list, const Family *family)
{
    g_auto(GStrv) items = type_items(family->routes != NULL ? family->routes : "");

    for (char **item = items; *item != NULL; item++) {
        Subnet subnet;

        if (subnet_parse(*item, &subnet))
            g_ptr_array_add(list, subnet_network(&subnet));
    }
}

/* NET-BR-25, NET-BR-36 */
static json_t *expect_routes(const Family *four, const Family *six)
{
    g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func(g_free);

    add_routes(list, four);
    add_routes(list, six);
    return sorted_list(list);
}

static gboolean check_port(const Object *network, const char *port, const json_t *interface,
                           GError **error)
{
    const char *master = json_member_string(interface, "master");

    if (master != NULL && strcmp(master, network->id.name) != 0)
        return error_set(
            error, ERR_REFUSED,
            "network %s: config.bridge.external_interfaces: %s is a port of %s already",
            network->id.name, port, master);
    if (json_array_size(json_object_get(interface, "addresses")) > 0)
        return error_set(error, ERR_REFUSED,
                         "network %s: config.bridge.external_interfaces: %s has addresses; only an "
                         "interface without "
                         "any can become a port",
                         network->id.name, port);
    return TRUE;
}

/* NET-BR-03: those that the host has; one that is missing is skipped with a warning. "$down" names
 * those that were down before. */
static gboolean expect_ports(const Context *context, const Object *network, json_t *facts,
                             GError **error)
{
    const char *text = object_config(network, "bridge.external_interfaces");
    g_auto(GStrv) items = type_items(text != NULL ? text : "");
    g_autoptr(json_t) ports = json_object();
    g_autoptr(json_t) down = json_array();

    for (char **item = items; *item != NULL; item++) {
        json_t *interface = json_object_get(host_fact(context->host, "interfaces"), *item);

        if (interface == NULL) {
            driver_remark(facts,
                          "config.bridge.external_interfaces: the host has no interface %s; it "
                          "becomes a port at the first apply after it came",
                          *item);
            continue;
        }
        if (!check_port(network, *item, interface, error))
            return FALSE;
        json_object_set_new(ports, *item, json_true());
        if (json_is_false(json_object_get(interface, "up")))
            json_array_append_new(down, json_string(*item));
    }
    if (json_object_size(ports) > 0 && json_array_size(down) > 0)
        json_object_set(ports, "$down", down);
    network_keep(facts, "ports", g_steal_pointer(&ports));
    return TRUE;
}

/* NET-BR-26: it is rules that keep traffic in. */
static void remark_routing(json_t *facts, const Family *family)
{
    if (family->present && !family->routing && !family->firewall)
        driver_remark(facts,
                      "config.ipv%d.routing: false has no effect while ipv%d.firewall is false: "
                      "berth makes no rules that could keep traffic in",
                      family->version, family->version);
}

json_t *network_expect(const Context *context, const Object *object, const json_t *observed,
                       GError **error)
{
    g_autoptr(json_t) facts = json_object();
    Family four, six;

    if (!check_supported(object, error))
        return NULL;
    if (settings_mac(object) == NULL) {
        error_set(error, ERR_FAILED, "network %s: no MAC address was drawn for it",
                  object->id.name);
        return NULL;
    }
    settings_family(object, 4, &four);
    settings_family(object, 6, &six);
    if (six.present &&
        g_strcmp0(json_string_value(host_fact(context->host, "ipv6")), "none") == 0) {
        error_set(error, ERR_REFUSED,
                  "network %s: config.ipv6.address: the kernel has no IPv6: set it to \"none\"",
                  object->id.name);
        return NULL;
    }
    remark_routing(facts, &four);
    remark_routing(facts, &six);
    json_object_set_new(facts, "folder", json_true());
    network_keep(facts, "link", expect_link(object));
    network_keep(facts, "sysctl", expect_sysctl(context, &six));
    network_keep(facts, "forwarding", network_forwarding(object));
    network_keep(facts, "addresses", expect_addresses(&four, &six));
    network_keep(facts, "routes", expect_routes(&four, &six));
    if (!expect_ports(context, object, facts, error))
        return NULL;
    network_keep(facts, "firewall", chains_expect(object));
    network_keep(facts, "dnsmasq", server_expect(context, object));
    return g_steal_pointer(&facts);
}
