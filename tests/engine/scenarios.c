#include "scenarios.h"

#include <stddef.h>

#define POOL "storage_pools:\n  - {name: data, driver: dir}\n"
#define NETWORK(config)                                                                            \
    "networks:\n  - name: lan\n    config: {ipv4.address: 10.91.0.1/24, ipv4.nat: true, "          \
    "ipv6.address: none" config "}\n"
#define IMAGE "images:\n  - {name: busybox, source: 'builtin:busybox'}\n"
/* The same busybox under another fingerprint: an image file that the test makes is named by the
 * environment. */
#define SECOND_IMAGE "  - {name: second, source: /tmp/berth-test-second-image.tar}\n"
#define PROFILE(config, devices)                                                                   \
    "profiles:\n  - name: default\n    config: {" config "}\n    devices:\n"                       \
    "      root: {type: disk, path: /, pool: data}\n      eth0: {type: nic, network: "             \
    "lan}\n" devices
#define BASE POOL NETWORK("") IMAGE PROFILE("", "")
#define INSTANCE(name, state, rest)                                                                \
    "  - name: " name "\n    image: busybox\n    state: " state                                    \
    "\n    config: {boot.host_shutdown_timeout: 5}\n" rest

#define POOLS                                                                                      \
    "storage_pools:\n  - {name: data, driver: dir}\n"                                              \
    "  - {name: fast, driver: btrfs, config: {size: 256MiB}}\n"
#define ON_POOL(pool, size)                                                                        \
    "instances:\n  - name: web\n    image: busybox\n    profiles: []\n    devices:\n"              \
    "      root: {type: disk, path: /, pool: " pool ", size: " size "}\n"

