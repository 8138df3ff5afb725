/* What the kernel's attributes of bridges, bonds and VLANs become. Not every kernel that runs the
 * tests has the latter two; the messages are made as the kernel makes them. */
#include <criterion/criterion.h>

#include <linux/if_link.h>
#include <netlink/msg.h>
#include <stdlib.h>

#include "resources/link_details.h"

typedef struct {
    int type;
    int length; /* of a number in bytes */
    guint32 value;
} Attribute;

static void put(struct nl_msg *message, const Attribute *attribute)
{
    guint8 byte = (guint8)attribute->value;
    guint16 half = (guint16)attribute->value;

    nla_put(message, attribute->type, attribute->length,
            attribute->length == 1   ? (const void *)&byte
            : attribute->length == 2 ? (const void *)&half
                                     : (const void *)&attribute->value);
}

static void becomes(const char *kind, const Attribute *attributes, gsize count, const char *wanted)
{
    struct nl_msg *message = nlmsg_alloc_simple(1, 0);
    struct nlattr *data = nla_nest_start(message, IFLA_INFO_DATA);
    g_autofree char *quoted = g_strdelimit(g_strdup(wanted), "'", '"');
    g_autoptr(json_t) details = NULL;
    char *text;

    for (gsize i = 0; i < count; i++)
        put(message, &attributes[i]);
    nla_nest_end(message, data);
    details = link_details(kind, data);
    text = json_dumps(details, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
    cr_expect_str_eq(text, quoted, "%s instead of %s", text, quoted);
    free(text);
    nlmsg_free(message);
}

Test(details, bond)
{
    static const Attribute SET[] = {{IFLA_BOND_MODE, 1, 4},
                                    {IFLA_BOND_XMIT_HASH_POLICY, 1, 1},
                                    {IFLA_BOND_MIIMON, 4, 100},
                                    {IFLA_BOND_UPDELAY, 4, 200},
                                    {IFLA_BOND_DOWNDELAY, 4, 300}};

    becomes("bond", SET, G_N_ELEMENTS(SET),
            "{'down_delay':300,'mii_frequency':100,'mode':'802.3ad','transmit_policy':'layer3+4',"
            "'up_delay':200}");
}

Test(details, vlan)
{
    static const Attribute SET[] = {{IFLA_VLAN_ID, 2, 100}};

    becomes("vlan", SET, G_N_ELEMENTS(SET), "{'vid':100}");
}

/* A kernel that says nothing, or more modes than are known. */
Test(details, unknown)
{
    static const Attribute SET[] = {{IFLA_BOND_MODE, 1, 200}};

    becomes("bridge", NULL, 0,
            "{'forward_delay':0,'id':'','stp':false,'vlan_default':0,'vlan_filtering':false}");
    becomes("bond", SET, G_N_ELEMENTS(SET),
            "{'down_delay':0,'mii_frequency':0,'mode':'','transmit_policy':'layer2','up_delay':0}");
    cr_expect(link_details("veth", NULL) == NULL);
    cr_expect(link_details("", NULL) == NULL);
}
