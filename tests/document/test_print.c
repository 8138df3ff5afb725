/* What is printed parses to the same objects (LAW-5). */
#include <string.h>

#include "print.h"
#include "support.h"

TestSuite(print, .timeout = 120);

static char *reprint(const Input *input, char **ret_text)
{
    g_autoptr(Problems) problems = problems_new();
    g_autoptr(Input) again = NULL;

    *ret_text = print_objects(input->objects);
    again = parse_text(*ret_text, problems);
    assert_no_problem(problems);
    return input_lines(again);
}

static int compare_lines(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Printing groups by kind: the order of objects of different kinds may change. */
static char *sorted(const char *lines)
{
    g_auto(GStrv) list = g_strsplit(lines, "\n", -1);

    qsort(list, g_strv_length(list), sizeof(char *), compare_lines);
    return g_strjoinv("\n", list);
}

Test(print, printed_files_parse_to_the_same)
{
    static const char *const names[] = {"everything", "preseed-short", "preseed-dump", "bom-crlf",
                                        "empty"};

    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autoptr(Problems) problems = problems_new();
        g_autofree char *name = g_strdup_printf("valid/%s.yaml", names[i]);
        g_autofree char *path = data_path(name);
        g_autoptr(Input) input = input_new();
        g_autofree char *text = NULL;
        g_autofree char *again = NULL;
        g_autofree char *before = NULL;
        g_autofree char *after = NULL;

        cr_assert(input_read(input, path, NULL, problems, NULL));
        assert_no_problem(problems);
        again = reprint(input, &text);
        before = sorted(again);
        {
            g_autofree char *lines = input_lines(input);

            /* An empty server section says nothing and is not printed. */
            after = sorted(g_str_has_prefix(lines, "server/// {\"config\":{}}\n")
                               ? strchr(lines, '\n') + 1
                               : lines);
        }
        cr_assert_str_eq(before, after, "%s", text);
    }
}

Test(print, the_layout_is_canonical)
{
    g_autoptr(Problems) problems = problems_new();
    g_autoptr(Input) input = parse_text(
        "instances:\n"
        "- {image: busybox, name: a, devices: {z: {type: none}, b: {type: none}}, state: running,\n"
        "   config: {user.b: 'yes', limits.cpu: 2, user.a: \"two\\nlines\\n\", user.c: '${x}'}}\n"
        "- {name: b, project: p, source: {fingerprint: aabb}, profiles: []}\n"
        "config: {user.z: 1}\n"
        "images: [{name: busybox, source: {builtin: busybox}}]\n",
        problems);
    g_autofree char *text = NULL;

    assert_no_problem(problems);
    text = print_objects(input->objects);
    cr_assert_str_eq(text, "config:\n"
                           "  user.z: \"1\"\n"
                           "images:\n"
                           "- name: busybox\n"
                           "  source: builtin:busybox\n"
                           "instances:\n"
                           "- name: a\n"
                           "  image: busybox\n"
                           "  state: running\n"
                           "  config:\n"
                           "    limits.cpu: \"2\"\n"
                           "    user.a: |\n"
                           "      two\n"
                           "      lines\n"
                           "    user.b: \"yes\"\n"
                           "    user.c: ${x}\n"
                           "  devices:\n"
                           "    b:\n"
                           "      type: none\n"
                           "    z:\n"
                           "      type: none\n"
                           "- name: b\n"
                           "  project: p\n"
                           "  profiles: []\n"
                           "  source:\n"
                           "    fingerprint: aabb\n");
}

/* A text that looks like a secret must not become one: the file is then one in which ${ can be
 * escaped. */
Test(print, what_is_no_secret_stays_text)
{
    g_autoptr(Problems) problems = problems_new();
    g_autoptr(Input) input =
        parse_text("vars: {}\n"
                   "profiles:\n"
                   "- name: p\n"
                   "  config: {user.a: '$${secret:env:X}', user.b: 'a $${b}'}\n",
                   problems);
    g_autofree char *text = print_objects(input->objects);

    assert_no_problem(problems);
    cr_assert_str_eq(text, "vars: {}\n"
                           "profiles:\n"
                           "- name: p\n"
                           "  config:\n"
                           "    user.a: $${secret:env:X}\n"
                           "    user.b: a $${b}\n");
}

