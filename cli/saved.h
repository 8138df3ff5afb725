/* Plans in files (EN-21): what was planned, from which files, with which options. Carrying one out
 * plans again from the same files and refuses (exit 7) unless the plan is the same. */
#pragma once

#include "command.h"

/* Writes `path` (mode 0600: a plan holds values). `paths` must be absolute. */
gboolean saved_write(const Cli *cli, const char *path, const Proposal *proposal,
                     const GPtrArray *paths, const Input *input, const json_t *options,
                     GError **error);

/* Reads `path`. TRUE with `*ret_saved` NULL when it is something else than a saved plan. */
gboolean saved_read(const char *path, json_t **ret_saved, GError **error);

/* Plans again and compares. ERR_CONFLICT when the files or the host gave another plan.
 * `ret_input` gets what was read, which the proposal needs. */
Proposal *saved_plan(Cli *cli, const json_t *saved, Input **ret_input, GError **error);
