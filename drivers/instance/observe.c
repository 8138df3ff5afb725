#include "observe.h"

#include <string.h>

#include "balance.h"
#include "cgroup.h"
#include "cpus.h"
#include "ensure.h"
#include "error.h"
#include "facts.h"
#include "file.h"
#include "limits.h"
#include "network/lease.h"
#include "paths.h"
#include "record.h"
#include "run.h"
#include "storage/volume.h"

#define LOOK_TRIES 40    /* of 5 ms */
#define BALANCE_TRIES 10 /* of 5 ms */

typedef struct {
    Host *host;
    const Context *context;
    const Object *object;
    Expanded expanded;
    char *name;
    json_t *facts;
} Look;

/* Sets a fact unless it is absent. FALSE when finding out failed. */
static gboolean take(json_t *facts, const char *key, json_t *value, GError *failure, GError **error)
{
    if (failure != NULL) {
        json_decref(value);
        g_propagate_error(error, failure);
        return FALSE;
    }
    if (value != NULL)
        json_object_set_new(facts, key, value);
    return TRUE;
}

static gboolean look_root(const Look *look, GError **error)
{
    const Object *pool = root_pool(look->context, look->object, &look->expanded, NULL, error);
    const char *driver = pool != NULL ? json_member_string(pool->spec, "driver") : NULL;
    g_autofree char *path = NULL;
    GError *failure = NULL;
    json_t *value;

    if (pool == NULL)
        return FALSE;
    path = path_instance_volume(look->host->dir, pool->id.name, look->name);
    value = volume_observe(look->host, path, driver, &failure);
    if (!take(look->facts, "volume", value, failure, error))
        return FALSE;
    if (value == NULL)
        return TRUE;
    value = quota_observe(look->host, path, driver, &failure);
    return take(look->facts, "quota", value, failure, error);
}

static gboolean look_link(const Look *look, GError **error)
{
    g_autofree char *path = path_instance_link(look->host->dir, look->name);
    g_autofree char *target = g_file_read_link(path, NULL);

    if (target == NULL && file_exists(path))
        return error_set(error, ERR_EXISTS, "%s is there and is not berth's", path);
    if (target != NULL)
        json_object_set_new(look->facts, "link", json_pack("{ss}", "target", target));
    return TRUE;
}

