#include "run.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "apparmor.h"
#include "balance.h"
#include "cgroup.h"
#include "config.h"
#include "ended.h"
#include "error.h"
#include "file.h"
#include "files.h"
#include "helper.h"
#include "host_look.h"
#include "limits.h"
#include "lxc.h"
#include "paths.h"
#include "record.h"
#include "sealed.h"
#include "stop.h"

#define START_TIMEOUT_MS 60000
#define ENDED_AT_ONCE "its init ended at once"

/* ---- what a run leaves ---- */

static gboolean sweep_groups(const Run *run, GError **error)
{
    static const char *const parts[] = {"", ".monitor", ".pivot"};
    gboolean swept = TRUE;

    for (guint i = 0; i < G_N_ELEMENTS(parts); i++) {
        g_autofree char *name = cgroup_name(run->dir, run->name, parts[i]);

        swept = cgroup_sweep(name, swept ? error : NULL) && swept;
    }
    return swept;
}

/* The last two records stay: undoing a restart may have to bring back a config that is stored
 * nowhere else any more. */
static gboolean retire_record(const Run *run, GError **error)
{
    g_autofree char *path = record_path(run->dir, run->name);
    g_autofree char *last = g_strdup_printf("%s/run/%s.last", run->dir, run->name);
    g_autofree char *older = g_strconcat(last, ".1", NULL);

    if (file_exists(path))
        rename(last, older);
    return rename(path, last) == 0 || errno == ENOENT ||
           error_errno(error, errno, "rename %s", path);
}

gboolean run_sweep(const Run *run, const json_t *record, GError **error)
{
    gboolean swept = sweep_groups(run, error);

    if (record == NULL)
        return swept;
    swept = nics_remove(run, json_at(record, "facts/nics"), swept ? error : NULL) && swept;
    disks_close(run, json_at(record, "facts/disks"));
    if (!swept || !retire_record(run, error))
        return FALSE;
    return !balance_concerns(json_at(record, "facts/cgroup")) ||
           balance_run(run->dir, run->name, error);
}

/* ---- start ---- */

static void rotate(const char *path)
{
    g_autofree char *old = g_strconcat(path, ".old", NULL);

    if (rename(path, old) != 0 && errno != ENOENT)
        unlink(path);
}

static gboolean prepare_logs(const Run *run, GError **error)
{
    g_autofree char *folder = path_logs(run->dir, run->name);
    g_autofree char *log = g_build_filename(folder, "lxc.log", NULL);
    g_autofree char *console = g_build_filename(folder, "console.log", NULL);

    if (!state_make_folder(folder, 0700, error))
        return FALSE;
    rotate(log);
    rotate(console);
    return TRUE;
}

static char *write_seccomp(const Run *run, const char *policy, GError **error)
{
    g_autofree char *path = g_build_filename(run->dir, "security", "seccomp", run->name, NULL);

    if (!state_write(path, policy, error))
        return NULL;
    return g_steal_pointer(&path);
}

static char *hook_command(const Run *run, GError **error)
{
    g_autofree char *program = helper_path("berth-hook", error);
    g_autofree char *quoted = NULL;
    g_autofree char *dir = NULL;
    g_autofree char *key = NULL;

    if (program == NULL)
        return NULL;
    quoted = g_shell_quote(program);
    dir = g_shell_quote(run->dir);
    key = g_shell_quote(run->key);
    return g_strdup_printf("%s post-stop %s %s %s", quoted, dir, run->name, key);
}

/* What a running LXCFS offers; nothing when it is not there. */
static json_t *lxcfs_files(void)
{
    g_autoptr(GDir) folder = g_dir_open(LXCFS_ROOT "/proc", 0, NULL);
    g_autoptr(json_t) names = json_object();
    g_autoptr(GPtrArray) sorted = NULL;
    json_t *files = json_array();
    const char *name;

    while (folder != NULL && (name = g_dir_read_name(folder)) != NULL)
        json_object_set_new(names, name, json_true());
    sorted = json_sorted_keys(names);
    for (guint i = 0; i < sorted->len; i++)
        json_array_append_new(files, json_sprintf("proc/%s", (const char *)sorted->pdata[i]));
    if (file_exists(LXCFS_ROOT "/sys/devices/system/cpu"))
        json_array_append_new(files, json_string("sys/devices/system/cpu"));
    return files;
}

