/* Limits of instance volumes on the real host: enforced on btrfs, kept on dir. */
#include <criterion/criterion.h>

#include <fcntl.h>
#include <string.h>

#include "file.h"
#include "rig.h"
#include "storage/volume.h"
#include "volumes.h"

TestSuite(volume_limit, .init = rig_open, .fini = rig_close, .timeout = 120);

Test(volume_limit, limit_is_enforced)
{
    const Object *pool = make_pool("btrfs");
    g_autofree char *image = make_image(FP, "one");
    g_autoptr(json_t) fact = fact_of(pool, "c1", FP);
    g_autoptr(GError) error = NULL;
    g_autoptr(json_t) limit = quota_expect(&rig.context, pool, "containers", "c1", "20MiB", &error);
    const char *path = json_member_string(fact, "path");
    g_autofree char *big = g_build_filename(path, "rootfs/big", NULL);
    g_autofree char *block = g_malloc0(1 << 20);
    const Step set = {.to = limit, .tx = (char *)"t1", .key = (char *)KEY};
    const Step clear = {.from = limit, .tx = (char *)"t1", .key = (char *)KEY};
    g_autoptr(json_t) seen = NULL;
    g_auto(Fd) fd = -1;
    gint64 written = 0;

    no_error(error);
    must(NULL, fact, "t1");
    cr_assert_null(quota_observe(rig.host, path, "btrfs", NULL));
    quota_ensure(rig.host, &set, &error);
    no_error(error);
    seen = quota_observe(rig.host, path, "btrfs", NULL);
    rig_assert_same(seen, limit);
    memset(block, 'x', 1 << 20);
    fd = open(big, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    while (written < 60 && write(fd, block, 1 << 20) == 1 << 20) {
        fsync(fd);
        written++;
    }
    cr_assert_gt(written, 10);
    cr_assert_lt(written, 25, "the limit did not hold");
    quota_ensure(rig.host, &clear, &error);
    no_error(error);
    cr_assert_null(quota_observe(rig.host, path, "btrfs", NULL));
    cr_assert_eq(write(fd, block, 1 << 20), 1 << 20);
    cr_assert_eq(fsync(fd), 0);
}

/* A rebuild keeps the limit, which is a fact of its own and sees no change. */
Test(volume_limit, limit_survives_a_rebuild)
{
    const Object *pool = make_pool("btrfs");
    g_autofree char *image = make_image(FP, "one");
    g_autofree char *image2 = make_image(FP2, "two");
    g_autoptr(json_t) old = fact_of(pool, "c1", FP);
    g_autoptr(json_t) new = fact_of(pool, "c1", FP2);
    g_autoptr(json_t) limit = quota_expect(&rig.context, pool, "containers", "c1", "20MiB", NULL);
    const Step set = {.to = limit, .tx = (char *)"t1", .key = (char *)KEY};
    const Step step = {.from = old, .to = new, .tx = (char *)"t2", .key = (char *)KEY};
    g_autoptr(json_t) seen = NULL;

    must(NULL, old, "t1");
    cr_assert(quota_ensure(rig.host, &set, NULL));
    cr_assert(volume_stage(rig.host, &step, NULL));
    must(old, new, "t2");
    seen = quota_observe(rig.host, json_member_string(new, "path"), "btrfs", NULL);
    rig_assert_same(seen, limit);
}

Test(volume_limit, size_is_only_stored_on_dir)
{
    const Object *pool = make_pool("dir");

    g_autoptr(json_t) facts = json_object();
    g_autoptr(json_t) remarks = NULL;

    cr_assert_null(quota_expect(&rig.context, pool, "containers", "c1", "1GiB", NULL));
    quota_remark(facts, pool, NULL, "size");
    quota_remark(facts, pool, "0", "size");
    cr_assert_null(driver_take_remarks(facts));
    quota_remark(facts, pool, "1GiB", "size");
    remarks = driver_take_remarks(facts);
    cr_assert_eq(json_array_size(remarks), 1);
    cr_assert_not_null(strstr(json_string_value(json_array_get(remarks, 0)), "driver dir"));
    cr_assert_eq(json_object_size(facts), 0);
}
