#include "bundle_input.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "error.h"
#include "file.h"
#include "image/source.h"
#include "image_lock.h"
#include "image_origin.h"
#include "output.h"
#include "paths.h"

static gboolean give(Input *input, const json_t *variables, GError **error)
{
    const json_t *item;
    size_t i;

    json_array_foreach (json_object_get(variables, "files"), i, item)
        if (!input_give_file(input, json_string_value(item), error))
            return FALSE;
    json_array_foreach (json_object_get(variables, "given"), i, item)
        if (!input_give(input, json_string_value(item), error))
            return FALSE;
    return TRUE;
}

/* What berth cannot fetch by itself it need not fetch when the files are there. */
static gboolean is_of_server(const Problem *problem)
{
    return problem->severity == PROBLEM_UNSUPPORTED && problem->object != NULL &&
           problem->path != NULL && g_str_has_prefix(problem->object, "image/") &&
           (strcmp(problem->path, "source") == 0 || g_str_has_prefix(problem->path, "source/"));
}

static gboolean tell(const Problems *problems, GError **error)
{
    g_autoptr(Problems) left = problems_new();

    for (guint i = 0; i < problems->items->len; i++) {
        const Problem *problem = problems->items->pdata[i];
        g_autofree char *text = problem_text(problem);

        if (problem->severity == PROBLEM_REMARK)
            message_verbose("remark: %s", text);
        else if (!is_of_server(problem))
            problem_take(left, problem->severity, problem->object, problem->path,
                         g_strdup(problem->where), g_strdup(problem->text));
    }
    return problems_to_error(left, TRUE, error);
}

static gboolean read_paths(Input *input, const GPtrArray *paths, const char *project,
                           Problems *problems, GError **error)
{
    for (guint i = 0; i < paths->len; i++)
        if (!input_read(input, paths->pdata[i], project, problems, error))
            return FALSE;
    return TRUE;
}

/* With names as they were in the place that the bundle was made of. */
static gboolean read_inside(Input *input, const GPtrArray *paths, const char *root,
                            const char *project, Problems *problems, GError **error)
{
    g_autofree char *files = g_build_filename(root, "files", NULL);
    g_auto(Fd) here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    gboolean done;

    if (here < 0 || chdir(files) < 0)
        return error_errno(error, errno, "enter %s", files);
    done = input_confine(input, ".", error) && read_paths(input, paths, project, problems, error);
    return (fchdir(here) == 0 || error_errno(error, errno, "go back")) && done;
}

Input *bundle_input(const GPtrArray *paths, const json_t *variables, const char *root,
                    const char *project, GError **error)
{
    g_autoptr(Input) input = input_new();
    g_autoptr(Problems) problems = problems_new();

    if (!give(input, variables, error) ||
        !(root != NULL ? read_inside(input, paths, root, project, problems, error)
                       : read_paths(input, paths, project, problems, error)))
        return NULL;
    input_check_given(input, problems);
    return tell(problems, error) ? g_steal_pointer(&input) : NULL;
}

gboolean bundle_image_has_files(const Object *image)
{
    return image->id.kind == KIND_IMAGE &&
           json_object_get(json_object_get(image->spec, "source"), "builtin") == NULL;
}

/* ---- into a bundle ---- */

/* Which image one of a server is, as far as that is said: by its source or by images.lock. */
static const char *wanted_fingerprint(const Input *input, const Object *image, const Object *stored)
{
    g_autofree char *origin = image_origin(json_object_get(image->spec, "source"));
    const char *architecture = json_member_string(stored->generated, "architecture");
    const json_t *lock = origin != NULL && architecture != NULL
                             ? image_lock_find(input->locks, origin, architecture)
                             : NULL;

    return lock != NULL ? json_member_string(lock, "fingerprint")
                        : json_string_at(image->spec, "source/fingerprint");
}

static gboolean is_same(const Input *input, const Object *image, const Object *stored)
{
    const char *wanted = wanted_fingerprint(input, image, stored);
    g_autofree char *origin = image_origin(json_object_get(image->spec, "source"));
    g_autofree char *other = image_origin(json_object_get(stored->spec, "source"));

    return wanted != NULL
               ? g_str_has_prefix(json_member_string(stored->generated, "fingerprint"), wanted)
               : origin != NULL && g_strcmp0(origin, other) == 0;
}

/* Berth's own files of an image of a server; NULL when the store has none. */
static char *find_stored(const char *dir, const Snapshot *model, const Input *input,
                         const Object *image)
{
    const char *project = snapshot_project_for(model, KIND_IMAGE, image->id.project);
    guint first, count;

    snapshot_range(model, KIND_IMAGE, project, &first, &count);
    for (guint i = first; i < first + count; i++) {
        const Object *stored = snapshot_at(model, i);
        const char *fingerprint = json_member_string(stored->generated, "fingerprint");
        g_autofree char *file = fingerprint != NULL ? path_image_files(dir, fingerprint) : NULL;

        if (file != NULL && file_exists(file) && is_same(input, image, stored))
            return g_steal_pointer(&file);
    }
    return NULL;
}

static gboolean stored_files(Cli *cli, const Input *input, const Object *image, char **ret_file,
                             char **ret_rootfs, GError **error)
{
    g_autofree char *label = object_label(image);
    g_autofree char *where = object_where(image, "source");
    g_autofree char *dir = cli_directory(cli);
    const Snapshot *model = cli_model(cli, 0, error);
    g_autofree char *rootfs = NULL;

    if (model == NULL)
        return FALSE;
    *ret_file = backend_is_local(cli->backend) ? find_stored(dir, model, input, image) : NULL;
    if (*ret_file == NULL)
        return error_set(error, ERR_NOT_FOUND,
                         "%s%s%s: source: it comes from a server, and its files are not in the "
                         "store of this host: fetch it first",
                         where != NULL ? where : "", where != NULL ? ": " : "", label);
    rootfs = g_strconcat(*ret_file, ".rootfs", NULL);
    if (file_exists(rootfs))
        *ret_rootfs = g_steal_pointer(&rootfs);
    return TRUE;
}

