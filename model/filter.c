#include "filter.h"

#include <stdlib.h>
#include <string.h>

#include "error.h"

#define TEXT_LIMIT 65536
#define WORK_LIMIT "(*LIMIT_MATCH=100000)"

typedef enum { JOIN_AND, JOIN_OR } Join;

/* One `[not] field (eq|ne) value`. */
typedef struct {
    Join join; /* with all before it */
    gboolean negated;
    gboolean unequal;
    char *field;
    char *value;
    GRegex *regex; /* NULL: the value is no expression, it is compared without regard to case */
} Clause;

struct Filter {
    GPtrArray *clauses; /* of Clause * */
};

static void clause_free(gpointer data)
{
    Clause *clause = data;

    g_free(clause->field);
    g_free(clause->value);
    g_clear_pointer(&clause->regex, g_regex_unref);
    g_free(clause);
}

void filter_free(Filter *filter)
{
    if (filter == NULL)
        return;
    g_ptr_array_unref(filter->clauses);
    g_free(filter);
}

/* Anchored at both ends unless the user anchors it himself (API-051). A bound on the work of one
 * match keeps an expression that would take for ever from doing so; it then does not match. */
static GRegex *compile(const char *value)
{
    gboolean anchored = strpbrk(value, "^$") != NULL;
    g_autofree char *pattern =
        g_strconcat(WORK_LIMIT, anchored ? "" : "^(?:", value, anchored ? "" : ")$", NULL);

    return g_regex_new(pattern, G_REGEX_CASELESS | G_REGEX_DOLLAR_ENDONLY, 0, NULL);
}

/* ---- parsing ---- */

/* Blanks part words. */
static GPtrArray *words_of(const char *text)
{
    g_auto(GStrv) parts = g_strsplit_set(text, " \t\r\n\v\f", -1);
    GPtrArray *words = g_ptr_array_new_with_free_func(g_free);

    for (char **part = parts; *part != NULL; part++) {
        if (**part != '\0')
            g_ptr_array_add(words, g_strdup(*part));
    }
    return words;
}

/* A value that starts with a quote runs to the next word that ends in one; blanks in between count
 * as one (API-049). NULL when it does not end. Moves `at` behind it. Newly allocated. */
static char *take_value(const GPtrArray *words, guint *at, GError **error)
{
    const char *first = words->pdata[(*at)++];
    g_autoptr(GString) text = g_string_new(first + 1);

    if (*first != '"')
        return g_strdup(first);
    if (text->len > 0 && text->str[text->len - 1] == '"')
        return g_strndup(text->str, text->len - 1);
    while (*at < words->len) {
        const char *word = words->pdata[(*at)++];

        g_string_append_c(text, ' ');
        g_string_append(text, word);
        if (g_str_has_suffix(word, "\""))
            return g_strndup(text->str, text->len - 1);
    }
    error_set(error, ERR_INVALID, "unterminated quote");
    return NULL;
}

static gboolean take_operator(const GPtrArray *words, guint *at, Clause *clause, GError **error)
{
    const char *word = words->pdata[(*at)++];

    clause->unequal = g_str_equal(word, "ne");
    return clause->unequal || g_str_equal(word, "eq") ||
           error_set(error, ERR_INVALID, "invalid operator \"%s\": use eq or ne", word);
}

static gboolean take_clause(const GPtrArray *words, guint *at, Clause *clause, GError **error)
{
    if (g_ascii_strcasecmp(words->pdata[*at], "not") == 0) {
        clause->negated = TRUE;
        if (++*at == words->len)
            return error_set(error, ERR_INVALID, "incomplete not clause");
    }
    clause->field = g_strdup(words->pdata[(*at)++]);
    if (*at == words->len)
        return error_set(error, ERR_INVALID, "clause has no operator");
    if (!take_operator(words, at, clause, error))
        return FALSE;
    if (*at == words->len)
        return error_set(error, ERR_INVALID, "clause has no value");
    clause->value = take_value(words, at, error);
    if (clause->value == NULL)
        return FALSE;
    clause->regex = compile(clause->value);
    return TRUE;
}

