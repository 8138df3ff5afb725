/* bundle create: from state files to a bundle. */
#include <glib/gstdio.h>
#include <string.h>

#include "bundle_input.h"
#include "command_bundle.h"
#include "error.h"
#include "file.h"
#include "output.h"
#include "sources.h"
#include "stage.h"

/* What is on its way into a bundle. */
typedef struct {
    GPtrArray *paths;   /* absolute: what was named */
    char *base;         /* directory that all of the state files are below */
    char *stage;        /* private copy of the state files, as they will be unpacked */
    Fd lock;            /* on it */
    GPtrArray *members; /* of BundleMember * */
    json_t *manifest;
} Making;

static void member_free(gpointer data)
{
    BundleMember *member = data;

    g_free(member->name);
    g_free(member->path);
    g_free(member);
}

static void making_clear(Making *making)
{
    if (making->stage != NULL)
        file_remove_tree(making->stage, NULL);
    fd_close(making->lock);
    g_clear_pointer(&making->paths, g_ptr_array_unref);
    g_clear_pointer(&making->members, g_ptr_array_unref);
    json_decref(making->manifest);
    g_free(making->base);
    g_free(making->stage);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Making, making_clear)

static GPtrArray *named_paths(Cli *cli, GError **error)
{
    g_autoptr(GPtrArray) paths = g_ptr_array_new_with_free_func(g_free);

    for (guint i = 2; cli->words[i] != NULL; i++) {
        if (strcmp(cli->words[i], "-") == 0) {
            error_set(error, ERR_USAGE, "a bundle is made of files, not of standard input");
            return NULL;
        }
        if (!file_exists(cli->words[i])) {
            error_set(error, ERR_USAGE, "%s: there is no such file or directory", cli->words[i]);
            return NULL;
        }
        g_ptr_array_add(paths, g_canonicalize_filename(cli->words[i], NULL));
    }
    if (paths->len == 0 && file_exists("berth.yaml"))
        g_ptr_array_add(paths, g_canonicalize_filename("berth.yaml", NULL));
    if (paths->len == 0) {
        error_set(error, ERR_USAGE, "nothing to read: name files (there is no berth.yaml here)");
        return NULL;
    }
    return g_steal_pointer(&paths);
}

static gboolean is_below(const char *path, const char *directory)
{
    gsize length = strlen(directory);

    return strcmp(directory, "/") == 0 ||
           (strncmp(path, directory, length) == 0 && (path[length] == '\0' || path[length] == '/'));
}

/* The path below the base; "." for the base itself. */
static const char *inside(const Making *making, const char *path)
{
    const char *rest = path + strlen(making->base);

    rest += strspn(rest, "/");
    return *rest != '\0' ? rest : ".";
}

static void widen(Making *making, const char *directory)
{
    if (making->base == NULL)
        making->base = g_strdup(directory);
    while (!is_below(directory, making->base)) {
        char *parent = g_path_get_dirname(making->base);

        g_free(making->base);
        making->base = parent;
    }
}

/* The directory that state files (from the `first` of `files`) and what was named have in common.
 */
static void find_base(Making *making, const GPtrArray *files, guint first)
{
    for (guint i = 0; i < making->paths->len; i++) {
        const char *path = making->paths->pdata[i];
        g_autofree char *parent = g_path_get_dirname(path);

        widen(making, g_file_test(path, G_FILE_TEST_IS_DIR) ? path : parent);
    }
    for (guint i = first; i < files->len; i++) {
        g_autofree char *path = g_canonicalize_filename(files->pdata[i], NULL);
        g_autofree char *parent = g_path_get_dirname(path);

        widen(making, parent);
    }
}

/* A copy that is what the bundle will hold, whatever becomes of the file. */
static gboolean stage_file(Making *making, const char *from, char *name, GError **error)
{
    BundleMember *member = g_new0(BundleMember, 1);
    g_autofree char *folder = NULL;
    g_autofree char *text = NULL;
    gsize length;

    member->name = name;
    member->path = g_build_filename(making->stage, name, NULL);
    g_ptr_array_add(making->members, member);
    folder = g_path_get_dirname(member->path);
    return file_read(from, BUNDLE_MAX_TEXT, &text, &length, error) &&
           file_make_directory(folder, 0700, error) &&
           file_write(member->path, text, (gssize)length, 0600, NULL, error);
}

