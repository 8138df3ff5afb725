/* The host that a transaction works on: the seam between the engine and the world. The real host
 * dispatches to the drivers; the fake one keeps facts in memory; tests wrap either to make the n-th
 * operation fail or to kill the process there. */
#pragma once

#include "driver.h"

typedef struct {
    gboolean observes_slowly; /* worth threads: a look waits for the kernel */
    json_t *(*look)(Host *host, const char *name, GError **error);
    gboolean (*resolve)(Host *host, const Context *context, const Object *object, json_t *generated,
                        GError **error);
    json_t *(*observe)(Host *host, const Context *context, const Object *object, GError **error);
    gboolean (*ensure)(Host *host, const FactRow *row, const Step *step, GError **error);
    gboolean (*stage)(Host *host, const FactRow *row, const Step *step, GError **error);
    gboolean (*room)(Host *host, const FactRow *row, const Step *step,
                     GError **error); /* NULL: there always is some */
    gboolean (*has_ended)(Host *host, const FactRow *row,
                          const char *key); /* NULL: nothing goes by itself */
    gboolean (*unstage)(Host *host, const FactRow *row, const Step *step, GError **error);
    gboolean (*purge)(Host *host, const FactRow *row, const Step *step, GError **error);
    void (*ahead)(const FactRow *row, gboolean on); /* NULL: nothing takes time to load */
    char *(*boot_id)(Host *host);
    gboolean (*barrier)(Host *host,
                        GError **error); /* syncfs of every file system that disk steps wrote */
    /* NULL: nothing is fetched. */
    gboolean (*is_here)(Host *host, const Object *object);
    gboolean (*fetch)(Host *host, const Object *object, json_t *generated,
                      const FetchReport *report, GError **error);
    void (*fetched)(Host *host, const Object *object);
    /* What the server of an image's source says of it: {"fingerprint", "architecture"?,
     * "created_at"?, "filename"?, "size"?}. NULL: the server itself is asked. */
    json_t *(*ask_server)(Host *host, const json_t *source, GError **error);
    void (*free)(Host *host);
} HostOps;

struct Host {
    const HostOps *ops;
    char *dir;  /* state directory, absolute, no trailing slash */
    char *seed; /* see Context.seed */
    /* Set by who holds something while a plan is made; see host_pause. */
    void (*pause)(void *data, gboolean on);
    void *pause_data;
};

/* Fills the common part of a host of any sort; for makers of hosts. */
void host_init(Host *host, const HostOps *ops, const char *dir);

/* The real host below a state directory. `dir` need not exist yet; nothing is written. */
Host *host_real_new(const char *dir);

/* The fake host: facts in memory, changed by nothing but steps. Same rows, same pure code. */
Host *host_fake_new(const char *dir);
/* A fake that begins as `below` (borrowed) is, and only reads of it: what host_fake_put was given
 * is in memory, and steps may change that alone; all else is asked of `below`. A step that does not
 * begin from what it says fails. */
Host *host_fake_over(Host *below);
/* The facts (borrowed; {} is nothing) that an object begins with. Before the first step. */
void host_fake_put(Host *host, const char *key, const json_t *facts);
/* The image servers that a fake host of its own sees: {SERVER or URL: {ALIAS: {"fingerprint",
 * "architecture"?, ...}}}, for a URL {"": ...}. With them images of other servers are resolved by
 * the driver's own code; without, their fingerprints are made up. Borrowed. */
void host_fake_servers(Host *host, const json_t *servers);
/* Everything the fake host remembers, parked and staged data too: its fingerprint, and a way to
 * carry it to another process. New reference; host_fake_load takes it over again (borrowed). */
json_t *host_fake_save(Host *host);
void host_fake_load(Host *host, const json_t *state);
/* What a reboot does: facts of rows that live in the kernel are gone. */
void host_fake_lose_kernel(Host *host);

void host_free(Host *host);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Host, host_free)

/* Looks at a fact of the host as a whole, see host_fact(); for pure code there are HostFacts. New
 * reference; NULL with an error, or without one when the host has no such fact. */
json_t *host_look(Host *host, const char *name, GError **error);

gboolean host_resolve(Host *host, const Context *context, const Object *object, json_t *generated,
                      GError **error);
/* Around what may take long while a plan is made: others go on meanwhile. */
void host_pause(Host *host, gboolean on);
/* See Driver.fetch; true at once for what no driver fetches. */
gboolean host_is_here(Host *host, const Object *object);
gboolean host_fetch(Host *host, const Object *object, json_t *generated, const FetchReport *report,
                    GError **error);
void host_fetched(Host *host, const Object *object);
json_t *host_observe(Host *host, const Context *context, const Object *object, GError **error);
gboolean host_ensure(Host *host, const Step *step, GError **error);
gboolean host_stage(Host *host, const Step *step, GError **error);
/* Whether there is room for what a staging step builds; read-only. */
gboolean host_room(Host *host, const Step *step, GError **error);
/* See FactRow.has_ended. */
gboolean host_has_ended(Host *host, const FactRow *row, const char *key);
gboolean host_unstage(Host *host, const Step *step, GError **error);
gboolean host_purge(Host *host, const Step *step, GError **error);
/* Which boot of the machine this is: kernel facts of another one are gone. Newly allocated. */
char *host_boot_id(Host *host);
gboolean host_barrier(Host *host, GError **error);
/* FactRow.ahead */
void host_ahead(Host *host, const FactRow *row, gboolean on);
