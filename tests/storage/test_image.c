/* Images on the real host: every form that can be imported, the built-in one, sharing, undo, and
 * what is refused. */
#include <criterion/criterion.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "error.h"
#include "file.h"
#include "image/digest.h"
#include "json.h"
#include "paths.h"
#include "rig.h"
#include "storage/btrfs.h"

TestSuite(image, .init = rig_open, .fini = rig_close, .timeout = 180);

#define METADATA                                                                                   \
    "architecture: amd64\ncreation_date: 1700000000\nexpiry_date: 1800000000\n"                    \
    "properties:\n  os: Test\n  release: 1\ntemplates:\n  /etc/hostname:\n"                        \
    "    when: [create, copy]\n    template: hostname.tpl\n"

/* rig.top/NAME/... as a source for tar. */
static void write_file(const char *name, const char *text, guint mode)
{
    g_autofree char *path = g_build_filename(rig.top, name, NULL);
    g_autofree char *folder = g_path_get_dirname(path);

    cr_assert(file_make_directory(folder, 0755, NULL));
    cr_assert(g_file_set_contents(path, text, -1, NULL));
    cr_assert_eq(chmod(path, mode), 0);
}

static void shell(const char *command)
{
    const char *argv[] = {"sh", "-ec", command, NULL};

    g_free(rig_run(argv));
}

static void make_tree(void)
{
    g_autofree char *command = NULL;

    write_file("src/metadata.yaml", METADATA, 0644);
    write_file("src/templates/hostname.tpl", "{{ container.name }}\n", 0644);
    write_file("src/rootfs/etc/file", "content", 04755);
    command = g_strdup_printf(
        "cd %s/src/rootfs && chown 1000:2000 etc/file && chmod 4755 etc/file && "
        "ln etc/file hard && ln -s /etc/passwd soft && mkfifo fifo && mknod null c 1 3 && "
        "setfattr -n user.note -v abc etc/file && setfacl -m u:7:r etc/file && "
        "truncate -s 20M sparse && printf x >>sparse && mkdir -m 1777 tmp",
        rig.top);
    shell(command);
}

static const Object *pool_named(const char *name, const char *driver)
{
    const Object *pool =
        rig_put(KIND_POOL, name,
                strcmp(driver, "btrfs") == 0 ? "{'driver':'btrfs','config':{'size':'300MiB'}}"
                                             : "{'driver':'dir'}");

    rig_create(pool, "t0");
    return pool;
}

static void put_instance(const char *name, const char *image, const char *pool)
{
    g_autofree char *spec = g_strdup_printf(
        "{'source':{'alias':'%s'},'profiles':[],'devices':{'root':{'type':'disk','path':'/',"
        "'pool':'%s'}}}",
        image, pool);

    rig_put(KIND_INSTANCE, name, spec);
}

static void assert_content(const char *volume)
{
    g_autofree char *file = g_build_filename(volume, "rootfs/etc/file", NULL);
    g_autofree char *hard = g_build_filename(volume, "rootfs/hard", NULL);
    g_autofree char *soft = g_build_filename(volume, "rootfs/soft", NULL);
    g_autofree char *null = g_build_filename(volume, "rootfs/null", NULL);
    g_autofree char *sparse = g_build_filename(volume, "rootfs/sparse", NULL);
    g_autofree char *tmp = g_build_filename(volume, "rootfs/tmp", NULL);
    g_autofree char *template = g_build_filename(volume, "templates/hostname.tpl", NULL);
    g_autofree char *metadata = g_build_filename(volume, "metadata.yaml", NULL);
    g_autofree char *target = g_file_read_link(soft, NULL);
    struct stat a, b;

    cr_assert_eq(stat(volume, &a), 0);
    cr_assert_eq(a.st_mode & 07777, 0700);
    cr_assert_eq(stat(file, &a), 0);
    cr_assert_eq(stat(hard, &b), 0);
    cr_assert_eq(a.st_ino, b.st_ino);
    cr_assert_eq(a.st_uid, 1000);
    cr_assert_eq(a.st_gid, 2000);
    cr_assert_eq(a.st_mode & 07777, 04755);
    cr_assert_str_eq(target, "/etc/passwd");
    cr_assert_not(file_exists(null), "a device node was made");
    cr_assert_eq(stat(sparse, &a), 0);
    cr_assert_eq(a.st_size, (20 << 20) + 1);
    cr_assert_eq(stat(tmp, &a), 0);
    cr_assert_eq(a.st_mode & 07777, 01777);
    cr_assert(file_exists(template));
    cr_assert(file_exists(metadata));
}

