/* JSON Schema 2020-12 and reference pages printed from the rows (EN-06). */
#pragma once

#include "kind.h"

/* Schema of one kind's entry in a state file, or of a whole state file when kind is NULL. */
json_t *schema_of(const Kind *kind);

/* Reference page of a kind as Markdown: one table per group of rows. Newly allocated. */
char *schema_doc(const Kind *kind);

/* The table of honoured and refused keys per kind, as Markdown. Newly allocated. */
char *schema_support(void);

/* What `berth doc KIND.KEY` prints for one key: type, default, bounds, label, summary, spec id. `key` may be "config.K",
 * "K" or "devices.TYPE.K". NULL with ERR_NOT_FOUND naming the nearest key. Newly allocated. */
char *schema_doc_key(const Kind *kind, const char *key, GError **error);

/* The files that are printed from the rows and checked in: path below the source folder and content, in turn, as owned strings. */
GPtrArray *schema_files(void);