static gboolean stage(Making *making, const Input *input, guint n_vars, GError **error)
{
    json_t *variables = json_object_get(making->manifest, "variables");
    json_t *files = json_array();
    json_t *paths = json_array();
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

    json_object_set_new(variables, "files", files);
    json_object_set_new(making->manifest, "paths", paths);
    making->stage = stage_make("berth-bundle", &making->lock, error);
    if (making->stage == NULL)
        return FALSE;
    find_base(making, input->files, n_vars);
    for (guint i = 0; i < making->paths->len; i++)
        json_array_append_new(paths, json_string(inside(making, making->paths->pdata[i])));
    for (guint i = 0; i < input->files->len; i++) {
        const char *file = input->files->pdata[i];
        char *path = g_canonicalize_filename(file, NULL);
        char *name = i < n_vars ? g_strdup_printf("vars/%03u.yaml", i)
                                : g_strdup_printf("files/%s", inside(making, path));

        if (!g_hash_table_add(seen, path) && i >= n_vars) {
            g_free(name);
            continue;
        }
        if (i < n_vars)
            json_array_append_new(files, json_string(name));
        if (!stage_file(making, file, name, error))
            return FALSE;
    }
    return TRUE;
}

json_t *bundle_variables_of(const Cli *cli)
{
    json_t *given = json_array();
    json_t *files = json_array();

    for (char **var = cli->args->vars; var != NULL && *var != NULL; var++)
        json_array_append_new(given, json_string(*var));
    for (char **file = cli->args->var_files; file != NULL && *file != NULL; file++) {
        g_autofree char *path = g_canonicalize_filename(*file, NULL);

        json_array_append_new(files, json_string(path));
    }
    return json_pack("{s:o, s:o}", "given", given, "files", files);
}

static json_t *without_source(const Object *object)
{
    json_t *spec = json_deep_copy(object->spec);

    if (object->id.kind == KIND_IMAGE)
        json_object_del(spec, "source");
    return spec;
}

/* What is read out of the bundle must be what was read here: links, for example, can lead to files
 * that are not where they seem to be. */
static gboolean read_again(const Cli *cli, const Making *making, const Input *input, GError **error)
{
    g_autoptr(GPtrArray) paths = g_ptr_array_new();
    g_autoptr(json_t) variables =
        bundle_variables_in(json_object_get(making->manifest, "variables"), making->stage);
    g_autoptr(Input) again = NULL;
    const json_t *path;
    size_t i;
    gboolean same;

    json_array_foreach (json_object_get(making->manifest, "paths"), i, path)
        g_ptr_array_add(paths, (char *)json_string_value(path));
    again = bundle_input(paths, variables, making->stage, cli->args->project, error);
    if (again == NULL) {
        g_prefix_error(error,
                       "these files are not the same in a bundle (do links lead to them?): ");
        return FALSE;
    }
    same = again->objects->len == input->objects->len;
    for (guint k = 0; same && k < again->objects->len; k++) {
        const Object *a = again->objects->pdata[k];
        const Object *b = input->objects->pdata[k];
        g_autoptr(json_t) left = without_source(a);
        g_autoptr(json_t) right = without_source(b);

        same = strcmp(a->key, b->key) == 0 && json_equal(left, right);
    }
    return same || error_set(error, ERR_INVALID,
                             "these files say something else in a bundle: links lead to them, or "
                             "they changed while they were read");
}

gboolean bundle_create(Cli *cli, GError **error)
{
    const char *file = cli->words[1];
    g_auto(Making) making = {.lock = -1, .members = g_ptr_array_new_with_free_func(member_free)};
    g_autoptr(json_t) variables = bundle_variables_of(cli);
    guint n_vars = (guint)json_array_size(json_object_get(variables, "files"));
    g_autoptr(Input) input = NULL;
    gsize images;

    if (cli->args->key != NULL)
        return error_set(error, ERR_USAGE,
                         "--key checks bundles that are there; a new one is signed with --sign");
    making.paths = named_paths(cli, error);
    if (making.paths == NULL)
        return FALSE;
    making.manifest = json_pack("{s:s, s:i, s:{s:O}}", "format", "berth-bundle", "format_version",
                                1, "variables", "given", json_object_get(variables, "given"));
    input = bundle_input(making.paths, variables, NULL, cli->args->project, error);
    if (input == NULL || !stage(&making, input, n_vars, error) ||
        !read_again(cli, &making, input, error) ||
        !bundle_add_images(cli, input, making.manifest, making.members, error) ||
        !bundle_write(file, making.manifest, making.members, cli->args->sign, error))
        return FALSE;
    images = json_array_size(json_object_get(making.manifest, "images"));
    message("Made %s: %u member%s, %zu image%s, %s.", file, making.members->len,
            making.members->len == 1 ? "" : "s", images, images == 1 ? "" : "s",
            cli->args->sign != NULL ? "signed" : "not signed");
    return TRUE;
}
