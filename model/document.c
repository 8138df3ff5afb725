#include "document.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "body.h"
#include "error.h"
#include "file.h"

/* An input and what it needs while it grows. */
typedef struct {
    Input input;
    GChecksum *checksum; /* over what was read so far */
    GHashTable *by_key;  /* key -> Object *, borrowed */
    gsize bytes;
} InputState;

static InputState *state_of(Input *input)
{
    return (InputState *)(void *)input;
}

/* Keys of a state file for which the model has no kind and never will: they are parts of the file's
 * own language. */
static const char *const LANGUAGE_NOT_YET[] = {"vars", "include", "foreach", "overlays", NULL};

static const char *const CLUSTER_FIELDS[] = {
    "enabled",
    "server_name",
    "server_address",
    "cluster_address",
    "cluster_certificate",
    "cluster_certificate_path",
    "cluster_password",
    "cluster_token",
    "member_config",
    NULL,
};

Input *input_new(void)
{
    InputState *state = g_new0(InputState, 1);

    state->input.objects = g_ptr_array_new_with_free_func((GDestroyNotify)object_unref);
    state->input.files = g_ptr_array_new_with_free_func(g_free);
    state->checksum = g_checksum_new(G_CHECKSUM_SHA256);
    state->input.digest = g_strdup(g_checksum_get_string(state->checksum));
    g_checksum_reset(state->checksum);
    state->by_key = g_hash_table_new(g_str_hash, g_str_equal);
    return &state->input;
}

void input_free(Input *input)
{
    if (input == NULL)
        return;
    g_hash_table_unref(state_of(input)->by_key);
    g_ptr_array_unref(input->objects);
    g_ptr_array_unref(input->files);
    g_checksum_free(state_of(input)->checksum);
    g_free(input->digest);
    g_free(state_of(input));
}

/* Names and sizes are part of what is digested, so that no two sets of files run together to the
 * same bytes. */
static void take_digest(Input *input, const char *name, const char *text, gsize length)
{
    InputState *state = state_of(input);
    g_autofree char *head = g_strdup_printf("%s%c%" G_GSIZE_FORMAT "%c", name, '\n', length, '\n');
    g_autoptr(GChecksum) now = NULL;

    g_checksum_update(state->checksum, (const guchar *)head, (gssize)strlen(head));
    g_checksum_update(state->checksum, (const guchar *)text, (gssize)length);
    now = g_checksum_copy(state->checksum);
    g_free(input->digest);
    input->digest = g_strdup(g_checksum_get_string(now));
    g_ptr_array_add(input->files, g_strdup(name));
}

static void add_object(Input *input, const BodySource *source, Object *object, const Node *node)
{
    const Object *first = g_hash_table_lookup(state_of(input)->by_key, object->key);

    if (first != NULL) {
        g_autofree char *place = object_where(first, "");
        g_autofree char *label = object_label(object);

        body_problem(source, PROBLEM_ERROR, label, NULL, node,
                     "is declared twice; the first one is at %s",
                     place != NULL ? place : "an unknown place");
        object_unref(object);
        return;
    }
    g_hash_table_insert(state_of(input)->by_key, object->key, object);
    g_ptr_array_add(input->objects, object);
}

static void read_kind(Input *input, const BodySource *source, const Kind *kind, const Node *value)
{
    if (value->kind == NODE_NULL)
        return;
    if ((kind->flags & KIND_SINGLETON) != 0)
        return;
    if (value->kind != NODE_LIST) {
        body_problem(source, PROBLEM_ERROR, NULL, kind->plural, value,
                     "must be a list, not %s; begin each %s with '- name: NAME'",
                     node_kind_name(value), kind->title);
        return;
    }
    for (guint i = 0; i < value->count; i++) {
        Object *object = body_object(source, kind, NULL, value->items[i]);

        if (object != NULL)
            add_object(input, source, object, value->items[i]);
    }
}

