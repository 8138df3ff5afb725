#include "command.h"

#include <string.h>

#define CHOOSE (OPTIONS_LABELS | OPTIONS_SINCE)
#define CHANGE (OPTIONS_SELECT | OPTIONS_LABELS | OPTIONS_SET | OPTIONS_PRUNE | OPTIONS_POLICY)

static const Command state_commands[] = {
    {"validate", "[PATH...]", "Check state files without touching the host",
     "Reads the files, checks every key, value and reference, and names all mistakes at once with "
     "their "
     "file, line and column. Needs no root and no host.\n\n"
     "Keys that are valid but that this build cannot put in force are remarks here and errors in "
     "plan and "
     "apply.",
     "text|json", OPTIONS_INPUT | OPTIONS_VARS | OPTIONS_VALIDATE | OPTIONS_FORMAT, 0, -1, FALSE,
     command_validate},
    {"fmt", "[PATH...]", "Lay out state files in the usual way, comments kept",
     "Changes indentation, blanks and quotes, never a value or an order. Without -w the result is "
     "printed.",
     NULL, OPTIONS_FMT | OPTIONS_HERE, 0, -1, FALSE, command_fmt},
    {"lock", "[PATH...|update [NAME...]]", "Write down which images the names on servers mean",
     "Writes images.lock beside the files (or into the directory): for each image that is taken "
     "from "
     "a server by alias or web address, the fingerprint that is applied here, or else the one that "
     "the server has now. plan and apply then want that very image. What is locked already "
     "stays.\n\n"
     "'berth lock update NAME' asks the server again for one alias, or name of an image; without a "
     "name for all. With it, the files come from -f or are berth.yaml.",
     NULL, OPTIONS_INPUT | OPTIONS_VARS, 0, -1, FALSE, command_lock},
    {"schema", "[KIND]", "Print the JSON Schema of state files or of one kind", NULL, NULL,
     OPTIONS_HERE, 0, 1, FALSE, command_schema},
    {"doc", "KIND[.KEY]", "Explain a kind or one of its keys",
     "Prints type, default, bounds, what a change costs and a line of text for each key, for "
     "example "
     "'berth doc network' or 'berth doc instance.limits.memory'. Without an argument: the kinds.",
     NULL, OPTIONS_HERE, 0, 1, FALSE, command_doc},
    {NULL},
};

