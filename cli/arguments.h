/* What was written on the command line: one record for all commands, filled by GLib's option parser
 * from the option sets that a command takes. Help, man page and completion walk the same sets. */
#pragma once

#include <glib.h>

/* A command takes the common options and any of these sets. */
typedef enum {
    OPTIONS_FORMAT = 1 << 0,     /* --format */
    OPTIONS_INPUT = 1 << 1,      /* -f */
    OPTIONS_SELECT = 1 << 2,     /* --only, --exclude */
    OPTIONS_POLICY = 1 << 3,     /* --allow-replace, --allow-restart, --no-park, --policy */
    OPTIONS_APPLY = 1 << 4,      /* -y, --timeout, ... */
    OPTIONS_PLAN = 1 << 5,       /* --out, --detailed-exitcode, --rehearse, --refresh-only */
    OPTIONS_VALIDATE = 1 << 6,   /* --stored */
    OPTIONS_FMT = 1 << 7,        /* -w, --check */
    OPTIONS_ALL = 1 << 8,        /* --all */
    OPTIONS_DUMP = 1 << 9,       /* -o */
    OPTIONS_OWNER = 1 << 10,     /* --set alone */
    OPTIONS_ROLLBACK = 1 << 11,  /* --to, --source, --force */
    OPTIONS_LIMIT = 1 << 12,     /* -n */
    OPTIONS_INIT = 1 << 13,      /* --preseed, --plan, --dump, --auto */
    OPTIONS_EXEC = 1 << 14,      /* -t, -T, --env, --cwd */
    OPTIONS_HELP = 1 << 15,      /* --man */
    OPTIONS_SET = 1 << 16,       /* --set, --adopt */
    OPTIONS_PRUNE = 1 << 17,     /* --prune, --refresh, --new-image */
    OPTIONS_WATCH = 1 << 18,     /* -w */
    OPTIONS_VARS = 1 << 19,      /* --var, --var-file */
    OPTIONS_ENV = 1 << 20,       /* --name, --ttl, --owner, --expired, --baseline, --save */
    OPTIONS_CONFIRM = 1 << 21,   /* --confirm-within */
    OPTIONS_DUE = 1 << 22,       /* --when-due */
    OPTIONS_EVENTS = 1 << 23,    /* -f, --type */
    OPTIONS_WAIT = 1 << 24,      /* --for, --timeout */
    OPTIONS_TIME = 1 << 25,      /* --timeout alone */
    OPTIONS_SHUTDOWN = 1 << 26,  /* --force */
    OPTIONS_REMOTE = 1 << 27,    /* --accept-certificate, --password */
    OPTIONS_TRUST = 1 << 28,     /* --name */
    OPTIONS_SOURCE = 1 << 29,    /* --git, --directory, ... */
    OPTIONS_HOLD = 1 << 30,      /* --for, --reason */
    OPTIONS_DRIFT = 1u << 31,    /* --as-patch */
    OPTIONS_BUNDLE = 1ull << 32, /* --sign, --key */
    /* No options: the command asks no server, so that NAME: stays on its words. */
    OPTIONS_HERE = 1ull << 33,
    OPTIONS_LABELS = 1ull << 34, /* -l */
    OPTIONS_SINCE = 1ull << 35,  /* --changed-since */
} OptionSets;

typedef struct {
    /* common */
    gboolean help, quiet, verbose, no_input, local;
    char *dir, *project, *format;
    /* input and selection */
    char **files, **only, **exclude, **selectors;
    char *changed_since;
    char **vars, **var_files;
    /* policy */
    char *set;
    gboolean prune, adopt, refresh;
    char **allow_replace, **allow_restart, **new_image, **no_park, **policies;
    /* apply */
    gboolean yes, dry_run, keep_going, no_wait_lock, wait;
    char *timeout, *park_for;
    int parallel;
    /* of single commands */
    char *out;
    gboolean detailed_exitcode, rehearse, refresh_only, stored, write, check, all;
    char *output_directory;
    gboolean to, force;
    char *source;
    int limit;
    gboolean preseed, plan, dump, automatic;
    gboolean terminal, no_terminal;
    char **env;
    gboolean follow;
    char **types;
    char *condition;
    gboolean accept_certificate;
    char *password;
    char *cwd;
    gboolean man, watch;
    char *name, *ttl, *lease_owner, *baseline;
    gboolean expired, save, when_due;
    char *confirm_within;
    /* of sources and holds */
    char *git, *directory, *path, *ref, *interval, *mode, *verify;
    char **rows;
    char *hold_for, *reason;
    gboolean as_patch;
    char *sign, *key;
} Arguments;

/* One set of options for help texts. */
typedef struct {
    guint64 bit; /* 0: the common options */
    const char *title;
    const GOptionEntry *entries; /* ended by a NULL long name */
} OptionSet;

/* All sets, ended by title NULL; the common one is last. Their entries point into the one Arguments
 * record. */
extern const OptionSet OPTION_SETS[];

/* The record that the entries fill. Lives as long as the program. */
Arguments *arguments(void);

/* Takes the options of `sets` and the common ones out of `words` (argv without program and
 * command). `posix` stops at the first word that is no option. What is left stays in `words`.
 * ERR_USAGE on anything that is not known. */
gboolean arguments_parse(guint64 sets, gboolean posix, char ***words, GError **error);
