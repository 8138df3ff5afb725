/* Types of when: snapshot schedules (I-400 to I-402) and expiries (I-410). */
#include <string.h>

#include "error.h"
#include "row.h"
#include "type.h"

static gboolean check_cron_alias(const char *text)
{
    static const char *const aliases[] = {"@hourly",  "@daily",    "@midnight", "@weekly",
                                          "@monthly", "@annually", "@yearly",   "@startup",
                                          "@never",   NULL};

    for (const char *const *alias = aliases; *alias != NULL; alias++)
        if (g_ascii_strcasecmp(text, *alias) == 0)
            return TRUE;
    return FALSE;
}

/* A number within bounds, or one of `names` (from `min` on). */
static gboolean parse_cron_number(const char *text, guint min, guint max, const char *const *names,
                                  guint64 *ret)
{
    for (guint i = 0; names != NULL && names[i] != NULL; i++)
        if (g_ascii_strcasecmp(text, names[i]) == 0) {
            *ret = min + i;
            return TRUE;
        }
    return g_ascii_string_to_unsigned(text, 10, min, max, ret, NULL);
}

/* One field: a comma list of '*', N or A-B, each with an optional /STEP. */
static gboolean check_cron_field(const char *text, guint min, guint max, const char *const *names)
{
    g_auto(GStrv) items = g_strsplit(text, ",", -1);

    for (char **item = items; *item != NULL; item++) {
        g_auto(GStrv) step = g_strsplit(*item, "/", 2);
        g_auto(GStrv) ends = NULL;
        guint64 first = min, last = max, every;

        if (step[0] == NULL ||
            (step[1] != NULL && !g_ascii_string_to_unsigned(step[1], 10, 1, max, &every, NULL)))
            return FALSE;
        if (strcmp(step[0], "*") == 0)
            continue;
        ends = g_strsplit(step[0], "-", 2);
        if (ends[0] == NULL || !parse_cron_number(ends[0], min, max, names, &first))
            return FALSE;
        last = first;
        if (ends[1] != NULL && !parse_cron_number(ends[1], min, max, names, &last))
            return FALSE;
        if (first > last)
            return FALSE;
    }
    return items[0] != NULL;
}

static gboolean check_cron_entry(const char *text)
{
    static const char *const months[] = {"jan", "feb", "mar", "apr", "may", "jun", "jul",
                                         "aug", "sep", "oct", "nov", "dec", NULL};
    static const char *const days[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat", NULL};
    g_auto(GStrv) fields = g_strsplit(text, " ", -1);

    return g_strv_length(fields) == 5 && check_cron_field(fields[0], 0, 59, NULL) &&
           check_cron_field(fields[1], 0, 23, NULL) && check_cron_field(fields[2], 1, 31, NULL) &&
           check_cron_field(fields[3], 1, 12, months) && check_cron_field(fields[4], 0, 7, days);
}

static gboolean check_cron(const Row *row, const char *text, GError **error)
{
    /* A comma alone may belong to a cron field, so it separates entries only among aliases. */
    g_auto(GStrv) entries = g_strsplit(text, text[0] == '@' ? "," : ", ", -1);

    if (entries[0] == NULL)
        return error_set(error, ERR_INVALID, "the schedule is empty");
    for (char **entry = entries; *entry != NULL; entry++) {
        g_strstrip(*entry);
        if (!check_cron_alias(*entry) && !check_cron_entry(*entry))
            return error_set(
                error, ERR_INVALID,
                "\"%s\" is no schedule: write \"MINUTE HOUR DAY MONTH WEEKDAY\" or aliases such as "
                "@daily, @hourly",
                *entry);
    }
    return TRUE;
}

static gboolean check_expiry(const Row *row, const char *text, GError **error)
{
    g_auto(GStrv) parts = g_strsplit(text, " ", -1);
    guint seen = 0;

    if (parts[0] == NULL)
        return error_set(error, ERR_INVALID, "the expiry is empty");
    for (char **part = parts; *part != NULL; part++) {
        static const char units[] = "MHdwmy";
        const char *unit;

        if (!g_regex_match_simple("^[0-9]{1,6}[MHdwmy]$", *part, G_REGEX_DOLLAR_ENDONLY, 0))
            return error_set(error, ERR_INVALID,
                             "\"%s\" is no expiry: write parts of 1M 2H 3d 4w 5m 6y (minutes, "
                             "hours, days, weeks, "
                             "months, years)",
                             text);
        unit = strchr(units, (*part)[strlen(*part) - 1]);
        if ((seen & (1u << (unit - units))) != 0)
            return error_set(error, ERR_INVALID, "the expiry \"%s\" names the unit '%c' twice",
                             text, *unit);
        seen |= 1u << (unit - units);
    }
    return TRUE;
}

const Type TYPE_CRON = {.name = "schedule", .shape = SHAPE_STRING, .check = check_cron};
const Type TYPE_EXPIRY = {
    .name = "expiry",
    .shape = SHAPE_STRING,
    .check = check_expiry,
    .schema = "{\"pattern\": \"^[0-9]+[MHdwmy]( [0-9]+[MHdwmy])*$\"}",
};
