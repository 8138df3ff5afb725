#include "scene.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "error.h"
#include "facts.h"
#include "file.h"
#include "instance/cgroup.h"
#include "instance/cgroup_file.h"
#include "instance/exec.h"
#include "instance/instance.h"
#include "instance/record.h"
#include "network/link.h"
#include "storage/mark.h"

#define FINGERPRINT "5c3e1a7d9b2f4e6081a3c5d7f9b1e3a5c7d9f1b3e5a7c9d1f3b5e7a9c1d3f5b7"

/* What busybox alone can be: handles what berth sends to init, and stays. */
static const char INIT[] = "#!/bin/sh\n"
                           "trap 'halt -f' PWR\n"
                           "trap 'reboot -f' INT\n"
                           "trap 'kill -SEGV $$' USR1\n"
                           "echo started\n"
                           "while true; do sleep 1000 & wait $!; done\n";

json_t *scene_json(const char *text)
{
    g_autofree char *quoted = g_strdelimit(g_strdup(text), "'", '"');
    json_error_t problem;
    json_t *value = json_loads(quoted, 0, &problem);

    cr_assert(value != NULL, "%s: %s", problem.text, text);
    return value;
}

static void must_write(const char *path, const char *text, mode_t mode)
{
    cr_assert(g_file_set_contents(path, text, -1, NULL), "%s", path);
    cr_assert(chmod(path, mode) == 0);
}

static void make_image(const char *dir)
{
    static const char *const folders[] = {"bin",  "sbin", "dev", "proc", "sys",
                                          "root", "tmp",  "etc", "mnt",  NULL};
    static const char *const applets[] = {
        "sh",    "sleep", "cat",    "echo",  "halt",     "reboot", "kill",   "ls",       "id",
        "mount", "ip",    "env",    "touch", "test",     "stat",   "tty",    "hostname", "true",
        "ps",    "mkdir", "umount", "grep",  "poweroff", "stty",   "printf", NULL};
    g_autofree char *volume = g_strdup_printf("%s/storage-pools/p/images/%s", dir, FINGERPRINT);
    g_autofree char *root = g_build_filename(volume, "rootfs", NULL);
    g_autofree char *busybox = g_build_filename(root, "bin", "busybox", NULL);
    g_autofree char *init = g_build_filename(root, "sbin", "init", NULL);
    g_autofree char *metadata = g_build_filename(volume, "metadata.yaml", NULL);
    g_autoptr(GFile) from = g_file_new_for_path("/bin/busybox");
    g_autoptr(GFile) to = g_file_new_for_path(busybox);
    g_autoptr(json_t) mark = json_pack("{ss}", "key", "image/default//test");

    for (guint i = 0; folders[i] != NULL; i++) {
        g_autofree char *path = g_build_filename(root, folders[i], NULL);

        cr_assert(g_mkdir_with_parents(path, 0755) == 0);
    }
    cr_assert(g_file_copy(from, to, G_FILE_COPY_NONE, NULL, NULL, NULL, NULL));
    for (guint i = 0; applets[i] != NULL; i++) {
        g_autofree char *path = g_build_filename(root, "bin", applets[i], NULL);

        cr_assert(symlink("busybox", path) == 0);
    }
    must_write(init, INIT, 0755);
    must_write(metadata, "architecture: x86_64\ncreation_date: 1\n", 0644);
    cr_assert(mark_write(volume, mark, NULL));
}

static Object *add(Scene *scene, Object *object)
{
    g_autoptr(GPtrArray) put = g_ptr_array_new_with_free_func((GDestroyNotify)object_unref);
    Snapshot *next;

    g_ptr_array_add(put, object);
    g_ptr_array_add(scene->objects, object_ref(object));
    next = snapshot_change(scene->model, put, NULL);
    snapshot_unref(scene->model);
    scene->model = next;
    return object;
}

static void step_free(gpointer data)
{
    Step *step = data;

    g_free(step->path);
    json_decref(step->from);
    json_decref(step->to);
    g_free(step);
}

