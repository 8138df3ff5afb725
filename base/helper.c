#include "helper.h"

#include <unistd.h>

#include "error.h"

char *helper_path(const char *name, GError **error)
{
    const char *override = g_getenv("BERTH_LIBEXEC");
    g_autofree char *self = NULL;
    g_autofree char *folder = NULL;
    g_autofree char *installed = NULL;

    if (override != NULL)
        return g_build_filename(override, name, NULL);

    self = g_file_read_link("/proc/self/exe", error);
    if (self == NULL)
        return NULL;
    folder = g_path_get_dirname(self);
    for (guint up = 0; up < 4; up++) {
        g_autofree char *path = g_build_filename(folder, "helpers", name, NULL);
        char *parent;

        if (access(path, X_OK) == 0)
            return g_steal_pointer(&path);
        parent = g_path_get_dirname(folder);
        g_free(folder);
        folder = parent;
    }
    installed = g_build_filename(BERTH_LIBEXECDIR, name, NULL);
    if (access(installed, X_OK) == 0)
        return g_steal_pointer(&installed);
    error_set(error, ERR_FAILED, "helper program %s not found (looked beside %s and in %s)", name,
              self, BERTH_LIBEXECDIR);
    return NULL;
}
