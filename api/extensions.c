#include "extensions.h"

static const char *const EXTENSIONS[] = {"etag",
                                         "patch",
                                         "projects",
                                         "network",
                                         "profile_usedby",
                                         "resource_limits",
                                         "certificate_project",
                                         "certificate_update",
                                         "certificate_token"};

json_t *extensions_list(void)
{
    json_t *list = json_array();

    for (guint i = 0; i < G_N_ELEMENTS(EXTENSIONS); i++)
        json_array_append_new(list, json_string(EXTENSIONS[i]));
    return list;
}