static void make_pool(Scene *scene, const Object *pool)
{
    g_autoptr(HostFacts) host = host_facts_new(scene->host);
    Context context = {scene->model, host, scene->host->dir, scene->host->seed};
    g_autoptr(GError) error = NULL;
    g_autoptr(json_t) facts = NULL;
    g_autoptr(GPtrArray) changes = NULL;

    cr_assert(DRIVERS[KIND_POOL]->prepare(&context, pool, pool->generated, &error));
    facts = DRIVERS[KIND_POOL]->expect(&context, pool, NULL, &error);
    cr_assert(facts != NULL, "%s", error->message);
    changes = facts_diff(DRIVERS[KIND_POOL], NULL, facts, &error);
    for (guint i = 0; i < changes->len; i++) {
        const FactChange *change = changes->pdata[i];
        Step step = {.name = (char *)change->row->name,
                     .key = pool->key,
                     .path = change->path,
                     .to = change->to,
                     .tx = (char *)"t0"};

        cr_assert(change->row->ensure(scene->host, &step, &error), "%s", error->message);
    }
}

/* Tests see a host whose root has no ids of its own, so that the default range counts (RT-76). */
static void hide_ids(const char *dir)
{
    static const char *const files[] = {"/etc/subuid", "/etc/subgid"};
    g_autofree char *empty = g_build_filename(dir, "no-ids", NULL);

    must_write(empty, "", 0644);
    for (guint i = 0; i < G_N_ELEMENTS(files); i++) {
        if (file_exists(files[i]))
            cr_assert(mount(empty, files[i], NULL, MS_BIND, NULL) == 0);
    }
}

/* liblxc looks for bridges below /sys/class/net, which shows the network namespace in which /sys
 * was mounted. */
static void own_sysfs(void)
{
    int groups =
        open_tree(AT_FDCWD, "/sys/fs/cgroup", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);

    cr_assert(groups >= 0);
    cr_assert(mount("sysfs", "/sys", "sysfs", 0, NULL) == 0);
    cr_assert(move_mount(groups, "", AT_FDCWD, "/sys/fs/cgroup", MOVE_MOUNT_F_EMPTY_PATH) == 0);
    close(groups);
}

static void sweep_groups(const char *dir)
{
    g_autoptr(GPtrArray) groups = scene_groups(dir);

    for (guint i = 0; i < groups->len; i++)
        cgroup_tree_remove(groups->pdata[i], NULL);
}

/* A process that outlives a failing test, and takes away what that leaves. */
static void guard(const char *dir)
{
    int ends[2];
    char byte;

    cr_assert(pipe2(ends, O_CLOEXEC) == 0);
    if (fork() != 0) {
        close(ends[0]); /* the other end closes when the test ends, however it does */
        return;
    }
    close(ends[1]);
    setsid();
    for (int fd = 0; fd < 3; fd++)
        close(fd);
    while (read(ends[0], &byte, 1) < 0 && errno == EINTR)
        ;
    sweep_groups(dir);
    file_remove_tree(dir, NULL);
    _exit(0);
}

