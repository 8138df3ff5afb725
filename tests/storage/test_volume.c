/* Instance volumes on the real host: copies on dir, snapshots on btrfs. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "error.h"
#include "file.h"
#include "json.h"
#include "paths.h"
#include "rig.h"
#include "storage/btrfs.h"
#include "storage/copy.h"
#include "storage/place.h"
#include "storage/volume.h"
#include "volumes.h"

TestSuite(volume, .init = rig_open, .fini = rig_close, .timeout = 120);

static void assert_copied(const char *path)
{
    g_autofree char *file = g_build_filename(path, "rootfs/etc/file", NULL);
    g_autofree char *other = g_build_filename(path, "rootfs/link", NULL);
    g_autofree char *soft = g_build_filename(path, "rootfs/soft", NULL);
    g_autofree char *null = g_build_filename(path, "rootfs/null", NULL);
    g_autofree char *fifo = g_build_filename(path, "rootfs/fifo", NULL);
    g_autofree char *sparse = g_build_filename(path, "rootfs/sparse", NULL);
    g_autofree char *target = NULL;
    char value[16];
    struct stat a, b;

    cr_assert_eq(stat(path, &a), 0);
    cr_assert_eq(a.st_mode & 07777, 0700, "others could reach what is inside");
    cr_assert_eq(stat(file, &a), 0);
    cr_assert_eq(stat(other, &b), 0);
    cr_assert_eq(a.st_ino, b.st_ino, "the hard link became a file of its own");
    cr_assert_eq(a.st_uid, 1234);
    cr_assert_eq(a.st_gid, 5678);
    cr_assert_eq(a.st_mode & 07777, 04755);
    cr_assert_eq(getxattr(file, "user.note", value, sizeof(value)), 3);
    cr_assert_eq(lstat(soft, &a), 0);
    cr_assert_eq(a.st_uid, 7);
    target = g_file_read_link(soft, NULL);
    cr_assert_str_eq(target, "/etc/passwd");
    cr_assert_eq(stat(null, &a), 0);
    cr_assert(S_ISCHR(a.st_mode) && a.st_rdev == makedev(1, 3) && (a.st_mode & 07777) == 0640);
    cr_assert_eq(lstat(fifo, &a), 0);
    cr_assert(S_ISFIFO(a.st_mode));
    cr_assert_eq(stat(sparse, &a), 0);
    cr_assert_eq(a.st_size, (64 << 20) + 3);
    cr_assert_lt(a.st_blocks, 2048, "the hole was filled");
}

static void live(const char *driver)
{
    const Object *pool = make_pool(driver);
    g_autofree char *image = make_image(FP, "one");
    g_autoptr(json_t) fact = fact_of(pool, "c1", FP);
    const char *path = json_member_string(fact, "path");
    g_autofree char *inside = g_build_filename(path, "rootfs/data", NULL);
    g_autofree char *before = rig_fingerprint();
    g_autofree char *once = NULL;
    g_autofree char *twice = NULL;
    g_autofree char *made = NULL;

    assert_gone(fact);
    must(NULL, fact, "t1");
    assert_there(fact);
    assert_copied(path);
    once = rig_write_fingerprint();
    must(NULL, fact, "t1");
    twice = rig_write_fingerprint();
    if (strcmp(driver, "dir") == 0)
        cr_assert_str_eq(once, twice);
    must(fact, NULL, "t1"); /* undo of the creation: nothing parked */
    assert_gone(fact);
    must(fact, NULL, "t1");
    if (strcmp(driver, "dir") == 0)
        rig_assert_state(before);

    must(NULL, fact, "t2");
    cr_assert(g_file_set_contents(inside, "mine", -1, NULL));
    made = rig_fingerprint();
    must(fact, NULL, "t3");
    assert_gone(fact);
    must(fact, NULL, "t3");
    must(NULL, fact, "t3"); /* undo of the deletion: the same data */
    rig_assert_state(made);
    assert_there(fact);
    must(fact, NULL, "t3");
    {
        const Step step = {.from = fact, .tx = (char *)"t3", .key = (char *)KEY};
        g_autoptr(GError) error = NULL;
        g_autofree char *parked = path_parked(path, "t3");

        cr_assert(file_exists(parked));
        cr_assert(volume_purge(rig.host, &step, &error));
        cr_assert(volume_purge(rig.host, &step, &error));
        cr_assert_not(file_exists(parked));
    }
}