/* What was declared as a secret is printed as it was declared. */
Test(print, references_come_back)
{
    static const char text[] = "config:\n"
                               "  core.trust_password: ${secret:file:/run/trust}\n"
                               "  user.x: ${secret:env:X}\n";
    static const char mixed[] = "vars: {}\n"
                                "config:\n"
                                "  user.x: a ${secret:credential:x.y} $${b}\n";
    g_autoptr(Problems) problems = problems_new();
    g_autoptr(Input) input = parse_text(text, problems);
    g_autoptr(Input) second = parse_text(mixed, problems);
    g_autofree char *printed = print_objects(input->objects);
    g_autofree char *printed_mixed = print_objects(second->objects);

    assert_no_problem(problems);
    cr_assert_str_eq(printed, text);
    cr_assert_str_eq(printed_mixed, mixed);
}

Test(print, nothing_prints_as_an_empty_map)
{
    g_autoptr(GPtrArray) none = g_ptr_array_new();
    g_autofree char *text = print_objects(none);

    cr_assert_str_eq(text, "{}\n");
}

/* EN-50: a secret is printed as a reference to it. */
Test(print, secrets_are_masked)
{
    g_autoptr(Problems) problems = problems_new();
    g_autoptr(Input) input = parse_text("config: {core.trust_password: hunter2}\n", problems);
    g_autofree char *text = print_objects(input->objects);

    cr_assert_null(strstr(text, "hunter2"));
    cr_assert_str_eq(
        text, "config:\n  core.trust_password: ${secret:file:/server/core.trust_password}\n");
}

Test(print, values_that_read_as_something_else_are_quoted)
{
    static const char *const quoted[] = {
        "",     "~",    "null",     "NULL",  "true", "Yes", "off",  "n",          "Y",
        "0",    "007",  "1.50",     "1e3",   "-5",   "+.5", ".inf", "-.INF",      ".nan",
        "0x1f", "0o17", "12:30:45", "1_000", "<<",   "=",   "5.",   "2022-05-01", "0b11"};
    static const char *const plain[] = {
        "a",  "1GiB", "10.0.0.1",          "10.0.0.0/8", "yes please", "1.2.3", "0-3", "nullable",
        "e1", "50%",  "00:16:3e:aa:bb:cc", "v1",         "1.5.x",      "./a",   "-a"};

    for (guint i = 0; i < G_N_ELEMENTS(quoted); i++)
        cr_assert(print_is_ambiguous(quoted[i]), "%s", quoted[i]);
    for (guint i = 0; i < G_N_ELEMENTS(plain); i++)
        cr_assert_not(print_is_ambiguous(plain[i]), "%s", plain[i]);
}

Test(print, json_values_print_as_yaml)
{
    g_autoptr(json_t) value =
        json_pack("{s:[s,i,b,n,f], s:{}, s:[], s:s, s:{s:{s:s}}}", "list", "a", 5, 1, 1.5, "map",
                  "none", "text", "a: b #c\nd\n", "deep", "er", "est", "x");
    g_autofree char *flat = print_yaml(value, 0);
    g_autofree char *indented = print_yaml(value, 3);
    g_autofree char *word = NULL;
    g_autoptr(json_t) text = json_string("true");

    cr_assert_str_eq(
        flat,
        "deep:\n  er:\n    est: x\nlist:\n- a\n- 5\n- true\n- null\n- 1.5\nmap: {}\nnone: []\n"
        "text: |\n  a: b #c\n  d\n");
    cr_assert_str_eq(indented, "   deep:\n     er:\n       est: x\n   list:\n   - a\n   - 5\n   - "
                               "true\n   - null\n   - 1.5\n"
                               "   map: {}\n   none: []\n   text: |\n     a: b #c\n     d\n");
    word = print_yaml(text, 0);
    cr_assert_str_eq(word, "\"true\"\n");
}

/* Random texts of what YAML finds special. */
static const char *const PIECES[] = {
    " ",
    "  ",
    "\t",
    "\n",
    "\n\n",
    "\r",
    ":",
    ": ",
    "#",
    " #",
    "-",
    "- ",
    "'",
    "\"",
    "\\",
    "{",
    "}",
    "[",
    "]",
    "$",
    "${",
    "$$",
    "a",
    "b1",
    "é",
    "\xf0\x9f\x90\xa7",
    "\xc2\x85",
    "\xe2\x80\xa8",
    "\xef\xbb\xbf",
    "\x7f",
    "\x01",
    "\x1b",
    "%",
    "@",
    "`",
    "!",
    "&a",
    "*a",
    "|",
    ">",
    "?",
    ",",
    "~",
    "null",
    "yes",
    "0",
    "1.5",
    "---",
    "...",
    "<<",
    "=",
    "\xc2\xa0",
    "/",
    "word",
};

