/* Project limits and restrictions. */
#include <criterion/criterion.h>

#include "fixture.h"

static void add_project(Fixture *fixture, const char *config)
{
    g_autofree char *spec = g_strdup_printf("{'config': {%s}}", config);

    fixture_add(fixture, KIND_PROJECT, "", "p", spec);
}

static void add_instance(Fixture *fixture, const char *name, const char *config, const char *size)
{
    g_autofree char *quota = size != NULL ? g_strdup_printf(", 'size': '%s'", size) : g_strdup("");
    g_autofree char *spec = g_strdup_printf("{'profiles': [], 'config': {%s}, 'devices': {'root': "
                                            "{'type': 'disk', 'path': '/', 'pool': 'x'%s}}}",
                                            config, quota);

    fixture_add(fixture, KIND_INSTANCE, "p", name, spec);
}

/* Two instances with these configs under that project. `part` NULL: everything is allowed. */
static void two(const char *limits, const char *first, const char *second, const char *path,
                const char *part)
{
    g_auto(Fixture) fixture = {0};
    g_autofree char *all = NULL;

    fixture_init(&fixture);
    add_project(&fixture, limits);
    add_instance(&fixture, "a", first, NULL);
    add_instance(&fixture, "b", second, NULL);
    fixture_check_limits(&fixture, "p");
    all = fixture_text(&fixture);
    if (part == NULL)
        cr_expect(fixture_count(&fixture, PROBLEM_ERROR) == 0, "%s: %s", limits, all);
    else
        cr_expect(fixture_found(&fixture, PROBLEM_ERROR, path, part), "%s: no \"%s\" in: %s",
                  limits, part, all);
}

/* PJ-120 to PJ-122 */
Test(limits, counts)
{
    two("'limits.containers': '2'", "", "", NULL, NULL);
    two("'limits.containers': '1'", "", "", "config/limits.containers",
        "would have 2 containers, allowed are 1");
    two("'limits.instances': '1'", "", "", "config/limits.instances", "2 instances");
    two("'limits.virtual-machines': '0'", "", "", NULL, NULL);
    two("'limits.containers': '0'", "", "", "config/limits.containers", "allowed are 0");
}

Test(limits, machines_are_counted_apart)
{
    g_auto(Fixture) fixture = {0};

    fixture_init(&fixture);
    add_project(&fixture, "'limits.virtual-machines': '0', 'limits.containers': '0'");
    fixture_add(&fixture, KIND_INSTANCE, "p", "vm", "{'type': 'virtual-machine', 'profiles': []}");
    fixture_check_limits(&fixture, "p");
    cr_expect(fixture_count(&fixture, PROBLEM_ERROR) == 1);
    cr_expect(fixture_found(&fixture, PROBLEM_ERROR, "config/limits.virtual-machines",
                            "1 virtual machines"));
}

/* PJ-123 to PJ-125, PJ-128 to PJ-132, PJ-137 */
Test(limits, sums)
{
    two("'limits.memory': '2GiB'", "'limits.memory': '1GiB'", "'limits.memory': '1024MiB'", NULL,
        NULL);
    two("'limits.memory': '2GiB'", "'limits.memory': '1GiB'", "'limits.memory': '1073741825'",
        "config/limits.memory", "allowed are 2GiB");
    two("'limits.memory': '2GiB'", "'limits.memory': '1GiB'", "", "", "needs limits.memory");
    two("'limits.memory': '2GiB'", "'limits.memory': '1GiB'", "'limits.memory': '10%'",
        "config/limits.memory", "must be a size");
    two("'limits.memory': '2GiB'", "'limits.memory': '8EB'", "'limits.memory': '8EB'",
        "config/limits.memory", "sum up to");
    two("'limits.cpu': '4'", "'limits.cpu': '2'", "'limits.cpu': '2'", NULL, NULL);
    two("'limits.cpu': '3'", "'limits.cpu': '2'", "'limits.cpu': '2'", "config/limits.cpu",
        "sum up to 4, allowed are 3");
    two("'limits.cpu': '4'", "'limits.cpu': '2'", "'limits.cpu': '0-1'", "config/limits.cpu",
        "must be a count");
    two("'limits.cpu': '4'", "'limits.cpu': '2'", "'limits.cpu': '0,1'", "config/limits.cpu",
        "must be a count");
    two("'limits.cpu': '4'", "'limits.cpu': '2'", "", "", "needs limits.cpu");
    two("'limits.processes': '100'", "'limits.processes': '60'", "'limits.processes': '40'", NULL,
        NULL);
    two("'limits.processes': '100'", "'limits.processes': '60'", "'limits.processes': '41'",
        "config/limits.processes", "101");
}

