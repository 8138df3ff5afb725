#include "ready.h"

static Readiness pool_ready(const json_t *facts, const json_t *expected, char **ret_reason)
{
    static const struct {
        const char *fact, *reason;
    } parts[] = {
        {"backing", "is not there"},
        {"mount", "is not mounted"},
        {"layout", "has not its folders"},
    };

    for (guint i = 0; i < G_N_ELEMENTS(parts); i++) {
        if (json_object_get(expected, parts[i].fact) != NULL &&
            json_object_get(facts, parts[i].fact) == NULL) {
            *ret_reason = g_strdup(parts[i].reason);
            return READY_NOT_YET;
        }
    }
    return READY_YES;
}

static Readiness network_ready(const json_t *facts, const json_t *expected, char **ret_reason)
{
    const json_t *addresses = json_object_get(facts, "addresses");
    const json_t *server = json_object_get(facts, "dnsmasq");
    const json_t *address;
    size_t i;

    if (!json_is_true(json_at(facts, "link/up"))) {
        *ret_reason = g_strdup("is not up");
        return READY_NOT_YET;
    }
    json_array_foreach (json_object_get(expected, "addresses"), i, address) {
        if (!json_has_text(addresses, json_string_value(address))) {
            *ret_reason = g_strdup_printf("has not its address %s", json_string_value(address));
            return READY_NOT_YET;
        }
    }
    if (json_object_get(expected, "dnsmasq") == NULL)
        return READY_YES;
    if (json_is_true(json_object_get(server, "running")) &&
        json_object_get(server, "leases") == NULL)
        return READY_YES;
    *ret_reason = g_strdup("has a DHCP and DNS server that does not answer");
    return READY_NOT_YET;
}

static Readiness ended_ready(const json_t *ended, char **ret_reason)
{
    const char *what = json_member_string(ended, "what");
    const json_t *number = json_object_get(ended, "signal");
    const json_t *status = json_object_get(ended, "status");

    if (g_strcmp0(what, "stopped") == 0)
        return READY_YES;
    if (g_strcmp0(what, "crashed") == 0) {
        *ret_reason = g_strdup_printf("crashed (%s %" JSON_INTEGER_FORMAT ")",
                                      number != NULL ? "signal" : "status",
                                      json_integer_value(number != NULL ? number : status));
        return READY_NEVER;
    }
    if (g_strcmp0(what, "lost") == 0) {
        *ret_reason = g_strdup("died with its monitor");
        return READY_NEVER;
    }
    *ret_reason = g_strdup("does not run");
    return READY_NOT_YET;
}

static Readiness instance_ready(const Object *object, const json_t *seen, gboolean to_run,
                                char **ret_reason)
{
    const char *wanted = json_string_at(seen, "expected/running/state");
    const char *state = json_string_at(seen, "facts/running/state");
    const char *name;
    json_t *nic;

    if (state == NULL && to_run && json_object_get(object->spec, "state") == NULL) {
        *ret_reason = g_strdup("does not run");
        return READY_NOT_YET;
    }
    if (wanted != NULL && state == NULL)
        return ended_ready(json_object_get(seen, "ended"), ret_reason);
    if (g_strcmp0(wanted, state) != 0) {
        *ret_reason = g_strdup_printf("is %s", state);
        return READY_NOT_YET;
    }
    if (g_strcmp0(state, "running") != 0)
        return READY_YES;
    json_object_foreach (json_object_get(seen, "nics"), name, nic) {
        if (json_object_get(nic, "address") == NULL) {
            *ret_reason = g_strdup_printf("has no address on network %s (%s)",
                                          json_member_string(nic, "network"), name);
            return READY_NOT_YET;
        }
    }
    return READY_YES;
}

Readiness ready_judge(const Object *object, const json_t *seen, const char *degraded,
                      gboolean to_run, char **ret_reason)
{
    const json_t *facts = json_object_get(seen, "facts");
    const json_t *expected = json_object_get(seen, "expected");

    *ret_reason = NULL;
    if (seen == NULL || degraded != NULL) {
        *ret_reason =
            seen == NULL ? g_strdup("is gone") : g_strdup_printf("is degraded: %s", degraded);
        return READY_NEVER;
    }
    if (facts == NULL) {
        *ret_reason = g_strdup_printf("cannot be looked at: %s", json_member_string(seen, "error"));
        return READY_NOT_YET;
    }
    switch (object->id.kind) {
    case KIND_POOL:
        return pool_ready(facts, expected, ret_reason);
    case KIND_NETWORK:
        return network_ready(facts, expected, ret_reason);
    case KIND_INSTANCE:
        return instance_ready(object, seen, to_run, ret_reason);
    default:
        return READY_YES;
    }
}
