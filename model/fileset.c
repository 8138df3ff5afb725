#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "document_parts.h"
#include "error.h"
#include "file.h"
#include "text.h"

/* Under these names kustomize's users keep what is common, and what differs. */
#define BASE "base"
#define OVERLAYS "overlays"

/* One file, read once however often it is named. */
typedef struct {
    char *name;   /* as messages call it */
    char *real;   /* without links; NULL for what is no file */
    char *folder; /* what its relative paths are relative to */
    Tree *tree;   /* NULL when it cannot be read as YAML */
    enum { FILE_NEW, FILE_OPEN, FILE_DONE } state;
} StateFile;

struct FileSet {
    Input *input;
    Problems *problems;
    GPtrArray *files;    /* of StateFile * */
    GHashTable *by_real; /* real path -> StateFile *, borrowed */
    GPtrArray *parts;    /* of Part * */
    GPtrArray *chain;    /* of const StateFile *: those that are being read, outermost first */
    guint layer;         /* of the last overlay */
};

static void state_file_free(gpointer data)
{
    StateFile *file = data;

    g_free(file->name);
    g_free(file->real);
    g_free(file->folder);
    tree_free(file->tree);
    g_free(file);
}

static void part_free(gpointer data)
{
    Part *part = data;

    g_free(part->folder);
    g_free(part);
}

static Part *part_new(const Node *root, const char *file, const char *folder, guint layer)
{
    Part *part = g_new0(Part, 1);

    part->root = root;
    part->file = file;
    part->folder = g_strdup(folder);
    part->layer = layer;
    return part;
}

FileSet *fileset_new(Input *input, Problems *problems)
{
    FileSet *set = g_new0(FileSet, 1);

    set->input = input;
    set->problems = problems;
    set->files = g_ptr_array_new_with_free_func(state_file_free);
    set->by_real = g_hash_table_new(g_str_hash, g_str_equal);
    set->parts = g_ptr_array_new_with_free_func(part_free);
    set->chain = g_ptr_array_new();
    return set;
}

void fileset_free(FileSet *set)
{
    if (set == NULL)
        return;
    g_ptr_array_unref(set->files);
    g_hash_table_unref(set->by_real);
    g_ptr_array_unref(set->parts);
    g_ptr_array_unref(set->chain);
    g_free(set);
}

GPtrArray *fileset_parts(FileSet *set)
{
    return set->parts;
}

GPtrArray *fileset_steal_trees(FileSet *set)
{
    GPtrArray *trees = g_ptr_array_new_with_free_func((GDestroyNotify)tree_free);

    for (guint i = 0; i < set->files->len; i++) {
        StateFile *file = set->files->pdata[i];

        if (file->tree != NULL)
            g_ptr_array_add(trees, g_steal_pointer(&file->tree));
    }
    return trees;
}

/* ---- single files ---- */

static StateFile *add_text(FileSet *set, const char *name, const char *text, gsize length)
{
    StateFile *file = g_new0(StateFile, 1);
    g_autofree char *path = g_canonicalize_filename(name, NULL);

    file->name = g_strdup(name);
    file->folder = strchr(name, '/') != NULL ? g_path_get_dirname(path) : g_get_current_dir();
    input_take_digest(set->input, name, text, length);
    file->tree = tree_parse(name, text, length, set->problems);
    g_ptr_array_add(set->files, file);
    return file;
}

static gboolean read_stdin(char **ret_text, gsize *ret_length, GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);
    char buffer[16384];

    for (;;) {
        ssize_t n = read(STDIN_FILENO, buffer, sizeof(buffer));

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return error_errno(error, errno, "read standard input");
        if (n == 0)
            break;
        if (text->len + (gsize)n > DOCUMENT_MAX_BYTES)
            return error_set(error, ERR_INVALID, "standard input is larger than %u bytes",
                             DOCUMENT_MAX_BYTES);
        g_string_append_len(text, buffer, n);
    }
    *ret_length = text->len;
    *ret_text = g_string_free(g_steal_pointer(&text), FALSE);
    return TRUE;
}

