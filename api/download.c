#include "download.h"

char *download_text(const char *part, guint64 done, guint64 all, guint64 speed)
{
    g_autofree char *amount = all > 0 ? g_strdup_printf("%d%%", (int)(done * 100 / all))
                                      : g_strdup_printf("%.2fMB", (double)done / 1e6);

    return g_strdup_printf("%s: %s (%.2fMB/s)", part, amount, (double)speed / 1e6);
}

void download_tell(void *operation, const char *part, guint64 done, guint64 all, guint64 speed)
{
    g_autofree char *text = download_text(part, done, all, speed);

    operation_set_metadata(operation, json_pack("{s:s}", "download_progress", text));
}

void download_tell_object(void *operation, const Object *object, const char *part, guint64 done,
                          guint64 all, guint64 speed)
{
    download_tell(operation, part, done, all, speed);
}
