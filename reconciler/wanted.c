#include "wanted.h"

#include <string.h>

#include "env.h"
#include "expand.h"
#include "refs.h"
#include "source.h"
#include "text.h"

Wanted *wanted_new(void)
{
    Wanted *wanted = g_new0(Wanted, 1);

    wanted->put = g_ptr_array_new_with_free_func((GDestroyNotify)object_unref);
    wanted->remove = g_ptr_array_new_with_free_func(g_free);
    wanted->kept = g_ptr_array_new_with_free_func(g_free);
    wanted->renamed = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    wanted->parked = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    wanted->needed = g_ptr_array_new_with_free_func(g_free);
    wanted->warnings = g_ptr_array_new_with_free_func(g_free);
    wanted->blocked = g_ptr_array_new_with_free_func(g_free);
    return wanted;
}

void wanted_free(Wanted *wanted)
{
    if (wanted == NULL)
        return;
    g_ptr_array_unref(wanted->put);
    g_ptr_array_unref(wanted->remove);
    g_ptr_array_unref(wanted->kept);
    g_hash_table_unref(wanted->renamed);
    g_hash_table_unref(wanted->parked);
    g_ptr_array_unref(wanted->needed);
    g_ptr_array_unref(wanted->warnings);
    g_ptr_array_unref(wanted->blocked);
    g_free(wanted);
}

/* "KIND" alone is all of them; a kind of which there is one has no names. Newly allocated. */
static char *pattern_of(const Kind *kind, char *const *given, const char *text)
{
    if (kind == NULL)
        return g_strdup(text);
    if ((kind->flags & KIND_SINGLETON) != 0)
        return g_strdup(kind->name);
    return g_strdup_printf("%s/%s", kind->name, given[1] != NULL ? given[1] : "*");
}

gboolean wanted_matches(const GPtrArray *patterns, const char *key)
{
    g_auto(GStrv) parts = NULL;
    g_autofree char *name = NULL;

    if (patterns == NULL)
        return FALSE;
    parts = g_strsplit(key, "/", 4);
    name = *parts[2] != '\0'   ? g_strdup_printf("%s/%s/%s", parts[0], parts[2], parts[3])
           : *parts[3] != '\0' ? g_strdup_printf("%s/%s", parts[0], parts[3])
                               : g_strdup(parts[0]);
    for (guint i = 0; i < patterns->len; i++) {
        g_auto(GStrv) given = g_strsplit(patterns->pdata[i], "/", 2);
        const Kind *kind = given[0] != NULL ? kind_by_name(given[0]) : NULL;
        g_autofree char *pattern = pattern_of(kind, given, patterns->pdata[i]);

        if (g_pattern_match_simple(pattern, name) || g_strcmp0(patterns->pdata[i], "*") == 0 ||
            g_strcmp0(patterns->pdata[i], "all") == 0)
            return TRUE;
    }
    return FALSE;
}

gboolean wanted_selected(const PlanOptions *options, const Object *object)
{
    return (options->only == NULL || wanted_matches(options->only, object->key)) &&
           (options->keys == NULL || g_hash_table_contains(options->keys, object->key)) &&
           selector_matches(options->selector, object) &&
           !wanted_matches(options->exclude, object->key);
}

/* PS-19: a field that cannot change after creation and is not given stays what it was. */
static void carry_fixed(json_t *config, const json_t *stored, const Row *rows)
{
    const char *key;
    json_t *value;

    json_object_foreach ((json_t *)stored, key, value) {
        const Row *row = rows != NULL ? row_find(rows, key) : NULL;

        if (row != NULL && row->label == LABEL_BLOCKED && json_object_get(config, key) == NULL)
            json_object_set(config, key, value);
    }
}

/* EN-03: a value that means the same as what is stored keeps the stored spelling, so that "1024MiB"
 * for "1GiB" is no change. */
static void keep_spelling(json_t *members, const json_t *stored, const Row *rows)
{
    const char *key;
    json_t *value;

    json_object_foreach ((json_t *)stored, key, value) {
        const Row *row = rows != NULL ? row_find(rows, key) : NULL;
        const char *given = json_member_string(members, key);

        if (row != NULL && row->type->same != NULL && given != NULL && json_is_string(value) &&
            row->type->same(given, json_string_value(value)))
            json_object_set(members, key, value);
    }
}

