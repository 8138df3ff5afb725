/* The contract between the engine and what changes the host.
 *
 * A driver describes one kind by *facts*: a JSON object that says what the host shows of one
 * object. It can do three things with them: `expect` (pure: what the facts should be), `observe`
 * (read-only: what they are) and, per row of its table, `ensure` (make one fact so). Everything
 * else is the engine's and the same for all kinds: a plan is the difference between expected and
 * observed facts, a step is one fact going `from` -> `to`, undo is the same step with both swapped,
 * verify is observe again, drift is a difference nobody asked for, and 'converged' is 'no
 * difference'.
 *
 * Facts are compared as JSON values. A member whose name starts with '$' is an argument: it travels
 * with the step and is never compared; `observe` does not return any. A fact that is absent is
 * absent from the object (never JSON null).
 *
 * What `expect` cannot put in force but must not refuse either, it says by driver_remark(): a
 * warning of the plan, no fact.
 *
 * Paths into facts are '/'-separated parts of json_path_part(). An empty object means the same as
 * an absent one.
 *
 * Facts must be enough for another process to do or undo the step after a crash: an `ensure` reads
 * its Step and the host, never the model. */
#pragma once

#include "host_facts.h"
#include "snapshot.h"

/* When a step runs. Additive steps of all objects come before disruptive ones (DESIGN 4, EN-23). */
typedef enum {
    BAND_ADDITIVE,   /* makes something that was not there, or changes in place without harm */
    BAND_DISRUPTIVE, /* stops, detaches, parks, replaces */
} Band;

/* What survives a reboot: kernel facts count as undone by one. */
typedef enum { LIVES_DISK, LIVES_KERNEL } LivesIn;

/* Steps of one class share a limit of how many run side by side (EN-32). */
typedef enum { CLASS_LIGHT, CLASS_COPY, CLASS_START, CLASS_MAX } StepClass;

/* One step of a transaction, complete in itself. */
typedef struct {
    char *name;   /* FactRow.name, with ".stage" for the staging half of a change */
    char *key;    /* the object */
    char *path;   /* the fact: "link", "running/nics/eth0" */
    json_t *from; /* what was observed, with the '$' arguments of the stored model; NULL: absent */
    json_t *to;   /* what is to be; NULL: absent */
    char *from_key; /* the object's key before a rename; NULL otherwise */
    char *
        tx; /* transaction id: names parked and staged things (".parked-TX-NAME", ".new-TX-NAME") */
} Step;

/* Who wants to know how far a fetch is. */
typedef struct {
    /* About each second: which part ("rootfs"), bytes so far, of how many (0: unknown), and in the
     * last second. May be NULL. */
    void (*each)(void *data, const char *part, guint64 done, guint64 all, guint64 speed);
    void *data;
    volatile gint *cancel; /* non-zero stops it; may be NULL */
} FetchReport;

typedef gboolean (*StepFunction)(Host *host, const Step *step, GError **error);

/* One fact that can be changed on its own. `path` is a path into the facts where a '*' part stands
 * for any member (volumes, then any member). When two values differ, the engine goes down as long
 * as every difference is covered by a row further down and both sides exist there; otherwise the
 * row at hand gets the whole. So a row may cover a subtree whose appearance is one step (starting
 * an instance) and whose parts can later change by rows of their own (its NICs). */
typedef struct {
    const char *path;
    const char *name; /* unique over all drivers: "network.link" */
    LivesIn lives_in;
    StepClass step_class;
    Band add, change, remove; /* band of absent -> present, present -> present, present -> absent */
    Label label;    /* what a change costs when no spec field explains it, e.g. LABEL_RESTART */
    gboolean split; /* a change is two steps: to absent, later to present (a restart) */
    /* Makes the fact so. Accepts that it is so already, that it is half so, and that it is as in
     * `from`. Anything else that it finds in the way is an error. Removing data parks it: a rename
     * beside itself, `.parked-TX-NAME`; adding it again with the same TX brings the parked data
     * back. Leaves nothing behind when it fails. Runs in a worker thread. */
    StepFunction ensure;
    /* For a change of data: builds the new one beside the old (additive), so that `ensure` only
     * swaps; `unstage` throws it away and accepts that there is none. NULL when a change needs no
     * staging. */
    StepFunction stage, unstage;
    /* Deletes for good what `ensure` parked: after the commit, or at once where that was asked for.
     * No half of it is ever found parked. Accepts that it is gone. NULL when nothing is parked. */
    StepFunction purge;
    /* What cannot be brought back by undo, for the plan's list; NULL when nothing is lost (LAW-3).
     */
    const char *irreversible;
    const char *summary; /* "create the bridge": one line for progress and docs */
    gboolean data;       /* people's data are gone with it: drift never makes it anew by itself */
    /* Read-only: whether what `ensure` made has gone again by itself, as it was meant to: what runs
     * once is done. Then it is no failure of a transaction that it is not there (EN-30, EN-35).
     * NULL: nothing goes by itself. */
    gboolean (*has_ended)(Host *host, const char *key);
    /* Pure: whether a change takes the data along to another place, so that it is no rebuild but a
     * move of what must not be in use. NULL: none does. */
    gboolean (*carries)(const json_t *from, const json_t *to);
    /* Read-only: why the new one of a change has no room beside the old (an error). NULL when it
     * always has, or nobody can tell. */
    StepFunction room;
    /* Told when a transaction begins that will make the fact so, and when it has ended: what takes
     * time to load can be loaded meanwhile. May be NULL. */
    void (*ahead)(gboolean on);
} FactRow;

