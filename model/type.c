#include "type.h"

#include <string.h>

#include "error.h"
#include "row.h"
#include "units.h"

#define BOOL_WORDS_TRUE "true", "1", "yes", "on"
#define BOOL_WORDS_FALSE "false", "0", "no", "off"

static gboolean is_word_of(const char *text, const char *const *words)
{
    for (; *words != NULL; words++)
        if (g_ascii_strcasecmp(text, *words) == 0)
            return TRUE;
    return FALSE;
}

gboolean type_is_true(const char *text)
{
    static const char *const words[] = {BOOL_WORDS_TRUE, NULL};

    return text != NULL && is_word_of(text, words);
}

static gboolean check_bool(const Row *row, const char *text, GError **error)
{
    static const char *const words[] = {BOOL_WORDS_TRUE, BOOL_WORDS_FALSE, NULL};

    if (is_word_of(text, words))
        return TRUE;
    return error_set(error, ERR_INVALID, "\"%s\" is no boolean: write true or false", text);
}

static gboolean same_bool(const char *a, const char *b)
{
    return type_is_true(a) == type_is_true(b);
}

static gboolean parse_int(const char *text, gint64 min, gint64 max, gint64 *ret, GError **error)
{
    g_autoptr(GError) cause = NULL;

    if (g_ascii_string_to_signed(text, 10, min, max, ret, &cause))
        return TRUE;
    if (g_error_matches(cause, G_NUMBER_PARSER_ERROR, G_NUMBER_PARSER_ERROR_OUT_OF_BOUNDS))
        return error_set(error, ERR_INVALID,
                         "%s is out of range: allowed are %" G_GINT64_FORMAT
                         " to %" G_GINT64_FORMAT,
                         text, min, max);
    return error_set(error, ERR_INVALID, "\"%s\" is no whole number", text);
}

static gboolean check_int(const Row *row, const char *text, GError **error)
{
    gboolean bounded = row != NULL && (row->min != 0 || row->max != 0);
    gint64 number;

    return parse_int(text, bounded ? row->min : G_MININT64, bounded ? row->max : G_MAXINT64,
                     &number, error);
}

static gboolean check_uint32(const Row *row, const char *text, GError **error)
{
    gboolean bounded = row != NULL && (row->min != 0 || row->max != 0);
    gint64 number;

    return parse_int(text, bounded ? row->min : 0, bounded ? row->max : G_MAXUINT32, &number,
                     error);
}

static gboolean same_int(const char *a, const char *b)
{
    return g_ascii_strtoll(a, NULL, 10) == g_ascii_strtoll(b, NULL, 10);
}

static gboolean check_enum(const Row *row, const char *text, GError **error)
{
    g_autofree char *allowed = NULL;

    if (g_strv_contains(row->values, text))
        return TRUE;
    allowed = g_strjoinv(", ", (char **)row->values);
    return error_set(error, ERR_INVALID, "\"%s\" is not allowed here: write one of %s", text,
                     allowed);
}

static gboolean check_length(const Row *row, const char *text, GError **error)
{
    gsize length = strlen(text);

    if (row == NULL || (row->min == 0 && row->max == 0))
        return TRUE;
    if ((gint64)length >= row->min && (gint64)length <= row->max)
        return TRUE;
    return error_set(error, ERR_INVALID,
                     "the text has %zu characters: allowed are %" G_GINT64_FORMAT
                     " to %" G_GINT64_FORMAT,
                     length, row->min, row->max);
}

static gboolean check_line(const Row *row, const char *text, GError **error)
{
    for (const char *at = text; *at != '\0'; at++)
        if (g_ascii_iscntrl(*at))
            return error_set(error, ERR_INVALID, "holds a line break or another control character");
    return check_length(row, text, error);
}

static gboolean check_size(const Row *row, const char *text, GError **error)
{
    gint64 bytes;

    if (!units_parse_bytes(text, &bytes, error))
        return FALSE;
    if (row != NULL && (row->min != 0 || row->max != 0) && (bytes < row->min || bytes > row->max)) {
        g_autofree char *min = units_format_bytes(row->min);
        g_autofree char *max = units_format_bytes(row->max);

        return error_set(error, ERR_INVALID, "%s is out of range: allowed are %s to %s", text, min,
                         max);
    }
    return TRUE;
}

static gboolean same_size(const char *a, const char *b)
{
    gint64 left, right;

    if (units_parse_bytes(a, &left, NULL) && units_parse_bytes(b, &right, NULL))
        return left == right;
    return strcmp(a, b) == 0;
}

