/* What is kept of instances and can be read: console, logs, metadata, templates (API-160..176). */
#include <criterion/criterion.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "error.h"
#include "file.h"
#include "instance/console.h"
#include "instance/logs.h"
#include "instance/metadata.h"
#include "scene.h"

TestSuite(kept, .timeout = 120);

#define SCENE_IN(state)                                                                            \
    SCENE();                                                                                       \
    const Object *c = scene_instance(scene, "c1", "{}", "{}", "{'state': '" state "'}");           \
    g_autoptr(GError) error = NULL;                                                                \
    scene_must(scene, c)

static void is_error(GError **error, ErrorCode code)
{
    cr_assert(*error != NULL);
    cr_expect(g_error_matches(*error, BERTH_ERROR, (int)code), "%s", (*error)->message);
    g_clear_error(error);
}

/* ---- console ---- */

static gboolean shows(Scene *scene, const Object *c, const char *text)
{
    for (guint i = 0; i < 200; i++) {
        g_autoptr(GError) error = NULL;
        gsize length;
        g_autofree char *log = console_log(scene->host, c, &length, &error);

        cr_assert(log != NULL, "%s", error != NULL ? error->message : "");
        if (strstr(log, text) != NULL)
            return TRUE;
        g_usleep(20000);
    }
    return FALSE;
}

static void stop(Scene *scene)
{
    scene_must(scene, scene_instance(scene, "c1", "{}", "{}", "{'state': 'stopped'}"));
}

Test(kept, console_log)
{
    SCENE_IN("running");
    gsize length = 1;
    g_autofree char *before = NULL;
    g_autofree char *after = NULL;

    cr_assert(shows(scene, c, "started"));
    cr_assert(shows(scene, c, "started"), "reading takes nothing away");
    cr_assert(console_log_clear(scene->host, c, &error), "%s", error->message);
    before = console_log(scene->host, c, &length, &error);
    cr_expect_eq(length, 0, "%s", before);
    scene_run(scene, c, "echo later >/dev/console", NULL);
    cr_assert(shows(scene, c, "later"));
    stop(scene);
    cr_assert(shows(scene, c, "later"), "it is kept");
    cr_assert(console_log_clear(scene->host, c, &error));
    after = console_log(scene->host, c, &length, &error);
    cr_expect_eq(length, 0);
}

/* More than the ring holds: what comes is the newest, whole, and the file does not grow. */
Test(kept, console_log_is_bounded)
{
    SCENE_IN("running");
    g_autofree char *path = g_build_filename(scene->dir, "logs", "c1", "console.log", NULL);
    g_autofree char *log = NULL;
    struct stat info;
    gsize length;

    scene_run(scene, c,
              "i=0; while test $i -lt 9000; do i=$((i+1)); echo line $i of many, all of them long; "
              "done >/dev/console; echo the last >/dev/console",
              NULL);
    cr_assert(shows(scene, c, "the last"));
    log = console_log(scene->host, c, &length, &error);
    cr_expect(length <= 128 << 10 && length > 100 << 10, "%zu", length);
    cr_expect(strstr(log, "line 9000 of many, all of them long\r\nthe last\r\n") != NULL);
    cr_expect(strstr(log, "line 1 of many") == NULL);
    cr_assert(stat(path, &info) == 0);
    cr_expect(info.st_size <= 256 << 10, "%ld", (long)info.st_size);
}

Test(kept, console_without_a_run)
{
    SCENE_IN("stopped");
    gsize length = 1;
    int hold;
    g_autofree char *log = console_log(scene->host, c, &length, &error);

    cr_assert(log != NULL);
    cr_expect_eq(length, 0);
    cr_expect(console_log_clear(scene->host, c, &error));
    cr_expect_eq(console_attach(scene->host, c, 80, 24, &hold, &error), -1);
    cr_expect_str_eq(error->message, "Instance is not running");
    is_error(&error, ERR_INVALID);
}

static gboolean reads(int terminal, const char *text)
{
    g_autoptr(GString) seen = g_string_new(NULL);
    struct pollfd ready = {.fd = terminal, .events = POLLIN};
    char buffer[4096];

    while (strstr(seen->str, text) == NULL && poll(&ready, 1, 5000) == 1) {
        ssize_t n = read(terminal, buffer, sizeof buffer);

        if (n <= 0)
            return FALSE;
        g_string_append_len(seen, buffer, n);
    }
    return strstr(seen->str, text) != NULL;
}

