/* Rules across the fields of one object: the hooks of the kinds. */
#include <criterion/criterion.h>

#include "error.h"
#include "fixture.h"

/* One object by itself: what its kind's hook says. `part` NULL: nothing of that severity. */
static void judge(KindId kind, const char *name, const char *text, Severity severity,
                  const char *path, const char *part)
{
    g_auto(Fixture) fixture = {0};
    g_autofree char *all = NULL;

    fixture_init(&fixture);
    fixture_add(&fixture, kind, (KINDS[kind]->flags & KIND_IN_PROJECT) != 0 ? "default" : "", name,
                text);
    fixture_check(&fixture);
    all = fixture_text(&fixture);
    if (part == NULL)
        cr_expect(fixture_count(&fixture, severity) == 0, "%s: %s", text, all);
    else
        cr_expect(fixture_found(&fixture, severity, path, part), "%s: no \"%s\" at %s in: %s", text,
                  part, path, all);
}

#define GOOD(kind, name, text) judge(kind, name, text, PROBLEM_ERROR, NULL, NULL)
#define BAD(kind, name, text, path, part) judge(kind, name, text, PROBLEM_ERROR, path, part)
#define REFUSED(kind, name, text, path, part)                                                      \
    judge(kind, name, text, PROBLEM_UNSUPPORTED, path, part)

static void name(KindId kind, const char *text, gboolean good)
{
    g_autoptr(GError) error = NULL;

    cr_expect(KINDS[kind]->check_name(text, &error) == good, "%s name \"%s\": %s",
              KINDS[kind]->name, text, error != NULL ? error->message : "accepted");
    cr_expect(good || g_error_matches(error, BERTH_ERROR, ERR_INVALID));
}

/* I-003 to I-006 */
Test(names, instances)
{
    static const char *const bad[] = {"",    "1web", "-web", "web-", "a.b",
                                      "a_b", "a b",  "a/b",  "wéb",  "a\n"};
    g_autofree char *longest = g_strnfill(63, 'a');
    g_autofree char *longer = g_strnfill(64, 'a');

    name(KIND_INSTANCE, "web", TRUE);
    name(KIND_INSTANCE, "a", TRUE);
    name(KIND_INSTANCE, "Web-01", TRUE);
    name(KIND_INSTANCE, longest, TRUE);
    name(KIND_INSTANCE, longer, FALSE);
    for (guint i = 0; i < G_N_ELEMENTS(bad); i++)
        name(KIND_INSTANCE, bad[i], FALSE);
}

/* PJ-07, ST-004, NET-008, IMG-031 */
Test(names, others)
{
    static const char *const bad_projects[] = {"",    ".", "..",  "a/b", "a b",
                                               "a_b", "*", "a'b", "a\"b"};

    name(KIND_PROJECT, "team-a", TRUE);
    for (guint i = 0; i < G_N_ELEMENTS(bad_projects); i++)
        name(KIND_PROJECT, bad_projects[i], FALSE);
    name(KIND_POOL, "default", TRUE);
    name(KIND_POOL, "a b", FALSE);
    name(KIND_POOL, "a/b", FALSE);
    name(KIND_POOL, "", FALSE);
    name(KIND_NETWORK, "lan", TRUE);
    name(KIND_NETWORK, "a:b", FALSE);
    name(KIND_NETWORK, "a?b", FALSE);
    name(KIND_NETWORK, "..", FALSE);
    name(KIND_IMAGE, "debian/12/cloud", TRUE);
    name(KIND_IMAGE, "a b", FALSE);
    name(KIND_IMAGE, "", FALSE);
}

/* SV-58 */
Test(rules, server)
{
    GOOD(KIND_SERVER, "", "{'config': {'candid.api.url': 'x'}}");
    BAD(KIND_SERVER, "", "{'config': {'candid.api.url': 'x', 'rbac.api.url': 'y'}}", "config",
        "candid");
}

