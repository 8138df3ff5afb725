/* A plan: what differs between wanted and real, what it costs, and the ordered steps that close the
 * gap (EN-20..24). Immutable once made; the same inputs give the same bytes. */
#pragma once

#include "error.h"
#include "selector.h"
#include "step.h"
#include "validate.h"

typedef enum {
    ACTION_NONE,
    ACTION_CREATE,
    ACTION_UPDATE,
    ACTION_DELETE,
    ACTION_REPAIR, /* only the host differs: drift */
    ACTION_ADOPT,  /* only ownership changes */
    ACTION_MAX
} Action;

const char *action_to_string(Action action);

/* One changed field of an object. */
typedef struct {
    char *path;     /* "config/limits.memory"; for drift the fact's path */
    json_t *before; /* NULL: absent */
    json_t *after;
    Label label;
    char *where;      /* FILE:LINE:COLUMN or NULL */
    char *via;        /* "profile web" when the change comes by another object; else NULL */
    gboolean drift;   /* the host differs from what is stored */
    gboolean pending; /* stored now, in force only after a restart (or more) that is not allowed */
    gboolean secret;
} PlanField;

typedef struct {
    char *key;
    Action action;
    Label label;       /* the highest of its fields that will be carried out */
    Object *stored;    /* NULL when it is new */
    Object *wanted;    /* NULL when it is deleted */
    json_t *observed;  /* facts */
    json_t *expected;  /* facts after the plan */
    GPtrArray *fields; /* of PlanField * */
    gboolean pending;
    gboolean anew; /* all of it is taken down and deleted for good before the new one is made */
} PlanObject;

typedef struct {
    GPtrArray *only, *exclude; /* of char *: "instance/web", globs of OBJ; NULL: no selection */
    Selector *selector;        /* only what has these labels and what it needs; NULL: all */
    GHashTable *keys;          /* set of keys: only these and what they need; NULL: all */
    const char *project;       /* for OBJ without project; NULL: "default" */
    const char *set; /* owner of what the input declares: "file:NAME"; NULL: keep, or "api" */
    gboolean prune;  /* delete what the set owned and no longer declares */
    gboolean adopt;  /* objects owned by others are taken over */
    gboolean allow_replace;        /* replace and rebuild */
    GPtrArray *allow_replace_only; /* of char *: globs; NULL with allow_replace: all */
    gboolean forbid_restart;       /* restarts stay pending (--allow-restart none) */
    GPtrArray *allow_restart_only; /* of char *: globs; NULL: all */
    GPtrArray *new_image; /* of char *: globs of instances that are made anew from what their image
                             is now (EN-09); NULL: none */
    GPtrArray *no_park; /* of char *: globs of objects whose data is deleted for good at once, which
                           the plan lists as irreversible (EN-31); NULL: none */
    gboolean fixed_pools;    /* root disks stay on their pools (D-DISK-11) */
    gboolean reverting;      /* takes back what was not confirmed: policies do not hold it up */
    gboolean force;          /* rollback takes conflicts */
    gboolean saved;          /* another process will make the plan again (EN-21) */
    GPtrArray *policies;     /* of Object *: policies that hold for this plan besides the model's */
    gboolean restore_parked; /* what the set had deleted and declares again gets its data back
                                (EN-43) */
    GHashTable *waiting;     /* set of keys with condition RestartPending; NULL: none */
    const json_t *actions;   /* see Context.actions; NULL: none */
    const json_t *images;    /* see Context.images; NULL: none */
    gboolean refresh;        /* ask image servers what is newer */
} PlanOptions;

typedef struct {
    GPtrArray *objects;  /* of PlanObject *, in order of carrying out; those without any change are
                            left out */
    GPtrArray *steps;    /* of PlanStep * */
    GPtrArray *needed;   /* of char *: keys that come along because what was selected needs them */
    GPtrArray *warnings; /* of char * */
    GPtrArray *irreversible; /* of char * */
    GPtrArray
        *blocked; /* of char *: why it cannot be applied (protection, fields that cannot change) */
    ErrorCode blocked_code; /* of the first of them */
    Snapshot *base;         /* the stored model it was made from */
    Snapshot *next;         /* the model after it */
    gint64 revision;        /* of base */
    guint examined;         /* objects looked at */
    char *hash;             /* over everything above: EN-21 plan_hash */
    char *source;           /* owner recorded for the generation; NULL */
    GHashTable *secrets;    /* digest -> GBytes *: contents that were read for it (EN-05); NULL */
    gint64 reverts;         /* the unconfirmed generation that it takes back (EN-33); 0: none */
    json_t *notes;          /* see notes.h; committed with the plan; NULL: none */
} Plan;

void plan_free(Plan *plan);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Plan, plan_free)

/* Nothing to do: no field, no step, no pending row. `pending` rows alone do not make a change. */
gboolean plan_is_empty(const Plan *plan);

/* JSON form (EN-21). */
json_t *plan_json(const Plan *plan);
/* A digest of what a plan in JSON form does, without the model's revision: as long as it stays the
 * same, commits of others have not changed what was agreed to. Newly allocated. */
char *plan_json_digest(const json_t *plan);

/* A plan as it is shown to people and sent to clients: {"plan": see plan_json, "examined": how many
 * objects were looked at, "blocked_code": word of base/error.h, when it is blocked; "rehearsal":
 * see rehearse.h; "drift" and "patch": see drift.h; where the wish asks for them; "held": true,
 * when what files want of held fields is news, which carrying it out remembers even when nothing
 * else is to be done}. */
json_t *plan_shown(const Plan *plan);
/* Human form (EN-20): riskiest first, one line a field, counts and irreversible steps at the end.
 * `colour` adds SGR codes. Newly allocated. */
char *plan_shown_text(const json_t *shown, gboolean colour);
char *plan_text(const Plan *plan, gboolean colour);
/* A value on one line, cut to so many characters (0: not cut); what is not there is "(unset)".
 * Newly allocated. */
char *plan_value_text(const json_t *value, glong width);
/* plan_is_empty of what is shown. */
gboolean plan_shown_is_empty(const json_t *shown);
/* Why it cannot be carried out at all (refused keys, protection): FALSE with an error that names
 * each reason. */
gboolean plan_shown_check(const json_t *shown, GError **error);
