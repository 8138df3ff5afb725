/* lock: which images the names on servers mean (EN-09). */
#include <string.h>

#include "error.h"
#include "file.h"
#include "image_lock.h"
#include "image_origin.h"
#include "output.h"
#include "sources.h"

#define LOCK_MODE 0644

/* One lock file in the making. */
typedef struct {
    const Cli *cli;
    Engine *engine;
    const char *path;
    const json_t *had;
    json_t *now;
    gboolean *used; /* for each name after `update`: something is called so */
} Locking;

static gboolean is_update(const Cli *cli)
{
    return g_strcmp0(cli->words[0], "update") == 0;
}

/* `update` alone means all. */
static gboolean is_asked_for(const Locking *locking, const Object *object)
{
    const char *name = image_origin_name(json_object_get(object->spec, "source"));
    gboolean asked = FALSE;

    if (!is_update(locking->cli))
        return FALSE;
    for (guint i = 1; locking->cli->words[i] != NULL; i++)
        if (strcmp(locking->cli->words[i], name) == 0 ||
            (object->id.kind == KIND_IMAGE && strcmp(locking->cli->words[i], object->id.name) == 0))
            asked = locking->used[i] = TRUE;
    return asked || locking->cli->words[1] == NULL;
}

static void tell(const Locking *locking, const char *name, const char *before, const char *after)
{
    if (before == NULL)
        message("%s: %s is %.12s", locking->path, name, after);
    else if (strcmp(before, after) != 0)
        message("%s: %s was %.12s, is %.12s", locking->path, name, before, after);
}

/* What other architectures have stays as it is. */
static void keep_entries(const Locking *locking, const char *origin)
{
    json_t *list = json_object_get(locking->had, origin);

    if (list != NULL && json_object_get(locking->now, origin) == NULL)
        json_object_set_new(locking->now, origin, json_deep_copy(list));
}

static gboolean lock_source(const Locking *locking, const Object *object, GError **error)
{
    const json_t *source = json_object_get(object->spec, "source");
    g_autofree char *origin = image_origin(source);
    g_autofree char *native = engine_architecture(locking->engine, error);
    gboolean fresh = is_asked_for(locking, object);
    g_autofree char *before = NULL;
    g_autoptr(json_t) found = NULL;
    json_t *entry;

    if (native == NULL)
        return FALSE;
    keep_entries(locking, origin);
    entry = image_lock_find(locking->now, origin, native);
    before = g_strdup(json_member_string(entry, "fingerprint"));
    if (before != NULL && !fresh)
        return TRUE;
    found = engine_ask_image(locking->engine, object, fresh, error);
    if (found == NULL)
        return FALSE;
    entry = image_lock_put(locking->now, source, json_member_string(found, "architecture"));
    tell(locking, image_origin_name(source), before, json_member_string(found, "fingerprint"));
    /* The date of an image that gives none is that of its first lock. */
    if (json_equal(json_object_get(entry, "fingerprint"), json_object_get(found, "fingerprint")) &&
        json_object_get(entry, "date") != NULL)
        return TRUE;
    json_object_update(entry, found);
    return TRUE;
}

static gboolean needs_lock(const Object *object)
{
    const json_t *source = json_object_get(object->spec, "source");

    return (object->id.kind == KIND_IMAGE || object->id.kind == KIND_INSTANCE) &&
           image_origin_is_remote(source) && image_origin_moves(source) &&
           g_strcmp0(json_member_string(object->spec, "refresh"), "auto") != 0;
}

static gboolean lock_input(const Locking *locking, const Input *input, GError **error)
{
    g_autofree char *text = NULL;
    gboolean changed = FALSE;

    for (guint i = 0; i < input->objects->len; i++) {
        const Object *object = input->objects->pdata[i];

        if (needs_lock(object) && !lock_source(locking, object, error)) {
            g_autofree char *label = object_label(object);
            g_autofree char *where = object_where(object, "source");

            g_prefix_error(error, "%s%s%s: ", where != NULL ? where : "", where != NULL ? ": " : "",
                           label);
            return FALSE;
        }
    }
    if (json_object_size(locking->now) == 0 && !file_exists(locking->path)) {
        message("nothing to lock: no image comes from a server by name");
        return TRUE;
    }
    text = image_lock_print(locking->now);
    if (!file_write(locking->path, text, -1, LOCK_MODE, &changed, error))
        return FALSE;
    message(changed ? "%s is written" : "%s is as it was", locking->path);
    return TRUE;
}

/* The paths whose lock file is `lock`. */
static GPtrArray *paths_of(const GPtrArray *paths, const char *lock)
{
    GPtrArray *found = g_ptr_array_new();

    for (guint i = 0; i < paths->len; i++) {
        g_autofree char *own = image_lock_path(paths->pdata[i]);

        if (strcmp(own, lock) == 0)
            g_ptr_array_add(found, paths->pdata[i]);
    }
    return found;
}

/* Servers are asked from here, whoever carries out what comes of it. */
static gboolean lock_paths(const Cli *cli, const GPtrArray *paths, const char *lock, gboolean *used,
                           GError **error)
{
    g_autoptr(GPtrArray) own = paths_of(paths, lock);
    g_autoptr(Input) input = sources_read(cli, own, cli->args->project, NULL, error);
    g_autofree char *dir = cli_directory(cli);
    g_autoptr(Host) host = host_real_new(dir);
    g_autoptr(Engine) engine = input != NULL ? engine_open(host, ENGINE_READ_ONLY, error) : NULL;
    g_autoptr(json_t) now = json_object();
    Locking locking = {cli, engine, lock, input != NULL ? input->locks : NULL, now, used};

    return engine != NULL && lock_input(&locking, input, error);
}

static gboolean lock_all(Cli *cli, const GPtrArray *paths, gboolean *used, GError **error)
{
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

    for (guint i = 0; i < paths->len; i++) {
        g_autofree char *lock = NULL;

        if (strcmp(paths->pdata[i], "-") == 0)
            return error_set(error, ERR_USAGE, "lock needs files: the lock is written beside them");
        lock = image_lock_path(paths->pdata[i]);
        if (!g_hash_table_add(seen, g_strdup(lock)))
            continue;
        if (!lock_paths(cli, paths, lock, used, error))
            return FALSE;
    }
    return TRUE;
}

gboolean command_lock(Cli *cli, GError **error)
{
    gboolean update = is_update(cli);
    guint count = g_strv_length(cli->words);
    g_autofree gboolean *used = g_new0(gboolean, count + 1);
    g_auto(GStrv) names = update ? g_steal_pointer(&cli->words) : NULL;
    g_autoptr(GPtrArray) paths = NULL;

    if (update)
        cli->words = g_new0(char *, 1); /* what follows `update` is no path */
    paths = sources_paths(cli, FALSE, error);
    if (update) {
        g_strfreev(cli->words);
        cli->words = g_steal_pointer(&names);
    }
    if (paths == NULL || !lock_all(cli, paths, used, error))
        return FALSE;
    for (guint i = 1; update && i < count; i++)
        if (!used[i])
            return error_set(error, ERR_NOT_FOUND,
                             "no image of a server is named \"%s\" in the files", cli->words[i]);
    return TRUE;
}