/* Both ways, one at a time, and free again afterwards. */
Test(kept, console_attach)
{
    SCENE_IN("running");
    int hold = -1, second = -1;
    int terminal = console_attach(scene->host, c, 80, 24, &hold, &error);
    g_autofree char *text = NULL;

    cr_assert(terminal >= 0 && hold >= 0, "%s", error != NULL ? error->message : "");
    scene_run(scene, c, "echo to you >/dev/console", NULL);
    cr_expect(reads(terminal, "to you"));
    cr_assert(write(terminal, "to me\n", 6) == 6);
    scene_run(scene, c, "read line </dev/console; echo $line", &text);
    cr_expect_str_eq(text, "to me");
    cr_expect_eq(console_attach(scene->host, c, 80, 24, &second, &error), -1);
    is_error(&error, ERR_FAILED);
    close(terminal);
    close(hold);
    for (guint i = 0; i < 100 && terminal >= 0; i++) {
        terminal = console_attach(scene->host, c, 80, 24, &hold, NULL);
        if (terminal >= 0)
            break;
        terminal = 0;
        g_usleep(20000);
    }
    cr_assert(terminal > 0, "it stays taken");
    close(terminal);
    close(hold);
}

/* ---- logs ---- */

Test(kept, logs)
{
    SCENE_IN("running");
    g_auto(GStrv) names = NULL;
    g_auto(GStrv) later = NULL;
    g_autofree char *folder = g_build_filename(scene->dir, "logs", "c1", NULL);
    g_autofree char *evil = g_build_filename(folder, "exec_evil.stdout", NULL);
    struct timespec old[2] = {{.tv_sec = 1000000}, {.tv_sec = 1000000}};
    int fd = logs_create_output(scene->host, c, "1-a", "stdout", &error);

    cr_assert(fd >= 0 && write(fd, "x", 1) == 1);
    close(fd);
    fd = logs_create_output(scene->host, c, "2-b", "stderr", &error);
    cr_assert(fd >= 0 && futimens(fd, old) == 0);
    close(fd);
    cr_expect_eq(logs_create_output(scene->host, c, "../x", "stderr", &error), -1);
    is_error(&error, ERR_INVALID);
    names = logs_list(scene->host, c, &error);
    cr_expect(g_strv_contains((const char *const *)names, "lxc.log"));
    cr_expect(g_strv_contains((const char *const *)names, "lxc.conf"));
    cr_expect(g_strv_contains((const char *const *)names, "console.log"));
    cr_expect(g_strv_contains((const char *const *)names, "exec_1-a.stdout"));
    fd = logs_open(scene->host, c, "exec_1-a.stdout", &error);
    cr_expect(fd >= 0);
    close(fd);
    cr_expect_eq(logs_open(scene->host, c, "exec_9.stdout", &error), -1);
    is_error(&error, ERR_NOT_FOUND);
    cr_expect_eq(logs_open(scene->host, c, "../../berth.db", &error), -1);
    is_error(&error, ERR_INVALID);
    cr_assert(symlink("/etc/passwd", evil) == 0);
    cr_expect_eq(logs_open(scene->host, c, "exec_evil.stdout", &error), -1);
    is_error(&error, ERR_FAILED);
    cr_assert(logs_expire(scene->dir, 1000000 + LOGS_KEPT_SECONDS, &error));
    cr_expect(logs_delete(scene->host, c, "exec_evil.stdout", &error));
    cr_assert(logs_expire(scene->dir, 1000001 + LOGS_KEPT_SECONDS, &error));
    cr_expect_not(logs_delete(scene->host, c, "exec_2-b.stderr", &error));
    is_error(&error, ERR_NOT_FOUND);
    cr_expect(logs_delete(scene->host, c, "exec_1-a.stdout", &error));
    cr_expect_not(logs_delete(scene->host, c, "lxc.log", &error));
    is_error(&error, ERR_INVALID);
    cr_expect_not(logs_delete(scene->host, c, "lxc.conf", &error));
    is_error(&error, ERR_INVALID);
    later = logs_list(scene->host, c, &error);
    cr_expect_not(g_strv_contains((const char *const *)later, "exec_1-a.stdout"));
}

/* ---- metadata and templates ---- */

