#include "wish.h"

#include <string.h>

#include "drift.h"
#include "error.h"
#include "image_lock.h"
#include "plan_options.h"
#include "rehearse.h"
#include "wanted.h"

struct Wish {
    json_t *body;
    json_t *options;
    Input *own; /* of "files" and "objects" */
    const Input *input;
};

void wish_free(Wish *wish)
{
    if (wish == NULL)
        return;
    json_decref(wish->body);
    json_decref(wish->options);
    input_free(wish->own);
    g_free(wish);
}

static Wish *wish_begin(const json_t *body)
{
    const json_t *options = json_object_get(body, "options");
    Wish *wish = g_new0(Wish, 1);

    wish->body = json_incref((json_t *)body);
    wish->options = json_is_object(options) ? json_copy((json_t *)options) : json_object();
    return wish;
}

Wish *wish_of_input(const json_t *body, const Input *input)
{
    Wish *wish = wish_begin(body);

    wish->input = input;
    return wish;
}

/* ---- state files and their objects ---- */

static gboolean read_files(Wish *wish, const json_t *files, Problems *problems, GError **error)
{
    const char *project = json_member_string(wish->options, "project");
    const json_t *vars = json_object_get(wish->body, "vars");
    const json_t *file;
    size_t i;

    if (vars != NULL && !input_give_json(wish->own, vars, error))
        return FALSE;
    json_array_foreach (files, i, file) {
        const char *name = json_member_string(file, "name");
        const json_t *text = json_object_get(file, "text");

        if (name == NULL || !json_is_string(text))
            return error_set(error, ERR_INVALID, "files[%zu] needs \"name\" and \"text\"", i);
        input_parse(wish->own, name, json_string_value(text), json_string_length(text), project,
                    problems);
    }
    input_check_given(wish->own, problems);
    return TRUE;
}

static json_t *object_to_json(const Object *object, json_t *content)
{
    json_t *origins = json_array();

    for (guint i = 0; object->origins != NULL && i < object->origins->len; i++) {
        const Origin *origin = &g_array_index(object->origins, Origin, i);

        json_array_append_new(origins,
                              json_pack("[s, I, I, s?, s?]", origin->path, (json_int_t)origin->line,
                                        (json_int_t)origin->column, origin->file, origin->via));
    }
    return json_pack("{s:s, s:s, s:s, s:O, s:s?, s:o, s:O*}", "kind", object_kind(object)->name,
                     "project", object->id.project, "name", object->id.name, "spec", object->spec,
                     "file", object->file, "origins", origins, "content", content);
}

json_t *wish_objects(const Input *input)
{
    json_t *objects = json_array();

    for (guint i = 0; i < input->objects->len; i++) {
        const Object *object = input->objects->pdata[i];

        json_array_append_new(objects,
                              object_to_json(object, json_object_get(input->sent, object->key)));
    }
    return objects;
}

static void read_origins(Object *object, const json_t *value)
{
    const json_t *origin;
    size_t i;

    object->file = g_strdup(json_member_string(value, "file"));
    if (object->origins != NULL) /* places in the JSON itself say nothing */
        g_array_set_size(object->origins, 0);
    json_array_foreach (json_object_get(value, "origins"), i, origin) {
        const char *path = json_string_value(json_array_get(origin, 0));
        Origin *added;

        if (path == NULL)
            continue;
        object_add_origin(object, path, (guint)json_integer_value(json_array_get(origin, 1)),
                          (guint)json_integer_value(json_array_get(origin, 2)));
        added = &g_array_index(object->origins, Origin, object->origins->len - 1);
        added->file = g_strdup(json_string_value(json_array_get(origin, 3)));
        added->via = g_strdup(json_string_value(json_array_get(origin, 4)));
    }
}

/* A fingerprint is digits: paths are made of it. */
static gboolean read_sent(Wish *wish, const Object *object, const json_t *value, GError **error)
{
    const json_t *content = json_object_get(value, "content");

    if (content == NULL)
        return TRUE;
    if (!json_is_digest(json_string_value(content)))
        return error_set(error, ERR_INVALID, "%s: \"content\" has to be a fingerprint",
                         object->key);
    json_object_set(wish->own->sent, object->key, (json_t *)content);
    return TRUE;
}

