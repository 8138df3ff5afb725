/* explain: the value in force of one field and everything that has a say in it (EN-25). */
#include <string.h>

#include "command.h"
#include "error.h"
#include "expand.h"
#include "holds.h"
#include "output.h"
#include "select.h"
#include "table.h"
#include "view.h"

/* How many generations are looked at for the last change. */
#define HISTORY_DEPTH 200

/* Splits OBJ.FIELD at the first dot whose left side is a stored object: names may hold dots, fields
 * do. */
static const Object *split_field(const Snapshot *stored, const char *text, const char *project,
                                 const char **ret_field, GError **error)
{
    g_autoptr(GError) first = NULL;

    for (const char *dot = strchr(text, '.'); dot != NULL; dot = strchr(dot + 1, '.')) {
        g_autofree char *left = g_strndup(text, (gsize)(dot - text));
        const Object *object = select_object(stored, left, project, first == NULL ? &first : NULL);

        if (object != NULL) {
            *ret_field = dot + 1;
            return object;
        }
    }
    if (first != NULL)
        g_propagate_error(error, g_steal_pointer(&first));
    else
        error_set(error, ERR_USAGE,
                  "'%s': write OBJ.FIELD, such as instance/web.config.limits.memory", text);
    return NULL;
}

static char *config_path(const char *key)
{
    g_autofree char *part = json_path_part(key);

    return g_strconcat("config/", part, NULL);
}

/* The path of a field as it is stored: "config/limits.memory", "devices/eth0/network", "type".
 * Config keys may be written without "config.". Newly allocated; NULL with ERR_NOT_FOUND when the
 * kind has no such field. */
static char *field_path(const Object *object, const char *field, const Row **ret_row,
                        GError **error)
{
    const Kind *kind = object_kind(object);
    const char *config = g_str_has_prefix(field, "config.") ? field + 7 : field;
    g_autofree char *first = g_strndup(field, strcspn(field, "."));
    const char *nearest;

    *ret_row = NULL;
    if (g_str_has_prefix(field, "devices.") && (kind->flags & KIND_DEVICES) != 0) {
        const char *device = field + 8;
        const char *dot = strchr(device, '.');

        return dot != NULL
                   ? g_strdup_printf("devices/%.*s/%s", (int)(dot - device), device, dot + 1)
                   : g_strdup_printf("devices/%s", device);
    }
    *ret_row = config == field ? row_find(kind->fields, first) : NULL;
    if (*ret_row != NULL)
        return g_strdelimit(g_strdup(field), ".", '/');
    if (kind->config != NULL && (*ret_row = row_find(kind->config, config)) != NULL)
        return config_path(config);
    nearest = kind->config != NULL ? row_nearest(kind->config, config) : NULL;
    error_set(error, ERR_NOT_FOUND, "a %s has no field '%s'%s%s%s", kind->title, field,
              nearest != NULL ? "; did you mean '" : "", nearest != NULL ? nearest : "",
              nearest != NULL ? "'?" : "");
    return NULL;
}

/* One place that gives the field a value, in the order in which places win. `origin` (taken over;
 * NULL: nobody wrote it) says where that was written: its members become the place's. */
static void add_place(json_t *chain, const char *place, const json_t *value, gboolean in_force,
                      const Row *row, json_t *origin)
{
    g_autoptr(json_t) written = origin;
    gboolean secret = row != NULL && (row->flags & ROW_SECRET) != 0;
    json_t *entry;

    if (value == NULL)
        return;
    entry =
        json_pack("{s:s, s:o, s:b}", "place", place, "value",
                  secret ? json_string("(secret)") : json_deep_copy(value), "in_force", in_force);
    if (written != NULL)
        json_object_update(entry, written);
    json_array_append_new(chain, entry);
}

static void add_profiles(json_t *chain, Backend *backend, const Snapshot *stored,
                         const Object *instance, const char *path, const Row *row,
                         const char *source)
{
    g_autoptr(GPtrArray) names = expand_profiles(instance);

    for (guint i = names->len; i > 0; i--) {
        const char *name = g_ptr_array_index(names, i - 1);
        const Object *profile = snapshot_resolve(stored, KIND_PROFILE, instance->id.project, name);
        g_autofree char *place = g_strconcat("profile ", name, NULL);

        if (profile != NULL)
            add_place(chain, place, json_at(profile->spec, path), g_strcmp0(source, place) == 0,
                      row, backend_origin(backend, profile->key, path));
    }
}

static gboolean same_value(const json_t *a, const json_t *b)
{
    return a == NULL || b == NULL ? a == b : json_equal(a, b);
}

/* The place whose value is in force. Borrowed; NULL when the field is not set. */
static const json_t *place_in_force(const json_t *chain)
{
    size_t i;
    json_t *place;

    json_array_foreach ((json_t *)chain, i, place)
        if (json_is_true(json_object_get(place, "in_force")))
            return place;
    return NULL;
}