static const Command change_commands[] = {
    {"plan", "[PATH...]", "Show what apply would do, and change nothing",
     "Reads the files, looks at the host, and prints what differs and what each change costs: "
     "'live' is "
     "changed in place, 'restart' restarts the instance, 'rebuild' makes its root anew, 'replace' "
     "deletes "
     "the object and makes it anew.\n\n"
     "A plan saved with --out is carried out by 'berth apply FILE', unless the files or the host "
     "have "
     "changed in between (exit 7).\n\n"
     "--rehearse carries the same plan out on a copy of the host in memory, by the same engine: "
     "the "
     "order of the steps, their times there, and whether a plan made afterwards is empty. What "
     "does "
     "not fit fails (exit 1); the host is not touched.\n\n"
     "--refresh-only shows instead how the host differs from what is stored of the objects that "
     "the "
     "files declare or their set owns (without files: of all), and proposes no change; with "
     "--format "
     "patch as a diff from stored to running.\n\n"
     "--format patch goes the other way: a patch of the files, comments kept, that has them say "
     "what "
     "is stored.",
     "text|json|patch",
     OPTIONS_INPUT | OPTIONS_VARS | OPTIONS_PLAN | OPTIONS_FORMAT | OPTIONS_SINCE | CHANGE, 0, -1,
     FALSE, command_plan},
    {"apply", "[PATH|PLANFILE...]", "Make the host as the files say, all or nothing",
     "Shows the plan and asks before it changes anything. Then all of it is done and checked, or, "
     "if "
     "anything fails, all of it is undone. Ctrl-C undoes what was done so far.\n\n"
     "With -y nothing is asked; what would delete and remake an object or its root then stays "
     "undone "
     "(exit 10) unless --allow-replace names it.\n\n"
     "With --wait it ends when what was changed or declared is ready: pools mounted; networks up "
     "with their addresses, DHCP and DNS; instances running, each NIC on a network that gives "
     "addresses with one. An instance that ended by itself with status 0 is ready "
     "(the next apply runs it again); one that "
     "crashed "
     "ends the wait at once. What is not ready is named (exit 6), and the changes stay. Not waited "
     "for: cloud-init, 'ready' of the guest API, and programs that probe.",
     "text|json|jsonl",
     OPTIONS_INPUT | OPTIONS_VARS | CHANGE | OPTIONS_SINCE | OPTIONS_APPLY | OPTIONS_CONFIRM |
         OPTIONS_FORMAT,
     0, -1, FALSE, command_apply},
    {"confirm", "N", "Keep what an apply with --confirm-within did",
     "N is the generation that the apply printed. Until then its objects cannot be changed "
     "otherwise, and nothing that it deleted is gone for good.",
     NULL, 0, 1, 1, FALSE, command_confirm},
    {"revert", "N", "Take back an apply that waits for its confirmation",
     "It happens by itself at the deadline, whatever became of the one who applied: by the daemon, "
     "by the service berth-revert or the process that the apply left behind, or by the next berth "
     "that writes. Without a daemon, 'systemctl enable berth-revert.service' has it happen after a "
     "reboot too.",
     "text|json|jsonl", OPTIONS_APPLY | OPTIONS_DUE | OPTIONS_FORMAT, 0, 1, FALSE, command_revert},
    {"env", "up|renew|list|down|leaks",
     "Many copies of the same files side by side, each with a lease",
     "'berth env up --name NAME [PATH...]' makes an environment: a project of its own with what "
     "the "
     "files declare, networks and pools under names of their own, subnets that are free. 'renew "
     "NAME --ttl DURATION' moves the end of its lease, 'down NAME...' deletes it with everything "
     "in "
     "it, 'list' lists them. Leases end by themselves: by the daemon, or, without one, by the "
     "service berth-revert or a process that is left behind, which does not outlive a reboot; "
     "'down --expired' ends those that nobody did.\n\n"
     "'leaks' compares what is on the host with what was there when 'leaks --save' was called, and "
     "exits 2 when there is anything more.",
     "text|table|json|jsonl|yaml|csv",
     OPTIONS_ENV | OPTIONS_VARS | OPTIONS_POLICY | OPTIONS_APPLY | OPTIONS_FORMAT, 1, -1, FALSE,
     command_env},
    {"bundle", "create|verify|apply FILE [PATH...]",
     "Configuration and images in one file, for hosts without a network",
     "'berth bundle create FILE [PATH...]' puts the state files, all that they include, values of "
     "variables and the files of their images into one file; --sign adds a signature. The same "
     "input makes the same bytes. References to secrets stay references. Images of servers are "
     "taken from the store of this host.\n\n"
     "'verify FILE' compares every digest and names what differs. 'apply FILE' does that, and then "
     "what apply does with files. Give both --key, or nobody has checked who made the bundle. The "
     "set is named by --set, else by the path of the bundle. Variables can be given other values "
     "with --var, but images are those that are in the bundle.",
     "text|json|jsonl",
     OPTIONS_BUNDLE | OPTIONS_VARS | CHANGE | OPTIONS_APPLY | OPTIONS_CONFIRM | OPTIONS_FORMAT, 1,
     -1, FALSE, command_bundle},
    {"destroy", "[PATH...]", "Delete the objects that the files declare",
     "The same way as apply, with deletions. The default project and the default profile always "
     "exist: they "
     "are reset. With --all everything that berth keeps goes.",
     "text|json|jsonl",
     OPTIONS_INPUT | OPTIONS_VARS | OPTIONS_ALL | OPTIONS_SELECT | CHOOSE | OPTIONS_SET |
         OPTIONS_POLICY | OPTIONS_APPLY | OPTIONS_FORMAT,
     0, -1, FALSE, command_destroy},
    {"drift", "[OBJ...]", "Show where the host is no longer as it was applied",
     "Only looks. For each field that differs: what its source declares, or files want of a held "
     "field (desired), what is stored, and what runs; since when, as far as the daemon has "
     "noticed; what a change costs; and what "
     "is "
     "done about it. 'edited' was changed over the API and not in its source; 'pending' waits for "
     "a "
     "restart, and is no drift. Exit 2 when there is drift, 0 when there is none.\n\n"
     "Files that were applied by hand are not read: of what they declared, desired is what is "
     "stored, and 'berth plan FILE' shows where the files say something else.\n\n"
     "--as-patch shows instead where what is stored is no longer as the files of its source say, "
     "as "
     "a patch of these files.",
     "text|json", OPTIONS_FORMAT | OPTIONS_DRIFT | CHOOSE, 0, -1, FALSE, command_drift},
    {"init", "--preseed|--dump", "Apply or print an LXD preseed",
     "--preseed reads the document from standard input and applies it without asking: each object "
     "that it "
     "names is replaced as a whole, what it does not name stays, and after a failure all is as "
     "before.",
     "text|json|jsonl", OPTIONS_INIT | OPTIONS_FORMAT, 0, 0, FALSE, command_init},
    {NULL},
};

