#include "image_clock.h"

#include <string.h>

#include "moment.h"
#include "notes.h"

#define DAY (24 * 3600)
#define HOUR 3600

const char *image_clock_config(const Snapshot *model, const char *project, const char *key)
{
    const Object *own = snapshot_find(model, KIND_PROJECT, "", project);
    const Object *server = snapshot_find(model, KIND_SERVER, "", "");
    const char *text = own != NULL ? object_config(own, key) : NULL;

    if (text == NULL && server != NULL)
        text = object_config(server, key);
    return text != NULL ? text : row_find(KINDS[KIND_SERVER]->config, key)->fallback;
}

static const Object *image_of(const Snapshot *model, const Object *instance)
{
    const char *print = json_member_string(instance->generated, "volatile.base_image");
    const char *project = snapshot_project_for(model, KIND_IMAGE, instance->id.project);
    guint first, count;

    snapshot_range(model, KIND_IMAGE, project, &first, &count);
    for (guint i = first; print != NULL && i < first + count; i++) {
        const Object *image = snapshot_at(model, i);

        if (g_strcmp0(json_member_string(image->generated, "fingerprint"), print) == 0)
            return image;
    }
    return NULL;
}

void image_clock_note(json_t **notes, const Snapshot *model, const Object *instance, gint64 now)
{
    const Object *image = image_of(model, instance);

    if (image != NULL)
        notes_add(notes, SPACE_IMAGES, image->key, json_pack("{s:I}", "used", (json_int_t)now));
}

gint64 image_clock_used(const json_t *uses, const Object *image)
{
    return json_integer_value(json_object_get(json_object_get(uses, image->key), "used"));
}

void image_clock_move(json_t **notes, const json_t *uses, const char *from, const char *to)
{
    json_t *note = json_object_get(uses, from);

    if (note != NULL)
        notes_add(notes, SPACE_IMAGES, to, json_incref(note));
}

void image_clock_clear(ImageClock *clock)
{
    g_clear_pointer(&clock->over, g_ptr_array_unref);
    g_clear_pointer(&clock->stale, g_ptr_array_unref);
}

static gint64 number_of(const Snapshot *model, const Object *image, const char *key)
{
    return g_ascii_strtoll(image_clock_config(model, image->id.project, key), NULL, 10);
}

/* When it is dropped; 0: never. */
static gint64 end_of(const Snapshot *model, const Object *image, const json_t *uses)
{
    const char *text = json_member_string(image->spec, "expires_at");
    g_autoptr(GDateTime) time = text != NULL ? g_date_time_new_from_iso8601(text, NULL) : NULL;
    gint64 days = number_of(model, image, "images.remote_cache_expiry");
    gint64 used = image_clock_used(uses, image);

    if (days == 0 || !json_is_true(json_object_get(image->generated, "cached")))
        return 0;
    return moment_sooner((used > 0 ? used : image->created) + days * DAY,
                         time != NULL ? g_date_time_to_unix(time) : 0);
}

/* When it is looked after; 0: never. One that has a name of its own is somebody's who wrote it
 * down: it is not replaced by another one. */
static gint64 check_of(const Snapshot *model, const Object *image, const ImageChecks *checks)
{
    const char *print = json_member_string(image->generated, "fingerprint");
    gint64 hours = number_of(model, image, "images.auto_update_interval");
    gint64 last = json_integer_value(json_object_get(checks->checked, image->key));

    if (hours == 0 || !json_is_true(json_object_get(image->spec, "auto_update")) ||
        json_object_get(image->generated, "update_source") == NULL ||
        g_strcmp0(print, image->id.name) != 0)
        return 0;
    if (last == 0 && image->created > checks->since)
        last = image->created;
    return last > 0 ? last + hours * HOUR : 1;
}

void image_clock_read(const Snapshot *model, const json_t *uses, const ImageChecks *checks,
                      gint64 now, ImageClock *ret)
{
    *ret = (ImageClock){g_ptr_array_new(), g_ptr_array_new(), 0};
    for (guint i = 0; i < snapshot_size(model); i++) {
        const Object *image = snapshot_at(model, i);
        gint64 end, check;

        if (image->id.kind != KIND_IMAGE)
            continue;
        end = end_of(model, image, uses);
        check = check_of(model, image, checks);
        if (end != 0 && end <= now) {
            g_ptr_array_add(ret->over, (gpointer)image);
            continue;
        }
        if (check != 0 && check <= now)
            g_ptr_array_add(ret->stale, (gpointer)image);
        else
            ret->next = moment_sooner(ret->next, check);
        ret->next = moment_sooner(ret->next, end);
    }
}