/* What pure functions may look at. */
typedef struct {
    const Snapshot *next; /* the model as planned, with generated values */
    HostFacts *host;
    const char *dir;  /* state directory, absolute */
    const char *seed; /* for drawing: equal on each run of one state directory on one machine */
    const json_t *actions; /* KEY -> {"state": "running", "stopped" or "frozen", "timeout": seconds,
                              "force": bool}: a power state that is asked for now, whatever the spec
                              says; may be NULL */
    gboolean before;       /* this is the model before the plan: nobody has acted yet */
    const json_t *images;  /* how images of servers are chosen: {"locks": see image_lock.h,
                              "refresh": ask what is newer}; NULL when no state file asks */
} Context;

typedef struct {
    KindId kind;
    const FactRow *rows; /* ended by path NULL; in the order in which they are made; undone and
                            removed in reverse */

    /* Reads what the model cannot know but the spec names (an image's fingerprint) and adds it to
     * `generated`, a mutable object; remarks too (driver_remark). Read-only on the host. What may
     * take long is put between two host_pause(). NULL when there is nothing to read. */
    gboolean (*resolve)(Host *host, const Context *context, const Object *object, json_t *generated,
                        GError **error);

    /* Draws what is missing (MAC, subnet, uuid, id base) into `generated`, deterministically from
     * context and seed, clear of what other objects in context->next and the host have. Pure.
     * Values that are there already are kept. NULL when nothing is drawn. */
    gboolean (*prepare)(const Context *context, const Object *object, json_t *generated,
                        GError **error);

    /* What the facts should be. `observed` (may be NULL) decides what the spec leaves open, e.g.
     * the power state of an instance without `state`. Pure. An error refuses the plan. New
     * reference. */
    json_t *(*expect)(const Context *context, const Object *object, const json_t *observed,
                      GError **error);

    /* What the facts are; {} when nothing is there. An error means 'unknown', never 'absent'
     * (LAW-7); ERR_EXISTS when something that is not berth's has the name. Runs in a worker thread;
     * new reference. */
    json_t *(*observe)(Host *host, const Context *context, const Object *object, GError **error);

    /* Gets what the steps of an object need from elsewhere, before any lock and outside the undo:
     * what is here is not fetched again, and who needs the same at the same time waits for it.
     * Completes `generated`, a mutable object, by what only the whole shows. NULL when all is here.
     */
    gboolean (*fetch)(Host *host, const Object *object, json_t *generated,
                      const FetchReport *report, GError **error);
    /* Whether `fetch` has nothing to get. */
    gboolean (*is_here)(Host *host, const Object *object);
    /* After the commit of an object that was fetched. */
    void (*fetched)(Host *host, const Object *object);

    /* What it can tell of the host as a whole; a name of NULL ends them. NULL when it has none. */
    const HostFact *host_facts;

    /* What of the host the object stands on, so that a change there means 'look again at it'
     * (EN-40): see watch_on(). Pure; new reference. */
    json_t *(*watch)(const Context *context, const Object *object);
} Driver;

/* The real drivers, one per kind that has host facts; NULL for kinds that live in the model alone
 * (profile, project). */
extern const Driver *const DRIVERS[KIND_MAX];

/* Row of a step's name (".stage" cut off), over all drivers; NULL when unknown. */
const FactRow *driver_row_by_name(const char *name);

/* Helpers for drivers' pure code. */

/* Adds a remark to the facts that `expect` returns: what of the spec has no effect, and why
 * (LAW-6). It begins with the field: "config.volume.size: ...". */
void driver_remark(json_t *facts, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* Takes the remarks out of what `expect` returned (may be NULL): a list of texts, or NULL. New
 * reference. */
json_t *driver_take_remarks(json_t *facts);

/* Bytes drawn from the seed and a label, the same on each call: for MACs, uuids and subnets. `ret`
 * gets `size` <= 32 bytes. */
void draw_bytes(const Context *context, const char *label, guint attempt, guint8 *ret, gsize size);

/* What `watch` returns: {"link": [name...], "route": [link name...], "chain": [name...],
 * "path": [absolute path...], "mount": [mount point...], "record": [path...]}.
 *   link    the link itself and its addresses
 *   route   routes that lead to it
 *   chain   of our firewall tables
 *   path    that it is there, and is not written
 *   mount   that something is mounted there
 *   record  a file of JSON: its "init", "monitor" and "process", each [pid, start time], live, and
 *           nobody writes to the files of the control group "$group" of init */
typedef enum {
    WATCH_LINK,
    WATCH_ROUTE,
    WATCH_CHAIN,
    WATCH_PATH,
    WATCH_MOUNT,
    WATCH_RECORD,
    WATCH_MAX
} WatchKind;

const char *watch_kind_name(WatchKind kind);
/* Adds one thing, unless `name` is NULL. */
void watch_on(json_t *watched, WatchKind kind, const char *name);

/* Name on disk of an object in a project: NAME, or PROJECT_NAME outside project default (DESIGN 5).
 * Newly allocated. */
char *disk_name(const char *project, const char *name);
