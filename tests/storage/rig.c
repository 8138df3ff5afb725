#include "rig.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/loop.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "error.h"
#include "file.h"
#include "json.h"
#include "spawn.h"
#include "storage/place.h"

Rig rig;
static GPtrArray *loop_devices;

void rig_open(void)
{
    char template[] = "/var/tmp/berth-storage-XXXXXX";

    if (geteuid() != 0)
        cr_skip_test("needs root");
    cr_assert_eq(unshare(CLONE_NEWNS), 0);
    cr_assert_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
    umask(022);
    rig.top = g_strdup(mkdtemp(template));
    rig.dir = g_build_filename(rig.top, "state", NULL);
    cr_assert_eq(mkdir(rig.dir, 0711), 0); /* the store, which is not tried here, makes it */
    rig.host = host_real_new(rig.dir);
    rig.model = snapshot_new();
    rig.facts = host_facts_new(rig.host);
    rig.context = (Context){rig.model, rig.facts, rig.dir, rig.host->seed};
    loop_devices = g_ptr_array_new_with_free_func(g_free);
}

/* Takes off what a test left mounted below the rig, deepest first. */
static void unmount_all(void)
{
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;

    g_file_get_contents("/proc/self/mountinfo", &text, NULL, NULL);
    lines = g_strsplit(text, "\n", -1);
    for (guint i = g_strv_length(lines); i-- > 0;) {
        g_auto(GStrv) parts = g_strsplit(lines[i], " ", 6);

        if (g_strv_length(parts) > 4 && g_str_has_prefix(parts[4], rig.top))
            umount2(parts[4], MNT_DETACH);
    }
}

void rig_close(void)
{
    if (rig.top == NULL)
        return;
    unmount_all();
    for (guint i = 0; i < loop_devices->len; i++) {
        g_auto(Fd) fd = open(loop_devices->pdata[i], O_RDONLY | O_CLOEXEC);

        ioctl(fd, LOOP_CLR_FD);
    }
    g_ptr_array_unref(loop_devices);
    place_remove(rig.top, NULL);
    cr_expect_not(file_exists(rig.top), "%s is left", rig.top);
    snapshot_unref(rig.model);
    host_facts_free(rig.facts);
    host_free(rig.host);
    g_free(rig.dir);
    g_free(rig.top);
    memset(&rig, 0, sizeof(rig));
}

static void put(const Object *object)
{
    g_autoptr(GPtrArray) objects = g_ptr_array_new();
    Snapshot *next;

    g_ptr_array_add(objects, (gpointer)object);
    next = snapshot_change(rig.model, objects, NULL);
    snapshot_unref(rig.model);
    rig.model = next;
    rig.context.next = next;
}

static GError *try_put(KindId kind, const char *name, const char *spec)
{
    g_autofree char *text = g_strdelimit(g_strdup(spec), "'", '"');
    json_t *json = json_loads(text, 0, NULL);
    const char *project = (KINDS[kind]->flags & KIND_IN_PROJECT) != 0 ? "default" : "";
    const Driver *driver = DRIVERS[kind];
    g_autoptr(Object) object = NULL;
    const Object *old;
    GError *error = NULL;

    cr_assert_not_null(json, "bad spec %s", text);
    if ((KINDS[kind]->flags & KIND_CONFIG) != 0 && json_object_get(json, "config") == NULL)
        json_object_set_new(json, "config", json_object());
    old = snapshot_find(rig.model, kind, project, name);
    object = object_new(kind, project, "", name, json,
                        old != NULL ? json_deep_copy(old->generated) : json_object());
    put(object);
    if (driver != NULL && driver->resolve != NULL)
        driver->resolve(rig.host, &rig.context, object, object->generated, &error);
    if (error == NULL && driver != NULL && driver->prepare != NULL)
        driver->prepare(&rig.context, object, object->generated, &error);
    return error;
}

const Object *rig_put(KindId kind, const char *name, const char *spec)
{
    const char *project = (KINDS[kind]->flags & KIND_IN_PROJECT) != 0 ? "default" : "";
    g_autoptr(GError) error = try_put(kind, name, spec);

    no_error(error);
    return snapshot_find(rig.model, kind, project, name);
}

GError *rig_put_fails(KindId kind, const char *name, const char *spec)
{
    GError *error = try_put(kind, name, spec);

    cr_assert_not_null(error, "%s was accepted", spec);
    return error;
}

json_t *rig_expect(const Object *object)
{
    g_autoptr(GError) error = NULL;
    json_t *facts = DRIVERS[object->id.kind]->expect(&rig.context, object, NULL, &error);

    no_error(error);
    return facts;
}