/* The path without links, which must not lead out of where the input is confined to. */
static char *real_path(FileSet *set, const char *path, GError **error)
{
    const char *root = input_root(set->input);
    char *found = realpath(path, NULL);
    g_autofree char *real = g_strdup(found);

    free(found);
    if (real == NULL) {
        if (errno == ENOENT)
            error_set(error, ERR_NOT_FOUND, "%s: there is no such file or directory", path);
        else
            error_errno(error, errno, "read %s", path);
        return NULL;
    }
    if (root != NULL && strcmp(root, "/") != 0 && strcmp(real, root) != 0 &&
        !(g_str_has_prefix(real, root) && real[strlen(root)] == '/')) {
        error_set(error, ERR_REFUSED, "%s leads out of %s", path, root);
        return NULL;
    }
    return g_steal_pointer(&real);
}

/* The file at a path, parsed; borrowed. */
static StateFile *open_file(FileSet *set, const char *path, GError **error)
{
    g_autofree char *real = NULL;
    g_autofree char *text = NULL;
    StateFile *file;
    gsize length;

    if (strcmp(path, "-") == 0)
        return read_stdin(&text, &length, error) && input_count(set->input, path, length, error)
                   ? add_text(set, path, text, length)
                   : NULL;
    real = real_path(set, path, error);
    if (real == NULL)
        return NULL;
    file = g_hash_table_lookup(set->by_real, real);
    if (file != NULL)
        return file;
    if (!file_read(path, DOCUMENT_MAX_BYTES, &text, &length, error) ||
        !input_count(set->input, path, length, error))
        return NULL;
    file = add_text(set, path, text, length);
    file->real = g_steal_pointer(&real);
    g_hash_table_insert(set->by_real, file->real, file);
    return file;
}

/* ---- directories ---- */

static gboolean is_state_file(const char *name)
{
    return g_str_has_suffix(name, ".yaml") || g_str_has_suffix(name, ".yml");
}

/* Collects the state files below a directory. Hidden names (.git) are left out; links to
 * directories are not followed, so that no loop of them is walked. */
static gboolean list_directory(const char *directory, guint depth, GPtrArray *files, GError **error)
{
    DIR *dir = opendir(directory);
    gboolean ok = TRUE;
    struct dirent *entry;

    if (dir == NULL)
        return error_errno(error, errno, "read directory %s", directory);
    while (ok && (errno = 0, entry = readdir(dir)) != NULL) {
        g_autofree char *path = g_build_filename(directory, entry->d_name, NULL);
        struct stat st;

        if (entry->d_name[0] == '.' || lstat(path, &st) < 0)
            continue;
        if (S_ISDIR(st.st_mode) && depth >= DOCUMENT_MAX_DEPTH)
            ok = error_set(error, ERR_INVALID, "%s: directories are nested more than %u deep", path,
                           DOCUMENT_MAX_DEPTH);
        else if (S_ISDIR(st.st_mode))
            ok = list_directory(path, depth + 1, files, error);
        else if (is_state_file(entry->d_name))
            g_ptr_array_add(files, g_steal_pointer(&path));
    }
    if (ok && errno != 0)
        ok = error_errno(error, errno, "read directory %s", directory);
    closedir(dir);
    return ok;
}

/* The items of a list of paths, or the one path alone. */
static guint path_count(const Node *node)
{
    return node == NULL || node->kind == NODE_NULL ? 0 : node->kind == NODE_LIST ? node->count : 1;
}

static const Node *path_at(const Node *node, guint position)
{
    return node->kind == NODE_LIST ? node->items[position] : node;
}

/* What the files of a directory name themselves is not read on its own. `named` gets real paths. */
static void note_named(const StateFile *file, const char *key, GPtrArray *named)
{
    for (guint i = 0; file->tree != NULL && i < tree_size(file->tree); i++) {
        const Node *paths = node_get(tree_document(file->tree, i), key);

        for (guint k = 0; k < path_count(paths); k++) {
            const Node *path = path_at(paths, k);
            g_autofree char *whole =
                path->kind == NODE_SCALAR ? g_build_filename(file->folder, path->text, NULL) : NULL;
            char *real = whole != NULL ? realpath(whole, NULL) : NULL;

            if (real != NULL)
                g_ptr_array_add(named, g_strdup(real));
            free(real);
        }
    }
}

