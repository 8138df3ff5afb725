#include "holds.h"

#include <string.h>

#include "notes.h"

static char *note_key(const char *key, const char *path)
{
    return g_strdup_printf("%s#%s", key, path);
}

json_t *holds_active(const json_t *notes, gint64 now)
{
    g_autoptr(GPtrArray) keys = json_sorted_keys(notes);
    json_t *list = json_array();

    for (guint i = 0; i < keys->len; i++) {
        json_t *hold = json_object_get(notes, keys->pdata[i]);
        gint64 until = json_integer_value(json_object_get(hold, "until"));

        if (until == 0 || until > now)
            json_array_append(list, hold);
    }
    return list;
}

/* "devices/eth0" holds "devices/eth0/mtu" too, and the other way round. */
static gboolean overlap(const char *a, const char *b)
{
    gsize length = MIN(strlen(a), strlen(b));

    return length == 0 || (strncmp(a, b, length) == 0 && (a[length] == '\0' || a[length] == '/') &&
                           (b[length] == '\0' || b[length] == '/'));
}

const json_t *holds_find(const json_t *holds, const char *key, const char *path)
{
    json_t *hold;
    size_t i;

    json_array_foreach ((json_t *)holds, i, hold) {
        if (strcmp(json_member_string(hold, "object"), key) == 0 &&
            overlap(json_member_string(hold, "path"), path))
            return hold;
    }
    return NULL;
}

void holds_note(json_t **notes, const char *key, const char *path, gint64 until, const char *reason,
                const char *by)
{
    g_autofree char *note = note_key(key, path);

    notes_add(notes, SPACE_HOLDS, note,
              json_pack("{s:s, s:s, s:I, s:I, s:s, s:s}", "object", key, "path", path, "until",
                        (json_int_t)until, "since",
                        (json_int_t)(g_get_real_time() / G_USEC_PER_SEC), "reason", reason, "by",
                        by));
}

void holds_drop(json_t **notes, const char *key, const char *path)
{
    g_autofree char *note = note_key(key, path);

    notes_add(notes, SPACE_HOLDS, note, NULL);
}

static char *until_text(const json_t *hold)
{
    gint64 until = json_integer_value(json_object_get(hold, "until"));
    g_autoptr(GDateTime) time = until > 0 ? g_date_time_new_from_unix_utc(until) : NULL;
    g_autofree char *text = time != NULL ? g_date_time_format(time, "%Y-%m-%d %H:%M:%SZ") : NULL;

    return text != NULL ? g_strconcat("until ", text, NULL)
                        : g_strdup("until the files say the same");
}

static void warn(Wanted *wanted, const json_t *hold, const char *what)
{
    const char *key = json_member_string(hold, "object");
    const char *path = json_member_string(hold, "path");
    g_autofree char *label = object_key_label(key);
    g_autofree char *until = until_text(hold);

    g_ptr_array_add(wanted->warnings, g_strdup_printf("%s%s%s is held %s and %s (%s)", label,
                                                      *path != '\0' ? ": " : "", path, until, what,
                                                      json_member_string(hold, "reason")));
}

static Object *find_put(const Wanted *wanted, const char *key)
{
    for (guint i = 0; i < wanted->put->len; i++) {
        Object *object = wanted->put->pdata[i];

        if (strcmp(object->key, key) == 0)
            return object;
    }
    return NULL;
}

/* The copy is this plan's own, so that it may be written. */
static void keep_stored(Object *object, const Object *stored, const char *path)
{
    if (*path == '\0') {
        json_decref(object->spec);
        object->spec = json_deep_copy(stored->spec);
        return;
    }
    json_put_at(object->spec, path, json_at(stored->spec, path));
}

static void keep(const json_t *hold, const Snapshot *base, Wanted *wanted)
{
    const char *key = json_member_string(hold, "object");
    const char *path = json_member_string(hold, "path");
    const Object *stored = snapshot_get(base, key);
    Object *object = find_put(wanted, key);
    guint at;

    if (g_ptr_array_find_with_equal_func(wanted->remove, key, g_str_equal, &at)) {
        g_ptr_array_remove_index(wanted->remove, at);
        g_ptr_array_add(wanted->kept, g_strdup(key));
        warn(wanted, hold, "stays");
    } else if (object != NULL && stored == NULL && *path == '\0') {
        g_ptr_array_remove(wanted->put, object);
        warn(wanted, hold, "is not made");
    } else if (object != NULL && stored != NULL) {
        g_autoptr(json_t) wished = json_deep_copy(object->spec);

        keep_stored(object, stored, path);
        if (!json_equal(wished, object->spec))
            warn(wanted, hold, "stays as it is");
    }
}

void holds_keep(const json_t *holds, const Snapshot *base, Wanted *wanted)
{
    json_t *hold;
    size_t i;

    json_array_foreach ((json_t *)holds, i, hold)
        keep(hold, base, wanted);
}