static void keep_spellings(Object *copy, const Object *stored)
{
    const Kind *kind = object_kind(copy);
    const char *name;
    json_t *device;

    keep_spelling(copy->spec, stored->spec, kind->fields);
    keep_spelling(json_object_get(copy->spec, "config"), json_object_get(stored->spec, "config"),
                  kind->config);
    json_object_foreach (json_object_get(copy->spec, "devices"), name, device) {
        const DeviceType *type = device_type_of(NULL, copy->id.project, device, NULL);

        keep_spelling(device, json_object_get(json_object_get(stored->spec, "devices"), name),
                      type != NULL ? type->rows : NULL);
    }
}

/* The server's config is the exception to 'the whole object': only listed keys change, and a key
 * that the same source set before and leaves out now is unset; a null takes it out whoever set it.
 * Which source set what is remembered in `generated` as "$set:SOURCE". */
static void merge_server(Object *object, const Object *stored)
{
    json_t *config = json_object_get(object->spec, "config");
    g_autofree char *slot = g_strdup_printf("$set:%s", object->owner);
    const json_t *had = json_object_get(object->generated, slot);
    json_t *listed = json_array();
    g_autoptr(GPtrArray) keys = json_sorted_keys(config);
    const char *key;
    json_t *value;

    for (guint i = 0; i < keys->len; i++)
        if (!json_is_null(json_object_get(config, keys->pdata[i])))
            json_array_append_new(listed, json_string(keys->pdata[i]));
    json_object_foreach (json_object_get(stored->spec, "config"), key, value) {
        gboolean dropped = FALSE;
        json_t *item;
        size_t i;

        json_array_foreach (had, i, item)
            dropped = dropped || strcmp(json_string_value(item), key) == 0;
        if (!dropped && json_object_get(config, key) == NULL)
            json_object_set(config, key, value);
    }
    for (guint i = 0; i < keys->len; i++)
        if (json_is_null(json_object_get(config, keys->pdata[i])))
            json_object_del(config, keys->pdata[i]);
    json_object_set_new(object->generated, slot, listed);
}

void wanted_put(Wanted *wanted, const Snapshot *base, const Object *object, const char *owner)
{
    const char *old_name = json_member_string(object->spec, "renamed_from");
    const Object *stored = snapshot_get(base, object->key);
    const Kind *kind = object_kind(object);
    Object *copy;

    if (stored == NULL && old_name != NULL) {
        const Object *old = snapshot_find(base, object->id.kind, object->id.project, old_name);

        if (old != NULL) {
            g_hash_table_insert(wanted->renamed, g_strdup(object->key), g_strdup(old->key));
            g_ptr_array_add(wanted->remove, g_strdup(old->key));
            stored = old;
        }
    }
    copy = object_with(object, NULL, stored != NULL ? stored->generated : NULL);
    json_object_del(copy->spec, "renamed_from");
    if (owner != NULL) {
        g_free(copy->owner);
        copy->owner = g_strdup(owner);
    }
    if (stored != NULL) {
        carry_fixed(copy->spec, stored->spec, kind->fields);
        if (kind->config != NULL)
            carry_fixed(json_object_get(copy->spec, "config"),
                        json_object_get(stored->spec, "config"), kind->config);
        keep_spellings(copy, stored);
    }
    if ((kind->flags & KIND_SINGLETON) != 0) {
        g_autoptr(Object) empty =
            object_new(object->id.kind, "", "", "", json_pack("{s:{}}", "config"), NULL);

        merge_server(copy, stored != NULL ? stored : empty);
    }
    g_ptr_array_add(wanted->put, copy);
}

static gboolean is_default(const Object *object)
{
    return strcmp(object->id.name, "default") == 0 &&
           (object->id.kind == KIND_PROJECT ||
            (object->id.kind == KIND_PROFILE && strcmp(object->id.project, "default") == 0));
}

