/* init: LXD's preseed in and out (PS-01, PS-25). */
#include "change.h"
#include "error.h"
#include "output.h"
#include "print.h"
#include "sources.h"

static gboolean preseed(Cli *cli, GError **error)
{
    g_autoptr(GPtrArray) paths = g_ptr_array_new();
    g_autoptr(Input) input = NULL;
    g_autoptr(Proposal) proposal = NULL;

    g_ptr_array_add(paths, (char *)"-");
    input = sources_read(cli, paths, cli->args->project, NULL, error);
    cli->args->dry_run = cli->args->plan;
    if (input == NULL || !cli_open(cli, cli_writes(cli), error))
        return FALSE;
    /* A preseed has no owner of its own and never prunes (EN-43). */
    proposal = change_plan(cli, NULL, NULL, change_options(cli, "api", FALSE), input, error);
    return proposal != NULL &&
           change_carry_out(cli, proposal, FALSE, NULL, "cli init --preseed", error);
}

static gboolean dump(Cli *cli, GError **error)
{
    static const KindId kinds[] = {KIND_SERVER, KIND_PROJECT, KIND_POOL, KIND_NETWORK,
                                   KIND_PROFILE};
    g_autoptr(GPtrArray) objects = g_ptr_array_new();
    g_autofree char *text = NULL;
    const Snapshot *stored = cli_model(cli, 0, error);

    if (stored == NULL)
        return FALSE;
    for (guint i = 0; i < snapshot_size(stored); i++) {
        const Object *object = snapshot_at(stored, i);
        gboolean outside =
            *object->id.project == '\0' || g_str_equal(object->id.project, "default");

        for (guint k = 0; outside && k < G_N_ELEMENTS(kinds); k++)
            if (object->id.kind == kinds[k])
                g_ptr_array_add(objects, (gpointer)object);
    }
    text = print_objects(objects);
    output_text(text);
    return TRUE;
}

gboolean command_init(Cli *cli, GError **error)
{
    const Arguments *args = cli->args;

    if (args->preseed + args->dump + args->automatic > 1)
        return error_set(error, ERR_USAGE, "--preseed, --dump and --auto exclude each other");
    if (args->automatic)
        return error_set(
            error, ERR_USAGE,
            "init --auto is not in this build of berth; write a state file, or use --preseed");
    if (args->plan && !args->preseed)
        return error_set(error, ERR_USAGE, "--plan goes with --preseed");
    if (args->preseed)
        return preseed(cli, error);
    if (args->dump)
        return dump(cli, error);
    return error_set(error, ERR_USAGE,
                     "say --preseed or --dump: this build does not ask questions");
}
