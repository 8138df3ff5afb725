#include "mountinfo.h"

#include <string.h>

#include "file.h"

static void mount_free(gpointer data)
{
    Mount *mount = data;

    g_free(mount->path);
    g_free(mount->origin);
    g_free(mount);
}

/* Blanks are octal escapes in there. */
static char *unescape(const char *text)
{
    return g_strcompress(text);
}

static const char *propagation_of(char **fields)
{
    gboolean shared = FALSE, slave = FALSE;

    for (char **field = fields; *field != NULL && !g_str_equal(*field, "-"); field++) {
        shared = shared || g_str_has_prefix(*field, "shared:");
        slave = slave || g_str_has_prefix(*field, "master:");
        if (g_str_equal(*field, "unbindable"))
            return "unbindable";
    }
    return slave ? (shared ? "shared slave" : "slave") : (shared ? "shared" : "private");
}

GPtrArray *mountinfo_read(pid_t pid, GError **error)
{
    g_autofree char *file = g_strdup_printf("/proc/%d/mountinfo", pid);
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;
    GPtrArray *mounts;

    if (!file_read(file, 16u << 20, &text, NULL, error))
        return NULL;
    mounts = g_ptr_array_new_with_free_func(mount_free);
    lines = g_strsplit(text, "\n", -1);
    for (char **line = lines; *line != NULL; line++) {
        g_auto(GStrv) fields = g_strsplit(*line, " ", -1);
        g_auto(GStrv) options = NULL;
        g_autofree char *root = NULL;
        Mount *mount;

        if (g_strv_length(fields) < 7)
            continue;
        options = g_strsplit(fields[5], ",", -1);
        root = unescape(fields[3]);
        mount = g_new0(Mount, 1);
        mount->path = unescape(fields[4]);
        mount->origin = g_strdup_printf("%s %s", fields[2], root);
        mount->readonly = g_strv_contains((const char *const *)options, "ro");
        mount->propagation = propagation_of(fields + 6);
        g_ptr_array_add(mounts, mount);
    }
    return mounts;
}

const Mount *mountinfo_at(const GPtrArray *mounts, const char *path)
{
    for (guint i = mounts->len; i > 0; i--) {
        const Mount *mount = mounts->pdata[i - 1];

        if (g_str_equal(mount->path, path))
            return mount;
    }
    return NULL;
}
