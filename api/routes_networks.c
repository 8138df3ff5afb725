/* What networks do at the moment (API-197, API-198). */
#include <string.h>

#include "answer.h"
#include "call.h"
#include "error.h"
#include "expand.h"
#include "file.h"
#include "resources/link_state.h"
#include "wire.h"

#define LEASES_MAX (16u << 20)

static gboolean state(Call *call, GError **error)
{
    json_t *found = link_state(call->words[0], error);

    if (found == NULL)
        return FALSE;
    answer_sync(call->request, 200, found, NULL);
    return TRUE;
}

static void add_lease(json_t *leases, const char *hostname, const char *mac, const char *address,
                      const char *type)
{
    json_array_append_new(leases,
                          json_pack("{s:s, s:s, s:s, s:s, s:s}", "hostname", hostname, "hwaddr",
                                    mac, "address", address, "type", type, "location", "none"));
}

/* The network's own addresses. */
static void add_gateway(json_t *leases, const Object *network)
{
    static const char *const keys[] = {"ipv4.address", "ipv6.address"};
    g_autofree char *hostname = g_strdup_printf("%s.gw", network->id.name);
    g_autoptr(json_t) config = wire_config(network);

    for (guint i = 0; i < G_N_ELEMENTS(keys); i++) {
        const char *address = json_member_string(config, keys[i]);
        g_autofree char *bare = NULL;

        if (address == NULL || strchr(address, '/') == NULL)
            continue;
        bare = g_strndup(address, strcspn(address, "/"));
        add_lease(leases, hostname, "", bare, "gateway");
    }
}

/* What NICs on the network are configured to have. `ret_static` gets their addresses. */
static void add_static(json_t *leases, const Call *call, const char *network,
                       const Object *instance, GHashTable *ret_static)
{
    static const char *const families[] = {"ipv4.address", "ipv6.address"};
    g_auto(Expanded) expanded = {0};
    const char *device;
    json_t *nic;

    expand_instance(call->model, instance, &expanded);
    json_object_foreach (expanded.devices, device, nic) {
        g_autofree char *key = g_strdup_printf("volatile.%s.hwaddr", device);
        const char *given = json_member_string(nic, "hwaddr");
        const char *mac = given != NULL ? given : json_member_string(expanded.config, key);

        if (g_strcmp0(json_member_string(nic, "network"), network) != 0 &&
            g_strcmp0(json_member_string(nic, "parent"), network) != 0)
            continue;
        for (guint i = 0; i < G_N_ELEMENTS(families); i++) {
            const char *address = json_member_string(nic, families[i]);

            if (address == NULL || strcmp(address, "none") == 0)
                continue;
            add_lease(leases, instance->id.name, mac != NULL ? mac : "", address, "static");
            g_hash_table_add(ret_static, g_strdup(address));
        }
    }
}

/* MAC address within a DUID of a link-layer address, which IPv6 leases have instead of one (RFC
 * 8415, 11.2 and 11.4); "" for the others. Newly allocated. */
static char *mac_of_duid(const char *duid)
{
    gboolean timed = g_str_has_prefix(duid, "00:01:00:01:");
    gsize skip = timed ? strlen("00:01:00:01:tt:tt:tt:tt:") : strlen("00:03:00:01:");

    return (timed || g_str_has_prefix(duid, "00:03:00:01:")) && strlen(duid) > skip
               ? g_strdup(duid + skip)
               : g_strdup("");
}

/* Lines of dnsmasq: "EXPIRY MAC ADDRESS NAME ID"; for IPv6, after a line "duid ...", "EXPIRY IAID
 * ADDRESS NAME DUID". */
static void add_dynamic(json_t *leases, const char *text, GHashTable *fixed)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

    for (char **line = lines; *line != NULL; line++) {
        g_auto(GStrv) words = g_strsplit(*line, " ", 5);
        g_autofree char *mac = NULL;

        if (g_strv_length(words) != 5 || g_hash_table_contains(fixed, words[2]))
            continue;
        mac = strchr(words[2], ':') != NULL ? mac_of_duid(words[4]) : g_strdup(words[1]);
        add_lease(leases, strcmp(words[3], "*") != 0 ? words[3] : "", mac, words[2], "dynamic");
    }
}

static gboolean leases(Call *call, GError **error)
{
    const Object *network = call_object(call, KIND_NETWORK, call->words[0], error);
    g_autoptr(GHashTable) fixed = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autofree char *path = NULL;
    g_autofree char *text = NULL;
    json_t *found;

    if (network == NULL)
        return FALSE;
    path =
        g_build_filename(call->daemon->dir, "networks", network->id.name, "dnsmasq.leases", NULL);
    found = json_array();
    add_gateway(found, network);
    for (guint i = 0; i < snapshot_size(call->model); i++) {
        const Object *object = snapshot_at(call->model, i);

        /* Other projects on the same network stay out of sight (AUTH-49). */
        if (object->id.kind == KIND_INSTANCE &&
            strcmp(call_project_for(call, KIND_NETWORK), network->id.project) == 0 &&
            caller_may_use(call->caller, object->id.project))
            add_static(found, call, network->id.name, object, fixed);
    }
    if (file_read(path, LEASES_MAX, &text, NULL, NULL) && caller_may_use(call->caller, "default"))
        add_dynamic(found, text, fixed);
    answer_sync(call->request, 200, found, NULL);
    return TRUE;
}

const Route ROUTES_NETWORKS[] = {
    {"GET", "networks/*/state", ACCESS_PROJECT, 0, state},
    {"GET", "networks/*/leases", ACCESS_PROJECT, 0, leases},
    {0},
};
