/* NICs and disks of containers on the real host: at start, plugged and unplugged while they run,
 * and undone (devices.md). */
#include <criterion/criterion.h>

#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "network/link.h"
#include "scene.h"

TestSuite(devices, .timeout = 60);

static const Object *with(Scene *scene, const char *devices)
{
    return scene_instance(scene, "c1", "{}", devices, "{'state': 'running'}");
}

static void bridge(const char *name)
{
    g_autoptr(GError) error = NULL;

    cr_assert(link_add_bridge(name, "00:16:3e:aa:00:01", 1500, NULL, &error) &&
                  link_set_up(name, TRUE, &error),
              "%s", error != NULL ? error->message : "");
}

#define BRIDGED                                                                                    \
    "{'eth0': {'type': 'nic', 'nictype': 'bridged', 'parent': 'tbr0', 'host_name': 'vtest0'}}"

Test(devices, bridged)
{
    SCENE();
    const Object *c;
    g_autofree char *text = NULL;
    g_autoptr(Link) link = NULL;

    bridge("tbr0");
    c = with(scene, BRIDGED);
    scene_must(scene, c);
    link = link_get("vtest0", NULL);
    cr_assert(link != NULL);
    cr_expect_str_eq(link->master, "tbr0");
    cr_expect_str_eq(link->alias, "berth:instance/default//c1");
    cr_expect(link->up);
    scene_run(scene, c, "cat /sys/class/net/eth0/address /sys/class/net/eth0/flags", &text);
    cr_expect_eq(strncmp(text, "00:16:3e:", 9), 0, "%s", text);
    has_text(text, "0x1003");
}

/* D-GEN-05: plugged while it runs, the same as from the start. */
Test(devices, nic_hot)
{
    SCENE();
    const Object *c;
    g_autoptr(GError) error = NULL;
    g_autofree char *text = NULL;
    pid_t init;

    bridge("tbr0");
    scene_must(scene, with(scene, "{}"));
    init = scene_init(scene, "c1");
    c = with(scene, BRIDGED);
    scene_must(scene, c);
    cr_expect_eq(scene_init(scene, "c1"), init);
    scene_run(scene, c, "cat /sys/class/net/eth0/address /sys/class/net/eth0/flags", &text);
    has_text(text, "0x1003");
    cr_assert(scene_undo(scene, &error));
    cr_expect_not(link_exists("vtest0"));
    cr_expect_neq(scene_run(scene, c, "test -e /sys/class/net/eth0", NULL), 0);
    scene_must(scene, c);
    c = with(scene, "{}");
    scene_must(scene, c);
    cr_expect_not(link_exists("vtest0"));
    cr_assert(scene_undo(scene, &error));
    cr_expect(link_exists("vtest0"));
    cr_expect_eq(scene_init(scene, "c1"), init);
}

#define P2P(MORE) "{'eth0': {'type': 'nic', 'nictype': 'p2p', 'host_name': 'vtest1'" MORE "}}"

Test(devices, p2p)
{
    SCENE();
    g_autoptr(GPtrArray) routes = NULL;
    const Object *c =
        with(scene, P2P(", 'mtu': '1400', 'hwaddr': '00:16:3E:11:22:33', 'name': 'lan', "
                        "'ipv4.routes': '192.0.2.0/24', 'ipv6.routes': '2001:db8::/64', "
                        "'limits.max': '10Mbit'"));
    g_autoptr(Link) link = NULL;
    g_autofree char *text = NULL;
    guint64 ingress, egress;

    scene_must(scene, c);
    link = link_get("vtest1", NULL);
    cr_assert(link != NULL && link->master == NULL);
    cr_expect_eq(link->mtu, 1400);
    scene_run(scene, c, "cat /sys/class/net/lan/address /sys/class/net/lan/mtu", &text);
    cr_expect_str_eq(text, "00:16:3e:11:22:33\n1400");
    routes = link_routes("vtest1", LINK_ROUTE_BOOT, NULL);
    cr_assert_eq(routes->len, 2);
    cr_expect_str_eq(routes->pdata[0], "192.0.2.0/24");
    cr_assert(link_limits("vtest1", &ingress, &egress, NULL));
    cr_expect_eq(ingress, 10000000);
    cr_expect_eq(egress, 10000000);
}