static char *fingerprint_of(const char *file, const char *rootfs)
{
    g_autoptr(Digest) digest = digest_new();

    cr_assert(digest_add_file(digest, file, -1, NULL, NULL));
    if (rootfs != NULL)
        cr_assert(digest_add_file(digest, rootfs, -1, NULL, NULL));
    return digest_finish(digest);
}

/* Imports and unpacks one image on one pool and goes through all that may happen to it. */
static void import(const char *file, const char *rootfs, const char *pool)
{
    g_autofree char *part = rootfs != NULL ? g_strdup_printf(",'rootfs':'%s'", rootfs) : NULL;
    g_autofree char *spec =
        g_strdup_printf("{'source':{'file':'%s'%s}}", file, part != NULL ? part : "");
    g_autofree char *expected = fingerprint_of(file, rootfs);
    g_autofree char *before = NULL;
    g_autofree char *made = NULL;
    g_autofree char *volume = path_image_volume(rig.dir, pool, expected);
    const Object *image;

    put_instance("c1", "img", pool);
    image = rig_put(KIND_IMAGE, "img", spec);
    cr_assert_str_eq(json_member_string(image->generated, "fingerprint"), expected);
    cr_assert_str_eq(json_member_string(image->generated, "architecture"), "x86_64");
    cr_assert_str_eq(json_member_string(image->generated, "created_at"), "2023-11-14T22:13:20Z");
    cr_assert_str_eq(json_string_at(image->generated, "properties/os"), "Test");
    before = rig_fingerprint();
    rig_create(image, "t1");
    assert_content(volume);
    rig_create(image, "t1");
    rig_delete(image, "t1");
    rig_assert_state(before);
    rig_create(image, "t2");
    made = rig_fingerprint();
    rig_delete(image, "t3");
    rig_undelete(image, "t3");
    rig_assert_state(made);
    rig_delete(image, "t3");
    rig_purge_all(image, "t3");
    rig_assert_state(before);
}

static const struct {
    const char *name, *flag;
} compressions[] = {{"plain", ""}, {"gz", "z"}, {"bz2", "j"}, {"xz", "J"}, {"zst", " --zstd "}};

static void import_all(gboolean split, const char *driver)
{
    make_tree();
    pool_named("one", driver);
    for (guint i = 0; i < G_N_ELEMENTS(compressions); i++) {
        const char *name = compressions[i].name, *flag = compressions[i].flag;
        gboolean word = flag[0] == ' ';
        g_autofree char *options =
            g_strdup_printf("--numeric-owner --xattrs --xattrs-include='*' --acls %s -c%sSf",
                            word ? flag : "", word ? "" : flag);
        g_autofree char *file = g_strdup_printf("%s/%s.tar", rig.top, name);
        g_autofree char *root = g_strdup_printf("%s/%s.root", rig.top, name);
        g_autofree char *command =
            split ? g_strdup_printf("cd %s/src && tar %s %s metadata.yaml templates && "
                                    "tar %s %s -C rootfs .",
                                    rig.top, options, file, options, root)
                  : g_strdup_printf("cd %s/src && tar %s %s .", rig.top, options, file);

        shell(command);
        import(file, split ? root : NULL, "one");
    }
}

Test(image, unified_on_dir)
{
    import_all(FALSE, "dir");
}

Test(image, unified_on_btrfs)
{
    import_all(FALSE, "btrfs");
}

Test(image, split_on_dir)
{
    import_all(TRUE, "dir");
}

Test(image, squashfs_root)
{
    g_autofree char *file = g_strdup_printf("%s/meta.tar.gz", rig.top);
    g_autofree char *root = g_strdup_printf("%s/root.squashfs", rig.top);
    g_autofree char *command = NULL;

    make_tree();
    command =
        g_strdup_printf("cd %s/src && setfacl -b rootfs/etc/file && chmod 4755 rootfs/etc/file && "
                        "tar -czf %s metadata.yaml templates && mksquashfs rootfs %s -quiet "
                        "-no-progress",
                        rig.top, file, root);
    shell(command);
    pool_named("one", "dir");
    import(file, root, "one");
}

