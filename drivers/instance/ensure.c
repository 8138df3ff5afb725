#include "ensure.h"

#include <string.h>

#include "balance.h"
#include "cgroup.h"
#include "cpus.h"
#include "ended.h"
#include "error.h"
#include "file.h"
#include "host_look.h"
#include "limits.h"
#include "record.h"
#include "run.h"

/* Disk name of the object that a key names: "instance/PROJECT//NAME". */
static char *name_of(const char *key)
{
    g_auto(GStrv) parts = g_strsplit(key, "/", 4);

    return disk_name(parts[1], parts[3]);
}

static gboolean say_which(const Step *step, gboolean done, GError **error)
{
    g_autofree char *label = NULL;

    if (done)
        return TRUE;
    label = object_key_label(step->key);
    g_prefix_error(error, "%s: ", label);
    return FALSE;
}

/* ---- running ---- */

gboolean running_has_ended(Host *host, const char *key)
{
    g_autofree char *name = name_of(key);

    return ended_in_order(host->dir, name);
}

/* Facts of one of the last two runs, if it had this config. */
static json_t *earlier_facts(const Run *run, const char *end, const json_t *config)
{
    g_autofree char *path = g_strdup_printf("%s/run/%s.%s", run->dir, run->name, end);
    g_autoptr(json_t) record = json_load_file(path, 0, NULL);
    json_t *facts = json_object_get(record, "facts");

    return json_equal(json_object_get(facts, "config"), config) ? json_incref(facts) : NULL;
}

/* A stop that is undone must bring back what ran, even where that is stored nowhere any more
 * because a restart was pending. */
static json_t *facts_to_start(const Run *run, json_t *to)
{
    static const char *const members[] = {"$items", "$raw", "$seccomp", "$privileged",
                                          "$deny_compat"};
    const json_t *config = json_object_get(to, "config");
    g_autoptr(json_t) facts = earlier_facts(run, "last", config);
    json_t *merged;

    if (facts == NULL)
        facts = earlier_facts(run, "last.1", config);
    if (facts == NULL)
        return json_incref(to);
    merged = json_copy(to);
    for (guint i = 0; i < G_N_ELEMENTS(members); i++) {
        json_object_del(merged, members[i]);
        if (json_object_get(facts, members[i]) != NULL)
            json_object_set(merged, members[i], json_object_get(facts, members[i]));
    }
    return merged;
}

static gboolean is_running_so(const json_t *record, const json_t *to)
{
    return record_init(record) > 0 &&
           json_equal(json_object_get(json_object_get(record, "facts"), "config"),
                      json_object_get(to, "config"));
}

static gboolean make_running(const Run *run, json_t *to, GError **error)
{
    g_autoptr(json_t) record = record_read(run->dir, run->name, error);
    g_autoptr(json_t) facts = NULL;

    if (is_running_so(record, to))
        return TRUE;
    facts = facts_to_start(run, to);
    return (record_init(record) == 0 ||
            run_stop(run, &(Stop){json_member_string(to, "$halt"), 30, FALSE}, error)) &&
           run_start(run, facts, error);
}

gboolean running_ensure(Host *host, const Step *step, GError **error)
{
    const json_t *side = step->to != NULL ? step->to : step->from;
    const char *given = json_member_string(side, "$name");
    g_autofree char *name = given != NULL ? g_strdup(given) : name_of(step->key);
    Run run = {host->dir, name, step->key, -1};
    g_auto(Fd) lock = record_lock(host->dir, name, error);
    gboolean done;

    if (lock < 0)
        return FALSE;
    run.lock = lock;
    if (step->to != NULL)
        done = make_running(&run, step->to, error);
    else
        done = run_stop(&run,
                        &(Stop){json_member_string(side, "$halt"),
                                json_integer_value(json_object_get(side, "$timeout")),
                                json_is_true(json_object_get(side, "$gentle"))},
                        error);
    return say_which(step, done, error);
}

