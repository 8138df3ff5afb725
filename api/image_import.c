#include "image_import.h"

#include <string.h>

#include "document.h"
#include "error.h"
#include "image/offer.h"
#include "image/source.h"
#include "image_clock.h"
#include "image_list.h"
#include "notes.h"
#include "paths.h"
#include "when.h"

/* ---- what is wanted ---- */

static gboolean set_aliases(json_t *spec, const json_t *aliases, GError **error)
{
    g_autoptr(json_t) names = json_array();
    g_autoptr(json_t) texts = json_object();
    json_t *alias;
    size_t i;

    json_array_foreach (aliases, i, alias) {
        const char *name = json_member_string(alias, "name");
        const char *text = json_member_string(alias, "description");

        if (name == NULL || *name == '\0')
            return error_set(error, ERR_INVALID, "aliases: an alias has no name");
        json_array_append_new(names, json_string(name));
        if (text != NULL && *text != '\0')
            json_object_set_new(texts, name, json_string(text));
    }
    json_object_set(spec, "aliases", names);
    json_object_set(spec, "alias_descriptions", texts);
    return TRUE;
}

static gboolean is_zero_time(const json_t *value)
{
    const char *text = json_string_value(value);

    return text == NULL || *text == '\0' || g_str_has_prefix(text, "0001-01-01") ||
           g_str_has_prefix(text, "1970-01-01T00:00:00");
}

gboolean image_set_spec(json_t *spec, const json_t *body, GError **error)
{
    static const char *const plain[] = {"public", "auto_update", "profiles", "properties"};
    json_t *value;

    for (guint i = 0; i < G_N_ELEMENTS(plain); i++) {
        value = json_object_get(body, plain[i]);
        if (json_is_null(value))
            json_object_del(spec, plain[i]); /* IMG-101 */
        else if (value != NULL)
            json_object_set(spec, plain[i], value);
    }
    value = json_object_get(body, "expires_at");
    if (!is_zero_time(value))
        json_object_set(spec, "expires_at", value);
    value = json_object_get(body, "aliases");
    return !json_is_array(value) || set_aliases(spec, value, error);
}

/* ---- the transaction ---- */

typedef struct {
    const ImageImport *import;
    json_t *generated;
    const char *fingerprint;
} Arrival;

/* Names of the image that goes are no clash. */
static gboolean check_aliases(const Arrival *arrival, const Snapshot *model, const Object *gone,
                              const json_t *spec, GError **error)
{
    json_t *alias;
    size_t i;

    json_array_foreach (json_object_get(spec, "aliases"), i, alias) {
        const char *name = json_string_value(alias);
        const Object *other = image_by_alias(model, arrival->import->project, name);

        if (other != NULL && other != gone)
            return error_set(error, ERR_EXISTS, "Alias \"%s\" already exists", name);
    }
    return TRUE;
}

static json_t *make_spec(const Arrival *arrival, const Object *gone, GError **error)
{
    const ImageImport *import = arrival->import;
    g_autofree char *file = path_image_files(import->daemon->dir, arrival->fingerprint);
    g_autoptr(json_t) spec = json_pack("{s:{s:s}}", "source", "file", file);
    json_t *properties = json_copy(json_object_get(arrival->generated, "properties"));

    if (import->split)
        json_object_set_new(json_object_get(spec, "source"), "rootfs",
                            json_sprintf("%s.rootfs", file));
    if (gone != NULL) {
        g_autoptr(json_t) kept = json_copy(gone->spec);

        json_object_del(kept, "source");
        json_object_del(kept, "properties");
        json_object_del(kept, "expires_at");
        json_object_update(spec, kept);
    }
    if (!image_set_spec(spec, import->wanted, error)) {
        json_decref(properties);
        return NULL;
    }
    /* All of them belong to the image's object, so that any can be changed and taken away. */
    json_object_update(properties, json_object_get(spec, "properties"));
    json_object_set_new(spec, "properties", properties);
    return g_steal_pointer(&spec);
}

