/* Files of instances on the real host, and containers that want ours (API-080..084). */
#include <criterion/criterion.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "error.h"
#include "instance/exec.h"
#include "instance/transfer.h"
#include "scene.h"

TestSuite(files, .timeout = 120);

#define USUAL (&(FileOwner){-1, -1, -1})

static const Object *made(Scene *scene, const char *state, const char *config)
{
    g_autofree char *extra = g_strdup_printf("{'state': '%s'}", state);
    const Object *c = scene_instance(scene, "c1", config, "{}", extra);

    scene_must(scene, c);
    return c;
}

/* A file with this text, at its beginning. */
static int content(const char *text)
{
    int fd = memfd_create("content", MFD_CLOEXEC);

    cr_assert(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    cr_assert(lseek(fd, 0, SEEK_SET) == 0);
    return fd;
}

static gboolean put(Scene *scene, const Object *c, const char *path, const char *text,
                    gboolean append, const FileOwner *owner, GError **error)
{
    int fd = content(text);
    gboolean done = transfer_put(scene->host, c, path, fd, append, owner, error);

    close(fd);
    return done;
}

static void must_put(Scene *scene, const Object *c, const char *path, const char *text,
                     gboolean append, const FileOwner *owner)
{
    g_autoptr(GError) error = NULL;

    cr_assert(put(scene, c, path, text, append, owner, &error), "%s", error->message);
}

static char *read_content(const FileInfo *info)
{
    g_autoptr(GString) text = g_string_new(NULL);
    char buffer[65536];
    ssize_t n;

    while ((n = read(info->content, buffer, sizeof buffer)) > 0)
        g_string_append_len(text, buffer, n);
    cr_assert(n == 0);
    return g_string_free(g_steal_pointer(&text), FALSE);
}

static FileInfo *must_get(Scene *scene, const Object *c, const char *path)
{
    g_autoptr(GError) error = NULL;
    FileInfo *info = transfer_get(scene->host, c, path, &error);

    cr_assert(info != NULL, "%s", error->message);
    return info;
}

static void has(Scene *scene, const Object *c, const char *path, const char *text)
{
    g_autoptr(FileInfo) info = must_get(scene, c, path);
    g_autofree char *is = NULL;

    cr_assert_eq(info->type, FILE_PLAIN);
    is = read_content(info);
    cr_expect_str_eq(is, text);
    cr_expect_eq(strlen(is), info->size);
}

static void fails(Scene *scene, const Object *c, const char *path, ErrorCode code)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(FileInfo) info = transfer_get(scene->host, c, path, &error);

    cr_assert(info == NULL, "%s is there", path);
    cr_expect(g_error_matches(error, BERTH_ERROR, (int)code), "%s: %s", path, error->message);
}