/* The top-level `config` map is the server's own (PS-03). */
static void read_server(Input *input, const BodySource *source, const Node *key, const Node *value)
{
    const Pair pair = {key, value};
    const Node body = {
        .kind = NODE_MAP, .line = key->line, .column = key->column, .count = 1, .pairs = &pair};
    Object *object;

    if (value->kind == NODE_NULL)
        return;
    object = body_object(source, KINDS[KIND_SERVER], "", &body);
    if (object != NULL)
        add_object(input, source, object, key);
}

/* PS-60..62: forming and joining clusters is not there yet; a preseed that says 'no cluster' is
 * fine. */
static void read_cluster(const BodySource *source, const Node *key, const Node *value)
{
    const Node *enabled = node_get(value, "enabled");

    if (value->kind == NODE_NULL)
        return;
    if (value->kind != NODE_MAP) {
        body_problem(source, PROBLEM_ERROR, NULL, "cluster", value, "must be a map, not %s",
                     node_kind_name(value));
        return;
    }
    for (guint i = 0; i < value->count; i++)
        if (!g_strv_contains(CLUSTER_FIELDS, value->pairs[i].key->text))
            body_problem(source, PROBLEM_ERROR, NULL, "cluster", value->pairs[i].key,
                         "unknown field %s", value->pairs[i].key->text);
    if (enabled != NULL && enabled->kind == NODE_SCALAR && type_is_true(enabled->text))
        body_problem(source, PROBLEM_UNSUPPORTED, NULL, "cluster", key,
                     "cluster is not supported by this build");
    else if (enabled != NULL && enabled->kind != NODE_SCALAR && enabled->kind != NODE_NULL)
        body_problem(source, PROBLEM_ERROR, NULL, "cluster.enabled", enabled,
                     "must be true or false, not %s", node_kind_name(enabled));
}

/* Reports a top-level key that is none, with the nearest that is. */
static void unknown_top(const BodySource *source, const Node *key)
{
    g_autoptr(GArray) rows = g_array_new(TRUE, TRUE, sizeof(Row));
    const char *nearest;
    Row row = {.key = "config"};

    g_array_append_val(rows, row);
    for (guint i = 0; i < KIND_MAX; i++) {
        row.key = KINDS[i]->plural;
        if ((KINDS[i]->flags & KIND_SINGLETON) == 0)
            g_array_append_val(rows, row);
    }
    for (guint i = 0; KINDS_NOT_YET[i] != NULL; i++) {
        row.key = KINDS_NOT_YET[i];
        g_array_append_val(rows, row);
    }
    nearest = problems_are_full(source->problems)
                  ? NULL
                  : row_nearest((const Row *)(void *)rows->data, key->text);
    if (nearest != NULL)
        body_problem(source, PROBLEM_ERROR, NULL, NULL, key, "unknown section %s; did you mean %s?",
                     key->text, nearest);
    else
        body_problem(source, PROBLEM_ERROR, NULL, NULL, key, "unknown section %s", key->text);
}

static gboolean is_empty(const Node *node)
{
    return node->kind == NODE_NULL ||
           ((node->kind == NODE_LIST || node->kind == NODE_MAP) && node->count == 0);
}

static void read_top(Input *input, const BodySource *source, const Pair *pair)
{
    const char *key = pair->key->text;
    const Kind *kind = kind_by_plural(key);

    if (strcmp(key, "config") == 0)
        read_server(input, source, pair->key, pair->value);
    else if (strcmp(key, "cluster") == 0)
        read_cluster(source, pair->key, pair->value);
    else if (kind != NULL && (kind->flags & KIND_SINGLETON) == 0)
        read_kind(input, source, kind, pair->value);
    else if (!g_strv_contains(KINDS_NOT_YET, key) && !g_strv_contains(LANGUAGE_NOT_YET, key))
        unknown_top(source, pair->key);
    else if (!is_empty(pair->value))
        body_problem(source, PROBLEM_UNSUPPORTED, NULL, key, pair->key,
                     "%s is not supported by this build", key);
}

static void read_document(Input *input, const BodySource *source, const Node *node)
{
    if (node->kind == NODE_NULL)
        return;
    if (node->kind != NODE_MAP) {
        body_problem(source, PROBLEM_ERROR, NULL, NULL, node,
                     "a state file is a map of sections such as networks: and instances:, not %s",
                     node_kind_name(node));
        return;
    }
    for (guint i = 0; i < node->count; i++)
        read_top(input, source, &node->pairs[i]);
}