static gboolean is_below(const char *path, const char *directory)
{
    return strcmp(path, directory) == 0 ||
           (g_str_has_prefix(path, directory) && path[strlen(directory)] == '/');
}

static gboolean is_named(const StateFile *file, const GPtrArray *named)
{
    for (guint i = 0; i < named->len; i++)
        if (is_below(file->real, named->pdata[i]))
            return TRUE;
    return FALSE;
}

static void take_file(FileSet *set, StateFile *file, guint layer, const Node *at);

/* `base/` and what else is there is laid over it, in order of names (EN-04). */
static gboolean take_directory(FileSet *set, const char *path, guint layer, const Node *at,
                               GError **error)
{
    g_autoptr(GPtrArray) paths = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) files = g_ptr_array_new();
    g_autoptr(GPtrArray) named = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *base = g_build_filename(path, BASE, NULL);
    g_autofree char *overlays = g_build_filename(path, OVERLAYS, NULL);
    gboolean has_base = g_file_test(base, G_FILE_TEST_IS_DIR);

    if (has_base && g_file_test(overlays, G_FILE_TEST_IS_DIR))
        return error_set(error, ERR_INVALID,
                         "%s has " BASE "/ and " OVERLAYS "/: name the one of " OVERLAYS
                         "/ that is meant, such as %s/NAME",
                         path, overlays);
    if (!list_directory(path, 1, paths, error))
        return FALSE;
    g_ptr_array_sort(paths, text_compare);
    if (paths->len == 0)
        problem_add_at(set->problems, PROBLEM_REMARK, path, 0, 0, NULL,
                       "there is no *.yaml or *.yml file in this directory");
    for (guint i = 0; i < paths->len; i++) {
        StateFile *file = open_file(set, paths->pdata[i], error);

        if (file == NULL)
            return FALSE;
        g_ptr_array_add(files, file);
        note_named(file, "include", named);
        note_named(file, "overlays", named);
    }
    for (guint pass = 0; pass < 3; pass++) {
        for (guint i = 0; i < files->len; i++) {
            StateFile *file = files->pdata[i];
            gboolean below = has_base && is_below(paths->pdata[i], base);

            /* First what is under base/, then what is laid over it; last what nobody has named but
             * those that it names itself, which is a circle and told as such. */
            if (file->state == FILE_NEW && (pass == 2 || !is_named(file, named)) &&
                (pass > 0 || below || !has_base))
                take_file(set, file, has_base && !below ? ++set->layer : layer, at);
        }
    }
    return TRUE;
}

/* ---- include: and overlays: ---- */

static void mistake(FileSet *set, const Node *node, const char *format, ...) G_GNUC_PRINTF(3, 4);

static void mistake(FileSet *set, const Node *node, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    problem_take(set->problems, PROBLEM_ERROR, NULL, NULL,
                 problem_place(node->file, node->line, node->column),
                 g_strdup_vprintf(format, args));
    va_end(args);
}

static gboolean may_include(const char *name)
{
    return is_state_file(name) || g_str_has_suffix(name, ".json");
}

/* A path that is written in `file`, as messages call it: short when it is below the working
 * directory, as the file's own name is. Newly allocated; NULL when there is nothing. */
static char *named_path(const StateFile *file, const char *text)
{
    g_autofree char *whole = g_build_filename(file->folder, text, NULL);
    g_autofree char *here = g_get_current_dir();
    char *found = realpath(whole, NULL);
    char *named;

    if (found == NULL)
        return g_strdup(whole);
    named = !g_path_is_absolute(file->name) && is_below(found, here) && strcmp(found, here) != 0
                ? g_strdup(found + strlen(here) + 1)
                : g_strdup(found);
    free(found);
    return named;
}

