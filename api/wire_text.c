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
    guint64 seen; /* serial of the model in which it was right the last time */
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
    said->seen = snapshot_serial(model);
    bytes += said->length;
    return said;
}

static gboolean is_of(Said *said, const Snapshot *model, const Object *object)
{
    g_autoptr(GPtrArray) names = NULL;

    if (said->object != object)
        return FALSE;
    if (said->seen == snapshot_serial(model))
        return TRUE;
    names = expand_profiles(object);
    for (guint i = 0; i < names->len; i++) {
        if (profile_at(model, object, names->pdata[i]) != said->profiles->pdata[i])
            return FALSE;
    }
    said->seen = snapshot_serial(model);
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

/* All that do not run are in the same state. */
static const char *stopped_text(void)
{
    static char *text;

    if (g_once_init_enter(&text)) {
        g_autoptr(json_t) state = wire_instance_state_stopped();

        g_once_init_leave(&text, json_text(state));
    }
    return text;
}

static void append_state(Daemon *daemon, const Object *object, StatusCode status, GString *text)
{
    g_autoptr(json_t) state = NULL;
    g_autofree char *made = NULL;

    if (status != STATUS_STOPPED) {
        state = wire_instance_state(daemon, object);
        made = json_text(state);
    }
    g_string_append(text, ",\"state\":");
    g_string_append(text, made != NULL ? made : stopped_text());
    g_string_append(text, ",\"snapshots\":[],\"backups\":[]");
}

static StatusCode status_of(Daemon *daemon, const Object *object, GHashTable *candidates)
{
    g_autofree char *name =
        candidates != NULL ? disk_name(object->id.project, object->id.name) : NULL;

    return name != NULL && !g_hash_table_contains(candidates, name)
               ? STATUS_STOPPED
               : wire_instance_status(daemon, object);
}

void wire_instance_append(Daemon *daemon, const Snapshot *model, const Object *object,
                          GHashTable *candidates, gboolean full, GString *text)
{
    StatusCode status = status_of(daemon, object, candidates);
    char code[16];

    {
        g_autoptr(GMutexLocker) held = g_mutex_locker_new(&mutex);
        const Said *said = say(model, object);

        g_string_append_len(text, said->text, (gssize)said->length);
    }
    g_string_append(text, ",\"status\":\"");
    g_string_append(text, status_text(status));
    g_string_append(text, "\",\"status_code\":");
    g_snprintf(code, sizeof code, "%d", (int)status);
    g_string_append(text, code);
    if (full)
        append_state(daemon, object, status, text);
    g_string_append_c(text, '}');
}

char *wire_instance_etag(const Snapshot *model, const Object *object)
{
    g_autoptr(GMutexLocker) held = g_mutex_locker_new(&mutex);

    return g_strdup(say(model, object)->etag);
}
