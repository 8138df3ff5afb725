/* `berth fmt`: layout changes, nothing else does. */
#include <string.h>

#include "print.h"
#include "support.h"

TestSuite(format, .timeout = 120);

static char *format(const char *text)
{
    g_autoptr(GError) error = NULL;
    char *formatted = print_format("t.yaml", text, strlen(text), &error);

    cr_assert_not_null(formatted, "%s", error != NULL ? error->message : "");
    return formatted;
}

static void assert_format(const char *text, const char *expected)
{
    g_autofree char *formatted = format(text);
    g_autofree char *again = format(formatted);

    cr_assert_str_eq(formatted, expected, "from:\n%s\ncame:\n%s", text, formatted);
    cr_assert_str_eq(again, formatted);
}

Test(format, indentation)
{
    assert_format("networks:\n"
                  "    - name: lan\n"
                  "      config:\n"
                  "              ipv4.nat: true\n"
                  "    -   name: wan\n"
                  "        type: bridge\n",
                  "networks:\n"
                  "- name: lan\n"
                  "  config:\n"
                  "    ipv4.nat: true\n"
                  "- name: wan\n"
                  "  type: bridge\n");
    assert_format("a:\n - - x\n   - y\n - z\n", "a:\n- - x\n  - y\n- z\n");
    assert_format("- a:\n    b:\n     c: d\n", "- a:\n    b:\n      c: d\n");
    assert_format("a:\n    x\n", "a:\n  x\n");
    assert_format("-\n  a: b\n", "-\n  a: b\n");
}

Test(format, spacing_and_quotes)
{
    assert_format("a:    b\nc :   d\n'e': 'f g'\n\"h\": \"i\"\n", "a: b\nc: d\ne: f g\nh: i\n");
    assert_format(
        "a: 'yes'\nb: \"1\"\nc: ''\nd: 'null'\ne: \"x: y\"\nf: ' x'\ng: '#x'\nh: \"tab\\t\"\n",
        "a: 'yes'\nb: \"1\"\nc: ''\nd: 'null'\ne: \"x: y\"\nf: ' x'\ng: '#x'\nh: \"tab\\t\"\n");
    assert_format("a: {b: c,d: 'e'  ,  f: [1,2 , 3]  }\n", "a: {b: c, d: 'e', f: [1, 2, 3]}\n");
    assert_format("a: [ ]\nb: {  }\nc: {\"x\":1}\n", "a: []\nb: {}\nc: {\"x\": 1}\n");
    assert_format("a: b   \n\n\n\nc: d\n\n\n", "a: b\n\nc: d\n");
    assert_format("\n\n\na: b", "a: b\n");
    assert_format("a: b\r\nc: d\r\n", "a: b\nc: d\n");
    assert_format("\xef\xbb\xbf"
                  "a: b\n",
                  "a: b\n");
}

Test(format, comments_stay)
{
    assert_format("#top\n"
                  "\n"
                  "   # indented\n"
                  "networks:   # the networks\n"
                  "    # before the entry\n"
                  "    - name: lan     # its name\n"
                  "      # before config\n"
                  "      config:\n"
                  "          # within config\n"
                  "          ipv4.nat: 'true' # quoted\n"
                  "          # last of config\n"
                  "# end\n",
                  "#top\n"
                  "\n"
                  "# indented\n"
                  "networks: # the networks\n"
                  "# before the entry\n"
                  "- name: lan # its name\n"
                  "  # before config\n"
                  "  config:\n"
                  "    # within config\n"
                  "    ipv4.nat: 'true' # quoted\n"
                  "    # last of config\n"
                  "# end\n");
    assert_format("a: 'x # no comment'\nb: \"# neither\"\nc: d#nor this\n",
                  "a: 'x # no comment'\nb: \"# neither\"\nc: d#nor this\n");
    assert_format("# only a comment\n", "# only a comment\n");
    assert_format("", "");
}