Test(volume, on_dir)
{
    live("dir");
}

Test(volume, on_btrfs)
{
    live("btrfs");
}

/* A creation that was killed on the way is finished by a rerun and forgotten by an undo. */
static void half(const char *driver)
{
    const Object *pool = make_pool(driver);
    g_autofree char *image = make_image(FP, "one");
    g_autoptr(json_t) fact = fact_of(pool, "c1", FP);
    g_autofree char *staged = path_staged(json_member_string(fact, "path"), "t1");
    g_autofree char *inside = g_build_filename(staged, "rootfs", NULL);

    cr_assert(file_make_directory(inside, 0755, NULL));
    must(NULL, fact, "t1");
    cr_assert_not(file_exists(staged));
    assert_there(fact);
    must(fact, NULL, "t1");
    cr_assert(file_make_directory(inside, 0755, NULL));
    must(fact, NULL, "t1");
    cr_assert_not(file_exists(staged));
    assert_gone(fact);
}

Test(volume, half_made_on_dir)
{
    half("dir");
}

Test(volume, half_made_on_btrfs)
{
    half("btrfs");
}

static void rebuild(const char *driver)
{
    const Object *pool = make_pool(driver);
    g_autofree char *image = make_image(FP, "one");
    g_autofree char *image2 = make_image(FP2, "two");
    g_autoptr(json_t) old = fact_of(pool, "c1", FP);
    g_autoptr(json_t) new = fact_of(pool, "c1", FP2);
    const char *path = json_member_string(old, "path");
    g_autofree char *file = g_build_filename(path, "rootfs/etc/file", NULL);
    g_autofree char *staged = path_staged(path, "t2");
    g_autofree char *parked = path_parked(path, "t2");
    const Step step = {.from = old, .to = new, .tx = (char *)"t2", .key = (char *)KEY};
    g_autofree char *content = NULL;

    must(NULL, old, "t1");
    for (guint round = 0; round < 2; round++) {
        g_autoptr(GError) error = NULL;

        volume_stage(rig.host, &step, &error);
        no_error(error);
        volume_stage(rig.host, &step, &error);
        no_error(error);
        cr_assert(file_exists(staged));
        assert_there(old);
        must(old, new, "t2");
        must(old, new, "t2");
        assert_there(new);
        g_clear_pointer(&content, g_free);
        cr_assert(g_file_get_contents(file, &content, NULL, NULL));
        cr_assert_str_eq(content, "two");
        if (round == 1)
            break;
        must(new, old, "t2"); /* undo */
        must(new, old, "t2");
        assert_there(old);
        cr_assert_not(file_exists(parked));
        cr_assert(volume_unstage(rig.host, &step, &error));
        cr_assert(volume_unstage(rig.host, &step, &error));
        cr_assert_not(file_exists(staged));
    }
    cr_assert(file_exists(parked));
    cr_assert(volume_purge(rig.host, &step, NULL));
    cr_assert_not(file_exists(parked));
    assert_there(new);
}

Test(volume, rebuild_on_dir)
{
    rebuild("dir");
}

Test(volume, rebuild_on_btrfs)
{
    rebuild("btrfs");
}

static void rename_there_and_back(const char *driver)
{
    const Object *pool = make_pool(driver);
    g_autofree char *image = make_image(FP, "one");
    g_autoptr(json_t) old = fact_of(pool, "c1", FP);
    g_autoptr(json_t) new = fact_of(pool, "c2", FP);
    struct stat before, after;

    must(NULL, old, "t1");
    stat(json_member_string(old, "path"), &before);
    must(old, new, "t2");
    must(old, new, "t2");
    assert_gone(old);
    assert_there(new);
    stat(json_member_string(new, "path"), &after);
    cr_assert_eq(before.st_ino, after.st_ino);
    must(new, old, "t2");
    must(new, old, "t2");
    assert_there(old);
    assert_gone(new);
}

Test(volume, rename_on_dir)
{
    rename_there_and_back("dir");
}

Test(volume, rename_on_btrfs)
{
    rename_there_and_back("btrfs");
}