/* What comes is checked as any body is: nobody has to trust the client's own reading. */
static gboolean read_objects(Wish *wish, const json_t *objects, Problems *problems, GError **error)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    const char *lock = json_member_string(wish->body, "lock");
    const json_t *value;
    size_t i;

    if (lock != NULL)
        image_lock_parse(wish->own->locks, IMAGE_LOCK_NAME, lock, strlen(lock), problems);
    json_array_foreach (objects, i, value) {
        const char *word = json_member_string(value, "kind");
        const char *project = json_member_string(value, "project");
        const char *name = json_member_string(value, "name");
        const json_t *spec = json_object_get(value, "spec");
        const Kind *kind = word != NULL ? kind_by_name(word) : NULL;
        Object *object;

        if (kind == NULL || name == NULL || !json_is_object(spec))
            return error_set(error, ERR_INVALID,
                             "objects[%zu] needs \"kind\", \"name\" and \"spec\"", i);
        object = document_object_declared(
            kind, project != NULL && *project != '\0' ? project : NULL, name, spec, problems);
        if (object == NULL)
            continue;
        read_origins(object, value);
        g_ptr_array_add(wish->own->objects, object);
        if (!read_sent(wish, object, value, error))
            return FALSE;
        if (!g_hash_table_add(seen, object->key))
            return error_set(error, ERR_INVALID, "objects[%zu]: %s is there twice", i, object->key);
    }
    return TRUE;
}

static gboolean are_texts(const json_t *list, const char *what, GError **error)
{
    const json_t *item;
    size_t i;

    if (!json_is_array(list))
        return error_set(error, ERR_INVALID, "\"%s\" has to be a list of keys", what);
    json_array_foreach (list, i, item)
        if (!json_is_string(item))
            return error_set(error, ERR_INVALID, "%s[%zu] is no key", what, i);
    return TRUE;
}

Wish *wish_new(const json_t *body, const char *project, GError **error)
{
    static const char *const sorts[] = {"files", "objects",  "delete",   "repair",
                                        "patch", "rollback", "undelete", "revert"};
    g_autoptr(Wish) wish = wish_begin(body);
    g_autoptr(Problems) problems = problems_new();
    const json_t *value = NULL;
    const char *sort = NULL;
    gboolean read = TRUE;

    for (guint i = 0; i < G_N_ELEMENTS(sorts); i++) {
        if (json_object_get(body, sorts[i]) == NULL)
            continue;
        if (sort != NULL) {
            error_set(error, ERR_INVALID, "\"%s\" and \"%s\" exclude each other", sort, sorts[i]);
            return NULL;
        }
        sort = sorts[i];
        value = json_object_get(body, sort);
    }
    if (sort == NULL) {
        error_set(error, ERR_INVALID,
                  "say what to plan: \"files\" (a list of {\"name\", \"text\"}), \"objects\", "
                  "\"delete\", \"repair\", \"patch\", \"rollback\", \"undelete\" or \"revert\"");
        return NULL;
    }
    if (json_object_get(wish->options, "project") == NULL)
        json_object_set_new(wish->options, "project", json_string(project));
    if (strcmp(sort, "files") == 0 || strcmp(sort, "objects") == 0) {
        if (!json_is_array(value)) {
            error_set(error, ERR_INVALID, "\"%s\" has to be a list", sort);
            return NULL;
        }
        wish->input = wish->own = input_new();
        read = (strcmp(sort, "files") == 0 ? read_files : read_objects)(wish, value, problems,
                                                                        error) &&
               problems_to_error(problems, TRUE, error);
    } else if (strcmp(sort, "rollback") == 0) {
        read = json_is_object(value) ||
               error_set(error, ERR_INVALID, "\"rollback\" has to be an object");
    } else if (strcmp(sort, "undelete") == 0) {
        read =
            json_is_string(value) || error_set(error, ERR_INVALID, "\"undelete\" has to be a key");
    } else if (strcmp(sort, "revert") == 0) {
        read = json_is_integer(value) ||
               error_set(error, ERR_INVALID, "\"revert\" has to be the number of a generation");
    } else {
        read = are_texts(value, sort, error);
    }
    return read ? g_steal_pointer(&wish) : NULL;
}

/* ---- planning ---- */

/* Strings of a list, borrowed. */
static GPtrArray *texts_of(const json_t *list)
{
    GPtrArray *texts = g_ptr_array_new();
    const json_t *item;
    size_t i;

    json_array_foreach (list, i, item)
        g_ptr_array_add(texts, (gpointer)json_string_value(item));
    return texts;
}

