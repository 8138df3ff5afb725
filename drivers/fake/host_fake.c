/* A host in memory. Facts change by steps alone, through the same rows and the same pure code as on
 * a real host: what is faked is only the last inch. Data that a step removes is parked by
 * transaction, and comes back by the same rule as on disk. */
#include <string.h>

#include "error.h"
#include "host.h"
#include "image_origin.h"

typedef struct {
    Host host;
    GMutex mutex;      /* steps run in worker threads */
    json_t *objects;   /* key -> facts */
    json_t *parked;    /* "TX KEY PATH" -> value */
    json_t *staged;    /* the same, for stage */
    json_t *servers;   /* see host_fake_servers; NULL */
    json_t *facts;     /* see host_look; NULL with `below` */
    Host *below;       /* borrowed; see host_fake_over; NULL */
    GHashTable *known; /* with `below`: keys whose facts are in memory, though there may be none */
} FakeHost;

static FakeHost *fake_of(Host *host)
{
    return (FakeHost *)host;
}

/* A deep copy without '$' arguments and empty objects: what a host would show. */
static json_t *strip_arguments(const json_t *value)
{
    json_t *copy;
    const char *key;
    json_t *member;

    if (!json_is_object(value))
        return json_deep_copy(value);
    copy = json_object();
    json_object_foreach ((json_t *)value, key, member) {
        if (key[0] != '$' && !(json_is_object(member) && json_object_size(member) == 0))
            json_object_set_new(copy, key, strip_arguments(member));
    }
    return copy;
}

/* What it tells of itself as a whole. */
static json_t *make_facts(void)
{
    static const char *const controllers[] = {"blkio",   "cpu",     "cpuset", "devices",
                                              "freezer", "hugetlb", "memory", "pids"};
    json_t *cgroup = json_object();

    for (guint i = 0; i < G_N_ELEMENTS(controllers); i++)
        json_object_set_new(cgroup, controllers[i], json_string("v1"));
    return json_pack("{s:[i,i,i,i], s:I, s:[s,s], s:[s,s], s:{s:{s:[s]}, s:{s:[]}}, s:[s], "
                     "s:{s:[i,i], s:[i,i]}, s:o}",
                     "cpus", 0, 1, 2, 3, "memory", (json_int_t)8 << 30, "architectures", "x86_64",
                     "i686", "storage_drivers", "dir", "btrfs", "interfaces", "eth0", "addresses",
                     "192.0.2.2/24", "ext0", "addresses", "routes", "192.0.2.0/24", "ids", "uid",
                     1000000, 1000000000, "gid", 1000000, 1000000000, "cgroup", cgroup);
}

static json_t *fake_look(Host *host, const char *name, GError **error)
{
    return json_incref(json_object_get(fake_of(host)->facts, name));
}

/* ---- image servers ---- */

void host_fake_servers(Host *host, const json_t *servers)
{
    FakeHost *fake = fake_of(host);

    json_decref(fake->servers);
    fake->servers = json_deep_copy(servers);
}

static const json_t *by_fingerprint(const json_t *images, const char *fingerprint)
{
    const char *alias;
    json_t *image;

    json_object_foreach ((json_t *)images, alias, image)
        if (fingerprint != NULL &&
            g_str_has_prefix(json_member_string(image, "fingerprint"), fingerprint))
            return image;
    return NULL;
}

static json_t *fake_ask_server(Host *host, const json_t *source, GError **error)
{
    const char *server = json_member_string(source, "server");
    const char *place = server != NULL ? server : json_member_string(source, "url");
    const char *alias = json_member_string(source, "alias");
    const char *fingerprint = json_member_string(source, "fingerprint");
    const json_t *images = json_object_get(fake_of(host)->servers, place);
    const json_t *image = fingerprint != NULL
                              ? by_fingerprint(images, fingerprint)
                              : json_object_get(images, server != NULL ? alias : "");

    if (images == NULL)
        error_set(error, ERR_FAILED, "%s does not answer", place);
    else if (image == NULL)
        error_set(error, ERR_NOT_FOUND, "%s has no image %s", place,
                  fingerprint != NULL ? fingerprint : alias);
    return json_incref((json_t *)image);
}

/* What cannot be read from a file is made up from the spec, the same each time. */
static gboolean fake_resolve(Host *host, const Context *context, const Object *object,
                             json_t *generated, GError **error)
{
    if (object->id.kind == KIND_IMAGE && fake_of(host)->servers != NULL &&
        image_origin_is_remote(json_object_get(object->spec, "source")))
        return DRIVERS[KIND_IMAGE]->resolve(host, context, object, generated, error);
    if (object->id.kind == KIND_IMAGE) {
        g_autofree char *fingerprint = json_digest(json_object_get(object->spec, "source"));

        json_object_set_new(generated, "fingerprint", json_string(fingerprint));
        json_object_set_new(generated, "architecture", json_string("x86_64"));
        json_object_set_new(generated, "type", json_string("container"));
    }
    return TRUE;
}

