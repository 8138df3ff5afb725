/* The table of commands: name, help, options and function of each. Dispatch, help, man page and
 * completion are read from it. */
#pragma once

#include "arguments.h"
#include "backend.h"
#include "progress.h"

typedef struct Cli Cli;

/* Runs a command. FALSE with an error ends the program with the error's exit status; with TRUE it
 * is cli->status. */
typedef gboolean (*CommandFunction)(Cli *cli, GError **error);

typedef struct {
    const char *name;
    const char *arguments; /* what follows the options: "OBJ.FIELD" */
    const char *summary;   /* one line */
    const char *details;   /* paragraphs, parted by empty lines; NULL: none */
    const char *formats;   /* "table|json": values of --format, the default first; NULL: none */
    guint64 options;       /* OptionSets */
    int min, max;          /* how many words it takes; max -1: any number */
    gboolean posix;        /* options end at the first word */
    CommandFunction run;
} Command;

typedef struct {
    const char *title;
    const Command *commands; /* ended by name NULL */
} CommandGroup;

/* All groups in the order of help, ended by title NULL. */
extern const CommandGroup COMMAND_GROUPS[];

/* Names that later builds know: refused as such, not as a typo. NULL-terminated. */
extern const char *const COMMANDS_NOT_YET[];

/* One run of the program. */
struct Cli {
    const Command *command;
    Arguments *args;
    char **words;         /* what is left after the options */
    char *remote;         /* that NAME: named; NULL */
    char *default_remote; /* that is asked when none is named; NULL: not looked up yet */
    Backend *backend;     /* once cli_open was called */
    Progress *progress;   /* as long as the backend */
    json_t *changed;      /* of --changed-since: [KEY]; NULL without */
    json_t *policies;     /* of --policy: {NAME: body}; NULL without */
    int status;           /* exit status of a command that did not fail */
};

const Command *command_find(const char *name); /* NULL when there is none */
/* The nearest name by its letters, for 'did you mean'; NULL when nothing is near. */
const char *command_nearest(const char *name);

/* Makes cli->backend for the state directory (--dir, $BERTH_DIR, /var/lib/berth); made already is
 * success. */
gboolean cli_open(Cli *cli, BackendFlags flags, GError **error);
/* Makes another one in its place: one that writes keeps others from it. */
gboolean cli_reopen(Cli *cli, BackendFlags flags, GError **error);
/* Until something may have changed (backend_wait), or after so many seconds, at least 1; never
 * busy, not even when nobody reads what is printed. */
gboolean cli_pause(Cli *cli, guint seconds, GError **error);
/* The same as cli_open, and its model, borrowed; NULL with an error. */
const Snapshot *cli_model(Cli *cli, BackendFlags flags, GError **error);
/* What a command that changes something unless --dry-run has to ask for. */
BackendFlags cli_writes(const Cli *cli);
/* The server to ask; NULL: this machine. Borrowed. The list of remotes is read only when nothing
 * else says which. */
gboolean cli_remote(Cli *cli, const char **ret, GError **error);
/* Refuses a server that was named: `what` reads this machine's state directory. */
gboolean cli_only_here(Cli *cli, const char *what, GError **error);
/* Takes NAME: off the words of a command that asks servers. */
gboolean cli_take_remote(Cli *cli, GError **error);
/* The state directory, absolute. Newly allocated. */
char *cli_directory(const Cli *cli);
/* --project or "default". */
const char *cli_project(const Cli *cli);
/* TRUE when --format is `name`, or `name` is the command's default and none was given. */
gboolean cli_format_is(const Cli *cli, const char *name);
/* The format of a list: --format or "table". */
const char *cli_list_format(const Cli *cli);
/* -l as one text for selector.h; NULL without. Newly allocated. */
char *cli_selector(const Cli *cli);
/* Drops from `keys` (of stored objects) what -l, --changed-since, --only and --exclude leave out. A
 * name of theirs that is not stored is ERR_NOT_FOUND. */
gboolean cli_filter_keys(Cli *cli, GPtrArray *keys, GError **error);
/* Keys of the stored objects that the command's words name and those options leave, in key order;
 * all of --project, or of every project, without words. Opens the backend for reading. */
GPtrArray *cli_chosen_keys(Cli *cli, GError **error);
/* The same as borrowed objects. */
GPtrArray *cli_chosen_objects(Cli *cli, GError **error);
void cli_clear(Cli *cli);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Cli, cli_clear)

/* Texts made from the table; newly allocated. */
char *help_all(void);
char *help_command(const Command *command);
char *help_man(void);
char *help_completion_bash(void);
char *help_completion_zsh(void);

/* The commands, one file each group. */
gboolean command_validate(Cli *cli, GError **error);
gboolean command_fmt(Cli *cli, GError **error);
gboolean command_lock(Cli *cli, GError **error);
gboolean command_schema(Cli *cli, GError **error);
gboolean command_doc(Cli *cli, GError **error);
gboolean command_plan(Cli *cli, GError **error);
gboolean command_apply(Cli *cli, GError **error);
gboolean command_destroy(Cli *cli, GError **error);
gboolean command_drift(Cli *cli, GError **error);
gboolean command_status(Cli *cli, GError **error);
gboolean command_get(Cli *cli, GError **error);
gboolean command_explain(Cli *cli, GError **error);
gboolean command_dump(Cli *cli, GError **error);
gboolean command_adopt(Cli *cli, GError **error);
gboolean command_release(Cli *cli, GError **error);
gboolean command_history(Cli *cli, GError **error);
gboolean command_show(Cli *cli, GError **error);
gboolean command_diff(Cli *cli, GError **error);
gboolean command_rollback(Cli *cli, GError **error);
gboolean command_parked(Cli *cli, GError **error);
gboolean command_undelete(Cli *cli, GError **error);
gboolean command_purge(Cli *cli, GError **error);
gboolean command_source(Cli *cli, GError **error);
gboolean command_hold(Cli *cli, GError **error);
gboolean command_unhold(Cli *cli, GError **error);
gboolean command_holds(Cli *cli, GError **error);
gboolean command_init(Cli *cli, GError **error);
gboolean command_env(Cli *cli, GError **error);
gboolean command_bundle(Cli *cli, GError **error);
gboolean command_confirm(Cli *cli, GError **error);
gboolean command_revert(Cli *cli, GError **error);
gboolean command_exec(Cli *cli, GError **error);
gboolean command_doctor(Cli *cli, GError **error);
gboolean command_trust(Cli *cli, GError **error);
gboolean command_remote(Cli *cli, GError **error);
gboolean command_wait(Cli *cli, GError **error);
gboolean command_events(Cli *cli, GError **error);
gboolean command_activateifneeded(Cli *cli, GError **error);
gboolean command_waitready(Cli *cli, GError **error);
gboolean command_shutdown(Cli *cli, GError **error);
gboolean command_version(Cli *cli, GError **error);
gboolean command_help(Cli *cli, GError **error);
gboolean command_completion(Cli *cli, GError **error);
