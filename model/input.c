#include <stdlib.h>
#include <string.h>

#include "document_parts.h"
#include "error.h"
#include "file.h"
#include "image_lock.h"

/* An input and what it needs while it grows. */
typedef struct {
    Input input;
    GChecksum *checksum; /* over what was read so far */
    GHashTable *by_key;  /* key -> Object *, borrowed */
    gsize bytes;
    Variables *variables;
    Template *template; /* holds what `variables` stand for */
    char *root;
} InputState;

static InputState *state_of(const Input *input)
{
    return (InputState *)(void *)(Input *)input;
}

Input *input_new(void)
{
    InputState *state = g_new0(InputState, 1);

    state->input.objects = g_ptr_array_new_with_free_func((GDestroyNotify)object_unref);
    state->input.files = g_ptr_array_new_with_free_func(g_free);
    state->checksum = g_checksum_new(G_CHECKSUM_SHA256);
    state->input.digest = g_strdup(g_checksum_get_string(state->checksum));
    g_checksum_reset(state->checksum);
    state->by_key = g_hash_table_new(g_str_hash, g_str_equal);
    state->input.locks = json_object();
    state->input.sent = json_object();
    state->variables = variables_new();
    state->template = template_new(state->variables);
    return &state->input;
}

void input_free(Input *input)
{
    InputState *state;

    if (input == NULL)
        return;
    state = state_of(input);
    g_hash_table_unref(state->by_key);
    g_ptr_array_unref(input->objects);
    g_ptr_array_unref(input->files);
    g_checksum_free(state->checksum);
    g_free(input->digest);
    json_decref(input->locks);
    json_decref(input->sent);
    template_free(state->template);
    variables_free(state->variables);
    g_free(state->root);
    g_free(state);
}

static void digest(Input *input, const char *name, const char *text, gsize length)
{
    InputState *state = state_of(input);
    g_autofree char *head = g_strdup_printf("%s%c%" G_GSIZE_FORMAT "%c", name, '\n', length, '\n');
    g_autoptr(GChecksum) now = NULL;

    g_checksum_update(state->checksum, (const guchar *)head, (gssize)strlen(head));
    g_checksum_update(state->checksum, (const guchar *)text, (gssize)length);
    now = g_checksum_copy(state->checksum);
    g_free(input->digest);
    input->digest = g_strdup(g_checksum_get_string(now));
}

void input_take_digest(Input *input, const char *name, const char *text, gsize length)
{
    digest(input, name, text, length);
    g_ptr_array_add(input->files, g_strdup(name));
}

gboolean input_count(Input *input, const char *name, gsize bytes, GError **error)
{
    InputState *state = state_of(input);

    state->bytes += bytes;
    return state->bytes <= DOCUMENT_MAX_BYTES ||
           error_set(error, ERR_INVALID, "%s: the files together are larger than %u bytes", name,
                     DOCUMENT_MAX_BYTES);
}

const char *input_root(const Input *input)
{
    return state_of(input)->root;
}

gboolean input_confine(Input *input, const char *directory, GError **error)
{
    char *root = realpath(directory, NULL);

    if (root == NULL)
        return error_errno(error, errno, "find directory %s", directory);
    g_free(state_of(input)->root);
    state_of(input)->root = g_strdup(root);
    free(root);
    return TRUE;
}

gboolean input_give(Input *input, const char *assignment, GError **error)
{
    digest(input, "--var", assignment, strlen(assignment));
    return variables_give_text(state_of(input)->variables, assignment, error);
}

gboolean input_give_file(Input *input, const char *path, GError **error)
{
    g_autofree char *text = NULL;
    gsize length;

    if (!file_read(path, DOCUMENT_MAX_BYTES, &text, &length, error) ||
        !input_count(input, path, length, error))
        return FALSE;
    digest(input, "--var-file", text, length);
    g_ptr_array_add(input->files, g_strdup(path));
    return variables_give_file(state_of(input)->variables, path, text, length, error);
}

gboolean input_give_json(Input *input, const json_t *values, GError **error)
{
    g_autofree char *text = json_text(values);

    digest(input, "vars", text, strlen(text));
    return variables_give_json(state_of(input)->variables, values, error);
}

void input_check_given(const Input *input, Problems *problems)
{
    variables_check_given(state_of(input)->variables, problems);
}

void input_add_object(Input *input, const BodySource *source, Object *object, const Node *node)
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

/* Declarations first: a variable is known in all that is read together. */
static void declare(InputState *state, const GPtrArray *parts, Problems *problems)
{
    for (guint i = 0; i < parts->len; i++) {
        const Part *part = parts->pdata[i];
        const Node *section = node_get(part->root, "vars");

        if (section != NULL)
            variables_declare(state->variables, section, part->layer > 0, problems);
    }
}