gboolean stale_ensure(Host *host, const Step *step, GError **error)
{
    g_autofree char *name = name_of(step->key);
    Run run = {host->dir, name, step->key, -1};
    g_auto(Fd) lock = record_lock(host->dir, name, error);
    g_autoptr(json_t) record = lock >= 0 ? record_read(host->dir, name, NULL) : NULL;

    if (lock < 0)
        return FALSE;
    run.lock = lock;
    /* What is swept does not come back, and a run that began since is not stale. */
    if (step->to != NULL || record_init(record) > 0)
        return TRUE;
    return say_which(step, run_stop(&run, &(Stop){0}, error), error);
}

/* ---- parts of a running instance ---- */

/* The record of a running instance under its lock. */
typedef struct {
    Run run;
    char *name;
    int lock;
    json_t *record;
    pid_t init;
} Running;

static void running_clear(Running *running)
{
    if (running->lock >= 0)
        fd_close(running->lock);
    json_decref(running->record);
    g_free(running->name);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Running, running_clear)

static gboolean running_open(Host *host, const Step *step, Running *ret, GError **error)
{
    *ret = (Running){.name = name_of(step->key), .lock = -1};
    ret->lock = record_lock(host->dir, ret->name, error);
    if (ret->lock < 0)
        return FALSE;
    ret->record = record_read(host->dir, ret->name, error);
    ret->init = record_init(ret->record);
    ret->run = (Run){host->dir, ret->name, step->key, ret->lock};
    return TRUE;
}

/* Nothing is left to be taken away from an instance that has stopped meanwhile; to give it
 * something is an error. */
static gboolean is_over(const Running *running, const Step *step, gboolean *ret_done,
                        GError **error)
{
    if (running->init > 0)
        return FALSE;
    *ret_done = step->to == NULL || error_set(error, ERR_FAILED, "it does not run any more");
    return TRUE;
}

static char *device_of(const Step *step)
{
    g_auto(GStrv) parts = json_path_split(step->path);

    return g_strdup(parts[g_strv_length(parts) - 1]);
}

/* Notes in the record what one device is now. */
static gboolean note(const Running *running, const char *part, const char *device, json_t *fact,
                     GError **error)
{
    json_t *facts = json_object_get(running->record, "facts");
    json_t *devices = json_object_get(facts, part);

    if (devices == NULL) {
        devices = json_object();
        json_object_set_new(facts, part, devices);
    }
    if (fact != NULL)
        json_object_set(devices, device, fact);
    else
        json_object_del(devices, device);
    return record_write(running->run.dir, running->run.name, running->record, error);
}

static gboolean set_state(const Running *running, const Step *step, GError **error)
{
    json_t *facts = json_object_get(running->record, "facts");
    gboolean freeze = g_strcmp0(json_string_value(step->to), "frozen") == 0;

    if (!run_freeze(&running->run, running->record, freeze, error))
        return FALSE;
    json_object_set(facts, "state", step->to);
    return record_write(running->run.dir, running->run.name, running->record, error);
}

gboolean state_ensure(Host *host, const Step *step, GError **error)
{
    g_auto(Running) running = {.lock = -1};
    gboolean done = FALSE;

    if (!running_open(host, step, &running, error))
        return FALSE;
    if (!is_over(&running, step, &done, error))
        done = set_state(&running, step, error);
    return say_which(step, done, error);
}

/* What the record says is there counts more than what was observed when the plan was made. */
static gboolean set_nic(const Running *running, const Step *step, GError **error)
{
    g_autofree char *device = device_of(step);
    const json_t *noted = json_object_get(json_at(running->record, "facts/nics"), device);
    g_autoptr(json_t) there = noted != NULL ? nic_observe(noted, step->to, error) : NULL;
    gboolean changed = FALSE;

    if (there != NULL && step->to != NULL) {
        if (!nic_change(&running->run, there, step->to, &changed, error))
            return FALSE;
        if (changed)
            return note(running, "nics", device, step->to, error);
    }
    if (noted != NULL && !nic_unplug(&running->run, device, noted, error))
        return FALSE;
    if (step->to == NULL)
        return note(running, "nics", device, NULL, error);
    /* Noted first: a plug that is cut short is swept with the run. */
    return note(running, "nics", device, step->to, error) &&
           nic_plug(&running->run, running->init, device, step->to, error);
}