/* One path of `include:` or `overlays:`. */
static void take_path(FileSet *set, const StateFile *file, const Node *node, guint layer)
{
    g_autofree char *path = NULL;
    g_autoptr(GError) error = NULL;
    StateFile *included;

    if (node->kind != NODE_SCALAR || node->count == 0)
        return mistake(set, node, "a path of a file or directory is expected here, not %s",
                       node_kind_name(node));
    if (file->real == NULL && strcmp(file->name, "-") != 0)
        return mistake(set, node,
                       "a text in a request can include nothing; send all files with it");
    if (g_path_is_absolute(node->text) || strstr(node->text, "${") != NULL)
        return mistake(set, node, "%s: write the path relative to this file, and without variables",
                       node->text);
    path = named_path(file, node->text);
    if (g_file_test(path, G_FILE_TEST_IS_DIR)) {
        g_autofree char *real = real_path(set, path, &error);

        if (real == NULL || !take_directory(set, path, layer, node, &error))
            mistake(set, node, "%s", error->message);
        return;
    }
    if (!may_include(node->text))
        return mistake(set, node, "%s is no *.yaml, *.yml or *.json file", node->text);
    if (file_exists(path) && !g_file_test(path, G_FILE_TEST_IS_REGULAR))
        return mistake(set, node, "%s is no file", path);
    included = open_file(set, path, &error);
    if (included == NULL)
        return mistake(set, node, "%s", error->message);
    take_file(set, included, layer, node);
}

/* "a.yaml -> b.yaml -> a.yaml". Newly allocated. */
static char *chain_text(const FileSet *set, const StateFile *last)
{
    GString *text = g_string_new(NULL);
    gboolean within = FALSE;

    for (guint i = 0; i < set->chain->len; i++) {
        const StateFile *file = set->chain->pdata[i];

        within |= file == last;
        if (within)
            g_string_append_printf(text, "%s -> ", file->name);
    }
    g_string_append(text, last->name);
    return g_string_free(text, FALSE);
}

/* `at` is where the file is named; NULL for what was given to berth itself. */
static void take_file(FileSet *set, StateFile *file, guint layer, const Node *at)
{
    guint size = file->tree != NULL ? tree_size(file->tree) : 0;

    if (file->state == FILE_DONE)
        return;
    if (file->state == FILE_OPEN) {
        g_autofree char *chain = chain_text(set, file);

        mistake(set, at, "files include each other: %s", chain);
        return;
    }
    if (set->chain->len >= INCLUDE_MAX_DEPTH) {
        mistake(set, at, "files include files more than %u levels deep", INCLUDE_MAX_DEPTH);
        return;
    }
    file->state = FILE_OPEN;
    g_ptr_array_add(set->chain, file);
    for (guint i = 0; i < size; i++) {
        const Node *paths = node_get(tree_document(file->tree, i), "include");

        for (guint k = 0; k < path_count(paths); k++)
            take_path(set, file, path_at(paths, k), layer);
    }
    for (guint i = 0; i < size; i++)
        g_ptr_array_add(set->parts,
                        part_new(tree_document(file->tree, i), file->name, file->folder, layer));
    for (guint i = 0; i < size; i++) {
        const Node *paths = node_get(tree_document(file->tree, i), "overlays");

        for (guint k = 0; k < path_count(paths); k++)
            take_path(set, file, path_at(paths, k), ++set->layer);
    }
    g_ptr_array_remove_index(set->chain, set->chain->len - 1);
    file->state = FILE_DONE;
}

gboolean fileset_add(FileSet *set, const char *path, GError **error)
{
    g_autofree char *real = NULL;
    StateFile *file;

    if (strcmp(path, "-") != 0 && g_file_test(path, G_FILE_TEST_IS_DIR)) {
        real = real_path(set, path, error);
        return real != NULL && take_directory(set, path, 0, NULL, error);
    }
    file = open_file(set, path, error);
    if (file == NULL)
        return FALSE;
    take_file(set, file, 0, NULL);
    return TRUE;
}

void fileset_add_text(FileSet *set, const char *name, const char *text, gsize length)
{
    take_file(set, add_text(set, name, text, length), 0, NULL);
}