/* AUTH-19, AUTH-21: a certificate is named by its fingerprint. */
#define SOMEONE "6fe9e066de3e02d740d586f89173bbce826a76d865194c86171b17bf6587040b"
#define SOMEONE_PEM                                                                                \
    "-----BEGIN CERTIFICATE-----\\n"                                                               \
    "MIIBfDCCASGgAwIBAgIUN7t5U4smrU4/eUxIyhKlyJI1Ml8wCgYIKoZIzj0EAwIw\\n"                          \
    "EjEQMA4GA1UEAwwHc29tZW9uZTAgFw0yNjExMjMyMzMyMDhaGA8yMTI2MTAzMDIz\\n"                          \
    "MzIwOFowEjEQMA4GA1UEAwwHc29tZW9uZTBZMBMGByqGSM49AgEGCCqGSM49AwEH\\n"                          \
    "A0IABLTuV0MTJ7YBOAmtnHtAGRp9fyMKbwgLfP3VEXMdfX0QUGippCbhvz29X/m5\\n"                          \
    "+y0u7hs7hJ1o38FFReGTJWG0zCOjUzBRMB0GA1UdDgQWBBQAfrS3NU8QGfdz/nJh\\n"                          \
    "D9Y0pUJu8jAfBgNVHSMEGDAWgBQAfrS3NU8QGfdz/nJhD9Y0pUJu8jAPBgNVHRMB\\n"                          \
    "Af8EBTADAQH/MAoGCCqGSM49BAMCA0kAMEYCIQD/YYlMp9jdk97hu5eibz3PNXHi\\n"                          \
    "JV+IUfkjh+sms2ApAQIhAKHqrNRKQnZ32JOVwRtMlMwIsliXtb9PXDU1SoVninhc\\n"                          \
    "-----END CERTIFICATE-----\\n"

Test(rules, certificate)
{
    g_autofree char *other = g_strnfill(64, 'a');

    name(KIND_CERTIFICATE, SOMEONE, TRUE);
    name(KIND_CERTIFICATE, "someone", FALSE);
    name(KIND_CERTIFICATE, "", FALSE);
    GOOD(KIND_CERTIFICATE, SOMEONE,
         "{'certificate': '" SOMEONE_PEM "', 'title': 'x', 'restricted': true, 'projects': []}");
    BAD(KIND_CERTIFICATE, other, "{'certificate': '" SOMEONE_PEM "'}", "certificate", SOMEONE);
    BAD(KIND_CERTIFICATE, SOMEONE, "{'certificate': 'x'}", "certificate", "PEM");
}

/* EN-42..45 */
Test(rules, source)
{
    name(KIND_SOURCE, "prod-1.a_b", TRUE);
    name(KIND_SOURCE, "", FALSE);
    name(KIND_SOURCE, ".git", FALSE);
    name(KIND_SOURCE, "a/b", FALSE);
    name(KIND_SOURCE, "a b", FALSE);
    GOOD(KIND_SOURCE, "s", "{'type': 'directory', 'path': '/etc/berth.d'}");
    GOOD(KIND_SOURCE, "s",
         "{'type': 'git', 'url': 'https://git.example.com/hosts', 'path': 'web/one', 'ref': 'main',"
         " 'interval': '90s', 'prune': true, 'max_deletes': 3, 'token_file': 'credential:git',"
         " 'ca_file': '/etc/ca.pem', 'signers': 'me@example.com ssh-ed25519 AAAA'}");
    GOOD(KIND_SOURCE, "s",
         "{'type': 'git', 'url': 'git@git.example.com:hosts', 'ssh_key_file': '/k',"
         " 'known_hosts_file': '/h'}");
    GOOD(KIND_SOURCE, "s", "{'type': 'git', 'url': '/srv/git/hosts.git'}");
    BAD(KIND_SOURCE, "s", "{'type': 'directory'}", "path", "absolute");
    BAD(KIND_SOURCE, "s", "{'type': 'directory', 'path': '/d', 'url': '/x'}", "url", "git");
    BAD(KIND_SOURCE, "s", "{'type': 'git'}", "url", "missing");
    BAD(KIND_SOURCE, "s", "{'type': 'git', 'url': '/x', 'path': 'a/../../etc'}", "path", "inside");
    BAD(KIND_SOURCE, "s", "{'type': 'git', 'url': '/x', 'path': '/etc'}", "path", "inside");
    BAD(KIND_SOURCE, "s", "{'type': 'git', 'url': '/x', 'token_file': '/t'}", "token_file",
        "https");
    BAD(KIND_SOURCE, "s", "{'type': 'git', 'url': '/x', 'ssh_key_file': '/t'}", "ssh_key_file",
        "ssh");
    BAD(KIND_SOURCE, "s", "{'type': 'git', 'url': 'ssh://h/x'}", "url", "known_hosts_file");
    BAD(KIND_SOURCE, "s", "{'type': 'git', 'url': '/x', 'signers': 'a', 'signers_file': '/b'}",
        "signers_file", "one of");
    BAD(KIND_SOURCE, "s", "{'type': 'git', 'url': '/x', 'max_deletes': 3}", "max_deletes", "prune");
}

