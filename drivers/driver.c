#include "driver.h"

#include <string.h>

extern const Driver POOL_DRIVER, NETWORK_DRIVER, IMAGE_DRIVER, INSTANCE_DRIVER;

const Driver *const DRIVERS[KIND_MAX] = {
    [KIND_POOL] = &POOL_DRIVER,
    [KIND_NETWORK] = &NETWORK_DRIVER,
    [KIND_IMAGE] = &IMAGE_DRIVER,
    [KIND_INSTANCE] = &INSTANCE_DRIVER,
};

const FactRow *driver_row_by_name(const char *name)
{
    const char *dot = g_str_has_suffix(name, ".stage") ? strrchr(name, '.') : NULL;
    gsize length = dot != NULL ? (gsize)(dot - name) : strlen(name);

    for (int kind = 0; kind < KIND_MAX; kind++) {
        if (DRIVERS[kind] == NULL)
            continue;
        for (const FactRow *row = DRIVERS[kind]->rows; row->path != NULL; row++) {
            if (strncmp(row->name, name, length) == 0 && row->name[length] == '\0')
                return row;
        }
    }
    return NULL;
}

#define REMARKS "$remarks"

void driver_remark(json_t *facts, const char *format, ...)
{
    json_t *remarks = json_object_get(facts, REMARKS);
    g_autofree char *text = NULL;
    va_list arguments;

    va_start(arguments, format);
    text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    if (remarks == NULL) {
        remarks = json_array();
        json_object_set_new(facts, REMARKS, remarks);
    }
    json_array_append_new(remarks, json_string(text));
}

json_t *driver_take_remarks(json_t *facts)
{
    json_t *remarks = json_incref(json_object_get(facts, REMARKS));

    if (remarks != NULL)
        json_object_del(facts, REMARKS);
    return remarks;
}

const char *watch_kind_name(WatchKind kind)
{
    static const char *const names[WATCH_MAX] = {"link", "route", "chain",
                                                 "path", "mount", "record"};

    return names[kind];
}

void watch_on(json_t *watched, WatchKind kind, const char *name)
{
    const char *list = watch_kind_name(kind);

    if (name == NULL)
        return;
    if (json_object_get(watched, list) == NULL)
        json_object_set_new(watched, list, json_array());
    json_array_append_new(json_object_get(watched, list), json_string(name));
}

void draw_bytes(const Context *context, const char *label, guint attempt, guint8 *ret, gsize size)
{
    g_autoptr(GHmac) hmac =
        g_hmac_new(G_CHECKSUM_SHA256, (const guchar *)context->seed, strlen(context->seed));
    g_autofree char *message = g_strdup_printf("%s#%u", label, attempt);
    guint8 digest[32];
    gsize length = sizeof digest;

    g_assert(size <= sizeof digest);
    g_hmac_update(hmac, (const guchar *)message, -1);
    g_hmac_get_digest(hmac, digest, &length);
    memcpy(ret, digest, size);
}

char *disk_name(const char *project, const char *name)
{
    if (project == NULL || *project == '\0' || strcmp(project, "default") == 0)
        return g_strdup(name);
    return g_strdup_printf("%s_%s", project, name);
}