static gboolean take_join(const GPtrArray *words, guint *at, Join *ret, GError **error)
{
    const char *word = words->pdata[(*at)++];

    *ret = g_str_equal(word, "or") ? JOIN_OR : JOIN_AND;
    if (*ret == JOIN_AND && !g_str_equal(word, "and"))
        return error_set(error, ERR_INVALID, "invalid clause composition");
    return *at < words->len || error_set(error, ERR_INVALID, "unterminated compound clause");
}

Filter *filter_parse(const char *text, GError **error)
{
    g_autoptr(Filter) filter = g_new0(Filter, 1);
    g_autoptr(GPtrArray) words = NULL;
    Join join = JOIN_AND;

    filter->clauses = g_ptr_array_new_with_free_func(clause_free);
    if (strlen(text) > TEXT_LIMIT || !g_utf8_validate(text, -1, NULL)) {
        error_set(error, ERR_INVALID, "a filter is at most %d bytes of UTF-8", TEXT_LIMIT);
        return NULL;
    }
    words = words_of(text);
    for (guint at = 0; at < words->len;) {
        Clause *clause = g_new0(Clause, 1);

        clause->join = join;
        g_ptr_array_add(filter->clauses, clause);
        if (!take_clause(words, &at, clause, error) ||
            (at < words->len && !take_join(words, &at, &join, error)))
            return NULL;
    }
    return g_steal_pointer(&filter);
}

/* ---- evaluation ---- */

/* Values that are no strings compare by their text in JSON; null is "". */
static gboolean equals_text(const Clause *clause, const json_t *value)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_SORT_KEYS);
    gboolean equal = g_strcmp0(json_is_null(value) ? "" : text, clause->value) == 0;

    free(text);
    return equal;
}

/* A map whose values are all texts, such as config: what is missing in it counts as "" (API-052).
 */
static gboolean is_string_map(const json_t *object)
{
    const char *key;
    json_t *value;

    json_object_foreach ((json_t *)object, key, value) {
        if (!json_is_string(value))
            return FALSE;
    }
    return TRUE;
}

/* The value at a dotted path, borrowed. Keys may hold dots themselves: the whole rest of the path
 * is tried as a key first, then ever shorter parts of it (API-050). NULL when it is missing;
 * `ret_in_map` then says whether it is missing in a map of texts. */
static const json_t *look_up(const json_t *object, const char *path, gboolean *ret_in_map)
{
    const json_t *found = json_object_get(object, path);

    if (found != NULL || !json_is_object(object))
        return found;
    for (const char *dot = strrchr(path, '.'); dot != NULL;
         dot = g_strrstr_len(path, dot - path, ".")) {
        const json_t *below = json_object_getn(object, path, (gsize)(dot - path));

        if (below != NULL)
            return look_up(below, dot + 1, ret_in_map);
    }
    *ret_in_map = is_string_map(object);
    return NULL;
}

static gboolean equals(const Clause *clause, const char *text)
{
    g_autofree char *folded = NULL;
    g_autofree char *wanted = NULL;

    if (clause->regex != NULL)
        return g_regex_match(clause->regex, text, 0, NULL);
    folded = g_utf8_casefold(text, -1);
    wanted = g_utf8_casefold(clause->value, -1);
    return g_str_equal(folded, wanted);
}

static gboolean clause_matches(const Clause *clause, const json_t *object)
{
    gboolean in_map = FALSE;
    const json_t *value = look_up(object, clause->field, &in_map);
    gboolean equal = FALSE;

    if (json_is_string(value))
        equal = equals(clause, json_string_value(value));
    else if (value != NULL)
        equal = equals_text(clause, value);
    else if (in_map)
        equal = equals(clause, "");
    return (equal != clause->unequal) != clause->negated;
}

gboolean filter_matches(const Filter *filter, const json_t *object)
{
    gboolean result = TRUE;

    for (guint i = 0; filter != NULL && i < filter->clauses->len; i++) {
        const Clause *clause = filter->clauses->pdata[i];

        /* No precedence: what is decided already need not be asked (API-048). */
        if (clause->join == JOIN_AND)
            result = result && clause_matches(clause, object);
        else
            result = result || clause_matches(clause, object);
    }
    return result;
}
