/* Storage pools on the real host, row by row: dir in its place and in a user's directory, btrfs on
 * a loop file, in a subvolume and on a block device. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <gio/gunixmounts.h>
#include <string.h>
#include <sys/stat.h>

#include "error.h"
#include "file.h"
#include "json.h"
#include "rig.h"
#include "storage/btrfs.h"

TestSuite(pool, .init = rig_open, .fini = rig_close, .timeout = 120);

#define LOOP_SIZE (300ll << 20)

/* All that every sort of pool has to stand: made once and twice, undone, deleted, brought back,
 * purged. */
static void live(const Object *pool)
{
    g_autofree char *before = rig_fingerprint();
    g_autofree char *made = NULL;
    g_autofree char *once = NULL;
    g_autofree char *twice = NULL;
    g_autofree char *inside =
        g_build_filename(rig.dir, "storage-pools", pool->id.name, "custom", "x", NULL);

    rig_create(pool, "t1");
    once = rig_write_fingerprint();
    rig_create(pool, "t1");
    twice = rig_write_fingerprint();
    cr_assert_str_eq(once, twice, "the second time wrote:\n%s\n%s", once, twice);
    rig_delete(pool, "t1"); /* the undo of its creation */
    rig_assert_state(before);
    rig_delete(pool, "t1");
    rig_assert_state(before);

    rig_create(pool, "t2");
    cr_assert(g_file_set_contents(inside, "data", -1, NULL));
    made = rig_fingerprint();
    rig_delete(pool, "t3");
    rig_delete(pool, "t3");
    rig_undelete(pool, "t3"); /* the undo of its deletion */
    rig_assert_state(made);
    rig_delete(pool, "t3");
    rig_purge_all(pool, "t3");
    rig_purge_all(pool, "t3");
    rig_assert_state(before);
}

Test(pool, dir_in_place)
{
    live(rig_put(KIND_POOL, "one", "{'driver':'dir'}"));
}

Test(pool, dir_with_source)
{
    g_autofree char *source = g_build_filename(rig.top, "mine", NULL);
    g_autofree char *spec = g_strdup_printf("{'driver':'dir','config':{'source':'%s'}}", source);
    struct stat before, after;

    cr_assert_eq(mkdir(source, 0750), 0);
    stat(source, &before);
    live(rig_put(KIND_POOL, "one", spec));
    stat(source, &after);
    cr_assert_eq(before.st_ino, after.st_ino, "the user's directory was replaced");
}

Test(pool, btrfs_loop)
{
    const Object *pool = rig_put(KIND_POOL, "one", "{'driver':'btrfs','config':{'size':'300MiB'}}");
    g_autofree char *image = g_build_filename(rig.dir, "disks", "one.img", NULL);
    struct stat st;

    live(pool);
    rig_create(pool, "t9");
    cr_assert_eq(stat(image, &st), 0);
    cr_assert_eq(st.st_size, LOOP_SIZE);
    cr_assert_lt(st.st_blocks * 512, LOOP_SIZE / 4, "the image file is not sparse");
}

Test(pool, btrfs_loop_default_size)
{
    const Object *pool = rig_put(KIND_POOL, "one", "{'driver':'btrfs'}");
    const char *size = json_member_string(pool->generated, "size");

    cr_assert_not_null(size);
    cr_assert(g_str_has_suffix(size, "GB"));
    cr_assert_geq(atoi(size), 5);
    cr_assert_leq(atoi(size), 30);
    rig_create(pool, "t1");
}

/* A btrfs to put subvolume pools on. Returns its mount point. */
static char *host_btrfs(void)
{
    g_autofree char *device = rig_loop_device("host.img", LOOP_SIZE);
    char *path = g_build_filename(rig.top, "btrfs", NULL);
    const char *mkfs[] = {"mkfs.btrfs", "-q", device, NULL};
    const char *mount_it[] = {"mount", device, path, NULL};

    g_free(rig_run(mkfs));
    cr_assert_eq(mkdir(path, 0755), 0);
    g_free(rig_run(mount_it));
    return path;
}

Test(pool, btrfs_new_subvolume)
{
    g_autofree char *path = host_btrfs();
    g_autofree char *spec =
        g_strdup_printf("{'driver':'btrfs','config':{'source':'%s/pool'}}", path);

    live(rig_put(KIND_POOL, "one", spec));
}

Test(pool, btrfs_existing_subvolume)
{
    g_autofree char *path = host_btrfs();
    g_autofree char *source = g_build_filename(path, "pool", NULL);
    g_autofree char *spec = g_strdup_printf("{'driver':'btrfs','config':{'source':'%s'}}", source);

    cr_assert(btrfs_subvolume_create(source, NULL));
    live(rig_put(KIND_POOL, "one", spec));
    cr_assert(btrfs_is_subvolume(source), "the user's subvolume is gone");
}