Test(image, attributes_are_kept)
{
    g_autofree char *file = g_strdup_printf("%s/a.tar", rig.top);
    g_autofree char *command = NULL;
    g_autofree char *spec = g_strdup_printf("{'source':{'file':'%s'}}", file);
    g_autofree char *volume = NULL;
    g_autofree char *inside = NULL;
    const Object *image;
    char value[256];

    make_tree();
    command = g_strdup_printf("cd %s/src && setcap cap_net_raw+ep rootfs/etc/file && setfattr -n "
                              "trusted.evil -v 1 rootfs/etc/file && "
                              "tar --numeric-owner --xattrs --xattrs-include='*' --acls -cSf %s .",
                              rig.top, file);
    shell(command);
    pool_named("one", "dir");
    put_instance("c1", "img", "one");
    image = rig_put(KIND_IMAGE, "img", spec);
    rig_create(image, "t1");
    volume = path_image_volume(rig.dir, "one", json_member_string(image->generated, "fingerprint"));
    inside = g_build_filename(volume, "rootfs/etc/file", NULL);
    cr_assert_eq(getxattr(inside, "user.note", value, sizeof(value)), 3);
    cr_assert_gt(getxattr(inside, "security.capability", value, sizeof(value)), 0);
    cr_assert_gt(getxattr(inside, "system.posix_acl_access", value, sizeof(value)), 0);
    cr_assert_lt(getxattr(inside, "trusted.evil", value, sizeof(value)), 0);
}

Test(image, builtin)
{
    const Object *image;
    g_autofree char *before = NULL;
    g_autofree char *volume = NULL;
    g_autofree char *init = NULL;
    g_autofree char *sh = NULL;
    g_autofree char *first = NULL;
    struct stat st;

    pool_named("one", "dir");
    pool_named("two", "btrfs");
    put_instance("c1", "busybox", "one");
    put_instance("c2", "busybox", "two");
    image = rig_put(KIND_IMAGE, "busybox", "{'source':{'builtin':'busybox'}}");
    before = rig_fingerprint();
    rig_create(image, "t1");
    first = g_strdup(json_member_string(image->generated, "fingerprint"));
    volume = path_image_volume(rig.dir, "two", first);
    cr_assert(btrfs_is_subvolume(volume));
    init = g_build_filename(volume, "rootfs/sbin/init", NULL);
    sh = g_build_filename(volume, "rootfs/bin/sh", NULL);
    cr_assert_eq(stat(init, &st), 0);
    cr_assert_eq(st.st_mode & 07777, 0755);
    cr_assert_eq(stat(sh, &st), 0);
    cr_assert_gt(st.st_nlink, 50);
    {
        g_autofree char *inside = g_build_filename(volume, "x", NULL);

        cr_assert_lt(mkdir(inside, 0755), 0, "the image's subvolume is writable");
    }
    rig_delete(image, "t1");
    rig_assert_state(before);
    image = rig_put(KIND_IMAGE, "busybox", "{'source':{'builtin':'busybox'}}");
    cr_assert_str_eq(first, json_member_string(image->generated, "fingerprint"));
}

/* On a pool that no instance uses, there is no volume; once used, it stays (ST-100). */
Test(image, pools_accumulate)
{
    const Object *image;
    g_autofree char *text = NULL;

    pool_named("one", "dir");
    pool_named("two", "dir");
    image = rig_put(KIND_IMAGE, "busybox", "{'source':{'builtin':'busybox'}}");
    cr_assert_eq(json_array_size(json_object_get(image->generated, "pools")), 0);
    put_instance("c1", "busybox", "two");
    image = rig_put(KIND_IMAGE, "busybox", "{'source':{'builtin':'busybox'}}");
    put_instance("c1", "busybox", "one");
    image = rig_put(KIND_IMAGE, "busybox", "{'source':{'builtin':'busybox'}}");
    text = json_text(json_object_get(image->generated, "pools"));
    cr_assert_str_eq(text, "[\"one\",\"two\"]");
}

