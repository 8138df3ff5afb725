/* The filter language, a test for each row of API-046 to API-055. */
#include <criterion/criterion.h>

#include "error.h"
#include "filter.h"

static gboolean matches(const char *text, const char *object)
{
    g_autofree char *quoted = g_strdelimit(g_strdup(object), "'", '"');
    g_autoptr(json_t) value = json_loads(quoted, 0, NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(Filter) filter = filter_parse(text, &error);

    cr_assert(value != NULL, "no JSON: %s", quoted);
    cr_assert(filter != NULL, "%s: %s", text, error != NULL ? error->message : "");
    return filter_matches(filter, value);
}

static void refused(const char *text, const char *message)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Filter) filter = filter_parse(text, &error);

    cr_assert(filter == NULL, "%s is taken", text);
    cr_expect(g_error_matches(error, BERTH_ERROR, ERR_INVALID));
    cr_expect_str_eq(error->message, message, "%s: %s", text, error->message);
}

#define YES(text, object) cr_expect(matches(text, object), "%s does not match %s", text, object)
#define NO(text, object) cr_expect(!matches(text, object), "%s matches %s", text, object)

#define C1                                                                                         \
    "{'name': 'c1', 'status': 'Running', 'stateful': false, 'architecture': 'x86_64', 'pid': 42, " \
    "'config': {'image.os': 'Ubuntu', 'user.a.b': 'x'}, 'profiles': ['default'], "                 \
    "'devices': {'eth0': {'nictype': 'bridged'}}, 'update_source': null}"

Test(filter, absent_is_everything) /* API-046 */
{
    g_autoptr(json_t) object = json_object();

    YES("", C1);
    YES("  \t", C1);
    cr_expect(filter_matches(NULL, object));
}

Test(filter, grammar) /* API-047 */
{
    YES("name eq c1", C1);
    YES("name ne c2", C1);
    YES("not name eq c2", C1);
    YES("NOT name eq c2", C1);
    YES("nOt name ne c1", C1);
    YES("  name\teq\n c1 ", C1);
    refused("name EQ c1", "invalid operator \"EQ\": use eq or ne");
    refused("name eq c1 AND name eq c1", "invalid clause composition");
    refused("name = c1", "invalid operator \"=\": use eq or ne");
}

Test(filter, left_to_right) /* API-048 */
{
    /* (true or true) and false; with precedence it would be true. */
    NO("name eq c1 or name eq c1 and name eq c2", C1);
    YES("name eq c2 and name eq c2 or name eq c1", C1);
    /* `not` is of its own clause only. */
    YES("not name eq c2 or name eq c2", C1);
    NO("not name eq c1 and name eq c1", C1);
}

Test(filter, quotes) /* API-049 */
{
    YES("name eq \"my container\"", "{'name': 'my container'}");
    YES("name eq \"my   container\"", "{'name': 'my container'}");
    YES("name eq \"a b c\" and status eq Running", "{'name': 'a b c', 'status': 'Running'}");
    YES("name eq \"one\"", "{'name': 'one'}");
    YES("name eq \"\"", "{'name': ''}");
    NO("name eq a\"b", "{'name': 'ab'}");
    refused("name eq \"my container", "unterminated quote");
    refused("name eq \"", "unterminated quote");
}

Test(filter, nested) /* API-050 */
{
    YES("config.image.os eq Ubuntu", C1);
    YES("config.user.a.b eq x", C1);
    YES("devices.eth0.nictype eq bridged", C1);
    NO("devices.eth1.nictype eq bridged", C1);
    YES("properties.os eq Debian", "{'properties': {'os': 'Debian'}}");
    /* A key with dots goes before a path. */
    YES("a.b eq key", "{'a.b': 'key', 'a': {'b': 'path'}}");
}

Test(filter, matching) /* API-051 */
{
    YES("name eq C1", C1);
    YES("name eq c.", C1);
    NO("name eq c", C1);
    YES("name eq ^c", C1);
    YES("name eq 1$", C1);
    NO("name eq c|d", C1);
    YES("name eq c|c1", C1);
    NO("Name eq c1", C1);
    /* No expression: as text, without regard to case. */
    YES("name eq A[", "{'name': 'a['}");
    NO("name eq a[", "{'name': 'a'}");
    YES("stateful eq false", C1);
    YES("pid eq 42", C1);
    NO("pid eq 4.", C1);
    YES("profiles eq [\"default\"]", C1);
}

Test(filter, missing) /* API-052 */
{
    NO("nothing eq x", C1);
    NO("nothing eq \"\"", C1);
    YES("nothing ne x", C1);
    YES("config.nothing eq \"\"", C1);
    NO("config.nothing ne \"\"", C1);
    NO("devices.nothing eq \"\"", C1);
    YES("update_source.protocol ne simplestreams", C1);
    YES("not update_source.protocol eq simplestreams", C1);
    NO("name.of.nothing eq \"\"", C1);
}

Test(filter, errors) /* API-053 */
{
    refused("not", "incomplete not clause");
    refused("name", "clause has no operator");
    refused("not name", "clause has no operator");
    refused("name eq", "clause has no value");
    refused("name eq \"a", "unterminated quote");
    refused("name eq a b", "invalid clause composition");
    refused("name eq a and", "unterminated compound clause");
    refused("name eq a or", "unterminated compound clause");
    refused("name eq a and not", "incomplete not clause");
}

/* API-054: decoding is the caller's; what cannot be text is refused. */
Test(filter, encoding)
{
    g_autofree char *large = g_strnfill(70000, 'a');

    refused("name eq \xff", "a filter is at most 65536 bytes of UTF-8");
    refused(large, "a filter is at most 65536 bytes of UTF-8");
    YES("name eq \xc3\x84", "{'name': '\xc3\xa4'}");
}

Test(filter, examples) /* API-055 */
{
    YES("name eq \"my container\" and status eq Running",
        "{'name': 'my container', 'status': 'Running'}");
    YES("config.image.os eq ubuntu or devices.eth0.nictype eq bridged", C1);
    YES("properties.os eq Centos and not update_source.protocol eq simplestreams",
        "{'properties': {'os': 'CentOS'}, 'update_source': null}");
    NO("properties.os eq Centos and not update_source.protocol eq simplestreams",
       "{'properties': {'os': 'CentOS'}, 'update_source': {'protocol': 'simplestreams'}}");
}

/* An expression that would take for ever ends, and does not match. */
Test(filter, bounded, .timeout = 10)
{
    NO("name eq (a+)+b",
       "{'name': 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'}");
}