Test(volume, foreign_data_are_not_touched)
{
    const Object *pool = make_pool("dir");
    g_autofree char *image = make_image(FP, "one");
    g_autoptr(json_t) fact = fact_of(pool, "c1", FP);
    const char *path = json_member_string(fact, "path");
    g_autofree char *inside = g_build_filename(path, "precious", NULL);
    g_autoptr(GError) error = NULL;
    g_autofree char *before = NULL;

    cr_assert(file_make_directory(path, 0755, NULL));
    cr_assert(g_file_set_contents(inside, "x", -1, NULL));
    before = rig_fingerprint();
    cr_assert_null(volume_observe(rig.host, path, "dir", &error));
    cr_assert(g_error_matches(error, BERTH_ERROR, ERR_EXISTS));
    g_clear_error(&error);
    cr_assert_not(ensure(NULL, fact, "t1", &error));
    cr_assert(g_error_matches(error, BERTH_ERROR, ERR_EXISTS));
    must(fact, NULL, "t1"); /* the undo that follows */
    rig_assert_state(before);
}

Test(volume, another_objects_volume_is_not_touched)
{
    const Object *pool = make_pool("dir");
    g_autofree char *image = make_image(FP, "one");
    g_autoptr(json_t) mine = fact_of(pool, "c1", FP);
    g_autoptr(json_t) other = json_deep_copy(mine);
    g_autoptr(GError) error = NULL;

    /* a_b in project default and b in project a have one name on disk */
    json_object_set_new(other, "key", json_string("instance/a//c1"));
    must(NULL, mine, "t1");
    cr_assert_not(ensure(NULL, other, "t2", &error));
    must(other, NULL, "t2");
    assert_there(mine);
}

Test(volume, missing_image_volume_is_told_and_leaves_nothing)
{
    const Object *pool = make_pool("btrfs");
    g_autoptr(json_t) fact = fact_of(pool, "c1", FP);
    g_autofree char *before = rig_fingerprint();
    g_autoptr(GError) error = NULL;

    cr_assert_not(ensure(NULL, fact, "t1", &error));
    cr_assert_not_null(strstr(error->message, "image"));
    rig_assert_state(before);
}

Test(volume, empty_without_image)
{
    const Object *pool = make_pool("btrfs");
    g_autoptr(json_t) fact = fact_of(pool, "c1", NULL);
    g_autofree char *rootfs = g_build_filename(json_member_string(fact, "path"), "rootfs", NULL);

    must(NULL, fact, "t1");
    assert_there(fact);
    cr_assert(file_exists(rootfs));
}

/* What a container with nested subvolumes leaves: they go with the volume, read-only ones too. */
Test(volume, nested_subvolumes_are_purged)
{
    const Object *pool = make_pool("btrfs");
    g_autofree char *image = make_image(FP, "one");
    g_autoptr(json_t) fact = fact_of(pool, "c1", FP);
    const char *path = json_member_string(fact, "path");
    const Step step = {.from = fact, .tx = (char *)"t2", .key = (char *)KEY};
    g_autofree char *parked = path_parked(path, "t2");
    g_autoptr(GError) error = NULL;

    must(NULL, fact, "t1");
    for (guint i = 0; i < 3; i++) {
        g_autofree char *outer = g_strdup_printf("%s/rootfs/etc/outer%u", path, i);
        g_autofree char *inner = g_build_filename(outer, "folder/inner", NULL);
        g_autofree char *folder = g_path_get_dirname(inner);

        cr_assert(btrfs_subvolume_create(outer, NULL));
        cr_assert_eq(mkdir(folder, 0755), 0);
        cr_assert(btrfs_subvolume_create(inner, NULL));
        cr_assert(btrfs_set_read_only(inner, TRUE, NULL));
        if (i == 1)
            cr_assert(btrfs_set_read_only(outer, TRUE, NULL));
    }
    must(fact, NULL, "t2");
    volume_purge(rig.host, &step, &error);
    no_error(error);
    cr_assert_not(file_exists(parked));
}

/* A subvolume elsewhere in the pool is not below the one that is removed. */
Test(volume, neighbours_stay)
{
    const Object *pool = make_pool("btrfs");
    g_autofree char *image = make_image(FP, "one");
    g_autoptr(json_t) one = fact_of(pool, "c1", FP);
    g_autoptr(json_t) two = fact_of(pool, "c2", FP);
    g_autofree char *folder = g_build_filename(rig.dir, "storage-pools/one/custom/plain", NULL);

    must(NULL, one, "t1");
    must(NULL, two, "t1");
    cr_assert_eq(mkdir(folder, 0755), 0);
    cr_assert(place_remove(folder, NULL));
    must(one, NULL, "t1");
    assert_there(two);
}

/* After a reboot the pool is not mounted: what it holds is still known, and steps find it (LAW-7).
 */
