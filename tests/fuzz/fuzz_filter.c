/* Fuzz target: the filter language. The text of the filter, then a zero byte, then the JSON of an
 * object (without it: a fixed one). Nothing may crash or take long; `not` of a filter of one clause
 * is its opposite. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "filter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static json_t *object_of(const char *text, size_t length)
{
    json_t *object = text != NULL ? json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL) : NULL;

    return object != NULL ? object
                          : json_pack("{s:s, s:{s:s}, s:n}", "name", "c1", "config", "image.os",
                                      "Debian", "none");
}

/* With one clause, an object passes either the filter or its negation. */
static void check_opposite(const char *text, const Filter *filter, const json_t *object)
{
    g_autofree char *negated = g_strconcat("not ", text, NULL);
    g_autoptr(Filter) opposite = filter_parse(negated, NULL);

    if (opposite != NULL && strstr(text, " and ") == NULL && strstr(text, " or ") == NULL &&
        strpbrk(text, "\"\t\r\n\v\f") == NULL &&
        filter_matches(opposite, object) == filter_matches(filter, object))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *end = memchr(data, '\0', size);
    size_t length = end != NULL ? (size_t)(end - (const char *)data) : size;
    g_autofree char *text = g_strndup((const char *)data, length);
    g_autoptr(json_t) object =
        object_of(end != NULL ? end + 1 : NULL, end != NULL ? size - length - 1 : 0);
    g_autoptr(GError) error = NULL;
    g_autoptr(Filter) filter = filter_parse(text, &error);

    if ((filter == NULL) != (error != NULL))
        abort();
    if (filter == NULL)
        return 0;
    filter_matches(filter, object);
    if (*g_strchug(text) != '\0' && g_ascii_strncasecmp(text, "not", 3) != 0)
        check_opposite(text, filter, object);
    return 0;
}