Test(pool, btrfs_device)
{
    g_autofree char *device = rig_loop_device("disk.img", LOOP_SIZE);
    g_autofree char *spec = g_strdup_printf("{'driver':'btrfs','config':{'source':'%s'}}", device);
    const Object *pool = rig_put(KIND_POOL, "one", spec);
    g_autofree char *before = NULL;
    g_autofree char *uuid = NULL;
    g_autofree char *inside = g_build_filename(rig.dir, "storage-pools/one/custom/x", NULL);

    rig_create(pool, "t1");
    uuid = btrfs_super_uuid(device, NULL);
    cr_assert_str_eq(uuid, object_config(pool, "volatile.uuid"));
    rig_delete(pool, "t1");
    cr_assert_null(btrfs_super_uuid(device, NULL), "the undo left a file system on the device");
    before = rig_fingerprint();
    rig_create(pool, "t2");
    cr_assert(g_file_set_contents(inside, "data", -1, NULL));
    rig_delete(pool, "t3");
    rig_undelete(pool, "t3");
    cr_assert(file_exists(inside));
    rig_delete(pool, "t3");
    rig_purge_all(pool, "t3");
    cr_assert_null(btrfs_super_uuid(device, NULL));
    rig_assert_state(before);
}

Test(pool, device_is_found_by_uuid)
{
    g_autofree char *device = rig_loop_device("disk.img", LOOP_SIZE);
    g_autofree char *other = rig_loop_device("other.img", LOOP_SIZE);
    g_autofree char *spec = g_strdup_printf("{'driver':'btrfs','config':{'source':'%s'}}", device);
    const Object *pool = rig_put(KIND_POOL, "one", spec);
    g_autoptr(json_t) facts = rig_expect(pool);
    json_t *mount = json_object_get(facts, "mount");
    g_autoptr(GError) error = NULL;

    rig_create(pool, "t1");
    rig_step("pool.mount", pool, "mount", mount, NULL, "t2", &error);
    no_error(error);
    json_object_set_new(mount, "$source",
                        json_string(other)); /* as if devices had changed places */
    rig_step("pool.mount", pool, "mount", NULL, mount, "t3", &error);
    no_error(error);
    {
        g_autoptr(json_t) observed = rig_observe(pool);

        rig_assert_same(observed, facts);
    }
}

/* PS-48: what was there before is not taken. */
Test(pool, occupied_sources_are_refused)
{
    g_autofree char *folder = g_build_filename(rig.top, "mine", NULL);
    g_autofree char *precious = g_build_filename(folder, "precious", NULL);
    g_autofree char *device = rig_loop_device("disk.img", LOOP_SIZE);
    g_autofree char *inside = g_build_filename(rig.dir, "elsewhere", NULL);
    const char *mkfs[] = {"mkfs.ext4", "-q", device, NULL};
    const char *mount_it[] = {"mount", device, "/mnt", NULL};
    char *specs[] = {
        g_strdup_printf("{'driver':'dir','config':{'source':'%s'}}", folder),
        g_strdup_printf("{'driver':'dir','config':{'source':'%s/none'}}", rig.top),
        g_strdup_printf("{'driver':'dir','config':{'source':'%s'}}", inside),
        g_strdup_printf("{'driver':'dir','config':{'source':'%s'}}", precious),
        g_strdup("{'driver':'dir','config':{'source':'relative'}}"),
        g_strdup_printf("{'driver':'btrfs','config':{'source':'%s/pool'}}", rig.top),
        g_strdup_printf("{'driver':'btrfs','config':{'source':'%s'}}", folder),
        g_strdup_printf("{'driver':'btrfs','config':{'source':'%s'}}", device),
        g_strdup("{'driver':'btrfs','config':{'source':'/dev/null'}}"),
        g_strdup("{'driver':'zfs'}"),
    };

    mkdir(folder, 0755);
    mkdir(inside, 0755);
    g_file_set_contents(precious, "x", -1, NULL);
    g_free(rig_run(mkfs));
    g_free(rig_run(mount_it));
    {
        g_autofree char *before = rig_fingerprint();

        for (guint i = 0; i < G_N_ELEMENTS(specs); i++) {
            g_autoptr(GError) error = rig_put_fails(KIND_POOL, "one", specs[i]);

            g_printerr("%s", error->message);
            g_free(specs[i]);
        }
        rig_assert_state(before);
    }
}

