#include "arguments.h"

#include "error.h"

/* GOptionEntry tables need constant addresses, so the record is static; everything else gets it as
 * a pointer. */
static Arguments record = {.limit = 20};

static const GOptionEntry common_entries[] = {
    {"help", 'h', 0, G_OPTION_ARG_NONE, &record.help, "Show this help", NULL},
    {"dir", 0, 0, G_OPTION_ARG_FILENAME, &record.dir,
     "State directory (default: $BERTH_DIR, else /var/lib/berth)", "DIR"},
    {"project", 0, 0, G_OPTION_ARG_STRING, &record.project,
     "Project of objects that name none (default: default)", "NAME"},
    {"local", 0, 0, G_OPTION_ARG_NONE, &record.local,
     "Work on the state directory in this process, even when a daemon listens", NULL},
    {"quiet", 'q', 0, G_OPTION_ARG_NONE, &record.quiet, "Say nothing but errors and data", NULL},
    {"verbose", 'v', 0, G_OPTION_ARG_NONE, &record.verbose, "Say more: every step, every remark",
     NULL},
    {"no-input", 0, 0, G_OPTION_ARG_NONE, &record.no_input, "Never ask anything", NULL},
    {NULL},
};

static const GOptionEntry format_entries[] = {
    {"format", 0, 0, G_OPTION_ARG_STRING, &record.format, "How to print the data", "FORMAT"},
    {NULL},
};

static const GOptionEntry input_entries[] = {
    {"file", 'f', 0, G_OPTION_ARG_FILENAME_ARRAY, &record.files,
     "State file, directory of them, or - for standard input; may be given again (default: "
     "berth.yaml)",
     "PATH"},
    {NULL},
};

static const GOptionEntry vars_entries[] = {
    {"var", 0, 0, G_OPTION_ARG_STRING_ARRAY, &record.vars,
     "Value of a variable that the files declare; may be given again", "NAME=VALUE"},
    {"var-file", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &record.var_files,
     "YAML file of names and values of variables, over which --var wins; may be given again",
     "FILE"},
    {NULL},
};

static const GOptionEntry select_entries[] = {
    {"only", 0, 0, G_OPTION_ARG_STRING_ARRAY, &record.only,
     "Only these objects and what they need, such as instance/web or 'instance/*'; may be given "
     "again",
     "OBJ"},
    {"target", 0, G_OPTION_FLAG_HIDDEN, G_OPTION_ARG_STRING_ARRAY, &record.only, "Same as --only",
     "OBJ"},
    {"exclude", 0, 0, G_OPTION_ARG_STRING_ARRAY, &record.exclude,
     "Leave these objects alone; may be given again", "OBJ"},
    {NULL},
};

static const GOptionEntry labels_entries[] = {
    {"selector", 'l', 0, G_OPTION_ARG_STRING_ARRAY, &record.selectors,
     "Only objects with these labels: a=b, a!=b, a, !a, 'a in (b,c)', 'a notin (b,c)', joined by "
     "commas",
     "LABELS"},
    {NULL},
};

static const GOptionEntry since_entries[] = {
    {"changed-since", 0, 0, G_OPTION_ARG_STRING, &record.changed_since,
     "Only objects that changed since this generation (a number) or git revision", "REV"},
    {NULL},
};

static const GOptionEntry set_entries[] = {
    {"set", 0, 0, G_OPTION_ARG_STRING, &record.set,
     "Name of this set of objects, their owner (default: the first path)", "NAME"},
    {"adopt", 0, 0, G_OPTION_ARG_NONE, &record.adopt, "Take over objects that another set owns",
     NULL},
    {NULL},
};

static const GOptionEntry prune_entries[] = {
    {"prune", 0, 0, G_OPTION_ARG_NONE, &record.prune,
     "Delete what this set declared before and no longer declares", NULL},
    {"refresh", 0, 0, G_OPTION_ARG_NONE, &record.refresh,
     "Ask the image servers whether they have newer images than those that are here, and say so",
     NULL},
    {"new-image", 0, 0, G_OPTION_ARG_STRING_ARRAY, &record.new_image,
     "Make these instances, or 'all' that are declared, anew from what their image is now, where "
     "that is another one than they were made from; it is a rebuild, see --allow-replace",
     "OBJ"},
    {NULL},
};

