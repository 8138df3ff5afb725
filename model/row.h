/* A row describes one key of one kind: its type, default, bounds, where it applies, what a change of it costs, what it
 * refers to. Everything that handles keys walks rows; no key is known anywhere else but in its row and in the driver
 * that honours it (DESIGN 3). */
#pragma once

#include "type.h"

typedef struct Kind Kind;
typedef struct Row Row;

/* What changing the field costs (EN-22), least first: the label of a change is the highest of its fields. */
typedef enum {
    LABEL_NONE,       /* stored only: nothing on the host depends on it */
    LABEL_LIVE,       /* changed in place */
    LABEL_NEXT_START, /* stored now, in force at the next start */
    LABEL_RESTART,    /* in force after a restart of the instance */
    LABEL_REBUILD,    /* new root, volumes and MAC kept */
    LABEL_REPLACE,    /* the object is deleted and made anew */
    LABEL_BLOCKED,    /* cannot be changed at all */
    LABEL_MAX
} Label;

const char *label_to_string(Label label);
/* The reverse; LABEL_NONE for any other word. */
Label label_from_string(const char *word);

/* Where a row applies. 0 means everywhere; otherwise any of the bits that fit the object's variant. */
typedef enum {
    ON_CONTAINER = 1 << 0,
    ON_VM = 1 << 1,
    ON_BRIDGE = 1 << 2, /* network types */
    ON_OVN = 1 << 3,
    ON_MACVLAN = 1 << 4,
    ON_SRIOV = 1 << 5,
    ON_PHYSICAL = 1 << 6,
    ON_DIR = 1 << 7, /* storage drivers */
    ON_BTRFS = 1 << 8,
    ON_LVM = 1 << 9,
    ON_ZFS = 1 << 10,
    ON_CEPH = 1 << 11,
    ON_CEPHFS = 1 << 12,
} Applies;

typedef enum {
    ROW_REQUIRED = 1 << 0,
    ROW_GENERATED = 1 << 1,   /* drawn once when not given, then durable (MAC, subnet, uuid) */
    ROW_RUNTIME = 1 << 2,     /* observed only; never stored, never drift */
    ROW_SECRET = 1 << 3,      /* masked in every output */
    ROW_UNSUPPORTED = 1 << 4, /* no driver of this build honours it: refused by name at plan time */
    ROW_META = 1 << 5,        /* berth's own (state, protect, labels, ...), not of LXD's objects */
    ROW_LOCAL = 1 << 6,       /* one value per cluster member */
    ROW_SHORT = 1 << 7,       /* an object that files may also write as one text */
    ROW_SEALED = 1 << 12,     /* free text that may hold a secret of EN-05 */
} RowFlags;

struct Row {
    /* The key. One '*' stands for a part of its own: "user.*", "bgp.peers.*.address", "volatile.*.hwaddr". It matches one or
     * more characters, dots among them (device names may hold dots). */
    const char *key;
    const Type *type;
    const char *fallback;       /* default as written in the manual, NULL when none */
    gint64 min, max;            /* bounds for TYPE_INT and lengths; both 0 means none */
    const char *const *values;  /* enum values, NULL-terminated */
    const Row *fields;          /* rows of a nested object (TYPE_OBJECT), ended by a row with key NULL */
    guint applies;              /* Applies bits */
    Label label;
    const char *ref;            /* name of the kind that the value (or each of its items) names; NULL when none */
    const char *merge_key;      /* for lists of objects: the member that identifies an item */
    guint flags;                /* RowFlags */
    const char *summary;        /* one line */
    const char *spec_id;        /* the row of the specification, e.g. "I-121" */
};

/* The row of `rows` (ended by key NULL) that matches `key`: an exact one, else the longest pattern. NULL when none. */
const Row *row_find(const Row *rows, const char *key);

/* The nearest exact key or pattern by edit distance, for 'did you mean'; NULL when nothing is near. */
const char *row_nearest(const Row *rows, const char *key);
