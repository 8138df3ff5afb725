/* Replays the files of folders through a fuzz target, so that its corpus is an ordinary test.
 * Speaks TAP.
 *
 *     replay FOLDER... */
#include <glib.h>
#include <stdint.h>
#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int main(int argc, char **argv)
{
    guint number = 0;

    for (int i = 1; i < argc; i++) {
        g_autoptr(GDir) dir = g_dir_open(argv[i], 0, NULL);
        const char *name;

        if (dir == NULL) {
            printf("Bail out! cannot read %s\n", argv[i]);
            return 1;
        }
        while ((name = g_dir_read_name(dir)) != NULL) {
            g_autofree char *path = g_build_filename(argv[i], name, NULL);
            g_autofree char *bytes = NULL;
            gsize length;

            if (!g_file_get_contents(path, &bytes, &length, NULL))
                continue;
            /* A crash leaves this line as the last one. */
            printf("# %s\n", name);
            fflush(stdout);
            LLVMFuzzerTestOneInput((const uint8_t *)bytes, length);
            printf("ok %u - %s\n", ++number, name);
        }
    }
    printf("1..%u\n", number);
    return number > 0 ? 0 : 1;
}