static const GOptionEntry policy_entries[] = {
    {"allow-replace", 0, 0, G_OPTION_ARG_STRING_ARRAY, &record.allow_replace,
     "Allow deleting and making anew of these objects, or 'all'; without it, -y leaves them as "
     "they are",
     "OBJ"},
    {"allow-restart", 0, 0, G_OPTION_ARG_STRING_ARRAY, &record.allow_restart,
     "Allow restarts of these instances alone, or 'none' (default: all)", "OBJ"},
    {"no-park", 0, 0, G_OPTION_ARG_STRING_ARRAY, &record.no_park,
     "Delete the data of these objects, or 'all', for good as soon as it goes, instead of moving "
     "it "
     "aside until all is well",
     "OBJ"},
    {"policy", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &record.policies,
     "Refuse what the policies in this state file do not allow; may be given again", "FILE"},
    {NULL},
};

static const GOptionEntry apply_entries[] = {
    {"yes", 'y', 0, G_OPTION_ARG_NONE, &record.yes, "Do not ask before changing anything", NULL},
    {"auto-approve", 0, G_OPTION_FLAG_HIDDEN, G_OPTION_ARG_NONE, &record.yes, "Same as --yes",
     NULL},
    {"dry-run", 0, 0, G_OPTION_ARG_NONE, &record.dry_run, "Show the plan and change nothing", NULL},
    {"keep-going", 0, 0, G_OPTION_ARG_NONE, &record.keep_going,
     "Keep the objects that do not depend on a failed one", NULL},
    {"timeout", 0, 0, G_OPTION_ARG_STRING, &record.timeout,
     "Undo everything when it takes longer; with --wait: wait no longer, counted from the start",
     "DURATION"},
    {"wait", 0, 0, G_OPTION_ARG_NONE, &record.wait,
     "Wait until what was changed is ready; exit 6 when it is not within --timeout (5m)", NULL},
    {"no-wait", 0, G_OPTION_FLAG_REVERSE, G_OPTION_ARG_NONE, &record.wait, "Do not wait (default)",
     NULL},
    {"park-for", 0, 0, G_OPTION_ARG_STRING, &record.park_for,
     "How long deleted data can be brought back by undelete (default: not at all)", "DURATION"},
    {"parallel", 0, 0, G_OPTION_ARG_INT, &record.parallel,
     "Steps side by side (default: by the number of CPUs)", "N"},
    {"no-wait-lock", 0, 0, G_OPTION_ARG_NONE, &record.no_wait_lock,
     "Fail at once (exit 9) when another berth is at work here", NULL},
    {NULL},
};

static const GOptionEntry plan_entries[] = {
    {"out", 0, 0, G_OPTION_ARG_FILENAME, &record.out, "Save the plan, for 'berth apply FILE'",
     "FILE"},
    {"detailed-exitcode", 0, 0, G_OPTION_ARG_NONE, &record.detailed_exitcode,
     "Exit 2 when there is something to change", NULL},
    {"rehearse", 0, 0, G_OPTION_ARG_NONE, &record.rehearse,
     "Carry the plan out on a copy of the host in memory, and show each step, its time there, and "
     "what fails",
     NULL},
    {"refresh-only", 0, 0, G_OPTION_ARG_NONE, &record.refresh_only,
     "Show only how the host differs from what is stored, and propose nothing", NULL},
    {NULL},
};

static const GOptionEntry validate_entries[] = {
    {"stored", 0, 0, G_OPTION_ARG_NONE, &record.stored,
     "References may also name what is stored on this host", NULL},
    {NULL},
};

static const GOptionEntry fmt_entries[] = {
    {"write", 'w', 0, G_OPTION_ARG_NONE, &record.write, "Write the files instead of printing",
     NULL},
    {"check", 0, 0, G_OPTION_ARG_NONE, &record.check,
     "Print the names of files that are not laid out so, and exit 1 when there are any", NULL},
    {NULL},
};

