#include "kind_rows.h"

#include <string.h>

#include "error.h"
#include "validate.h"

static gboolean check_voters(const Row *row, const char *text, GError **error)
{
    gint64 number;

    if (g_ascii_string_to_signed(text, 10, 3, G_MAXINT32, &number, NULL) && number % 2 == 1)
        return TRUE;
    return error_set(error, ERR_INVALID, "\"%s\" is not allowed: write an odd number from 3 on",
                     text);
}

static gboolean check_replicas(const Row *row, const char *text, GError **error)
{
    gint64 number;

    if (g_ascii_string_to_signed(text, 10, -1, G_MAXINT32, &number, NULL) && number != 0)
        return TRUE;
    return error_set(error, ERR_INVALID,
                     "\"%s\" is not allowed: write a count from 1 on, or -1 for all members", text);
}

static gboolean check_volume(const Row *row, const char *text, GError **error)
{
    const char *slash = strchr(text, '/');

    if (slash != NULL && slash != text && slash[1] != '\0' && strchr(slash + 1, '/') == NULL)
        return TRUE;
    return error_set(error, ERR_INVALID, "\"%s\" names no volume: write POOL/VOLUME", text);
}

/* http, or https, and a host. */
static gboolean check_web_url(const Row *row, const char *text, GError **error)
{
    g_autoptr(GUri) uri = g_uri_parse(text, G_URI_FLAGS_NONE, NULL);
    const char *scheme = uri != NULL ? g_uri_get_scheme(uri) : NULL;

    if ((g_strcmp0(scheme, "http") == 0 || g_strcmp0(scheme, "https") == 0) &&
        g_uri_get_host(uri) != NULL && *g_uri_get_host(uri) != '\0')
        return TRUE;
    return error_set(error, ERR_INVALID, "\"%s\" is no address: write https://HOST/PATH", text);
}

static gboolean check_conditions(const Row *row, const char *text, GError **error)
{
    static const char *const known[] = {"Ready", "Stalled", "Drifted", "Degraded", NULL};
    g_auto(GStrv) items = type_items(text);

    for (char **item = items; *item != NULL; item++)
        if (!g_strv_contains(known, *item))
            return error_set(error, ERR_INVALID,
                             "\"%s\" is not told of: one of Ready, Stalled, Drifted and Degraded",
                             *item);
    return TRUE;
}

static const Type TYPE_WEB_URL = {
    .name = "web address", .shape = SHAPE_STRING, .check = check_web_url};
static const Type TYPE_CONDITIONS = {
    .name = "list of conditions", .shape = SHAPE_STRING, .check = check_conditions};
static const Type TYPE_VOTERS = {
    .name = "odd integer", .shape = SHAPE_STRING, .check = check_voters};
static const Type TYPE_REPLICAS = {
    .name = "integer", .shape = SHAPE_STRING, .check = check_replicas};
static const Type TYPE_VOLUME = {
    .name = "POOL/VOLUME",
    .shape = SHAPE_STRING,
    .check = check_volume,
    .schema = "{\"pattern\": \"^[^/]+/[^/]+$\"}",
};

/* Keys that only a cluster, a remote service or a part of the daemon that this build lacks would
 * consult are known and refused. */