/* D-NIC-BR-25: rates and routes change in place. */
Test(devices, nic_live)
{
    SCENE();
    g_autoptr(GPtrArray) routes = NULL;
    g_autoptr(GError) error = NULL;
    g_autoptr(Link) before = NULL;
    g_autoptr(Link) after = NULL;
    guint64 ingress, egress;

    scene_must(scene, with(scene, P2P("")));
    before = link_get("vtest1", NULL);
    scene_must(scene,
               with(scene, P2P(", 'limits.ingress': '5Mbit', 'ipv4.routes': '192.0.2.0/24'")));
    after = link_get("vtest1", NULL);
    cr_expect_eq(before->index, after->index);
    cr_assert(link_limits("vtest1", &ingress, &egress, NULL));
    cr_expect_eq(ingress, 5000000);
    cr_expect_eq(egress, 0);
    cr_assert(scene_undo(scene, &error));
    cr_assert(link_limits("vtest1", &ingress, &egress, NULL));
    cr_expect_eq(ingress, 0);
    routes = link_routes("vtest1", LINK_ROUTE_BOOT, NULL);
    cr_expect_eq(routes->len, 0);
}

/* D-NIC-BR-09, D-NIC-BR-10: each direction has its own rate, on a bridge as between two points. */
static void is_limited(guint64 towards, guint64 from)
{
    guint64 ingress, egress;

    cr_assert(link_limits("vtest1", &ingress, &egress, NULL));
    cr_expect_eq(ingress, towards);
    cr_expect_eq(egress, from);
}

Test(devices, nic_rates)
{
    SCENE();
    const char *bridged = "{'eth0': {'type': 'nic', 'nictype': 'bridged', 'parent': 'tbr0', "
                          "'host_name': 'vtest1', 'mtu': '1400', 'limits.ingress': '3Mbit', "
                          "'limits.egress': '4Mbit'}}";
    g_autoptr(Link) link = NULL;

    bridge("tbr0");
    scene_must(scene, with(scene, P2P(", 'limits.ingress': '1Mbit', 'limits.egress': '2Mbit'")));
    is_limited(1000000, 2000000);
    scene_must(scene, with(scene, bridged));
    is_limited(3000000, 4000000);
    link = link_get("vtest1", NULL);
    cr_expect_eq(link->mtu, 1400);
    scene_must(scene, with(scene, P2P("")));
    is_limited(0, 0);
}

/* Another name is a new plug, still without a restart. */
Test(devices, nic_replug)
{
    SCENE();
    const Object *c = with(scene, P2P(""));
    pid_t init;

    scene_must(scene, c);
    init = scene_init(scene, "c1");
    c = with(scene, P2P(", 'name': 'other'"));
    scene_must(scene, c);
    cr_expect_eq(scene_init(scene, "c1"), init);
    cr_expect_eq(
        scene_run(scene, c, "test -e /sys/class/net/other && ! test -e /sys/class/net/eth0", NULL),
        0);
}

Test(devices, port_isolation)
{
    SCENE();
    g_autoptr(Link) link = NULL;

    bridge("tbr0");
    scene_must(scene,
               with(scene,
                    "{'eth0': {'type': 'nic', 'nictype': 'bridged', 'parent': 'tbr0', 'host_name': "
                    "'vtest0', 'security.port_isolation': 'true'}}"));
    link = link_get("vtest0", NULL);
    cr_expect(link->isolated);
}

/* D-GEN-12 and what is not ours stays. */
Test(devices, foreign_link_is_kept)
{
    SCENE();
    g_autoptr(GError) error = NULL;
    const Object *c = with(scene, P2P(""));

    cr_assert(link_add_bridge("vtest1", "00:16:3e:aa:00:02", 1500, NULL, NULL));
    cr_expect_not(scene_apply(scene, c, &error));
    has_text(error->message, "vtest1");
    cr_assert(scene_undo(scene, NULL));
    cr_expect(link_exists("vtest1"));
}

