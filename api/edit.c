#include "edit.h"

#include <string.h>

#include "document.h"
#include "edit_project.h"
#include "edit_uses.h"
#include "error.h"
#include "notes.h"
#include "refs.h"
#include "secrets.h"
#include "source_edit.h"
#include "wire.h"
#include "wire_instance.h"

/* API-059: given members replace, maps merge by key, an empty text takes a config key out. */
static json_t *merged_body(const Object *stored, const json_t *patch)
{
    static const char *const maps[] = {"config", "devices"};
    json_t *whole = json_copy(stored->spec);
    const char *member;
    json_t *value;

    json_object_foreach ((json_t *)patch, member, value)
        json_object_set(whole, member, value);
    for (guint i = 0; i < G_N_ELEMENTS(maps); i++) {
        const json_t *changes = json_object_get(patch, maps[i]);
        json_t *all = json_copy(json_object_get(stored->spec, maps[i]));

        if (all == NULL)
            continue;
        json_object_foreach ((json_t *)changes, member, value) {
            if (json_is_string(value) && json_string_length(value) == 0)
                json_object_del(all, member);
            else
                json_object_set(all, member, value);
        }
        json_object_set_new(whole, maps[i], all);
    }
    return whole;
}

/* What a client read and sends back is not a wish of its own. */
static void drop_echo(Object *wanted, const Object *stored)
{
    json_t *config = json_object_get(wanted->spec, "config");
    const json_t *had = json_object_get(stored->spec, "config");
    const char *key;
    json_t *drawn;

    json_object_foreach (stored->generated, key, drawn) {
        if (wire_is_set(stored, key) || !json_equal(json_object_get(config, key), drawn))
            continue;
        if (json_object_get(had, key) != NULL)
            json_object_set(config, key, json_object_get(had, key));
        else
            json_object_del(config, key);
    }
}

/* What only files can say (state, protect, labels ...) stays as it is. */
static void keep_own_fields(Object *wanted, const Object *stored)
{
    for (const Row *row = object_kind(stored)->fields; row != NULL && row->key != NULL; row++) {
        json_t *had = json_object_get(stored->spec, row->key);

        if ((row->flags & ROW_META) != 0 && had != NULL &&
            json_object_get(wanted->spec, row->key) == NULL)
            json_object_set(wanted->spec, row->key, had);
    }
}

/* A state file may write a number or a truth value as such; over the API values are texts. */
static gboolean check_texts(const char *where, const json_t *values, GError **error)
{
    const char *key;
    json_t *value;

    if (!json_is_object(values))
        return TRUE; /* told by who reads it */
    json_object_foreach ((json_t *)values, key, value) {
        if (!json_is_string(value) && !json_is_null(value))
            return error_set(error, ERR_INVALID, "%s.%s: the value has to be a text", where, key);
    }
    return TRUE;
}

static gboolean check_body(const json_t *body, GError **error)
{
    const json_t *devices = json_object_get(body, "devices");
    const char *name;
    json_t *device;

    if (!check_texts("config", json_object_get(body, "config"), error))
        return FALSE;
    json_object_foreach ((json_t *)devices, name, device) {
        g_autofree char *where = g_strdup_printf("devices.%s", name);

        if (!check_texts(where, device, error))
            return FALSE;
    }
    return TRUE;
}

/* Some clients (Ansible's lxd_profile) send the envelope of what they read back with the object. */
static void drop_envelope(const Kind *kind, json_t *body)
{
    static const char *const members[] = {"type",       "status", "status_code", "operation",
                                          "error_code", "error",  "metadata",    NULL};

    for (const char *const *member = members; *member != NULL; member++)
        if (row_find(kind->fields, *member) == NULL)
            json_object_del(body, *member);
}

static Object *read_body(const Edit *edit, const char *name, const json_t *body, GError **error)
{
    g_autoptr(Problems) problems = problems_new();
    g_autoptr(json_t) named = json_copy((json_t *)body);
    Object *object;

    drop_envelope(KINDS[edit->kind], named);
    if ((KINDS[edit->kind]->flags & KIND_SINGLETON) == 0)
        json_object_set_new(named, "name", json_string(name));
    object = document_object_from_json(
        KINDS[edit->kind], edit->project[0] != '\0' ? edit->project : NULL, name, named, problems);
    if (!problems_to_error(problems, TRUE, error))
        g_clear_pointer(&object, object_unref);
    return object;
}

static Object *created(const Edit *edit, const Object *stored, GError **error)
{
    if (stored != NULL) {
        error_set(error, ERR_EXISTS, "The %s \"%s\" already exists", KINDS[edit->kind]->title,
                  edit->name);
        return NULL;
    }
    if (edit->kind == KIND_PROJECT) {
        g_autoptr(json_t) body = json_deep_copy(edit->body);

        project_set_features(body);
        return read_body(edit, edit->name, body, error);
    }
    return read_body(edit, edit->name, edit->body, error);
}

