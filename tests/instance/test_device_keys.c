/* Keys of devices, by what the kernel and the container make of them: mount options, where a source
 * may lie, propagation, MTU (devices.md). */
#include <criterion/criterion.h>

#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "network/link.h"
#include "scene.h"

TestSuite(device_keys, .timeout = 60);

static const Object *with(Scene *scene, const char *devices)
{
    return scene_instance(scene, "c1", "{}", devices, "{'state': 'running'}");
}

static const Object *disk(Scene *scene, const char *source, const char *more)
{
    g_autofree char *devices = g_strdup_printf(
        "{'d': {'type': 'disk', 'source': '%s', 'path': '/data/in'%s}}", source, more);

    return with(scene, devices);
}

/* A folder of the host that anybody may write to, with a program in it. */
static char *host_folder(Scene *scene, const char *name)
{
    g_autofree char *path = g_build_filename(scene->dir, name, NULL);
    g_autofree char *program = g_build_filename(path, "program", NULL);

    cr_assert(g_mkdir_with_parents(path, 0777) == 0 && chmod(path, 0777) == 0);
    cr_assert(g_file_set_contents(program, "#!/bin/sh\necho ran\n", -1, NULL));
    cr_assert(chmod(program, 0755) == 0);
    return g_steal_pointer(&path);
}

static void does(Scene *scene, const Object *c, const char *command, gboolean wanted)
{
    cr_expect_eq(scene_run(scene, c, command, NULL) == 0, wanted, "%s", command);
}

static void refused(Scene *scene, const Object *c, const char *word)
{
    g_autoptr(GError) error = NULL;

    cr_assert_not(scene_apply(scene, c, &error));
    has_text(error->message, word);
    cr_assert(scene_undo(scene, NULL));
}

/* Nothing of what was mounted among the host's mounts meanwhile is left. */
static void nothing_is_left(Scene *scene)
{
    g_autofree char *path = g_build_filename(scene->dir, "devices", "c1", NULL);

    cr_expect_not(g_file_test(path, G_FILE_TEST_EXISTS));
}

/* ---- raw.mount.options (D-DISK-14) ---- */

static void options_of_folder(Scene *scene, gboolean hot)
{
    g_autofree char *source = host_folder(scene, "source");
    g_autofree char *of_file =
        g_strdup_printf("{'d': {'type': 'disk', 'source': '%s/program', 'path': '/data/file', "
                        "'raw.mount.options': 'noexec'}}",
                        source);
    const Object *c;

    if (hot)
        scene_must(scene, with(scene, "{}"));
    c = disk(scene, source, ", 'raw.mount.options': 'noexec,nosuid,noatime'");
    scene_must(scene, c);
    does(scene, c, "grep -q ' /data/in .*nosuid,.*noexec,.*noatime' /proc/mounts", TRUE);
    does(scene, c, "/data/in/program", FALSE);
    does(scene, c, "touch /data/in/new", TRUE);
    c = disk(scene, source, ", 'raw.mount.options': 'ro'");
    scene_must(scene, c);
    cr_expect(scene_is_converged(scene, c));
    does(scene, c, "/data/in/program", TRUE);
    does(scene, c, "touch /data/in/new2", FALSE);
    nothing_is_left(scene);
    scene_must(scene, with(scene, "{}"));
    c = with(scene, of_file);
    scene_must(scene, c);
    does(scene, c, "test -f /data/file && ! /data/file", TRUE);
    scene_must(scene, with(scene, "{}"));
    refused(scene, disk(scene, source, ", 'raw.mount.options': 'noexec,stripe=7'"), "stripe=7");
    nothing_is_left(scene);
}

Test(device_keys, options_of_folder_from_start)
{
    SCENE();
    options_of_folder(scene, FALSE);
}

Test(device_keys, options_of_folder_hot)
{
    SCENE();
    options_of_folder(scene, TRUE);
}

static char *host_output(const char *command)
{
    const char *argv[] = {"/bin/sh", "-c", command, NULL};
    char *output = NULL;
    int status;

    if (!g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_STDERR_TO_DEV_NULL, NULL, NULL, &output,
                      NULL, &status, NULL) ||
        status != 0)
        g_clear_pointer(&output, g_free);
    return output != NULL ? g_strchomp(output) : NULL;
}

