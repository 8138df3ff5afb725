#include "tree.h"

#include <string.h>

static gboolean printable(gunichar c)
{
    return c == '\t' || c == '\n' || c == '\r' || (c >= 0x20 && c <= 0x7e) || c == 0x85 ||
           (c >= 0xa0 && c <= 0xd7ff) || (c >= 0xe000 && c <= 0xfffd && c != 0xfeff) ||
           (c >= 0x10000 && c <= 0x10ffff);
}

/* Line and column of a byte, in characters from 1. */
static void place_of(const char *text, const char *at, guint *ret_line, guint *ret_column)
{
    const char *start = text;

    *ret_line = 1;
    for (const char *p = text; p < at; p++)
        if (*p == '\n' || (*p == '\r' && p + 1 < at && p[1] != '\n')) {
            (*ret_line)++;
            start = p + 1;
        }
    *ret_column = 1;
    for (const char *p = start; p < at; p++)
        if (((guchar)*p & 0xc0) != 0x80)
            (*ret_column)++;
}

gboolean tree_check_text(const char *name, const char *text, gsize length, Problems *problems)
{
    const char *end = text + length;
    const char *at = text;
    guint line, column;

    while (at < end) {
        guchar byte = (guchar)*at;
        gunichar c;

        if (byte >= 0x20 && byte < 0x7f) {
            at++;
            continue;
        }
        c = byte < 0x80 ? byte : g_utf8_get_char_validated(at, end - at);
        if (c == (gunichar)-1 || c == (gunichar)-2) {
            place_of(text, at, &line, &column);
            problem_add_at(problems, PROBLEM_ERROR, name, line, column, NULL,
                           "byte 0x%02x is not valid UTF-8; save the file as UTF-8", byte);
            return FALSE;
        }
        if (!printable(c)) {
            place_of(text, at, &line, &column);
            if (c == 0)
                problem_add_at(problems, PROBLEM_ERROR, name, line, column, NULL,
                               "a NUL byte is not text; is this a YAML file?");
            else if (c == 0xfeff)
                problem_add_at(problems, PROBLEM_ERROR, name, line, column, NULL,
                               "a byte order mark may only be at the start of the file");
            else
                problem_add_at(problems, PROBLEM_ERROR, name, line, column, NULL,
                               "control character U+%04X is not allowed; write it as an escape in "
                               "double quotes",
                               c);
            return FALSE;
        }
        at = byte < 0x80 ? at + 1 : g_utf8_next_char(at);
    }
    return TRUE;
}

/* Value of \uXXXX at `at`, or 0. */
static gunichar escape_at(const char *at, const char *end)
{
    gunichar value = 0;

    if (end - at < 6 || at[0] != '\\' || at[1] != 'u')
        return 0;
    for (int i = 2; i < 6; i++) {
        if (!g_ascii_isxdigit(at[i]))
            return 0;
        value = value * 16 + (gunichar)g_ascii_xdigit_value(at[i]);
    }
    return value;
}

/* The first half of a surrogate pair. */
static gboolean is_high(gunichar c)
{
    return c >= 0xd800 && c <= 0xdbff;
}

char *tree_join_surrogates(const char *text, gsize length, gsize *ret_length)
{
    const char *end = text + length, *escape = text;
    g_autoptr(GString) joined = NULL;
    g_autoptr(json_t) value = NULL;

    while ((escape = memchr(escape, '\\', (gsize)(end - escape))) != NULL &&
           !is_high(escape_at(escape, end)))
        escape++;
    if (escape == NULL)
        return NULL;
    /* Only in JSON is a backslash always an escape. */
    value = json_loadb(text, length, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    if (value == NULL)
        return NULL;
    joined = g_string_sized_new(length);
    for (const char *at = text; at < end;) {
        gunichar high = escape_at(at, end);
        gunichar low = is_high(high) ? escape_at(at + 6, end) : 0;

        if (low >= 0xdc00 && low <= 0xdfff) {
            g_string_append_printf(joined, "\\U%08X",
                                   0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00));
            at += 12;
        } else if (*at == '\\' && end - at >= 2) {
            g_string_append_len(joined, at, 2);
            at += 2;
        } else {
            g_string_append_c(joined, *at++);
        }
    }
    *ret_length = joined->len;
    return g_string_free(g_steal_pointer(&joined), FALSE);
}