/* Whether `${` means something in a document. A preseed, in which it is text, neither declares
 * variables nor is read beside a file that does. */
static gboolean is_template(const InputState *state, const Part *part)
{
    return variables_any(state->variables) || node_get(part->root, "vars") != NULL ||
           template_has_loop(part->root);
}

static void read_parts(Input *input, GPtrArray *parts, const char *project, Problems *problems)
{
    InputState *state = state_of(input);
    guint layers = 0;

    declare(state, parts, problems);
    for (guint i = 0; i < parts->len; i++) {
        Part *part = parts->pdata[i];

        layers = MAX(layers, part->layer);
        part->expanded = is_template(state, part);
        if (part->expanded)
            part->root = template_expand(state->template, part->root, problems);
    }
    template_check_required(state->template, problems);
    if (layers > 0)
        overlay_merge(parts, project, template_tree(state->template), problems);
    for (guint i = 0; i < parts->len; i++) {
        const Part *part = parts->pdata[i];
        const BodySource source = {.file = part->file,
                                   .folder = part->folder,
                                   .project = project,
                                   .expanded = part->expanded,
                                   .problems = problems};

        document_read(input, &source, part->root);
    }
}

/* Reads what the set holds and keeps the trees in which variables are declared. */
static void read_set(Input *input, FileSet *set, const char *project, Problems *problems)
{
    g_autoptr(GPtrArray) trees = NULL;

    read_parts(input, fileset_parts(set), project, problems);
    if (!variables_any(state_of(input)->variables))
        return;
    trees = fileset_steal_trees(set);
    while (trees->len > 0)
        variables_keep(state_of(input)->variables, g_ptr_array_steal_index(trees, trees->len - 1));
}

static void take_lock(Input *input, const char *name, const char *text, gsize length,
                      Problems *problems)
{
    input_take_digest(input, name, text, length);
    image_lock_parse(input->locks, name, text, length, problems);
}

void input_parse(Input *input, const char *name, const char *text, gsize length,
                 const char *project, Problems *problems)
{
    g_autoptr(FileSet) set = fileset_new(input, problems);

    if (image_lock_is_named(name)) {
        take_lock(input, name, text, length, problems);
        return;
    }
    fileset_add_text(set, name, text, length);
    read_set(input, set, project, problems);
}

/* Whether a lock file is where the input may read: not behind a link that leads out of it. */
static gboolean is_inside(const Input *input, const char *path)
{
    const char *root = input_root(input);
    g_autofree char *prefix = root != NULL ? g_strconcat(root, "/", NULL) : NULL;
    char *real = root != NULL ? realpath(path, NULL) : NULL;
    gboolean inside = root == NULL || (real != NULL && g_str_has_prefix(real, prefix));

    free(real);
    return inside;
}

/* The lock beside the state files of a path (EN-09), once. What is given on standard input has
 * none. */
static gboolean read_lock(Input *input, const char *path, Problems *problems, GError **error)
{
    g_autofree char *lock = strcmp(path, "-") != 0 ? image_lock_path(path) : NULL;
    g_autofree char *text = NULL;
    gsize length;

    if (lock == NULL || !file_exists(lock) ||
        g_ptr_array_find_with_equal_func(input->files, lock, g_str_equal, NULL))
        return TRUE;
    if (!is_inside(input, lock))
        return error_set(error, ERR_INVALID, "%s: the link leads out of %s", lock,
                         input_root(input));
    if (!file_read(lock, DOCUMENT_MAX_BYTES, &text, &length, error) ||
        !input_count(input, lock, length, error))
        return FALSE;
    take_lock(input, lock, text, length, problems);
    return TRUE;
}

gboolean input_read(Input *input, const char *path, const char *project, Problems *problems,
                    GError **error)
{
    g_autoptr(FileSet) set = fileset_new(input, problems);

    if (!read_lock(input, path, problems, error) || !fileset_add(set, path, error))
        return FALSE;
    read_set(input, set, project, problems);
    return TRUE;
}

/* `text` (replaced) without the directory, wherever it names a file of it. */
static void drop_directory(char **text, const char *directory)
{
    g_autofree char *prefix = g_strconcat(directory, "/", NULL);
    GString *left;

    if (*text == NULL)
        return;
    left = g_string_new(*text);
    g_string_replace(left, prefix, "", 0);
    g_free(*text);
    *text = g_string_free(left, FALSE);
}

void input_name_files(Input *input, const char *directory)
{
    for (guint i = 0; i < input->objects->len; i++) {
        Object *object = input->objects->pdata[i];

        drop_directory(&object->file, directory);
        for (guint o = 0; object->origins != NULL && o < object->origins->len; o++) {
            Origin *origin = &g_array_index(object->origins, Origin, o);

            drop_directory(&origin->file, directory);
            drop_directory(&origin->via, directory);
        }
    }
}