gboolean nic_ensure(Host *host, const Step *step, GError **error)
{
    g_auto(Running) running = {.lock = -1};
    gboolean done = FALSE;

    if (!running_open(host, step, &running, error))
        return FALSE;
    if (!is_over(&running, step, &done, error))
        done = set_nic(&running, step, error);
    return say_which(step, done, error);
}

static void note_origin(const Running *running, const char *device, json_t *origin, json_t *made)
{
    static const char *const parts[] = {"mounts", "made"};
    json_t *values[] = {origin, made};

    for (guint i = 0; i < G_N_ELEMENTS(parts); i++) {
        json_t *all = json_object_get(running->record, parts[i]);

        if (all == NULL) {
            all = json_object();
            json_object_set_new(running->record, parts[i], all);
        }
        if (values[i] != NULL)
            json_object_set(all, device, values[i]);
        else
            json_object_del(all, device);
    }
}

static gboolean set_disk(const Running *running, const Step *step, GError **error)
{
    g_autofree char *device = device_of(step);
    const json_t *noted = json_object_get(json_at(running->record, "facts/disks"), device);
    g_autoptr(json_t) made = NULL;
    g_autoptr(json_t) alone = NULL;
    g_autoptr(json_t) origins = NULL;

    if (noted != NULL && !disk_unplug(&running->run, running->record, device, noted, error))
        return FALSE;
    note_origin(running, device, NULL, NULL);
    if (step->to == NULL)
        return note(running, "disks", device, NULL, error);
    if (!disk_plug(&running->run, running->record, device, step->to, &made, error)) {
        note(running, "disks", device, NULL, NULL);
        return FALSE;
    }
    alone = json_pack("{sO}", device, step->to);
    origins = disks_describe(running->init, alone);
    note_origin(running, device, json_object_get(origins, device), made);
    return note(running, "disks", device, step->to, error);
}

gboolean disk_ensure(Host *host, const Step *step, GError **error)
{
    g_auto(Running) running = {.lock = -1};
    gboolean done = FALSE;

    if (!running_open(host, step, &running, error))
        return FALSE;
    if (!is_over(&running, step, &done, error))
        done = set_disk(&running, step, error);
    return say_which(step, done, error);
}

/* Noted as well: others are spread over the CPUs that this one leaves. */
static gboolean set_limits(const Running *running, const Step *step, GError **error)
{
    const Run *run = &running->run;
    g_autofree char *name = cgroup_name(run->dir, run->name, "");
    g_autofree char *cpus = host_cpus();
    g_autoptr(Groups) groups = groups_of(running->init, name, error);
    g_autoptr(json_t) limits = step->to != NULL ? json_incref(step->to) : json_object();

    if (groups == NULL || !limits_apply(groups, cpus, limits, error))
        return FALSE;
    json_object_set(json_object_get(running->record, "facts"), "cgroup", limits);
    if (!record_write(run->dir, run->name, running->record, error))
        return FALSE;
    return (!balance_concerns(step->from) && !balance_concerns(limits)) ||
           balance_run(run->dir, run->name, error);
}

gboolean limits_ensure(Host *host, const Step *step, GError **error)
{
    g_auto(Running) running = {.lock = -1};
    gboolean done = TRUE;

    if (!running_open(host, step, &running, error))
        return FALSE;
    if (running.init > 0)
        done = set_limits(&running, step, error);
    else if (step->to != NULL)
        done = error_set(error, ERR_FAILED, "it does not run any more");
    return say_which(step, done, error);
}