/* A PUT leaves what nothing but a new object can change, such as the source of an instance, when it
 * does not name it. */
static json_t *replacing_body(const Object *stored, const json_t *put)
{
    json_t *whole = json_copy((json_t *)put);

    for (const Row *row = object_kind(stored)->fields; row != NULL && row->key != NULL; row++) {
        json_t *had = json_object_get(stored->spec, row->key);

        if (row->label >= LABEL_REBUILD && had != NULL && json_object_get(put, row->key) == NULL)
            json_object_set(whole, row->key, had);
    }
    return whole;
}

/* What is shown of an instance's fields that nobody set is no wish either. */
static void drop_shown(Object *wanted, const Object *stored)
{
    g_autoptr(json_t) shown = wire_instance_fields(stored);
    const char *field;
    json_t *value;

    json_object_foreach (shown, field, value) {
        if (json_object_get(stored->spec, field) == NULL &&
            json_equal(json_object_get(wanted->spec, field), value))
            json_object_del(wanted->spec, field);
    }
}

/* The server's config keeps what other sources set (EN-43), unless a null takes it out. */
static void unset_missing(Object *wanted, const Object *stored)
{
    json_t *config = json_object_get(wanted->spec, "config");
    const char *key;
    json_t *value;

    json_object_foreach (json_object_get(stored->spec, "config"), key, value) {
        if (json_object_get(config, key) == NULL)
            json_object_set_new(config, key, json_null());
    }
}

static Object *changed(const Edit *edit, const Object *stored, GError **error)
{
    /* A secret that comes back as it was shown is the secret (EN-05). */
    g_autoptr(json_t) sent = secrets_unshown(edit->body, stored->spec);
    g_autoptr(json_t) body =
        edit->mode == EDIT_MERGE ? merged_body(stored, sent) : replacing_body(stored, sent);
    g_autoptr(Object) read = NULL;
    Object *wanted;

    /* Fields that a client cannot write are left out of what it sends. */
    read = read_body(edit, edit->name, body, error);
    if (read == NULL)
        return NULL;
    wanted = object_with(stored, read->spec, NULL);
    drop_echo(wanted, stored);
    if (edit->kind == KIND_INSTANCE)
        drop_shown(wanted, stored);
    if ((object_kind(stored)->flags & KIND_SINGLETON) != 0)
        unset_missing(wanted, stored);
    keep_own_fields(wanted, stored);
    return wanted;
}

static Object *renamed(const Edit *edit, const Object *stored, const Snapshot *model,
                       GError **error)
{
    const char *name = json_member_string(edit->body, "name");
    g_autoptr(GError) bad = NULL;
    Object *wanted;

    if (snapshot_find(model, edit->kind, edit->project, name) != NULL) {
        error_set(error, ERR_EXISTS, "Name \"%s\" already in use", name);
        return NULL;
    }
    if (object_kind(stored)->check_name != NULL && !object_kind(stored)->check_name(name, error))
        return NULL;
    wanted = object_new(edit->kind, edit->project, "", name, json_deep_copy(stored->spec), NULL);
    json_object_set_new(wanted->spec, "renamed_from", json_string(edit->name));
    wanted->created = stored->created;
    return wanted;
}

gboolean edit_check_default(KindId kind, const char *name, EditMode mode, GError **error)
{
    gboolean fixed = strcmp(name, "default") == 0 && (kind == KIND_PROJECT || kind == KIND_PROFILE);

    if (!fixed || (mode != EDIT_RENAME && mode != EDIT_DELETE))
        return TRUE;
    return error_set(error, ERR_REFUSED, "The 'default' %s cannot be %s", KINDS[kind]->title,
                     mode == EDIT_RENAME ? "renamed" : "deleted");
}

/* Whether `user` keeps an object from being deleted. Images go from their pools by themselves, but
 * keep their project (PJ-10), and a project's profile default goes with it. */
static gboolean is_needed_by(const Snapshot *model, const Object *object, const Object *user)
{
    g_autoptr(GPtrArray) needs = NULL;

    if (user == object || (user->id.kind == KIND_IMAGE && object->id.kind != KIND_PROJECT) ||
        (object->id.kind == KIND_PROJECT && user->id.kind == KIND_PROFILE &&
         strcmp(user->id.name, "default") == 0))
        return FALSE;
    needs = refs_keys(model, user);
    return g_ptr_array_find_with_equal_func(needs, object->key, g_str_equal, NULL);
}