/* `folder` is what relative paths are relative to. */
static void read_text(Input *input, const char *name, const char *folder, const char *text,
                      gsize length, const char *project, Problems *problems)
{
    const BodySource source = {
        .file = name, .folder = folder, .project = project, .problems = problems};
    g_autoptr(Tree) tree = NULL;

    take_digest(input, name, text, length);
    tree = tree_parse(name, text, length, problems);
    for (guint i = 0; tree != NULL && i < tree_size(tree); i++)
        read_document(input, &source, tree_document(tree, i));
}

void input_parse(Input *input, const char *name, const char *text, gsize length,
                 const char *project, Problems *problems)
{
    g_autofree char *here = g_get_current_dir();
    g_autofree char *path = g_canonicalize_filename(name, here);
    g_autofree char *folder = g_path_get_dirname(path);

    read_text(input, name, strchr(name, '/') != NULL ? folder : here, text, length, project,
              problems);
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

static gboolean read_file(Input *input, const char *path, const char *project, Problems *problems,
                          GError **error)
{
    InputState *state = state_of(input);
    g_autofree char *text = NULL;
    gsize length;

    if (strcmp(path, "-") == 0) {
        if (!read_stdin(&text, &length, error))
            return FALSE;
    } else if (!file_read(path, DOCUMENT_MAX_BYTES, &text, &length, error)) {
        return FALSE;
    }
    state->bytes += length;
    if (state->bytes > DOCUMENT_MAX_BYTES)
        return error_set(error, ERR_INVALID, "%s: the files together are larger than %u bytes",
                         path, DOCUMENT_MAX_BYTES);
    input_parse(input, path, text, length, project, problems);
    return TRUE;
}

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

static int compare_paths(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

gboolean input_read(Input *input, const char *path, const char *project, Problems *problems,
                    GError **error)
{
    g_autoptr(GPtrArray) files = NULL;

    if (strcmp(path, "-") == 0 || !g_file_test(path, G_FILE_TEST_IS_DIR))
        return read_file(input, path, project, problems, error);
    files = g_ptr_array_new_with_free_func(g_free);
    if (!list_directory(path, 1, files, error))
        return FALSE;
    g_ptr_array_sort(files, compare_paths);
    if (files->len == 0)
        problem_add_at(problems, PROBLEM_REMARK, path, 0, 0, NULL,
                       "there is no *.yaml or *.yml file in this directory");
    for (guint i = 0; i < files->len; i++)
        if (!read_file(input, files->pdata[i], project, problems, error))
            return FALSE;
    return TRUE;
}

Object *document_parse_body(const Kind *kind, const char *project, const char *name,
                            const char *file, const char *text, gsize length, Problems *problems)
{
    const BodySource source = {
        .file = file, .project = project, .foreign = TRUE, .problems = problems};
    guint errors = problems->errors;
    g_autoptr(Tree) tree = tree_parse(file, text, length, problems);
    g_autoptr(Object) object = NULL;

    if (tree == NULL)
        return NULL;
    if (tree_size(tree) != 1) {
        problem_add_at(problems, PROBLEM_ERROR, file, 0, 0, NULL,
                       "holds %u documents; one %s is expected", tree_size(tree), kind->title);
        return NULL;
    }
    object = body_object(&source, kind, name, tree_document(tree, 0));
    return problems->errors == errors ? g_steal_pointer(&object) : NULL;
}

Object *document_object_from_json(const Kind *kind, const char *project, const char *name,
                                  const json_t *body, Problems *problems)
{
    const BodySource source = {.project = project, .foreign = TRUE, .problems = problems};
    guint errors = problems->errors;
    g_autoptr(Tree) tree = tree_from_json(body);
    g_autoptr(Object) object = body_object(&source, kind, name, tree_document(tree, 0));

    return problems->errors == errors ? g_steal_pointer(&object) : NULL;
}
