/* The way that every change goes: options -> plan -> shown -> asked -> carried out -> reported. */
#pragma once

#include "command.h"
#include "plan_options.h"

/* What the arguments allow to be planned, in the form of plan_options.h, so that a saved plan can
 * be planned again in the same way. `owner` (may be NULL) is the set. `asked` says that a person
 * agrees to the very plan, which allows replacing (EN-22). */
json_t *change_options(const Cli *cli, const char *owner, gboolean asked);

/* Why a plan cannot be carried out at all (refused keys, protection): FALSE with an error that
 * names each reason. */
gboolean change_check(const Plan *plan, GError **error);

/* Shows the plan, asks `question` unless --yes (NULL: never asks), carries it out and reports. With
 * --dry-run it ends after showing. Sets cli->status. `cause` is kept in the history. */
gboolean change_carry_out(Cli *cli, const Plan *plan, const char *question, const char *cause,
                          GError **error);