/* What others use stays (NET-006, ST-11, PF-15, PJ-10). */
static gboolean check_unused(const Snapshot *model, const Object *object, GError **error)
{
    KindId kind = object->id.kind;

    if (kind != KIND_NETWORK && kind != KIND_POOL && kind != KIND_PROFILE && kind != KIND_PROJECT)
        return TRUE;
    for (guint i = 0; i < snapshot_size(model); i++) {
        const Object *user = snapshot_at(model, i);
        g_autofree char *label = NULL;

        if (!is_needed_by(model, object, user))
            continue;
        label = object_label(user);
        return error_set(error, ERR_INVALID, "The %s is currently in use by %s", KINDS[kind]->title,
                         label);
    }
    return TRUE;
}

static gboolean check_match(const Edit *edit, const Object *stored, GError **error)
{
    g_autofree char *etag = wire_etag(stored);

    return edit->call == NULL || call_matches(edit->call, etag, error);
}

static const char *caller_of(const Edit *edit)
{
    return edit->call != NULL ? edit->call->caller->username : "";
}

/* Whether sources let `stored`, and what follows it, become the objects. */
static gboolean check_sources(Engine *engine, const Edit *edit, const Object *stored,
                              const GPtrArray *objects, json_t **notes, GError **error)
{
    const Snapshot *model = engine_stored(engine);
    const Object *wanted = objects->len > 0 ? objects->pdata[0] : NULL;

    if (!source_edit_check(engine, stored, wanted, caller_of(edit), notes, error))
        return FALSE;
    for (guint i = 1; i < objects->len; i++) {
        const Object *other = objects->pdata[i];

        if (!source_edit_check(engine, snapshot_get(model, other->key), other, caller_of(edit),
                               notes, error))
            return FALSE;
    }
    return TRUE;
}

Plan *edit_plan(Engine *engine, void *data, GError **error)
{
    const Edit *edit = data;
    const Snapshot *model = engine_stored(engine);
    const Object *stored = snapshot_find(model, edit->kind, edit->project, edit->name);
    g_autoptr(GPtrArray) objects = g_ptr_array_new_with_free_func((GDestroyNotify)object_unref);
    g_autoptr(GPtrArray) keys = g_ptr_array_new();
    /* An edit never restarts anything: what needs that is in force later (EN-22). */
    PlanOptions options = {.forbid_restart = TRUE, .fixed_pools = TRUE};
    g_autoptr(Object) empty = NULL;
    g_autoptr(json_t) notes = NULL;
    g_autoptr(Plan) plan = NULL;
    Object *wanted = NULL;

    if (edit->body != NULL && !check_body(edit->body, error))
        return NULL;
    if (stored == NULL && (KINDS[edit->kind]->flags & KIND_SINGLETON) != 0)
        stored = empty = wire_server(model);
    if (edit->mode != EDIT_CREATE) {
        if (stored == NULL) {
            error_set(error, ERR_NOT_FOUND, "%s not found", KINDS[edit->kind]->title);
            return NULL;
        }
        if (!edit_check_default(edit->kind, edit->name, edit->mode, error) ||
            !check_match(edit, stored, error))
            return NULL;
    }
    switch (edit->mode) {
    case EDIT_CREATE:
        wanted = created(edit, stored, error);
        break;
    case EDIT_REPLACE:
    case EDIT_MERGE:
        wanted = changed(edit, stored, error);
        break;
    case EDIT_RENAME:
        wanted = renamed(edit, stored, model, error);
        break;
    case EDIT_DELETE:
        if (!check_unused(model, stored, error))
            return NULL;
        g_ptr_array_add(keys, stored->key);
        break;
    }
    if (wanted == NULL && edit->mode != EDIT_DELETE)
        return NULL;
    if (wanted != NULL)
        g_ptr_array_add(objects, wanted);
    if (edit->mode == EDIT_RENAME && edit->kind == KIND_PROFILE)
        profile_rename_uses(model, stored, wanted->id.name, objects);
    if (edit->mode != EDIT_CREATE && !check_sources(engine, edit, stored, objects, &notes, error))
        return NULL;
    if (edit->kind == KIND_PROJECT && edit->mode != EDIT_REPLACE && edit->mode != EDIT_MERGE)
        project_add_profile(model, stored, wanted, objects, keys);
    plan = engine_plan_change(engine, objects, keys, &options, error);
    if (plan != NULL)
        notes_join(&plan->notes, notes);
    return g_steal_pointer(&plan);
}

gboolean edit_run(Call *call, EditMode mode, KindId kind, const char *name, const json_t *body,
                  GError **error)
{
    const char *project = KINDS[kind]->flags & KIND_IN_PROJECT ? call_project_for(call, kind) : "";
    Edit edit = {call, mode, kind, project, name, body};

    return call_transact(call, edit_plan, &edit, error);
}
