/* get, dump, adopt, release: the objects that are stored. */
#include <string.h>

#include "error.h"
#include "file.h"
#include "output.h"
#include "print.h"
#include "select.h"
#include "sources.h"
#include "table.h"
#include "view.h"

/* The one kind of all objects, or NULL. */
static const Kind *common_kind(const GPtrArray *objects)
{
    const Kind *kind = NULL;

    for (guint i = 0; i < objects->len; i++) {
        const Kind *other = object_kind(g_ptr_array_index(objects, i));

        if (kind != NULL && other != kind)
            return NULL;
        kind = other;
    }
    return kind;
}

/* One word without wildcards that names an object rather than a kind. */
static gboolean is_single(char *const *words)
{
    return words[0] != NULL && words[1] == NULL && strpbrk(words[0], "*?") == NULL &&
           (strchr(words[0], '/') != NULL || strcmp(words[0], "server") == 0);
}

static gboolean show_object(Cli *cli, const GPtrArray *objects, GError **error)
{
    const Object *object = g_ptr_array_index(objects, 0);
    g_autoptr(json_t) seen = backend_observe(cli->backend, objects, error);
    g_autoptr(json_t) value = seen != NULL ? view_object(object, view_facts(seen, object)) : NULL;
    g_autofree char *text = NULL;

    if (value == NULL)
        return FALSE;
    text = strcmp(cli_list_format(cli), "json") == 0 ? json_pretty(value) : print_yaml(value, 0);
    output_text(text);
    return TRUE;
}

gboolean command_get(Cli *cli, GError **error)
{
    g_autoptr(GPtrArray) objects = cli_chosen_objects(cli, error);
    g_autoptr(json_t) seen = NULL;
    g_autoptr(json_t) value = json_array();
    g_autoptr(Table) table = NULL;
    const Kind *kind;
    gboolean data =
        strcmp(cli_list_format(cli), "json") == 0 || strcmp(cli_list_format(cli), "yaml") == 0;

    if (objects == NULL)
        return FALSE;
    if (is_single(cli->words) && objects->len == 1 && strcmp(cli_list_format(cli), "csv") != 0)
        return show_object(cli, objects, error);
    kind = common_kind(objects);
    seen = data || (kind != NULL && kind->id == KIND_INSTANCE)
               ? backend_observe(cli->backend, objects, error)
               : json_object();
    if (seen == NULL)
        return FALSE;
    for (guint i = 0; data && i < objects->len; i++) {
        const Object *object = g_ptr_array_index(objects, i);

        json_array_append_new(value, view_object(object, view_facts(seen, object)));
    }
    table = view_table(objects, kind, seen);
    table_print(table, cli_list_format(cli), value);
    if (objects->len == 0 && strcmp(cli_list_format(cli), "table") == 0)
        message("Nothing is stored%s.", cli->words[0] != NULL ? " of that kind" : " yet");
    return TRUE;
}

/* Defaults that say nothing: an empty default project, profile or server config. */
static gboolean says_nothing(const Object *object)
{
    const char *key;
    json_t *value;

    if ((object_kind(object)->flags & KIND_SINGLETON) == 0 &&
        strcmp(object->id.name, "default") != 0)
        return FALSE;
    if (object->id.kind != KIND_SERVER && object->id.kind != KIND_PROJECT &&
        object->id.kind != KIND_PROFILE)
        return FALSE;
    json_object_foreach (object->spec, key, value)
        if (!json_is_object(value) || json_object_size(value) > 0)
            return FALSE;
    return TRUE;
}

#define DUMP_MARK "# Written by berth dump\n"

/* One file a kind: PLURAL.yaml. A file of an earlier dump whose kind has no objects any more goes.
 */
static gboolean dump_directory(const char *dir, const GPtrArray *objects, GError **error)
{
    if (!file_make_directory(dir, 0755, error))
        return FALSE;
    for (guint k = 0; k < KIND_MAX; k++) {
        g_autofree char *name = g_strconcat(KINDS[k]->plural, ".yaml", NULL);
        g_autofree char *path = g_build_filename(dir, name, NULL);
        g_autoptr(GPtrArray) of_kind = g_ptr_array_new();
        g_autofree char *body = NULL;
        g_autofree char *text = NULL;
        gboolean changed = FALSE;

        for (guint i = 0; i < objects->len; i++)
            if (object_kind(g_ptr_array_index(objects, i)) == KINDS[k])
                g_ptr_array_add(of_kind, g_ptr_array_index(objects, i));
        if (of_kind->len == 0) {
            if (file_read(path, DOCUMENT_MAX_BYTES, &text, NULL, NULL) &&
                g_str_has_prefix(text, DUMP_MARK) && !file_remove(path, error))
                return FALSE;
            continue;
        }
        body = print_objects(of_kind);
        text = g_strconcat(DUMP_MARK, body, NULL);
        if (!file_write(path, text, -1, 0600, &changed, error))
            return FALSE;
        message("%s: %u object%s%s", path, of_kind->len, of_kind->len == 1 ? "" : "s",
                changed ? "" : ", as it was");
    }
    return TRUE;
}