/* PJ-126: 2 x 25GB fit into 50GB, one byte more does not. */
Test(limits, disk)
{
    static const struct {
        const char *size, *part;
    } cases[] = {
        {"25GB", NULL}, {"25000000001", "sum up to"}, {NULL, "needs a size on its root disk"}};

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(Fixture) fixture = {0};
        g_autofree char *all = NULL;

        fixture_init(&fixture);
        add_project(&fixture, "'limits.disk': '50GB'");
        add_instance(&fixture, "a", "", "25GB");
        add_instance(&fixture, "b", "", cases[i].size);
        fixture_check_limits(&fixture, "p");
        all = fixture_text(&fixture);
        if (cases[i].part == NULL)
            cr_expect(fixture_count(&fixture, PROBLEM_ERROR) == 0, "%s", all);
        else
            cr_expect(fixture_found(&fixture, PROBLEM_ERROR, NULL, cases[i].part), "%s", all);
    }
}

/* PJ-127 */
Test(limits, networks)
{
    g_auto(Fixture) fixture = {0};

    fixture_init(&fixture);
    add_project(&fixture, "'features.networks': 'true', 'limits.networks': '1'");
    fixture_add(&fixture, KIND_NETWORK, "p", "a", "{'type': 'ovn'}");
    fixture_add(&fixture, KIND_NETWORK, "p", "b", "{'type': 'ovn'}");
    fixture_add(&fixture, KIND_NETWORK, "default", "c", "{}");
    fixture_check_limits(&fixture, "p");
    cr_expect(fixture_count(&fixture, PROBLEM_ERROR) == 1);
    cr_expect(fixture_found(&fixture, PROBLEM_ERROR, "config/limits.networks", "2 networks"));
}

/* PJ-128: a key from a profile counts; instances of other projects do not. */
Test(limits, profiles_and_other_projects)
{
    g_auto(Fixture) fixture = {0};
    g_autofree char *all = NULL;

    fixture_init(&fixture);
    add_project(&fixture, "'limits.memory': '1GiB'");
    fixture_add(&fixture, KIND_PROFILE, "p", "small", "{'config': {'limits.memory': '1GiB'}}");
    fixture_add(&fixture, KIND_INSTANCE, "p", "a", "{'profiles': ['small']}");
    fixture_add(&fixture, KIND_INSTANCE, "default", "b", "{'profiles': []}");
    fixture_check_limits(&fixture, "p");
    all = fixture_text(&fixture);
    cr_expect(fixture_count(&fixture, PROBLEM_ERROR) == 0, "%s", all);
    fixture_check_limits(&fixture, "default");
    fixture_check_limits(&fixture, "nothing");
    cr_expect(fixture_count(&fixture, PROBLEM_ERROR) == 0);
}

