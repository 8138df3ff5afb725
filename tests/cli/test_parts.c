/* The parts of the command that need no program around them: exit statuses, tables, values, saved
 * plans, OBJ. */
#include <criterion/criterion.h>

#include "error.h"
#include "ready.h"
#include "select.h"
#include "table.h"
#include "view.h"

Test(status, each_error_has_the_exit_status_of_the_table)
{
    static const struct {
        ErrorCode code;
        int status;
    } table[] = {
        {ERR_FAILED, 1},
        {ERR_USAGE, 64},
        {ERR_INVALID, 65},
        {ERR_UNSUPPORTED, 65},
        {ERR_NOT_FOUND, 1},
        {ERR_EXISTS, 1},
        {ERR_CONFLICT, 7},
        {ERR_REFUSED, 8},
        {ERR_BUSY, 9},
        {ERR_ROLLED_BACK, 3},
        {ERR_ROLLBACK_INCOMPLETE, 4},
        {ERR_PARTIAL, 5},
        {ERR_NOT_READY, 6},
        {ERR_UNAVAILABLE, 69},
        {ERR_PERMISSION, 77},
        {ERR_INTERRUPTED, 130},
        {ERR_NOT_IMPLEMENTED, 1},
        {ERR_OWNED, 7},
        {ERR_TOO_OFTEN, 77},
    };

    cr_assert_eq(G_N_ELEMENTS(table), ERR_MAX, "a code without a row here");
    for (guint i = 0; i < G_N_ELEMENTS(table); i++) {
        g_autoptr(GError) error = NULL;

        cr_assert_not(error_set(&error, table[i].code, "text"));
        cr_expect_eq(error_exit_status(error), table[i].status, "code %d", table[i].code);
    }
}

Test(status, foreign_errors_are_failures)
{
    g_autoptr(GError) error = g_error_new(G_FILE_ERROR, G_FILE_ERROR_NOENT, "gone");

    cr_expect_eq(error_exit_status(error), 1);
    cr_expect_eq(error_exit_status(NULL), 1);
}

static Table *sample(void)
{
    Table *table = table_new((const char *const[]){"NAME", "TEXT", NULL});

    table_add(table, "a", "plain");
    table_add(table, "größe", "with, \"quotes\"\nand lines");
    table_add(table, "", NULL);
    return table;
}

Test(table, csv_is_quoted_as_rfc_4180_says)
{
    g_autoptr(Table) table = sample();
    g_autofree char *csv = table_csv(table);

    cr_assert_str_eq(csv,
                     "NAME,TEXT\r\na,plain\r\ngröße,\"with, \"\"quotes\"\"\nand lines\"\r\n,\r\n");
}

Test(table, columns_are_as_wide_as_their_letters)
{
    g_autoptr(Table) table = table_new((const char *const[]){"NAME", "X", NULL});
    g_autofree char *text = NULL;

    table_add(table, "größe", "1");
    table_add(table, "abcde", "2");
    text = table_text(table, FALSE);
    cr_assert_str_eq(text, "NAME   X\ngröße  1\nabcde  2\n");
}

Test(table, without_rows_there_is_no_text)
{
    g_autoptr(Table) table = table_new((const char *const[]){"NAME", NULL});
    g_autofree char *text = table_text(table, FALSE);
    g_autofree char *csv = table_csv(table);
    g_autoptr(json_t) list = table_json(table);

    cr_expect_str_eq(text, "");
    cr_expect_str_eq(csv, "NAME\r\n");
    cr_expect(json_is_array(list) && json_array_size(list) == 0);
}

Test(view, values_keep_control_characters_off_the_terminal)
{
    g_autoptr(json_t) plain = json_string("größe 1");
    g_autoptr(json_t) escape = json_string("a\033[31mb\n");
    g_autoptr(json_t) empty = json_string("");
    g_autofree char *a = view_value(plain);
    g_autofree char *b = view_value(escape);
    g_autofree char *c = view_value(empty);
    g_autofree char *d = view_value(NULL);

    cr_expect_str_eq(a, "größe 1");
    cr_expect_str_eq(b, "\"a\\u001B[31mb\\n\"");
    cr_expect_str_eq(c, "\"\"");
    cr_expect_str_eq(d, "(unset)");
}

