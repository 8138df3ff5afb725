#include "support.h"

#include <string.h>

char *data_path(const char *name)
{
    return g_build_filename(TEST_DATA, name, NULL);
}

char *data_read(const char *name, gsize *ret_length)
{
    g_autofree char *path = data_path(name);
    char *text = NULL;

    cr_assert(g_file_get_contents(path, &text, ret_length, NULL), "cannot read %s", path);
    return text;
}

Input *parse_text(const char *text, Problems *problems)
{
    Input *input = input_new();

    input_parse(input, "t.yaml", text, strlen(text), NULL, problems);
    return input;
}

Problems *check_text(const char *text)
{
    Problems *problems = problems_new();
    g_autoptr(Input) input = parse_text(text, problems);
    g_autoptr(Snapshot) empty = snapshot_new();
    g_autoptr(Snapshot) snapshot = snapshot_change(empty, input->objects, NULL);

    for (guint i = 0; i < input->objects->len; i++)
        validate_object(snapshot, input->objects->pdata[i], problems);
    validate_snapshot(snapshot, NULL, problems);
    return problems;
}

char *problems_lines(const Problems *problems)
{
    GString *lines = g_string_new(NULL);

    for (guint i = 0; i < problems->items->len; i++) {
        g_autofree char *line = problem_text(problems->items->pdata[i]);

        g_string_append_printf(lines, "%s\n", line);
    }
    return g_string_free(lines, FALSE);
}

void assert_problem(const Problems *problems, const char *part)
{
    g_autofree char *lines = problems_lines(problems);

    cr_assert(strstr(lines, part) != NULL, "no problem says '%s' in:\n%s", part, lines);
}

void assert_no_problem(const Problems *problems)
{
    g_autofree char *lines = problems_lines(problems);

    cr_assert(problems->items->len == 0, "unexpected:\n%s", lines);
}

char *input_lines(const Input *input)
{
    GString *lines = g_string_new(NULL);

    for (guint i = 0; i < input->objects->len; i++) {
        const Object *object = input->objects->pdata[i];
        g_autofree char *spec = json_text(object->spec);

        g_string_append_printf(lines, "%s %s\n", object->key, spec);
    }
    return g_string_free(lines, FALSE);
}

const Object *input_object(const Input *input, const char *key)
{
    for (guint i = 0; i < input->objects->len; i++)
        if (strcmp(((const Object *)input->objects->pdata[i])->key, key) == 0)
            return input->objects->pdata[i];
    cr_assert_fail("there is no %s", key);
    return NULL;
}

void assert_value(const Object *object, const char *path, const char *text)
{
    const char *value = json_string_at(object->spec, path);

    if (text == NULL)
        cr_assert_null(value, "%s %s is %s", object->key, path, value);
    else
        cr_assert(value != NULL && strcmp(value, text) == 0, "%s %s is %s, not %s", object->key,
                  path, value != NULL ? value : "unset", text);
}
