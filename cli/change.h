/* The way that every change goes: options -> plan -> shown -> asked -> carried out -> reported. */
#pragma once

#include "command.h"

/* What may be planned, as JSON, so that a saved plan can be planned again in the same way:
 *   {project, set?, only?, exclude?, prune, adopt, allow_replace?: [OBJ...], allow_restart?:
 * [OBJ...], no_park, force} `owner` (may be NULL) is the set. `asked` says that a person agrees to
 * the very plan, which allows replacing (EN-22). */
json_t *change_options(const Cli *cli, const char *owner, gboolean asked);

/* The engine's form of it. The strings are borrowed from `options`, which must live longer. */
typedef struct {
    PlanOptions plan;
} ChangeOptions;

void change_options_read(const json_t *options, ChangeOptions *ret);
void change_options_clear(ChangeOptions *options);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ChangeOptions, change_options_clear)

/* Why a plan cannot be carried out at all (refused keys, protection): FALSE with an error that
 * names each reason. */
gboolean change_check(const Plan *plan, GError **error);

/* Shows the plan, asks `question` unless --yes (NULL: never asks), carries it out and reports. With
 * --dry-run it ends after showing. Sets cli->status. `cause` is kept in the history. */
gboolean change_carry_out(Cli *cli, const Plan *plan, const char *question, const char *cause,
                          GError **error);