const Scenario SCENARIOS[] = {
    {"create everything", "",
     BASE "instances:\n" INSTANCE("web", "running", "") INSTANCE("db", "stopped", "")},
    {"destroy everything", BASE "instances:\n" INSTANCE("web", "running", ""), ""},
    {"delete one beside a create", BASE "instances:\n" INSTANCE("web", "running", ""),
     BASE "instances:\n" INSTANCE("db", "running", "")},
    {"change a network", BASE "instances:\n" INSTANCE("web", "running", ""),
     POOL NETWORK(", bridge.mtu: 1400, ipv4.routes: 198.51.100.0/24, dns.domain: example, "
                  "ipv4.firewall: false")
         IMAGE PROFILE("", "") "instances:\n" INSTANCE("web", "running", "")},
    {"external interface", BASE,
     POOL NETWORK(", bridge.external_interfaces: ext0") IMAGE PROFILE("", "")},
    {"release an external interface",
     POOL NETWORK(", bridge.external_interfaces: ext0") IMAGE PROFILE("", ""), BASE},
    {"live keys", BASE "instances:\n" INSTANCE("web", "running", ""),
     POOL NETWORK("") IMAGE PROFILE("limits.memory: 128MiB, limits.processes: 100",
                                    "") "instances:\n" INSTANCE("web", "running", "")},
    {"restart", BASE "instances:\n" INSTANCE("web", "running", ""),
     POOL NETWORK("") IMAGE PROFILE("linux.sysctl.net.ipv4.ip_forward: 1",
                                    "") "instances:\n" INSTANCE("web", "running", "")},
    {"freeze", BASE "instances:\n" INSTANCE("web", "running", ""),
     BASE "instances:\n" INSTANCE("web", "frozen", "")},
    {"hot plug", BASE "instances:\n" INSTANCE("web", "running", ""),
     POOL NETWORK("") IMAGE PROFILE(
         "", "      eth1: {type: nic, nictype: p2p}\n      srv: {type: disk, source: /usr/share, "
             "path: /mnt}\n") "instances:\n" INSTANCE("web", "running", "")},
    {"unplug and change a device",
     POOL NETWORK("") IMAGE PROFILE(
         "", "      eth1: {type: nic, nictype: p2p}\n      srv: {type: disk, source: /usr/share, "
             "path: /mnt}\n") "instances:\n" INSTANCE("web", "running", ""),
     POOL NETWORK("") IMAGE PROFILE("", "      eth1: {type: nic, nictype: p2p, limits.max: "
                                        "10Mbit}\n") "instances:\n" INSTANCE("web", "running", "")},
    {"static address", BASE "instances:\n" INSTANCE("web", "running", ""),
     BASE "instances:\n" INSTANCE(
         "web", "running",
         "    devices:\n      eth0: {type: nic, network: lan, ipv4.address: 10.91.0.9}\n")},
    {"rename", BASE "instances:\n" INSTANCE("web", "running", ""),
     BASE "instances:\n" INSTANCE("shop", "running", "    renamed_from: web\n")},
    {"rebuild", BASE "instances:\n" INSTANCE("web", "running", ""),
     POOL NETWORK("") IMAGE SECOND_IMAGE PROFILE(
         "", "") "instances:\n  - name: web\n    image: second\n    state: running\n"},
    {"after an accident", BASE "instances:\n" INSTANCE("web", "running", ""),
     BASE "instances:\n" INSTANCE("web", "running", ""), 1},
    {"btrfs pool with a limit", BASE,
     "storage_pools:\n  - {name: data, driver: dir}\n  - {name: fast, driver: btrfs, config: "
     "{size: 256MiB}}\n" NETWORK("") IMAGE PROFILE(
         "", "") "instances:\n  - name: web\n    image: busybox\n    state: running\n    devices:\n"
                 "      root: {type: disk, path: /, pool: fast, size: 64MiB}\n"},
    {"change a limit and pool options",
     "storage_pools:\n  - {name: fast, driver: btrfs, config: {size: 256MiB}}\n" IMAGE
     "instances:\n  - name: web\n    image: busybox\n    profiles: []\n    devices:\n"
     "      root: {type: disk, path: /, pool: fast, size: 64MiB}\n",
     "storage_pools:\n  - {name: fast, driver: btrfs, config: {size: 256MiB, btrfs.mount_options: "
     "'user_subvol_rm_allowed,noatime'}}\n" IMAGE
     "instances:\n  - name: web\n    image: busybox\n    profiles: []\n    devices:\n"
     "      root: {type: disk, path: /, pool: fast, size: 96MiB}\n"},
    {"delete all for good",
     POOL NETWORK("")
         IMAGE SECOND_IMAGE PROFILE("", "") "instances:\n" INSTANCE("web", "stopped", ""),
     "",
     0,
     {"instance", "image", "network", "pool"}},
    {"rebuild without room for both roots",
     BASE "instances:\n" INSTANCE("web", "stopped", ""),
     POOL NETWORK("") IMAGE SECOND_IMAGE PROFILE(
         "", "") "instances:\n  - name: web\n    image: second\n    state: stopped\n",
     0,
     {"instance/web"}},
    {"root to another pool", POOLS IMAGE ON_POOL("data", "64MiB"),
     POOLS IMAGE ON_POOL("fast", "64MiB")},
    {.name = NULL},
};

Plan *scenario_plan(World *world, const Scenario *scenario, GError **error)
{
    const Snapshot *stored = engine_stored(world->engine);
    g_autoptr(GPtrArray) no_park = g_ptr_array_new();
    g_autoptr(GPtrArray) keys = g_ptr_array_new();
    PlanOptions options = world_options();

    for (guint i = 0; scenario->no_park[i] != NULL; i++)
        g_ptr_array_add(no_park, (gpointer)scenario->no_park[i]);
    if (no_park->len > 0)
        options.no_park = no_park;
    if (*scenario->desired != '\0')
        return world_plan(world, scenario->desired, &options, error);
    for (guint i = 0; i < snapshot_size(stored); i++)
        g_ptr_array_add(keys, snapshot_at(stored, i)->key);
    return engine_plan_delete(world->engine, keys, &options, error);
}

gboolean scenario_apply(World *world, const Scenario *scenario, GError **error)
{
    g_autoptr(Plan) plan = scenario_plan(world, scenario, error);
    g_auto(ApplyResult) result = {0};

    return plan != NULL && world_apply_plan(world, plan, &result, error);
}
