/* What the document tests run on files: reads state files, checks the model they make, prints what
 * was asked for.
 *
 *     check-document [check|json|print|format|body KIND] FILE...
 *
 * Problems go to stderr, one line each; exit 65 when there is an error, as `berth validate` has it.
 */
#include <stdio.h>
#include <string.h>

#include "document.h"
#include "error.h"
#include "file.h"
#include "print.h"

static Snapshot *snapshot_of(const Input *input, Problems *problems)
{
    g_autoptr(Snapshot) empty = snapshot_new();
    Snapshot *snapshot = snapshot_change(empty, input->objects, NULL);

    for (guint i = 0; i < input->objects->len; i++)
        validate_object(snapshot, input->objects->pdata[i], problems);
    validate_snapshot(snapshot, NULL, problems);
    return snapshot;
}

static void print_canonical(const Object *object)
{
    g_autofree char *spec = json_text(object->spec);

    printf("%s %s\n", object->key, spec);
}

static int finish(const Problems *problems)
{
    for (guint i = 0; i < problems->items->len; i++) {
        g_autofree char *line = problem_text(problems->items->pdata[i]);

        fprintf(stderr, "%s\n", line);
    }
    return problems->errors > 0 ? 65 : 0;
}

static int format_file(const char *path)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *text = NULL;
    g_autofree char *formatted = NULL;
    gsize length;

    if (!file_read(path, DOCUMENT_MAX_BYTES, &text, &length, &error) ||
        (formatted = print_format(path, text, length, &error)) == NULL) {
        fprintf(stderr, "%s\n", error->message);
        return error_exit_status(error);
    }
    fputs(formatted, stdout);
    return 0;
}

static int print_body(const char *kind, const char *path)
{
    g_autoptr(Problems) problems = problems_new();
    g_autoptr(Object) object = NULL;
    g_autofree char *text = NULL;
    gsize length;

    if (kind_by_name(kind) == NULL || !file_read(path, DOCUMENT_MAX_BYTES, &text, &length, NULL))
        return 64;
    object = document_parse_body(kind_by_name(kind), NULL, NULL, path, text, length, problems);
    if (object != NULL)
        print_canonical(object);
    return finish(problems);
}

int main(int argc, char **argv)
{
    g_autoptr(Problems) problems = problems_new();
    g_autoptr(Input) input = input_new();
    g_autoptr(Snapshot) snapshot = NULL;
    const char *mode = argc > 1 ? argv[1] : "";

    if (argc == 3 && strcmp(mode, "format") == 0)
        return format_file(argv[2]);
    if (argc == 4 && strcmp(mode, "body") == 0)
        return print_body(argv[2], argv[3]);
    if (argc < 3 ||
        (strcmp(mode, "check") != 0 && strcmp(mode, "json") != 0 && strcmp(mode, "print") != 0)) {
        fputs("usage: check-document check|json|print|format|body KIND FILE...\n", stderr);
        return 64;
    }
    for (int i = 2; i < argc; i++) {
        g_autoptr(GError) error = NULL;

        if (!input_read(input, argv[i], NULL, problems, &error)) {
            fprintf(stderr, "%s\n", error->message);
            return error_exit_status(error);
        }
    }
    snapshot = snapshot_of(input, problems);
    if (strcmp(mode, "json") == 0) {
        for (guint i = 0; i < input->objects->len; i++)
            print_canonical(input->objects->pdata[i]);
    } else if (strcmp(mode, "print") == 0) {
        g_autofree char *text = print_objects(input->objects);

        fputs(text, stdout);
    }
    return finish(problems);
}