/* I-150, by itself or by one of its profiles. */
static gboolean is_protected(const Snapshot *base, const Object *stored)
{
    g_auto(Expanded) expanded = {0};
    const char *text;

    if (stored->id.kind != KIND_INSTANCE)
        return FALSE;
    expand_instance(base, stored, &expanded);
    text = json_member_string(expanded.config, "security.protection.delete");
    return text != NULL && type_is_true(text);
}

void wanted_remove(Wanted *wanted, const Snapshot *base, const char *key)
{
    const Object *stored = snapshot_get(base, key);
    g_autofree char *label = object_key_label(key);

    if (stored == NULL)
        return;
    if (json_is_true(json_object_get(stored->spec, "protect"))) {
        g_ptr_array_add(
            wanted->warnings,
            g_strdup_printf("%s is protected and stays (unset `protect` to delete it)", label));
        g_ptr_array_add(wanted->kept, g_strdup(key));
        return;
    }
    if (is_protected(base, stored)) {
        g_ptr_array_add(wanted->blocked,
                        g_strdup_printf("%s: security.protection.delete is true", label));
        wanted->blocked_code = ERR_REFUSED;
        return;
    }
    if (is_default(stored)) {
        g_autoptr(json_t) spec = stored->id.kind == KIND_PROFILE
                                     ? json_pack("{s:{}, s:{}}", "config", "devices")
                                     : json_pack("{s:{}}", "config");
        Object *reset = object_with(stored, spec, NULL);

        g_free(reset->owner);
        reset->owner = g_strdup("api");
        g_ptr_array_add(wanted->put, reset);
        return;
    }
    g_ptr_array_add(wanted->remove, g_strdup(key));
}

/* The object that is to be put in its default state because its removal was asked for; NULL when it
 * is not. */
static Object *find_reset(Wanted *wanted, const char *key)
{
    for (guint i = 0; i < wanted->put->len; i++) {
        Object *object = wanted->put->pdata[i];

        if (strcmp(object->key, key) == 0 && is_default(object) &&
            strcmp(object->owner, "api") == 0)
            return object;
    }
    return NULL;
}

static gboolean drop_string(GPtrArray *strings, const char *text)
{
    guint index;

    if (!g_ptr_array_find_with_equal_func(strings, text, g_str_equal, &index))
        return FALSE;
    g_ptr_array_remove_index(strings, index);
    return TRUE;
}

/* Objects outlive the source that declared them, unless they go with it or get another owner. */
static void release_objects(Wanted *wanted, const Snapshot *base)
{
    g_autoptr(GHashTable) owners = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(GHashTable) decided = g_hash_table_new(g_str_hash, g_str_equal);

    for (guint i = 0; i < wanted->remove->len; i++) {
        const Object *going = snapshot_get(base, wanted->remove->pdata[i]);

        g_hash_table_add(decided, wanted->remove->pdata[i]);
        if (going != NULL && going->id.kind == KIND_SOURCE)
            g_hash_table_add(owners, source_owner(going->id.name));
    }
    if (g_hash_table_size(owners) == 0)
        return;
    for (guint i = 0; i < wanted->put->len; i++)
        g_hash_table_add(decided, ((Object *)wanted->put->pdata[i])->key);
    for (guint i = 0; i < snapshot_size(base); i++) {
        const Object *object = snapshot_at(base, i);

        if (g_hash_table_contains(owners, object->owner) &&
            !g_hash_table_contains(decided, object->key))
            wanted_put(wanted, base, object, "api");
    }
}

/* Images that instances brought along from servers are nobody's: they go with their project
 * (IMG-085). Other ones keep it. */
static void take_cached_along(Wanted *wanted, const Snapshot *base)
{
    guint asked = wanted->remove->len;

    for (guint i = 0; i < asked; i++) {
        const Object *project = snapshot_get(base, wanted->remove->pdata[i]);
        guint first = 0, count = 0;

        if (project != NULL && project->id.kind == KIND_PROJECT)
            snapshot_range(base, KIND_IMAGE, project->id.name, &first, &count);
        for (guint n = first; n < first + count; n++) {
            const Object *image = snapshot_at(base, n);

            if (json_is_true(json_object_get(image->generated, "cached")) &&
                !g_ptr_array_find_with_equal_func(wanted->remove, image->key, g_str_equal, NULL))
                wanted_remove(wanted, base, image->key);
        }
    }
}

