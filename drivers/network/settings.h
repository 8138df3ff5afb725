/* What the keys of a network of type bridge mean, with drawn values and defaults in their places.
 * Pure. */
#pragma once

#include "object.h"
#include "subnet.h"

/* One address family of a network. Borrowed texts live as long as the object. */
typedef struct {
    int version;      /* 4 or 6 */
    gboolean present; /* it has an address */
    Subnet subnet;    /* address of the bridge with its prefix; only when present, like all below */
    gboolean nat, firewall, routing, dhcp, stateful;
    const char *nat_address; /* NULL: masquerade */
    const char *expiry;
    const char *gateway; /* NULL: the bridge */
    const char *ranges;  /* NULL: the whole subnet */
    const char *routes;  /* NULL: none */
} Family;

/* `version` is 4 or 6. */
void settings_family(const Object *network, int version, Family *ret);

/* The address with prefix that a family has in effect, or NULL: the user's, else the drawn one
 * (NET-BR-15, NET-BR-27, PS-18). */
const char *settings_address(const Object *network, int version);

/* MAC address of the bridge: the user's, else the drawn one (NET-BR-04); NULL before it is drawn.
 */
const char *settings_mac(const Object *network);

typedef enum { DNS_NONE, DNS_MANAGED, DNS_DYNAMIC } DnsMode;
DnsMode settings_dns_mode(const Object *network);
const char *settings_domain(const Object *network);
