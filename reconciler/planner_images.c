/* Instances that are made from images of other servers bring these along: an image that is here
 * already serves, another one becomes an object of its own, cached (IMG-085, IMG-092). */
#include <string.h>

#include "error.h"
#include "image_clock.h"
#include "image_lock.h"
#include "image_origin.h"
#include "planner.h"
#include "refs.h"

static const json_t *source_of(const Object *object)
{
    return json_object_get(object->spec, "source");
}

static gboolean same_origin(const json_t *a, const json_t *b)
{
    g_autofree char *left = image_origin(a);
    g_autofree char *right = image_origin(b);

    return left != NULL && g_strcmp0(left, right) == 0;
}

/* Whether it is not known yet, or no longer, which image is meant. */
static gboolean is_open(const Planner *planner, const Object *instance)
{
    const char *old = g_hash_table_lookup(planner->wanted->renamed, instance->key);
    const Object *stored = snapshot_get(planner->base, old != NULL ? old : instance->key);

    return instance->id.kind == KIND_INSTANCE && image_origin_is_remote(source_of(instance)) &&
           (stored == NULL || !same_origin(source_of(stored), source_of(instance)) ||
            json_object_get(instance->generated, "volatile.base_image") == NULL);
}

/* The fingerprint that images.lock says of what a source names; NULL: none. Borrowed. */
static const char *locked_print(const Planner *planner, const json_t *source)
{
    g_autofree char *origin = image_origin(source);

    if (origin == NULL)
        return NULL;
    return json_member_string(image_lock_best(json_object_get(planner->options->images, "locks"),
                                              origin,
                                              host_fact(planner->host_facts, "architectures")),
                              "fingerprint");
}

/* An image that follows its server serves though the server may have a newer one: nobody waits for
 * a download then, unless nothing looks for newer ones by itself (IMG-092). */
static gboolean serves(const Planner *planner, const Object *image, const json_t *source)
{
    const char *interval =
        image_clock_config(planner->plan->next, image->id.project, "images.auto_update_interval");
    const json_t *update = json_object_get(image->generated, "update_source");
    const char *print = json_member_string(image->generated, "fingerprint");
    const char *wanted = json_member_string(source, "fingerprint");
    const char *lock = locked_print(planner, source);

    if (print == NULL)
        return FALSE;
    if (lock != NULL)
        return strcmp(print, lock) == 0;
    if (wanted != NULL && *wanted != '\0')
        return g_str_has_prefix(print, wanted);
    return same_origin(source_of(image), source) ||
           (json_is_true(json_object_get(image->spec, "auto_update")) &&
            strcmp(interval, "0") != 0 && same_origin(update, source));
}

static const Object *find_here(const Planner *planner, const char *project, const json_t *source)
{
    guint first, count;

    snapshot_range(planner->plan->next, KIND_IMAGE, project, &first, &count);
    for (guint i = first; i < first + count; i++) {
        const Object *image = snapshot_at(planner->plan->next, i);

        if (serves(planner, image, source))
            return image;
    }
    return NULL;
}

static const Object *find_print(const Planner *planner, const char *project, const char *print)
{
    g_autoptr(json_t) exact = json_pack("{s:s}", "fingerprint", print);

    return find_here(planner, project, exact);
}

static gboolean follows_server(const Planner *planner, const char *project)
{
    return type_is_true(
        image_clock_config(planner->plan->next, project, "images.auto_update_cached"));
}

static Object *bring(Planner *planner, const char *project, const Object *instance, GError **error)
{
    json_t *source = json_copy((json_t *)source_of(instance));
    json_t *spec = json_pack("{s:o}", "source", source);
    g_autoptr(Object) asked = NULL;
    Object *image;

    json_object_set_new(source, "type", json_string("image"));
    asked = object_new(KIND_IMAGE, project, "", image_origin_name(source), spec, NULL);
    if (!planner_resolve(planner, asked, error))
        return NULL;
    image = object_new(KIND_IMAGE, project, "", json_member_string(asked->generated, "fingerprint"),
                       json_copy(asked->spec), json_copy(asked->generated));
    json_object_set_new(image->generated, "cached", json_true());
    if (image_origin_moves(source) && follows_server(planner, project))
        json_object_set_new(image->spec, "auto_update", json_true());
    return image;
}

