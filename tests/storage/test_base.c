/* base/file and base/spawn: what everything else stands on. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>

#include "error.h"
#include "file.h"
#include "spawn.h"

static char *top;

static void open_top(void)
{
    char template[] = "/var/tmp/berth-base-XXXXXX";

    top = g_strdup(mkdtemp(template));
}

static void close_top(void)
{
    cr_expect(file_remove_tree(top, NULL));
    g_free(top);
}

TestSuite(base, .init = open_top, .fini = close_top, .timeout = 60);

static char *in_top(const char *name)
{
    return g_build_filename(top, name, NULL);
}

Test(base, write_tells_whether_it_wrote)
{
    g_autofree char *path = in_top("file");
    g_autofree char *text = NULL;
    gboolean changed;
    struct stat first, second;
    gsize length;

    cr_assert(file_write(path, "abc", -1, 0640, &changed, NULL));
    cr_assert(changed);
    stat(path, &first);
    cr_assert_eq(first.st_mode & 07777, 0640);
    cr_assert(file_write(path, "abc", 3, 0640, &changed, NULL));
    cr_assert_not(changed);
    stat(path, &second);
    cr_assert_eq(first.st_ino, second.st_ino);
    cr_assert(file_write(path, "abc", -1, 0600, &changed, NULL));
    cr_assert(changed);
    cr_assert(file_write(path, "a\0c", 3, 0600, &changed, NULL));
    cr_assert(file_read(path, 3, &text, &length, NULL));
    cr_assert_eq(length, 3);
    cr_assert_eq(memcmp(text, "a\0c", 4), 0);
}

Test(base, write_replaces_a_link_not_its_target)
{
    g_autofree char *path = in_top("link");
    g_autofree char *target = in_top("target");
    g_autofree char *text = NULL;

    cr_assert(file_write(target, "precious", -1, 0600, NULL, NULL));
    cr_assert_eq(symlink(target, path), 0);
    cr_assert(file_write(path, "new", -1, 0600, NULL, NULL));
    cr_assert(file_read(target, 100, &text, NULL, NULL));
    cr_assert_str_eq(text, "precious");
}

Test(base, write_into_nowhere_leaves_nothing)
{
    g_autofree char *path = in_top("none/file");
    g_autoptr(GError) error = NULL;

    cr_assert_not(file_write(path, "x", -1, 0600, NULL, &error));
    cr_assert_not_null(strstr(error->message, path));
}

Test(base, read_errors)
{
    g_autofree char *path = in_top("file");
    g_autofree char *text = NULL;
    g_autoptr(GError) error = NULL;

    cr_assert_not(file_read(path, 10, &text, NULL, &error));
    cr_assert(g_error_matches(error, BERTH_ERROR, ERR_NOT_FOUND));
    g_clear_error(&error);
    cr_assert(file_write(path, "0123456789", -1, 0600, NULL, NULL));
    cr_assert_not(file_read(path, 9, &text, NULL, &error));
    cr_assert(g_error_matches(error, BERTH_ERROR, ERR_INVALID));
    cr_assert_null(text);
    cr_assert(file_read(path, 10, &text, NULL, NULL));
}

Test(base, make_directory)
{
    g_autofree char *path = in_top("a/b/c");
    g_autofree char *file = in_top("file");
    g_autoptr(GError) error = NULL;
    struct stat st;

    umask(077);
    cr_assert(file_make_directory(path, 0711, NULL));
    cr_assert(file_make_directory(path, 0700, NULL));
    stat(path, &st);
    cr_assert_eq(st.st_mode & 07777, 0711);
    cr_assert(file_write(file, "", -1, 0600, NULL, NULL));
    cr_assert_not(file_make_directory(file, 0700, &error));
    cr_assert(g_error_matches(error, BERTH_ERROR, ERR_EXISTS));
}

Test(base, rename)
{
    g_autofree char *one = in_top("one");
    g_autofree char *two = in_top("two");
    g_autoptr(GError) error = NULL;

    cr_assert_not(file_rename(one, two, &error));
    cr_assert(g_error_matches(error, BERTH_ERROR, ERR_NOT_FOUND));
    g_clear_error(&error);
    cr_assert(file_write(one, "1", -1, 0600, NULL, NULL));
    cr_assert(file_rename(one, two, NULL));
    cr_assert(file_rename(one, two, NULL)); /* done already */
    cr_assert(file_write(one, "1", -1, 0600, NULL, NULL));
    cr_assert_not(file_rename(one, two, &error));
    cr_assert(g_error_matches(error, BERTH_ERROR, ERR_EXISTS));
}

