#include "holds.h"

#include <string.h>

#include "fields.h"
#include "notes.h"
#include "secrets.h"

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

void holds_add_wants(const json_t *holds, const json_t *notes)
{
    json_t *hold;
    size_t i;

    json_array_foreach ((json_t *)holds, i, hold) {
        g_autofree char *key =
            note_key(json_member_string(hold, "object"), json_member_string(hold, "path"));
        json_t *wants = json_object_get(notes, key);

        if (wants != NULL)
            json_object_set(hold, "wants", wants);
    }
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

json_t *holds_want(const json_t *hold, const char *path)
{
    const json_t *want;
    size_t i;

    json_array_foreach (json_object_get(hold, "wants"), i, want) {
        const char *at = json_member_string(want, "path");
        const json_t *value = json_object_get(want, "value");

        if (!overlap(at, path))
            continue;
        if (strlen(path) > strlen(at))
            value = json_at(value, path + strlen(at) + (*at != '\0' ? 1 : 0));
        return json_pack("{s:o, s:O*}", "value",
                         value != NULL ? json_incref((json_t *)value) : json_null(), "where",
                         json_object_get(want, "where"));
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
    notes_add(notes, SPACE_HELD, note, NULL);
}

void holds_drop(json_t **notes, const char *key, const char *path)
{
    g_autofree char *note = note_key(key, path);

    notes_add(notes, SPACE_HOLDS, note, NULL);
    notes_add(notes, SPACE_HELD, note, NULL);
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
    object_keep_origin(object, path);
    if (*path == '\0') {
        json_decref(object->spec);
        object->spec = json_deep_copy(stored->spec);
        return;
    }
    json_put_at(object->spec, path, json_at(stored->spec, path));
}

static gboolean differs(const Object *object, const Object *stored, const char *path)
{
    const json_t *wished = *path != '\0' ? json_at(object->spec, path) : object->spec;
    const json_t *kept = *path != '\0' ? json_at(stored->spec, path) : stored->spec;

    return wished == NULL || kept == NULL ? wished != kept : !json_equal(wished, kept);
}

/* ---- what is wanted instead ---- */

static json_t *want_new(const char *path, const json_t *value, const char *where)
{
    return json_pack("{s:s, s:o, s:s*}", "path", path, "value",
                     value != NULL ? json_deep_copy(value) : json_null(), "where", where);
}

/* What is held of an object and differs, field by field. Secrets are not told. */
static json_t *wants_of(const Object *stored, const Object *object, const char *path)
{
    g_autoptr(GPtrArray) fields = fields_diff(stored, object);
    g_autoptr(json_t) secret = json_string("(secret)");
    json_t *wants = json_array();

    for (guint i = 0; i < fields->len; i++) {
        const PlanField *field = fields->pdata[i];
        g_autofree char *where = object_where(object, field->path);

        /* What nobody has read yet may well be the same. */
        if (overlap(field->path, path) && !secrets_changed(field->before, field->after))
            json_array_append_new(
                wants, want_new(field->path, field->secret ? secret : field->after, where));
    }
    return wants;
}

/* `wants` (stolen) as a note, where it is not what is known. It is a space of its own: a hold that
 * somebody ends while the plan is carried out stays ended. */
static void note_wants(json_t **notes, const json_t *hold, json_t *wants)
{
    g_autofree char *note =
        note_key(json_member_string(hold, "object"), json_member_string(hold, "path"));
    const json_t *known = json_object_get(hold, "wants");
    gboolean any = json_array_size(wants) > 0;

    if (any ? known == NULL || !json_equal(known, wants) : known != NULL)
        notes_add(notes, SPACE_HELD, note, any ? json_incref(wants) : NULL);
    json_decref(wants);
}

static void keep(const json_t *hold, const Snapshot *base, Wanted *wanted, json_t **notes)
{
    const char *key = json_member_string(hold, "object");
    const char *path = json_member_string(hold, "path");
    const Object *stored = snapshot_get(base, key);
    Object *object = find_put(wanted, key);
    guint at;

    if (g_ptr_array_find_with_equal_func(wanted->remove, key, g_str_equal, &at)) {
        g_ptr_array_remove_index(wanted->remove, at);
        g_ptr_array_add(wanted->kept, g_strdup(key));
        note_wants(notes, hold, json_pack("[o]", want_new("", NULL, NULL)));
        warn(wanted, hold, "stays");
    } else if (object != NULL && stored == NULL && *path == '\0') {
        g_ptr_array_remove(wanted->put, object);
        warn(wanted, hold, "is not made");
    } else if (object != NULL && stored != NULL) {
        note_wants(notes, hold, wants_of(stored, object, path));
        if (differs(object, stored, path)) {
            keep_stored(object, stored, path);
            warn(wanted, hold, "stays as it is");
        }
    }
}

void holds_keep(const json_t *holds, const Snapshot *base, Wanted *wanted, json_t **notes)
{
    json_t *hold;
    size_t i;

    json_array_foreach ((json_t *)holds, i, hold)
        keep(hold, base, wanted, notes);
}