static json_t *start_items(const Run *run, const json_t *facts, const json_t *sources,
                           GError **error)
{
    const char *policy = json_member_string(facts, "$seccomp");
    g_autofree char *hook = hook_command(run, error);
    g_autofree char *seccomp = NULL;
    g_autoptr(json_t) layout = cgroup_layout(error);
    g_autoptr(json_t) lxcfs = NULL;
    ConfigStart start = {.dir = run->dir, .name = run->name, .hook = hook, .sources = sources};

    if (hook == NULL || layout == NULL)
        return NULL;
    if (policy != NULL && (seccomp = write_seccomp(run, policy, error)) == NULL)
        return NULL;
    start.layout = layout;
    start.seccomp = seccomp;
    start.apparmor = apparmor_profile(!json_is_true(json_object_get(facts, "$privileged")) ||
                                      json_is_true(json_object_get(facts, "$nesting")));
    lxcfs = lxcfs_files();
    start.lxcfs = lxcfs;
    return config_start_items(facts, &start);
}

static gboolean keep_text(const Run *run, const json_t *items, GError **error)
{
    g_autofree char *folder = path_logs(run->dir, run->name);
    g_autofree char *path = g_build_filename(folder, "lxc.conf", NULL);
    g_autofree char *raw = config_text(items);
    g_autofree char *text = secrets_shown(raw);

    return state_write(path, text, error);
}

static json_t *begin_record(const Run *run, const json_t *facts)
{
    return json_pack("{ss ss sO}", "boot", boot_id(), "key", run->key, "facts", facts);
}

static pid_t call_start(const Run *run, const json_t *facts, const json_t *items, GError **error)
{
    g_autofree char *path = g_build_filename(run->dir, "containers", NULL);
    g_autofree char *folder = path_logs(run->dir, run->name);
    g_autofree char *log = g_build_filename(folder, "lxc.log", NULL);
    g_autoptr(json_t) request = json_pack("{ss ss ss sO ss sb}", "verb", "start", "name", run->name,
                                          "path", path, "items", items, "log", log, "deny_compat",
                                          json_is_true(json_object_get(facts, "$deny_compat")));
    g_autoptr(json_t) answer = lxc_call(request, run->lock, START_TIMEOUT_MS, error);

    return answer != NULL ? (pid_t)json_integer_value(json_object_get(answer, "pid")) : 0;
}

/* From here on the record says which processes it is. */
static gboolean complete_record(const Run *run, json_t *record, pid_t init, GError **error)
{
    pid_t monitor = 0;
    guint64 started = init > 0 ? process_started(init, &monitor) : 0;
    json_t *described = started != 0 ? process_describe(monitor) : NULL;

    if (started == 0 || described == NULL) {
        json_decref(described);
        return error_set(error, ERR_FAILED, ENDED_AT_ONCE "; see logs/%s/console.log", run->name);
    }
    json_object_set_new(record, "init", json_pack("[iI]", (int)init, (json_int_t)started));
    json_object_set_new(record, "monitor", described);
    json_object_set_new(record, "mounts", disks_describe(init, json_at(record, "facts/disks")));
    return record_write(run->dir, run->name, record, error);
}

/* liblxc has set them already, but not those of v2 controllers in the hybrid layout. */
static gboolean set_limits(const Run *run, const json_t *facts, pid_t init, GError **error)
{
    g_autofree char *name = cgroup_name(run->dir, run->name, "");
    g_autoptr(Groups) groups = groups_of(init, name, error);
    g_autofree char *cpus = host_cpus();
    const json_t *limits = json_object_get(facts, "cgroup");

    return groups != NULL && limits_apply(groups, cpus, limits, error) &&
           (!balance_concerns(limits) || balance_run(run->dir, run->name, error));
}

