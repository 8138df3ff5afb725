/* What the engine knows, or can find out, of images on servers (EN-09). */
#include <string.h>

#include "engine_private.h"
#include "error.h"
#include "image/arrival.h"
#include "image/fetch.h"
#include "image_origin.h"

/* The applied image of the same origin; NULL when none is. */
static const Object *find_applied(const Snapshot *stored, const Object *object)
{
    const json_t *source = json_object_get(object->spec, "source");
    const char *project = snapshot_project_for(stored, KIND_IMAGE, object->id.project);
    g_autofree char *origin = image_origin(source);
    guint first, count;

    snapshot_range(stored, KIND_IMAGE, project, &first, &count);
    for (guint i = first; i < first + count; i++) {
        const Object *image = snapshot_at(stored, i);
        g_autofree char *other = image_origin(json_object_get(image->spec, "source"));

        if (g_strcmp0(origin, other) == 0 &&
            json_object_get(image->generated, "fingerprint") != NULL)
            return image;
    }
    return NULL;
}

json_t *engine_ask_image(Engine *engine, const Object *object, gboolean fresh, GError **error)
{
    const Object *applied = fresh ? NULL : find_applied(engine->stored, object);

    if (applied == NULL)
        return arrival_ask(engine->host, json_object_get(object->spec, "source"), error);
    return json_pack("{s:O, s:O, s:O*}", "fingerprint",
                     json_object_get(applied->generated, "fingerprint"), "architecture",
                     json_object_get(applied->generated, "architecture"), "date",
                     json_object_get(applied->generated, "created_at"));
}

void engine_follow_proxy(const Snapshot *stored)
{
    const Object *server = snapshot_find(stored, KIND_SERVER, "", "");
    const char *http = server != NULL ? object_config(server, "core.proxy_http") : NULL;
    const char *https = server != NULL ? object_config(server, "core.proxy_https") : NULL;
    const char *ignored = server != NULL ? object_config(server, "core.proxy_ignore_hosts") : NULL;

    fetch_set_proxy(http, https, ignored);
}

char *engine_architecture(Engine *engine, GError **error)
{
    g_autoptr(json_t) list = host_look(engine->host, "architectures", error);

    return g_strdup(json_string_value(json_array_get(list, 0)));
}
