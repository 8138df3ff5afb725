#include "host.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "error.h"
#include "file.h"
#include "process.h"

/* The seed makes drawn values (MACs, subnets) the same on every plan of one state directory on one
 * machine, without anything having been written yet. */
static char *make_seed(const char *dir)
{
    g_autofree char *machine = NULL;
    g_autofree char *text = NULL;

    if (!g_file_get_contents("/etc/machine-id", &machine, NULL, NULL))
        machine = g_strdup(g_get_host_name());
    text = g_strdup_printf("%s:%s", g_strstrip(machine), dir);
    return g_compute_checksum_for_string(G_CHECKSUM_SHA256, text, -1);
}

static json_t *real_look(Host *host, const char *name, GError **error)
{
    for (int kind = 0; kind < KIND_MAX; kind++) {
        const HostFact *fact = DRIVERS[kind] != NULL ? DRIVERS[kind]->host_facts : NULL;

        for (; fact != NULL && fact->name != NULL; fact++) {
            if (strcmp(fact->name, name) == 0)
                return fact->look(error);
        }
    }
    return NULL;
}

static gboolean real_resolve(Host *host, const Context *context, const Object *object,
                             json_t *generated, GError **error)
{
    const Driver *driver = DRIVERS[object->id.kind];

    return driver == NULL || driver->resolve == NULL ||
           driver->resolve(host, context, object, generated, error);
}

static gboolean real_is_here(Host *host, const Object *object)
{
    const Driver *driver = DRIVERS[object->id.kind];

    return driver == NULL || driver->is_here == NULL || driver->is_here(host, object);
}

static gboolean real_fetch(Host *host, const Object *object, json_t *generated,
                           const FetchReport *report, GError **error)
{
    const Driver *driver = DRIVERS[object->id.kind];

    return driver == NULL || driver->fetch == NULL ||
           driver->fetch(host, object, generated, report, error);
}

static void real_fetched(Host *host, const Object *object)
{
    const Driver *driver = DRIVERS[object->id.kind];

    if (driver != NULL && driver->fetched != NULL)
        driver->fetched(host, object);
}

static json_t *real_observe(Host *host, const Context *context, const Object *object,
                            GError **error)
{
    const Driver *driver = DRIVERS[object->id.kind];

    return driver != NULL ? driver->observe(host, context, object, error) : json_object();
}

static gboolean real_ensure(Host *host, const FactRow *row, const Step *step, GError **error)
{
    return row->ensure(host, step, error);
}

static gboolean real_stage(Host *host, const FactRow *row, const Step *step, GError **error)
{
    return row->stage(host, step, error);
}

static gboolean real_room(Host *host, const FactRow *row, const Step *step, GError **error)
{
    return row->room == NULL || row->room(host, step, error);
}

static gboolean real_has_ended(Host *host, const FactRow *row, const char *key)
{
    return row->has_ended != NULL && row->has_ended(host, key);
}

static gboolean real_unstage(Host *host, const FactRow *row, const Step *step, GError **error)
{
    return row->unstage(host, step, error);
}

static gboolean real_purge(Host *host, const FactRow *row, const Step *step, GError **error)
{
    return row->purge == NULL || row->purge(host, step, error);
}

static void real_ahead(const FactRow *row, gboolean on)
{
    if (row->ahead != NULL)
        row->ahead(on);
}

/* Once for each file system: `synced` is a set of device numbers. */
static gboolean sync_path(const char *path, GHashTable *synced, GError **error)
{
    g_auto(Fd) fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct stat st;
    gint64 device;

    if (fd < 0 || fstat(fd, &st) != 0)
        return TRUE; /* nothing was written there */
    device = (gint64)st.st_dev;
    return !g_hash_table_add(synced, g_memdup2(&device, sizeof device)) || syncfs(fd) == 0 ||
           error_errno(error, errno, "sync %s", path);
}

/* The state directory and each pool, which may be file systems of their own. */
static gboolean real_barrier(Host *host, GError **error)
{
    g_autofree char *pools = g_build_filename(host->dir, "storage-pools", NULL);
    g_autoptr(GHashTable) synced = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    g_autoptr(GDir) folder = NULL;
    const char *name;

    if (!sync_path(host->dir, synced, error))
        return FALSE;
    folder = g_dir_open(pools, 0, NULL);
    while (folder != NULL && (name = g_dir_read_name(folder)) != NULL) {
        g_autofree char *path = g_build_filename(pools, name, NULL);

        if (!sync_path(path, synced, error))
            return FALSE;
    }
    return TRUE;
}