static void all_of_it(Scene *scene, const Object *c)
{
    g_autoptr(FileInfo) file = NULL;
    g_autoptr(FileInfo) folder = NULL;
    g_autoptr(FileInfo) link = NULL;
    g_autoptr(GError) error = NULL;

    must_put(scene, c, "/tmp/a", "moin\n", FALSE, &(FileOwner){1000, 1001, 0640});
    must_put(scene, c, "/tmp/a", "again\n", TRUE, &(FileOwner){5, 6, 0777});
    has(scene, c, "/tmp/a", "moin\nagain\n");
    must_put(scene, c, "/tmp/a", "new", FALSE, USUAL);
    has(scene, c, "/tmp/a", "new");
    file = transfer_head(scene->host, c, "/tmp/a", &error);
    cr_assert(file != NULL);
    cr_expect_eq(file->uid, 1000);
    cr_expect_eq(file->gid, 1001);
    cr_expect_eq(file->mode, 0640, "owner and mode are of its creation");
    cr_expect_eq(file->size, 3);
    cr_expect(file->modified > 1700000000 && file->content == -1);

    cr_assert(transfer_make_directory(scene->host, c, "/tmp/d", USUAL, &error));
    cr_assert(transfer_make_directory(scene->host, c, "/tmp/d", &(FileOwner){7, 7, 0700}, &error));
    folder = transfer_head(scene->host, c, "/tmp/d", &error);
    cr_expect(folder->type == FILE_DIRECTORY && folder->mode == 0750 && folder->uid == 0);
    g_clear_pointer(&folder, file_info_free);
    must_put(scene, c, "/tmp/d/z", "", FALSE, USUAL);
    must_put(scene, c, "/tmp/d/.b", "x", FALSE, USUAL);
    folder = must_get(scene, c, "/tmp/d");
    cr_expect(
        g_strv_equal((const char *const *)folder->entries, (const char *const[]){".b", "z", NULL}));
    has(scene, c, "/tmp/d/z", "");

    cr_assert(transfer_make_link(scene->host, c, "/tmp/l", "../tmp/a", USUAL, &error));
    cr_assert(transfer_make_link(scene->host, c, "/tmp/l", "../tmp/a", USUAL, &error));
    cr_expect_not(transfer_make_link(scene->host, c, "/tmp/l", "/etc", USUAL, &error));
    cr_expect(g_error_matches(error, BERTH_ERROR, ERR_EXISTS));
    g_clear_error(&error);
    link = must_get(scene, c, "/tmp/l");
    cr_expect_eq(link->type, FILE_SYMLINK);
    cr_expect_str_eq(link->target, "/tmp/a");
    must_put(scene, c, "/tmp/l", "through", FALSE, USUAL);
    has(scene, c, "/tmp/a", "through");

    cr_expect_not(transfer_delete(scene->host, c, "/tmp/d", &error));
    cr_expect(g_error_matches(error, BERTH_ERROR, ERR_INVALID), "%s", error->message);
    g_clear_error(&error);
    cr_assert(transfer_delete(scene->host, c, "/tmp/d/z", &error));
    cr_assert(transfer_delete(scene->host, c, "/tmp/d/.b", &error));
    cr_assert(transfer_delete(scene->host, c, "/tmp/d", &error));
    cr_assert(transfer_delete(scene->host, c, "/tmp/l", &error));
    cr_assert(transfer_delete(scene->host, c, "/tmp/a", &error));
    cr_expect_not(transfer_delete(scene->host, c, "/tmp/a", &error));
    cr_expect(g_error_matches(error, BERTH_ERROR, ERR_NOT_FOUND));
    g_clear_error(&error);
    fails(scene, c, "/tmp/a", ERR_NOT_FOUND);
    fails(scene, c, "/bin/sh/none", ERR_NOT_FOUND);
    fails(scene, c, "relative", ERR_INVALID);
    cr_expect_not(put(scene, c, "/tmp", "x", FALSE, USUAL, &error));
    cr_expect(g_error_matches(error, BERTH_ERROR, ERR_INVALID));
    g_clear_error(&error);
    cr_expect_not(put(scene, c, "/no/such/folder", "x", FALSE, USUAL, &error));
    cr_expect(g_error_matches(error, BERTH_ERROR, ERR_NOT_FOUND));
    g_clear_error(&error);
    cr_expect_not(transfer_delete(scene->host, c, "/", &error));
    cr_expect(g_error_matches(error, BERTH_ERROR, ERR_INVALID));
}

Test(files, running)
{
    SCENE();
    all_of_it(scene, made(scene, "running", "{}"));
}

Test(files, privileged)
{
    SCENE();
    all_of_it(scene, made(scene, "running", "{'security.privileged': 'true'}"));
}

Test(files, stopped)
{
    SCENE();
    all_of_it(scene, made(scene, "stopped", "{}"));
}

/* The ids are the container's, whether it runs or not. */
Test(files, ids_stay)
{
    SCENE();
    const Object *c = made(scene, "stopped", "{}");
    g_autofree char *text = NULL;

    must_put(scene, c, "/root/before", "b", FALSE, &(FileOwner){12, 34, 04755});
    c = made(scene, "running", "{}");
    scene_run(scene, c, "stat -c '%u %g %a' /root/before", &text);
    cr_expect_str_eq(text, "12 34 4755");
}

/* What is mounted inside is what is seen; files that are made as they are read have their content.
 */
Test(files, mounts_inside)
{
    SCENE();
    const Object *c = made(scene, "running", "{}");
    g_autoptr(FileInfo) info = NULL;
    g_autofree char *text = NULL;

    scene_run(scene, c, "echo under >/mnt/x; mount -t tmpfs none /mnt; echo over >/mnt/x", NULL);
    has(scene, c, "/mnt/x", "over\n");
    has(scene, c, "/proc/sys/kernel/hostname", "c1\n");
    scene_run(scene, c, "echo 43 >/proc/sys/net/ipv4/ip_default_ttl", NULL);
    has(scene, c, "/proc/sys/net/ipv4/ip_default_ttl", "43\n");
    info = must_get(scene, c, "/proc/1/status");
    text = read_content(info);
    cr_expect(strstr(text, "Name:") != NULL);
}