static void options_of_block(Scene *scene, gboolean hot)
{
    g_autofree char *image = g_build_filename(scene->dir, "image", NULL);
    g_autofree char *make =
        g_strdup_printf("truncate -s 8M %s && mkfs.ext4 -q -E root_owner=1000000:1000000 %s && "
                        "losetup -f --show %s",
                        image, image, image);
    g_autofree char *device = host_output(make);
    g_autofree char *detach = g_strdup_printf("losetup -d %s", device);
    g_autofree char *done = NULL;
    const Object *c;

    if (device == NULL)
        cr_skip_test("no loop device or no mkfs.ext4");
    if (hot)
        scene_must(scene, with(scene, "{}"));
    c = disk(scene, device, ", 'raw.mount.options': 'noexec,noatime,stripe=7'");
    scene_must(scene, c);
    does(scene, c, "grep -q ' /data/in ext4 .*noexec,noatime.*stripe=7' /proc/mounts", TRUE);
    does(scene, c, "touch /data/in/x", TRUE);
    c = disk(scene, device, ", 'raw.mount.options': 'ro'");
    scene_must(scene, c);
    does(scene, c, "touch /data/in/y", FALSE);
    cr_expect(scene_is_converged(scene, c));
    nothing_is_left(scene);
    scene_must(scene, with(scene, "{}"));
    refused(scene, disk(scene, device, ", 'raw.mount.options': 'nosuchoption'"), "nosuchoption");
    nothing_is_left(scene);
    scene_must(scene, scene_instance(scene, "c1", "{}", "{}", "{'state': 'stopped'}"));
    done = host_output(detach);
    cr_expect(done != NULL);
}

Test(device_keys, options_of_block_from_start)
{
    SCENE();
    options_of_block(scene, FALSE);
}

Test(device_keys, options_of_block_hot)
{
    SCENE();
    options_of_block(scene, TRUE);
}

/* ---- restricted.devices.disk.paths (PJ-160) ---- */

static void confine(Scene *scene, const char *path)
{
    g_autofree char *config =
        g_strdup_printf("{'config': {'restricted': 'true', 'restricted.devices.disk': 'allow', "
                        "'restricted.devices.disk.paths': '/nowhere,%s'}}",
                        path);
    g_autoptr(GPtrArray) put = g_ptr_array_new();
    g_autoptr(Object) project =
        object_new(KIND_PROJECT, "", "", "default", scene_json(config), json_object());
    Snapshot *next;

    g_ptr_array_add(put, project);
    next = snapshot_change(scene->model, put, NULL);
    snapshot_unref(scene->model);
    scene->model = next;
}

static void within(Scene *scene, gboolean hot)
{
    g_autofree char *allowed = host_folder(scene, "allowed");
    g_autofree char *inner = host_folder(scene, "allowed/inner");
    g_autofree char *secret = host_folder(scene, "secret");
    g_autofree char *good = g_build_filename(allowed, "good", NULL);
    g_autofree char *bad = g_build_filename(allowed, "bad", NULL);
    g_autofree char *through = g_build_filename(bad, "program", NULL);
    g_autofree char *dots = g_build_filename(allowed, "dots", NULL);
    const Object *c;

    cr_assert(symlink("inner", good) == 0 && symlink(secret, bad) == 0);
    cr_assert(symlink("../secret", dots) == 0);
    confine(scene, allowed);
    if (hot)
        scene_must(scene, with(scene, "{}"));
    c = disk(scene, inner, "");
    scene_must(scene, c);
    does(scene, c, "touch /data/in/new", TRUE);
    c = disk(scene, good, ", 'readonly': 'true'");
    scene_must(scene, c);
    does(scene, c, "test -e /data/in/new && ! touch /data/in/more", TRUE);
    c = disk(scene, allowed, "");
    scene_must(scene, c);
    does(scene, c, "test -e /data/in/inner/new", TRUE);
    nothing_is_left(scene);
    scene_must(scene, with(scene, "{}"));
    if (!hot)
        scene_must(scene, scene_instance(scene, "c1", "{}", "{}", "{'state': 'stopped'}"));
    refused(scene, disk(scene, bad, ""), "leads out of");
    refused(scene, disk(scene, dots, ", 'required': 'false'"), "restricted.devices.disk.paths");
    refused(scene, disk(scene, through, ""), "leads out of");
    nothing_is_left(scene);
}

Test(device_keys, disk_paths_from_start)
{
    SCENE();
    within(scene, FALSE);
}

Test(device_keys, disk_paths_hot)
{
    SCENE();
    within(scene, TRUE);
}

/* ---- propagation (D-DISK-12) ---- */

/* What the host mounts below the source comes into the container, and what the container mounts
 * there never gets out. */
static void travels(Scene *scene, const char *word, gboolean wanted, gboolean hot)
{
    g_autofree char *source = host_folder(scene, "source");
    g_autofree char *below = host_folder(scene, "source/below");
    g_autofree char *inner = host_folder(scene, "source/inner");
    g_autofree char *more = g_strdup_printf(", 'propagation': '%s'", word);
    g_autofree char *mounts = NULL;
    const Object *c;

    cr_assert(mount(source, source, NULL, MS_BIND, NULL) == 0);
    cr_assert(mount(NULL, source, NULL, MS_SHARED, NULL) == 0);
    if (hot)
        scene_must(scene, with(scene, "{}"));
    c = disk(scene, source, more);
    scene_must(scene, c);
    cr_assert(mount("none", below, "tmpfs", 0, NULL) == 0);
    cr_expect_eq(scene_run(scene, c, "grep -q ' /data/in/below ' /proc/mounts", NULL) == 0, wanted,
                 "%s", word);
    does(scene, c, "mount -t tmpfs none /data/in/inner", TRUE);
    cr_assert(g_file_get_contents("/proc/self/mounts", &mounts, NULL, NULL));
    cr_expect(strstr(mounts, inner) == NULL, "%s", word);
    /* liblxc shares all of a container's mounts at its start. */
    if (hot && g_str_has_suffix(word, "unbindable"))
        does(scene, c, "mount -o bind /data/in /mnt", FALSE);
    umount2(below, 0);
    scene_must(scene, scene_instance(scene, "c1", "{}", "{}", "{'state': 'stopped'}"));
    umount2(source, MNT_DETACH);
}