Test(devices, nic_drift)
{
    SCENE();
    const Object *c = with(scene, P2P(""));

    scene_must(scene, c);
    cr_assert(link_delete("vtest1", NULL));
    cr_expect_not(scene_is_converged(scene, c));
    scene_must(scene, c);
    cr_expect_eq(scene_run(scene, c, "test -e /sys/class/net/eth0", NULL), 0);
}

/* ---- disks ---- */

static char *host_folder(Scene *scene, const char *name)
{
    char *path = g_build_filename(scene->dir, name, NULL);
    g_autofree char *file = g_build_filename(path, "file", NULL);

    cr_assert(g_mkdir_with_parents(path, 0777) == 0 && chmod(path, 0777) == 0);
    cr_assert(g_file_set_contents(file, "hello", -1, NULL) && chmod(file, 0644) == 0);
    return path;
}

static const Object *disk(Scene *scene, const char *source, const char *more)
{
    g_autofree char *devices = g_strdup_printf(
        "{'d': {'type': 'disk', 'source': '%s', 'path': '/data/in'%s}}", source, more);

    return with(scene, devices);
}

static void use_disk(Scene *scene, gboolean hot)
{
    g_autofree char *source = host_folder(scene, "source one");
    const Object *c;
    g_autofree char *text = NULL;
    pid_t init = 0;

    if (hot) {
        scene_must(scene, with(scene, "{}"));
        init = scene_init(scene, "c1");
    }
    c = disk(scene, source, "");
    scene_must(scene, c);
    cr_expect_eq(scene_run(scene, c, "cat /data/in/file; touch /data/in/new", &text), 0);
    cr_expect_str_eq(text, "hello");
    c = disk(scene, source, ", 'readonly': 'true'");
    scene_must(scene, c);
    cr_expect_neq(scene_run(scene, c, "touch /data/in/new2", NULL), 0);
    if (hot)
        cr_expect_eq(scene_init(scene, "c1"), init);
    c = with(scene, "{}");
    scene_must(scene, c);
    cr_expect_neq(scene_run(scene, c, "test -e /data/in/file", NULL), 0);
}

Test(devices, disk_from_start)
{
    SCENE();
    use_disk(scene, FALSE);
}

Test(devices, disk_hot)
{
    SCENE();
    use_disk(scene, TRUE);
}

/* The mount point made for a disk goes with it, one that was there stays (LAW-3). */
Test(devices, disk_undo)
{
    SCENE();
    g_autofree char *source = host_folder(scene, "source");
    g_autoptr(GError) error = NULL;
    const Object *c = with(scene, "{}");

    scene_must(scene, c);
    c = disk(scene, source, "");
    scene_must(scene, c);
    cr_assert(scene_undo(scene, &error));
    cr_expect_neq(scene_run(scene, c, "test -e /data/in", NULL), 0);
    scene_run(scene, c, "mkdir -p /data/in", NULL);
    scene_must(scene, c);
    cr_assert(scene_undo(scene, &error));
    cr_expect_eq(scene_run(scene, c, "test -d /data/in && ! test -e /data/in/file", NULL), 0);
}

Test(devices, disk_file)
{
    SCENE();
    g_autofree char *source = host_folder(scene, "source");
    g_autofree char *file = g_build_filename(source, "file", NULL);
    const Object *c = with(scene, "{}");
    g_autofree char *text = NULL;

    scene_must(scene, c);
    c = disk(scene, file, "");
    scene_must(scene, c);
    scene_run(scene, c, "cat /data/in", &text);
    cr_expect_str_eq(text, "hello");
}