static const GOptionEntry all_entries[] = {
    {"all", 0, 0, G_OPTION_ARG_NONE, &record.all, "Everything that is stored", NULL},
    {NULL},
};

static const GOptionEntry dump_entries[] = {
    {"output", 'o', 0, G_OPTION_ARG_FILENAME, &record.output_directory,
     "Write one file per kind into this directory", "DIR"},
    {NULL},
};

static const GOptionEntry owner_entries[] = {
    {"set", 0, 0, G_OPTION_ARG_STRING, &record.set, "Name of the set that becomes the owner",
     "NAME"},
    {NULL},
};

static const GOptionEntry rollback_entries[] = {
    {"to", 0, 0, G_OPTION_ARG_NONE, &record.to,
     "Back to how all was after generation N; with --source only what that source owns", NULL},
    {"source", 0, 0, G_OPTION_ARG_STRING, &record.source,
     "Without N: the last generation of this source, such as file:NAME or api", "SOURCE"},
    {"force", 0, 0, G_OPTION_ARG_NONE, &record.force, "Also revert fields that changed again since",
     NULL},
    {NULL},
};

static const GOptionEntry limit_entries[] = {
    {"limit", 'n', 0, G_OPTION_ARG_INT, &record.limit,
     "How many, newest first (default: 20; 0: all)", "N"},
    {NULL},
};

static const GOptionEntry init_entries[] = {
    {"preseed", 0, 0, G_OPTION_ARG_NONE, &record.preseed,
     "Apply an LXD preseed read from standard input, without asking", NULL},
    {"plan", 0, 0, G_OPTION_ARG_NONE, &record.plan,
     "With --preseed: show the plan and change nothing", NULL},
    {"dump", 0, 0, G_OPTION_ARG_NONE, &record.dump, "Print the present configuration as a preseed",
     NULL},
    {"auto", 0, 0, G_OPTION_ARG_NONE, &record.automatic, "Set up with defaults (not in this build)",
     NULL},
    {NULL},
};

static const GOptionEntry exec_entries[] = {
    {"force-interactive", 't', 0, G_OPTION_ARG_NONE, &record.terminal,
     "Give the program a terminal", NULL},
    {"force-noninteractive", 'T', 0, G_OPTION_ARG_NONE, &record.no_terminal,
     "Give the program no terminal", NULL},
    {"env", 0, 0, G_OPTION_ARG_STRING_ARRAY, &record.env,
     "Set a variable of the program; may be given again", "NAME=VALUE"},
    {"cwd", 0, 0, G_OPTION_ARG_STRING, &record.cwd, "Directory inside the instance to start in",
     "DIR"},
    {NULL},
};

static const GOptionEntry watch_entries[] = {
    {"watch", 'w', 0, G_OPTION_ARG_NONE, &record.watch,
     "Go on, and print again whenever something changes", NULL},
    {NULL},
};

static const GOptionEntry env_entries[] = {
    {"name", 0, 0, G_OPTION_ARG_STRING, &record.name, "up: name of the environment", "NAME"},
    {"ttl", 0, 0, G_OPTION_ARG_STRING, &record.ttl,
     "up, renew: how long it may live, such as 2h (default: for ever)", "DURATION"},
    {"owner", 0, 0, G_OPTION_ARG_STRING, &record.lease_owner,
     "up: who has it, such as the number of a CI job; nobody else can change it", "TEXT"},
    {"expired", 0, 0, G_OPTION_ARG_NONE, &record.expired, "down: all whose lease has ended", NULL},
    {"baseline", 0, 0, G_OPTION_ARG_FILENAME, &record.baseline,
     "leaks: compare with this (default: baseline.json in the state directory)", "FILE"},
    {"save", 0, 0, G_OPTION_ARG_NONE, &record.save, "leaks: save what is there now as the baseline",
     NULL},
    {NULL},
};

static const GOptionEntry bundle_entries[] = {
    {"sign", 0, 0, G_OPTION_ARG_FILENAME, &record.sign,
     "create: sign with this private key (Ed25519, PEM)", "KEY.pem"},
    {"key", 0, 0, G_OPTION_ARG_FILENAME, &record.key,
     "verify, apply: refuse what is not signed by the owner of this public key", "PUB.pem"},
    {NULL},
};