Test(volume, unmounted_pool_is_not_empty)
{
    const Object *pool = make_pool("btrfs");
    g_autofree char *image = make_image(FP, "one");
    g_autoptr(json_t) fact = fact_of(pool, "c1", FP);
    g_autoptr(json_t) gone = fact_of(pool, "c2", FP);
    g_autoptr(json_t) limit = quota_expect(&rig.context, pool, "containers", "c1", "20MiB", NULL);
    const Step set = {.to = limit, .tx = (char *)"t1", .key = (char *)KEY};
    g_autofree char *target = path_pool(rig.dir, "one");
    const char *unmount[] = {"umount", target, NULL};
    g_autoptr(json_t) seen = NULL;
    g_autofree char *before = NULL;
    g_autofree char *after = NULL;

    must(NULL, fact, "t1");
    must(NULL, gone, "t1");
    cr_assert(quota_ensure(rig.host, &set, NULL));
    must(gone, NULL, "t2");
    g_free(rig_run(unmount));
    before = rig_write_fingerprint();
    assert_there(fact);
    assert_gone(gone);
    seen = quota_observe(rig.host, json_member_string(fact, "path"), "btrfs", NULL);
    rig_assert_same(seen, limit);
    after = rig_write_fingerprint();
    cr_assert_str_eq(before, after, "observing wrote");
    must(NULL, gone, "t2"); /* recovery undoes a deletion on the unmounted pool */
    assert_there(gone);
    g_free(rig_run(unmount));
    must(fact, NULL, "t1"); /* and a creation */
    assert_gone(fact);
}

/* When the pool itself is parked, everything in it is gone with it. */
Test(volume, parked_pool_takes_its_volumes_along)
{
    const Object *pool = make_pool("btrfs");
    g_autofree char *image = make_image(FP, "one");
    g_autoptr(json_t) fact = fact_of(pool, "c1", FP);
    const Step step = {.from = fact, .tx = (char *)"t2", .key = (char *)KEY};
    g_autoptr(GError) error = NULL;

    must(NULL, fact, "t1");
    must(fact, NULL, "t2");
    rig_delete(pool, "t2");
    assert_gone(fact);
    cr_assert(volume_purge(rig.host, &step, &error));
    rig_undelete(pool, "t2");
    must(NULL, fact, "t2");
    assert_there(fact);
}

Test(volume, too_deep_a_tree_is_refused)
{
    const Object *pool = make_pool("dir");
    g_autofree char *image = make_image(FP, "one");
    g_autoptr(json_t) fact = fact_of(pool, "c1", FP);
    g_autofree char *rootfs = g_build_filename(image, "rootfs", NULL);
    g_autoptr(GError) error = NULL;
    g_autofree char *before = NULL;
    int fd = open(rootfs, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    for (guint i = 0; i < 400; i++) {
        int next;

        cr_assert_eq(mkdirat(fd, "d", 0755), 0);
        next = openat(fd, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        close(fd);
        fd = next;
    }
    close(fd);
    before = rig_fingerprint();
    cr_assert_not(ensure(NULL, fact, "t1", &error));
    cr_assert_not_null(strstr(error->message, "deep"), "%s", error->message);
    rig_assert_state(before);
}

Test(volume, copying_is_fast)
{
    const Object *pool = make_pool("dir");
    g_autofree char *image = path_image_volume(rig.dir, "one", FP);
    g_autofree char *bin = g_build_filename(image, "rootfs/bin", NULL);
    g_autofree char *busybox = g_build_filename(bin, "busybox", NULL);
    const char *copy[] = {"cp", "/bin/busybox", busybox, NULL};
    gint64 best = G_MAXINT64;

    cr_assert(file_make_directory(bin, 0755, NULL));
    g_free(rig_run(copy));
    for (guint i = 0; i < 80; i++) {
        g_autofree char *name = g_strdup_printf("%s/applet%u", bin, i);

        cr_assert_eq(link(busybox, name), 0);
    }
    for (guint i = 0; i < 5; i++) {
        g_autofree char *name = g_strdup_printf("c%u", i);
        g_autoptr(json_t) fact = fact_of(pool, name, FP);
        gint64 start = g_get_monotonic_time();

        must(NULL, fact, "t1");
        best = MIN(best, g_get_monotonic_time() - start);
    }
    g_printerr("copy of a busybox root: %" G_GINT64_FORMAT " us", best);
    cr_assert_lt(best, 50000);
}
