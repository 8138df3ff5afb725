#include "mount_options.h"

#include <string.h>

/* With what each is for a mount alone; 0: it is of the whole file system. */
static const struct {
    const char *name;
    unsigned long flag;
    guint64 attribute;
} OPTIONS[] = {
    {"ro", MS_RDONLY, MOUNT_ATTR_RDONLY},
    {"nosuid", MS_NOSUID, MOUNT_ATTR_NOSUID},
    {"nodev", MS_NODEV, MOUNT_ATTR_NODEV},
    {"noexec", MS_NOEXEC, MOUNT_ATTR_NOEXEC},
    {"noatime", MS_NOATIME, MOUNT_ATTR_NOATIME},
    {"strictatime", MS_STRICTATIME, MOUNT_ATTR_STRICTATIME},
    {"relatime", MS_RELATIME, 0},
    {"nodiratime", MS_NODIRATIME, MOUNT_ATTR_NODIRATIME},
    {"sync", MS_SYNCHRONOUS, 0},
    {"lazytime", MS_LAZYTIME, 0},
};

unsigned long mount_options_split(const char *options, GString *rest)
{
    g_auto(GStrv) parts = g_strsplit(options, ",", -1);
    unsigned long flags = 0;

    for (char **part = parts; *part != NULL; part++) {
        unsigned long flag = 0;

        for (guint i = 0; i < G_N_ELEMENTS(OPTIONS); i++)
            if (strcmp(*part, OPTIONS[i].name) == 0)
                flag = OPTIONS[i].flag;
        flags |= flag;
        if (flag == 0 && **part != '\0' && strcmp(*part, "rw") != 0 &&
            strcmp(*part, "defaults") != 0)
            g_string_append_printf(rest, "%s%s", rest->len > 0 ? "," : "", *part);
    }
    return flags;
}

gboolean mount_options_attributes(unsigned long flags, struct mount_attr *ret)
{
    *ret = (struct mount_attr){0};
    for (guint i = 0; i < G_N_ELEMENTS(OPTIONS); i++) {
        if ((flags & OPTIONS[i].flag) == 0)
            continue;
        /* How times of access are kept is a number and not a bit; 0 of them is relatime. */
        if ((OPTIONS[i].flag & (MS_NOATIME | MS_STRICTATIME | MS_RELATIME)) != 0)
            ret->attr_clr |= MOUNT_ATTR__ATIME;
        else if (OPTIONS[i].attribute == 0)
            return FALSE;
        ret->attr_set |= OPTIONS[i].attribute;
    }
    return TRUE;
}
