/* What the host is and has (API-105, API-107, API-114, storage pool resources). */
#include <string.h>

#include "answer.h"
#include "call.h"
#include "conditions.h"
#include "error.h"
#include "expand.h"
#include "instance/cgroup.h"
#include "instance/record.h"
#include "instance/usage.h"
#include "keeper.h"
#include "metrics_text.h"
#include "resources/resources.h"
#include "source_sync.h"

#define CACHE_SECONDS 8 /* MET-06 */

static gboolean resources(Call *call, GError **error)
{
    g_autoptr(HostRoot) root = host_root_open("/", error);

    if (root == NULL)
        return FALSE;
    answer_sync(call->request, 200, resources_read(root), NULL);
    return TRUE;
}

static gboolean pool_resources(Call *call, GError **error)
{
    const Object *pool = call_object(call, KIND_POOL, call->words[0], error);
    g_autofree char *directory = NULL;
    json_t *found;

    if (pool == NULL)
        return FALSE;
    directory = g_build_filename(call->daemon->dir, "storage-pools", pool->id.name, NULL);
    found = resources_of_pool(directory, error);
    if (found == NULL)
        return FALSE;
    answer_sync(call->request, 200, found, NULL);
    return TRUE;
}

/* One server is no cluster. */
static gboolean cluster(Call *call, GError **error)
{
    json_t *alone =
        json_pack("{s:s, s:b, s:[]}", "server_name", "", "enabled", FALSE, "member_config");
    g_autofree char *etag = json_digest(alone);

    answer_sync(call->request, 200, alone, etag);
    return TRUE;
}

/* ---- metrics ---- */

/* Where the disks of an instance are mounted inside. New reference. */
static json_t *mountpoints(const Snapshot *model, const Object *instance)
{
    g_auto(Expanded) expanded = {0};
    json_t *paths = json_array();
    const char *name;
    json_t *device;

    expand_instance(model, instance, &expanded);
    json_object_foreach (expanded.devices, name, device) {
        const char *path = json_member_string(device, "path");

        if (g_strcmp0(json_member_string(device, "type"), "disk") == 0 && path != NULL)
            json_array_append_new(paths, json_string(path));
    }
    return paths;
}

/* [[name, type, usage]] of the instances of a project that run. What ends meanwhile is left out
 * (MET-07). */
static json_t *collect(Call *call, const char *project)
{
    const char *dir = call->daemon->dir;
    json_t *all = json_array();
    guint first, count;

    snapshot_range(call->model, KIND_INSTANCE, project, &first, &count);
    for (guint i = first; i < first + count; i++) {
        const Object *instance = snapshot_at(call->model, i);
        const char *type = json_member_string(instance->spec, "type");
        g_autofree char *name = disk_name(project, instance->id.name);
        g_autofree char *group = cgroup_name(dir, name, "");
        g_autoptr(json_t) record = record_read(dir, name, NULL);
        g_autoptr(json_t) paths = mountpoints(call->model, instance);
        pid_t init = record_init(record);
        json_t *usage = init > 0 ? usage_metrics(init, group, paths, NULL) : NULL;

        if (usage != NULL)
            json_array_append_new(all, json_pack("[s, s, o]", instance->id.name,
                                                 type != NULL ? type : "container", usage));
    }
    return all;
}

typedef struct {
    gint64 until;
    json_t *usage;
} Cached;

static void cached_free(gpointer data)
{
    Cached *cached = data;

    json_decref(cached->usage);
    g_free(cached);
}

