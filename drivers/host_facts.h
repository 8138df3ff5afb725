/* What pure code may know of the host as a whole. A fact is looked at when somebody first asks for
 * it and stays what it was then: no plan pays for what none of its objects need, and all of it sees
 * the same host. Safe to use from several threads. */
#pragma once

#include "json.h"

typedef struct Host Host;

/* A fact that a driver can tell. */
typedef struct {
    const char *name;
    json_t *(*look)(GError **error); /* read-only; a new reference, NULL with an error */
} HostFact;

typedef struct HostFacts HostFacts;

/* Nothing is looked at yet. `host` is borrowed. */
HostFacts *host_facts_new(Host *host);
/* Facts {NAME: value} that are known; takes the reference. For tests of pure code. */
HostFacts *host_facts_of(json_t *values);
void host_facts_free(HostFacts *facts);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HostFacts, host_facts_free)

/* A fact, borrowed:
 *   cpus             [n...] that containers may use
 *   memory           bytes
 *   architectures    [name...], its own first
 *   storage_drivers  [name...]
 *   interfaces       {NAME: {"addresses": [cidr...], "master": NAME?, "ours": bool, "up": bool}},
 *                    neither lo nor of instances
 *   routes           [cidr...], neither default routes nor ours
 *   ipv6             "on", "off" (by default, on new interfaces) or "none" (the kernel has none)
 *   dnsmasq_user     whom DHCP servers run as
 *   ids              {"uid": [base, size], "gid": [base, size]} or {"error": why}
 *   cgroup           {CONTROLLER: "v1"|"v2"}
 *   apparmor         bool: the kernel confines by it
 * NULL when it cannot be looked at, of which host_facts_hold tells, when the host has no such fact,
 * or of no facts (NULL). */
const json_t *host_fact(HostFacts *facts, const char *name);

/* FALSE with the error of the first look that failed: what was made of these facts is void. */
gboolean host_facts_hold(HostFacts *facts, GError **error);