/* One instance in a restricted project. `part` NULL: allowed. */
static void restricted(const char *rules, const char *config, const char *devices, const char *path,
                       const char *part)
{
    g_auto(Fixture) fixture = {0};
    g_autofree char *project =
        g_strdup_printf("'restricted': 'true'%s%s", rules[0] != '\0' ? ", " : "", rules);
    g_autofree char *spec = g_strdup_printf("{'profiles': [], 'config': {%s}, 'devices': {'root': "
                                            "{'type': 'disk', 'path': '/', 'pool': 'x'}%s%s}}",
                                            config, devices[0] != '\0' ? ", " : "", devices);
    g_autofree char *all = NULL;

    fixture_init(&fixture);
    add_project(&fixture, project);
    fixture_add(&fixture, KIND_INSTANCE, "p", "a", spec);
    fixture_check_limits(&fixture, "p");
    all = fixture_text(&fixture);
    if (part == NULL)
        cr_expect(fixture_count(&fixture, PROBLEM_ERROR) == 0, "%s %s %s: %s", rules, config,
                  devices, all);
    else
        cr_expect(fixture_found(&fixture, PROBLEM_ERROR, path, part), "%s %s %s: no \"%s\" in: %s",
                  rules, config, devices, part, all);
}

/* PJ-155 */
Test(restrictions, lowlevel)
{
    static const char *const keys[] = {"raw.lxc",
                                       "raw.apparmor",
                                       "raw.seccomp",
                                       "boot.host_shutdown_timeout",
                                       "linux.kernel_modules",
                                       "security.devlxd.images",
                                       "security.idmap.base",
                                       "security.idmap.size",
                                       "security.syscalls.intercept.mount.allowed",
                                       "security.syscalls.intercept.mount.shift",
                                       "security.syscalls.intercept.sched_setscheduler"};

    for (guint i = 0; i < G_N_ELEMENTS(keys); i++) {
        g_autofree char *config = g_strdup_printf("'%s': '1'", keys[i]);
        g_autofree char *path = g_strdup_printf("config/%s", keys[i]);

        restricted("", config, "", path, "restricted.containers.lowlevel is block");
        restricted("'restricted.containers.lowlevel': 'allow'", config, "", NULL, NULL);
    }
    restricted("", "'limits.memory.swap': 'false', 'user.x': 'y'", "", NULL, NULL);
    restricted("", "'volatile.eth0.hwaddr': '00:16:3e:00:00:01', 'volatile.base_image': 'x'", "",
               NULL, NULL);
    restricted("", "'volatile.idmap.base': '0'", "", "config/volatile.idmap.base", "not allowed");
}

/* PJ-156 to PJ-158, PJ-180 */
Test(restrictions, privilege)
{
    restricted("", "'security.nesting': 'true'", "", "config/security.nesting",
               "restricted.containers.nesting");
    restricted("", "'security.nesting': 'false'", "", NULL, NULL);
    restricted("'restricted.containers.nesting': 'allow'", "'security.nesting': 'true'", "", NULL,
               NULL);
    restricted("'restricted.containers.nesting': 'allow'", "'raw.lxc': 'a=b'", "", "config/raw.lxc",
               "not allowed");
    restricted("'restricted.containers.nesting': 'allow'", "'security.privileged': 'true'", "",
               "config/security.privileged", "unprivileged");
    restricted("'restricted.containers.privilege': 'allow'", "'security.privileged': 'true'", "",
               NULL, NULL);
    restricted("'restricted.containers.privilege': 'isolated'", "", "",
               "config/security.idmap.isolated", "must be true");
    restricted("'restricted.containers.privilege': 'isolated'",
               "'security.idmap.isolated': 'false'", "", "config/security.idmap.isolated",
               "must be true");
    restricted("'restricted.containers.privilege': 'isolated'", "'security.idmap.isolated': 'yes'",
               "", NULL, NULL);
    restricted("", "'security.syscalls.intercept.mknod': 'true'", "",
               "config/security.syscalls.intercept.mknod", "interception");
    restricted("", "'security.syscalls.intercept.mknod': 'false'", "", NULL, NULL);
    restricted("'restricted.containers.interception': 'allow'",
               "'security.syscalls.intercept.mknod': 'true'", "", NULL, NULL);
    restricted("'restricted.containers.interception': 'full'",
               "'security.syscalls.intercept.mknod': 'true'", "",
               "config/security.syscalls.intercept.mknod", "interception");
}