static gboolean start(const Run *run, const json_t *facts, json_t *record, GError **error)
{
    const json_t *nics = json_object_get(facts, "nics");
    g_autoptr(json_t) sources = NULL;
    g_autoptr(json_t) items = NULL;
    g_autoptr(json_t) revealed = NULL;
    pid_t init;

    sources = disks_open(run, json_object_get(facts, "disks"), error);
    items = sources != NULL ? start_items(run, facts, sources, error) : NULL;
    if (items == NULL || !keep_text(run, items, error))
        return FALSE;
    /* Only the container itself gets to see secrets; lxc.conf shows what they are called. */
    revealed = sealed_reveal_all(run->dir, items, error);
    if (revealed == NULL)
        return FALSE;
    init = call_start(run, facts, revealed, error);
    if (init == 0 || !complete_record(run, record, init, error))
        return FALSE;
    disks_close(run, json_object_get(facts, "disks"));
    if (!nics_finish(run, nics, error) || !set_limits(run, facts, init, error))
        return FALSE;
    return g_strcmp0(json_member_string(facts, "state"), "frozen") != 0 ||
           run_freeze(run, record, TRUE, error);
}

/* Whether a start failed because what runs once was done before all of it was looked at: that is no
 * failure (EN-35). Its run is over, and `record` says which it was. `before` is the newest fact
 * from before the start. */
static gboolean has_ended_well(const Run *run, json_t *record, const json_t *before,
                               GError **failure)
{
    const json_t *init = json_object_get(record, "init");
    g_autoptr(json_t) ended = NULL;

    if (init != NULL ? process_find(init, NULL) != 0
                     : !g_str_has_prefix((*failure)->message, ENDED_AT_ONCE))
        return FALSE;
    ended = ended_next(run->dir, run->name, before);
    if (g_strcmp0(json_member_string(ended, "what"), "stopped") != 0)
        return FALSE;
    json_object_set(record, "init", json_object_get(ended, "init"));
    return record_write(run->dir, run->name, record, NULL) && run_sweep(run, record, NULL);
}

static gboolean note_lost(const Run *run, const json_t *record, GError **error)
{
    return ended_note_lost(&(Ended){run->dir, run->name, run->key}, record, error);
}

void run_ahead(gboolean on)
{
    lxc_ahead(on);
    if (on)
        cgroup_moves_ahead();
}

gboolean run_start(const Run *run, const json_t *facts, GError **error)
{
    g_autoptr(json_t) old = record_read(run->dir, run->name, NULL);
    g_autoptr(json_t) record = begin_record(run, facts);
    g_autoptr(json_t) before = NULL;
    g_autoptr(GError) failure = NULL;

    cgroup_moves_ahead();
    if (!note_lost(run, old, error) || !run_sweep(run, old, error) ||
        !nics_check(run, json_object_get(facts, "nics"), error) || !prepare_logs(run, error) ||
        !record_write(run->dir, run->name, record, error))
        return FALSE;
    before = ended_newest(run->dir, run->name);
    if (start(run, facts, record, &failure) || has_ended_well(run, record, before, &failure))
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&failure));
    run_stop(run, &(Stop){0}, NULL);
    run_sweep(run, record, NULL);
    return FALSE;
}

gboolean run_freeze(const Run *run, const json_t *record, gboolean freeze, GError **error)
{
    g_autofree char *name = cgroup_name(run->dir, run->name, "");
    g_autoptr(Groups) groups = groups_of(record_init(record), name, error);

    return groups != NULL && groups_freeze(groups, freeze, error);
}

gboolean run_stop(const Run *run, const Stop *stop, GError **error)
{
    g_autoptr(json_t) record = record_read(run->dir, run->name, NULL);

    return note_lost(run, record, error) &&
           (record == NULL || stop_processes(run, record, stop, error)) &&
           run_sweep(run, record, error);
}