/* A host without a network cannot ask what an instance's own server has. */
static gboolean check_instance(const Object *instance, GError **error)
{
    g_autofree char *label = object_label(instance);
    g_autofree char *where = object_where(instance, "source");

    if (!image_origin_is_given(json_object_get(instance->spec, "source")))
        return TRUE;
    return error_set(error, ERR_UNSUPPORTED,
                     "%s%s%s: source: it names an image of a server itself; for a bundle declare "
                     "that under images:, and make the instance from its name",
                     where != NULL ? where : "", where != NULL ? ": " : "", label);
}

static void add_member(GPtrArray *members, char *name, const char *path)
{
    BundleMember *member = g_new0(BundleMember, 1);

    for (guint i = 0; i < members->len; i++) {
        if (strcmp(((BundleMember *)members->pdata[i])->name, name) == 0) {
            g_free(member); /* images of the same content */
            g_free(name);
            return;
        }
    }
    member->name = name;
    member->path = g_strdup(path);
    g_ptr_array_add(members, member);
}

static gboolean add_image(Cli *cli, const Input *input, const Object *image, json_t *images,
                          GPtrArray *members, GError **error)
{
    g_autofree char *file = g_strdup(json_string_at(image->spec, "source/file"));
    g_autofree char *rootfs = g_strdup(json_string_at(image->spec, "source/rootfs"));
    g_autofree char *label = object_label(image);
    g_autofree char *base = NULL;
    g_autoptr(json_t) found = json_object();
    const char *fingerprint;

    if (file == NULL && !stored_files(cli, input, image, &file, &rootfs, error))
        return FALSE;
    if (!image_source_inspect(file, rootfs, found, error)) {
        g_prefix_error(error, "%s: source: ", label);
        return FALSE;
    }
    fingerprint = json_member_string(found, "fingerprint");
    base = g_path_get_basename(file);
    json_array_append_new(
        images,
        json_pack("{s:s, s:s?, s:s, s:b, s:s}", "name", image->id.name, "project",
                  strcmp(image->id.project, cli_project(cli)) != 0 ? image->id.project : NULL,
                  "fingerprint", fingerprint, "split", rootfs != NULL, "source", base));
    add_member(members, g_strdup_printf("images/%s", fingerprint), file);
    if (rootfs != NULL)
        add_member(members, g_strdup_printf("images/%s.rootfs", fingerprint), rootfs);
    return TRUE;
}

gboolean bundle_add_images(Cli *cli, const Input *input, json_t *manifest, GPtrArray *members,
                           GError **error)
{
    json_t *images = json_array();

    json_object_set_new(manifest, "images", images);
    for (guint i = 0; i < input->objects->len; i++) {
        const Object *object = input->objects->pdata[i];

        if (object->id.kind == KIND_INSTANCE && !check_instance(object, error))
            return FALSE;
        if (bundle_image_has_files(object) &&
            !add_image(cli, input, object, images, members, error))
            return FALSE;
    }
    return TRUE;
}

/* ---- out of a bundle ---- */

static const json_t *find_listed(const Cli *cli, const json_t *images, const Object *image)
{
    const json_t *listed;
    size_t i;

    json_array_foreach (images, i, listed) {
        const char *project = json_member_string(listed, "project");

        if (strcmp(json_member_string(listed, "name"), image->id.name) == 0 &&
            strcmp(project != NULL ? project : cli_project(cli), image->id.project) == 0)
            return listed;
    }
    return NULL;
}

static json_t *placed_spec(const Object *image, const json_t *listed, const char *root)
{
    const char *fingerprint = json_member_string(listed, "fingerprint");
    json_t *spec = json_deep_copy(image->spec);
    g_autofree char *file = g_build_filename(root, "images", fingerprint, NULL);
    json_t *source = json_pack("{s:s}", "file", file);

    if (json_is_true(json_object_get(listed, "split")))
        json_object_set_new(source, "rootfs", json_sprintf("%s.rootfs", file));
    json_object_set_new(spec, "source", source);
    return spec;
}

gboolean bundle_place_images(const Cli *cli, Input *input, const json_t *manifest, const char *root,
                             GError **error)
{
    const json_t *images = json_object_get(manifest, "images");

    for (guint i = 0; i < input->objects->len; i++) {
        Object *image = input->objects->pdata[i];
        const json_t *listed;
        const char *file = json_string_at(image->spec, "source/file");
        g_autofree char *base = file != NULL ? g_path_get_basename(file) : NULL;
        g_autofree char *label = object_label(image);
        g_autoptr(json_t) spec = NULL;

        if (!bundle_image_has_files(image))
            continue;
        listed = find_listed(cli, images, image);
        /* Other values of variables may ask for other images than the bundle was made with. */
        if (listed == NULL ||
            (base != NULL && strcmp(base, json_member_string(listed, "source")) != 0))
            return error_set(error, ERR_INVALID, "%s: the bundle does not have its file%s%s", label,
                             base != NULL ? " " : "", base != NULL ? base : "");
        spec = placed_spec(image, listed, root);
        input->objects->pdata[i] = object_with(image, spec, NULL);
        object_unref(image);
    }
    return TRUE;
}
