/* Fuzz target: state files and bodies. Nothing may crash; what is accepted must survive printing
 * (LAW-5), and `fmt` must change nothing but the layout. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "document.h"
#include "print.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int compare_lines(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* "KEY SPEC" of all objects, sorted. */
static char *lines_of(const Input *input)
{
    g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);
    GString *text = g_string_new(NULL);

    for (guint i = 0; i < input->objects->len; i++) {
        const Object *object = input->objects->pdata[i];
        g_autofree char *spec = json_text(object->spec);

        /* A server section without keys is not printed. */
        if (object->id.kind != KIND_SERVER ||
            json_object_size(json_object_get(object->spec, "config")) > 0)
            g_ptr_array_add(lines, g_strdup_printf("%s %s\n", object->key, spec));
    }
    g_ptr_array_sort(lines, compare_lines);
    for (guint i = 0; i < lines->len; i++)
        g_string_append(text, lines->pdata[i]);
    return g_string_free(text, FALSE);
}

/* A secret is printed as a reference, so that it cannot come back. */
static gboolean has_secret(const Input *input)
{
    g_autofree char *text = print_objects(input->objects);

    return strstr(text, ": ${secret:") != NULL;
}

static void check_same(const char *before, const char *after, const char *text)
{
    if (strcmp(before, after) == 0)
        return;
    g_printerr("before:\n%s\nafter:\n%s\ntext:\n%s\n", before, after, text);
    abort();
}

static void try_printing(const Input *input)
{
    g_autoptr(Problems) problems = problems_new();
    g_autoptr(Input) again = input_new();
    g_autofree char *text = print_objects(input->objects);
    g_autofree char *before = lines_of(input);
    g_autofree char *after = NULL;

    input_parse(again, "again", text, strlen(text), NULL, problems);
    after = lines_of(again);
    check_same(before, after, text);
}

static void try_format(const char *text, size_t size)
{
    g_autofree char *formatted = print_format("t", text, size, NULL);
    g_autofree char *again = NULL;
    g_autoptr(Problems) problems = problems_new();
    g_autoptr(Input) old = input_new();
    g_autoptr(Input) new = input_new();
    g_autofree char *before = NULL;
    g_autofree char *after = NULL;

    if (formatted == NULL)
        return;
    again = print_format("t", formatted, strlen(formatted), NULL);
    check_same(formatted, again != NULL ? again : "", text);
    input_parse(old, "t", text, size, NULL, problems);
    input_parse(new, "t", formatted, strlen(formatted), NULL, problems);
    before = lines_of(old);
    after = lines_of(new);
    check_same(before, after, formatted);
}

static void try_body(const Kind *kind, const char *text, size_t size)
{
    g_autoptr(Problems) problems = problems_new();
    g_autoptr(Object) object = document_parse_body(kind, NULL, NULL, "t", text, size, problems);

    if (object != NULL)
        validate_object(NULL, object, problems);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *text = g_strndup((const char *)data, size);
    g_autoptr(Problems) problems = problems_new();
    g_autoptr(Input) input = input_new();
    g_autoptr(Snapshot) empty = snapshot_new();
    g_autoptr(Snapshot) snapshot = NULL;
    g_autoptr(GError) error = NULL;
    gboolean sound;

    memcpy(text, data, size);
    input_parse(input, "t", text, size, NULL, problems);
    sound = problems->errors == 0 && problems->unsupported == 0;
    snapshot = snapshot_change(empty, input->objects, NULL);
    for (guint i = 0; i < input->objects->len; i++)
        validate_object(snapshot, input->objects->pdata[i], problems);
    validate_snapshot(snapshot, NULL, problems);
    problems_to_error(problems, TRUE, &error);
    if (sound && !has_secret(input))
        try_printing(input);
    try_format(text, size);
    try_body(KINDS[size % KIND_MAX], text, size);
    return 0;
}