/* PJ-06, PJ-147 */
Test(rules, project)
{
    GOOD(KIND_PROJECT, "p", "{'config': {'features.images': 'false', 'restricted': 'true'}}");
    GOOD(KIND_PROJECT, "default", "{'config': {'features.images': 'true'}}");
    BAD(KIND_PROJECT, "default", "{'config': {'features.images': 'no'}}", "config/features.images",
        "default");
    BAD(KIND_PROJECT, "p", "{'config': {'restricted': 'true', 'features.profiles': 'false'}}",
        "config/restricted", "features.profiles");
}

Test(rules, pool)
{
    GOOD(KIND_POOL, "p", "{'driver': 'dir'}");
    GOOD(KIND_POOL, "p", "{'driver': 'btrfs', 'config': {'source': '/dev/loop7'}}");
    BAD(KIND_POOL, "p", "{'driver': 'dir', 'config': {'source': 'srv/pool'}}", "config/source",
        "absolute");
    BAD(KIND_POOL, "p", "{'driver': 'cephfs'}", "config/source", "needs a source");
    BAD(KIND_POOL, "p",
        "{'driver': 'lvm', 'config': {'lvm.use_thinpool': 'false', 'lvm.thinpool_name': 'x'}}",
        "config/lvm.thinpool_name", "lvm.use_thinpool");
    REFUSED(KIND_POOL, "p", "{'driver': 'zfs'}", "driver",
            "driver zfs is not supported by this build");
    REFUSED(KIND_POOL, "p", "{'driver': 'lvm'}", "driver", "driver lvm");
    REFUSED(KIND_POOL, "p", "{'driver': 'ceph'}", "driver", "driver ceph");
    REFUSED(KIND_POOL, "p", "{'driver': 'cephfs'}", "driver", "driver cephfs");
    judge(KIND_POOL, "p", "{'driver': 'dir'}", PROBLEM_UNSUPPORTED, NULL, NULL);
    judge(KIND_POOL, "p", "{'driver': 'btrfs'}", PROBLEM_UNSUPPORTED, NULL, NULL);
}

static void pool_key(const char *key, const char *value, gboolean good)
{
    const Row *row = row_find(KINDS[KIND_POOL]->config, key);
    g_autoptr(GError) error = NULL;

    cr_expect(row->type->check(row, value, &error) == good, "%s = %s", key, value);
}

/* ST-060, ST-061, ST-ZFS-03 */
Test(rules, pool_values)
{
    pool_key("volume.lvm.stripes.size", "4096", TRUE);
    pool_key("volume.lvm.stripes.size", "4608", TRUE);
    pool_key("volume.lvm.stripes.size", "2048", FALSE);
    pool_key("volume.lvm.stripes.size", "4100", FALSE);
    pool_key("volume.zfs.blocksize", "512", TRUE);
    pool_key("volume.zfs.blocksize", "16MiB", TRUE);
    pool_key("volume.zfs.blocksize", "32MiB", FALSE);
    pool_key("volume.zfs.blocksize", "768", FALSE);
    pool_key("zfs.clone_copy", "rebase", TRUE);
    pool_key("zfs.clone_copy", "false", TRUE);
    pool_key("zfs.clone_copy", "maybe", FALSE);
    pool_key("rsync.bwlimit", "0", TRUE);
    pool_key("rsync.bwlimit", "fast", FALSE);
}

Test(rules, network_addresses)
{
    GOOD(KIND_NETWORK, "lan", "{}");
    GOOD(KIND_NETWORK, "lan",
         "{'config': {'ipv4.address': '10.1.2.1/24', 'ipv6.address': 'fd42::1/64'}}");
    GOOD(KIND_NETWORK, "lan", "{'config': {'ipv4.address': 'none', 'ipv6.address': 'auto'}}");
    GOOD(KIND_NETWORK, "lan", "{'config': {'ipv4.address': '10.1.2.1/30'}}");
    BAD(KIND_NETWORK, "lan", "{'config': {'ipv4.address': '10.1.2.0/24'}}", "config/ipv4.address",
        "address of the network");
    BAD(KIND_NETWORK, "lan", "{'config': {'ipv4.address': '10.1.2.255/24'}}", "config/ipv4.address",
        "broadcast");
    BAD(KIND_NETWORK, "lan", "{'config': {'ipv4.address': '10.1.2.1/31'}}", "config/ipv4.address",
        "no room");
    BAD(KIND_NETWORK, "lan", "{'config': {'ipv6.address': 'fd42::/64'}}", "config/ipv6.address",
        "address of the network");
}