/* A device with a file system that is not mounted is only found out by mkfs. */
Test(pool, formatted_device_is_refused)
{
    g_autofree char *device = rig_loop_device("disk.img", LOOP_SIZE);
    g_autofree char *spec = g_strdup_printf("{'driver':'btrfs','config':{'source':'%s'}}", device);
    const char *mkfs[] = {"mkfs.ext4", "-q", device, NULL};
    g_autoptr(GError) error = NULL;
    const Object *pool;

    g_free(rig_run(mkfs));
    pool = rig_put(KIND_POOL, "one", spec);
    {
        g_autoptr(json_t) facts = rig_expect(pool);
        json_t *backing = json_object_get(facts, "backing");
        g_autofree char *before = rig_fingerprint();
        const char *check[] = {"e2fsck", "-fn", device, NULL};

        cr_assert_not(rig_step("pool.backing", pool, "backing", NULL, backing, "t1", &error));
        cr_assert_not_null(strstr(error->message, "ext4"), "%s", error->message);
        g_clear_error(&error);
        cr_assert(rig_step("pool.backing", pool, "backing", backing, NULL, "t1", &error));
        rig_assert_state(before);
        g_free(rig_run(check));
    }
}

Test(pool, mount_options_change_by_remount)
{
    const Object *pool = rig_put(KIND_POOL, "one", "{'driver':'btrfs','config':{'size':'300MiB'}}");
    g_autoptr(json_t) old = rig_expect(pool);
    g_autoptr(json_t) wanted = NULL;
    g_autoptr(json_t) observed = NULL;
    g_autoptr(GError) error = NULL;

    rig_create(pool, "t1");
    pool = rig_put(KIND_POOL, "one",
                   "{'driver':'btrfs','config':{'size':'300MiB','btrfs.mount_options':"
                   "'noatime,compress-force,user_subvol_rm_allowed'}}");
    wanted = rig_expect(pool);
    rig_step("pool.mount", pool, "mount", json_object_get(old, "mount"),
             json_object_get(wanted, "mount"), "t2", &error);
    no_error(error);
    observed = rig_observe(pool);
    rig_assert_same(observed, wanted);
    rig_step("pool.mount", pool, "mount", json_object_get(wanted, "mount"),
             json_object_get(old, "mount"), "t2", &error);
    no_error(error);
    {
        g_autoptr(json_t) again = rig_observe(pool);

        rig_assert_same(again, old);
    }
}

Test(pool, wrong_mount_option_is_told)
{
    const Object *pool =
        rig_put(KIND_POOL, "one",
                "{'driver':'btrfs','config':{'size':'300MiB','btrfs.mount_options':'nonsense'}}");
    g_autoptr(json_t) facts = rig_expect(pool);
    g_autoptr(GError) error = NULL;

    rig_step("pool.backing", pool, "backing", NULL, json_object_get(facts, "backing"), "t1",
             &error);
    no_error(error);
    cr_assert_not(
        rig_step("pool.mount", pool, "mount", NULL, json_object_get(facts, "mount"), "t1", &error));
    cr_assert_not_null(strstr(error->message, "nonsense"), "%s", error->message);
    rig_delete(pool, "t1");
}

/* Each row undone alone, as an engine that crashed between two steps does it. */
Test(pool, half_made)
{
    const Object *pool = rig_put(KIND_POOL, "one", "{'driver':'btrfs','config':{'size':'300MiB'}}");
    g_autoptr(json_t) facts = rig_expect(pool);
    const char *rows[] = {"backing", "mount", "layout"};
    g_autofree char *before = rig_fingerprint();

    for (guint done = 0; done <= G_N_ELEMENTS(rows); done++) {
        for (guint i = 0; i < done; i++) {
            g_autofree char *name = g_strconcat("pool.", rows[i], NULL);
            g_autoptr(GError) error = NULL;

            rig_step(name, pool, rows[i], NULL, json_object_get(facts, rows[i]), "t1", &error);
            no_error(error);
        }
        rig_delete(pool, "t1");
        rig_assert_state(before);
    }
}

/* A mkfs that was killed leaves a staged file; a rerun and an undo both get over it. */
Test(pool, half_made_image)
{
    const Object *pool = rig_put(KIND_POOL, "one", "{'driver':'btrfs','config':{'size':'300MiB'}}");
    g_autofree char *disks = g_build_filename(rig.dir, "disks", NULL);
    g_autofree char *staged = g_build_filename(disks, ".new-t1-one.img", NULL);
    g_autofree char *before = rig_fingerprint();

    file_make_directory(disks, 0700, NULL);
    g_file_set_contents(staged, "half", -1, NULL);
    rig_create(pool, "t1");
    cr_assert_not(file_exists(staged));
    rig_delete(pool, "t1");
    file_make_directory(disks, 0700, NULL);
    g_file_set_contents(staged, "half", -1, NULL);
    rig_delete(pool, "t1");
    rig_assert_state(before);
}