/* PJ-159, PJ-160 */
Test(restrictions, disks)
{
    static const char *const allowed =
        "'restricted.devices.disk': 'allow', 'restricted.devices.disk.paths': '/srv/p, /opt'";

    restricted("'restricted.devices.disk': 'block'", "", "", NULL, NULL);
    restricted("", "", "'d': {'type': 'disk', 'path': '/x', 'source': '/srv'}", "devices/d",
               "restricted.devices.disk is managed");
    restricted("", "", "'d': {'type': 'disk', 'path': '/x', 'source': 'v', 'pool': 'x'}", NULL,
               NULL);
    restricted("", "", "'d': {'type': 'disk', 'source': 'cloud-init:config'}", NULL, NULL);
    restricted("'restricted.devices.disk': 'block'", "",
               "'d': {'type': 'disk', 'path': '/x', 'source': 'v', 'pool': 'x'}", "devices/d",
               "block");
    restricted("'restricted.devices.disk': 'allow'", "",
               "'d': {'type': 'disk', 'path': '/x', 'source': '/anything', 'shift': 'true'}", NULL,
               NULL);
    restricted(allowed, "", "'d': {'type': 'disk', 'path': '/x', 'source': '/srv/p'}", NULL, NULL);
    restricted(allowed, "", "'d': {'type': 'disk', 'path': '/x', 'source': '/opt/a/b'}", NULL,
               NULL);
    restricted(allowed, "", "'d': {'type': 'disk', 'path': '/x', 'source': '/srv/p/../q'}",
               "devices/d", "disk.paths");
    restricted(allowed, "", "'d': {'type': 'disk', 'path': '/x', 'source': '/srv/pq'}", "devices/d",
               "disk.paths");
    restricted(allowed, "",
               "'d': {'type': 'disk', 'path': '/x', 'source': '/srv/p', 'shift': 'true'}",
               "devices/d/shift", "not allowed");
}

/* PJ-161 to PJ-169, PJ-183 */
Test(restrictions, devices)
{
    static const char *const types[] = {"gpu",        "infiniband", "pci",          "proxy",
                                        "unix-block", "unix-char",  "unix-hotplug", "usb"};

    for (guint i = 0; i < G_N_ELEMENTS(types); i++) {
        g_autofree char *device = g_strdup_printf("'d': {'type': '%s'}", types[i]);
        g_autofree char *rule = g_strdup_printf("'restricted.devices.%s': 'allow'", types[i]);

        restricted("", "", device, "devices/d", types[i]);
        restricted(rule, "", device, NULL, NULL);
    }
    restricted("", "", "'d': {'type': 'tpm', 'path': '/dev/tpm0'}, 'e': {'type': 'none'}", NULL,
               NULL);
    restricted("", "", "'d': {'type': 'nic', 'network': 'lan'}", NULL, NULL);
    restricted("", "", "'d': {'type': 'nic', 'nictype': 'bridged', 'parent': 'lan'}", "devices/d",
               "restricted.devices.nic");
    restricted("'restricted.devices.nic': 'block'", "", "'d': {'type': 'nic', 'network': 'lan'}",
               "devices/d", "restricted.devices.nic");
    restricted("'restricted.devices.nic': 'allow'", "", "'d': {'type': 'nic', 'nictype': 'p2p'}",
               NULL, NULL);
}