Test(image, pool_of_a_profile)
{
    const Object *image;
    g_autofree char *text = NULL;

    pool_named("one", "dir");
    pool_named("two", "dir");
    rig_put(KIND_PROFILE, "default",
            "{'devices':{'root':{'type':'disk','path':'/','pool':'one'}}}");
    rig_put(KIND_PROFILE, "other", "{'devices':{'root':{'type':'disk','path':'/','pool':'two'}}}");
    rig_put(KIND_INSTANCE, "c1",
            "{'source':{'alias':'bb'},'profiles':['default','other'],'devices':{}}");
    image = rig_put(KIND_IMAGE, "busybox", "{'source':{'builtin':'busybox'},'aliases':['bb']}");
    text = json_text(json_object_get(image->generated, "pools"));
    cr_assert_str_eq(text, "[\"two\"]");
}

/* Two image objects of one content share it; it goes with the last. */
Test(image, shared_content)
{
    const Object *one, *two;
    g_autofree char *before = NULL;
    g_autoptr(json_t) seen = NULL;

    pool_named("one", "btrfs");
    put_instance("c1", "a", "one");
    put_instance("c2", "b", "one");
    one = rig_put(KIND_IMAGE, "a", "{'source':{'builtin':'busybox'}}");
    two = rig_put(KIND_IMAGE, "b", "{'source':{'builtin':'busybox'}}");
    before = rig_fingerprint();
    rig_create(one, "t1");
    rig_create(two, "t2");
    rig_delete(one, "t3");
    seen = rig_observe(two);
    cr_assert_not_null(json_object_get(seen, "volumes"));
    rig_create(one, "t3"); /* undo */
    rig_delete(one, "t3");
    rig_purge_all(one, "t3");
    g_clear_pointer(&seen, json_decref);
    seen = rig_observe(two);
    cr_assert_not_null(json_object_get(seen, "volumes"));
    rig_delete(two, "t4");
    rig_purge_all(two, "t4");
    rig_assert_state(before);
}

typedef struct {
    const Object *image;
    const char *tx;
} Racer;

static gpointer race(gpointer data)
{
    const Racer *racer = data;

    rig_create(racer->image, racer->tx);
    return NULL;
}

/* Both are unpacked once: the second waits for the first. */
Test(image, shared_content_at_the_same_time)
{
    Racer racers[4];
    GThread *threads[4];

    pool_named("one", "dir");
    for (guint i = 0; i < 4; i++) {
        g_autofree char *name = g_strdup_printf("i%u", i);
        g_autofree char *instance = g_strdup_printf("c%u", i);

        put_instance(instance, name, "one");
    }
    for (guint i = 0; i < 4; i++) {
        g_autofree char *name = g_strdup_printf("i%u", i);

        racers[i] = (Racer){rig_put(KIND_IMAGE, name, "{'source':{'builtin':'busybox'}}"), "t1"};
    }
    for (guint i = 0; i < 4; i++)
        racers[i].image = snapshot_get(rig.model, racers[i].image->key);
    for (guint i = 0; i < 4; i++)
        threads[i] = g_thread_new("race", race, &racers[i]);
    for (guint i = 0; i < 4; i++)
        g_thread_join(threads[i]);
}

/* A file that changes between plan and apply is refused, and nothing stays. */
Test(image, changed_file_is_refused)
{
    g_autofree char *file = g_strdup_printf("%s/a.tar", rig.top);
    g_autofree char *command = g_strdup_printf("cd %s/src && tar -cf %s .", rig.top, file);
    g_autofree char *spec = g_strdup_printf("{'source':{'file':'%s'}}", file);
    g_autoptr(json_t) facts = NULL;
    g_autoptr(GError) error = NULL;
    const Object *image;

    make_tree();
    shell(command);
    image = rig_put(KIND_IMAGE, "img", spec);
    facts = rig_expect(image);
    write_file("src/rootfs/more", "x", 0644);
    shell(command);
    {
        g_autofree char *before = rig_fingerprint();

        cr_assert_not(rig_step("image.files", image, "files", NULL, json_object_get(facts, "files"),
                               "t1", &error));
        cr_assert_not_null(strstr(error->message, "changed"), "%s", error->message);
        g_clear_error(&error);
        cr_assert(rig_step("image.files", image, "files", json_object_get(facts, "files"), NULL,
                           "t1", &error));
        rig_assert_state(before);
    }
}

