/* Addresses with a prefix length, and arithmetic on them. */
#pragma once

#include <glib.h>

typedef struct {
    int family;         /* AF_INET or AF_INET6 */
    guint8 address[16]; /* network byte order; host bits are kept */
    guint size;         /* bytes of an address: 4 or 16 */
    guint length;       /* of the prefix in bits */
} Subnet;

/* Reads "10.1.2.1/24"; an address alone counts with its whole length. FALSE when it is neither. */
gboolean subnet_parse(const char *cidr, Subnet *ret);

/* Whether they have an address in common. */
gboolean subnet_overlaps(const Subnet *a, const Subnet *b);

/* Whether the address `text` lies in it. */
gboolean subnet_contains(const Subnet *subnet, const char *text);

/* "10.1.2.0/24": without host bits. Newly allocated, like all that follow. */
char *subnet_network(const Subnet *subnet);
/* "10.1.2.1/24": as it is, in the kernel's spelling. */
char *subnet_cidr(const Subnet *subnet);
/* "10.1.2.1" */
char *subnet_address(const Subnet *subnet);
/* The n-th address counted from that of the network, or from the end when n is negative: -1 is the
 * last one. */
char *subnet_nth(const Subnet *subnet, int n);
