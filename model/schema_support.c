/* Which keys this build honours and which it refuses, per kind. */
#include "schema.h"

#include <string.h>

/* Why keys are refused: the longest prefix that fits, in the rows of one kind or (device) of one
 * device type. */
static const struct {
    const char *table;
    const char *prefix;
    const char *why;
} REASONS[] = {
    {"server", "candid.", "no client of Candid: callers are known by socket or certificate"},
    {"server", "rbac.", "no client of an RBAC service: rights are those of certificates"},
    {"server", "cluster.", "one host only, there is no cluster yet"},
    {"server", "core.bgp_", "no BGP speaker yet"},
    {"server", "core.debug_address", "nothing to profile at run time: see `berthd --debug`"},
    {"server", "core.dns_address", "no network zones yet"},
    {"server", "maas.", "no MAAS client"},
    {"server", "network.ovn.", "no OVN networks yet"},
    {"server", "storage.", "no custom volumes yet"},
    {"pool", "lvm.", "driver not there yet"},
    {"pool", "zfs.", "driver not there yet"},
    {"pool", "ceph.", "driver not there yet"},
    {"pool", "cephfs.", "driver not there yet"},
    {"pool", "rsync.", "no volume is copied between servers yet"},
    {"pool", "volume.block.", "driver not there yet"},
    {"pool", "volume.lvm.", "driver not there yet"},
    {"pool", "volume.zfs.", "driver not there yet"},
    {"pool", "volume.security.", "no custom volumes yet"},
    {"pool", "volume.snapshots.", "no custom volumes yet"},
    {"network", "bgp.", "no BGP speaker yet"},
    {"network", "dns.zone.", "no network zones yet"},
    {"network", "dns.nameservers", "only bridges so far"},
    {"network", "fan.", "needs a kernel that is patched for it"},
    {"network", "gvrp", "only bridges so far"},
    {"network", "ipv4.gateway", "only bridges so far"},
    {"network", "ipv6.gateway", "only bridges so far"},
    {"network", "ipv4.ovn.", "no OVN networks yet"},
    {"network", "ipv6.ovn.", "no OVN networks yet"},
    {"network", "ipv4.routes.anycast", "only bridges so far"},
    {"network", "ipv6.routes.anycast", "only bridges so far"},
    {"network", "maas.", "no MAAS client"},
    {"network", "mtu", "only bridges so far"},
    {"network", "network", "no OVN networks yet"},
    {"network", "ovn.", "no OVN networks yet"},
    {"network", "parent", "only bridges so far"},
    {"network", "security.acls", "no network ACLs yet"},
    {"network", "tunnel.", "no tunnels yet"},
    {"network", "vlan", "only bridges so far"},
    {"image", "source.name", "publishing is an action: POST /1.0/images"},
    {"instance", "agent.", "no virtual machines yet"},
    {"instance", "cloud-init.", "templates inside the instance come later"},
    {"instance", "limits.disk.priority", "no disk weights yet"},
    {"instance", "limits.memory.hugepages", "no virtual machines yet"},
    {"instance", "limits.network.priority", "the net_prio controller is gone from cgroup v2"},
    {"instance", "linux.kernel_modules", "nothing loads modules into the host yet"},
    {"instance", "nvidia.", "no GPU support yet"},
    {"instance", "raw.qemu", "no virtual machines yet"},
    {"instance", "security.agent.", "no virtual machines yet"},
    {"instance", "security.devlxd.images", "no guest API yet"},
    {"instance", "security.secureboot", "no virtual machines yet"},
    {"instance", "security.syscalls.intercept.",
     "needs a daemon that answers the kernel's questions"},
    {"instance", "security.syscalls.whitelist", "old spelling of security.syscalls.allow"},
    {"instance", "security.syscalls.blacklist", "old spelling of security.syscalls.deny*"},
    {"instance", "snapshots.", "no snapshots yet"},
    {"instance", "source.", "copying and moving are actions of the API"},
    {"instance", "source.properties",
     "name it by alias or fingerprint; the API finds images by them"},
    {"instance", "instance_type", "the table of cloud instance types comes later"},
    {"instance", "restore", "no snapshots yet"},
    {"device", "security.", "no filters on NICs yet"},
    {"device", "ipv4.routes.external", "no BGP speaker yet"},
    {"device", "ipv6.routes.external", "no BGP speaker yet"},
    {"device", "maas.", "no MAAS client"},
    {"device", "vlan", "no VLAN filtering on bridges yet"},
    {"device", "limits.", "no disk rates yet"},
    {"device", "size.state", "no virtual machines yet"},
    {"device", "ceph.", "driver not there yet"},
};

