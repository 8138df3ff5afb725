/* Label selectors: kubectl's grammar and what fits. */
#include <criterion/criterion.h>
#include <string.h>

#include "error.h"
#include "selector.h"

static gboolean fits(const char *text, const char *labels)
{
    json_t *spec = json_pack("{s:o}", "labels", json_loads(labels, 0, NULL));
    g_autoptr(Object) object = object_new(KIND_INSTANCE, "default", "", "x", spec, NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(Selector) selector = selector_parse(text, &error);

    cr_assert_not_null(selector, "%s: %s", text, error != NULL ? error->message : "");
    return selector_matches(selector, object);
}

Test(selector, fits)
{
    static const struct {
        const char *text, *labels;
        gboolean expected;
    } cases[] = {
        {"a=b", "{\"a\": \"b\"}", TRUE},
        {"a=b", "{\"a\": \"c\"}", FALSE},
        {"a=b", "{}", FALSE},
        {"a==b", "{\"a\": \"b\"}", TRUE},
        {"a!=b", "{\"a\": \"b\"}", FALSE},
        {"a!=b", "{\"a\": \"c\"}", TRUE},
        {"a!=b", "{}", TRUE},
        {"a", "{\"a\": \"\"}", TRUE},
        {"a", "{\"b\": \"x\"}", FALSE},
        {"!a", "{\"b\": \"x\"}", TRUE},
        {"!a", "{\"a\": \"x\"}", FALSE},
        {"! a", "{\"a\": \"x\"}", FALSE},
        {"a=", "{\"a\": \"\"}", TRUE},
        {"a=", "{\"a\": \"x\"}", FALSE},
        {"a in (x,y)", "{\"a\": \"y\"}", TRUE},
        {"a in ( x , y )", "{\"a\": \"x\"}", TRUE},
        {"a in (x,y)", "{\"a\": \"z\"}", FALSE},
        {"a in (x,y)", "{}", FALSE},
        {"a in (x,)", "{\"a\": \"\"}", TRUE},
        {"a notin (x,y)", "{\"a\": \"z\"}", TRUE},
        {"a notin (x,y)", "{}", TRUE},
        {"a notin (x,y)", "{\"a\": \"x\"}", FALSE},
        {"a=b,c=d", "{\"a\": \"b\", \"c\": \"d\"}", TRUE},
        {"a=b,c=d", "{\"a\": \"b\", \"c\": \"e\"}", FALSE},
        {" a = b , !c , d in (e) ", "{\"a\": \"b\", \"d\": \"e\"}", TRUE},
        {"in in (in)", "{\"in\": \"in\"}", TRUE},
        {"example.org/a-b_c=1.2", "{\"example.org/a-b_c\": \"1.2\"}", TRUE},
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++)
        cr_expect_eq(fits(cases[i].text, cases[i].labels), cases[i].expected, "%s on %s",
                     cases[i].text, cases[i].labels);
}

Test(selector, mistakes_are_told_with_their_place)
{
    static const char *const texts[] = {"",       ",",       "a,",       "a=b c",     "=b",
                                        "a in b", "a in (b", "a on (b)", "a in (b))", "!a=b",
                                        "a=b=c",  "a(b)",    "a notin",  "a in (b c)"};

    for (guint i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(Selector) selector = selector_parse(texts[i], &error);

        cr_assert_null(selector, "%s", texts[i]);
        cr_expect(g_error_matches(error, BERTH_ERROR, ERR_USAGE));
        cr_expect_not_null(strstr(error->message, "at character "), "%s", error->message);
    }
}

Test(selector, none_fits_all)
{
    g_autoptr(Object) object = object_new(KIND_INSTANCE, "default", "", "x", json_object(), NULL);

    cr_assert(selector_matches(NULL, object));
}