static char *real_boot_id(Host *host)
{
    return g_strdup(boot_id());
}

static void real_free(Host *host)
{
    g_free(host);
}

static const HostOps real_ops = {
    .observes_slowly = TRUE,
    .look = real_look,
    .resolve = real_resolve,
    .observe = real_observe,
    .ensure = real_ensure,
    .stage = real_stage,
    .room = real_room,
    .has_ended = real_has_ended,
    .unstage = real_unstage,
    .purge = real_purge,
    .ahead = real_ahead,
    .boot_id = real_boot_id,
    .barrier = real_barrier,
    .is_here = real_is_here,
    .fetch = real_fetch,
    .fetched = real_fetched,
    .free = real_free,
};

void host_init(Host *host, const HostOps *ops, const char *dir)
{
    host->ops = ops;
    host->dir = g_canonicalize_filename(dir, NULL);
    host->seed = make_seed(host->dir);
}

Host *host_real_new(const char *dir)
{
    Host *host = g_new0(Host, 1);

    host_init(host, &real_ops, dir);
    return host;
}

void host_free(Host *host)
{
    if (host == NULL)
        return;
    g_clear_pointer(&host->dir, g_free);
    g_clear_pointer(&host->seed, g_free);
    host->ops->free(host);
}

json_t *host_look(Host *host, const char *name, GError **error)
{
    return host->ops->look(host, name, error);
}

gboolean host_resolve(Host *host, const Context *context, const Object *object, json_t *generated,
                      GError **error)
{
    return host->ops->resolve(host, context, object, generated, error);
}

void host_pause(Host *host, gboolean on)
{
    if (host->pause != NULL)
        host->pause(host->pause_data, on);
}

gboolean host_is_here(Host *host, const Object *object)
{
    return host->ops->is_here == NULL || host->ops->is_here(host, object);
}

gboolean host_fetch(Host *host, const Object *object, json_t *generated, const FetchReport *report,
                    GError **error)
{
    return host->ops->fetch == NULL || host->ops->fetch(host, object, generated, report, error);
}

void host_fetched(Host *host, const Object *object)
{
    if (host->ops->fetched != NULL)
        host->ops->fetched(host, object);
}

json_t *host_observe(Host *host, const Context *context, const Object *object, GError **error)
{
    return host->ops->observe(host, context, object, error);
}

/* A step whose name no driver of this build knows cannot be carried out or undone: after a
 * downgrade, for example. */
static const FactRow *row_of(const Step *step, GError **error)
{
    const FactRow *row = driver_row_by_name(step->name);

    if (row == NULL)
        error_set(error, ERR_FAILED, "%s: no driver of this build knows the step %s", step->key,
                  step->name);
    return row;
}

gboolean host_ensure(Host *host, const Step *step, GError **error)
{
    const FactRow *row = row_of(step, error);

    return row != NULL && host->ops->ensure(host, row, step, error);
}

gboolean host_stage(Host *host, const Step *step, GError **error)
{
    const FactRow *row = row_of(step, error);

    return row != NULL && host->ops->stage(host, row, step, error);
}

gboolean host_room(Host *host, const Step *step, GError **error)
{
    const FactRow *row = row_of(step, error);

    return row != NULL && (host->ops->room == NULL || host->ops->room(host, row, step, error));
}

gboolean host_has_ended(Host *host, const FactRow *row, const char *key)
{
    return host->ops->has_ended != NULL && host->ops->has_ended(host, row, key);
}

gboolean host_unstage(Host *host, const Step *step, GError **error)
{
    const FactRow *row = row_of(step, error);

    return row != NULL && host->ops->unstage(host, row, step, error);
}

gboolean host_purge(Host *host, const Step *step, GError **error)
{
    const FactRow *row = row_of(step, error);

    return row != NULL && host->ops->purge(host, row, step, error);
}

gboolean host_barrier(Host *host, GError **error)
{
    return host->ops->barrier(host, error);
}

void host_ahead(Host *host, const FactRow *row, gboolean on)
{
    if (host->ops->ahead != NULL)
        host->ops->ahead(row, on);
}

char *host_boot_id(Host *host)
{
    return host->ops->boot_id(host);
}