static const GOptionEntry confirm_entries[] = {
    {"confirm-within", 0, 0, G_OPTION_ARG_STRING, &record.confirm_within,
     "Take everything back after this time unless 'berth confirm' comes first", "DURATION"},
    {NULL},
};

static const GOptionEntry due_entries[] = {
    {"when-due", 0, G_OPTION_FLAG_HIDDEN, G_OPTION_ARG_NONE, &record.when_due,
     "Wait for the deadlines of all that waits", NULL},
    {NULL},
};

static const GOptionEntry events_entries[] = {
    {"follow", 'f', 0, G_OPTION_ARG_NONE, &record.follow,
     "Go on until interrupted (events are never stored, so that there is nothing else to show)",
     NULL},
    {"type", 0, 0, G_OPTION_ARG_STRING_ARRAY, &record.types,
     "Only these: lifecycle, operation or logging; may be given again", "TYPE"},
    {NULL},
};

static const GOptionEntry wait_entries[] = {
    {"for", 0, 0, G_OPTION_ARG_STRING, &record.condition,
     "What to wait for: ready, converged, absent, or condition=NAME (default: ready)", "WHAT"},
    {NULL},
};

static const GOptionEntry remote_entries[] = {
    {"accept-certificate", 0, 0, G_OPTION_ARG_NONE, &record.accept_certificate,
     "Accept the server's certificate without asking", NULL},
    {"password", 0, 0, G_OPTION_ARG_STRING, &record.password, "The server's trust password",
     "PASSWORD"},
    {NULL},
};

static const GOptionEntry trust_entries[] = {
    {"name", 0, 0, G_OPTION_ARG_STRING, &record.name,
     "What the client is called; without a file: make a token for it", "NAME"},
    {NULL},
};

static const GOptionEntry time_entries[] = {
    {"timeout", 0, 0, G_OPTION_ARG_STRING, &record.timeout, "Give up after this time (exit 6)",
     "DURATION"},
    {NULL},
};

static const GOptionEntry shutdown_entries[] = {
    {"force", 0, 0, G_OPTION_ARG_NONE, &record.force, "Do not wait for operations under way", NULL},
    {NULL},
};

static const GOptionEntry source_entries[] = {
    {"git", 0, 0, G_OPTION_ARG_STRING, &record.git,
     "add: a git repository, by https, ssh or a path of this host", "URL"},
    {"directory", 0, 0, G_OPTION_ARG_FILENAME, &record.directory, "add: a directory of this host",
     "PATH"},
    {"path", 0, 0, G_OPTION_ARG_STRING, &record.path,
     "add: folder or file inside the repository (default: all of it)", "PATH"},
    {"ref", 0, 0, G_OPTION_ARG_STRING, &record.ref,
     "add: branch, tag or commit (default: the repository's default branch)", "REF"},
    {"interval", 0, 0, G_OPTION_ARG_STRING, &record.interval,
     "add: time between two looks (default: 5m)", "DURATION"},
    {"mode", 0, 0, G_OPTION_ARG_STRING, &record.mode,
     "add: what happens to drift: off, warn or correct (default: correct)", "MODE"},
    {"verify", 0, 0, G_OPTION_ARG_FILENAME, &record.verify,
     "add: apply only commits that are signed by one of the allowed signers in this file", "FILE"},
    {"row", 0, 0, G_OPTION_ARG_STRING_ARRAY, &record.rows,
     "add: any other field of a source (berth doc source), such as max_deletes=5; may be given "
     "again",
     "KEY=VALUE"},
    {"force", 0, 0, G_OPTION_ARG_NONE, &record.force,
     "sync: put the revision in force again, even one that was rolled back", NULL},
    {NULL},
};

static const GOptionEntry drift_entries[] = {
    {"as-patch", 0, 0, G_OPTION_ARG_NONE, &record.as_patch,
     "A patch of the files of sources that has them say what is stored", NULL},
    {NULL},
};