/* D-DISK-13: owners as they are on the host, by an idmapped mount. */
static void shift(Scene *scene, gboolean hot)
{
    g_autofree char *source = host_folder(scene, "source");
    const Object *c;
    g_autofree char *text = NULL;

    if (hot)
        scene_must(scene, with(scene, "{}"));
    c = disk(scene, source, ", 'shift': 'true'");
    scene_must(scene, c);
    scene_run(scene, c, "stat -c %u /data/in/file; touch /data/in/mine; stat -c %u /data/in/mine",
              &text);
    cr_expect_str_eq(text, "0\n0");
    {
        g_autofree char *mine = g_build_filename(source, "mine", NULL);
        struct stat status;

        cr_assert(stat(mine, &status) == 0);
        cr_expect_eq(status.st_uid, 0);
    }
    c = disk(scene, source, "");
    scene_must(scene, c);
    g_clear_pointer(&text, g_free);
    scene_run(scene, c, "stat -c %u /data/in/file", &text);
    cr_expect_str_eq(text, "65534", "SEC-51");
}

Test(devices, disk_shift_from_start)
{
    SCENE();
    shift(scene, FALSE);
}

Test(devices, disk_shift_hot)
{
    SCENE();
    shift(scene, TRUE);
}

/* D-DISK-10 */
static void recursive(Scene *scene, gboolean hot)
{
    g_autofree char *source = host_folder(scene, "source");
    g_autofree char *below = host_folder(scene, "source/below");
    const Object *c;

    cr_assert(mount("none", below, "tmpfs", 0, NULL) == 0);
    {
        g_autofree char *file = g_build_filename(below, "inner", NULL);

        cr_assert(g_file_set_contents(file, "x", -1, NULL));
    }
    if (hot)
        scene_must(scene, with(scene, "{}"));
    c = disk(scene, source, ", 'recursive': 'true'");
    scene_must(scene, c);
    cr_expect_eq(scene_run(scene, c, "test -e /data/in/below/inner", NULL), 0);
    c = disk(scene, source, "");
    scene_must(scene, c);
    cr_expect_neq(scene_run(scene, c, "test -e /data/in/below/inner", NULL), 0);
    umount2(below, MNT_DETACH);
}

Test(devices, disk_recursive_from_start)
{
    SCENE();
    recursive(scene, FALSE);
}

Test(devices, disk_recursive_hot)
{
    SCENE();
    recursive(scene, TRUE);
}

/* D-DISK-12 */
static void propagation(Scene *scene, gboolean hot)
{
    g_autofree char *source = host_folder(scene, "source");
    g_autofree char *below = host_folder(scene, "source/below");
    const Object *c;

    cr_assert(mount(source, source, NULL, MS_BIND, NULL) == 0);
    cr_assert(mount(NULL, source, NULL, MS_SHARED, NULL) == 0);
    if (hot)
        scene_must(scene, with(scene, "{}"));
    c = disk(scene, source, ", 'propagation': 'slave'");
    scene_must(scene, c);
    cr_assert(mount("none", below, "tmpfs", 0, NULL) == 0);
    cr_expect_eq(scene_run(scene, c, "grep -q ' /data/in/below ' /proc/mounts", NULL), 0, "slave");
    umount2(below, 0);
    c = disk(scene, source, "");
    scene_must(scene, c);
    cr_assert(mount("none", below, "tmpfs", 0, NULL) == 0);
    cr_expect_neq(scene_run(scene, c, "grep -q ' /data/in/below ' /proc/mounts", NULL), 0,
                  "private");
    umount2(below, 0);
    umount2(source, MNT_DETACH);
}

Test(devices, disk_propagation_from_start)
{
    SCENE();
    propagation(scene, FALSE);
}

Test(devices, disk_propagation_hot)
{
    SCENE();
    propagation(scene, TRUE);
}

/* D-DISK-06: an optional source that is not there is as it should be; once it is there, it is
 * mounted. */
Test(devices, disk_not_required)
{
    SCENE();
    g_autofree char *path = g_build_filename(scene->dir, "later", NULL);
    const Object *c = disk(scene, path, ", 'required': 'false'");
    g_autofree char *made = NULL;

    scene_must(scene, c);
    made = host_folder(scene, "later");
    cr_expect_not(scene_is_converged(scene, c));
    scene_must(scene, c);
    cr_expect_eq(scene_run(scene, c, "test -e /data/in/file", NULL), 0);
}