/* NULL when no reason fits. */
static const char *reason_of(const char *table, const char *key)
{
    const char *best = NULL;
    gsize length = 0;

    for (guint i = 0; i < G_N_ELEMENTS(REASONS); i++)
        if (strcmp(REASONS[i].table, table) == 0 && g_str_has_prefix(key, REASONS[i].prefix) &&
            strlen(REASONS[i].prefix) > length) {
            best = REASONS[i].why;
            length = strlen(best != NULL ? REASONS[i].prefix : "");
        }
    return best;
}

typedef struct {
    const char *table;
    guint honoured, refused;
    GString *list; /* the refused ones, as rows of a Markdown table */
} Count;

static void count_rows(Count *count, const char *prefix, const Row *rows)
{
    for (const Row *row = rows; row->key != NULL; row++) {
        g_autofree char *key = g_strconcat(prefix, row->key, NULL);

        /* What is computed is neither honoured nor refused. */
        if ((row->flags & ROW_RUNTIME) != 0)
            continue;
        if (row->fields != NULL) {
            g_autofree char *below = g_strconcat(key, ".", NULL);

            count_rows(count, below, row->fields);
        } else if ((row->flags & ROW_UNSUPPORTED) == 0) {
            count->honoured++;
        } else {
            const char *why = reason_of(count->table, key);

            count->refused++;
            g_string_append_printf(count->list, "| `%s` | %s |\n", key, why != NULL ? why : "?");
        }
    }
}

static void append_count(GString *page, GString *details, const char *title, const Count *count)
{
    guint total = count->honoured + count->refused;

    g_string_append_printf(page, "| %s | %u | %u | %u | %u%% |\n", title, total, count->honoured,
                           count->refused, total > 0 ? count->refused * 100 / total : 0);
    if (count->list->len > 0)
        g_string_append_printf(details, "\n## %s: refused keys\n\n| Key | Why |\n|---|---|\n%s",
                               title, count->list->str);
}

char *schema_support(void)
{
    GString *page =
        g_string_new("# Keys honoured and refused\n\n"
                     "Every key is known and checked. A refused one is accepted by `validate` with "
                     "a remark, and "
                     "refused by name by `plan` and by everything that writes, unless it is set to "
                     "its default.\n\n"
                     "| | Keys | Honoured or stored | Refused | |\n|---|---|---|---|---|\n");
    g_autoptr(GString) details = g_string_new(NULL);
    g_autoptr(GString) types = g_string_new(NULL);

    for (guint i = 0; i < KIND_MAX; i++) {
        const Kind *kind = KINDS[i];
        Count count = {.table = kind->name, .list = g_string_new(NULL)};

        /* A profile has the config keys of an instance: counted there. */
        count_rows(&count, "", kind->fields);
        if (kind->config != NULL && kind->id != KIND_PROFILE)
            count_rows(&count, "", kind->config);
        append_count(page, details, kind->title, &count);
        g_string_free(count.list, TRUE);
    }
    for (const DeviceType *type = DEVICE_TYPES; type->type != NULL; type++) {
        Count count = {.table = "device", .list = g_string_new(NULL)};
        g_autofree char *title =
            g_strdup_printf("device %s%s%s", type->type, type->variant != NULL ? " " : "",
                            type->variant != NULL ? type->variant : "");

        if (type->unsupported) {
            g_string_append_printf(types, "%s%s", types->len > 0 ? ", " : "",
                                   title + strlen("device "));
        } else {
            count_rows(&count, "", type->rows);
            append_count(page, details, title, &count);
        }
        g_string_free(count.list, TRUE);
    }
    g_string_append_printf(
        page,
        "\nRefused as a whole: devices of type %s; networks of type ovn, macvlan, sriov and "
        "physical; "
        "bridges with bridge.driver openvswitch or bridge.mode fan; pools with driver lvm, zfs, "
        "ceph "
        "and cephfs; instances of type virtual-machine; disks from custom volumes, Ceph or "
        "`cloud-init:config`.\n",
        types->str);
    g_string_append(page, details->str);
    return g_string_free(page, FALSE);
}