static const GOptionEntry hold_entries[] = {
    {"for", 0, 0, G_OPTION_ARG_STRING, &record.hold_for, "How long", "DURATION"},
    {"reason", 0, 0, G_OPTION_ARG_STRING, &record.reason, "Why, for others to see", "TEXT"},
    {NULL},
};

static const GOptionEntry help_entries[] = {
    {"man", 0, 0, G_OPTION_ARG_NONE, &record.man, "Print the manual page (roff)", NULL},
    {NULL},
};

const OptionSet OPTION_SETS[] = {
    {OPTIONS_INPUT, "Input", input_entries},
    {OPTIONS_VARS, "Variables", vars_entries},
    {OPTIONS_VALIDATE, "Checks", validate_entries},
    {OPTIONS_FMT, "Layout", fmt_entries},
    {OPTIONS_PLAN, "Plan", plan_entries},
    {OPTIONS_INIT, "What to do", init_entries},
    {OPTIONS_EXEC, "Program", exec_entries},
    {OPTIONS_ENV, "Environments", env_entries},
    {OPTIONS_BUNDLE, "Signature", bundle_entries},
    {OPTIONS_CONFIRM, "Confirmation", confirm_entries},
    {OPTIONS_DUE, "Confirmation", due_entries},
    {OPTIONS_EVENTS, "Which events", events_entries},
    {OPTIONS_WAIT, "What for", wait_entries},
    {OPTIONS_SHUTDOWN, "How", shutdown_entries},
    {OPTIONS_TIME, "How long", time_entries},
    {OPTIONS_REMOTE, "Trust", remote_entries},
    {OPTIONS_TRUST, "Client", trust_entries},
    {OPTIONS_HELP, "Other forms", help_entries},
    {OPTIONS_ALL, "All", all_entries},
    {OPTIONS_DUMP, "Files", dump_entries},
    {OPTIONS_OWNER, "Owner", owner_entries},
    {OPTIONS_ROLLBACK, "Which generation", rollback_entries},
    {OPTIONS_SOURCE, "Source", source_entries},
    {OPTIONS_HOLD, "Hold", hold_entries},
    {OPTIONS_DRIFT, "Other forms", drift_entries},
    {OPTIONS_LIMIT, "How many", limit_entries},
    {OPTIONS_WATCH, "How long", watch_entries},
    {OPTIONS_SELECT, "Selection", select_entries},
    {OPTIONS_LABELS, "Selection by labels", labels_entries},
    {OPTIONS_SINCE, "Selection by time", since_entries},
    {OPTIONS_SET, "Ownership", set_entries},
    {OPTIONS_PRUNE, "What is old", prune_entries},
    {OPTIONS_POLICY, "What is allowed", policy_entries},
    {OPTIONS_APPLY, "Carrying it out", apply_entries},
    {OPTIONS_FORMAT, "Output", format_entries},
    {0, "Common options", common_entries},
    {0, NULL, NULL},
};

Arguments *arguments(void)
{
    return &record;
}

gboolean arguments_parse(guint64 sets, gboolean posix, char ***words, GError **error)
{
    g_autoptr(GOptionContext) context = g_option_context_new(NULL);
    g_autoptr(GError) local = NULL;
    g_auto(GStrv) argv = NULL;
    guint count = g_strv_length(*words);

    g_option_context_set_help_enabled(context, FALSE);
    g_option_context_set_strict_posix(context, posix);
    for (const OptionSet *set = OPTION_SETS; set->title != NULL; set++)
        if (set->bit == 0 || (set->bit & sets) != 0)
            g_option_context_add_main_entries(context, set->entries, NULL);

    /* The parser wants a program name first. */
    argv = g_new0(char *, count + 2);
    argv[0] = g_strdup("berth");
    for (guint i = 0; i < count; i++)
        argv[i + 1] = g_strdup((*words)[i]);
    if (!g_option_context_parse_strv(context, &argv, &local))
        return error_set(error, ERR_USAGE, "%s", local->message);

    g_strfreev(*words);
    *words = g_strdupv(argv + (argv[0] != NULL ? 1 : 0));
    return TRUE;
}