static gboolean check_bitrate(const Row *row, const char *text, GError **error)
{
    gint64 bits;

    if (!units_parse_bits(text, &bits, error))
        return FALSE;
    return bits > 0 || error_set(error, ERR_INVALID,
                                 "a rate of 0 lets nothing pass: leave the key out "
                                 "for no limit");
}

static gboolean same_bitrate(const char *a, const char *b)
{
    gint64 left, right;

    if (units_parse_bits(a, &left, NULL) && units_parse_bits(b, &right, NULL))
        return left == right;
    return strcmp(a, b) == 0;
}

static gboolean check_disk_rate(const Row *row, const char *text, GError **error)
{
    gint64 number;

    if (g_str_has_suffix(text, "iops")) {
        g_autofree char *digits = g_strndup(text, strlen(text) - strlen("iops"));

        return parse_int(digits, 1, G_MAXINT64, &number, error);
    }
    return units_parse_bytes(text, &number, error);
}

/* The number of "N%"; FALSE when `text` has another form. */
static gboolean parse_percent(const char *text, gint64 *ret)
{
    g_autofree char *digits = NULL;

    if (!g_str_has_suffix(text, "%"))
        return FALSE;
    digits = g_strndup(text, strlen(text) - 1);
    return parse_int(digits, 0, G_MAXINT32, ret, NULL);
}

static gboolean check_memory(const Row *row, const char *text, GError **error)
{
    gint64 number;

    if (strchr(text, '%') != NULL) {
        if (!parse_percent(text, &number))
            return error_set(error, ERR_INVALID, "\"%s\" is no share of memory: write e.g. 50%%",
                             text);
    } else if (!units_parse_bytes(text, &number, error)) {
        return FALSE;
    }
    if (number > 0)
        return TRUE;
    return error_set(error, ERR_INVALID, "a memory limit of %s is not possible", text);
}

static gboolean same_memory(const char *a, const char *b)
{
    gint64 left, right;

    if (parse_percent(a, &left) && parse_percent(b, &right))
        return left == right;
    return same_size(a, b);
}

static gboolean check_name(const Row *row, const char *text, GError **error)
{
    if (text[0] == '\0')
        return error_set(error, ERR_INVALID, "the name is empty");
    if (strcmp(text, ".") == 0 || strcmp(text, "..") == 0)
        return error_set(error, ERR_INVALID, "\"%s\" cannot be a name", text);
    if (strchr(text, '/') != NULL)
        return error_set(error, ERR_INVALID, "\"%s\" cannot be a name: it holds a '/'", text);
    for (const char *at = text; *at != '\0'; at++)
        if (g_ascii_iscntrl(*at))
            return error_set(error, ERR_INVALID, "the name holds a control character");
    return TRUE;
}

static gboolean check_object_name(const Row *row, const char *text, GError **error)
{
    const char *slash = strchr(text, '/');

    if (slash != NULL && slash != text && slash[1] != '\0')
        return TRUE;
    return error_set(error, ERR_INVALID,
                     "\"%s\" names no object: write KIND/NAME, e.g. network/lan", text);
}

static gboolean check_time(const Row *row, const char *text, GError **error)
{
    g_autoptr(GDateTime) time = NULL;

    if (g_regex_match_simple(
            "^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(\\.\\d+)?(Z|[+-]\\d\\d:\\d\\d)$", text,
            G_REGEX_DOLLAR_ENDONLY, 0))
        time = g_date_time_new_from_iso8601(text, NULL);
    if (time != NULL)
        return TRUE;
    return error_set(error, ERR_INVALID, "\"%s\" is no time: write e.g. 2030-01-31T00:00:00Z",
                     text);
}

static gboolean same_time(const char *a, const char *b)
{
    g_autoptr(GDateTime) left = g_date_time_new_from_iso8601(a, NULL);
    g_autoptr(GDateTime) right = g_date_time_new_from_iso8601(b, NULL);

    if (left == NULL || right == NULL)
        return strcmp(a, b) == 0;
    return g_date_time_equal(left, right);
}

static gboolean check_path(const Row *row, const char *text, GError **error)
{
    if (g_path_is_absolute(text))
        return TRUE;
    return error_set(error, ERR_INVALID, "\"%s\" is no absolute path: begin it with '/'", text);
}

static gboolean check_paths(const Row *row, const char *text, GError **error)
{
    return type_check_items(row, text, check_path, error);
}

char **type_items(const char *text)
{
    char **items;

    if (text == NULL || text[0] == '\0')
        return g_new0(char *, 1);
    items = g_strsplit(text, ",", -1);
    for (char **item = items; *item != NULL; item++)
        g_strstrip(*item);
    return items;
}