/* The second time only looks at the file's times; a file that is gone after its import is no
 * mistake. */
Test(image, resolving_is_remembered)
{
    g_autofree char *file = g_strdup_printf("%s/a.tar", rig.top);
    g_autofree char *command = g_strdup_printf("cd %s/src && tar -cf %s .", rig.top, file);
    g_autofree char *spec = g_strdup_printf("{'source':{'file':'%s'}}", file);
    const Object *image;
    gint64 best = G_MAXINT64;

    make_tree();
    shell(command);
    rig_put(KIND_IMAGE, "img", spec);
    /* The best of some: reading it again takes longer each time. */
    for (guint i = 0; i < 10; i++) {
        gint64 start = g_get_monotonic_time();

        rig_put(KIND_IMAGE, "img", spec);
        best = MIN(best, g_get_monotonic_time() - start);
    }
    cr_assert_lt(best, 5000);
    unlink(file);
    image = rig_put(KIND_IMAGE, "img", spec);
    cr_assert_not_null(json_member_string(image->generated, "fingerprint"));
}

/* What is known of one file is not what another one is. */
Test(image, other_source_is_not_there)
{
    g_autofree char *file = g_strdup_printf("%s/a.tar", rig.top);
    g_autofree char *command = g_strdup_printf("cd %s/src && tar -cf %s .", rig.top, file);
    g_autofree char *spec = g_strdup_printf("{'source':{'file':'%s'}}", file);
    g_autofree char *longer = g_strdup_printf("{'source':{'file':'%s:1:2:3:4.000000000;'}}", file);
    g_autofree char *split =
        g_strdup_printf("{'source':{'file':'%s', 'rootfs':'%s.rootfs'}}", file, file);
    g_autoptr(GError) a = NULL, b = NULL, c = NULL;

    make_tree();
    shell(command);
    rig_put(KIND_IMAGE, "img", spec);
    a = rig_put_fails(KIND_IMAGE, "img", "{'source':{'file':'/nosuch/a.tar'}}");
    b = rig_put_fails(KIND_IMAGE, "img", longer);
    c = rig_put_fails(KIND_IMAGE, "img", split);
    cr_assert_not_null(strstr(a->message, "source.file: /nosuch/a.tar"), "%s", a->message);
    cr_assert_not_null(strstr(b->message, "source.file: "), "%s", b->message);
    cr_assert_not_null(strstr(c->message, "source.rootfs: "), "%s", c->message);
}

Test(image, refused_sources)
{
    g_autofree char *file = g_strdup_printf("%s/a.tar", rig.top);
    g_autofree char *missing = g_strdup_printf("{'source':{'file':'%s'}}", file);
    g_autofree char *command =
        g_strdup_printf("cd %s/src && tar -cf %s metadata.yaml", rig.top, file);
    g_autoptr(GError) a = rig_put_fails(KIND_IMAGE, "img", missing);
    g_autoptr(GError) b = rig_put_fails(KIND_IMAGE, "img", "{'source':{'builtin':'debian'}}");
    g_autoptr(GError) c = rig_put_fails(KIND_IMAGE, "img", "{'source':{'server':'https://x'}}");
    g_autoptr(GError) d = NULL;

    make_tree();
    shell(command);
    d = rig_put_fails(KIND_IMAGE, "img", missing);
    cr_assert_not_null(strstr(a->message, "no such file"), "%s", a->message);
    cr_assert_not_null(strstr(b->message, "debian"), "%s", b->message);
    cr_assert_not_null(strstr(d->message, "rootfs"), "%s", d->message);
}

Test(image, unmounted_pool_is_not_empty)
{
    g_autofree char *target = path_pool(rig.dir, "one");
    const char *unmount[] = {"umount", target, NULL};
    g_autoptr(json_t) expected = NULL;
    g_autoptr(json_t) seen = NULL;
    const Object *image;

    pool_named("one", "btrfs");
    put_instance("c1", "busybox", "one");
    image = rig_put(KIND_IMAGE, "busybox", "{'source':{'builtin':'busybox'}}");
    rig_create(image, "t1");
    expected = rig_expect(image);
    g_free(rig_run(unmount));
    seen = rig_observe(image);
    rig_assert_same(seen, expected);
    rig_delete(image, "t2");
    rig_create(image, "t2");
}
