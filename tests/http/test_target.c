/* Paths, queries and ranges. */
#include <criterion/criterion.h>

#include "http/range.h"
#include "http/target.h"

static char *joined(const char *text)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Target) target = target_parse(text, &error);

    return target != NULL ? g_strjoinv("|", (char **)target_segments(target)) : NULL;
}

static void expect_segments(const char *text, const char *wanted)
{
    g_autofree char *got = joined(text);

    cr_expect(g_strcmp0(got, wanted) == 0, "%s gives %s, not %s", text,
              got != NULL ? got : "an error", wanted != NULL ? wanted : "an error");
}

Test(target, segments)
{
    expect_segments("/", "");
    expect_segments("/1.0", "1.0");
    expect_segments("/1.0/", "1.0");
    expect_segments("//1.0//instances", "1.0|instances");
    expect_segments("/1.0/a%2Fb/c", "1.0|a/b|c");
    expect_segments("/a+b/%e2%82%ac", "a+b|\xe2\x82\xac");
    expect_segments("/../etc/./x", "..|etc|.|x");
    expect_segments("http://host:1/1.0?x", "1.0");
    expect_segments("HTTPS://host", "");
}

Test(target, refused)
{
    static const char *const bad[] = {"",      "1.0",  "*",      "/%",      "/%2",
                                      "/%zz",  "/%00", "/a%0ab", "/\x7f",   "/%ff",
                                      "/\xff", "/a#b", "/?%",    "/?a=%00", "/?%ff=1"};

    for (guint i = 0; i < G_N_ELEMENTS(bad); i++)
        expect_segments(bad[i], NULL);
}

Test(target, query)
{
    g_autoptr(Target) target = target_parse("/x?a=1&b&a=2+3&&c=%26%3D&=e", NULL);
    g_autofree const char **all = target_query_all(target, "a");
    g_autofree const char **names = target_query_names(target);
    g_autofree char *all_text = g_strjoinv("|", (char **)all);
    g_autofree char *names_text = g_strjoinv("|", (char **)names);

    cr_expect_str_eq(target_path(target), "/x");
    cr_expect_str_eq(target_query(target, "a"), "1");
    cr_expect_str_eq(target_query(target, "b"), "");
    cr_expect_str_eq(target_query(target, "c"), "&=");
    cr_expect_str_eq(target_query(target, ""), "e");
    cr_expect(target_query(target, "d") == NULL);
    cr_expect_str_eq(all_text, "1|2 3");
    cr_expect_str_eq(names_text, "a|b|c|");
}

Test(target, too_many_parameters)
{
    g_autoptr(GString) text = g_string_new("/?a");

    for (int i = 0; i < 999; i++)
        g_string_append(text, "&a");
    expect_segments(text->str, "");
    g_string_append(text, "&a");
    expect_segments(text->str, NULL);
}

static void expect_range(const char *text, guint64 size, RangeResult wanted, guint64 first,
                         guint64 length)
{
    guint64 got_first = 0;
    guint64 got_length = 0;
    RangeResult got = range_parse(text, size, &got_first, &got_length);

    cr_expect(got == wanted && got_first == first && got_length == length, "%s of %u: %d %u+%u",
              text, (guint)size, got, (guint)got_first, (guint)got_length);
}

Test(range, all)
{
    expect_range("bytes=0-0", 10, RANGE_PART, 0, 1);
    expect_range("bytes=3-", 10, RANGE_PART, 3, 7);
    expect_range("bytes=3-99", 10, RANGE_PART, 3, 7);
    expect_range("bytes=-4", 10, RANGE_PART, 6, 4);
    expect_range("bytes=-40", 10, RANGE_PART, 0, 10);
    expect_range("bytes=10-", 10, RANGE_BAD, 0, 0);
    expect_range("bytes=-0", 10, RANGE_BAD, 0, 0);
    expect_range("bytes=-1", 0, RANGE_BAD, 0, 0);
    expect_range("bytes=0-", 0, RANGE_BAD, 0, 0);
    expect_range("bytes=5-3", 10, RANGE_WHOLE, 0, 0);
    expect_range("bytes=0-1,3-4", 10, RANGE_WHOLE, 0, 0);
    expect_range("bytes=a-b", 10, RANGE_WHOLE, 0, 0);
    expect_range("bytes=18446744073709551615-", 10, RANGE_WHOLE, 0, 0);
    expect_range("lines=1-2", 10, RANGE_WHOLE, 0, 0);
}