/* D-DISK-18: the old word for the same. */
Test(devices, disk_optional)
{
    SCENE();
    g_autoptr(GError) error = NULL;
    const Object *c = disk(scene, "/no/such", ", 'optional': 'true'");

    scene_must(scene, c);
    cr_expect_neq(scene_run(scene, c, "test -e /data/in", NULL), 0);
    cr_expect_not(scene_apply(scene, disk(scene, "/no/such", ", 'optional': 'false'"), &error));
    has_text(error->message, "device d: source /no/such");
    cr_assert(scene_undo(scene, NULL));
}

/* D-GEN-06 */
Test(devices, disk_missing_hot)
{
    SCENE();
    g_autoptr(GError) error = NULL;
    const Object *c;

    scene_must(scene, with(scene, "{}"));
    c = disk(scene, "/no/such", "");
    cr_expect_not(scene_apply(scene, c, &error));
    has_text(error->message, "device d: source /no/such");
    cr_assert(scene_undo(scene, NULL));
    scene_must(scene, with(scene, "{}"));
}

/* Paths of disks are walked inside the container's root: a link there cannot lead to the host's
 * files. */
Test(devices, disk_cannot_escape)
{
    SCENE();
    g_autofree char *source = host_folder(scene, "source");
    g_autofree char *target = host_folder(scene, "target");
    g_autofree char *command = g_strdup_printf("ln -s %s /data", scene->dir);
    g_autofree char *outside = g_build_filename(scene->dir, "in", NULL);
    const Object *c = with(scene, "{}");

    scene_must(scene, c);
    cr_assert_eq(scene_run(scene, c, command, NULL), 0);
    c = disk(scene, source, "");
    scene_apply(scene, c, NULL);
    cr_expect_not(g_file_test(outside, G_FILE_TEST_EXISTS));
    scene_undo(scene, NULL);
}

/* D-DISK-21, D-DISK-14 */
static void block(Scene *scene, gboolean hot)
{
    g_autofree char *image = g_build_filename(scene->dir, "image", NULL);
    g_autofree char *command =
        g_strdup_printf("truncate -s 8M %s && mkfs.ext4 -q -E root_owner=1000000:1000000 %s && "
                        "losetup -f --show %s",
                        image, image, image);
    g_autofree char *output = NULL;
    g_autofree char *detach = NULL;
    const char *argv[] = {"/bin/sh", "-c", command, NULL};
    const Object *c;
    int status;

    if (!g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_STDERR_TO_DEV_NULL, NULL, NULL, &output,
                      NULL, &status, NULL) ||
        status != 0)
        cr_skip_test("no loop device or no mkfs.ext4");
    g_strchomp(output);
    detach = g_strdup_printf("losetup -d %s", output);
    if (hot)
        scene_must(scene, with(scene, "{}"));
    c = disk(scene, output, "");
    scene_must(scene, c);
    cr_expect_eq(scene_run(scene, c, "test -d /data/in/lost+found && touch /data/in/x", NULL), 0);
    c = disk(scene, output, ", 'raw.mount.options': 'stripe=7,errors=continue'");
    scene_must(scene, c);
    cr_expect_eq(scene_run(scene, c, "grep -q ' /data/in ext4 .*stripe=7' /proc/mounts", NULL), 0);
    c = with(scene, "{}");
    scene_must(scene, c);
    c = scene_instance(scene, "c1", "{}", "{}", "{'state': 'stopped'}");
    scene_must(scene, c);
    argv[2] = detach;
    cr_expect(g_spawn_sync(NULL, (char **)argv, NULL, 0, NULL, NULL, NULL, NULL, &status, NULL) &&
              status == 0);
}

Test(devices, disk_block_from_start)
{
    SCENE();
    block(scene, FALSE);
}

Test(devices, disk_block_hot)
{
    SCENE();
    block(scene, TRUE);
}
