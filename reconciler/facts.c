#include "facts.h"

#include <string.h>

#include "error.h"

static gboolean is_empty(const json_t *value)
{
    const char *key;
    json_t *member;

    if (value == NULL)
        return TRUE;
    if (!json_is_object(value))
        return FALSE;
    json_object_foreach ((json_t *)value, key, member) {
        if (key[0] != '$' && !is_empty(member))
            return FALSE;
    }
    return TRUE;
}

gboolean facts_equal(const json_t *a, const json_t *b)
{
    const char *key;
    json_t *member;

    if (is_empty(a) || is_empty(b))
        return is_empty(a) && is_empty(b);
    if (!json_is_object(a) || !json_is_object(b))
        return json_equal(a, b);
    json_object_foreach ((json_t *)a, key, member) {
        if (key[0] != '$' && !facts_equal(member, json_object_get(b, key)))
            return FALSE;
    }
    json_object_foreach ((json_t *)b, key, member) {
        if (key[0] != '$' && json_object_get(a, key) == NULL && !is_empty(member))
            return FALSE;
    }
    return TRUE;
}

/* How a row's path relates to a fact's: its own row, one for something below it, or neither. */
typedef enum { FIT_NONE, FIT_EXACT, FIT_BELOW } Fit;

static Fit row_fit(const FactRow *row, const char *path)
{
    g_auto(GStrv) pattern = g_strsplit(row->path, "/", -1);
    g_auto(GStrv) parts = g_strsplit(path, "/", -1);
    guint i;

    for (i = 0; parts[i] != NULL; i++) {
        if (pattern[i] == NULL ||
            (strcmp(pattern[i], "*") != 0 && strcmp(pattern[i], parts[i]) != 0))
            return FIT_NONE;
    }
    return pattern[i] == NULL ? FIT_EXACT : FIT_BELOW;
}

static const FactRow *row_at(const Driver *driver, const char *path, gboolean *ret_below)
{
    const FactRow *exact = NULL;

    *ret_below = FALSE;
    for (const FactRow *row = driver->rows; row->path != NULL; row++) {
        Fit fit = row_fit(row, path);

        if (fit == FIT_EXACT && exact == NULL)
            exact = row;
        *ret_below = *ret_below || fit == FIT_BELOW;
    }
    return exact;
}

static void change_free(gpointer data)
{
    FactChange *change = data;

    g_free(change->path);
    g_free(change);
}

static GPtrArray *union_of_keys(const json_t *a, const json_t *b)
{
    g_autoptr(json_t) all = json_object();

    if (json_is_object(a))
        json_object_update(all, (json_t *)a);
    if (json_is_object(b))
        json_object_update(all, (json_t *)b);
    {
        g_autoptr(GPtrArray) sorted = json_sorted_keys(all);
        GPtrArray *keys = g_ptr_array_new_with_free_func(g_free);

        for (guint i = 0; i < sorted->len; i++) {
            if (*(const char *)sorted->pdata[i] != '$')
                g_ptr_array_add(keys, g_strdup(sorted->pdata[i]));
        }
        return keys;
    }
}

static char *path_below(const char *path, const char *key)
{
    g_autofree char *part = json_path_part(key);

    return *path == '\0' ? g_strdup(part) : g_strdup_printf("%s/%s", path, part);
}

static gboolean diff_at(const Driver *driver, const char *path, json_t *from, json_t *to,
                        GPtrArray *changes);

static gboolean diff_members(const Driver *driver, const char *path, json_t *from, json_t *to,
                             GPtrArray *changes)
{
    g_autoptr(GPtrArray) keys = union_of_keys(from, to);

    for (guint i = 0; i < keys->len; i++) {
        const char *key = keys->pdata[i];
        json_t *before = json_object_get(from, key);
        json_t *after = json_object_get(to, key);
        g_autofree char *below = path_below(path, key);

        if (!facts_equal(before, after) && !diff_at(driver, below, before, after, changes))
            return FALSE;
    }
    return TRUE;
}

/* Adds the changes that cover the difference at `path`; FALSE (and nothing added) when no row
 * covers it. */
static gboolean diff_at(const Driver *driver, const char *path, json_t *from, json_t *to,
                        GPtrArray *changes)
{
    gboolean below;
    const FactRow *row = *path != '\0' ? row_at(driver, path, &below) : NULL;
    guint had = changes->len;
    FactChange *change;

    if (*path == '\0')
        return diff_members(driver, path, from, to, changes);
    if (below && (row == NULL || (!is_empty(from) && !is_empty(to))) &&
        diff_members(driver, path, from, to, changes))
        return TRUE;
    g_ptr_array_set_size(changes, (gint)had);
    if (row == NULL)
        return FALSE;
    change = g_new0(FactChange, 1);
    *change =
        (FactChange){row, g_strdup(path), is_empty(from) ? NULL : from, is_empty(to) ? NULL : to};
    g_ptr_array_add(changes, change);
    return TRUE;
}

static int compare_changes(const void *a, const void *b)
{
    const FactChange *left = *(const FactChange *const *)a;
    const FactChange *right = *(const FactChange *const *)b;

    if (left->row != right->row)
        return left->row < right->row ? -1 : 1;
    return strcmp(left->path, right->path);
}

