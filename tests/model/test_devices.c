/* Device types and the rules across the keys of one device. */
#include <criterion/criterion.h>
#include <string.h>

#include "error.h"
#include "fixture.h"

#define NETWORKS                                                                                   \
    fixture_add(&fixture, KIND_NETWORK, "default", "lan",                                          \
                "{'config': {'ipv4.address': '10.1.2.1/24', 'ipv6.address': 'fd42::1/64', "        \
                "'ipv6.dhcp.stateful': 'true'}}");                                                 \
    fixture_add(&fixture, KIND_NETWORK, "default", "slaac",                                        \
                "{'config': {'ipv4.address': '10.1.3.1/24', 'ipv4.dhcp': 'false', "                \
                "'ipv6.address': 'none'}}")

/* The errors of a profile with one device "d". `part` NULL: none. */
static void judge(const char *text, Severity severity, const char *path, const char *part)
{
    g_auto(Fixture) fixture = {0};
    g_autofree char *spec = g_strdup_printf("{'devices': {'d': %s}}", text);
    g_autofree char *all = NULL;

    fixture_init(&fixture);
    NETWORKS;
    fixture_add(&fixture, KIND_PROFILE, "default", "p", spec);
    fixture_check(&fixture);
    all = fixture_text(&fixture);
    if (part == NULL)
        cr_expect(fixture_count(&fixture, severity) == 0, "%s: %s", text, all);
    else
        cr_expect(fixture_found(&fixture, severity, path, part), "%s: no \"%s\" at %s in: %s", text,
                  part, path, all);
}

#define GOOD(text) judge(text, PROBLEM_ERROR, NULL, NULL)
#define BAD(text, path, part) judge(text, PROBLEM_ERROR, path, part)

/* D-DISK-04 to D-DISK-18 */
Test(devices, disks)
{
    GOOD("{'type': 'disk', 'path': '/', 'pool': 'p', 'size': '1GiB'}");
    GOOD("{'type': 'disk', 'path': '/data', 'source': '/srv', 'readonly': 'true', 'required': "
         "'false'}");
    GOOD(
        "{'type': 'disk', 'path': 'data', 'source': '/srv', 'recursive': 'true', 'shift': 'true'}");
    BAD("{'type': 'disk', 'path': '/', 'pool': 'p', 'source': '/x'}", "devices/d/source",
        "has no source");
    BAD("{'type': 'disk', 'path': '/', 'pool': 'p', 'recursive': 'false'}", "devices/d/recursive",
        "root disk");
    BAD("{'type': 'disk', 'path': '/x'}", "devices/d", "needs a source");
    BAD("{'type': 'disk', 'source': '/x'}", "devices/d", "needs a path");
    BAD("{'type': 'disk', 'path': '/x', 'source': '/x', 'size': '1GiB'}", "devices/d/size",
        "only the root disk");
    BAD("{'type': 'disk', 'path': '/x', 'source': '/x', 'size.state': '1GiB'}",
        "devices/d/size.state", "only the root disk");
    BAD("{'type': 'disk', 'path': '/x', 'source': 'x'}", "devices/d/source", "absolute");
    BAD("{'type': 'disk', 'path': '/x', 'source': '/x', 'pool': 'p'}", "devices/d/source",
        "name of a volume");
    BAD("{'type': 'disk', 'path': '/x', 'source': '/x', 'ceph.user_name': 'u'}", "devices/d",
        "ceph");
    BAD("{'type': 'disk', 'path': '/x', 'source': '/x', 'recursive': 'yes', 'readonly': 'on'}",
        "devices/d/recursive", "read-only");
    BAD("{'type': 'disk', 'path': '/x', 'source': '/x', 'required': 'true', 'optional': 'false'}",
        "devices/d/optional", "opposite");
    BAD("{'type': 'disk', 'path': '/x', 'source': 'v', 'pool': 'p', 'shift': 'true'}",
        "devices/d/shift", "paths of the host");
    judge("{'type': 'disk', 'path': '/x', 'source': 'v', 'pool': 'p'}", PROBLEM_UNSUPPORTED, NULL,
          "custom volumes are not supported by this build");
    judge("{'type': 'disk', 'path': '/x', 'source': 'ceph:a/b'}", PROBLEM_UNSUPPORTED, NULL,
          "not supported by this build");
    judge("{'type': 'disk', 'source': 'cloud-init:config'}", PROBLEM_UNSUPPORTED, NULL,
          "not supported by this build");
    GOOD("{'type': 'disk', 'source': 'cloud-init:config'}");
}

