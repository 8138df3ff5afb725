/* The way that every change goes: options -> plan -> shown -> asked -> carried out -> reported. */
#pragma once

#include "command.h"

/* What the arguments allow to be planned, in the form of plan_options.h, so that a saved plan can
 * be planned again in the same way. `owner` (may be NULL) is the set. `asked` says that a person
 * agrees to the very plan, which allows replacing (EN-22). */
json_t *change_options(const Cli *cli, const char *owner, gboolean asked);

/* Plans what one member of a wish says (see wish.h): `sort` with its `value`; what `input`
 * declares, with "rehearse" or NULL. `value` and `options` are stolen. The backend is open. */
Proposal *change_plan(Cli *cli, const char *sort, json_t *value, json_t *options,
                      const Input *input, GError **error);

/* Shows the plan, asks `question` unless --yes (NULL: never asks), carries it out and reports. With
 * --dry-run it ends after showing. Sets cli->status. `cause` is kept in the history. With
 * `exactly`, and when it was asked for, nothing but this very plan is carried out. */
gboolean change_carry_out(Cli *cli, const Proposal *proposal, gboolean exactly,
                          const char *question, const char *cause, GError **error);

/* Prints a patch of files, and what it cannot say (see patch_files.h). FALSE when there is neither.
 */
gboolean change_print_patch(const char *text, const json_t *left);

/* plan --refresh-only (EN-40): how the host differs from what is stored, and no change of either.
 */
gboolean command_refresh_only(Cli *cli, GError **error);