/* PJ-170, PJ-171 */
Test(restrictions, idmap)
{
    static const char *const ranges =
        "'restricted.idmap.uid': '1000-1999', 'restricted.idmap.gid': '1000'";

    restricted("", "'raw.idmap': 'both 1000 1000'", "", "config/raw.idmap", "not allowed");
    restricted("'restricted.containers.lowlevel': 'allow'", "'raw.idmap': 'both 5 1000'", "", NULL,
               NULL);
    restricted(ranges, "'raw.idmap': 'both 1000 1000'", "", NULL, NULL);
    restricted(ranges, "'raw.idmap': 'uid 1000-1999 0-999'", "", NULL, NULL);
    restricted(ranges, "'raw.idmap': 'uid 1000-2000 0-1000'", "", "config/raw.idmap", "outside");
    restricted(ranges, "'raw.idmap': 'both 1001 1001'", "", "config/raw.idmap", "outside");
    restricted(ranges, "'raw.idmap': 'gid 1001 1001'", "", "config/raw.idmap", "outside");
}

/* PJ-141, PJ-181 */
Test(restrictions, inert_while_off)
{
    g_auto(Fixture) fixture = {0};

    fixture_init(&fixture);
    add_project(&fixture,
                "'restricted.devices.nic': 'block', 'restricted.containers.lowlevel': 'block'");
    add_instance(&fixture, "a", "'raw.lxc': 'a=b', 'security.privileged': 'true'", NULL);
    fixture_check_limits(&fixture, "p");
    cr_expect(fixture_count(&fixture, PROBLEM_ERROR) == 0);
}

/* PJ-155, PJ-182: a profile is judged even when unused, and low-level keys in it need both rules.
 */
Test(restrictions, profiles)
{
    static const struct {
        const char *rules;
        guint errors;
    } cases[] = {{"'restricted': 'true'", 2},
                 {"'restricted': 'true', 'restricted.containers.lowlevel': 'allow'", 2},
                 {"'restricted': 'true', 'restricted.containers.lowlevel': 'allow', "
                  "'restricted.virtual-machines.lowlevel': 'allow'",
                  1},
                 {"'restricted': 'true', 'restricted.containers.lowlevel': 'allow', "
                  "'restricted.virtual-machines.lowlevel': 'allow', "
                  "'restricted.containers.privilege': 'allow'",
                  0}};

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(Fixture) fixture = {0};
        g_autofree char *all = NULL;

        fixture_init(&fixture);
        add_project(&fixture, cases[i].rules);
        fixture_add(&fixture, KIND_PROFILE, "p", "bad",
                    "{'config': {'security.privileged': 'true', 'raw.lxc': 'a=b'}}");
        fixture_check_limits(&fixture, "p");
        all = fixture_text(&fixture);
        cr_expect(fixture_count(&fixture, PROBLEM_ERROR) == cases[i].errors, "%s: %s",
                  cases[i].rules, all);
    }
}

/* PJ-173, PJ-174 */
Test(restrictions, networks)
{
    g_auto(Fixture) fixture = {0};
    g_autofree char *all = NULL;

    fixture_init(&fixture);
    add_project(&fixture,
                "'restricted': 'true', 'features.networks': 'true', 'restricted.networks.uplinks': "
                "'wan', 'restricted.networks.zones': 'example.org'");
    fixture_add(
        &fixture, KIND_NETWORK, "p", "a",
        "{'type': 'ovn', 'config': {'network': 'wan', 'dns.zone.forward': 'lab.example.org'}}");
    fixture_add(
        &fixture, KIND_NETWORK, "p", "b",
        "{'type': 'ovn', 'config': {'network': 'lan', 'dns.zone.forward': 'badexample.org'}}");
    fixture_check_limits(&fixture, "p");
    all = fixture_text(&fixture);
    cr_expect(fixture_count(&fixture, PROBLEM_ERROR) == 2, "%s", all);
    cr_expect(
        fixture_found(&fixture, PROBLEM_ERROR, "config/network", "restricted.networks.uplinks"));
    cr_expect(fixture_found(&fixture, PROBLEM_ERROR, "config/dns.zone.forward",
                            "restricted.networks.zones"));
}