/* Collected at most once in CACHE_SECONDS, whoever asks, one at a time (MET-06). */
static json_t *usage_of(Call *call, const char *project)
{
    static GMutex mutex;
    static GHashTable *projects;
    g_autoptr(GMutexLocker) held = g_mutex_locker_new(&mutex);
    Cached *cached;

    if (projects == NULL)
        projects = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, cached_free);
    cached = g_hash_table_lookup(projects, project);
    if (cached == NULL || cached->until < g_get_monotonic_time()) {
        cached = g_new0(Cached, 1);
        cached->usage = collect(call, project);
        cached->until = g_get_monotonic_time() + CACHE_SECONDS * G_USEC_PER_SEC;
        g_hash_table_replace(projects, g_strdup(project), cached);
    }
    return json_incref(cached->usage);
}

static void add_project(Metrics *metrics, Call *call, const char *project)
{
    g_autoptr(json_t) all = usage_of(call, project);
    json_t *one;
    size_t i;

    json_array_foreach (all, i, one)
        metrics_add_instance(metrics, project, json_string_value(json_array_get(one, 0)),
                             json_string_value(json_array_get(one, 1)), json_array_get(one, 2));
}

static double number_at(const json_t *status, const char *path)
{
    return (double)json_integer_value(json_at(status, path));
}

/* EN-48. Sources are the host's own: of no project. */
static void add_sources(Metrics *metrics, Call *call)
{
    guint first, count;

    snapshot_range(call->model, KIND_SOURCE, "", &first, &count);
    for (guint i = first; i < first + count; i++) {
        const char *name = snapshot_at(call->model, i)->id.name;
        g_autoptr(json_t) status = source_status(call->daemon->engine, name, NULL);
        g_autoptr(json_t) labels = json_pack("{s:s}", "name", name);
        gboolean ready =
            number_at(status, "last_success") > 0 && json_member_string(status, "error") == NULL;

        metrics_add(metrics, "berth_source_ready", labels, ready);
        metrics_add(metrics, "berth_source_failures", labels, number_at(status, "failures"));
        metrics_add(metrics, "berth_source_last_success_seconds", labels,
                    number_at(status, "last_success"));
        if (json_object_get(status, "in_force") != NULL)
            metrics_add(metrics, "berth_source_revision_age_seconds", labels,
                        (double)g_get_real_time() / G_USEC_PER_SEC -
                            number_at(status, "in_force/time"));
    }
}

/* AUTH-37, AUTH-84. */
static gboolean may_measure(const Call *call)
{
    const Object *server = snapshot_find(call->model, KIND_SERVER, "", "");
    const char *asks = server != NULL ? object_config(server, "core.metrics_authentication") : NULL;

    return call->caller->trusted || call->caller->metrics || (asks != NULL && !type_is_true(asks));
}

/* EN-48 */
static void add_figures(Metrics *metrics, Daemon *daemon)
{
    KeeperFigures figures = keeper_figures(daemon->keeper);
    const struct {
        const char *series;
        double value;
    } samples[] = {
        {"berth_drifted_objects", conditions_count(daemon->conditions, "Drifted")},
        {"berth_drifts_total", (double)figures.drifts},
        {"berth_heals_total", (double)figures.heals},
        {"berth_heal_failures_total", (double)figures.heal_failures},
        {"berth_looks_total", (double)figures.looks},
        {"berth_transactions_total", (double)figures.transactions},
        {"berth_transaction_seconds_total", (double)figures.milliseconds / 1000},
        {"berth_rollbacks_total", (double)figures.rollbacks},
        {"berth_last_success_timestamp_seconds", (double)figures.last_success},
    };
    g_autoptr(json_t) none = json_object();

    for (guint i = 0; i < G_N_ELEMENTS(samples); i++)
        metrics_add(metrics, samples[i].series, none, samples[i].value);
}

