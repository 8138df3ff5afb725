/* What the DHCP and DNS server of a network knows of one NIC: a host file per NIC (NET-BR-65), and
 * the fact that an instance driver keeps for it:
 *     {"file": "web.eth0", "text": "00:16:3e:..,10.0.0.5,web", "network": "lan"}
 * Changing it never restarts the server. */
#pragma once

#include "host.h"

/* The fact of one NIC with `network`. `nic` holds the effective device entry, `mac` its address.
 * NULL when the network needs no file for it (no DHCP or DNS server, or nothing but the MAC would
 * be in it). Pure; new reference. */
json_t *lease_expect(const Context *context, const Object *network, const Object *instance,
                     const char *device, const json_t *nic, const char *mac);

/* What is there for it, also in another network than `network` (may be NULL), where it may have
 * been before; NULL without an error when there is nothing. New reference. */
json_t *lease_observe(Host *host, const Object *network, const Object *instance, const char *device,
                      GError **error);

/* An ensure (driver.h) for a row whose fact is one NIC's. Tells a running server. */
gboolean lease_ensure(Host *host, const Step *step, GError **error);

/* Where such a fact is kept, as a file. Pure; newly allocated. */
char *lease_path(const char *dir, const json_t *lease);