gboolean type_check_items(const Row *row, const char *text,
                          gboolean (*check)(const Row *, const char *, GError **), GError **error)
{
    g_auto(GStrv) items = type_items(text);

    for (char **item = items; *item != NULL; item++) {
        if ((*item)[0] == '\0')
            return error_set(error, ERR_INVALID, "the list \"%s\" has an empty item", text);
        if (check != NULL && !check(row, *item, error))
            return FALSE;
    }
    return TRUE;
}

gboolean type_same_items(const char *a, const char *b)
{
    g_auto(GStrv) left = type_items(a);
    g_auto(GStrv) right = type_items(b);

    return g_strv_equal((const char *const *)left, (const char *const *)right);
}

static gboolean check_commas(const Row *row, const char *text, GError **error)
{
    return type_check_items(row, text, row != NULL && row->values != NULL ? check_enum : NULL,
                            error);
}

#define SIZE_PATTERN "^[0-9]+( ?bytes|B|[kMGTPE]B|[KMGTPE]iB)?$"

const Type TYPE_STRING = {.name = "text", .shape = SHAPE_STRING, .check = check_length};
const Type TYPE_LINE = {.name = "text of one line", .shape = SHAPE_STRING, .check = check_line};
const Type TYPE_BOOL = {
    .name = "boolean",
    .shape = SHAPE_STRING,
    .check = check_bool,
    .same = same_bool,
    .schema = "{\"pattern\": "
              "\"^([Tt][Rr][Uu][Ee]|[Ff][Aa][Ll][Ss][Ee]|[01]|[Yy][Ee][Ss]|[Nn][Oo]|[Oo][Nn]|"
              "[Oo][Ff][Ff])$\"}",
};
STRING_TYPE(TYPE_INT, "integer", check_int, same_int, "{\"pattern\": \"^-?[0-9]+$\"}");
STRING_TYPE(TYPE_UINT32, "32-bit unsigned integer", check_uint32, same_int,
            "{\"pattern\": \"^[0-9]+$\"}");
const Type TYPE_ENUM = {.name = "word", .shape = SHAPE_STRING, .check = check_enum};
STRING_TYPE(TYPE_SIZE, "byte size", check_size, same_size, "{\"pattern\": \"" SIZE_PATTERN "\"}");
STRING_TYPE(TYPE_BITRATE, "bit rate", check_bitrate, same_bitrate,
            "{\"pattern\": \"^[0-9]+(bit|[kMGTPE]bit|[KMGTPE]ibit)?$\"}");
STRING_TYPE(TYPE_DISK_RATE, "byte rate or iops", check_disk_rate, same_size,
            "{\"pattern\": \"^[0-9]+( ?bytes|B|[kMGTPE]B|[KMGTPE]iB|iops)?$\"}");
STRING_TYPE(TYPE_MEMORY, "byte size or share", check_memory, same_memory,
            "{\"pattern\": \"^[0-9]+(%| ?bytes|B|[kMGTPE]B|[KMGTPE]iB)?$\"}");
const Type TYPE_COMMAS = {
    .name = "comma list",
    .shape = SHAPE_STRING,
    .check = check_commas,
    .same = type_same_items,
};
const Type TYPE_PATH = {
    .name = "absolute path",
    .shape = SHAPE_STRING,
    .check = check_path,
    .schema = "{\"pattern\": \"^/\"}",
};
STRING_TYPE(TYPE_PATHS, "comma list of absolute paths", check_paths, type_same_items,
            "{\"pattern\": \"^/\"}");
const Type TYPE_NAME = {
    .name = "name",
    .shape = SHAPE_STRING,
    .check = check_name,
    .schema = "{\"pattern\": \"^[^/]+$\"}",
};
STRING_TYPE(TYPE_TIME, "time (RFC 3339)", check_time, same_time, "{\"format\": \"date-time\"}");
const Type TYPE_FLAG = {
    .name = "true or false", .shape = SHAPE_BOOL, .check = check_bool, .same = same_bool};
const Type TYPE_NUMBER = {
    .name = "number", .shape = SHAPE_INT, .check = check_int, .same = same_int};
const Type TYPE_LIST = {.name = "list of texts", .shape = SHAPE_LIST};
const Type TYPE_OBJECT_NAMES = {
    .name = "list of KIND/NAME",
    .shape = SHAPE_LIST,
    .check = check_object_name,
    .schema = "{\"pattern\": \"^[^/]+/.+$\"}",
};
const Type TYPE_MAP = {.name = "map of texts", .shape = SHAPE_MAP};
const Type TYPE_OBJECT = {.name = "map", .shape = SHAPE_OBJECT};
const Type TYPE_OBJECTS = {.name = "list of maps", .shape = SHAPE_OBJECTS};