/* What something needs stays with it, and so does the environment that it is in: else nobody would
 * know of what is left of one. Keys, newly allocated. */
static GPtrArray *stay_along(const Snapshot *base, const Object *kept)
{
    GPtrArray *keys = refs_keys(base, kept);
    char *environment = env_of_owner(kept->owner);

    if (environment != NULL)
        g_ptr_array_add(keys, environment);
    return keys;
}

void wanted_keep_needed(Wanted *wanted, const Snapshot *base)
{
    for (guint i = 0; i < wanted->kept->len; i++) { /* grows as it goes */
        const Object *kept = snapshot_get(base, wanted->kept->pdata[i]);
        g_autoptr(GPtrArray) needs = stay_along(base, kept);
        g_autofree char *label = object_label(kept);

        for (guint n = 0; n < needs->len; n++) {
            const char *key = needs->pdata[n];
            g_autofree char *needed = object_key_label(key);

            if (!drop_string(wanted->remove, key) &&
                !g_ptr_array_remove(wanted->put, find_reset(wanted, key)))
                continue;
            g_ptr_array_add(wanted->kept, g_strdup(key));
            g_ptr_array_add(wanted->warnings,
                            g_strdup_printf("%s stays: %s needs it", needed, label));
        }
    }
    take_cached_along(wanted, base);
    release_objects(wanted, base);
}

/* EN-43: an object has one owner. `api` gives way to a file that declares it. */
static gboolean check_owner(const Object *stored, const Object *object, const PlanOptions *options,
                            GError **error)
{
    g_autofree char *label = NULL;
    g_autofree char *where = NULL;

    if (stored == NULL || options->set == NULL || options->adopt ||
        strcmp(stored->owner, "api") == 0 || strcmp(stored->owner, options->set) == 0 ||
        stored->id.kind == KIND_SERVER)
        return TRUE;
    label = object_label(stored);
    where = object_where(object, "");
    return error_set(error, ERR_CONFLICT,
                     "%s%s%s belongs to %s; take it over with --adopt, or name that set with --set",
                     where != NULL ? where : "", where != NULL ? ": " : "", label, stored->owner);
}

/* What a selected object needs comes along as far as the input declares it. */
static void select_needed(const Snapshot *all, GHashTable *declared, GHashTable *selected,
                          GPtrArray *needed, const char *key)
{
    g_autoptr(GPtrArray) needs = refs_keys(all, snapshot_get(all, key));

    for (guint i = 0; i < needs->len; i++) {
        if (g_hash_table_contains(declared, needs->pdata[i]) &&
            g_hash_table_add(selected, g_strdup(needs->pdata[i]))) {
            g_ptr_array_add(needed, g_strdup(needs->pdata[i]));
            select_needed(all, declared, selected, needed, needs->pdata[i]);
        }
    }
}

/* `needed` gets the keys that come along. */
static GHashTable *select_input(const Snapshot *base, const Input *input,
                                const PlanOptions *options, GPtrArray *needed)
{
    GHashTable *selected = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(GHashTable) declared = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(Snapshot) all = NULL;

    for (guint i = 0; i < input->objects->len; i++) {
        const Object *object = input->objects->pdata[i];

        g_hash_table_add(declared, object->key);
        if (wanted_selected(options, object))
            g_hash_table_add(selected, g_strdup(object->key));
    }
    if (options->only == NULL && options->selector == NULL && options->keys == NULL)
        return selected;
    all = snapshot_change(base, input->objects, NULL);
    for (guint i = 0; i < input->objects->len; i++) {
        const Object *object = input->objects->pdata[i];

        if (wanted_selected(options, object))
            select_needed(all, declared, selected, needed, object->key);
    }
    g_ptr_array_sort(needed, text_compare);
    return selected;
}

