#include "image_list.h"

#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "image_clock.h"
#include "image_secret.h"
#include "json.h"
#include "when.h"

#define NO_TIME "1970-01-01T00:00:00Z" /* IMG-007 */

const char *image_fingerprint(const Object *image)
{
    return json_member_string(image->generated, "fingerprint");
}

gboolean image_is_visible(const Call *call, const Object *image)
{
    return caller_may_use(call->caller, call->project) ||
           json_is_true(json_object_get(image->spec, "public"));
}

const Object *image_find(Call *call, const char *fingerprint, GError **error)
{
    const char *project = call_project_for(call, KIND_IMAGE);
    const Object *found = NULL;
    guint first, count;

    snapshot_range(call->model, KIND_IMAGE, project, &first, &count);
    for (guint i = first; *fingerprint != '\0' && i < first + count; i++) {
        const Object *image = snapshot_at(call->model, i);
        const char *print = image_fingerprint(image);

        if (print == NULL || !g_str_has_prefix(print, fingerprint) ||
            (!image_is_visible(call, image) && !image_secret_opens(call, print)))
            continue;
        if (found != NULL && strcmp(image_fingerprint(found), print) != 0) {
            error_set(error, ERR_INVALID, "Partial fingerprint matches more than one image");
            return NULL;
        }
        found = image;
    }
    if (found == NULL)
        error_set(error, ERR_NOT_FOUND, "Image not found");
    return found;
}

const Object *image_by_fingerprint(const Snapshot *model, const char *project,
                                   const char *fingerprint)
{
    guint first, count;

    snapshot_range(model, KIND_IMAGE, project, &first, &count);
    for (guint i = first; i < first + count; i++) {
        const Object *image = snapshot_at(model, i);

        if (g_strcmp0(image_fingerprint(image), fingerprint) == 0)
            return image;
    }
    return NULL;
}

const Object *image_by_alias(const Snapshot *model, const char *project, const char *alias)
{
    guint first, count;

    snapshot_range(model, KIND_IMAGE, project, &first, &count);
    for (guint i = first; i < first + count; i++) {
        const Object *image = snapshot_at(model, i);
        g_autoptr(GPtrArray) names = image_aliases(image);

        if (g_ptr_array_find_with_equal_func(names, alias, g_str_equal, NULL))
            return image;
    }
    return NULL;
}

GPtrArray *image_aliases(const Object *image)
{
    GPtrArray *names = g_ptr_array_new();
    json_t *alias;
    size_t i;

    if (g_strcmp0(image->id.name, image_fingerprint(image)) != 0)
        g_ptr_array_add(names, image->id.name);
    json_array_foreach (json_object_get(image->spec, "aliases"), i, alias)
        g_ptr_array_add(names, (gpointer)json_string_value(alias));
    return names;
}

/* ---- the wire ---- */

static const char *description_of(const Object *image, const char *alias)
{
    const char *text =
        json_member_string(json_object_get(image->spec, "alias_descriptions"), alias);

    return text != NULL ? text : "";
}

json_t *image_alias_wire(const Object *image, const char *alias)
{
    const char *type = json_member_string(image->generated, "type");
    const char *fingerprint = image_fingerprint(image);

    return json_pack("{s:s, s:s, s:s, s:s}", "name", alias, "description",
                     description_of(image, alias), "target", fingerprint != NULL ? fingerprint : "",
                     "type", type != NULL ? type : "container");
}

static json_t *aliases_of(const Object *image)
{
    g_autoptr(GPtrArray) names = image_aliases(image);
    json_t *list = json_array();

    for (guint i = 0; i < names->len; i++)
        json_array_append_new(list, json_pack("{s:s, s:s}", "name", names->pdata[i], "description",
                                              description_of(image, names->pdata[i])));
    return list;
}

/* Those in the image's metadata, and over them what was set. */
static json_t *properties_of(const Object *image)
{
    json_t *all = json_copy(json_object_get(image->generated, "properties"));

    if (all == NULL)
        all = json_object();
    json_object_update(all, json_object_get(image->spec, "properties"));
    return all;
}

static const char *drawn(const Object *image, const char *key, const char *fallback)
{
    const char *text = json_member_string(image->generated, key);

    return text != NULL ? text : fallback;
}

static json_t *flag(const json_t *values, const char *key)
{
    return json_boolean(json_is_true(json_object_get(values, key)));
}

/* IMG-101: none set means default. */
static json_t *profiles_of(const Object *image)
{
    json_t *profiles = json_object_get(image->spec, "profiles");

    return profiles != NULL ? json_incref(profiles) : json_pack("[s]", "default");
}

json_t *image_wire(const Object *image, const json_t *uses)
{
    g_autofree char *used = when_seconds(image_clock_used(uses, image));
    const char *expires = json_member_string(image->spec, "expires_at");
    json_t *wire = json_pack(
        "{s:s, s:o, s:s, s:o, s:o, s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:I, s:s, s:s}",
        "fingerprint", drawn(image, "fingerprint", ""), "aliases", aliases_of(image),
        "architecture", drawn(image, "architecture", ""), "auto_update",
        flag(image->spec, "auto_update"), "cached", flag(image->generated, "cached"), "created_at",
        drawn(image, "created_at", NO_TIME), "expires_at",
        expires != NULL ? expires : drawn(image, "expires_at", NO_TIME), "filename",
        drawn(image, "filename", ""), "last_used_at", used, "profiles", profiles_of(image),
        "properties", properties_of(image), "public", flag(image->spec, "public"), "size",
        (json_int_t)g_ascii_strtoll(drawn(image, "size", "0"), NULL, 10), "type",
        drawn(image, "type", "container"), "uploaded_at", drawn(image, "uploaded_at", NO_TIME));
    json_t *update = json_object_get(image->generated, "update_source");

    if (update != NULL)
        json_object_set(wire, "update_source", update);
    return wire;
}