/* Every place that gives a value, strongest first. At most one is in force: a device entry of the
 * instance hides those of its profiles whole, even where it leaves a field out. */
static json_t *chain_of(Backend *backend, const Snapshot *stored, const Object *object,
                        const char *path, const Row *row)
{
    json_t *chain = json_array();
    gboolean instance = object->id.kind == KIND_INSTANCE;
    g_autofree char *own = object_label(object);
    g_auto(GStrv) parts = json_path_split(path);
    g_autofree char *source = instance ? expand_source(stored, object, path) : NULL;
    const json_t *value = json_at(object->spec, path);
    gboolean open;

    add_place(chain, own, value,
              !instance || parts[1] == NULL || g_strcmp0(source, "instance") == 0, row,
              backend_origin(backend, object->key, path));
    if (instance && parts[1] != NULL)
        add_profiles(chain, backend, stored, object, path, row, source);
    open = source == NULL && (instance || value == NULL);
    if (strcmp(parts[0], "config") == 0 && parts[1] != NULL) {
        value = json_object_get(object->generated, parts[1]);
        add_place(chain, "computed", value, open, row, NULL);
        open = open && value == NULL;
    }
    if (row != NULL && row->fallback != NULL) {
        g_autoptr(json_t) fallback = json_string(row->fallback);

        add_place(chain, "default", fallback,
                  open || (source != NULL && place_in_force(chain) == NULL), row, NULL);
    }
    return chain;
}

/* The newest generation that changed the field: {generation, time, cause}; NULL when none of those
 * looked at did. */
static json_t *last_change(Backend *backend, const Object *object, const char *path)
{
    g_autoptr(json_t) history = backend_history(backend, NULL);
    size_t i, n, k;
    json_t *entry, *key, *change;

    json_array_foreach (history, i, entry) {
        gboolean touched = FALSE;
        g_autoptr(json_t) generation = NULL;

        if (i >= HISTORY_DEPTH)
            break;
        json_array_foreach (json_object_get(entry, "objects"), k, key)
            touched |= g_strcmp0(json_string_value(key), object->key) == 0;
        if (touched)
            generation = backend_generation(
                backend, json_integer_value(json_object_get(entry, "generation")), NULL);
        json_array_foreach (json_object_get(generation, "changes"), n, change) {
            json_t *before =
                json_at(json_object_get(json_object_get(change, "before"), "spec"), path);
            json_t *after =
                json_at(json_object_get(json_object_get(change, "after"), "spec"), path);

            if (g_strcmp0(json_member_string(change, "key"), object->key) == 0 &&
                !same_value(before, after))
                return json_pack(
                    "{s:O, s:O*, s:O*}", "generation", json_object_get(entry, "generation"), "time",
                    json_object_get(entry, "time"), "cause", json_object_get(entry, "cause"));
        }
    }
    return NULL;
}

/* "FILE:LINE:COLUMN", or "root, 2026-01-02T03:04:05Z, api PATCH ..."; "" when nobody wrote it. */
static char *written_text(const json_t *place)
{
    const char *user = json_member_string(place, "user");
    const char *cause = json_member_string(place, "cause");
    g_autofree char *time = NULL;

    if (json_member_string(place, "where") != NULL)
        return g_strdup(json_member_string(place, "where"));
    if (json_object_get(place, "time") == NULL)
        return g_strdup("");
    time = view_time(json_object_get(place, "time"));
    return g_strdup_printf("%s%s%s%s%s", user != NULL ? user : "", user != NULL ? ", " : "", time,
                           cause != NULL ? ", " : "", cause != NULL ? cause : "");
}

/* EN-47 */
static void print_hold(const json_t *hold)
{
    g_autofree char *since = view_time(json_object_get(hold, "since"));
    g_autofree char *path = view_path(json_member_string(hold, "path"));
    g_autofree char *until = json_integer_value(json_object_get(hold, "until")) != 0
                                 ? view_time(json_object_get(hold, "until"))
                                 : g_strdup("the files say the same");
    g_autofree char *label = object_key_label(json_member_string(hold, "object"));

    output_printf("held: %s%s%s since %s by %s until %s, whatever files and sources say (%s)\n",
                  label, *path != '\0' ? " " : "", path, since, json_member_string(hold, "by"),
                  until, json_member_string(hold, "reason"));
}

/* What the hold keeps from coming in force. */
static void print_wanted(const char *in_force, const json_t *want)
{
    const char *where = json_member_string(want, "where");
    g_autofree char *text = view_value(json_object_get(want, "value"));

    output_printf("in force: %s; wanted when files or sources were last applied: %s%s%s\n",
                  in_force, text, where != NULL ? "  " : "", where != NULL ? where : "");
}

