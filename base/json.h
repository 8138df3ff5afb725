/* Small helpers over jansson that the whole tree needs: owning pointers, lookups by path, one line
 * of text. */
#pragma once

#include <glib.h>
#include <jansson.h>

/* g_autoptr(json_t) owns one reference. */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(json_t, json_decref)

/* A key as one part of a '/'-separated path: '%' and '/' escaped as in URLs. Newly allocated. */
char *json_path_part(const char *key);

/* The parts of a path, unescaped. Newly allocated (g_strfreev). */
char **json_path_split(const char *path);

/* A path for people: its parts with dots between. Newly allocated. */
char *json_path_shown(const char *path);

/* Value at a path of json_path_part()s below `root`, borrowed; NULL when any part is missing. */
json_t *json_at(const json_t *root, const char *path);

/* Puts a copy of `value` at a path below `root`, with objects on the way; NULL takes what is there
 * out. FALSE when something on the way is no object. */
gboolean json_put_at(json_t *root, const char *path, const json_t *value);

/* String at `path`, borrowed, or NULL when it is missing or no string. */
const char *json_string_at(const json_t *root, const char *path);

/* String member `key` of an object, borrowed, or NULL. The key may hold any character. */
const char *json_member_string(const json_t *object, const char *key);

/* Whether a list has this string. */
gboolean json_has_text(const json_t *list, const char *text);

/* Compact text with sorted keys: equal values give equal bytes. Newly allocated (g_free). */
char *json_text(const json_t *value);

/* SHA-256 in hex of json_text(value). Newly allocated. */
char *json_digest(const json_t *value);
/* Whether a text (may be NULL) is a SHA-256 as json_digest and fingerprints write it. */
gboolean json_is_digest(const char *text);

/* Keys of an object, sorted by bytes. The keys are borrowed from the object. */
GPtrArray *json_sorted_keys(const json_t *object);

/* From now on what jansson frees is overwritten first: requests to helpers hold secrets (EN-05). To
 * be called before anything else uses jansson. */
void json_wipe_freed(void);