static json_t *fake_observe(Host *host, const Context *context, const Object *object,
                            GError **error)
{
    FakeHost *fake = fake_of(host);
    json_t *facts;
    json_t *copy;

    g_mutex_lock(&fake->mutex);
    facts = json_object_get(fake->objects, object->key);
    copy = facts != NULL ? json_deep_copy(facts) : json_object();
    g_mutex_unlock(&fake->mutex);
    return copy;
}

/* Sets `value` (borrowed; NULL deletes) at `path`, making and removing enclosing objects on the
 * way. */
static void set_at(json_t *object, char **parts, const json_t *value)
{
    json_t *below;

    if (parts[1] == NULL) {
        if (value == NULL)
            json_object_del(object, parts[0]);
        else
            json_object_set_new(object, parts[0], strip_arguments(value));
        return;
    }
    below = json_object_get(object, parts[0]);
    if (below == NULL) {
        if (value == NULL)
            return;
        below = json_object();
        json_object_set_new(object, parts[0], below);
    }
    set_at(below, parts + 1, value);
    if (value == NULL && json_object_size(below) == 0)
        json_object_del(object, parts[0]);
}

/* The facts of an object, made when there are none. */
static json_t *facts_of(FakeHost *fake, const char *key)
{
    json_t *facts = json_object_get(fake->objects, key);

    if (facts == NULL) {
        facts = json_object();
        json_object_set_new(fake->objects, key, facts);
    }
    return facts;
}

static void set_fact(FakeHost *fake, const char *key, char **parts, const json_t *value)
{
    json_t *facts = facts_of(fake, key);

    set_at(facts, parts, value);
    if (json_object_size(facts) == 0)
        json_object_del(fake->objects, key);
}

/* A rehearsal is for finding what does not fit: a step begins from what it says, or is done
 * already.
 */
static gboolean fits(FakeHost *fake, const Step *step, GError **error)
{
    const char *key = step->from_key != NULL ? step->from_key : step->key;
    const json_t *is = json_at(json_object_get(fake->objects, key), step->path);
    g_autoptr(json_t) from = step->from != NULL ? strip_arguments(step->from) : NULL;
    g_autoptr(json_t) to = step->to != NULL ? strip_arguments(step->to) : NULL;

    return is == from || is == to || json_equal(is, from) || json_equal(is, to) ||
           error_set(error, ERR_FAILED, "%s is not as the step expects it there", step->path);
}

static gboolean fake_ensure(Host *host, const FactRow *row, const Step *step, GError **error)
{
    FakeHost *fake = fake_of(host);
    g_auto(GStrv) parts = json_path_split(step->path);
    g_autofree char *slot = g_strdup_printf("%s %s %s", step->tx, step->key, step->path);

    g_mutex_lock(&fake->mutex);
    if (fake->below != NULL && !fits(fake, step, error)) {
        g_mutex_unlock(&fake->mutex);
        return FALSE;
    }
    if (row->purge != NULL && step->to == NULL && step->from != NULL &&
        json_at(facts_of(fake, step->key), step->path) != NULL)
        json_object_set_new(fake->parked, slot, strip_arguments(step->from));
    else if (row->purge != NULL && step->to != NULL)
        json_object_del(fake->parked, slot);
    json_object_del(fake->staged, slot);
    if (step->from_key != NULL)
        set_fact(fake, step->from_key, parts, NULL);
    set_fact(fake, step->key, parts, step->to);
    g_mutex_unlock(&fake->mutex);
    return TRUE;
}

static gboolean fake_stage(Host *host, const FactRow *row, const Step *step, GError **error)
{
    FakeHost *fake = fake_of(host);
    g_autofree char *slot = g_strdup_printf("%s %s %s", step->tx, step->key, step->path);

    g_mutex_lock(&fake->mutex);
    json_object_set_new(fake->staged, slot, strip_arguments(step->to));
    g_mutex_unlock(&fake->mutex);
    return TRUE;
}

static gboolean fake_unstage(Host *host, const FactRow *row, const Step *step, GError **error)
{
    FakeHost *fake = fake_of(host);
    g_autofree char *slot = g_strdup_printf("%s %s %s", step->tx, step->key, step->path);

    g_mutex_lock(&fake->mutex);
    json_object_del(fake->staged, slot);
    g_mutex_unlock(&fake->mutex);
    return TRUE;
}

static gboolean fake_purge(Host *host, const FactRow *row, const Step *step, GError **error)
{
    FakeHost *fake = fake_of(host);
    g_autofree char *slot = g_strdup_printf("%s %s %s", step->tx, step->key, step->path);

    g_mutex_lock(&fake->mutex);
    json_object_del(fake->parked, slot);
    g_mutex_unlock(&fake->mutex);
    return TRUE;
}