gboolean command_dump(Cli *cli, GError **error)
{
    g_autoptr(GPtrArray) chosen = NULL;
    g_autoptr(GPtrArray) objects = g_ptr_array_new();
    g_autofree char *text = NULL;

    chosen = cli_chosen_objects(cli, error);
    if (chosen == NULL)
        return FALSE;
    for (guint i = 0; i < chosen->len; i++)
        if (cli->words[0] != NULL || !says_nothing(g_ptr_array_index(chosen, i)))
            g_ptr_array_add(objects, g_ptr_array_index(chosen, i));
    if (cli->args->output_directory != NULL)
        return dump_directory(cli->args->output_directory, objects, error);
    text = print_objects(objects);
    output_text(text);
    return TRUE;
}

/* Keys of the stored objects that files declare. A declared object that is not stored has no owner
 * yet. */
static GPtrArray *declared_keys(const Snapshot *model, const Input *input)
{
    GPtrArray *keys = g_ptr_array_new_with_free_func(g_free);

    for (guint i = 0; i < input->objects->len; i++) {
        const Object *object = g_ptr_array_index(input->objects, i);
        g_autofree char *label = object_label(object);

        if (snapshot_get(model, object->key) != NULL)
            g_ptr_array_add(keys, g_strdup(object->key));
        else
            message("%s is not stored yet: apply makes it", label);
    }
    return keys;
}

static gboolean own(Cli *cli, const GPtrArray *keys, const char *owner, GError **error)
{
    if (keys->len > 0 && !backend_own(cli->backend, keys, owner, error))
        return FALSE;
    for (guint i = 0; i < keys->len; i++) {
        g_autofree char *label = object_key_label(g_ptr_array_index(keys, i));

        message_verbose("%s: owner %s", label, owner);
    }
    message("%u object%s: owner %s", keys->len, keys->len == 1 ? "" : "s", owner);
    return TRUE;
}

/* Whose owner changes is said: what --exclude leaves of all objects is nobody's wish. */
static gboolean names_objects(const Cli *cli)
{
    return cli->words[0] != NULL || cli->args->selectors != NULL || cli->args->only != NULL;
}

gboolean command_adopt(Cli *cli, GError **error)
{
    g_autoptr(GPtrArray) paths = NULL;
    g_autoptr(GPtrArray) keys = NULL;
    g_autofree char *owner = NULL;
    g_autoptr(Input) input = NULL;
    const Snapshot *model;

    if (cli->args->files != NULL ? cli->words[0] != NULL : !names_objects(cli))
        return error_set(error, ERR_USAGE, "give either objects or files with -f");
    if (cli->args->files == NULL && cli->args->set == NULL)
        return error_set(error, ERR_USAGE, "say who becomes the owner: --set NAME");
    if (cli->args->files != NULL) {
        paths = sources_paths(cli, FALSE, error);
        owner = sources_owner(cli, paths, error);
        input = owner != NULL ? sources_read(cli, paths, cli->args->project, NULL, error) : NULL;
        if (input == NULL)
            return FALSE;
    } else {
        owner = g_strconcat("file:", cli->args->set, NULL);
    }
    model = cli_model(cli, BACKEND_WRITES, error);
    if (model == NULL)
        return FALSE;
    if (input == NULL) {
        keys = cli_chosen_keys(cli, error);
    } else {
        keys = declared_keys(model, input);
        if (!cli_filter_keys(cli, keys, error))
            return FALSE;
    }
    return keys != NULL && own(cli, keys, owner, error);
}

gboolean command_release(Cli *cli, GError **error)
{
    g_autoptr(GPtrArray) keys = NULL;

    if (!names_objects(cli))
        return error_set(error, ERR_USAGE, "name objects, or choose them with -l or --only");
    if (cli_model(cli, BACKEND_WRITES, error) == NULL)
        return FALSE;
    keys = cli_chosen_keys(cli, error);
    return keys != NULL && own(cli, keys, "api", error);
}
