/* Numbers with units (I-501 to I-507). */
#include <criterion/criterion.h>

#include "error.h"
#include "units.h"

typedef gboolean (*Parse)(const char *, gint64 *, GError **);

static void accepts(Parse parse, const char *text, gint64 expected)
{
    g_autoptr(GError) error = NULL;
    gint64 value = -1;

    cr_expect(parse(text, &value, &error), "\"%s\" is refused: %s", text,
              error != NULL ? error->message : "");
    cr_expect(value == expected, "\"%s\" is %" G_GINT64_FORMAT " instead of %" G_GINT64_FORMAT,
              text, value, expected);
}

static void refuses(Parse parse, const char *text)
{
    g_autoptr(GError) error = NULL;
    gint64 value = -1;

    cr_expect(!parse(text, &value, &error), "\"%s\" is accepted", text);
    cr_expect(g_error_matches(error, BERTH_ERROR, ERR_INVALID), "\"%s\" has no or another error",
              text);
    cr_expect(value == -1, "\"%s\" changed the result", text);
}

Test(units, bytes)
{
    static const struct {
        const char *text;
        gint64 value;
    } good[] = {
        {"0", 0},
        {"10", 10},
        {"10B", 10},
        {"10bytes", 10},
        {"10 bytes", 10},
        {"1kB", 1000},
        {"2MB", 2000000},
        {"3GB", G_GINT64_CONSTANT(3000000000)},
        {"4TB", G_GINT64_CONSTANT(4000000000000)},
        {"5PB", G_GINT64_CONSTANT(5000000000000000)},
        {"6EB", G_GINT64_CONSTANT(6000000000000000000)},
        {"1KiB", 1024},
        {"1MiB", 1048576},
        {"1GiB", 1073741824},
        {"1TiB", G_GINT64_CONSTANT(1099511627776)},
        {"1PiB", G_GINT64_CONSTANT(1125899906842624)},
        {"1EiB", G_GINT64_CONSTANT(1152921504606846976)},
        {"7EiB", G_GINT64_CONSTANT(8070450532247928832)},
        {"9223372036854775807", G_MAXINT64},
        {"007MiB", 7340032},
    };
    static const char *const bad[] = {"",
                                      " ",
                                      "1KB",
                                      "1Kb",
                                      "1kib",
                                      "1mb",
                                      "1 MiB",
                                      "1.5GiB",
                                      "-1",
                                      "+1",
                                      "GiB",
                                      "1GiBs",
                                      "1 ",
                                      " 1",
                                      "1e3",
                                      "0x10",
                                      "1 B",
                                      "1,000",
                                      "8EiB",
                                      "10EB",
                                      "1ZiB",
                                      "1Mbit",
                                      "1 GB",
                                      "1byte",
                                      "1%",
                                      "9223372036854775808",
                                      "99999999999999999999999999"};

    for (guint i = 0; i < G_N_ELEMENTS(good); i++)
        accepts(units_parse_bytes, good[i].text, good[i].value);
    for (guint i = 0; i < G_N_ELEMENTS(bad); i++)
        refuses(units_parse_bytes, bad[i]);
}

Test(units, bits)
{
    static const char *const bad[] = {"1kBit", "1Kbit",   "1mbit",  "1MB",    "bit",
                                      "-1bit", "1.5Mbit", "1 Mbit", "9Eibit", "10Ebit"};

    accepts(units_parse_bits, "5", 5);
    accepts(units_parse_bits, "5bit", 5);
    accepts(units_parse_bits, "1kbit", 1000);
    accepts(units_parse_bits, "100Mbit", 100000000);
    accepts(units_parse_bits, "1Gbit", 1000000000);
    accepts(units_parse_bits, "1Tbit", G_GINT64_CONSTANT(1000000000000));
    accepts(units_parse_bits, "1Pbit", G_GINT64_CONSTANT(1000000000000000));
    accepts(units_parse_bits, "9Ebit", G_GINT64_CONSTANT(9000000000000000000));
    accepts(units_parse_bits, "1Kibit", 1024);
    accepts(units_parse_bits, "1Mibit", 1048576);
    accepts(units_parse_bits, "1Gibit", 1073741824);
    accepts(units_parse_bits, "1Tibit", G_GINT64_CONSTANT(1099511627776));
    accepts(units_parse_bits, "1Pibit", G_GINT64_CONSTANT(1125899906842624));
    accepts(units_parse_bits, "7Eibit", G_GINT64_CONSTANT(8070450532247928832));
    for (guint i = 0; i < G_N_ELEMENTS(bad); i++)
        refuses(units_parse_bits, bad[i]);
}

Test(units, format)
{
    static const struct {
        gint64 value;
        const char *text;
    } cases[] = {{0, "0B"},
                 {1, "1B"},
                 {1000, "1000B"},
                 {1024, "1KiB"},
                 {1536, "1536B"},
                 {1073741824, "1GiB"},
                 {G_GINT64_CONSTANT(10) << 30, "10GiB"},
                 {G_GINT64_CONSTANT(1) << 60, "1EiB"},
                 {G_MAXINT64, "9223372036854775807B"}};

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *text = units_format_bytes(cases[i].value);

        cr_expect_str_eq(text, cases[i].text);
        accepts(units_parse_bytes, text, cases[i].value);
    }
}

Test(units, duration)
{
    static const char *const bad[] = {"",
                                      "s",
                                      "1x",
                                      "-1s",
                                      "1.5h",
                                      "1h 30m",
                                      "30m1h",
                                      "1h1h",
                                      "1h30",
                                      "1 h",
                                      "99999999999999999999s",
                                      "9223372036854775807w"};

    accepts(units_parse_duration, "90", 90);
    accepts(units_parse_duration, "90s", 90);
    accepts(units_parse_duration, "2m", 120);
    accepts(units_parse_duration, "1h30m", 5400);
    accepts(units_parse_duration, "2h", 7200);
    accepts(units_parse_duration, "7d", 604800);
    accepts(units_parse_duration, "1w1d1h1m1s", 604800 + 86400 + 3600 + 61);
    accepts(units_parse_duration, "0", 0);
    for (guint i = 0; i < G_N_ELEMENTS(bad); i++)
        refuses(units_parse_duration, bad[i]);
}