Test(kept, metadata)
{
    SCENE_IN("stopped");
    g_autoptr(json_t) metadata = instance_metadata_get(scene->host, c, &error);
    g_autoptr(json_t) again = NULL;
    g_autoptr(json_t) template = scene_json(
        "{'when': ['start'], 'template': 'hosts.tpl', 'properties': {}, 'create_only': false}");
    g_autoptr(json_t) wrong = scene_json("{'architecture': 'x86_64', 'creation_date': 1, 'x': 2}");
    g_autoptr(json_t) missing = scene_json("{'creation_date': 1}");

    cr_assert(metadata != NULL, "%s", error->message);
    cr_expect_str_eq(json_member_string(metadata, "architecture"), "x86_64");
    json_object_set_new(json_object_get(metadata, "properties"), "os", json_string("yes: no"));
    json_object_set(json_object_get(metadata, "templates"), "/etc/hosts", template);
    cr_assert(instance_metadata_put(scene->host, c, metadata, &error), "%s", error->message);
    again = instance_metadata_get(scene->host, c, &error);
    cr_expect(json_equal(metadata, again));
    cr_expect_not(instance_metadata_put(scene->host, c, wrong, &error));
    is_error(&error, ERR_INVALID);
    cr_expect_not(instance_metadata_put(scene->host, c, missing, &error));
    is_error(&error, ERR_INVALID);
}

Test(kept, templates)
{
    SCENE_IN("stopped");
    static const char *const bad[] = {"", ".", "..", "../x", "a/b", "/etc/passwd", ".new-a"};
    g_auto(GStrv) none = instance_templates(scene->host, c, &error);
    g_auto(GStrv) names = NULL;
    g_autofree char *text = NULL;
    gsize length = 0;

    cr_assert(none != NULL && none[0] == NULL);
    cr_expect(instance_template_get(scene->host, c, "a.tpl", &length, &error) == NULL);
    is_error(&error, ERR_NOT_FOUND);
    cr_assert(instance_template_put(scene->host, c, "b.tpl", "one", 3, &error));
    cr_assert(instance_template_put(scene->host, c, "b.tpl", "{{ x }}\0y", 9, &error));
    cr_assert(instance_template_put(scene->host, c, "a.tpl", "", 0, &error));
    text = instance_template_get(scene->host, c, "b.tpl", &length, &error);
    cr_expect(length == 9 && memcmp(text, "{{ x }}\0y", 9) == 0);
    names = instance_templates(scene->host, c, &error);
    cr_expect(
        g_strv_equal((const char *const *)names, (const char *const[]){"a.tpl", "b.tpl", NULL}));
    cr_expect(instance_template_delete(scene->host, c, "a.tpl", &error));
    cr_expect_not(instance_template_delete(scene->host, c, "a.tpl", &error));
    is_error(&error, ERR_NOT_FOUND);
    for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
        cr_expect_not(instance_template_put(scene->host, c, bad[i], "x", 1, &error), "%s", bad[i]);
        is_error(&error, ERR_INVALID);
    }
}

/* An image may bring links where files should be. */
Test(kept, hostile_image)
{
    SCENE_IN("stopped");
    g_autofree char *volume = g_build_filename(scene->dir, "containers", "c1", NULL);
    g_autofree char *metadata = g_build_filename(volume, "metadata.yaml", NULL);
    g_autofree char *templates = g_build_filename(volume, "templates", NULL);
    g_autofree char *link = g_build_filename(templates, "link", NULL);
    g_autofree char *fifo = g_build_filename(templates, "fifo", NULL);
    g_autofree char *secret = g_build_filename(scene->dir, "secret", NULL);
    g_autofree char *text = NULL;
    gsize length;

    cr_assert(g_file_set_contents(secret, "x", -1, NULL));
    cr_assert(unlink(metadata) == 0 && symlink(secret, metadata) == 0);
    cr_expect(instance_metadata_get(scene->host, c, &error) == NULL);
    is_error(&error, ERR_FAILED);
    cr_assert(symlink("/etc", templates) == 0);
    cr_expect(instance_templates(scene->host, c, &error) == NULL);
    is_error(&error, ERR_FAILED);
    cr_expect(instance_template_get(scene->host, c, "passwd", &length, &error) == NULL);
    is_error(&error, ERR_FAILED);
    cr_expect_not(instance_template_put(scene->host, c, "berth-test", "x", 1, &error));
    is_error(&error, ERR_FAILED);
    cr_assert(unlink(templates) == 0 && mkdir(templates, 0755) == 0);
    cr_assert(symlink(secret, link) == 0 && mkfifo(fifo, 0600) == 0);
    cr_expect(instance_template_get(scene->host, c, "link", &length, &error) == NULL);
    is_error(&error, ERR_FAILED);
    cr_expect(instance_template_get(scene->host, c, "fifo", &length, &error) == NULL);
    is_error(&error, ERR_INVALID);
    cr_expect(instance_template_put(scene->host, c, "link", "new", 3, &error));
    cr_assert(g_file_get_contents(secret, &text, NULL, NULL));
    cr_expect_str_eq(text, "x");
}