Test(format, block_scalars_move_as_a_whole)
{
    assert_format("a:\n"
                  "     b: |   # why\n"
                  "              first\n"
                  "                indented\n"
                  "\n"
                  "              # text\n"
                  "     c: >-\n"
                  "       folded\n"
                  "       text\n"
                  "\n"
                  "     d: e\n",
                  "a:\n"
                  "  b: | # why\n"
                  "    first\n"
                  "      indented\n"
                  "\n"
                  "    # text\n"
                  "  c: >-\n"
                  "    folded\n"
                  "    text\n"
                  "  d: e\n");
    assert_format("a: |+\n   x\n\n\nb: c\n", "a: |+\n  x\n\n\nb: c\n");
    assert_format("a:\n    b: |2\n        x\n       y\n", "a:\n  b: |2\n      x\n     y\n");
    assert_format("- |\n   x\n", "- |\n  x\n");
}

Test(format, continued_text_and_flow)
{
    assert_format("a:\n     b: some\n        plain text\n     c: \"quoted\n        text\"\n",
                  "a:\n  b: some\n    plain text\n  c: \"quoted\n    text\"\n");
    assert_format("a:\n      b: {\n        c: d,   # why\n        e: f\n      }\n",
                  "a:\n  b: {\n    c: d,   # why\n    e: f\n  }\n");
    assert_format("{\n  \"a\": 1,\n  \"b\": [1, 2]\n}\n", "{\n  \"a\": 1,\n  \"b\": [1, 2]\n}\n");
}

Test(format, documents_anchors_tags)
{
    assert_format("---\na:   &x\n    b: c\nd:   *x\n---\ne:   !!str 5\n...\n",
                  "---\na: &x\n  b: c\nd: *x\n---\ne: !!str 5\n...\n");
    assert_format("a:\n  - &x   b\n  - <<:   &y {c: d}\n    e: f\n",
                  "a:\n- &x b\n- <<: &y {c: d}\n  e: f\n");
}

/* When it cannot tell, the text stays as it was, byte for byte. */
Test(format, unsure_is_unchanged)
{
    assert_format("? a\n:    b\n", "? a\n:    b\n");
    assert_format("a:    b\rc:   d", "a:    b\rc:   d");
    assert_format("a:    'b\xe2\x80\xa8  c'\n", "a:    'b\xe2\x80\xa8  c'\n");
    assert_format("%YAML 1.1\n---\na:    b\n", "%YAML 1.1\n---\na:    b\n");
}

Test(format, a_broken_file_is_an_error)
{
    g_autoptr(GError) error = NULL;

    cr_assert_null(print_format("t.yaml", "a: [b\n", 6, &error));
    cr_assert(g_str_has_prefix(error->message, "t.yaml:"), "%s", error->message);
    g_clear_error(&error);
    cr_assert_null(print_format("t.yaml", "a: b\na: c\n", 10, &error));
    cr_assert_not_null(strstr(error->message, "the key a is here twice"));
}

/* Files of all sorts: values, order and comments stay, a second run changes nothing. */
Test(format, files_keep_their_values)
{
    static const char *const folders[] = {"valid", "directory", "directory/nested"};

    for (guint i = 0; i < G_N_ELEMENTS(folders); i++) {
        g_autofree char *folder = data_path(folders[i]);
        g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
        const char *name;

        while ((name = g_dir_read_name(dir)) != NULL) {
            g_autofree char *path = g_build_filename(folder, name, NULL);
            g_autofree char *text = NULL;
            g_autofree char *formatted = NULL;
            g_autofree char *before = NULL;
            g_autofree char *after = NULL;
            g_autoptr(Problems) problems = problems_new();
            g_autoptr(Input) old = input_new();
            g_autoptr(Input) new = input_new();
            gsize length;

            if (!g_str_has_suffix(name, "l") && !g_str_has_suffix(name, ".json"))
                continue;
            cr_assert(g_file_get_contents(path, &text, &length, NULL));
            formatted = print_format(path, text, length, NULL);
            cr_assert_not_null(formatted);
            input_parse(old, path, text, length, NULL, problems);
            input_parse(new, path, formatted, strlen(formatted), NULL, problems);
            before = input_lines(old);
            after = input_lines(new);
            cr_assert_str_eq(after, before);
            {
                g_autofree char *again = print_format(path, formatted, strlen(formatted), NULL);

                cr_assert_str_eq(again, formatted);
            }
        }
    }
}