/* 50 MB in and out again, and a reader that leaves early. */
Test(files, large)
{
    SCENE();
    const Object *c = made(scene, "running", "{}");
    int fd = memfd_create("large", MFD_CLOEXEC);
    g_autofree char *part = g_malloc(1u << 20);
    g_autoptr(GChecksum) in = g_checksum_new(G_CHECKSUM_SHA256);
    g_autoptr(GChecksum) out = g_checksum_new(G_CHECKSUM_SHA256);
    g_autoptr(GError) error = NULL;
    g_autoptr(FileInfo) info = NULL;
    guint64 length = 0;
    ssize_t n;

    for (guint i = 0; i < 50; i++) {
        for (guint j = 0; j < 1u << 20; j++)
            part[j] = (char)((i * 31 + j * 7 + j / 251) & 0xff);
        g_checksum_update(in, (guchar *)part, 1u << 20);
        cr_assert(write(fd, part, 1u << 20) == 1 << 20);
    }
    cr_assert(lseek(fd, 0, SEEK_SET) == 0);
    cr_assert(transfer_put(scene->host, c, "/root/large", fd, FALSE, USUAL, &error), "%s",
              error != NULL ? error->message : "");
    close(fd);
    info = must_get(scene, c, "/root/large");
    while ((n = read(info->content, part, 1u << 20)) > 0) {
        g_checksum_update(out, (guchar *)part, n);
        length += (guint64)n;
    }
    cr_expect_eq(length, 50u << 20);
    cr_expect_str_eq(g_checksum_get_string(in), g_checksum_get_string(out));
    g_clear_pointer(&info, file_info_free);
    info = must_get(scene, c, "/root/large");
    g_clear_pointer(&info, file_info_free);
    cr_expect(waitpid(-1, NULL, WNOHANG) <= 0, "a helper is left");
}

/* ---- hostile ---- */

#define SECRET "the host's own"

/* A file of the host, with a name that no container has. */
static char *make_secret(Scene *scene)
{
    char *path = g_build_filename(scene->dir, "secret", NULL);

    cr_assert(g_file_set_contents(path, SECRET, -1, NULL));
    return path;
}

static void is_untouched(const char *secret)
{
    g_autofree char *text = NULL;

    cr_assert(g_file_get_contents(secret, &text, NULL, NULL));
    cr_expect_str_eq(text, SECRET);
}

static void links_stay_inside(Scene *scene, const Object *c)
{
    g_autofree char *secret = make_secret(scene);
    g_autofree char *up = g_strconcat("../../../../../../../../../..", secret, NULL);
    g_autofree char *above = g_strconcat("/", up, NULL);
    g_autofree char *folder = g_path_get_dirname(secret);
    g_autoptr(GError) error = NULL;

    cr_assert(transfer_make_link(scene->host, c, "/tmp/direct", secret, USUAL, &error));
    cr_assert(transfer_make_link(scene->host, c, "/tmp/up", up, USUAL, &error));
    cr_assert(transfer_make_link(scene->host, c, "/tmp/folder", folder, USUAL, &error));
    cr_assert(transfer_make_link(scene->host, c, "/tmp/loop", "/tmp/loop", USUAL, &error));
    fails(scene, c, "/tmp/folder/secret", ERR_NOT_FOUND);
    fails(scene, c, secret, ERR_NOT_FOUND);
    fails(scene, c, above, ERR_NOT_FOUND);
    /* Writing through them is refused, or ends inside. */
    put(scene, c, "/tmp/direct", "pwned", FALSE, USUAL, NULL);
    put(scene, c, "/tmp/up", "pwned", FALSE, USUAL, NULL);
    put(scene, c, "/tmp/folder/secret", "pwned", FALSE, USUAL, NULL);
    cr_expect_not(put(scene, c, "/tmp/loop", "pwned", FALSE, USUAL, &error));
    transfer_delete(scene->host, c, "/tmp/folder/secret", NULL);
    is_untouched(secret);
}

Test(files, links_stay_inside)
{
    SCENE();
    links_stay_inside(scene, made(scene, "running", "{}"));
}

Test(files, links_stay_inside_privileged)
{
    SCENE();
    links_stay_inside(scene, made(scene, "running", "{'security.privileged': 'true'}"));
}

Test(files, links_stay_inside_stopped)
{
    SCENE();
    links_stay_inside(scene, made(scene, "stopped", "{}"));
}

/* A dangling link inside leads to a file inside. */
Test(files, link_to_nothing)
{
    SCENE();
    const Object *c = made(scene, "running", "{}");
    g_autoptr(GError) error = NULL;

    cr_assert(transfer_make_link(scene->host, c, "/tmp/l", "../etc/made", USUAL, &error));
    must_put(scene, c, "/tmp/l", "x", FALSE, USUAL);
    has(scene, c, "/etc/made", "x");
}