/* Sets which image an instance is made from. `*ret_more` is set when it is a new one. */
static gboolean settle(Planner *planner, Object *instance, gboolean *ret_more, GError **error)
{
    const json_t *source = source_of(instance);
    const char *project =
        snapshot_project_for(planner->plan->next, KIND_IMAGE, instance->id.project);
    const Object *image = find_here(planner, project, source);
    g_autoptr(Object) more = NULL;

    if (image == NULL) {
        more = bring(planner, project, instance, error);
        if (more == NULL)
            return FALSE;
        image = find_print(planner, project, json_member_string(more->generated, "fingerprint"));
        if (image == NULL) {
            image = more;
            g_ptr_array_add(planner->wanted->put, object_ref(more));
            *ret_more = TRUE;
        }
    }
    json_object_set(instance->generated, "volatile.base_image",
                    json_object_get(image->generated, "fingerprint"));
    json_object_del(instance->generated, "$image"); /* what the image says is drawn anew */
    return TRUE;
}

static gboolean resolve_images(Planner *planner, guint count, GError **error)
{
    for (guint i = 0; i < count; i++) {
        Object *object = planner->wanted->put->pdata[i];

        if (object->id.kind == KIND_IMAGE && !planner_resolve(planner, object, error))
            return FALSE;
    }
    return TRUE;
}

gboolean planner_add_images(Planner *planner, GError **error)
{
    guint count = planner->wanted->put->len;
    gboolean resolved = FALSE;

    for (guint i = 0; i < count; i++) {
        Object *object = planner->wanted->put->pdata[i];
        gboolean more = FALSE;

        if (!is_open(planner, object))
            continue;
        if (!resolved && !resolve_images(planner, count, error))
            return FALSE;
        resolved = TRUE;
        if (!settle(planner, object, &more, error)) {
            g_autofree char *label = object_label(object);

            g_prefix_error(error, "%s: ", label);
            return FALSE;
        }
        if (more)
            planner_set_next(planner);
    }
    return TRUE;
}

/* ---- what stays on an older image ---- */

static gboolean same_print(const Object *image, const char *print)
{
    return image != NULL &&
           g_strcmp0(json_member_string(image->generated, "fingerprint"), print) == 0;
}

/* The fingerprint of what the image that an instance names is now, where that is to be told: what
 * the lock says always, an image that changed in the moment when it does and when asked. NULL:
 * none. Borrowed. */
static const char *newer_print(const Planner *planner, const Object *instance)
{
    const json_t *source = source_of(instance);
    const char *alias = json_member_string(source, "alias");
    const Object *image;
    const char *print;

    if (image_origin_is_remote(source))
        return locked_print(planner, source);
    image =
        alias != NULL ? refs_find_image(planner->plan->next, instance->id.project, alias) : NULL;
    print = image != NULL ? json_member_string(image->generated, "fingerprint") : NULL;
    if (!planner->options->refresh && print != NULL &&
        same_print(snapshot_get(planner->base, image->key), print))
        return NULL;
    return print;
}

void planner_tell_newer_images(Planner *planner)
{
    for (guint i = 0; i < planner->wanted->put->len; i++) {
        const Object *instance = planner->wanted->put->pdata[i];
        const char *made = json_member_string(instance->generated, "volatile.base_image");
        const char *now =
            instance->id.kind == KIND_INSTANCE ? newer_print(planner, instance) : NULL;
        g_autofree char *label = NULL;

        if (made == NULL || now == NULL || strcmp(made, now) == 0)
            continue;
        label = object_label(instance);
        g_ptr_array_add(planner->plan->warnings,
                        g_strdup_printf("%s: it stays on image %.12s, its image is %.12s now "
                                        "(--new-image %s)",
                                        label, made, now, label));
    }
}