json_t *rig_observe(const Object *object)
{
    g_autoptr(GError) error = NULL;
    json_t *facts = host_observe(rig.host, &rig.context, object, &error);

    no_error(error);
    return facts;
}

gboolean rig_step(const char *row, const Object *object, const char *path, json_t *from, json_t *to,
                  const char *tx, GError **error)
{
    const Step step = {.name = (char *)row,
                       .key = object->key,
                       .path = (char *)path,
                       .from = from,
                       .to = to,
                       .tx = (char *)tx};

    return host_ensure(rig.host, &step, error);
}

gboolean rig_purge(const char *row, const Object *object, const char *path, json_t *from,
                   json_t *to, const char *tx, GError **error)
{
    const Step step = {.name = (char *)row,
                       .key = object->key,
                       .path = (char *)path,
                       .from = from,
                       .to = to,
                       .tx = (char *)tx};

    return host_purge(rig.host, &step, error);
}

typedef gboolean (*Act)(const char *row, const Object *object, const char *path, json_t *from,
                        json_t *to, const char *tx, GError **error);

/* Calls for each fact of a row: "volumes/x" for "volumes/x". `present`: the fact is the step's
 * `to`, else its `from`. */
static void each_fact(const FactRow *row, const Object *object, json_t *facts, gboolean present,
                      const char *tx, Act act)
{
    g_auto(GStrv) parts = g_strsplit(row->path, "/", 2);
    json_t *fact = json_object_get(facts, parts[0]);
    g_autoptr(GError) error = NULL;
    const char *name;
    json_t *member;

    if (fact == NULL)
        return;
    if (parts[1] == NULL) {
        act(row->name, object, row->path, present ? NULL : fact, present ? fact : NULL, tx, &error);
        no_error(error);
        return;
    }
    json_object_foreach (fact, name, member) {
        g_autofree char *path = g_strdup_printf("%s/%s", parts[0], name);

        act(row->name, object, path, present ? NULL : member, present ? member : NULL, tx, &error);
        no_error(error);
    }
}

static void all_rows(const Object *object, gboolean present, const char *tx, Act act)
{
    const FactRow *rows = DRIVERS[object->id.kind]->rows;
    g_autoptr(json_t) facts = rig_expect(object);
    guint count = 0;

    while (rows[count].path != NULL)
        count++;
    for (guint i = 0; i < count; i++)
        each_fact(&rows[present ? i : count - 1 - i], object, facts, present, tx, act);
}

void rig_create(const Object *object, const char *tx)
{
    g_autoptr(json_t) expected = rig_expect(object);
    g_autoptr(json_t) observed = NULL;

    all_rows(object, TRUE, tx, rig_step);
    observed = rig_observe(object);
    rig_assert_same(observed, expected);
}

void rig_delete(const Object *object, const char *tx)
{
    g_autoptr(json_t) observed = NULL;

    all_rows(object, FALSE, tx, rig_step);
    observed = rig_observe(object);
    cr_assert_eq(json_object_size(observed), 0, "%s", json_text(observed));
}

void rig_undelete(const Object *object, const char *tx)
{
    rig_create(object, tx);
}

void rig_purge_all(const Object *object, const char *tx)
{
    all_rows(object, FALSE, tx, rig_purge);
}

static json_t *without_arguments(const json_t *value)
{
    json_t *copy, *member;
    const char *key;

    if (!json_is_object(value))
        return json_deep_copy(value);
    copy = json_object();
    json_object_foreach ((json_t *)value, key, member)
        if (key[0] != '$')
            json_object_set_new(copy, key, without_arguments(member));
    return copy;
}

void rig_assert_same(const json_t *observed, const json_t *expected)
{
    g_autoptr(json_t) left = without_arguments(observed);
    g_autoptr(json_t) right = without_arguments(expected);
    g_autofree char *left_text = json_text(left);
    g_autofree char *right_text = json_text(right);

    cr_assert_str_eq(left_text, right_text, "observed %s\nexpected %s", left_text, right_text);
}

/* nftw has no argument for its callback. */
static GPtrArray *lines;
static gboolean with_times;
/* Files below rig.top that back a loop device. */
static GHashTable *backing;

/* A file system inside such a file writes its own log when it likes: what changes in it is seen
 * where it is mounted. */
static gint64 time_of(const char *path, const struct stat *st)
{
    if (!with_times || g_hash_table_contains(backing, path))
        return 0;
    return (gint64)st->st_ctim.tv_sec * 1000000000 + st->st_ctim.tv_nsec;
}

