#include "volumes.h"

#include <criterion/criterion.h>

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "error.h"
#include "file.h"
#include "paths.h"
#include "rig.h"
#include "storage/btrfs.h"
#include "storage/volume.h"

const Object *make_pool(const char *driver)
{
    g_autofree char *spec = strcmp(driver, "btrfs") == 0
                                ? g_strdup("{'driver':'btrfs','config':{'size':'300MiB'}}")
                                : g_strdup_printf("{'driver':'%s'}", driver);
    const Object *pool = rig_put(KIND_POOL, "one", spec);

    rig_create(pool, "t0");
    return pool;
}

void write_file(const char *folder, const char *name, const char *text, guint mode)
{
    g_autofree char *path = g_build_filename(folder, name, NULL);

    cr_assert(g_file_set_contents(path, text, -1, NULL));
    cr_assert_eq(chmod(path, mode), 0);
}

char *make_image(const char *fingerprint, const char *content)
{
    char *path = path_image_volume(rig.dir, "one", fingerprint);
    g_autofree char *rootfs = g_build_filename(path, "rootfs", NULL);
    g_autofree char *etc = g_build_filename(rootfs, "etc", NULL);
    g_autofree char *file = g_build_filename(etc, "file", NULL);
    g_autofree char *other = g_build_filename(rootfs, "link", NULL);
    g_autofree char *soft = g_build_filename(rootfs, "soft", NULL);
    g_autofree char *null = g_build_filename(rootfs, "null", NULL);
    g_autofree char *fifo = g_build_filename(rootfs, "fifo", NULL);
    g_autofree char *sparse = g_build_filename(rootfs, "sparse", NULL);
    g_autofree char *parent = g_path_get_dirname(path);
    g_auto(Fd) fd = -1;

    if (btrfs_has(parent))
        cr_assert(btrfs_subvolume_create(path, NULL));
    cr_assert(file_make_directory(etc, 0750, NULL));
    write_file(path, "metadata.yaml", "x", 0644);
    write_file(etc, "file", content, 04755);
    cr_assert_eq(chown(file, 1234, 5678), 0);
    cr_assert_eq(chmod(file, 04755), 0);
    cr_assert_eq(setxattr(file, "user.note", "abc", 3, 0), 0);
    cr_assert_eq(link(file, other), 0);
    cr_assert_eq(symlink("/etc/passwd", soft), 0);
    cr_assert_eq(lchown(soft, 7, 8), 0);
    cr_assert_eq(mknod(null, S_IFCHR | 0640, makedev(1, 3)), 0);
    cr_assert_eq(mkfifo(fifo, 0600), 0);
    fd = open(sparse, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    cr_assert_eq(pwrite(fd, "end", 3, 64 << 20), 3);
    return path;
}

json_t *fact_of(const Object *pool, const char *name, const char *fingerprint)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *key = g_strdup_printf("instance/default//%s", name);
    json_t *fact = volume_expect(&rig.context, pool, "containers", key, name, fingerprint, &error);

    no_error(error);
    return fact;
}

gboolean ensure(json_t *from, json_t *to, const char *tx, GError **error)
{
    const Step step = {.name = (char *)"instance.volume",
                       .key = (char *)KEY,
                       .path = (char *)"volume",
                       .from = from,
                       .to = to,
                       .tx = (char *)tx};

    return volume_ensure(rig.host, &step, error);
}

void must(json_t *from, json_t *to, const char *tx)
{
    g_autoptr(GError) error = NULL;

    ensure(from, to, tx, &error);
    no_error(error);
}

json_t *observe(const json_t *fact)
{
    g_autoptr(GError) error = NULL;
    json_t *seen = volume_observe(rig.host, json_member_string(fact, "path"),
                                  json_member_string(fact, "driver"), &error);

    no_error(error);
    return seen;
}

void assert_there(const json_t *fact)
{
    g_autoptr(json_t) seen = observe(fact);

    cr_assert_not_null(seen);
    rig_assert_same(seen, fact);
}

void assert_gone(const json_t *fact)
{
    g_autoptr(json_t) seen = observe(fact);

    cr_assert_null(seen);
}
