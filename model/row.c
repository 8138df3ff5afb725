#include "row.h"

#include <string.h>

static const char *const LABELS[LABEL_MAX] = {
    [LABEL_NONE] = "none",       [LABEL_LIVE] = "live",       [LABEL_NEXT_START] = "next-start",
    [LABEL_RESTART] = "restart", [LABEL_REBUILD] = "rebuild", [LABEL_REPLACE] = "replace",
    [LABEL_BLOCKED] = "blocked",
};

const char *label_to_string(Label label)
{
    return label < LABEL_MAX ? LABELS[label] : "none";
}

Label label_from_string(const char *word)
{
    for (guint i = 0; i < LABEL_MAX; i++)
        if (g_strcmp0(LABELS[i], word) == 0)
            return (Label)i;
    return LABEL_NONE;
}

/* What row_find needs of one table: the exact keys by hash, the few patterns longest first. Built
 * once a table, kept for good. */
typedef struct {
    GHashTable *exact;   /* char * -> const Row * */
    GPtrArray *patterns; /* of const Row * */
} Index;

static GMutex indexes_lock;
static GHashTable *indexes; /* const Row * (the table) -> Index * */

static int compare_patterns(const void *a, const void *b)
{
    const Row *left = *(const Row *const *)a;
    const Row *right = *(const Row *const *)b;
    gsize left_length = strlen(left->key), right_length = strlen(right->key);

    if (left_length != right_length)
        return left_length > right_length ? -1 : 1;
    return strcmp(left->key, right->key);
}

static Index *index_new(const Row *rows)
{
    Index *index = g_new(Index, 1);

    index->exact = g_hash_table_new(g_str_hash, g_str_equal);
    index->patterns = g_ptr_array_new();
    for (const Row *row = rows; row->key != NULL; row++) {
        if (strchr(row->key, '*') != NULL)
            g_ptr_array_add(index->patterns, (void *)row);
        else
            g_hash_table_insert(index->exact, (void *)row->key, (void *)row);
    }
    g_ptr_array_sort(index->patterns, compare_patterns);
    return index;
}

static const Index *index_of(const Row *rows)
{
    const Index *index;

    g_mutex_lock(&indexes_lock);
    if (indexes == NULL)
        indexes = g_hash_table_new(NULL, NULL);
    index = g_hash_table_lookup(indexes, rows);
    if (index == NULL) {
        index = index_new(rows);
        g_hash_table_insert(indexes, (void *)rows, (void *)index);
    }
    g_mutex_unlock(&indexes_lock);
    return index;
}

/* `pattern` holds one '*', which stands for one or more characters. */
static gboolean pattern_matches(const char *pattern, const char *key, gsize key_length)
{
    const char *star = strchr(pattern, '*');
    gsize head = (gsize)(star - pattern);
    gsize tail = strlen(star + 1);

    return key_length > head + tail && strncmp(pattern, key, head) == 0 &&
           strcmp(star + 1, key + key_length - tail) == 0;
}

const Row *row_find(const Row *rows, const char *key)
{
    const Index *index;
    const Row *row;
    gsize length;

    if (rows == NULL || key == NULL)
        return NULL;
    index = index_of(rows);
    row = g_hash_table_lookup(index->exact, key);
    if (row != NULL)
        return row;
    length = strlen(key);
    for (guint i = 0; i < index->patterns->len; i++) {
        row = g_ptr_array_index(index->patterns, i);
        if (pattern_matches(row->key, key, length))
            return row;
    }
    return NULL;
}

/* Edits (insert, delete, replace, swap of neighbours) that turn `key` into something that `pattern`
 * matches; a '*' matches anything for nothing. */
static guint distance(const char *pattern, const char *key)
{
    gsize rows = strlen(pattern), columns = strlen(key);
    g_autofree guint *table = g_new(guint, (rows + 1) * (columns + 1));
    gsize width = columns + 1;

    for (gsize j = 0; j <= columns; j++)
        table[j] = (guint)j;
    for (gsize i = 1; i <= rows; i++) {
        gboolean star = pattern[i - 1] == '*';

        table[i * width] = table[(i - 1) * width] + (star ? 0 : 1);
        for (gsize j = 1; j <= columns; j++) {
            guint best;

            if (star) {
                best = MIN(table[(i - 1) * width + j], table[i * width + j - 1]);
            } else {
                guint replace =
                    table[(i - 1) * width + j - 1] + (pattern[i - 1] == key[j - 1] ? 0 : 1);

                best = MIN(MIN(table[(i - 1) * width + j], table[i * width + j - 1]) + 1, replace);
                if (i > 1 && j > 1 && pattern[i - 1] == key[j - 2] && pattern[i - 2] == key[j - 1])
                    best = MIN(best, table[(i - 2) * width + j - 2] + 1);
            }
            table[i * width + j] = best;
        }
    }
    return table[rows * width + columns];
}

const char *row_nearest(const Row *rows, const char *key)
{
    gsize length = strlen(key);
    guint limit = length <= 4 ? 1 : MAX(2, (guint)length / 3), best = limit + 1;
    const char *nearest = NULL;
    g_autofree char *suffix = g_strconcat(".", key, NULL);

    /* Longer texts are no typos, and the table would be large. */
    if (rows == NULL || length == 0 || length > 128)
        return NULL;
    for (const Row *row = rows; row->key != NULL; row++) {
        gsize row_length = strlen(row->key);
        guint edits;

        /* "memory" or "limits.mem" for "limits.memory" is as good as a typo of one letter. */
        if (g_str_has_suffix(row->key, suffix) || (length >= 3 && g_str_has_prefix(row->key, key)))
            edits = 1;
        else
            edits = distance(row->key, key);
        /* Of a pattern only the fixed part is compared. */
        if (strchr(row->key, '*') != NULL && edits > MAX(1, (guint)(row_length - 1) / 3))
            continue;
        if (edits < best) {
            best = edits;
            nearest = row->key;
        }
    }
    return nearest;
}