Test(pool, drift_is_seen)
{
    const Object *pool = rig_put(KIND_POOL, "one", "{'driver':'btrfs','config':{'size':'300MiB'}}");
    g_autofree char *target = g_build_filename(rig.dir, "storage-pools/one", NULL);
    const char *unmount[] = {"umount", target, NULL};
    g_autoptr(json_t) observed = NULL;

    rig_create(pool, "t1");
    g_free(rig_run(unmount));
    observed = rig_observe(pool);
    cr_assert_not_null(json_object_get(observed, "backing"));
    cr_assert_null(json_object_get(observed, "mount"));
    cr_assert_null(json_object_get(observed, "layout"));
    rig_create(pool, "t2");
}

/* ST-BTRFS-09: a loop file that was grown by hand is no drift. */
Test(pool, grown_image_is_no_drift)
{
    const Object *pool = rig_put(KIND_POOL, "one", "{'driver':'btrfs','config':{'size':'300MiB'}}");
    g_autofree char *image = g_build_filename(rig.dir, "disks/one.img", NULL);
    g_autoptr(json_t) expected = rig_expect(pool);
    g_autoptr(json_t) observed = NULL;

    rig_create(pool, "t1");
    cr_assert_eq(truncate(image, LOOP_SIZE * 2), 0);
    observed = rig_observe(pool);
    rig_assert_same(observed, expected);
}

Test(pool, storage_drivers_are_told)
{
    g_autofree char *text = json_text(host_fact(rig.facts, "storage_drivers"));

    cr_assert_str_eq(text, "[\"btrfs\",\"dir\"]");
}

/* The same pool made again has the same UUID; what the kernel remembers of the first must not be in
 * its way. */
Test(pool, made_anew_after_its_end)
{
    const Object *pool = rig_put(KIND_POOL, "one", "{'driver':'btrfs','config':{'size':'300MiB'}}");
    g_autofree char *inside = g_build_filename(rig.dir, "storage-pools/one/custom/x", NULL);

    for (guint round = 0; round < 3; round++) {
        g_autofree char *tx = g_strdup_printf("t%u", 2 * round);
        g_autofree char *end = g_strdup_printf("t%u", 2 * round + 1);
        g_autofree char *name = g_strdup_printf("filler%u", round);
        g_autofree char *filler = NULL;

        rig_create(pool, tx);
        for (guint i = 0; i < 10 && round == 0; i++) {
            cr_assert(file_write(inside, i % 2 == 0 ? "a" : "b", -1, 0600, NULL, NULL));
            sync();
        }
        rig_delete(pool, end);
        rig_purge_all(pool, end);
        filler = rig_loop_device(name, 1 << 20); /* so that the next one gets another device */
    }
}

static gpointer release_later(gpointer fd)
{
    g_usleep(300000);
    close(GPOINTER_TO_INT(fd));
    return NULL;
}

/* Programs that look at every new device, such as udev's, hold it for a moment after its end. */
Test(pool, made_anew_while_somebody_looks)
{
    const Object *pool = rig_put(KIND_POOL, "one", "{'driver':'btrfs','config':{'size':'300MiB'}}");
    g_autofree char *path = g_build_filename(rig.dir, "storage-pools/one", NULL);

    g_autoptr(GUnixMountEntry) entry = NULL;
    GThread *thread;
    int fd;

    rig_create(pool, "t1");
    entry = g_unix_mount_at(path, NULL);
    cr_assert_not_null(entry);
    fd = open(g_unix_mount_get_device_path(entry), O_RDONLY | O_CLOEXEC);
    cr_assert_geq(fd, 0);
    thread = g_thread_new("look", release_later, GINT_TO_POINTER(fd));
    rig_delete(pool, "t2");
    rig_purge_all(pool, "t2");
    rig_create(pool, "t3");
    g_thread_join(thread);
    rig_delete(pool, "t4");
    rig_purge_all(pool, "t4");
}

Test(pool, keys_without_effect_are_refused)
{
    const char *specs[] = {
        "{'driver':'btrfs','config':{'source':'/srv/x','size':'1GiB'}}",
        "{'driver':'btrfs','config':{'source':'/srv/x','btrfs.mount_options':'noatime'}}",
        "{'driver':'btrfs','config':{'source':'/dev/sdz','size':'1GiB'}}",
    };

    for (guint i = 0; i < G_N_ELEMENTS(specs); i++) {
        g_autofree char *text = g_strdelimit(g_strdup(specs[i]), "'", '"');
        g_autoptr(Object) pool =
            object_new(KIND_POOL, "", "", "one", json_loads(text, 0, NULL), NULL);
        g_autoptr(GError) error = NULL;

        cr_assert_null(DRIVERS[KIND_POOL]->expect(&rig.context, pool, NULL, &error));
        cr_assert_not_null(strstr(error->message, "config."), "%s", error->message);
    }
}