static const Command look_commands[] = {
    {"status", "[OBJ...]", "Show how the objects are",
     "With -w it goes on until it is interrupted, and prints again whenever something changes; "
     "with "
     "--format jsonl each change is a line of its own.",
     "table|json|jsonl|yaml|csv", OPTIONS_WATCH | OPTIONS_FORMAT | CHOOSE, 0, -1, FALSE,
     command_status},
    {"get", "[KIND|OBJ...]", "List objects, or show one",
     "An object is written KIND/NAME, such as instance/web or pool/default; 'berth get instance' "
     "lists all "
     "of a kind. A single object is shown in full.",
     "table|json|yaml|csv", OPTIONS_FORMAT | CHOOSE, 0, -1, FALSE, command_get},
    {"explain", "OBJ.FIELD", "Say where the value of a field comes from",
     "For example 'berth explain instance/web.config.limits.memory': the value in force, every "
     "place that "
     "gives one, the file and line or the user and time, kept from the apply that set it, the last "
     "change, what another would cost; and of a held field by whom, until when, and what files or "
     "sources want instead.",
     "text|json", OPTIONS_FORMAT, 1, 1, FALSE, command_explain},
    {"dump", "[OBJ...]", "Print what is stored as a state file",
     "Defaults and computed keys are left out, so that a plan on the result is empty. Secrets are "
     "not "
     "printed.",
     NULL, OPTIONS_DUMP | CHOOSE, 0, -1, FALSE, command_dump},
    {"exec", "NAME -- COMMAND [ARG...]", "Run a program inside a running instance",
     "Input, output and exit status are the program's. It gets a terminal when berth has one.",
     NULL, OPTIONS_EXEC, 2, -1, TRUE, command_exec},
    {NULL},
};

static const Command history_commands[] = {
    {"history", "", "List what was applied, newest first", NULL, "table|json|yaml|csv",
     OPTIONS_LIMIT | OPTIONS_FORMAT, 0, 0, FALSE, command_history},
    {"show", "N", "Show what generation N changed", NULL, "text|json|yaml", OPTIONS_FORMAT, 1, 1,
     FALSE, command_show},
    {"diff", "N M", "Compare the generations N and M", NULL, "text|json|yaml", OPTIONS_FORMAT, 2, 2,
     FALSE, command_diff},
    {"rollback", "[N]", "Take back what generation N changed",
     "Without N: the newest one. Objects that changed again since are a conflict (exit 7) unless "
     "--force is "
     "given. Rolling back is itself a new generation.",
     "text|json|jsonl",
     OPTIONS_ROLLBACK | OPTIONS_SELECT | OPTIONS_LABELS | OPTIONS_POLICY | OPTIONS_APPLY |
         OPTIONS_FORMAT,
     0, 1, FALSE, command_rollback},
    {"adopt", "[OBJ...]", "Make a set the owner of objects, without changing them",
     "Give the objects and --set NAME, or files with -f: what they declare gets the set of the "
     "files. Labels are those that are stored; what the chosen objects need is left alone.",
     NULL, OPTIONS_INPUT | OPTIONS_VARS | OPTIONS_OWNER | OPTIONS_SELECT | OPTIONS_LABELS, 0, -1,
     FALSE, command_adopt},
    {"release", "[OBJ...]", "Give up the ownership of objects, without changing them",
     "Name them, or choose them with -l or --only; what they need is left alone.", NULL,
     OPTIONS_SELECT | OPTIONS_LABELS, 0, -1, FALSE, command_release},
    {"parked", "", "List deleted data that can still be brought back", NULL, "table|json|yaml|csv",
     OPTIONS_FORMAT, 0, 0, FALSE, command_parked},
    {"undelete", "OBJ", "Bring a deleted object back with its data", NULL, "text|json|jsonl",
     OPTIONS_APPLY | OPTIONS_FORMAT, 1, 1, FALSE, command_undelete},
    {"purge", "[OBJ]", "Delete parked data for good",
     "Without arguments: what is past its time. With --all: everything that is parked.", NULL,
     OPTIONS_ALL, 0, 1, FALSE, command_purge},
    {NULL},
};

