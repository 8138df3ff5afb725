#include "apparmor.h"

#include <string.h>

#define ENABLED "/sys/module/apparmor/parameters/enabled"
#define LOADED "/sys/kernel/security/apparmor/profiles"

gboolean apparmor_is_in_force(void)
{
    g_autofree char *text = NULL;

    return g_file_get_contents(ENABLED, &text, NULL, NULL) && *text == 'Y';
}

/* Lines "NAME (MODE)". */
static gboolean is_loaded(const char *profile)
{
    g_autofree char *text = NULL;
    g_autofree char *start = g_strconcat(profile, " (", NULL);
    g_auto(GStrv) lines = NULL;

    if (!g_file_get_contents(LOADED, &text, NULL, NULL))
        return FALSE;
    lines = g_strsplit(text, "\n", -1);
    for (char **line = lines; *line != NULL; line++) {
        if (g_str_has_prefix(*line, start))
            return TRUE;
    }
    return FALSE;
}

const char *apparmor_profile(gboolean may_mount)
{
    const char *profile =
        may_mount ? "lxc-container-default-with-nesting" : "lxc-container-default-cgns";

    if (!apparmor_is_in_force())
        return NULL;
    return is_loaded(profile) ? profile : "unconfined";
}