/* The file's first line is the digest of the rest. */
static gboolean look_start(const Look *look, GError **error)
{
    g_autofree char *path = g_strdup_printf("%s/run/%s.start", look->host->dir, look->name);
    g_autoptr(GError) failure = NULL;
    g_autofree char *text = NULL;

    if (!file_read(path, 16u << 20, &text, NULL, &failure)) {
        if (g_error_matches(failure, BERTH_ERROR, ERR_NOT_FOUND))
            return TRUE;
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    text[strcspn(text, "\n")] = '\0';
    json_object_set_new(look->facts, "start", json_pack("{ss}", "digest", text));
    return TRUE;
}

static gboolean look_leases(const Look *look, GError **error)
{
    json_t *leases = json_object();
    const char *name;
    json_t *device;

    json_object_set_new(look->facts, "leases", leases);
    json_object_foreach (look->expanded.devices, name, device) {
        const Object *network =
            device_is(device, "nic") ? nic_network(look->context, look->object, device) : NULL;
        GError *failure = NULL;
        json_t *lease;

        if (network == NULL)
            continue;
        lease = lease_observe(look->host, network, look->object, name, &failure);
        if (!take(leases, name, lease, failure, error))
            return FALSE;
    }
    return TRUE;
}

/* ---- the run ---- */

static gboolean look_nics(const json_t *record, const json_t *wanted, json_t *running,
                          GError **error)
{
    json_t *nics = json_object();
    const char *name;
    json_t *nic;

    json_object_set_new(running, "nics", nics);
    json_object_foreach (json_at(record, "facts/nics"), name, nic) {
        GError *failure = NULL;
        json_t *fact = nic_observe(nic, json_object_get(wanted, name), &failure);

        if (!take(nics, name, fact, failure, error))
            return FALSE;
    }
    return TRUE;
}

/* CPUs that were given for a count show as that count; another berth program may be giving them
 * just now. */
static json_t *look_limits(const Look *look, const json_t *record, const Groups *groups,
                           GError **error)
{
    g_autoptr(GArray) online = cpus_of_host(look->context->host);
    g_autofree char *cpus = cpus_format(online);
    gboolean counted = json_string_at(record, "facts/cgroup/cpus") != NULL;
    g_autoptr(json_t) limits = limits_observe(groups, cpus, error);

    for (guint i = 0; counted && limits != NULL && i < BALANCE_TRIES &&
                      !balance_recognize(look->host->dir, look->name, cpus, limits);
         i++) {
        g_usleep(5000);
        json_decref(limits);
        limits = limits_observe(groups, cpus, error);
    }
    return g_steal_pointer(&limits);
}

static json_t *look_running(const Look *look, const json_t *record, pid_t init, GError **error)
{
    g_autofree char *group = cgroup_name(look->host->dir, look->name, "");
    g_autoptr(Groups) groups = groups_of(init, group, error);
    g_autoptr(json_t) nics = nics_expect(look->context, look->object, &look->expanded, NULL);
    g_autoptr(json_t) wanted_disks = disks_expect(NULL, &look->expanded);
    g_autoptr(json_t) running = json_object();
    gboolean frozen = FALSE;
    json_t *disks, *limits;

    if (groups == NULL || !groups_frozen(groups, &frozen, error) ||
        !look_nics(record, nics, running, error))
        return NULL;
    json_object_set_new(running, "state", json_string(frozen ? "frozen" : "running"));
    json_object_set(running, "config", json_at(record, "facts/config"));
    disks = disks_observe(init, record, wanted_disks, error);
    if (disks == NULL)
        return NULL;
    json_object_set_new(running, "disks", disks);
    limits = look_limits(look, record, groups, error);
    if (limits == NULL)
        return NULL;
    json_object_set_new(running, "cgroup", limits);
    return g_steal_pointer(&running);
}

static gboolean look_run(const Look *look, GError **error)
{
    GError *failure = NULL;
    g_autoptr(json_t) record = record_read(look->host->dir, look->name, &failure);
    pid_t init = record_init(record);
    g_autoptr(json_t) running = NULL;

    if (failure != NULL) {
        g_propagate_error(error, failure);
        return FALSE;
    }
    if (record == NULL)
        return TRUE;
    if (init == 0) {
        json_object_set_new(look->facts, "stale", json_pack("{sb}", "left", 1));
        return TRUE;
    }
    /* It may end while we look, and an init on its way out shows things that are not its own: then
     * it does not run, which is no failure. */
    for (int i = 0; i < LOOK_TRIES && running == NULL; i++) {
        g_clear_error(&failure);
        running = look_running(look, record, init, &failure);
        if (record_init(record) == 0) {
            g_clear_error(&failure);
            return TRUE;
        }
        if (running == NULL)
            g_usleep(5000);
    }
    if (running == NULL) {
        g_propagate_error(error, failure);
        return FALSE;
    }
    json_object_set(look->facts, "running", running);
    return TRUE;
}

json_t *instance_observe(Host *host, const Context *context, const Object *object, GError **error)
{
    Look look = {
        host,         context, object, {NULL, NULL}, disk_name(object->id.project, object->id.name),
        json_object()};
    gboolean looked;

    expand_instance(context->next, object, &look.expanded);
    looked = look_root(&look, error) && look_link(&look, error) && look_start(&look, error) &&
             look_leases(&look, error) && look_run(&look, error);
    expanded_clear(&look.expanded);
    g_free(look.name);
    if (!looked)
        json_decref(look.facts);
    return looked ? look.facts : NULL;
}