static Plan *plan_arrival(Engine *engine, void *data, GError **error)
{
    Arrival *arrival = data;
    const ImageImport *import = arrival->import;
    const Snapshot *model = engine_stored(engine);
    const Object *gone = import->replaces != NULL
                             ? image_by_fingerprint(model, import->project, import->replaces)
                             : NULL;
    g_autoptr(GPtrArray) objects = g_ptr_array_new_with_free_func((GDestroyNotify)object_unref);
    g_autoptr(GPtrArray) keys = g_ptr_array_new();
    g_autoptr(Problems) problems = problems_new();
    g_autoptr(json_t) spec = NULL;
    g_autoptr(json_t) generated = json_copy(arrival->generated);
    g_autoptr(Object) read = NULL;
    g_autoptr(json_t) uses = NULL;
    PlanOptions options = {.forbid_restart = TRUE};
    Plan *plan;

    if (image_by_fingerprint(model, import->project, arrival->fingerprint) != NULL) {
        error_set(error, ERR_EXISTS, "Image with same fingerprint already exists");
        return NULL;
    }
    spec = make_spec(arrival, gone, error);
    if (spec == NULL || !check_aliases(arrival, model, gone, spec, error))
        return NULL;
    read = document_object_from_json(KINDS[KIND_IMAGE], import->project, arrival->fingerprint, spec,
                                     problems);
    if (!problems_to_error(problems, TRUE, error))
        return NULL;
    json_object_del(generated, "properties");
    if (gone != NULL && json_is_true(json_object_get(gone->generated, "cached"))) /* IMG-091 */
        json_object_set_new(generated, "cached", json_true());
    g_ptr_array_add(objects, object_with(read, NULL, generated));
    if (gone != NULL)
        g_ptr_array_add(keys, gone->key);
    plan = engine_plan_change(engine, objects, keys, &options, error);
    if (plan == NULL || gone == NULL)
        return plan;
    uses = engine_notes(engine, SPACE_IMAGES, error);
    if (uses == NULL) {
        plan_free(plan);
        return NULL;
    }
    image_clock_move(&plan->notes, uses, gone->key, read->key);
    return plan;
}

/* ---- the way in ---- */

static json_t *inspect(const ImageImport *import, GError **error)
{
    /* The helper opens them by our entry in /proc: they have no names of their own. */
    int pid = (int)getpid();
    g_autofree char *file = g_strdup_printf("/proc/%d/fd/%d", pid, import->file);
    g_autofree char *rootfs =
        import->rootfs >= 0 ? g_strdup_printf("/proc/%d/fd/%d", pid, import->rootfs) : NULL;
    g_autofree char *now = when_seconds(g_get_real_time() / G_USEC_PER_SEC);
    g_autoptr(json_t) generated = json_object();

    if (!image_source_inspect(file, rootfs, generated, error))
        return NULL;
    json_object_set_new(generated, "uploaded_at", json_string(now));
    if (import->filename != NULL)
        json_object_set_new(generated, "filename", json_string(import->filename));
    if (import->update != NULL)
        json_object_set(generated, "update_source", (json_t *)import->update);
    return g_steal_pointer(&generated);
}

/* FALSE when the files are not those that are expected, or none. */
static gboolean arrive(Arrival *arrival, GError **error)
{
    const char *expected = arrival->import->expected;

    if (arrival->generated == NULL)
        return FALSE;
    arrival->fingerprint = json_member_string(arrival->generated, "fingerprint");
    return expected == NULL || strcmp(expected, arrival->fingerprint) == 0 ||
           error_set(error, ERR_INVALID, "fingerprints don't match, got %s expected %s",
                     arrival->fingerprint, expected);
}

Plan *image_import_plan(const ImageImport *import, const json_t *known, GError **error)
{
    g_autoptr(json_t) generated =
        known != NULL ? json_incref((json_t *)known) : inspect(import, error);
    Arrival arrival = {import, generated, NULL};

    return arrive(&arrival, error)
               ? engine_look_ahead(import->daemon->engine, plan_arrival, &arrival, error)
               : NULL;
}

gboolean image_import(const ImageImport *import, json_t **ret, GError **error)
{
    g_autoptr(json_t) generated = inspect(import, error);
    g_autoptr(ImageOffer) offer = NULL;
    Arrival arrival = {import, generated, NULL};

    if (!arrive(&arrival, error))
        return FALSE;
    offer = image_offer_begin(arrival.fingerprint, import->file, import->rootfs);
    if (!daemon_transact(import->daemon, import->caller, import->cause, import->cancel,
                         plan_arrival, &arrival, error))
        return FALSE;
    *ret = json_pack("{s:s, s:s}", "fingerprint", arrival.fingerprint, "size",
                     json_member_string(generated, "size"));
    return TRUE;
}