static char *random_text(GRand *random, guint pieces)
{
    GString *text = g_string_new(NULL);

    for (guint i = g_rand_int_range(random, 1, (gint32)pieces); i > 0; i--)
        g_string_append(text, PIECES[g_rand_int_range(random, 0, G_N_ELEMENTS(PIECES))]);
    return g_string_free(text, FALSE);
}

static Object *random_object(GRand *random, guint number)
{
    static const KindId kinds[] = {KIND_PROJECT, KIND_NETWORK, KIND_PROFILE, KIND_INSTANCE};
    KindId kind = kinds[number % G_N_ELEMENTS(kinds)];
    json_t *spec = json_pack("{s:{}}", "config");
    g_autofree char *description = random_text(random, 8);
    g_autofree char *suffix = random_text(random, 3);
    g_autofree char *name = g_strdup_printf("o%u%s", number, suffix);

    json_object_set_new(spec, "description", json_string(description));
    for (gint32 i = g_rand_int_range(random, 0, 6); i > 0; i--) {
        g_autofree char *part = random_text(random, 3);
        g_autofree char *key = g_strconcat("user.", part, NULL);
        g_autofree char *value = random_text(random, 12);

        json_object_set_new(json_object_get(spec, "config"), key, json_string(value));
    }
    if (kind == KIND_PROFILE || kind == KIND_INSTANCE) {
        g_autofree char *device = random_text(random, 3);
        g_autofree char *value = random_text(random, 6);

        json_object_set_new(spec, "devices",
                            json_pack("{s:{s:s, s:s}}", device, "type", "none", "user.x", value));
    }
    if (kind == KIND_INSTANCE) {
        g_autofree char *image = random_text(random, 4);

        json_object_set_new(spec, "source", json_pack("{s:s}", "alias", image));
    }
    return object_new(kind, kind == KIND_PROJECT ? "" : "default", NULL, name, spec, NULL);
}

/* Whatever text an object holds, printing and reading give it back. */
Test(print, random_objects_survive)
{
    for (guint seed = 0; seed < 1500; seed++) {
        g_autoptr(GRand) random = g_rand_new_with_seed(seed);
        g_autoptr(Input) input = input_new();
        g_autofree char *text = NULL;
        g_autofree char *after = NULL;
        g_autofree char *before = NULL;
        g_autofree char *left = NULL;
        g_autofree char *right = NULL;

        for (guint i = 0; i < 4; i++)
            g_ptr_array_add(input->objects, random_object(random, i));
        after = reprint(input, &text);
        before = input_lines(input);
        left = sorted(before);
        right = sorted(after);
        cr_assert_str_eq(left, right, "seed %u:\n%s", seed, text);
    }
}

/* print_yaml agrees with the reader too. */
Test(print, random_json_survives)
{
    for (guint seed = 0; seed < 1500; seed++) {
        g_autoptr(GRand) random = g_rand_new_with_seed(seed);
        g_autoptr(json_t) value = json_object();
        g_autoptr(Problems) problems = problems_new();
        g_autoptr(Object) object = NULL;
        g_autofree char *body = NULL;
        g_autofree char *before = NULL;
        g_autofree char *after = NULL;

        for (guint i = 0; i < 5; i++) {
            g_autofree char *key = g_strdup_printf("user.%u", i);
            g_autofree char *text = random_text(random, 10);

            json_object_set_new(value, key, json_string(text));
        }
        {
            g_autoptr(json_t) whole = json_pack("{s:O}", "config", value);

            body = print_yaml(whole, 0);
        }
        object = document_parse_body(KINDS[KIND_PROFILE], NULL, "p", "body", body, strlen(body),
                                     problems);
        assert_no_problem(problems);
        before = json_text(value);
        after = json_text(json_object_get(object->spec, "config"));
        cr_assert_str_eq(after, before, "seed %u:\n%s", seed, body);
    }
}
