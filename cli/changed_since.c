#include "changed_since.h"

#include <string.h>

#include "error.h"
#include "file.h"
#include "image_origin.h"
#include "source_git.h"
#include "sources.h"
#include "stage.h"

/* So many digits of a commit have to be given; the causes of generations have twelve. */
#define COMMIT_LEAST 7
#define COMMIT_KEPT 12

static gboolean is_number(const char *text)
{
    return *text != '\0' && text[strspn(text, "0123456789")] == '\0';
}

static void add_key(GHashTable *keys, const char *key)
{
    g_hash_table_add(keys, g_strdup(key));
}

/* ---- what is stored ---- */

static gboolean changed_after(const json_t *history, gint64 number, GHashTable *keys,
                              GError **error)
{
    gboolean known = number == 0;
    const json_t *generation, *key;
    size_t i, k;

    json_array_foreach (history, i, generation) {
        gint64 id = json_integer_value(json_object_get(generation, "generation"));

        known = known || id == number;
        if (id > number)
            json_array_foreach (json_object_get(generation, "objects"), k, key)
                add_key(keys, json_string_value(key));
    }
    return known || error_set(error, ERR_NOT_FOUND,
                              "--changed-since: there is no generation %" G_GINT64_FORMAT
                              "; 'berth history' lists them",
                              number);
}

/* Whether the cause of a generation is that a commit of a source came in force. */
static gboolean is_commit(const char *cause, const char *revision)
{
    g_auto(GStrv) words = g_strsplit(cause != NULL ? cause : "", " ", 4);
    g_autofree char *kept = g_strndup(revision, COMMIT_KEPT);

    return g_strv_length(words) >= 3 && strcmp(words[0], "source") == 0 &&
           g_str_has_prefix(words[2], kept);
}

static gboolean changed_after_commit(const json_t *history, const char *revision, GHashTable *keys,
                                     GError **error)
{
    const json_t *generation;
    size_t i;

    if (strlen(revision) >= COMMIT_LEAST)
        json_array_foreach (history, i, generation)
            if (is_commit(json_member_string(generation, "cause"), revision))
                return changed_after(history,
                                     json_integer_value(json_object_get(generation, "generation")),
                                     keys, error);
    return error_set(
        error, ERR_NOT_FOUND,
        "--changed-since %s: give the number of a generation, or at least %d digits of "
        "a commit that a source put in force here",
        revision, COMMIT_LEAST);
}

/* ---- files in git ---- */

/* The paths as they are in another folder than the working tree; those that are not there are left
 * out. NULL with an error when one is outside of it. */
static GPtrArray *paths_in(const char *folder, const char *work, const GPtrArray *paths,
                           GError **error)
{
    g_autoptr(GPtrArray) moved = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *top = g_canonicalize_filename(work, NULL);

    for (guint i = 0; i < paths->len; i++) {
        g_autofree char *path = g_canonicalize_filename(g_ptr_array_index(paths, i), NULL);
        g_autofree char *there = NULL;

        if (!g_str_has_prefix(path, top) || !strchr("/", path[strlen(top)])) {
            error_set(error, ERR_USAGE, "--changed-since: %s is not in the git repository %s", path,
                      top);
            return NULL;
        }
        there = g_strconcat(folder, path + strlen(top), NULL);
        if (file_exists(there))
            g_ptr_array_add(moved, g_steal_pointer(&there));
    }
    return g_steal_pointer(&moved);
}

/* What images.lock says of the image of a server that the object is or comes from (EN-09). */
static void add_lock(GString *text, const json_t *locks, const Object *object)
{
    g_autofree char *origin = image_origin(json_object_get(object->spec, "source"));
    const json_t *entry;
    size_t i;

    if (origin == NULL)
        return;
    json_array_foreach (json_object_get(locks, origin), i, entry)
        g_string_append_printf(text, "\n%s %s", json_member_string(entry, "architecture"),
                               json_member_string(entry, "fingerprint"));
}

/* What an object of `input` says, with paths in `folder` as if they were in `work`. Newly
 * allocated. */
static char *text_of(const Input *input, const Object *object, const char *folder, const char *work)
{
    g_autofree char *text = json_text(object->spec);
    GString *moved = g_string_new(text);

    if (folder != NULL)
        g_string_replace(moved, folder, work, 0);
    add_lock(moved, input->locks, object);
    return g_string_free(moved, FALSE);
}

/* A file that cannot be read is as none; whoever needs it says so. */
static gboolean same_content(const char *a, const char *b)
{
    g_autoptr(GMappedFile) left = g_mapped_file_new(a, FALSE, NULL);
    g_autoptr(GMappedFile) right = g_mapped_file_new(b, FALSE, NULL);
    gsize size = left != NULL ? g_mapped_file_get_length(left) : 0;

    if (left == NULL || right == NULL)
        return left == NULL && right == NULL;
    return size == g_mapped_file_get_length(right) &&
           (size == 0 ||
            memcmp(g_mapped_file_get_contents(left), g_mapped_file_get_contents(right), size) == 0);
}