static const Row config[] = {
    ROW("backups.compression_algorithm", COMPRESSION, "gzip", 0, NONE, 0, "SV-13",
        "Compression of new backups; stored only: there are none yet."),
    ROW("berth.notify.conditions", CONDITIONS, NULL, 0, LIVE, 0, "EN-48",
        "Conditions whose changes are told, such as \"Drifted, Degraded\"; all when unset."),
    ROW("berth.notify.secret", STRING, NULL, 0, LIVE, SECRET, "EN-48",
        "Signs what is told: X-Berth-Signature is sha256= and the HMAC of the body."),
    ROW("berth.notify.url", WEB_URL, NULL, 0, LIVE, 0, "EN-48",
        "Changes of conditions are posted here as JSON; tried again while it fails."),
    ROW("candid.api.key", STRING, NULL, 0, LIVE, REFUSED, "SV-14",
        "Public key of the Candid server."),
    ROW("candid.api.url", STRING, NULL, 0, LIVE, REFUSED, "SV-15", "Address of the Candid server."),
    ROW("candid.domains", COMMAS, NULL, 0, LIVE, REFUSED, "SV-16",
        "Candid domains that are let in; all when unset."),
    ROW("candid.expiry", INT, "3600", 0, LIVE, REFUSED, "SV-17",
        "Life of a Candid login, in seconds.", BOUNDS(0, G_MAXINT32)),
    ROW("cluster.https_address", HOST_PORT, NULL, 0, LIVE, REFUSED | LOCAL, "SV-18",
        "Address for cluster traffic."),
    ROW("cluster.images_minimal_replica", REPLICAS, "3", 0, LIVE, REFUSED, "SV-19",
        "Members that hold a copy of an image; -1 for all."),
    ROW("cluster.max_standby", INT, "2", 0, LIVE, REFUSED, "SV-20",
        "Stand-by members of the database, 0 to 5.", BOUNDS(0, 5)),
    ROW("cluster.max_voters", VOTERS, "3", 0, LIVE, REFUSED, "SV-21",
        "Voting members of the database, odd."),
    ROW("cluster.offline_threshold", INT, "20", 0, LIVE, REFUSED, "SV-22",
        "Seconds of silence until a member counts as offline.", BOUNDS(11, G_MAXINT32)),
    ROW("core.bgp_address", HOST_PORT, NULL, 0, LIVE, REFUSED | LOCAL, "SV-23",
        "Address of the BGP speaker."),
    ROW("core.bgp_asn", INT, "0", 0, LIVE, REFUSED, "SV-24", "Own AS number; 0 is off.",
        BOUNDS(0, 4294967294)),
    ROW("core.bgp_routerid", IPV4, NULL, 0, LIVE, REFUSED | LOCAL, "SV-25",
        "BGP identifier, written as IPv4 address."),
    ROW("core.debug_address", HOST_PORT, NULL, 0, LIVE, REFUSED | LOCAL, "SV-26",
        "Address of the profiling server."),
    ROW("core.dns_address", HOST_PORT, NULL, 0, LIVE, REFUSED | LOCAL, "SV-27",
        "Address of the DNS server for zones."),
    ROW("core.https_address", HOST_PORT, NULL, 0, LIVE, LOCAL, "SV-28",
        "Address of the API over TLS."),
    ROW("core.https_allowed_credentials", BOOL, NULL, 0, LIVE, 0, "SV-29",
        "Access-Control-Allow-Credentials of answers."),
    ROW("core.https_allowed_headers", STRING, NULL, 0, LIVE, 0, "SV-30",
        "Access-Control-Allow-Headers of answers."),
    ROW("core.https_allowed_methods", STRING, NULL, 0, LIVE, 0, "SV-31",
        "Access-Control-Allow-Methods of answers."),
    ROW("core.https_allowed_origin", STRING, NULL, 0, LIVE, 0, "SV-32",
        "Access-Control-Allow-Origin of answers."),
    ROW("core.https_trusted_proxy", NAMESERVERS, NULL, 0, LIVE, 0, "SV-33",
        "Proxies whose word about the client's address is believed."),
    ROW("core.metrics_address", HOST_PORT, NULL, 0, LIVE, LOCAL, "SV-34",
        "Address of the metrics listener."),
    ROW("core.metrics_authentication", BOOL, "true", 0, LIVE, 0, "SV-35",
        "Metrics need a client certificate."),
    ROW("core.proxy_http", STRING, NULL, 0, LIVE, 0, "SV-62",
        "Proxy for outgoing HTTP, such as notes to berth.notify.url."),
    ROW("core.proxy_https", STRING, NULL, 0, LIVE, 0, "SV-36",
        "Proxy for outgoing HTTPS; what the environment says when unset."),
    ROW("core.proxy_ignore_hosts", STRING, NULL, 0, LIVE, 0, "SV-63",
        "Hosts that are reached without a proxy, parted by commas."),
    ROW("core.shutdown_timeout", INT, "5", 0, LIVE, 0, "SV-38",
        "Minutes to wait for running operations before the daemon goes down.",
        BOUNDS(0, G_MAXINT32)),
    ROW("core.trust_ca_certificates", BOOL, NULL, 0, LIVE, 0, "SV-39",
        "Trust clients whose certificate the CA has signed."),
    ROW("core.trust_password", STRING, NULL, 0, LIVE, SECRET, "SV-40",
        "Password that enrols new clients."),
    ROW("images.auto_update_cached", BOOL, "true", 0, NONE, 0, "SV-41",
        "Keep images that instances brought along by name up to date."),
    ROW("images.auto_update_interval", INT, "6", 0, NONE, 0, "SV-42",
        "Hours between looks for newer images; 0 is never.", BOUNDS(0, G_MAXINT32)),
    ROW("images.compression_algorithm", COMPRESSION, "gzip", 0, NONE, 0, "SV-43",
        "Compression of new images."),
    ROW("images.default_architecture", ARCHITECTURE, NULL, 0, NONE, 0, "SV-44",
        "Architecture of new instances in a mixed cluster; stored only: there is one host."),
    ROW("images.remote_cache_expiry", INT, "10", 0, NONE, 0, "SV-45",
        "Days until a cached image is dropped that no new instance was made from; 0 is never.",
        BOUNDS(0, G_MAXINT32)),
    ROW("instances.nic.host_name", ENUM, "random", 0, NONE, 0, "SV-37",
        "How the host's ends of NICs that are made from then on are named: random, or after the "
        "MAC.",
        WORDS("random", "mac")),
    ROW("maas.api.key", STRING, NULL, 0, LIVE, REFUSED | SECRET, "SV-46", "API key for MAAS."),
    ROW("maas.api.url", STRING, NULL, 0, LIVE, REFUSED, "SV-47", "Address of the MAAS server."),
    ROW("maas.machine", STRING, NULL, 0, LIVE, REFUSED | LOCAL, "SV-48",
        "Name of this host in MAAS; its hostname when unset."),
    ROW("network.ovn.integration_bridge", STRING, "br-int", 0, LIVE, REFUSED, "SV-49",
        "OVN integration bridge."),
    ROW("network.ovn.northbound_connection", STRING, "unix:/var/run/ovn/ovnnb_db.sock", 0, LIVE,
        REFUSED, "SV-50", "Connection to the OVN northbound database."),
    ROW("rbac.agent.private_key", STRING, NULL, 0, LIVE, REFUSED | SECRET, "SV-51",
        "Private key of the RBAC agent."),
    ROW("rbac.agent.public_key", STRING, NULL, 0, LIVE, REFUSED, "SV-52",
        "Public key of the RBAC agent."),
    ROW("rbac.agent.url", STRING, NULL, 0, LIVE, REFUSED, "SV-53", "Address of the RBAC agent."),
    ROW("rbac.agent.username", STRING, NULL, 0, LIVE, REFUSED, "SV-54", "User of the RBAC agent."),
    ROW("rbac.api.expiry", INT, NULL, 0, LIVE, REFUSED, "SV-55",
        "Life of an RBAC login, in seconds.", BOUNDS(0, G_MAXINT32)),
    ROW("rbac.api.key", STRING, NULL, 0, LIVE, REFUSED, "SV-56", "Public key of the RBAC server."),
    ROW("rbac.api.url", STRING, NULL, 0, LIVE, REFUSED, "SV-57", "Address of the RBAC server."),
    ROW("rbac.expiry", INT, "3600", 0, LIVE, REFUSED, "SV-64", "Other spelling of rbac.api.expiry.",
        BOUNDS(0, G_MAXINT32)),
    ROW("storage.backups_volume", VOLUME, NULL, 0, LIVE, REFUSED | LOCAL, "SV-59",
        "Volume that holds backups."),
    ROW("storage.images_volume", VOLUME, NULL, 0, LIVE, REFUSED | LOCAL, "SV-60",
        "Volume that holds images."),
    USER_ROW("SV-01"),
    ROW_END,
};

static const Row fields[] = {META_ROWS, ROW_END};

static gboolean has_prefix(const json_t *map, const char *prefix)
{
    const char *key;
    json_t *value;

    json_object_foreach ((json_t *)map, key, value)
        if (g_str_has_prefix(key, prefix))
            return TRUE;
    return FALSE;
}

/* SV-58. */
static void check(const Snapshot *snapshot, const Object *object, Problems *problems)
{
    const json_t *values = json_object_get(object->spec, "config");

    if (has_prefix(values, "candid.") && has_prefix(values, "rbac."))
        problem_add(problems, PROBLEM_ERROR, object, "config",
                    "holds candid.* and rbac.* keys: use one of them");
}

const Kind SERVER_KIND = {
    .id = KIND_SERVER,
    .name = "server",
    .plural = "config",
    .title = "server",
    .api = "",
    .flags = KIND_SINGLETON | KIND_CONFIG,
    .fields = fields,
    .config = config,
    .check = check,
};