GPtrArray *facts_diff(const Driver *driver, const json_t *from, const json_t *to, GError **error)
{
    g_autoptr(GPtrArray) changes = g_ptr_array_new_with_free_func(change_free);

    if (!facts_equal(from, to) && !diff_at(driver, "", (json_t *)from, (json_t *)to, changes)) {
        g_autofree char *before = json_text(from);
        g_autofree char *after = json_text(to);

        error_set(error, ERR_FAILED,
                  "no row of the %s driver covers the difference between %s and %s",
                  KINDS[driver->kind]->name, before, after);
        return NULL;
    }
    g_ptr_array_sort(changes, compare_changes);
    return g_steal_pointer(&changes);
}

GPtrArray *facts_pair(const Driver *driver, const json_t *from, const json_t *to, GError **error)
{
    g_autoptr(GPtrArray) removed = facts_diff(driver, from, NULL, error);
    g_autoptr(GPtrArray) added = removed != NULL ? facts_diff(driver, NULL, to, error) : NULL;

    if (added == NULL)
        return NULL;
    for (guint i = removed->len; i > 0; i--) {
        FactChange *old = removed->pdata[i - 1];
        FactChange *paired = NULL;

        for (guint j = 0; j < added->len && paired == NULL; j++) {
            FactChange *candidate = added->pdata[j];

            if (strcmp(candidate->path, old->path) == 0)
                paired = candidate;
        }
        if (paired != NULL)
            paired->from = old->from;
        else
            g_ptr_array_add(added, g_ptr_array_steal_index(removed, i - 1));
    }
    g_ptr_array_sort(added, compare_changes);
    return g_steal_pointer(&added);
}

json_t *facts_with_arguments(const json_t *observed, const json_t *expected)
{
    json_t *merged;
    const char *key;
    json_t *member;

    if (!json_is_object(observed))
        return json_incref((json_t *)observed);
    merged = json_object();
    json_object_foreach ((json_t *)observed, key, member)
        json_object_set_new(merged, key,
                            facts_with_arguments(member, json_object_get(expected, key)));
    json_object_foreach ((json_t *)expected, key, member) {
        if (key[0] == '$')
            json_object_set(merged, key, member);
    }
    return merged;
}

json_t *facts_without_arguments(const json_t *value)
{
    json_t *plain;
    const char *key;
    json_t *member;

    if (!json_is_object(value))
        return json_incref((json_t *)value);
    plain = json_object();
    json_object_foreach ((json_t *)value, key, member) {
        if (key[0] != '$')
            json_object_set_new(plain, key, facts_without_arguments(member));
    }
    return plain;
}

json_t *facts_hold_back(const Driver *driver, const FactRow *row, const char *path,
                        const json_t *from, const json_t *to)
{
    g_autoptr(GPtrArray) keys = NULL;
    json_t *held;

    if (!json_is_object(from) || !json_is_object(to))
        return json_deep_copy(from);
    held = json_object();
    keys = union_of_keys(from, to);
    for (guint i = 0; i < keys->len; i++) {
        const char *key = keys->pdata[i];
        g_autofree char *child = path_below(path, key);
        gboolean below;
        const FactRow *own = row_at(driver, child, &below);
        json_t *value = json_object_get(own != NULL || below ? to : from, key);

        if (value != NULL)
            json_object_set(held, key, value);
    }
    {
        const char *key;
        json_t *member;

        json_object_foreach ((json_t *)to, key, member) {
            if (key[0] == '$')
                json_object_set(held, key, member);
        }
    }
    return held;
}

void facts_set(json_t *facts, const char *path, json_t *value)
{
    g_auto(GStrv) parts = json_path_split(path);
    guint count = g_strv_length(parts);
    json_t *at = facts;

    for (guint i = 0; i + 1 < count; i++) {
        json_t *below = json_object_get(at, parts[i]);

        if (below == NULL) {
            below = json_object();
            json_object_set_new(at, parts[i], below);
        }
        at = below;
    }
    if (value != NULL)
        json_object_set(at, parts[count - 1], value);
    else
        json_object_del(at, parts[count - 1]);
}

void facts_take_apart(const char *path, const json_t *a, const json_t *b, FactsPart each,
                      void *data)
{
    g_autoptr(json_t) all = NULL;
    g_autoptr(GPtrArray) keys = NULL;

    if (!json_is_object(a) || !json_is_object(b)) {
        each(path, a, b, data);
        return;
    }
    all = json_copy((json_t *)a);
    json_object_update_missing(all, (json_t *)b);
    keys = json_sorted_keys(all);
    for (guint i = 0; i < keys->len; i++) {
        const char *key = keys->pdata[i];
        const json_t *in_a = json_object_get(a, key), *in_b = json_object_get(b, key);
        g_autofree char *part = json_path_part(key);
        g_autofree char *below = g_strdup_printf("%s/%s", path, part);

        if (key[0] != '$' && !json_equal(in_a, in_b))
            facts_take_apart(below, in_a, in_b, each, data);
    }
}