/* Whether the files of an image that are in the repository are the same. */
static gboolean same_files(const Object *now, const char *folder, const char *work)
{
    static const char *const places[] = {"source/file", "source/rootfs"};
    g_autofree char *below = g_strconcat(work, "/", NULL);

    if (now->id.kind != KIND_IMAGE)
        return TRUE;
    for (guint i = 0; i < G_N_ELEMENTS(places); i++) {
        const char *path = json_string_at(now->spec, places[i]);
        g_autofree char *there = NULL;

        if (path == NULL || !g_str_has_prefix(path, below))
            continue;
        there = g_build_filename(folder, path + strlen(below), NULL);
        if (!same_content(path, there))
            return FALSE;
    }
    return TRUE;
}

/* Objects that one of the two does not have, or has otherwise. */
static void compare(const Input *before, const Input *now, const char *folder, const char *work,
                    GHashTable *keys)
{
    g_autoptr(GHashTable) texts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    GHashTableIter iter;
    gpointer key;

    for (guint i = 0; i < before->objects->len; i++) {
        const Object *object = g_ptr_array_index(before->objects, i);

        g_hash_table_insert(texts, g_strdup(object->key), text_of(before, object, folder, work));
    }
    for (guint i = 0; i < now->objects->len; i++) {
        const Object *object = g_ptr_array_index(now->objects, i);
        g_autofree char *text = text_of(now, object, NULL, NULL);

        if (g_strcmp0(g_hash_table_lookup(texts, object->key), text) != 0 ||
            !same_files(object, folder, work))
            add_key(keys, object->key);
        g_hash_table_remove(texts, object->key);
    }
    g_hash_table_iter_init(&iter, texts);
    while (g_hash_table_iter_next(&iter, &key, NULL))
        add_key(keys, key);
}

static gboolean compare_at(const Cli *cli, const json_t *commit, const char *folder,
                           const GPtrArray *paths, const Input *now, GHashTable *keys,
                           GError **error)
{
    g_autofree char *tree = g_build_filename(folder, "tree", NULL);
    g_autofree char *work = g_canonicalize_filename(json_member_string(commit, "work"), NULL);
    g_autoptr(GPtrArray) moved = NULL;
    g_autoptr(Input) before = NULL;

    if (!source_git_export(commit, tree, error))
        return FALSE;
    moved = paths_in(tree, work, paths, error);
    before = moved != NULL ? sources_read(cli, moved, cli->args->project, NULL, error) : NULL;
    if (before == NULL) {
        g_prefix_error(error, "--changed-since %s: ", cli->args->changed_since);
        return FALSE;
    }
    compare(before, now, tree, work, keys);
    return TRUE;
}

static gboolean changed_in_git(const Cli *cli, const GPtrArray *paths, const Input *input,
                               GHashTable *keys, GError **error)
{
    const char *first = g_ptr_array_index(paths, 0);
    g_autofree char *path = g_canonicalize_filename(first, NULL);
    g_autoptr(json_t) commit = NULL;
    g_autofree char *folder = NULL;
    g_auto(Fd) lock = -1;
    gboolean done;

    for (guint i = 0; i < paths->len; i++)
        if (strcmp(g_ptr_array_index(paths, i), "-") == 0)
            return error_set(error, ERR_USAGE,
                             "--changed-since %s: standard input is in no git repository",
                             cli->args->changed_since);
    commit = source_git_resolve(path, cli->args->changed_since, error);
    if (commit == NULL)
        return FALSE;
    if (json_member_string(commit, "work") == NULL)
        return error_set(error, ERR_USAGE, "--changed-since: %s has no working tree", path);
    folder = stage_make("berth-since", &lock, error);
    if (folder == NULL)
        return FALSE;
    done = compare_at(cli, commit, folder, paths, input, keys, error);
    return file_remove_tree(folder, done ? error : NULL) && done;
}

static json_t *sorted(GHashTable *keys)
{
    g_autoptr(GList) list = g_list_sort(g_hash_table_get_keys(keys), (GCompareFunc)strcmp);
    json_t *texts = json_array();

    for (const GList *item = list; item != NULL; item = item->next)
        json_array_append_new(texts, json_string(item->data));
    return texts;
}

gboolean changed_since(Cli *cli, const GPtrArray *paths, const Input *input, GError **error)
{
    const char *revision = cli->args->changed_since;
    g_autoptr(GHashTable) keys = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(json_t) history = NULL;
    gboolean found;

    if (revision == NULL)
        return TRUE;
    if (!is_number(revision) && paths != NULL) {
        found = changed_in_git(cli, paths, input, keys, error);
    } else {
        history = backend_history(cli->backend, error);
        found = history != NULL &&
                (is_number(revision)
                     ? changed_after(history, g_ascii_strtoll(revision, NULL, 10), keys, error)
                     : changed_after_commit(history, revision, keys, error));
    }
    if (!found)
        return FALSE;
    json_decref(cli->changed); /* a command that watches asks again */
    cli->changed = sorted(keys);
    return TRUE;
}
