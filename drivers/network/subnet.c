#include "subnet.h"

#include <arpa/inet.h>
#include <string.h>

gboolean subnet_parse(const char *cidr, Subnet *ret)
{
    g_auto(GStrv) parts = g_strsplit(cidr, "/", 2);
    Subnet subnet = {0};
    guint64 length;

    if (parts[0] == NULL)
        return FALSE;
    if (inet_pton(AF_INET, parts[0], subnet.address) == 1)
        subnet.family = AF_INET;
    else if (inet_pton(AF_INET6, parts[0], subnet.address) == 1)
        subnet.family = AF_INET6;
    else
        return FALSE;
    subnet.size = subnet.family == AF_INET ? 4 : 16;
    length = subnet.size * 8;
    if (parts[1] != NULL && !g_ascii_string_to_unsigned(parts[1], 10, 0, length, &length, NULL))
        return FALSE;
    subnet.length = (guint)length;
    *ret = subnet;
    return TRUE;
}

/* Sets all bits behind the prefix to `ones`. */
static void fill_host(Subnet *subnet, gboolean ones)
{
    for (guint bit = subnet->length; bit < subnet->size * 8; bit++) {
        guint8 one = (guint8)(0x80u >> (bit % 8));

        if (ones)
            subnet->address[bit / 8] |= one;
        else
            subnet->address[bit / 8] &= (guint8)~one;
    }
}

gboolean subnet_overlaps(const Subnet *a, const Subnet *b)
{
    Subnet x = *a, y = *b;

    if (x.family != y.family)
        return FALSE;
    x.length = y.length = MIN(x.length, y.length);
    fill_host(&x, FALSE);
    fill_host(&y, FALSE);
    return memcmp(x.address, y.address, x.size) == 0;
}

gboolean subnet_contains(const Subnet *subnet, const char *text)
{
    Subnet other;

    return subnet_parse(text, &other) && other.length >= subnet->length &&
           subnet_overlaps(subnet, &other);
}

char *subnet_address(const Subnet *subnet)
{
    char text[INET6_ADDRSTRLEN];

    inet_ntop(subnet->family, subnet->address, text, sizeof(text));
    return g_strdup(text);
}

char *subnet_cidr(const Subnet *subnet)
{
    g_autofree char *address = subnet_address(subnet);

    return g_strdup_printf("%s/%u", address, subnet->length);
}

char *subnet_network(const Subnet *subnet)
{
    Subnet network = *subnet;

    fill_host(&network, FALSE);
    return subnet_cidr(&network);
}

char *subnet_nth(const Subnet *subnet, int n)
{
    Subnet nth = *subnet;
    int carry = n < 0 ? n + 1 : n;

    fill_host(&nth, n < 0);
    for (int i = (int)nth.size - 1; i >= 0 && carry != 0; i--) {
        int sum = nth.address[i] + carry;

        nth.address[i] = (guint8)(sum & 0xff);
        carry = sum >> 8; /* arithmetic: a borrow stays negative */
    }
    return subnet_address(&nth);
}
