#include "selector.h"

#include <string.h>

#include "error.h"

/* What neither labels nor their values can hold in a selector. */
#define SPECIAL ",()=! \t\n"

typedef enum { IS_SET, IS_NOT_SET, IS_ONE_OF, IS_NONE_OF } Operator;

typedef struct {
    char *key;
    Operator operation;
    GPtrArray *values; /* of char * */
} Requirement;

struct Selector {
    GPtrArray *requirements; /* of Requirement * */
};

typedef struct {
    const char *text, *at;
    GError **error;
} Reader;

static void requirement_free(gpointer data)
{
    Requirement *requirement = data;

    g_free(requirement->key);
    g_ptr_array_unref(requirement->values);
    g_free(requirement);
}

void selector_free(Selector *selector)
{
    if (selector == NULL)
        return;
    g_ptr_array_unref(selector->requirements);
    g_free(selector);
}

static gboolean wrong(const Reader *reader, const char *what)
{
    return error_set(reader->error, ERR_USAGE,
                     "selector '%s': %s at character %td; write a=b, a!=b, a, !a, a in (b,c), a "
                     "notin (b,c), with commas between",
                     reader->text, what, reader->at - reader->text + 1);
}

static void skip_blanks(Reader *reader)
{
    reader->at += strspn(reader->at, " \t\n");
}

/* Takes `sign` when it comes next. */
static gboolean take(Reader *reader, const char *sign)
{
    skip_blanks(reader);
    if (!g_str_has_prefix(reader->at, sign))
        return FALSE;
    reader->at += strlen(sign);
    return TRUE;
}

/* The word that comes next, perhaps empty. Newly allocated. */
static char *take_word(Reader *reader)
{
    gsize length;
    char *word;

    skip_blanks(reader);
    length = strcspn(reader->at, SPECIAL);
    word = g_strndup(reader->at, length);
    reader->at += length;
    return word;
}

static gboolean read_values(Reader *reader, Requirement *requirement)
{
    if (!take(reader, "("))
        return wrong(reader, "'(' is missing");
    do
        g_ptr_array_add(requirement->values, take_word(reader));
    while (take(reader, ","));
    return take(reader, ")") || wrong(reader, "',' or ')' is missing");
}

static gboolean read_operator(Reader *reader, Requirement *requirement)
{
    g_autofree char *word = NULL;

    if (take(reader, "!=")) {
        requirement->operation = IS_NONE_OF;
        g_ptr_array_add(requirement->values, take_word(reader));
        return TRUE;
    }
    if (take(reader, "==") || take(reader, "=")) {
        requirement->operation = IS_ONE_OF;
        g_ptr_array_add(requirement->values, take_word(reader));
        return TRUE;
    }
    word = take_word(reader);
    if (*word == '\0') {
        requirement->operation = IS_SET;
        return TRUE;
    }
    if (strcmp(word, "in") != 0 && strcmp(word, "notin") != 0)
        return wrong(reader, "neither 'in' nor 'notin'");
    requirement->operation = strcmp(word, "in") == 0 ? IS_ONE_OF : IS_NONE_OF;
    return read_values(reader, requirement);
}

static gboolean read_requirement(Reader *reader, Selector *selector)
{
    Requirement *requirement = g_new0(Requirement, 1);
    gboolean absent = take(reader, "!");

    requirement->values = g_ptr_array_new_with_free_func(g_free);
    requirement->key = take_word(reader);
    g_ptr_array_add(selector->requirements, requirement);
    if (*requirement->key == '\0')
        return wrong(reader, "the name of a label is missing");
    if (absent) {
        requirement->operation = IS_NOT_SET;
        return TRUE;
    }
    return read_operator(reader, requirement);
}

Selector *selector_parse(const char *text, GError **error)
{
    g_autoptr(Selector) selector = g_new0(Selector, 1);
    Reader reader = {text, text, error};

    selector->requirements = g_ptr_array_new_with_free_func(requirement_free);
    do
        if (!read_requirement(&reader, selector))
            return NULL;
    while (take(&reader, ","));
    if (*reader.at != '\0') {
        wrong(&reader, "',' is missing");
        return NULL;
    }
    return g_steal_pointer(&selector);
}

static gboolean fits(const Requirement *requirement, const json_t *labels)
{
    const char *value = json_member_string(labels, requirement->key);
    gboolean named = value != NULL && g_ptr_array_find_with_equal_func(requirement->values, value,
                                                                       g_str_equal, NULL);

    switch (requirement->operation) {
    case IS_SET:
        return value != NULL;
    case IS_NOT_SET:
        return value == NULL;
    case IS_ONE_OF:
        return named;
    default:
        return !named;
    }
}

gboolean selector_matches(const Selector *selector, const Object *object)
{
    const json_t *labels = json_object_get(object->spec, "labels");

    for (guint i = 0; selector != NULL && i < selector->requirements->len; i++)
        if (!fits(selector->requirements->pdata[i], labels))
            return FALSE;
    return TRUE;
}