/* D-NIC-BR-01, D-NIC-BR-10, D-NIC-BR-11, D-NIC-05, NET-020 */
Test(devices, bridged_nics)
{
    GOOD("{'type': 'nic', 'network': 'lan'}");
    GOOD(
        "{'type': 'nic', 'network': 'lan', 'ipv4.address': '10.1.2.9', 'ipv6.address': 'fd42::9'}");
    GOOD("{'type': 'nic', 'nictype': 'bridged', 'parent': 'br9', 'mtu': '1400'}");
    BAD("{'type': 'nic', 'nictype': 'bridged'}", "devices/d", "neither network nor parent");
    BAD("{'type': 'nic', 'network': 'lan', 'parent': 'br9'}", "devices/d/parent",
        "comes from the network");
    BAD("{'type': 'nic', 'network': 'lan', 'mtu': '1400'}", "devices/d/mtu",
        "comes from the network");
    BAD("{'type': 'nic', 'network': 'lan', 'ipv4.address': '10.1.3.9'}", "devices/d/ipv4.address",
        "outside the subnet");
    BAD("{'type': 'nic', 'network': 'lan', 'ipv4.address': '10.1.2.1'}", "devices/d/ipv4.address",
        "itself");
    BAD("{'type': 'nic', 'network': 'lan', 'ipv6.address': 'fd43::9'}", "devices/d/ipv6.address",
        "outside the subnet");
    BAD("{'type': 'nic', 'network': 'lan', 'ipv4.address': 'none'}", "devices/d/ipv4.address",
        "security.ipv4_filtering");
    BAD("{'type': 'nic', 'network': 'slaac', 'ipv4.address': '10.1.3.9'}", "devices/d/ipv4.address",
        "ipv4.dhcp");
    BAD("{'type': 'nic', 'network': 'slaac', 'ipv6.address': 'fd42::9'}", "devices/d/ipv6.address",
        "has no ipv6.address");
    BAD("{'type': 'nic', 'nictype': 'bridged', 'parent': 'br9', 'ipv4.address': '10.1.2.9'}",
        "devices/d/ipv4.address", "managed network");
}

Test(devices, other_nics)
{
    GOOD("{'type': 'nic', 'nictype': 'p2p'}");
    BAD("{'type': 'nic', 'nictype': 'macvlan'}", "devices/d", "needs a parent");
    BAD("{'type': 'nic', 'nictype': 'sriov'}", "devices/d", "needs a parent");
    BAD("{'type': 'nic', 'nictype': 'physical'}", "devices/d", "needs a parent");
    GOOD("{'type': 'nic', 'nictype': 'routed', 'ipv4.address': '192.0.2.1', 'ipv4.routes': "
         "'198.51.100.0/24'}");
    BAD("{'type': 'nic', 'nictype': 'routed', 'ipv4.routes': '198.51.100.0/24'}",
        "devices/d/ipv4.routes", "needs ipv4.address");
    BAD("{'type': 'nic', 'nictype': 'routed', 'ipv6.routes': '2001:db8::/64'}",
        "devices/d/ipv6.routes", "needs ipv6.address");
    BAD("{'type': 'nic', 'nictype': 'routed', 'vlan': '5'}", "devices/d/vlan", "needs a parent");
}

Test(devices, others)
{
    GOOD("{'type': 'none'}");
    GOOD("{'type': 'unix-char', 'source': '/dev/null'}");
    BAD("{'type': 'unix-char'}", "devices/d", "source or a path");
    BAD("{'type': 'unix-block'}", "devices/d", "source or a path");
    BAD("{'type': 'unix-hotplug'}", "devices/d", "vendorid or a productid");
    BAD("{'type': 'gpu', 'id': '0', 'pci': '03:00.0'}", "devices/d/id", "excludes");
    BAD("{'type': 'gpu', 'gputype': 'mig', 'mig.uuid': 'x', 'mig.ci': '1'}", "devices/d/mig.uuid",
        "excludes");
    BAD("{'type': 'proxy', 'listen': 'tcp:192.0.2.1:80', 'connect': 'tcp:0.0.0.0:80', 'nat': "
        "'true', 'bind': 'instance'}",
        "devices/d/bind", "host");
}

/* PF-20 */
Test(devices, one_root_disk_in_a_profile)
{
    g_auto(Fixture) fixture = {0};

    fixture_init(&fixture);
    fixture_add(&fixture, KIND_PROFILE, "default", "p",
                "{'devices': {'a': {'type': 'disk', 'path': '/', 'pool': 'p'}, 'b': {'type': "
                "'disk', 'path': '/', 'pool': 'p'}}}");
    fixture_check(&fixture);
    cr_expect(fixture_count(&fixture, PROBLEM_ERROR) == 1);
    cr_expect(fixture_found(&fixture, PROBLEM_ERROR, "devices/b", "second root disk"));
}