/* Links of /proc lead where no path does. */
static void no_magic_links(Scene *scene, const Object *c, ErrorCode code)
{
    g_autoptr(GError) error = NULL;

    fails(scene, c, "/proc/1/root/etc", code);
    fails(scene, c, "/proc/1/cwd/etc", code);
    fails(scene, c, "/proc/self/root", ERR_NOT_FOUND);
    cr_expect_not(put(scene, c, "/proc/1/root/tmp/x", "x", FALSE, USUAL, &error));
}

Test(files, no_magic_links)
{
    SCENE();
    /* Init belongs to somebody with more rights than the helper has inside. */
    no_magic_links(scene, made(scene, "running", "{}"), ERR_PERMISSION);
}

Test(files, no_magic_links_privileged)
{
    SCENE();
    no_magic_links(scene, made(scene, "running", "{'security.privileged': 'true'}"),
                   ERR_PERMISSION);
}

static void special_files(Scene *scene, const Object *c)
{
    static const char *const paths[] = {"/tmp/fifo", "/dev/null", "/tmp/disk"};
    g_autoptr(GError) error = NULL;

    for (guint i = 0; i < G_N_ELEMENTS(paths); i++) {
        if (g_str_equal(paths[i], "/tmp/disk") &&
            scene_run(scene, c, "test -b /tmp/disk", NULL) != 0)
            continue; /* only privileged containers make them */
        fails(scene, c, paths[i], ERR_INVALID);
        cr_expect_not(put(scene, c, paths[i], "x", FALSE, USUAL, &error));
        cr_expect(g_error_matches(error, BERTH_ERROR, ERR_INVALID), "%s", error->message);
        g_clear_error(&error);
    }
    cr_expect(transfer_delete(scene->host, c, "/tmp/fifo", &error));
}

/* They are refused by name, and nobody waits for the other end. */
Test(files, special)
{
    SCENE();
    const Object *c = made(scene, "running", "{}");

    scene_run(scene, c, "busybox mkfifo /tmp/fifo", NULL);
    special_files(scene, c);
}

Test(files, special_privileged)
{
    SCENE();
    const Object *c = made(scene, "running", "{'security.privileged': 'true'}");

    scene_run(scene, c, "busybox mkfifo /tmp/fifo; busybox mknod /tmp/disk b 7 0", NULL);
    cr_expect_eq(scene_run(scene, c, "test -b /tmp/disk", NULL), 0);
    special_files(scene, c);
}

/* The container swaps what the path means all the time; whatever we do ends inside, or fails. */
Test(files, races)
{
    SCENE();
    const Object *c = made(scene, "running", "{'security.privileged': 'true'}");
    g_autofree char *secret = make_secret(scene);
    g_autofree char *folder = g_path_get_dirname(secret);
    g_autofree char *command = g_strdup_printf(
        "mkdir -p /tmp/real /tmp/w; echo inside >/tmp/real/secret; busybox ln -s %s /tmp/evil;"
        "busybox mkfifo /tmp/fifo; (while true; do busybox mv -T /tmp/real /tmp/w/t;"
        "busybox mv -T /tmp/evil /tmp/real; busybox mv -T /tmp/real /tmp/evil;"
        "busybox mv -T /tmp/w/t /tmp/real; busybox ln -f /tmp/fifo /tmp/n;"
        "busybox ln -sf %s /tmp/n; busybox rm -f /tmp/n; done) >/dev/null 2>&1 &",
        folder, secret);
    gint64 end;
    guint tries = 0, got = 0;

    scene_run(scene, c, command, NULL);
    end = g_get_monotonic_time() + 8 * G_USEC_PER_SEC;
    while (g_get_monotonic_time() < end) {
        g_autoptr(FileInfo) info = transfer_get(scene->host, c, "/tmp/real/secret", NULL);

        put(scene, c, "/tmp/real/secret", "inside\n", FALSE, USUAL, NULL);
        put(scene, c, "/tmp/n", "inside\n", FALSE, USUAL, NULL);
        transfer_delete(scene->host, c, "/tmp/n", NULL);
        tries++;
        if (info != NULL && info->content >= 0) {
            g_autofree char *text = NULL;

            got++;
            text = read_content(info);
            cr_assert(strstr(text, SECRET) == NULL);
        }
    }
    cr_expect(got > 0, "in %u tries the file was never there", tries);
    is_untouched(secret);
}