Test(base, remove_tree_does_not_follow_links)
{
    g_autofree char *outside = in_top("outside");
    g_autofree char *precious = in_top("outside/precious");
    g_autofree char *tree = in_top("tree");
    g_autofree char *link = in_top("tree/link");

    cr_assert(file_make_directory(outside, 0755, NULL));
    cr_assert(file_make_directory(tree, 0755, NULL));
    cr_assert(file_write(precious, "x", -1, 0600, NULL, NULL));
    cr_assert_eq(symlink(outside, link), 0);
    cr_assert(file_remove_tree(tree, NULL));
    cr_assert(file_remove_tree(tree, NULL));
    cr_assert_not(file_exists(tree));
    cr_assert(file_exists(precious));
    cr_assert_eq(symlink(outside, tree), 0);
    cr_assert(file_remove_tree(tree, NULL));
    cr_assert(file_exists(precious));
}

/* Deeper than we may have files open. */
Test(base, remove_a_deep_tree)
{
    g_autofree char *tree = in_top("tree");
    int fd;

    cr_assert(file_make_directory(tree, 0755, NULL));
    fd = open(tree, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (guint i = 0; i < 1000; i++) {
        int next;

        cr_assert_eq(mkdirat(fd, "d", 0755), 0);
        cr_assert_eq(mkdirat(fd, "e", 0755), 0);
        next = openat(fd, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        close(fd);
        fd = next;
    }
    close(fd);
    cr_assert(file_remove_tree(tree, NULL));
    cr_assert_not(file_exists(tree));
}

Test(base, open_beneath)
{
    g_autofree char *folder = in_top("folder");
    g_autofree char *out = in_top("folder/out");
    g_autofree char *in = in_top("folder/in");
    g_auto(Fd) root = -1;
    const char *refused[] = {"out/passwd", "../folder/in", "/etc/passwd", "none"};

    cr_assert(file_make_directory(folder, 0755, NULL));
    cr_assert_eq(symlink("/etc", out), 0);
    cr_assert(file_write(in, "x", -1, 0600, NULL, NULL));
    root = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (guint i = 0; i < G_N_ELEMENTS(refused); i++) {
        g_autoptr(GError) error = NULL;

        cr_assert_lt(file_open_beneath(root, refused[i], O_RDONLY, 0, &error), 0, "%s", refused[i]);
        cr_assert_not_null(error);
    }
    {
        g_auto(Fd) fd = file_open_beneath(root, "in", O_RDONLY, 0, NULL);

        cr_assert_geq(fd, 0);
    }
}

Test(base, spawn_output_and_input)
{
    const char *argv[] = {"sh", "-c", "cat; echo $LANG; pwd; ls /proc/self/fd | wc -l", NULL};
    const SpawnOptions options = {.input = "hello\n", .keep_fd = -1};
    g_autofree char *output = NULL;

    cr_assert(spawn_run(argv, &options, &output, NULL));
    /* ls itself has its directory open */
    cr_assert_str_eq(output, "hello\nC.UTF-8\n/\n4\n");
}

Test(base, spawn_failures)
{
    const char *status[] = {"sh", "-c", "echo reason >&2; exit 3", NULL};
    const char *killed[] = {"sh", "-c", "kill -9 $$", NULL};
    const char *missing[] = {"no-such-program", NULL};
    const char *slow[] = {"sh", "-c", "sleep 60 & sleep 60", NULL};
    const SpawnOptions hurry = {.timeout_ms = 200, .keep_fd = -1};
    g_autoptr(GError) a = NULL;
    g_autoptr(GError) b = NULL;
    g_autoptr(GError) c = NULL;
    g_autoptr(GError) d = NULL;

    cr_assert_not(spawn_run(status, NULL, NULL, &a));
    cr_assert_str_eq(a->message, "sh failed with status 3: reason");
    cr_assert_not(spawn_run(killed, NULL, NULL, &b));
    cr_assert_not_null(strstr(b->message, "signal 9"));
    cr_assert_not(spawn_run(missing, NULL, NULL, &c));
    cr_assert_not_null(strstr(c->message, "not installed"));
    cr_assert_not(spawn_run(slow, &hurry, NULL, &d));
    cr_assert_not_null(strstr(d->message, "200 ms"));
}

/* A child of the child that keeps the pipe open does not keep us. */
Test(base, spawn_does_not_wait_for_others)
{
    const char *argv[] = {"sh", "-c", "sleep 5 & echo done", NULL};
    g_autofree char *output = NULL;
    gint64 start = g_get_monotonic_time();

    cr_assert(spawn_run(argv, NULL, &output, NULL));
    cr_assert_str_eq(output, "done\n");
    cr_assert_lt(g_get_monotonic_time() - start, 3 * G_USEC_PER_SEC);
}

Test(base, spawn_hands_a_descriptor_over)
{
    g_autofree char *path = in_top("file");
    const char *argv[] = {"sh", "-c", "cat <&3", NULL};
    SpawnOptions options = {.keep_fd = -1};
    g_autofree char *output = NULL;

    cr_assert(file_write(path, "through", -1, 0600, NULL, NULL));
    options.keep_fd = open(path, O_RDONLY | O_CLOEXEC);
    cr_assert(spawn_run(argv, &options, &output, NULL));
    cr_assert_str_eq(output, "through");
    close(options.keep_fd);
}

Test(base, spawn_much_output)
{
    const char *argv[] = {"head", "-c", "3000000", "/dev/zero", NULL};
    const char *noise[] = {"sh", "-c", "head -c 3000000 /dev/zero | tr '\\0' x >&2; exit 1", NULL};
    g_autoptr(GError) error = NULL;
    g_autofree char *output = NULL;

    cr_assert(spawn_run(argv, NULL, &output, NULL));
    cr_assert_not(spawn_run(noise, NULL, NULL, &error));
    cr_assert_lt(strlen(error->message), 4000);
}

static gpointer run_some(gpointer data)
{
    for (guint i = 0; i < 20; i++) {
        const char *argv[] = {"true", NULL};

        if (!spawn_run(argv, NULL, NULL, NULL))
            return NULL;
    }
    return data;
}

Test(base, spawn_in_threads)
{
    GThread *threads[4];

    for (guint i = 0; i < 4; i++)
        threads[i] = g_thread_new("spawn", run_some, top);
    for (guint i = 0; i < 4; i++)
        cr_assert_not_null(g_thread_join(threads[i]));
}

Test(base, spawn_daemon)
{
    g_autofree char *log = in_top("log");
    g_autofree char *text = NULL;
    const char *argv[] = {"sh", "-c", "echo started; exec sleep 60", NULL};
    const char *missing[] = {"/no/such/program", NULL};
    g_autoptr(GError) error = NULL;
    GPid pid = spawn_daemon(argv, log, &error);

    cr_assert_gt(pid, 1);
    for (guint i = 0; i < 100 && text == NULL; i++) {
        g_usleep(20000);
        file_read(log, 100, &text, NULL, NULL);
        if (text != NULL && *text == '\0')
            g_clear_pointer(&text, g_free);
    }
    cr_assert_str_eq(text, "started\n");
    cr_assert_eq(getsid(pid) == getsid(0), 0);
    cr_assert_eq(kill(pid, SIGKILL), 0);
    cr_assert_lt(spawn_daemon(missing, NULL, &error), 0);
    cr_assert_not_null(error);
}

Test(base, spawn_record)
{
    g_autoptr(GPtrArray) argvs = g_ptr_array_new_with_free_func((GDestroyNotify)g_strfreev);
    const char *argv[] = {"rm", "-rf", "/", NULL};
    g_autofree char *output = NULL;

    spawn_record(argvs);
    cr_assert(spawn_run(argv, NULL, &output, NULL));
    spawn_record(NULL);
    cr_assert_str_eq(output, "");
    cr_assert_eq(argvs->len, 1);
    cr_assert_str_eq(((char **)argvs->pdata[0])[0], "rm");
}