static void prune(Wanted *wanted, const Snapshot *base, const Input *input,
                  const PlanOptions *options)
{
    g_autoptr(GHashTable) declared = g_hash_table_new(g_str_hash, g_str_equal);

    if (options->prune && input->objects->len == 0) { /* EN-43: an empty source deletes nothing */
        g_ptr_array_add(
            wanted->blocked,
            g_strdup(
                "the input declares nothing at all; use `berth destroy` to delete a whole set"));
        wanted->blocked_code = ERR_REFUSED;
        return;
    }
    for (guint i = 0; i < input->objects->len; i++)
        g_hash_table_add(declared, ((const Object *)input->objects->pdata[i])->key);
    for (guint i = 0; i < wanted->remove->len; i++) /* the old names of renamed objects */
        g_hash_table_add(declared, wanted->remove->pdata[i]);
    for (guint i = 0; i < snapshot_size(base); i++) {
        const Object *stored = snapshot_at(base, i);

        if (g_strcmp0(stored->owner, options->set) != 0 ||
            g_hash_table_contains(declared, stored->key))
            continue;
        if (!wanted_selected(options, stored))
            continue;
        if (options->prune) {
            wanted_remove(wanted, base, stored->key);
        } else {
            g_autofree char *label = object_label(stored);

            g_ptr_array_add(
                wanted->warnings,
                g_strdup_printf("%s is no longer declared by %s and stays (delete it with --prune)",
                                label, options->set));
        }
    }
}

/* EN-49: a delete beside a create of the same kind with the same content is probably a rename. */
static void warn_of_renames(Wanted *wanted, const Snapshot *base)
{
    for (guint i = 0; i < wanted->put->len; i++) {
        const Object *created = wanted->put->pdata[i];

        if (snapshot_get(base, created->key) != NULL ||
            g_hash_table_contains(wanted->renamed, created->key))
            continue;
        for (guint j = 0; j < wanted->remove->len; j++) {
            const Object *removed = snapshot_get(base, wanted->remove->pdata[j]);
            g_autofree char *from = NULL;
            g_autofree char *to = NULL;

            if (removed == NULL || removed->id.kind != created->id.kind ||
                !json_equal(removed->spec, created->spec))
                continue;
            from = object_label(removed);
            to = object_label(created);
            g_ptr_array_add(wanted->warnings,
                            g_strdup_printf("%s goes and %s with the same content comes: a rename "
                                            "that keeps its data needs "
                                            "`renamed_from: %s`",
                                            from, to, removed->id.name));
        }
    }
}

/* Files that declare a run state put an end to what somebody asked for over the API: the daemon may
 * keep it up again (EN-44). */
static void forget_power(Object *object)
{
    const char *declared = json_member_string(object->spec, "state");
    const char *power = json_member_string(object->generated, "volatile.last_state.power");

    if (object->id.kind == KIND_INSTANCE && declared != NULL && power != NULL &&
        strcmp(declared, "stopped") != 0 && strcmp(power, "STOPPED") == 0)
        json_object_set_new(object->generated, "volatile.last_state.power", json_string("RUNNING"));
}

/* What its image is now is drawn again. */
static void forget_image(Object *object)
{
    json_object_del(object->generated, "$image");
    json_object_del(object->generated, "volatile.base_image");
}

gboolean wanted_add_input(Wanted *wanted, const Snapshot *base, const Input *input,
                          const PlanOptions *options, GError **error)
{
    g_autoptr(GHashTable) selected = select_input(base, input, options, wanted->needed);

    for (guint i = 0; i < input->objects->len; i++) {
        const Object *object = input->objects->pdata[i];
        Object *copy;

        if (!g_hash_table_contains(selected, object->key))
            continue;
        if (!check_owner(snapshot_get(base, object->key), object, options, error))
            return FALSE;
        wanted_put(wanted, base, object, options->set);
        copy = wanted->put->pdata[wanted->put->len - 1];
        forget_power(copy);
        if (copy->id.kind == KIND_INSTANCE && wanted_matches(options->new_image, copy->key))
            forget_image(copy);
    }
    if (options->set != NULL)
        prune(wanted, base, input, options);
    warn_of_renames(wanted, base);
    return TRUE;
}
