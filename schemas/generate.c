/* Writes what is checked in but printed from the rows (EN-06) into the source folder that is named.
 */
#include <stdio.h>

#include "file.h"
#include "schema.h"

static gboolean generate(const char *root, GError **error)
{
    g_autoptr(GPtrArray) files = schema_files();

    for (guint i = 0; i + 1 < files->len; i += 2) {
        g_autofree char *path = g_build_filename(root, g_ptr_array_index(files, i), NULL);
        g_autofree char *folder = g_path_get_dirname(path);
        gboolean changed;

        if (!file_make_directory(folder, 0755, error) ||
            !file_write(path, g_ptr_array_index(files, i + 1), -1, 0644, &changed, error))
            return FALSE;
        if (changed)
            printf("%s\n", path);
    }
    return TRUE;
}

int main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;

    if (argc != 2) {
        fprintf(stderr, "usage: generate SOURCE-FOLDER\n");
        return 64;
    }
    if (generate(argv[1], &error))
        return 0;
    fprintf(stderr, "generate: %s\n", error->message);
    return 1;
}