static const struct {
    const char *word;
    gboolean travels;
} WORDS[] = {{"private", FALSE},    {"rprivate", FALSE},   {"shared", TRUE},
             {"rshared", TRUE},     {"slave", TRUE},       {"rslave", TRUE},
             {"unbindable", FALSE}, {"runbindable", FALSE}};

Test(device_keys, propagation_from_start)
{
    SCENE();
    for (guint i = 0; i < G_N_ELEMENTS(WORDS); i++)
        travels(scene, WORDS[i].word, WORDS[i].travels, FALSE);
}

Test(device_keys, propagation_hot)
{
    SCENE();
    for (guint i = 0; i < G_N_ELEMENTS(WORDS); i++)
        travels(scene, WORDS[i].word, WORDS[i].travels, TRUE);
}

/* Nor what it mounts below a shared mount that a recursive disk took along. */
static void stays_inside(Scene *scene, const char *more, gboolean hot)
{
    g_autofree char *source = host_folder(scene, "source");
    g_autofree char *below = host_folder(scene, "source/below");
    g_autofree char *all = g_strdup_printf(", 'recursive': 'true'%s", more);
    g_autofree char *inner = NULL;
    g_autofree char *mounts = NULL;
    const Object *c;

    cr_assert(mount("none", below, "tmpfs", 0, NULL) == 0);
    cr_assert(mount(NULL, below, NULL, MS_SHARED, NULL) == 0);
    inner = host_folder(scene, "source/below/inner");
    if (hot)
        scene_must(scene, with(scene, "{}"));
    c = disk(scene, source, all);
    scene_must(scene, c);
    does(scene, c, "mount -t tmpfs none /data/in/below/inner", TRUE);
    cr_assert(g_file_get_contents("/proc/self/mounts", &mounts, NULL, NULL));
    cr_expect(strstr(mounts, inner) == NULL, "the host has it");
    scene_must(scene, scene_instance(scene, "c1", "{}", "{}", "{'state': 'stopped'}"));
    umount2(below, MNT_DETACH);
}

Test(device_keys, mounts_stay_inside)
{
    SCENE();
    for (int hot = 0; hot < 2; hot++) {
        stays_inside(scene, "", hot == 1);
        stays_inside(scene, ", 'propagation': 'shared'", hot == 1);
        stays_inside(scene, ", 'propagation': 'slave'", hot == 1);
    }
}

/* ---- mtu (D-NIC-BR-04, D-NIC-P2P-02) ---- */

static void has_mtu(Scene *scene, const Object *c, guint mtu)
{
    g_autoptr(Link) link = NULL;
    g_autofree char *text = NULL;
    g_autofree char *wanted = g_strdup_printf("%u", mtu);

    scene_must(scene, c);
    link = link_get("vtest0", NULL);
    cr_assert(link != NULL);
    cr_expect_eq(link->mtu, mtu);
    scene_run(scene, c, "cat /sys/class/net/eth0/mtu", &text);
    cr_expect_str_eq(text, wanted);
}

#define P2P(MORE) "{'eth0': {'type': 'nic', 'nictype': 'p2p', 'host_name': 'vtest0'" MORE "}}"
#define BRIDGED(BRIDGE, MORE)                                                                      \
    "{'eth0': {'type': 'nic', 'nictype': 'bridged', 'parent': '" BRIDGE                            \
    "', 'host_name': 'vtest0'" MORE "}}"

Test(device_keys, mtu_of_both_ends)
{
    SCENE();
    g_autoptr(GError) error = NULL;

    cr_assert(link_add_bridge("tbr0", "00:16:3e:aa:00:01", 1450, NULL, &error) &&
              link_add_bridge("tbr1", "00:16:3e:aa:00:02", 1420, NULL, &error));
    has_mtu(scene, with(scene, P2P(", 'mtu': '1400'")), 1400);
    has_mtu(scene, with(scene, P2P("")), 1500);
    has_mtu(scene, with(scene, P2P(", 'mtu': '1380'")), 1380);
    has_mtu(scene, with(scene, BRIDGED("tbr0", "")), 1450);
    has_mtu(scene, with(scene, BRIDGED("tbr0", ", 'mtu': '1400'")), 1400);
    has_mtu(scene, with(scene, BRIDGED("tbr0", "")), 1450);
    has_mtu(scene, with(scene, BRIDGED("tbr1", "")), 1420);
}