/* Planning towards what is stored already shows where the host differs, and nothing else. */
static Plan *plan_repair(Engine *engine, const json_t *keys, const PlanOptions *options,
                         GError **error)
{
    g_autoptr(GPtrArray) objects = g_ptr_array_new();
    const json_t *key;
    size_t i;

    json_array_foreach (keys, i, key) {
        const Object *object = snapshot_get(engine_stored(engine), json_string_value(key));
        g_autofree char *label = object_key_label(json_string_value(key));

        if (object == NULL) {
            error_set(error, ERR_NOT_FOUND, "%s does not exist", label);
            return NULL;
        }
        if (wanted_selected(options, object))
            g_ptr_array_add(objects, (gpointer)object);
    }
    return engine_plan_change(engine, objects, NULL, options, error);
}

static Plan *make(Engine *engine, const Wish *wish, const PlanOptions *options, GError **error)
{
    const json_t *keys = json_object_get(wish->body, "delete");
    const json_t *repair = json_object_get(wish->body, "repair");
    const json_t *rollback = json_object_get(wish->body, "rollback");
    const char *undelete = json_member_string(wish->body, "undelete");
    const json_t *revert = json_object_get(wish->body, "revert");

    if (keys != NULL) {
        g_autoptr(GPtrArray) texts = texts_of(keys);

        return engine_plan_delete(engine, texts, options, error);
    }
    if (repair != NULL)
        return plan_repair(engine, repair, options, error);
    if (json_object_get(wish->body, "patch") != NULL)
        return engine_plan_change(engine, NULL, NULL, options, error);
    if (rollback != NULL)
        return engine_plan_rollback(engine,
                                    json_integer_value(json_object_get(rollback, "generation")),
                                    json_is_true(json_object_get(rollback, "to")), options, error);
    if (undelete != NULL)
        return engine_plan_undelete(engine, undelete, options, error);
    if (revert != NULL)
        return engine_plan_revert(engine, json_integer_value(revert), error);
    return engine_plan(engine, wish->input, options, error);
}

Plan *wish_plan(Engine *engine, void *data, GError **error)
{
    const Wish *wish = data;
    const char *agreed = json_member_string(wish->body, "agreed");
    g_auto(PlanOptions) options = {0};
    g_autoptr(Plan) plan = NULL;
    g_autoptr(json_t) shown = NULL;
    g_autofree char *digest = NULL;

    if (!plan_options_read(wish->options, &options, error))
        return NULL;
    plan = make(engine, wish, &options, error);
    if (plan == NULL || agreed == NULL)
        return g_steal_pointer(&plan);
    shown = plan_json(plan);
    digest = plan_json_digest(shown);
    if (strcmp(digest, agreed) == 0)
        return g_steal_pointer(&plan);
    error_set(error, ERR_CONFLICT,
              "the host or what is stored has changed since the plan was made: plan again");
    return NULL;
}

static gboolean add_rehearsal(Engine *engine, const Plan *plan, json_t *shown, GError **error)
{
    json_t *rehearsal = engine_rehearse(engine, plan, error);

    if (rehearsal != NULL)
        json_object_set_new(shown, "rehearsal", rehearsal);
    return rehearsal != NULL;
}

static gboolean add_drift(Engine *engine, const Wish *wish, const Plan *plan, json_t *shown,
                          GError **error)
{
    g_autoptr(GPtrArray) keys = texts_of(json_object_get(wish->body, "repair"));
    json_t *warnings = json_object_get(json_object_get(shown, "plan"), "warnings");
    json_t *drift = drift_list(engine, plan, keys, warnings, error);

    if (drift != NULL)
        json_object_set_new(shown, "drift", drift);
    return drift != NULL;
}

static gboolean add_patch(Engine *engine, const json_t *list, json_t *shown, GError **error)
{
    g_autoptr(GPtrArray) keys = texts_of(list);
    json_t *patch = drift_as_patch(engine, keys, error);

    if (patch != NULL)
        json_object_set_new(shown, "patch", patch);
    return patch != NULL;
}

json_t *wish_shown(Engine *engine, const Wish *wish, const Plan *plan, GError **error)
{
    g_autoptr(json_t) shown = plan_shown(plan);
    const json_t *patch = json_object_get(wish->body, "patch");

    /* What is blocked fails before the first step, and the plan says why. */
    if (json_is_true(json_object_get(wish->body, "rehearse")) && plan->blocked->len == 0 &&
        !add_rehearsal(engine, plan, shown, error))
        return NULL;
    if (json_is_true(json_object_get(wish->body, "drift")) &&
        !add_drift(engine, wish, plan, shown, error))
        return NULL;
    if (patch != NULL && !add_patch(engine, patch, shown, error))
        return NULL;
    return g_steal_pointer(&shown);
}