static gboolean metrics(Call *call, GError **error)
{
    const char *headers[] = {"Content-Type", "text/plain", NULL};
    const char *only = request_query(call->request, "project");
    g_autoptr(Metrics) page = metrics_new();
    g_autoptr(GBytes) bytes = NULL;
    guint first, count;
    char *text;

    /* MET-09 */
    if (!may_measure(call) ||
        (only != NULL && call->caller->trusted && !caller_may_use(call->caller, only)))
        return error_set(error, ERR_PERMISSION, "not authorized");
    snapshot_range(call->model, KIND_PROJECT, "", &first, &count);
    for (guint i = first; i < first + count; i++) {
        const char *project = snapshot_at(call->model, i)->id.name;

        if ((only == NULL || strcmp(only, project) == 0) &&
            (!call->caller->trusted || caller_may_use(call->caller, project)))
            add_project(page, call, project);
    }
    if (only == NULL && (call->caller->admin || call->caller->metrics || !call->caller->trusted))
        add_figures(page, call->daemon);
    if (only == NULL && (call->caller->admin || call->caller->metrics))
        add_sources(page, call);
    text = metrics_text(page);
    bytes = g_bytes_new_take(text, strlen(text));
    request_answer(call->request, 200, headers, bytes);
    return TRUE;
}

/* API-125 */
static gboolean not_clustered(Call *call, GError **error)
{
    return error_set(error, ERR_INVALID, "This server is not clustered");
}

static gboolean no_cluster(Call *call, GError **error)
{
    return error_set(error, ERR_NOT_IMPLEMENTED, "clusters are not in this build of berth");
}

const Route ROUTES_HOST[] = {
    {"GET", "cluster/members", ACCESS_TRUSTED, ROUTE_QUICK, not_clustered},
    {"POST", "cluster/members", ACCESS_ADMIN, ROUTE_QUICK | ROUTE_DRY, not_clustered},
    {"GET", "cluster/members/*", ACCESS_TRUSTED, ROUTE_QUICK, not_clustered},
    {"PUT", "cluster/members/*", ACCESS_ADMIN, ROUTE_QUICK | ROUTE_DRY, not_clustered},
    {"PATCH", "cluster/members/*", ACCESS_ADMIN, ROUTE_QUICK | ROUTE_DRY, not_clustered},
    {"POST", "cluster/members/*", ACCESS_ADMIN, ROUTE_QUICK | ROUTE_DRY, not_clustered},
    {"DELETE", "cluster/members/*", ACCESS_ADMIN, ROUTE_QUICK | ROUTE_DRY, not_clustered},
    {"POST", "cluster/members/*/state", ACCESS_ADMIN, ROUTE_QUICK | ROUTE_DRY, not_clustered},
    {"GET", "cluster/groups", ACCESS_TRUSTED, ROUTE_QUICK, not_clustered},
    {"POST", "cluster/groups", ACCESS_ADMIN, ROUTE_QUICK | ROUTE_DRY, not_clustered},
    {"GET", "cluster/groups/*", ACCESS_TRUSTED, ROUTE_QUICK, not_clustered},
    {"PUT", "cluster/groups/*", ACCESS_ADMIN, ROUTE_QUICK | ROUTE_DRY, not_clustered},
    {"PATCH", "cluster/groups/*", ACCESS_ADMIN, ROUTE_QUICK | ROUTE_DRY, not_clustered},
    {"POST", "cluster/groups/*", ACCESS_ADMIN, ROUTE_QUICK | ROUTE_DRY, not_clustered},
    {"DELETE", "cluster/groups/*", ACCESS_ADMIN, ROUTE_QUICK | ROUTE_DRY, not_clustered},
    {"PUT", "cluster/certificate", ACCESS_ADMIN, ROUTE_QUICK | ROUTE_DRY, not_clustered},
    {"PUT", "cluster", ACCESS_ADMIN, ROUTE_QUICK | ROUTE_DRY, no_cluster},
    {"GET", "resources", ACCESS_TRUSTED, 0, resources},
    {"GET", "storage-pools/*/resources", ACCESS_TRUSTED, 0, pool_resources},
    {"GET", "cluster", ACCESS_TRUSTED, ROUTE_QUICK, cluster},
    {"GET", "metrics", ACCESS_OPEN, 0, metrics},
    {0},
};