static void print_text(const json_t *value)
{
    const json_t *changed = json_object_get(value, "last_change");
    g_autofree char *time = view_time(json_object_get(changed, "time"));
    g_autofree char *path = view_path(json_member_string(value, "path"));
    g_autofree char *in_force = view_value(json_object_get(value, "value"));
    static const char *const lines[][2] = {{"via", "through"},
                                           {"owner", "owner"},
                                           {"label", "a change costs"},
                                           {"summary", "meaning"}};
    size_t i;
    json_t *place;

    output_printf("%s %s: %s\n", json_member_string(value, "object"), path, in_force);
    json_array_foreach (json_object_get(value, "chain"), i, place) {
        g_autofree char *text = view_value(json_object_get(place, "value"));
        g_autofree char *written = written_text(place);

        output_printf(
            "  %s %-24s %-16s%s%s\n", json_is_true(json_object_get(place, "in_force")) ? "*" : " ",
            json_member_string(place, "place"), text, *written != '\0' ? "  " : "", written);
    }
    for (i = 0; i < G_N_ELEMENTS(lines); i++)
        if (json_member_string(value, lines[i][0]) != NULL)
            output_printf("%s: %s\n", lines[i][1], json_member_string(value, lines[i][0]));
    if (json_object_get(value, "held") != NULL)
        print_hold(json_object_get(value, "held"));
    if (json_object_get(value, "wanted") != NULL)
        print_wanted(in_force, json_object_get(value, "wanted"));
    if (changed != NULL)
        output_printf("last change: generation %" JSON_INTEGER_FORMAT ", %s, %s\n",
                      json_integer_value(json_object_get(changed, "generation")), time,
                      json_member_string(changed, "cause"));
}

/* The object whose text gives the value in force: the instance itself, or one of its profiles.
 * Borrowed. */
static const Object *giver_of(const Snapshot *stored, const Object *object, const char *path)
{
    g_autofree char *source =
        object->id.kind == KIND_INSTANCE ? expand_source(stored, object, path) : NULL;
    const Object *profile = NULL;

    if (source != NULL && g_str_has_prefix(source, "profile "))
        profile =
            snapshot_resolve(stored, KIND_PROFILE, object->id.project, source + strlen("profile "));
    return profile != NULL ? profile : object;
}

/* The hold on the field: on the object's own, or where its value comes from. Borrowed; NULL when it
 * is free. */
static json_t *hold_of(const json_t *holds, const Object *object, const Object *giver,
                       const char *path)
{
    const json_t *hold = holds_find(holds, object->key, path);

    return (json_t *)(hold != NULL ? hold : holds_find(holds, giver->key, path));
}

gboolean command_explain(Cli *cli, GError **error)
{
    const Snapshot *stored;
    const Object *object;
    const Row *row = NULL;
    const char *field = NULL;
    g_autofree char *path = NULL;
    g_autofree char *label = NULL;
    g_autoptr(json_t) chain = NULL;
    g_autoptr(json_t) value = NULL;
    g_autoptr(json_t) changed = NULL;
    g_autoptr(json_t) holds = NULL;
    g_autoptr(json_t) wanted = NULL;
    const Object *giver;
    json_t *hold;

    stored = cli_model(cli, 0, error);
    if (stored == NULL)
        return FALSE;
    object = split_field(stored, cli->words[0], cli_project(cli), &field, error);
    path = object != NULL ? field_path(object, field, &row, error) : NULL;
    if (path == NULL)
        return FALSE;
    if (row == NULL && object_kind(object)->flags & KIND_DEVICES) {
        g_auto(GStrv) parts = g_strsplit(path, "/", 3);
        const json_t *device = json_object_get(json_object_get(object->spec, "devices"), parts[1]);
        const DeviceType *type = device_type_of(stored, object->id.project, device, NULL);

        row = type != NULL && parts[2] != NULL ? row_find(type->rows, parts[2]) : NULL;
    }
    chain = chain_of(cli->backend, stored, object, path, row);
    holds = backend_holds(cli->backend, error);
    if (holds == NULL)
        return FALSE;
    giver = giver_of(stored, object, path);
    hold = hold_of(holds, object, giver, path);
    wanted = hold != NULL ? holds_want(hold, path) : NULL;
    changed = last_change(cli->backend, giver, path);
    label = object_label(object);
    value = json_pack(
        "{s:s, s:s, s:s, s:O*, s:O, s:O*, s:O*, s:s*, s:s*, s:O*, s:O*, s:O*}", "object", label,
        "path", path, "owner", object->owner != NULL ? object->owner : "api", "value",
        json_object_get(place_in_force(chain), "value"), "chain", chain, "where",
        json_object_get(place_in_force(chain), "where"), "via",
        json_object_get(place_in_force(chain), "via"), "label",
        row != NULL ? label_to_string(row->label) : NULL, "summary",
        row != NULL ? row->summary : NULL, "last_change", changed, "held", hold, "wanted", wanted);
    if (cli_format_is(cli, "json")) {
        g_autofree char *text = json_pretty(value);

        output_text(text);
    } else {
        print_text(value);
    }
    return TRUE;
}