Scene *scene_new(void)
{
    Scene *scene;
    g_autofree char *dir = NULL;

    if (geteuid() != 0)
        return NULL;
    cr_assert(unshare(CLONE_NEWNS | CLONE_NEWNET) == 0);
    cr_assert(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
    own_sysfs();
    cr_assert(link_set_up("lo", TRUE, NULL));
    dir = g_dir_make_tmp("berth-instance-XXXXXX", NULL);
    cr_assert(chmod(dir, 0711) == 0);
    guard(dir);
    scene = g_new0(Scene, 1);
    scene->dir = g_steal_pointer(&dir);
    scene->host = host_real_new(scene->dir);
    scene->model = snapshot_new();
    scene->stored = g_hash_table_new(g_str_hash, g_str_equal);
    scene->objects = g_ptr_array_new_with_free_func((GDestroyNotify)object_unref);
    scene->done = g_ptr_array_new_with_free_func(step_free);
    hide_ids(scene->dir);
    add(scene, object_new(KIND_PROJECT, "", "", "default", scene_json("{'config': {}}"), NULL));
    make_pool(scene, add(scene, object_new(KIND_POOL, "", "", "p",
                                           scene_json("{'driver': 'dir', 'config': {}}"), NULL)));
    make_image(scene->dir);
    add(scene,
        object_new(
            KIND_PROFILE, "default", "", "default",
            scene_json(
                "{'config': {}, 'devices': {'root': {'type': 'disk', 'path': '/', 'pool': 'p'}}}"),
            NULL));
    add(scene, object_new(KIND_IMAGE, "default", "", "test", scene_json("{}"),
                          json_pack("{ss}", "fingerprint", FINGERPRINT)));
    return scene;
}

Object *scene_instance(Scene *scene, const char *name, const char *config, const char *devices,
                       const char *extra)
{
    json_t *spec =
        json_pack("{ss s{ss ss} so so}", "type", "container", "source", "type", "image", "alias",
                  "test", "config", scene_json(config), "devices", scene_json(devices));
    g_autoptr(json_t) more = scene_json(extra);
    const Object *old = scene_get(scene, name);

    json_object_update(spec, more);
    return add(scene, object_new(KIND_INSTANCE, "default", "", name, spec,
                                 old != NULL ? json_deep_copy(old->generated) : NULL));
}

const Object *running(Scene *scene, const char *config)
{
    return scene_instance(scene, "c1", config, "{}", "{'state': 'running'}");
}

const Object *scene_get(Scene *scene, const char *name)
{
    return snapshot_find(scene->model, KIND_INSTANCE, "default", name);
}

/* ---- the engine's way ---- */

static Context context_of(Scene *scene, HostFacts *facts)
{
    return (Context){scene->model, facts, scene->host->dir, scene->host->seed};
}

json_t *scene_observe(Scene *scene, const Object *object)
{
    g_autoptr(HostFacts) facts = host_facts_new(scene->host);
    Context context = context_of(scene, facts);
    g_autoptr(GError) error = NULL;
    json_t *observed = INSTANCE_DRIVER.observe(scene->host, &context, object, &error);

    cr_assert(observed != NULL, "observe: %s", error->message);
    return observed;
}

json_t *scene_expect(Scene *scene, const Object *object, const json_t *observed)
{
    g_autoptr(HostFacts) facts = host_facts_new(scene->host);
    Context context = context_of(scene, facts);
    g_autoptr(GError) error = NULL;
    json_t *expected;

    cr_assert(INSTANCE_DRIVER.prepare(&context, object, object->generated, &error), "prepare");
    expected = INSTANCE_DRIVER.expect(&context, object, observed, &error);
    cr_assert(expected != NULL, "expect: %s", error->message);
    return expected;
}

gboolean scene_is_converged(Scene *scene, const Object *object)
{
    g_autoptr(json_t) observed = scene_observe(scene, object);
    g_autoptr(json_t) expected = scene_expect(scene, object, observed);
    g_autofree char *is = NULL;
    g_autofree char *should = NULL;

    if (facts_equal(observed, expected))
        return TRUE;
    {
        g_autoptr(json_t) plain = facts_without_arguments(expected);

        is = json_text(observed);
        should = json_text(plain);
        g_printerr("host is  %s\nshould be %s", is, should);
    }
    return FALSE;
}

static const FactRow *row_of(const Step *step)
{
    const FactRow *row = INSTANCE_DRIVER.rows;

    while (row->path != NULL && !g_str_equal(row->name, step->name))
        row++;
    return row;
}

static gboolean do_step(Scene *scene, const FactRow *row, const Object *object, const char *path,
                        json_t *from, json_t *to, GError **error)
{
    Step *step = g_new0(Step, 1);

    *step = (Step){.name = (char *)row->name,
                   .key = object->key,
                   .path = g_strdup(path),
                   .from = json_incref(from),
                   .to = json_incref(to),
                   .tx = (char *)"t1"};
    g_ptr_array_add(scene->done, step);
    if (row->stage != NULL && from != NULL && to != NULL && !row->stage(scene->host, step, error))
        return FALSE;
    return row->ensure(scene->host, step, error);
}

static gboolean do_changes(Scene *scene, const Object *object, const GPtrArray *changes,
                           GError **error)
{
    /* What goes, in reverse; then what changes or comes. */
    for (guint i = changes->len; i > 0; i--) {
        const FactChange *change = changes->pdata[i - 1];

        if ((change->to == NULL || (change->row->split && change->from != NULL)) &&
            !do_step(scene, change->row, object, change->path, change->from, NULL, error))
            return FALSE;
    }
    for (guint i = 0; i < changes->len; i++) {
        const FactChange *change = changes->pdata[i];

        if (change->to != NULL &&
            !do_step(scene, change->row, object, change->path,
                     change->row->split ? NULL : change->from, change->to, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean move_to(Scene *scene, const Object *object, gboolean remove, GError **error)
{
    g_autoptr(json_t) observed = scene_observe(scene, object);
    g_autoptr(json_t) expected = remove ? json_object() : scene_expect(scene, object, observed);
    const Object *stored = g_hash_table_lookup(scene->stored, object->id.name);
    g_autoptr(json_t) arguments = scene_expect(scene, stored != NULL ? stored : object, observed);
    g_autoptr(json_t) from = facts_with_arguments(observed, arguments);
    g_autoptr(GPtrArray) changes = facts_diff(&INSTANCE_DRIVER, from, expected, error);

    g_ptr_array_set_size(scene->done, 0);
    if (changes == NULL || !do_changes(scene, object, changes, error))
        return FALSE;
    if (remove)
        g_hash_table_remove(scene->stored, object->id.name);
    else
        g_hash_table_insert(scene->stored, object->id.name, (void *)object);
    return TRUE;
}

gboolean scene_apply(Scene *scene, const Object *object, GError **error)
{
    return move_to(scene, object, FALSE, error);
}

void scene_must(Scene *scene, const Object *object)
{
    g_autoptr(GError) error = NULL;

    cr_assert(scene_apply(scene, object, &error), "%s", error->message);
    cr_assert(scene_is_converged(scene, object));
}

void scene_remove(Scene *scene, const Object *object)
{
    g_autoptr(GError) error = NULL;

    cr_assert(move_to(scene, object, TRUE, &error), "%s", error->message);
    for (guint i = 0; i < scene->done->len; i++) {
        const Step *step = scene->done->pdata[i];
        const FactRow *row = row_of(step);

        cr_assert(row->purge == NULL || row->purge(scene->host, step, &error));
    }
}

gboolean scene_undo(Scene *scene, GError **error)
{
    for (guint i = scene->done->len; i > 0; i--) {
        Step step = *(const Step *)scene->done->pdata[i - 1];
        json_t *to = step.to;

        step.to = step.from;
        step.from = to;
        if (!row_of(&step)->ensure(scene->host, &step, error))
            return FALSE;
    }
    return TRUE;
}

/* ---- looking ---- */

void has_text(const char *text, const char *part)
{
    cr_assert(strstr(text, part) != NULL, "\"%s\" is not in: %s", part, text);
}

pid_t scene_init(Scene *scene, const char *name)
{
    g_autoptr(json_t) record = record_read(scene->dir, name, NULL);

    return record_init(record);
}

gboolean scene_wait_state(Scene *scene, const Object *object, const char *state)
{
    for (int i = 0; i < 1000; i++) {
        g_autoptr(json_t) observed = scene_observe(scene, object);

        if (g_strcmp0(json_string_at(observed, "running/state"), state) == 0 &&
            (state != NULL || json_object_get(observed, "stale") == NULL))
            return TRUE;
        g_usleep(10000);
    }
    return FALSE;
}

int scene_run(Scene *scene, const Object *object, const char *command, char **ret_output)
{
    const char *argv[] = {"/bin/sh", "-c", command, NULL};
    g_autofree char *path = g_build_filename(scene->dir, "output", NULL);
    int in = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int out = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ExecOptions options = {.cwd = "/", .in = in, .out = out, .err = out};
    g_autoptr(GError) error = NULL;
    int status = -1;

    cr_assert(instance_exec(scene->host, object, argv, &options, &status, &error), "%s",
              error != NULL ? error->message : "");
    close(in);
    close(out);
    if (ret_output != NULL) {
        cr_assert(g_file_get_contents(path, ret_output, NULL, NULL));
        g_strchomp(*ret_output);
    }
    unlink(path);
    return status;
}

char *scene_cgroup(Scene *scene, const char *name, const char *controller, const char *file)
{
    g_autofree char *group = cgroup_name(scene->dir, name, "");
    g_autoptr(Groups) groups = groups_of(scene_init(scene, name), group, NULL);
    char *text;

    cr_assert(groups != NULL);
    text = cgroup_read(groups_path(groups, controller, NULL), file, NULL);
    cr_assert(text != NULL, "%s", file);
    return text;
}

void scene_free(Scene *scene)
{
    sweep_groups(scene->dir);
    file_remove_tree(scene->dir, NULL);
    snapshot_unref(scene->model);
    host_free(scene->host);
    g_ptr_array_unref(scene->done);
    g_hash_table_unref(scene->stored);
    g_ptr_array_unref(scene->objects);
    g_free(scene->dir);
    g_free(scene);
}