static char *fake_boot_id(Host *host)
{
    return g_strdup("fake-boot");
}

static gboolean fake_barrier(Host *host, GError **error)
{
    return TRUE;
}

static void fake_free(Host *host)
{
    FakeHost *fake = fake_of(host);

    json_decref(fake->objects);
    json_decref(fake->parked);
    json_decref(fake->staged);
    json_decref(fake->servers);
    json_decref(fake->facts);
    g_clear_pointer(&fake->known, g_hash_table_unref);
    g_mutex_clear(&fake->mutex);
    g_free(fake);
}

static const HostOps fake_ops = {
    .look = fake_look,
    .resolve = fake_resolve,
    .observe = fake_observe,
    .ensure = fake_ensure,
    .stage = fake_stage,
    .unstage = fake_unstage,
    .purge = fake_purge,
    .boot_id = fake_boot_id,
    .barrier = fake_barrier,
    .ask_server = fake_ask_server,
    .free = fake_free,
};

static FakeHost *fake_new(const HostOps *ops, const char *dir)
{
    FakeHost *fake = g_new0(FakeHost, 1);

    host_init(&fake->host, ops, dir);
    g_mutex_init(&fake->mutex);
    fake->objects = json_object();
    fake->parked = json_object();
    fake->staged = json_object();
    return fake;
}

Host *host_fake_new(const char *dir)
{
    FakeHost *fake = fake_new(&fake_ops, dir);

    fake->facts = make_facts();
    return &fake->host;
}

/* ---- a copy of another host ---- */

static json_t *over_look(Host *host, const char *name, GError **error)
{
    return host_look(fake_of(host)->below, name, error);
}

static gboolean over_resolve(Host *host, const Context *context, const Object *object,
                             json_t *generated, GError **error)
{
    return host_resolve(fake_of(host)->below, context, object, generated, error);
}

static json_t *over_observe(Host *host, const Context *context, const Object *object,
                            GError **error)
{
    FakeHost *fake = fake_of(host);

    return g_hash_table_contains(fake->known, object->key)
               ? fake_observe(host, context, object, error)
               : host_observe(fake->below, context, object, error);
}

static const HostOps over_ops = {
    .look = over_look,
    .resolve = over_resolve,
    .observe = over_observe,
    .ensure = fake_ensure,
    .stage = fake_stage,
    .unstage = fake_unstage,
    .purge = fake_purge,
    .boot_id = fake_boot_id,
    .barrier = fake_barrier,
    .free = fake_free,
};

Host *host_fake_over(Host *below)
{
    FakeHost *fake = fake_new(&over_ops, below->dir);

    fake->below = below;
    fake->known = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    return &fake->host;
}

void host_fake_put(Host *host, const char *key, const json_t *facts)
{
    FakeHost *fake = fake_of(host);
    json_t *shown = strip_arguments(facts);

    if (json_object_size(shown) > 0)
        json_object_set_new(fake->objects, key, shown);
    else
        json_decref(shown);
    g_hash_table_add(fake->known, g_strdup(key));
}

json_t *host_fake_save(Host *host)
{
    FakeHost *fake = fake_of(host);
    g_autoptr(json_t) state = json_pack("{s:O, s:O, s:O}", "objects", fake->objects, "parked",
                                        fake->parked, "staged", fake->staged);

    return json_deep_copy(state);
}

void host_fake_load(Host *host, const json_t *state)
{
    FakeHost *fake = fake_of(host);

    json_decref(fake->objects);
    json_decref(fake->parked);
    json_decref(fake->staged);
    fake->objects = json_deep_copy(json_object_get(state, "objects"));
    fake->parked = json_deep_copy(json_object_get(state, "parked"));
    fake->staged = json_deep_copy(json_object_get(state, "staged"));
}

/* Removes the members that a pattern's parts name; '*' names all. */
static void remove_matching(json_t *facts, char **parts)
{
    const char *key;
    json_t *member;
    void *next;

    json_object_foreach_safe (facts, next, key, member) {
        if (strcmp(parts[0], "*") != 0 && strcmp(parts[0], key) != 0)
            continue;
        if (parts[1] == NULL)
            json_object_del(facts, key);
        else
            remove_matching(member, parts + 1);
    }
}

void host_fake_lose_kernel(Host *host)
{
    const char *key;
    json_t *facts;

    json_object_foreach (fake_of(host)->objects, key, facts) {
        g_auto(GStrv) parts = g_strsplit(key, "/", 2);
        const Driver *driver = DRIVERS[kind_by_name(parts[0])->id];

        for (const FactRow *row = driver->rows; row->path != NULL; row++) {
            g_auto(GStrv) pattern = g_strsplit(row->path, "/", -1);

            if (row->lives_in == LIVES_KERNEL)
                remove_matching(facts, pattern);
        }
    }
}
