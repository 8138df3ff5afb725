#include "link_details.h"

#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <string.h>

/* In the order of the kernel's numbers (bond modes, transmit hash policies). */
static const char *const BOND_MODES[] = {"balance-rr", "active-backup", "balance-xor", "broadcast",
                                         "802.3ad",    "balance-tlb",   "balance-alb"};
static const char *const BOND_POLICIES[] = {"layer2",   "layer3+4", "layer2+3",
                                            "encap2+3", "encap3+4", "vlan+srcmac"};

static guint number(struct nlattr *attribute)
{
    switch (attribute != NULL ? nla_len(attribute) : 0) {
    case 1:
        return nla_get_u8(attribute);
    case 2:
        return nla_get_u16(attribute);
    case 4:
        return nla_get_u32(attribute);
    default:
        return 0;
    }
}

static const char *name_of(const char *const *names, gsize count, guint index)
{
    return index < count ? names[index] : "";
}

static json_t *bridge(struct nlattr **a)
{
    const struct ifla_bridge_id *id = NULL;
    g_autofree char *text = NULL;

    if (a[IFLA_BR_BRIDGE_ID] != NULL && nla_len(a[IFLA_BR_BRIDGE_ID]) >= (int)sizeof(*id))
        id = nla_data(a[IFLA_BR_BRIDGE_ID]);
    if (id != NULL)
        text = g_strdup_printf("%02x%02x.%02x%02x%02x%02x%02x%02x", id->prio[0], id->prio[1],
                               id->addr[0], id->addr[1], id->addr[2], id->addr[3], id->addr[4],
                               id->addr[5]);
    /* forward_delay in the kernel's unit, hundredths of a second, as LXD has it. */
    return json_pack("{s:i, s:s, s:b, s:i, s:b}", "forward_delay",
                     (int)number(a[IFLA_BR_FORWARD_DELAY]), "id", text != NULL ? text : "", "stp",
                     number(a[IFLA_BR_STP_STATE]) != 0, "vlan_default",
                     (int)number(a[IFLA_BR_VLAN_DEFAULT_PVID]), "vlan_filtering",
                     number(a[IFLA_BR_VLAN_FILTERING]) != 0);
}

static json_t *bond(struct nlattr **a)
{
    return json_pack(
        "{s:s, s:s, s:i, s:i, s:i}", "mode",
        name_of(BOND_MODES, G_N_ELEMENTS(BOND_MODES), number(a[IFLA_BOND_MODE])), "transmit_policy",
        name_of(BOND_POLICIES, G_N_ELEMENTS(BOND_POLICIES), number(a[IFLA_BOND_XMIT_HASH_POLICY])),
        "up_delay", (int)number(a[IFLA_BOND_UPDELAY]), "down_delay",
        (int)number(a[IFLA_BOND_DOWNDELAY]), "mii_frequency", (int)number(a[IFLA_BOND_MIIMON]));
}

static json_t *vlan(struct nlattr **a)
{
    return json_pack("{s:i}", "vid", (int)number(a[IFLA_VLAN_ID]));
}

json_t *link_details(const char *kind, struct nlattr *data)
{
    static const struct {
        const char *kind;
        int last; /* attribute */
        json_t *(*read)(struct nlattr **attributes);
    } KINDS[] = {{"bridge", IFLA_BR_MAX, bridge},
                 {"bond", IFLA_BOND_MAX, bond},
                 {"vlan", IFLA_VLAN_MAX, vlan}};

    for (guint i = 0; i < G_N_ELEMENTS(KINDS); i++) {
        g_autofree struct nlattr **attributes = g_new0(struct nlattr *, KINDS[i].last + 1);

        if (!g_str_equal(kind, KINDS[i].kind))
            continue;
        if (data != NULL && nla_parse_nested(attributes, KINDS[i].last, data, NULL) < 0)
            return NULL;
        return KINDS[i].read(attributes);
    }
    return NULL;
}