/* NET-BR-19, NET-BR-30 */
Test(rules, network_ranges)
{
    GOOD(KIND_NETWORK, "lan",
         "{'config': {'ipv4.address': '10.1.2.1/24', 'ipv4.dhcp.ranges': "
         "'10.1.2.5-10.1.2.9,10.1.2.20-10.1.2.30'}}");
    BAD(KIND_NETWORK, "lan",
        "{'config': {'ipv4.address': '10.1.2.1/24', 'ipv4.dhcp.ranges': '10.1.2.5-10.1.3.9'}}",
        "config/ipv4.dhcp.ranges", "outside the subnet");
    BAD(KIND_NETWORK, "lan",
        "{'config': {'ipv6.address': 'fd42::1/64', 'ipv6.dhcp.ranges': 'fd43::5-fd43::9'}}",
        "config/ipv6.dhcp.ranges", "outside the subnet");
    BAD(KIND_NETWORK, "lan",
        "{'config': {'ipv4.address': '10.1.2.1/25', 'ipv4.ovn.ranges': '10.1.2.100-10.1.2.200'}}",
        "config/ipv4.ovn.ranges", "10.1.2.200 is outside");
}

/* NET-BR-02, NET-BR-04, NET-BR-05, NET-008 */
Test(rules, network_modes)
{
    g_autofree char *longest = g_strnfill(15, 'a');
    g_autofree char *longer = g_strnfill(16, 'a');

    GOOD(KIND_NETWORK, longest, "{}");
    BAD(KIND_NETWORK, longer, "{}", "name", "interface name");
    BAD(KIND_NETWORK, "a", "{}", "name", "interface name");
    BAD(KIND_NETWORK, "lan", "{'config': {'fan.type': 'vxlan'}}", "config/fan.type",
        "needs bridge.mode");
    BAD(KIND_NETWORK, "lan", "{'config': {'bridge.mode': 'fan', 'ipv6.address': 'none'}}",
        "config/ipv6.address", "fan");
    BAD(KIND_NETWORK, "lan",
        "{'config': {'bridge.mode': 'fan', 'bridge.hwaddr': '00:16:3e:00:00:01'}}",
        "config/bridge.hwaddr", "fan");
    GOOD(KIND_NETWORK, "lan", "{'config': {'bridge.mode': 'fan', 'ipv4.nat': 'true'}}");
    REFUSED(KIND_NETWORK, "lan", "{'config': {'bridge.mode': 'fan'}}", "config/bridge.mode",
            "not supported by this build");
    REFUSED(KIND_NETWORK, "lan", "{'config': {'bridge.driver': 'openvswitch'}}",
            "config/bridge.driver", "not supported by this build");
    BAD(KIND_NETWORK, "lan",
        "{'config': {'bridge.hwaddr': '00:16:3e:00:00:01', 'bridge.external_interfaces': 'eth1', "
        "'ipv4.address': 'none', 'ipv6.address': 'none'}}",
        "config/bridge.hwaddr", "external interfaces");
    BAD(KIND_NETWORK, "lan", "{'config': {'bridge.external_interfaces': 'eth1,lan'}}",
        "config/bridge.external_interfaces", "itself");
    BAD(KIND_NETWORK, "lan", "{'config': {'bridge.external_interfaces': 'eth1,a/b'}}",
        "config/bridge.external_interfaces", "interface name");
}

/* NET-001, NET-018, NET-MV-01 */
Test(rules, network_types)
{
    g_auto(Fixture) fixture = {0};

    REFUSED(KIND_NETWORK, "n", "{'type': 'macvlan', 'config': {'parent': 'eth0'}}", "type",
            "type macvlan are not supported by this build");
    REFUSED(KIND_NETWORK, "n", "{'type': 'ovn'}", "type", "ovn");
    BAD(KIND_NETWORK, "n", "{'type': 'sriov'}", "config/parent", "needs a parent");
    BAD(KIND_NETWORK, "n", "{'type': 'physical'}", "config/parent", "needs a parent");
    fixture_init(&fixture);
    fixture_add(&fixture, KIND_NETWORK, "p", "lan", "{}");
    fixture_check(&fixture);
    cr_expect(fixture_found(&fixture, PROBLEM_ERROR, "type", "only have networks of type ovn"));
}

