/* Rows of words, printed as an aligned table, CSV (RFC 4180), JSON or YAML: one way for all lists.
 */
#pragma once

#include "json.h"

typedef struct Table Table;

/* Column titles, NULL-terminated, such as "NAME". In JSON and YAML a row is an object with the
 * lower-case titles as keys. */
Table *table_new(const char *const *titles);
void table_free(Table *table);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Table, table_free)

/* Adds a row of as many strings as there are titles; NULL is an empty cell. The strings are copied.
 */
void table_add(Table *table, ...);

/* The same from a NULL-free array. */
void table_add_strv(Table *table, const char *const *cells);

/* Aligned text; titles are bold with `colour`. Empty when there are no rows. Newly allocated. */
char *table_text(const Table *table, gboolean colour);
char *table_csv(const Table *table);
json_t *table_json(const Table *table);

/* Prints data in `format` (table, csv, json, yaml) to stdout. json and yaml print `value`, the full
 * data, when it is given, and the rows when it is NULL. */
void table_print(const Table *table, const char *format, const json_t *value);

/* JSON as people read it, with a newline at the end. Newly allocated. */
char *json_pretty(const json_t *value);