Test(view, times_are_utc)
{
    g_autoptr(json_t) time = json_integer(1700000000);
    g_autoptr(json_t) none = json_integer(0);
    g_autofree char *a = view_time(time);
    g_autofree char *b = view_time(none);
    g_autofree char *c = view_time(NULL);

    cr_expect_str_eq(a, "2023-11-14T22:13:20Z");
    cr_expect_str_eq(b, "");
    cr_expect_str_eq(c, "");
}

/* Two instances and a profile. */
static Snapshot *model(void)
{
    g_autoptr(Snapshot) nothing = snapshot_new();
    g_autoptr(GPtrArray) objects = g_ptr_array_new_with_free_func((GDestroyNotify)object_unref);

    g_ptr_array_add(objects, object_new(KIND_INSTANCE, "default", "", "web1",
                                        json_pack("{s:{}, s:{}}", "config", "devices"), NULL));
    g_ptr_array_add(objects, object_new(KIND_INSTANCE, "default", "", "web2",
                                        json_pack("{s:{}, s:{}}", "config", "devices"), NULL));
    g_ptr_array_add(objects, object_new(KIND_PROFILE, "default", "", "web1",
                                        json_pack("{s:{}, s:{}}", "config", "devices"), NULL));
    return snapshot_change(nothing, objects, NULL);
}

static guint selected(const char *a, const char *b)
{
    g_autoptr(Snapshot) snapshot = model();
    char *words[] = {(char *)a, (char *)b, NULL};
    g_autoptr(GPtrArray) keys = select_keys(snapshot, words, "default", NULL);

    return keys != NULL ? keys->len : 99;
}

Test(select, names_patterns_and_kinds)
{
    cr_expect_eq(selected("instance/web1", NULL), 1);
    cr_expect_eq(selected("instance/web*", NULL), 2);
    cr_expect_eq(selected("instances", NULL), 2);
    cr_expect_eq(selected("instance/web1", "instance/web?"), 2, "each once");
    cr_expect_eq(selected("profile", "instance/web1"), 2);
    cr_expect_eq(selected("network", NULL), 0, "a kind without objects");
    cr_expect_eq(selected(NULL, NULL), 3);
}

Test(select, mistakes_say_what_is_wrong)
{
    g_autoptr(Snapshot) snapshot = model();
    g_autoptr(GError) kind = NULL;
    g_autoptr(GError) name = NULL;
    g_autoptr(GError) missing = NULL;
    char *words[] = {(char *)"instance/none", NULL};

    cr_expect_null(select_key(snapshot, "instanze/web1", "default", &kind));
    cr_expect(g_error_matches(kind, BERTH_ERROR, ERR_USAGE));
    cr_expect_null(select_key(snapshot, "instance/", "default", &name));
    cr_expect(g_error_matches(name, BERTH_ERROR, ERR_USAGE));
    cr_expect_null(select_keys(snapshot, words, "default", &missing));
    cr_expect(g_error_matches(missing, BERTH_ERROR, ERR_NOT_FOUND));
}

/* ---- ready (EN-35) ---- */

static void check_ready(KindId kind, const char *spec, const char *seen, gboolean to_run,
                        Readiness wanted, const char *reason)
{
    const ObjectId id = {kind, (char *)"default", (char *)"", (char *)"x"};
    Object object = {.id = id, .spec = json_loads(spec, 0, NULL)};
    g_autoptr(json_t) value = seen != NULL ? json_loads(seen, 0, NULL) : NULL;
    g_autofree char *told = NULL;

    cr_assert(object.spec != NULL && (value != NULL || seen == NULL), "bad JSON: %s", seen);
    cr_expect_eq(ready_judge(&object, value, NULL, to_run, &told), wanted, "%s", seen);
    cr_expect_eq(g_strcmp0(told, reason), 0, "%s: %s, not %s", seen, told, reason);
    json_decref(object.spec);
}