Test(rules, image)
{
    GOOD(KIND_IMAGE, "busybox",
         "{'source': {'builtin': 'busybox'}, 'aliases': ['bb', 'bb/latest']}");
    GOOD(KIND_IMAGE, "i", "{'source': {'file': '/x/meta.tar', 'rootfs': '/x/rootfs.squashfs'}}");
    BAD(KIND_IMAGE, "i", "{'source': {'rootfs': '/x'}}", "source/rootfs", "needs `file`");
    BAD(KIND_IMAGE, "i", "{'source': {'builtin': 'busybox', 'file': '/x'}}", "source",
        "more than one");
    BAD(KIND_IMAGE, "i", "{'source': {'file': '/x', 'url': 'https://example.org/'}}", "source",
        "more than one");
    BAD(KIND_IMAGE, "i", "{'source': {}}", "source", "no origin");
    BAD(KIND_IMAGE, "i", "{}", "source", "no origin");
    BAD(KIND_IMAGE, "i", "{'source': {'file': '/x'}, 'aliases': ['a', 'a']}", "aliases", "twice");
    BAD(KIND_IMAGE, "i", "{'source': {'file': '/x'}, 'aliases': ['i']}", "aliases", "twice");
    BAD(KIND_IMAGE, "i", "{'source': {'file': '/x'}, 'aliases': ['a b']}", "aliases", "blank");
}

#define ROOT "'root': {'type': 'disk', 'path': '/', 'pool': 'p'}"
#define FROM "'source': {'alias': 'i'}, 'profiles': []"

Test(rules, instance_source)
{
    GOOD(KIND_INSTANCE, "c", "{" FROM ", 'devices': {" ROOT "}}");
    GOOD(KIND_INSTANCE, "c",
         "{'source': {'fingerprint': 'abc', 'type': 'image'}, 'profiles': [], 'devices': {" ROOT
         "}}");
    BAD(KIND_INSTANCE, "c", "{'profiles': [], 'devices': {" ROOT "}}", "source", "names no image");
    BAD(KIND_INSTANCE, "c", "{'source': {}, 'profiles': [], 'devices': {" ROOT "}}", "source",
        "names no image");
    BAD(KIND_INSTANCE, "c",
        "{'source': {'alias': 'i', 'fingerprint': 'f'}, 'profiles': [], 'devices': {" ROOT "}}",
        "source", "not both");
    REFUSED(KIND_INSTANCE, "c",
            "{'source': {'type': 'copy', 'source': 'd'}, 'profiles': [], 'devices': {" ROOT "}}",
            "source/type", "cannot be declared");
    REFUSED(KIND_INSTANCE, "c", "{'type': 'virtual-machine', " FROM ", 'devices': {" ROOT "}}",
            "type", "virtual machines");
    REFUSED(KIND_INSTANCE, "c", "{'stateful': true, " FROM ", 'devices': {" ROOT "}}", "stateful",
            "not supported");
    judge(KIND_INSTANCE, "c", "{'stateful': false, " FROM ", 'devices': {" ROOT "}}",
          PROBLEM_UNSUPPORTED, NULL, NULL);
}

/* D-DISK-26, ST-016 */
Test(rules, instance_root_disk)
{
    BAD(KIND_INSTANCE, "c", "{" FROM "}", "devices", "has no root disk");
    BAD(KIND_INSTANCE, "c",
        "{" FROM ", 'devices': {" ROOT ", 'other': {'type': 'disk', 'path': '/', 'pool': 'p'}}}",
        "devices", "two root disks");
    BAD(KIND_INSTANCE, "c", "{" FROM ", 'devices': {'root': {'type': 'disk', 'path': '/'}}}",
        "devices", "names no pool");
}

/* D-NIC-06, D-DISK-04, D-GEN-08, PF-02 */
Test(rules, instance_as_a_whole)
{
    BAD(KIND_INSTANCE, "c",
        "{" FROM ", 'devices': {" ROOT ", 'a': {'type': 'nic', 'nictype': 'p2p', 'name': 'eth0'}, "
        "'b': {'type': 'nic', 'nictype': 'p2p', 'name': 'eth0'}}}",
        "devices/b", "is named \"eth0\"");
    BAD(KIND_INSTANCE, "c",
        "{" FROM ", 'devices': {" ROOT ", 'a': {'type': 'disk', 'path': '/x', 'source': '/a'}, "
        "'b': {'type': 'disk', 'path': '/x', 'source': '/b'}}}",
        "devices/b", "has the path \"/x\"");
    BAD(KIND_INSTANCE, "c",
        "{" FROM ", 'devices': {" ROOT ", 'p': {'type': 'pci', 'address': '03:00.0'}}}",
        "devices/p", "a container cannot have a device of type pci");
    BAD(KIND_INSTANCE, "c",
        "{'type': 'virtual-machine', " FROM ", 'devices': {" ROOT
        ", 'p': {'type': 'unix-char', 'source': '/dev/x'}}}",
        "devices/p", "a virtual machine cannot have");
    BAD(KIND_INSTANCE, "c",
        "{'source': {'alias': 'i'}, 'profiles': ['a', 'b', 'a'], 'devices': {" ROOT "}}",
        "profiles", "\"a\" is listed twice");
}

