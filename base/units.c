#include "units.h"

#include <string.h>

#include "error.h"

typedef struct {
    const char *suffix;
    gint64 factor;
} Unit;

static const Unit byte_units[] = {
    {"", 1},
    {"B", 1},
    {"bytes", 1},
    {" bytes", 1},
    {"kB", G_GINT64_CONSTANT(1000)},
    {"MB", G_GINT64_CONSTANT(1000000)},
    {"GB", G_GINT64_CONSTANT(1000000000)},
    {"TB", G_GINT64_CONSTANT(1000000000000)},
    {"PB", G_GINT64_CONSTANT(1000000000000000)},
    {"EB", G_GINT64_CONSTANT(1000000000000000000)},
    {"KiB", G_GINT64_CONSTANT(1) << 10},
    {"MiB", G_GINT64_CONSTANT(1) << 20},
    {"GiB", G_GINT64_CONSTANT(1) << 30},
    {"TiB", G_GINT64_CONSTANT(1) << 40},
    {"PiB", G_GINT64_CONSTANT(1) << 50},
    {"EiB", G_GINT64_CONSTANT(1) << 60},
    {NULL, 0},
};

static const Unit bit_units[] = {
    {"", 1},
    {"bit", 1},
    {"kbit", G_GINT64_CONSTANT(1000)},
    {"Mbit", G_GINT64_CONSTANT(1000000)},
    {"Gbit", G_GINT64_CONSTANT(1000000000)},
    {"Tbit", G_GINT64_CONSTANT(1000000000000)},
    {"Pbit", G_GINT64_CONSTANT(1000000000000000)},
    {"Ebit", G_GINT64_CONSTANT(1000000000000000000)},
    {"Kibit", G_GINT64_CONSTANT(1) << 10},
    {"Mibit", G_GINT64_CONSTANT(1) << 20},
    {"Gibit", G_GINT64_CONSTANT(1) << 30},
    {"Tibit", G_GINT64_CONSTANT(1) << 40},
    {"Pibit", G_GINT64_CONSTANT(1) << 50},
    {"Eibit", G_GINT64_CONSTANT(1) << 60},
    {NULL, 0},
};

/* Reads the digits at the start of `text`; the end of them is in `ret_end`. FALSE without digits or
 * above int64. */
static gboolean read_number(const char *text, gint64 *ret, const char **ret_end)
{
    gint64 number = 0;
    const char *at = text;

    for (; g_ascii_isdigit(*at); at++)
        if (__builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, *at - '0', &number))
            return FALSE;
    if (at == text)
        return FALSE;
    *ret = number;
    *ret_end = at;
    return TRUE;
}

static gboolean parse(const char *text, const Unit *units, const char *what, const char *example,
                      gint64 *ret, GError **error)
{
    gint64 number, value;
    const char *suffix;
    const Unit *unit = units;

    if (!g_ascii_isdigit(text[0]))
        return error_set(error, ERR_INVALID,
                         "\"%s\" is no %s: write a whole number and a unit such as %s", text, what,
                         example);
    if (!read_number(text, &number, &suffix))
        return error_set(error, ERR_INVALID, "\"%s\" is too large", text);
    while (unit->suffix != NULL && strcmp(unit->suffix, suffix) != 0)
        unit++;
    if (unit->suffix == NULL)
        return error_set(
            error, ERR_INVALID,
            "\"%s\" is no %s: unknown unit \"%s\" (units are case-sensitive; write e.g. %s)", text,
            what, suffix, example);
    if (__builtin_mul_overflow(number, unit->factor, &value))
        return error_set(error, ERR_INVALID, "\"%s\" is too large", text);
    *ret = value;
    return TRUE;
}

gboolean units_parse_bytes(const char *text, gint64 *ret, GError **error)
{
    return parse(text, byte_units, "size", "512MiB or 10GB", ret, error);
}

gboolean units_parse_bits(const char *text, gint64 *ret, GError **error)
{
    return parse(text, bit_units, "bit rate", "100Mbit", ret, error);
}

char *units_format_bytes(gint64 bytes)
{
    static const char *const names[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    guint unit = 0;

    while (bytes != 0 && bytes % 1024 == 0 && unit + 1 < G_N_ELEMENTS(names)) {
        bytes /= 1024;
        unit++;
    }
    return g_strdup_printf("%" G_GINT64_FORMAT "%s", bytes, names[unit]);
}

static gint64 duration_factor(char unit)
{
    switch (unit) {
    case 's':
        return 1;
    case 'm':
        return 60;
    case 'h':
        return 60 * 60;
    case 'd':
        return 24 * 60 * 60;
    case 'w':
        return 7 * 24 * 60 * 60;
    default:
        return 0;
    }
}

gboolean units_parse_duration(const char *text, gint64 *ret_seconds, GError **error)
{
    gint64 total = 0, last = G_MAXINT64;
    const char *at = text;

    do {
        gint64 number, factor = 1;

        if (!read_number(at, &number, &at))
            goto invalid;
        /* Only a lone number goes without unit; units run from large to small, each once. */
        if (*at != '\0' || last != G_MAXINT64) {
            factor = duration_factor(*at);
            if (factor == 0 || factor >= last)
                goto invalid;
            at++;
        }
        last = factor;
        if (__builtin_mul_overflow(number, factor, &number) ||
            __builtin_add_overflow(total, number, &total))
            goto invalid;
    } while (*at != '\0');
    *ret_seconds = total;
    return TRUE;

invalid:
    return error_set(error, ERR_INVALID, "\"%s\" is no duration: write e.g. 90s, 2m, 1h30m or 7d",
                     text);
}