static const Command daemon_commands[] = {
    {"wait", "OBJ", "Wait until an object is as it should be",
     "ready: as for 'apply --wait'; an instance that declares no state has to run. converged: the "
     "host shows what is stored of it. absent: it is no "
     "longer "
     "stored. condition=NAME: that condition holds. Exit 6 when the time is over, or "
     "when it cannot become ready any more.",
     NULL, OPTIONS_WAIT | OPTIONS_TIME, 1, 1, FALSE, command_wait},
    {"events", "", "Print what the daemon tells of, as it happens", NULL, "text|json|yaml",
     OPTIONS_EVENTS | OPTIONS_FORMAT, 0, 0, FALSE, command_events},
    {"remote", "list|add|switch|remove [NAME [ADDRESS|TOKEN]]",
     "Servers that commands can ask instead of this machine",
     "NAME: before an object, or alone, has a command ask that server by HTTPS: 'berth get "
     "lab:instance', 'berth apply lab: -f berth.yaml'. 'switch' makes a server the one that is "
     "asked by "
     "default; $BERTH_REMOTE goes before that. 'add' shows the server's certificate, and has it "
     "know ours "
     "by a token or its trust password.",
     "table|json|yaml|csv", OPTIONS_REMOTE | OPTIONS_FORMAT | OPTIONS_HERE, 1, 3, FALSE,
     command_remote},
    {"trust", "list|show|add|remove [FINGERPRINT|FILE]",
     "Clients that may connect from other machines",
     "A client is known by its certificate. 'add FILE' adds one; 'add --name NAME' prints a token "
     "with "
     "which a client can add its own, once.",
     "table|json|yaml|csv", OPTIONS_TRUST | OPTIONS_FORMAT, 1, 2, FALSE, command_trust},
    {"waitready", "", "Wait until the daemon answers and instances are started",
     "Exit 6 when the time is over.", NULL, OPTIONS_TIME, 0, 0, FALSE, command_waitready},
    {"activateifneeded", "", "Start the daemon by its socket if anything needs it",
     "For the service manager at boot. The daemon is needed when it listens on the network, when "
     "an "
     "instance is to run or runs, when a source is followed, drift is to be put right, a lease "
     "ends, "
     "or an apply waits for its confirmation. Otherwise nothing is started: the first client does "
     "that.",
     NULL, OPTIONS_HERE, 0, 0, FALSE, command_activateifneeded},
    {"shutdown", "", "Stop all instances and the daemon, as when the host goes down",
     "Instances come back with the daemon. Exit 6 when the time is over; the daemon goes on with "
     "it.",
     NULL, OPTIONS_SHUTDOWN | OPTIONS_TIME, 0, 0, FALSE, command_shutdown},
    {NULL},
};

