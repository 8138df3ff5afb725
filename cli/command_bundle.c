/* bundle: configuration, images and a signature in one file, for hosts without a network (EN-52).
 */
#include "command_bundle.h"

#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bundle_input.h"
#include "change.h"
#include "error.h"
#include "file.h"
#include "output.h"
#include "paths.h"
#include "sources.h"
#include "table.h"

static gboolean check_words(const Cli *cli, const char *word, GError **error)
{
    if (cli->words[1] == NULL)
        return error_set(error, ERR_USAGE, "which file? berth bundle %s FILE", word);
    if (cli->words[2] != NULL)
        return error_set(error, ERR_USAGE, "'%s' is one argument too many: berth bundle %s FILE",
                         cli->words[2], word);
    if (cli->args->sign != NULL)
        return error_set(error, ERR_USAGE, "--sign is for berth bundle create");
    return TRUE;
}

static void warn_unchecked(const Cli *cli, const Bundle *bundle)
{
    if (!bundle->is_checked)
        message_warning("%s: nobody checked who made it: %s", cli->words[1],
                        bundle->is_signed ? "give --key PUB.pem to check its signature"
                                          : "it is not signed");
}

/* ---- verify ---- */

static gboolean verify(Cli *cli, GError **error)
{
    g_auto(Bundle) bundle = {0};
    gsize members, images;

    if (!check_words(cli, "verify", error) ||
        !bundle_read(cli->words[1], cli->args->key, NULL, &bundle, error))
        return FALSE;
    warn_unchecked(cli, &bundle);
    members = json_object_size(json_object_get(bundle.manifest, "members"));
    images = json_array_size(json_object_get(bundle.manifest, "images"));
    if (cli_format_is(cli, "text")) {
        output_printf("OK: %s: %zu member%s, %zu image%s, %s\n", cli->words[1], members,
                      members == 1 ? "" : "s", images, images == 1 ? "" : "s",
                      bundle.is_checked  ? "signed by this key"
                      : bundle.is_signed ? "signed, not checked"
                                         : "not signed");
    } else {
        g_autoptr(json_t) value =
            json_pack("{s:b, s:b, s:b, s:O}", "ok", TRUE, "signed", bundle.is_signed, "checked",
                      bundle.is_checked, "manifest", bundle.manifest);
        g_autofree char *text = json_pretty(value);

        output_text(text);
    }
    return TRUE;
}

/* ---- apply ---- */

/* Where a bundle is unpacked: STATE/cache/bundle, one at a time. The path of an image is always the
 * same, so that the same bundle makes no other plan when it is applied again. */
typedef struct {
    char *state, *cache, *root;
    gboolean made_state; /* the state directory was not there */
    int lock;            /* on the directory; -1: none */
} Place;

/* Leaves neither files nor the folders that were not there before. */
static void place_clear(Place *place)
{
    g_autoptr(GError) error = NULL;

    if (place->lock >= 0) {
        if (!file_remove_tree(place->root, &error))
            message_warning("%s: %s", place->root, error->message);
        rmdir(place->cache);
        if (place->made_state)
            rmdir(place->state);
        close(place->lock);
    }
    g_free(place->state);
    g_free(place->cache);
    g_free(place->root);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Place, place_clear)