static void type_is(const Snapshot *snapshot, const char *text, const char *type,
                    const char *variant)
{
    g_autofree char *quoted = g_strdelimit(g_strdup(text), "'", '"');
    g_autoptr(json_t) device = json_loads(quoted, 0, NULL);
    g_autoptr(GError) error = NULL;
    const DeviceType *found = device_type_of(snapshot, "default", device, &error);

    if (type == NULL) {
        cr_expect_null(found, "%s", text);
        cr_assert(g_error_matches(error, BERTH_ERROR, ERR_INVALID), "%s", text);
        cr_expect_not_null(strstr(error->message, variant), "%s: %s", text, error->message);
        return;
    }
    cr_assert_not_null(found, "%s: %s", text, error != NULL ? error->message : "");
    cr_expect_str_eq(found->type, type);
    cr_expect(g_strcmp0(found->variant, variant) == 0, "%s: %s", text, found->variant);
}

/* D-NIC-01 to D-NIC-04, D-GEN-09 */
Test(devices, types)
{
    g_auto(Fixture) fixture = {0};

    fixture_init(&fixture);
    NETWORKS;
    fixture_add(&fixture, KIND_NETWORK, "default", "mv",
                "{'type': 'macvlan', 'config': {'parent': 'eth0'}}");
    fixture_add(&fixture, KIND_NETWORK, "default", "ov", "{'type': 'ovn'}");
    fixture_add(&fixture, KIND_NETWORK, "default", "ph",
                "{'type': 'physical', 'config': {'parent': 'eth0'}}");
    fixture_check(&fixture);
    type_is(fixture.snapshot, "{'type': 'nic', 'network': 'lan'}", "nic", "bridged");
    type_is(fixture.snapshot, "{'type': 'nic', 'network': 'mv'}", "nic", "macvlan");
    type_is(fixture.snapshot, "{'type': 'nic', 'network': 'ov'}", "nic", "ovn");
    type_is(fixture.snapshot, "{'type': 'nic', 'network': 'ov', 'nictype': 'bridged'}", "nic",
            "ovn");
    type_is(fixture.snapshot, "{'type': 'nic', 'network': 'ph'}", "nic", "physical");
    type_is(fixture.snapshot, "{'type': 'nic', 'network': 'missing'}", "nic", "bridged");
    type_is(NULL, "{'type': 'nic', 'network': 'lan'}", "nic", "bridged");
    type_is(NULL, "{'type': 'nic', 'nictype': 'p2p'}", "nic", "p2p");
    type_is(NULL, "{'type': 'disk', 'path': '/'}", "disk", NULL);
    type_is(NULL, "{'type': 'none'}", "none", NULL);
    type_is(NULL, "{'type': 'infiniband', 'nictype': 'physical'}", "infiniband", NULL);
    type_is(NULL, "{'path': '/'}", NULL, "names no type");
    type_is(NULL, "{'type': 'nic'}", NULL, "neither network nor nictype");
    type_is(NULL, "{'type': 'nic', 'nictype': 'wifi'}", NULL, "unknown nictype \"wifi\"");
    type_is(NULL, "{'type': 'floppy'}", NULL, "unknown device type \"floppy\"");
    type_is(fixture.snapshot, "{'type': 'nic', 'network': 'lan', 'nictype': 'bridged'}", NULL,
            "keep one");
}

/* D-GEN-07: every type is there, user.* on each (D-GEN-09). */
Test(devices, registry)
{
    static const char *const types[] = {"none",       "nic",          "disk", "unix-char",
                                        "unix-block", "usb",          "gpu",  "infiniband",
                                        "proxy",      "unix-hotplug", "tpm",  "pci"};

    for (guint i = 0; i < G_N_ELEMENTS(types); i++) {
        gboolean found = FALSE;

        for (const DeviceType *type = DEVICE_TYPES; type->type != NULL; type++)
            found = found || strcmp(type->type, types[i]) == 0;
        cr_expect(found, "%s", types[i]);
    }
    for (const DeviceType *type = DEVICE_TYPES; type->type != NULL; type++) {
        cr_expect_not_null(row_find(type->rows, "user.note"), "%s", type->type);
        cr_expect_null(row_find(type->rows, "type"));
        cr_expect(type->applies != 0);
        cr_expect_not_null(type->summary);
        cr_expect_not_null(type->spec_id);
        cr_expect(type->variant == NULL || row_find(type->rows, "nictype") != NULL);
    }
}