Test(ready, by_kind)
{
#define RUNNING                                                                                    \
    "'facts': {'running': {'state': 'running'}}, 'expected': {'running': {'state': 'running'}}"
#define ENDED "'facts': {}, 'expected': {'running': {'state': 'running'}}, 'ended': "
    static const struct {
        KindId kind;
        const char *seen;
        Readiness wanted;
        const char *reason;
    } table[] = {
        {KIND_PROFILE, "{'facts': {}, 'expected': {}}", READY_YES, NULL},
        {KIND_PROFILE, NULL, READY_NEVER, "is gone"},
        {KIND_POOL, "{'error': 'no'}", READY_NOT_YET, "cannot be looked at: no"},
        {KIND_POOL, "{'facts': {'backing': 1}, 'expected': {'backing': 1, 'mount': 1}}",
         READY_NOT_YET, "is not mounted"},
        {KIND_POOL, "{'facts': {'backing': 1}, 'expected': {'backing': 1}}", READY_YES, NULL},
        {KIND_NETWORK, "{'facts': {}, 'expected': {}}", READY_NOT_YET, "is not up"},
        {KIND_NETWORK,
         "{'facts': {'link': {'up': true}}, 'expected': {'addresses': ['10.0.0.1/24']}}",
         READY_NOT_YET, "has not its address 10.0.0.1/24"},
        {KIND_NETWORK,
         "{'facts': {'link': {'up': true}, 'dnsmasq': {'running': true, 'leases': 'lost'}}, "
         "'expected': {'dnsmasq': {}}}",
         READY_NOT_YET, "has a DHCP and DNS server that does not answer"},
        {KIND_NETWORK,
         "{'facts': {'link': {'up': true}, 'dnsmasq': {'running': true}}, 'expected': "
         "{'dnsmasq': {}}}",
         READY_YES, NULL},
        {KIND_INSTANCE, "{" RUNNING ", 'nics': {'eth0': {'network': 'lan'}}}", READY_NOT_YET,
         "has no address on network lan (eth0)"},
        {KIND_INSTANCE, "{" RUNNING ", 'nics': {'eth0': {'network': 'lan', 'address': '::1'}}}",
         READY_YES, NULL},
        {KIND_INSTANCE, "{'facts': {}, 'expected': {}}", READY_YES, NULL},
        {KIND_INSTANCE, "{'facts': {}, 'expected': {'running': {'state': 'running'}}}",
         READY_NOT_YET, "does not run"},
        {KIND_INSTANCE, "{" ENDED "{'what': 'stopped'}}", READY_YES, NULL},
        {KIND_INSTANCE, "{" ENDED "{'what': 'rebooted'}}", READY_NOT_YET, "does not run"},
        {KIND_INSTANCE, "{" ENDED "{'what': 'crashed', 'status': 3}}", READY_NEVER,
         "crashed (status 3)"},
        {KIND_INSTANCE, "{" ENDED "{'what': 'crashed', 'signal': 9}}", READY_NEVER,
         "crashed (signal 9)"},
        {KIND_INSTANCE, "{" ENDED "{'what': 'lost'}}", READY_NEVER, "died with its monitor"},
    };

    for (guint i = 0; i < G_N_ELEMENTS(table); i++) {
        g_autofree char *seen = g_strdup(table[i].seen);

        if (seen != NULL)
            g_strdelimit(seen, "'", '"');
        check_ready(table[i].kind, "{}", seen, FALSE, table[i].wanted, table[i].reason);
    }
}

Test(ready, who_declares_no_state_has_to_run_only_when_asked)
{
    check_ready(KIND_INSTANCE, "{}", "{\"facts\": {}, \"expected\": {}}", TRUE, READY_NOT_YET,
                "does not run");
    check_ready(KIND_INSTANCE, "{\"state\": \"stopped\"}", "{\"facts\": {}, \"expected\": {}}",
                TRUE, READY_YES, NULL);
}

Test(ready, degraded_never_is)
{
    Object object = {.id = {.kind = KIND_POOL}};
    g_autoptr(json_t) seen = json_pack("{s:{}, s:{}}", "facts", "expected");
    g_autofree char *told = NULL;

    cr_expect_eq(ready_judge(&object, seen, "data are gone", FALSE, &told), READY_NEVER);
    cr_expect_str_eq(told, "is degraded: data are gone");
}