static int add_line(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    g_autofree char *digest = NULL;
    g_autofree char *content = NULL;
    g_autofree char *target = NULL;
    gsize length = 0;

    if (S_ISREG(st->st_mode) && st->st_size < 1 << 20 &&
        g_file_get_contents(path, &content, &length, NULL))
        digest = g_compute_checksum_for_data(G_CHECKSUM_MD5, (const guchar *)content, length);
    if (S_ISLNK(st->st_mode))
        target = g_file_read_link(path, NULL);
    g_ptr_array_add(
        lines, g_strdup_printf("%s %o %u:%u %ld %s%s %lx %" G_GINT64_FORMAT, path, st->st_mode,
                               st->st_uid, st->st_gid, S_ISDIR(st->st_mode) ? 0 : (long)st->st_size,
                               digest != NULL ? digest : "", target != NULL ? target : "",
                               (gulong)st->st_rdev, time_of(path, st)));
    return 0;
}

static gint compare(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void add_mounts(void)
{
    g_autofree char *text = NULL;
    g_auto(GStrv) rows = NULL;

    g_file_get_contents("/proc/self/mountinfo", &text, NULL, NULL);
    rows = g_strsplit(text, "\n", -1);
    for (char **row = rows; *row != NULL; row++) {
        g_auto(GStrv) parts = g_strsplit(*row, " ", -1);

        if (g_strv_length(parts) > 5 && g_str_has_prefix(parts[4], rig.top))
            g_ptr_array_add(lines, g_strdup_printf("mount %s %s", parts[3], parts[4]));
    }
}

static GHashTable *loops(void)
{
    GHashTable *found = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(GDir) dir = g_dir_open("/sys/class/block", 0, NULL);
    const char *name;

    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *path = g_strdup_printf("/sys/class/block/%s/loop/backing_file", name);
        char *file = NULL;

        if (g_file_get_contents(path, &file, NULL, NULL) && g_str_has_prefix(file, rig.top))
            g_hash_table_add(found, g_strchomp(file));
        else
            g_free(file);
    }
    return found;
}

static char *fingerprint(gboolean times)
{
    GHashTableIter iter;
    gpointer file;
    char *text;

    with_times = times;
    backing = loops();
    lines = g_ptr_array_new_with_free_func(g_free);
    nftw(rig.top, add_line, 32, FTW_PHYS);
    add_mounts();
    g_hash_table_iter_init(&iter, backing);
    while (g_hash_table_iter_next(&iter, &file, NULL))
        g_ptr_array_add(lines, g_strdup_printf("loop %s", (const char *)file));
    g_hash_table_unref(backing);
    g_ptr_array_sort(lines, compare);
    g_ptr_array_add(lines, NULL);
    text = g_strjoinv("\n", (char **)lines->pdata);
    g_ptr_array_unref(lines);
    return text;
}

char *rig_fingerprint(void)
{
    return fingerprint(FALSE);
}

char *rig_write_fingerprint(void)
{
    return fingerprint(TRUE);
}

/* Lines of `from` that `in` lacks, at most ten. */
static void add_missing(GString *text, const char *sign, const char *from, const char *in)
{
    g_auto(GStrv) rows = g_strsplit(from, "\n", -1);
    g_auto(GStrv) others = g_strsplit(in, "\n", -1);
    guint shown = 0;

    for (char **row = rows; *row != NULL && shown < 10; row++) {
        if (!g_strv_contains((const char *const *)others, *row)) {
            g_string_append_printf(text, "%s %.300s\n", sign, *row);
            shown++;
        }
    }
}

void rig_assert_state(const char *before)
{
    g_autoptr(GString) difference = g_string_new(NULL);

    /* The kernel takes an autoclear loop device down a moment after its unmount. */
    for (guint i = 0; i < 100; i++) {
        g_autofree char *now = rig_fingerprint();

        if (strcmp(now, before) == 0)
            return;
        if (i == 99) {
            add_missing(difference, "-", before, now);
            add_missing(difference, "+", now, before);
            cr_assert_fail("the state differs:\n%s", difference->str);
        }
        g_usleep(20000);
    }
}

char *rig_run(const char *const *argv)
{
    g_autoptr(GError) error = NULL;
    char *output = NULL;

    spawn_run(argv, NULL, &output, &error);
    no_error(error);
    return output;
}

char *rig_loop_device(const char *name, gint64 bytes)
{
    g_autofree char *file = g_build_filename(rig.top, name, NULL);
    g_auto(Fd) fd = open(file, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    const char *argv[] = {"losetup", "-f", "--show", file, NULL};
    char *device;

    cr_assert_eq(ftruncate(fd, bytes), 0);
    device = g_strchomp(rig_run(argv));
    g_ptr_array_add(loop_devices, g_strdup(device));
    return device;
}
