#include "wire_text.h"

#include <string.h>

#include "expand.h"
#include "wire.h"
#include "wire_instance.h"

#define BYTES_MAX (8u << 20) /* of all texts that are kept: some thousand instances */

/* What was made of an object and its profiles. They are kept, so that their addresses mean them. */
typedef struct {
    Object *object;
    GPtrArray *profiles; /* of Object *; NULL for one that is not there */
    char *text;          /* without the brace at its end */
    gsize length;
    char *etag;
} Said;

static GMutex mutex;    /* what follows */
static GHashTable *all; /* key of an object -> Said */
static gsize bytes;

static void object_clear(gpointer object)
{
    object_unref(object);
}

static void said_free(gpointer data)
{
    Said *said = data;

    bytes -= said->length;
    object_unref(said->object);
    g_ptr_array_unref(said->profiles);
    g_free(said->text);
    g_free(said->etag);
    g_free(said);
}

static const Object *profile_at(const Snapshot *model, const Object *object, const char *name)
{
    return snapshot_resolve(model, KIND_PROFILE, object->id.project, name);
}

static Said *said_new(const Snapshot *model, const Object *object)
{
    g_autoptr(GPtrArray) names = expand_profiles(object);
    g_autoptr(json_t) wire = wire_instance_wanted(model, object);
    g_autofree char *text = json_dumps(wire, JSON_COMPACT);
    Said *said = g_new0(Said, 1);

    said->object = object_ref(object);
    said->profiles = g_ptr_array_new_with_free_func(object_clear);
    for (guint i = 0; i < names->len; i++) {
        const Object *profile = profile_at(model, object, names->pdata[i]);

        g_ptr_array_add(said->profiles, profile != NULL ? object_ref(profile) : NULL);
    }
    said->length = strlen(text) - 1;
    said->text = g_strndup(text, said->length);
    said->etag = wire_etag(object);
    bytes += said->length;
    return said;
}

static gboolean is_of(const Said *said, const Snapshot *model, const Object *object)
{
    g_autoptr(GPtrArray) names = NULL;

    if (said->object != object)
        return FALSE;
    names = expand_profiles(object);
    for (guint i = 0; i < names->len; i++) {
        if (profile_at(model, object, names->pdata[i]) != said->profiles->pdata[i])
            return FALSE;
    }
    return TRUE;
}

/* The mutex is held. */
static const Said *say(const Snapshot *model, const Object *object)
{
    Said *said;

    if (all == NULL)
        all = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, said_free);
    said = g_hash_table_lookup(all, object->key);
    if (said != NULL && is_of(said, model, object))
        return said;
    if (bytes > BYTES_MAX)
        g_hash_table_remove_all(all);
    said = said_new(model, object);
    g_hash_table_replace(all, said->object->key, said);
    return said;
}

static void append_json(GString *text, const char *name, json_t *value)
{
    g_autoptr(json_t) owned = value;
    char *made = json_dumps(owned, JSON_COMPACT | JSON_ENCODE_ANY);

    g_string_append_printf(text, ",\"%s\":", name);
    g_string_append(text, made);
    free(made);
}

void wire_instance_append(Daemon *daemon, const Snapshot *model, const Object *object,
                          gboolean full, GString *text)
{
    StatusCode status = wire_instance_status(daemon, object);

    {
        g_autoptr(GMutexLocker) held = g_mutex_locker_new(&mutex);
        const Said *said = say(model, object);

        g_string_append_len(text, said->text, (gssize)said->length);
    }
    g_string_append_printf(text, ",\"status\":\"%s\",\"status_code\":%d", status_text(status),
                           (int)status);
    if (full) {
        append_json(text, "state", wire_instance_state(daemon, object));
        g_string_append(text, ",\"snapshots\":[],\"backups\":[]");
    }
    g_string_append_c(text, '}');
}

char *wire_instance_etag(const Snapshot *model, const Object *object)
{
    g_autoptr(GMutexLocker) held = g_mutex_locker_new(&mutex);

    return g_strdup(say(model, object)->etag);
}
