#include "body_types.h"

#include "error.h"

typedef enum {
    TEXT,
    TRUTH,
    NUMBER,
    TEXTS, /* a list of them */
    MAP,
    TEXT_MAP, /* its values are texts */
} Type;

static const char *const TITLES[] = {
    [TEXT] = "a text",           [TRUTH] = "true or false", [NUMBER] = "a number",
    [TEXTS] = "a list of texts", [MAP] = "an object",       [TEXT_MAP] = "an object of texts"};

static const struct {
    const char *member;
    Type type;
} MEMBERS[] = {
    {"action", TEXT},     {"architecture", TEXT}, {"auto_update", TRUTH},   {"certificate", TEXT},
    {"config", MAP},      {"description", TEXT},  {"devices", MAP},         {"ephemeral", TRUTH},
    {"expires_at", TEXT}, {"force", TRUTH},       {"name", TEXT},           {"profiles", TEXTS},
    {"project", TEXT},    {"projects", TEXTS},    {"properties", TEXT_MAP}, {"public", TRUTH},
    {"restore", TEXT},    {"restricted", TRUTH},  {"stateful", TRUTH},      {"timeout", NUMBER},
    {"token", TRUTH},     {"type", TEXT},
};

static gboolean are_texts(const json_t *list)
{
    size_t i;
    const json_t *value;

    json_array_foreach (list, i, value) {
        if (!json_is_string(value))
            return FALSE;
    }
    return TRUE;
}

static gboolean has_texts(const json_t *map)
{
    const char *key;
    const json_t *value;

    json_object_foreach ((json_t *)map, key, value) {
        if (!json_is_string(value) && !json_is_null(value))
            return FALSE;
    }
    return TRUE;
}

static gboolean fits(const json_t *value, Type type)
{
    switch (type) {
    case TEXT:
        return json_is_string(value);
    case TRUTH:
        return json_is_boolean(value);
    case NUMBER:
        return json_is_integer(value);
    case TEXTS:
        return json_is_array(value) && are_texts(value);
    case MAP:
        return json_is_object(value);
    case TEXT_MAP:
        return json_is_object(value) && has_texts(value);
    }
    return FALSE;
}

gboolean body_types_check(const json_t *body, GError **error)
{
    for (guint i = 0; i < G_N_ELEMENTS(MEMBERS); i++) {
        const json_t *value = json_object_get(body, MEMBERS[i].member);

        if (value != NULL && !json_is_null(value) && !fits(value, MEMBERS[i].type))
            return error_set(error, ERR_INVALID, "%s: it has to be %s", MEMBERS[i].member,
                             TITLES[MEMBERS[i].type]);
    }
    return TRUE;
}