static const Command source_commands[] = {
    {"source", "add|list|show|sync|suspend|resume|remove [NAME]",
     "Keep this host as a git repository or a directory says",
     "add NAME with --git URL or --directory PATH; list; show NAME; sync NAME looks now and puts "
     "in "
     "force what is wanted; suspend NAME and resume NAME; remove NAME, which leaves its objects as "
     "they are.\n\n"
     "The daemon looks at each source in its interval; without a daemon 'berth source sync NAME' "
     "does one round. A revision that is wrong, not signed or cannot be put in force leaves the "
     "last good one in force.",
     "table|json|yaml|csv", OPTIONS_SOURCE | OPTIONS_PRUNE | OPTIONS_FORMAT, 1, 2, FALSE,
     command_source},
    {"hold", "OBJ[.FIELD]", "Keep a field or an object as it is, whatever files and sources say",
     "For example 'berth hold instance/web.config.limits.memory --for 2h --reason load'. It ends "
     "by itself, and is shown in each plan that it has an effect on.",
     NULL, OPTIONS_HOLD, 1, 1, FALSE, command_hold},
    {"unhold", "OBJ[.FIELD]", "End a hold now", NULL, NULL, 0, 1, 1, FALSE, command_unhold},
    {"holds", "", "List what is held", NULL, "table|json|yaml|csv", OPTIONS_FORMAT, 0, 0, FALSE,
     command_holds},
    {NULL},
};

static const Command other_commands[] = {
    {"doctor", "", "Check whether this host has what berth needs",
     "Exit 1 when something is missing.", "text|json", OPTIONS_FORMAT | OPTIONS_HERE, 0, 0, FALSE,
     command_doctor},
    {"completion", "bash|zsh", "Print shell completion",
     "For bash: berth completion bash > /etc/bash_completion.d/berth", NULL, OPTIONS_HERE, 1, 1,
     FALSE, command_completion},
    {"version", "", "Print the version", NULL, NULL, OPTIONS_HERE, 0, 0, FALSE, command_version},
    {"help", "[COMMAND]", "Explain a command", NULL, NULL, OPTIONS_HELP | OPTIONS_HERE, 0, 1, FALSE,
     command_help},
    {NULL},
};

const CommandGroup COMMAND_GROUPS[] = {
    {"State files", state_commands},
    {"Changing the host", change_commands},
    {"Looking", look_commands},
    {"History and ownership", history_commands},
    {"With the daemon", daemon_commands},
    {"Sources", source_commands},
    {"Other", other_commands},
    {NULL, NULL},
};

const char *const COMMANDS_NOT_YET[] = {
    "config",  "console", "copy",     "create",  "delete",  "export",  "file",
    "image",   "import",  "info",     "launch",  "list",    "monitor", "move",
    "network", "pause",   "profile",  "project", "publish", "rebuild", "rename",
    "restart", "restore", "snapshot", "start",   "stop",    "storage", NULL};

const Command *command_find(const char *name)
{
    for (const CommandGroup *group = COMMAND_GROUPS; group->title != NULL; group++)
        for (const Command *command = group->commands; command->name != NULL; command++)
            if (strcmp(command->name, name) == 0)
                return command;
    return NULL;
}

/* Edit distance of two short words; a row at a time. */
static guint word_distance(const char *a, const char *b)
{
    gsize columns = strlen(b) + 1;
    g_autofree guint *row = g_new(guint, columns);

    for (gsize j = 0; j < columns; j++)
        row[j] = (guint)j;
    for (gsize i = 0; a[i] != '\0'; i++) {
        guint corner = row[0];

        row[0] = (guint)i + 1;
        for (gsize j = 1; j < columns; j++) {
            guint above = row[j];

            row[j] = MIN(MIN(above, row[j - 1]) + 1, corner + (a[i] != b[j - 1]));
            corner = above;
        }
    }
    return row[columns - 1];
}

const char *command_nearest(const char *name)
{
    const char *nearest = NULL;
    guint least = 3;

    if (strlen(name) > 32)
        return NULL;
    for (const CommandGroup *group = COMMAND_GROUPS; group->title != NULL; group++)
        for (const Command *command = group->commands; command->name != NULL; command++) {
            guint distance = word_distance(name, command->name);

            if (distance < least && distance < strlen(name)) {
                least = distance;
                nearest = command->name;
            }
        }
    return nearest;
}