/* I-350: what follows a prefix ends up in a line of liblxc's config, so it cannot begin another
 * one. */
Test(rules, names_in_keys)
{
    GOOD(KIND_PROFILE, "p",
         "{'config': {'environment.A_b': 'x\\ny', 'linux.sysctl.net.ipv4.ip_forward': '1', "
         "'limits.kernel.nofile': '3'}}");
    BAD(KIND_PROFILE, "p", "{'config': {'linux.sysctl.a\\nlxc.hook.start': '/x'}}", NULL,
        "is no valid key");
    BAD(KIND_PROFILE, "p", "{'config': {'linux.sysctl.a b': '1'}}", NULL, "is no valid key");
    BAD(KIND_PROFILE, "p", "{'config': {'limits.kernel.NOFILE': '1'}}",
        "config/limits.kernel.NOFILE", "lower case");
    BAD(KIND_PROFILE, "p", "{'config': {'limits.kernel.a\\nb': '1'}}", NULL, "is no valid key");
    BAD(KIND_PROFILE, "p", "{'config': {'environment.A=B': '1'}}", "config/environment.A=B",
        "is no valid key");
    BAD(KIND_PROFILE, "p", "{'config': {'environment.A\\nB': '1'}}", NULL, "is no valid key");
    GOOD(KIND_PROFILE, "p", "{'config': {'user.a b\\nc': '1'}}");
}

/* I-142, I-154 */
Test(rules, instance_syscalls)
{
    GOOD(KIND_INSTANCE, "c",
         "{" FROM ", 'devices': {" ROOT "}, 'config': {'security.syscalls.allow': 'read', "
         "'security.syscalls.deny_default': 'false'}}");
    BAD(KIND_INSTANCE, "c",
        "{" FROM ", 'devices': {" ROOT
        "}, 'config': {'security.syscalls.allow': 'read', 'security.syscalls.deny': 'mount'}}",
        "config", "security.syscalls.deny and security.syscalls.allow");
    BAD(KIND_INSTANCE, "c",
        "{" FROM ", 'devices': {" ROOT "}, 'config': {'security.syscalls.allow': 'read', "
        "'security.syscalls.deny_default': 'true'}}",
        "config", "deny_default");
    BAD(KIND_INSTANCE, "c",
        "{" FROM ", 'devices': {" ROOT
        "}, 'config': {'raw.seccomp': '2', 'security.syscalls.deny_compat': 'yes'}}",
        "config", "raw.seccomp");
    BAD(KIND_INSTANCE, "c",
        "{" FROM ", 'devices': {" ROOT
        "}, 'config': {'raw.seccomp': '2', 'security.syscalls.allow': 'read'}}",
        "config/raw.seccomp", "security.syscalls.allow");
}

/* What a profile gives counts, and `none` takes it away (D-NONE-02, PF-05). */
Test(rules, instance_with_profiles)
{
    g_auto(Fixture) fixture = {0};
    g_autofree char *all = NULL;

    fixture_init(&fixture);
    fixture_add(&fixture, KIND_PROFILE, "default", "default",
                "{'devices': {'root': {'type': 'disk', 'path': '/', 'pool': 'p'}, 'gone': {'type': "
                "'disk', 'path': '/', 'pool': 'q'}}}");
    fixture_add(&fixture, KIND_INSTANCE, "default", "good",
                "{'source': {'alias': 'i'}, 'devices': {'gone': {'type': 'none'}}}");
    fixture_check(&fixture);
    all = fixture_text(&fixture);
    cr_expect(fixture_count(&fixture, PROBLEM_ERROR) == 1, "%s", all);
    cr_expect(fixture_found(&fixture, PROBLEM_ERROR, NULL, "second root disk"), "%s", all);
}