/* Another one may remove the directory while we wait for it. */
static gboolean lock_place(Place *place, const Cli *cli, gboolean *ret_there, GError **error)
{
    g_auto(Fd) fd = -1;
    struct stat held, there;

    *ret_there = FALSE;
    if (!file_make_directory(place->state, 0711, error) ||
        !file_make_directory(place->cache, 0700, error) ||
        !file_make_directory(place->root, 0700, error))
        return FALSE;
    fd = open(place->root, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT || error_errno(error, errno, "open %s", place->root);
    while (flock(fd, LOCK_EX | (cli->args->no_wait_lock ? LOCK_NB : 0)) < 0) {
        if (errno == EWOULDBLOCK)
            return error_set(error, ERR_BUSY, "another bundle is being applied here");
        if (errno != EINTR)
            return error_errno(error, errno, "lock %s", place->root);
    }
    if (fstat(fd, &held) == 0 && lstat(place->root, &there) == 0 && held.st_ino == there.st_ino &&
        held.st_dev == there.st_dev) {
        *ret_there = TRUE;
        place->lock = fd_steal(&fd);
    }
    return TRUE;
}

static gboolean open_place(const Cli *cli, Place *place, GError **error)
{
    gboolean there = FALSE;

    place->state = cli_directory(cli);
    place->cache = g_build_filename(place->state, "cache", NULL);
    place->root = g_build_filename(place->cache, "bundle", NULL);
    place->made_state = !file_exists(place->state);
    while (!there)
        if (!lock_place(place, cli, &there, error))
            return FALSE;
    return TRUE;
}

/* What one that was killed left behind. */
static gboolean empty_place(const Place *place, GError **error)
{
    static const char *const parts[] = {"files", "images", "vars"};

    for (guint i = 0; i < G_N_ELEMENTS(parts); i++) {
        g_autofree char *path = g_build_filename(place->root, parts[i], NULL);

        if (!file_remove_tree(path, error))
            return FALSE;
    }
    return TRUE;
}

json_t *bundle_variables_in(const json_t *variables, const char *root)
{
    json_t *files = json_array();
    const json_t *name;
    size_t i;

    json_array_foreach (json_object_get(variables, "files"), i, name) {
        g_autofree char *path = g_build_filename(root, json_string_value(name), NULL);

        json_array_append_new(files, json_string(path));
    }
    return json_pack("{s:o, s:o}", "given", json_deep_copy(json_object_get(variables, "given")),
                     "files", files);
}

static Input *read_bundle(const Cli *cli, const Bundle *bundle, const char *root, GError **error)
{
    g_autoptr(GPtrArray) paths = g_ptr_array_new();
    g_autoptr(json_t) variables =
        bundle_variables_in(json_object_get(bundle->manifest, "variables"), root);
    g_autoptr(json_t) own = bundle_variables_of(cli);
    g_autoptr(Input) input = NULL;
    const json_t *path;
    size_t i;

    json_array_foreach (json_object_get(bundle->manifest, "paths"), i, path)
        g_ptr_array_add(paths, (char *)json_string_value(path));
    json_array_extend(json_object_get(variables, "given"), json_object_get(own, "given"));
    json_array_extend(json_object_get(variables, "files"), json_object_get(own, "files"));
    input = bundle_input(paths, variables, root, cli->args->project, error);
    if (input == NULL || !bundle_place_images(cli, input, bundle->manifest, root, error)) {
        g_prefix_error(error, "%s: ", cli->words[1]);
        return NULL;
    }
    return g_steal_pointer(&input);
}

/* Is the image in the store, from this very place? Then its files are not needed again, and their
 * being new would look like a change. */
static gboolean is_stored(const Cli *cli, const Snapshot *model, const Object *image,
                          const char *file)
{
    const Object *stored = snapshot_get(model, image->key);
    g_autofree char *dir = cli_directory(cli);
    g_autofree char *fingerprint = g_path_get_basename(file);
    g_autofree char *own = path_image_files(dir, fingerprint);

    return stored != NULL &&
           g_strcmp0(json_member_string(stored->generated, "fingerprint"), fingerprint) == 0 &&
           g_strcmp0(json_string_at(stored->spec, "source/file"), file) == 0 && file_exists(own);
}

static gboolean drop_stored(const Cli *cli, const Snapshot *model, const Input *input,
                            GError **error)
{
    g_autoptr(GHashTable) stored = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GHashTable) needed = g_hash_table_new(g_str_hash, g_str_equal);
    GHashTableIter iter;
    gpointer file;

    for (guint i = 0; i < input->objects->len; i++) {
        const Object *image = input->objects->pdata[i];

        if (bundle_image_has_files(image)) {
            const char *path = json_string_at(image->spec, "source/file");

            g_hash_table_add(is_stored(cli, model, image, path) ? stored : needed, (char *)path);
        }
    }
    g_hash_table_iter_init(&iter, stored);
    while (g_hash_table_iter_next(&iter, &file, NULL))
        if (!g_hash_table_contains(needed, file) && !file_remove(file, error))
            return FALSE;
    return TRUE;
}

static gboolean apply(Cli *cli, GError **error)
{
    g_auto(Bundle) bundle = {0};
    g_auto(Place) place = {.lock = -1};
    g_autoptr(GPtrArray) paths = g_ptr_array_new();
    g_autofree char *owner = NULL;
    g_autoptr(Input) input = NULL;
    g_autoptr(Proposal) proposal = NULL;
    const Snapshot *model;
    const char *remote;

    if (!check_words(cli, "apply", error))
        return FALSE;
    if (!cli_remote(cli, &remote, error))
        return FALSE;
    if (remote != NULL)
        return error_set(error, ERR_UNSUPPORTED,
                         "a bundle is applied on the host itself: carry %s there, or leave the "
                         "remote out with --local",
                         cli->words[1]);
    g_ptr_array_add(paths, cli->words[1]);
    owner = sources_owner(cli, paths, error);
    /* First a look alone: a bad bundle shall not even make a directory. */
    if (owner == NULL || !bundle_read(cli->words[1], cli->args->key, NULL, &bundle, error))
        return FALSE;
    bundle_clear(&bundle);
    bundle = (Bundle){0};
    if (!open_place(cli, &place, error) || !empty_place(&place, error) ||
        !bundle_read(cli->words[1], cli->args->key, place.root, &bundle, error))
        return FALSE;
    warn_unchecked(cli, &bundle);
    input = read_bundle(cli, &bundle, place.root, error);
    model = input != NULL ? cli_model(cli, cli_writes(cli), error) : NULL;
    if (model == NULL || !drop_stored(cli, model, input, error))
        return FALSE;
    proposal =
        change_plan(cli, NULL, NULL, change_options(cli, owner, !cli->args->yes), input, error);
    return proposal != NULL && change_carry_out(cli, proposal, FALSE, "Apply these changes?",
                                                "cli bundle apply", error);
}

gboolean command_bundle(Cli *cli, GError **error)
{
    const char *word = cli->words[0];

    if (strcmp(word, "create") == 0 && cli->words[1] == NULL)
        return error_set(error, ERR_USAGE, "which file? berth bundle create FILE [PATH...]");
    if (strcmp(word, "create") == 0)
        return bundle_create(cli, error);
    if (strcmp(word, "verify") == 0)
        return verify(cli, error);
    if (strcmp(word, "apply") == 0)
        return apply(cli, error);
    return error_set(error, ERR_USAGE, "berth bundle %s: write create, verify or apply", word);
}
