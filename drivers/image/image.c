/* Images (images.md). Facts:
 *   files    {"path": STATE/images/FP, "key", "image": FP, "$file", "$rootfs"}: berth's own copy of
 * the image's files (IMG-068); none for built-in images; "$fetched" ones are in the cache and may
 * have a root beside them volumes  {POOL: {"path": POOL/images/FP, "driver", "key", "image": FP,
 * ...}}: the image unpacked on each pool where an instance was made from it (ST-100); subvolumes
 * are read-only (ST-BTRFS-04) Both are named by the fingerprint and may have several users
 * (shared.h). */
#include "host.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "error.h"
#include "file.h"
#include "image/arrival.h"
#include "image/builtin.h"
#include "image/cache.h"
#include "image/digest.h"
#include "image/offer.h"
#include "image/pools.h"
#include "image/shared.h"
#include "image/source.h"
#include "image/unpack.h"
#include "image_origin.h"
#include "json.h"
#include "paths.h"
#include "storage/btrfs.h"
#include "storage/place.h"
#include "storage/pool_mount.h"
#include "storage/pool_record.h"

extern const Driver IMAGE_DRIVER;

#define VOLUME_MODE 0700u
#define ROOTFS_SUFFIX ".rootfs"

static gboolean is_remote(const Object *image)
{
    return image_origin_is_remote(json_object_get(image->spec, "source"));
}

/* Known by its fingerprint before its files are here. */
static gboolean arrives(const Object *image)
{
    return is_remote(image) || arrival_is_sent(image->generated);
}

static gboolean image_resolve(Host *host, const Context *context, const Object *image,
                              json_t *generated, GError **error)
{
    const json_t *source = json_object_get(image->spec, "source");
    const json_t *sent = json_object_get(json_object_get(context->images, "sent"), image->key);

    if (is_remote(image))
        return arrival_resolve(host, context, image, generated, error);
    /* Who says nothing of its files means those that were sent before. */
    if (json_object_get(source, "file") != NULL &&
        (sent != NULL ? json_is_string(sent) : arrival_is_sent(generated))) {
        arrival_resolve_sent(generated, json_string_value(sent));
        return TRUE;
    }
    arrival_forget_sent(generated);
    return image_source_resolve(host, image, generated, error);
}

static gboolean image_is_here(Host *host, const Object *image)
{
    return !arrives(image) || arrival_is_here(host, image->generated);
}

static gboolean image_fetch(Host *host, const Object *image, json_t *generated,
                            const FetchReport *report, GError **error)
{
    return !arrives(image) || arrival_fetch(host, image, generated, report, error);
}

static void image_fetched(Host *host, const Object *image)
{
    if (arrives(image))
        arrival_done(host, json_member_string(image->generated, "fingerprint"));
}

/* Facts */

static json_t *expect_files(const Context *context, const Object *image, const char *fingerprint)
{
    const json_t *source = json_object_get(image->spec, "source");
    g_autofree char *path = path_image_files(context->dir, fingerprint);
    g_autofree char *cached = image_cache_path(context->dir, fingerprint);

    if (arrives(image)) /* of one file or two: nobody knows before it is here */
        return json_pack("{s:s, s:s, s:s, s:s, s:b}", "path", path, "key", image->key, "image",
                         fingerprint, "$file", cached, "$fetched", TRUE);
    if (json_object_get(source, "file") == NULL)
        return NULL;
    return json_pack("{s:s, s:s, s:s, s:O, s:O*}", "path", path, "key", image->key, "image",
                     fingerprint, "$file", json_object_get(source, "file"), "$rootfs",
                     json_object_get(source, "rootfs"));
}

static json_t *expect_volume(const Context *context, const Object *image, const Object *pool,
                             const char *fingerprint)
{
    const json_t *source = json_object_get(image->spec, "source");
    g_autofree char *path = path_image_volume(context->dir, pool->id.name, fingerprint);
    g_autofree char *file = path_image_files(context->dir, fingerprint);
    json_t *fact = json_pack("{s:s, s:O, s:s, s:s, s:O*}", "path", path, "driver",
                             json_object_get(pool->spec, "driver"), "key", image->key, "image",
                             fingerprint, "$builtin", json_object_get(source, "builtin"));

    if (json_object_get(source, "file") != NULL || is_remote(image))
        json_object_set_new(fact, "$file", json_string(file));
    if (arrives(image))
        json_object_set_new(fact, "$fetched", json_true());
    else if (json_object_get(source, "rootfs") != NULL)
        json_object_set_new(fact, "$rootfs", json_sprintf("%s" ROOTFS_SUFFIX, file));
    return fact;
}

static json_t *image_expect(const Context *context, const Object *image, const json_t *observed,
                            GError **error)
{
    const char *fingerprint = json_member_string(image->generated, "fingerprint");
    g_autoptr(json_t) facts = json_object();
    g_autoptr(json_t) volumes = json_object();
    json_t *files, *name;
    gsize i;

    if (fingerprint == NULL)
        return g_steal_pointer(&facts); /* a host that resolves nothing, such as the fake one */
    files = expect_files(context, image, fingerprint);
    if (files != NULL)
        json_object_set_new(facts, "files", files);
    json_array_foreach (json_object_get(image->generated, "pools"), i, name) {
        const Object *pool = snapshot_find(context->next, KIND_POOL, "", json_string_value(name));

        if (pool != NULL)
            json_object_set_new(volumes, pool->id.name,
                                expect_volume(context, image, pool, fingerprint));
    }
    if (json_object_size(volumes) > 0)
        json_object_set(facts, "volumes", volumes);
    return g_steal_pointer(&facts);
}

static gboolean observe_files(Host *host, const Object *image, const char *fingerprint,
                              json_t *facts, GError **error)
{
    g_autofree char *path = path_image_files(host->dir, fingerprint);
    gboolean has = FALSE;

    if (json_object_get(json_object_get(image->spec, "source"), "builtin") != NULL)
        return TRUE;
    if (!shared_has(path, image->key, &has, error))
        return FALSE;
    if (has)
        json_object_set_new(
            facts, "files",
            json_pack("{s:s, s:s, s:s}", "path", path, "key", image->key, "image", fingerprint));
    return TRUE;
}

static json_t *observe_volume(Host *host, const Object *image, const char *pool,
                              const char *fingerprint, GError **error)
{
    g_autofree char *path = path_image_volume(host->dir, pool, fingerprint);
    g_autofree char *target = path_pool(host->dir, pool);
    gboolean has = FALSE;

    if (!shared_has(path, image->key, &has, error))
        return NULL;
    if (has)
        return json_pack("{s:s, s:s, s:s, s:s}", "path", path, "driver",
                         btrfs_is_subvolume(path) ? "btrfs" : "dir", "key", image->key, "image",
                         fingerprint);
    if (pool_state(host->dir, target) == POOL_INACTIVE) {
        g_autoptr(json_t) record = pool_record_read(host->dir, path);

        return json_incref(json_object_get(record, image->key));
    }
    return NULL;
}

static json_t *image_observe(Host *host, const Context *context, const Object *image,
                             GError **error)
{
    const char *fingerprint = json_member_string(image->generated, "fingerprint");
    g_autoptr(json_t) facts = json_object();
    g_autoptr(json_t) volumes = json_object();
    g_autoptr(GError) failure = NULL;
    json_t *name;
    gsize i;

    if (fingerprint == NULL)
        return g_steal_pointer(&facts);
    if (!observe_files(host, image, fingerprint, facts, error))
        return NULL;
    json_array_foreach (json_object_get(image->generated, "pools"), i, name) {
        json_t *volume =
            observe_volume(host, image, json_string_value(name), fingerprint, &failure);

        if (failure != NULL) {
            g_propagate_error(error, g_steal_pointer(&failure));
            return NULL;
        }
        if (volume != NULL)
            json_object_set_new(volumes, json_string_value(name), volume);
    }
    if (json_object_size(volumes) > 0)
        json_object_set(facts, "volumes", volumes);
    return g_steal_pointer(&facts);
}

/* Files */

static gboolean copy_part(Digest *digest, const char *from, const char *to, GError **error)
{
    g_auto(Fd) fd = open(to, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

    if (fd < 0)
        return error_errno(error, errno, "create %s", to);
    return digest_add_file(digest, from, fd, NULL, error);
}

/* A download: another name for it, unless that is on another file system. */
static gboolean link_part(const char *from, const char *to, GError **error)
{
    if (link(from, to) == 0)
        return TRUE;
    return errno == ENOENT
               ? error_set(error, ERR_FAILED, "the download %s is gone: try again", from)
               : error_errno(error, errno, "link %s to %s", from, to);
}

/* The root beside a file that was fetched; NULL when it is a whole image. */
static char *fetched_root(const char *file)
{
    char *rootfs = g_strconcat(file, ROOTFS_SUFFIX, NULL);

    if (!file_exists(rootfs))
        g_clear_pointer(&rootfs, g_free);
    return rootfs;
}

static gboolean link_files(const char *file, const char *staged, const char *companion,
                           GError **error)
{
    g_autofree char *rootfs = fetched_root(file);

    return link_part(file, staged, error) &&
           (rootfs == NULL || link_part(rootfs, companion, error));
}

static gboolean build_files(Host *host, const json_t *fact, const char *staged, GError **error)
{
    const char *rootfs = json_member_string(fact, "$rootfs");
    g_autofree char *companion = g_strconcat(staged, ROOTFS_SUFFIX, NULL);
    g_autofree char *folder = g_path_get_dirname(staged);
    g_autofree char *fingerprint = NULL;
    g_autoptr(Digest) digest = digest_new();

    if (!place_make_folder(folder, VOLUME_MODE, error))
        return FALSE;
    if (json_is_true(json_object_get(fact, "$fetched")))
        return link_files(json_member_string(fact, "$file"), staged, companion, error);
    /* An image without a source of its own: it was given to this process. */
    if (strcmp(json_member_string(fact, "$file"), json_member_string(fact, "path")) == 0)
        return image_offer_take(json_member_string(fact, "image"), staged, companion, error);
    if (!copy_part(digest, json_member_string(fact, "$file"), staged, error) ||
        (rootfs != NULL && !copy_part(digest, rootfs, companion, error)))
        return FALSE;
    fingerprint = digest_finish(digest);
    if (strcmp(fingerprint, json_member_string(fact, "image")) != 0)
        return error_set(error, ERR_CONFLICT,
                         "%s changed since it was looked at: fingerprint %.12s, expected %.12s",
                         json_member_string(fact, "$file"), fingerprint,
                         json_member_string(fact, "image"));
    return TRUE;
}

static gboolean files_ensure(Host *host, const Step *step, GError **error)
{
    if (step->to != NULL && !shared_add(host, step, step->to, ROOTFS_SUFFIX, build_files, error))
        return FALSE;
    if (step->from != NULL && !shared_drop(host, step, step->from, ROOTFS_SUFFIX, error))
        return FALSE;
    place_tidy(host->dir, "images");
    return TRUE;
}

static gboolean files_purge(Host *host, const Step *step, GError **error)
{
    if (!shared_purge(step, step->from, ROOTFS_SUFFIX, error))
        return FALSE;
    place_tidy(host->dir, "images");
    return TRUE;
}

/* Volumes */

static gboolean check_content(const char *staged, GError **error)
{
    g_autofree char *rootfs = g_build_filename(staged, "rootfs", NULL);
    g_autofree char *metadata = g_build_filename(staged, "metadata.yaml", NULL);
    struct stat st;

    if (lstat(rootfs, &st) < 0 || !S_ISDIR(st.st_mode))
        return error_set(error, ERR_INVALID, "the image has no rootfs/");
    if (lstat(metadata, &st) < 0 || !S_ISREG(st.st_mode))
        return error_set(error, ERR_INVALID, "the image has no metadata.yaml");
    return TRUE;
}

static gboolean build_volume(Host *host, const json_t *fact, const char *staged, GError **error)
{
    const char *builtin = json_member_string(fact, "$builtin");
    g_autofree char *pool = pool_of_volume(staged);
    gboolean btrfs = g_strcmp0(json_member_string(fact, "driver"), "btrfs") == 0;
    const char *file = json_member_string(fact, "$file");
    g_autofree char *rootfs = json_is_true(json_object_get(fact, "$fetched"))
                                  ? fetched_root(file)
                                  : g_strdup(json_member_string(fact, "$rootfs"));

    if (btrfs && !btrfs_subvolume_create(staged, error))
        return FALSE;
    if (!btrfs && !file_make_directory(staged, VOLUME_MODE, error))
        return FALSE;
    if (chmod(staged, VOLUME_MODE) < 0)
        return error_errno(error, errno, "set the mode of %s", staged);
    if (!(builtin != NULL ? builtin_fill(builtin, staged, error)
                          : unpack_run(file, rootfs, pool, staged, error)))
        return FALSE;
    return check_content(staged, error);
}

static gboolean reach(Host *host, const json_t *fact, PoolState *ret_state, GError **error)
{
    g_autofree char *target = pool_of_volume(json_member_string(fact, "path"));

    return pool_activate(host->dir, target, ret_state, error);
}

static gboolean volume_add(Host *host, const Step *step, GError **error)
{
    const char *path = json_member_string(step->to, "path");
    const char *key = json_member_string(step->to, "key");
    g_autoptr(json_t) kept = NULL;
    PoolState state;

    if (!reach(host, step->to, &state, error))
        return FALSE;
    if (state == POOL_ABSENT)
        return error_set(error, ERR_FAILED, "the pool of %s is not there", path);
    if (!shared_add(host, step, step->to, NULL, build_volume, error))
        return FALSE;
    kept = json_pack("{s:O, s:O, s:O, s:O}", "path", json_object_get(step->to, "path"), "driver",
                     json_object_get(step->to, "driver"), "key", json_object_get(step->to, "key"),
                     "image", json_object_get(step->to, "image"));
    return pool_record_write(host->dir, path, key, kept, error);
}

static gboolean volume_drop(Host *host, const Step *step, GError **error)
{
    const char *path = json_member_string(step->from, "path");
    PoolState state;

    if (!reach(host, step->from, &state, error))
        return FALSE;
    if (state == POOL_ABSENT)
        return TRUE;
    if (!shared_drop(host, step, step->from, NULL, error))
        return FALSE;
    if (!file_exists(path)) {
        pool_record_remove(host->dir, path);
        return TRUE;
    }
    return pool_record_write(host->dir, path, json_member_string(step->from, "key"), NULL, error);
}

static gboolean volumes_ensure(Host *host, const Step *step, GError **error)
{
    return (step->to == NULL || volume_add(host, step, error)) &&
           (step->from == NULL || volume_drop(host, step, error));
}

static gboolean volumes_purge(Host *host, const Step *step, GError **error)
{
    PoolState state;

    if (step->from == NULL)
        return TRUE;
    return reach(host, step->from, &state, error) &&
           (state == POOL_ABSENT || shared_purge(step, step->from, NULL, error));
}

static json_t *image_watch(const Context *context, const Object *image)
{
    g_autoptr(json_t) facts = image_expect(context, image, NULL, NULL);
    json_t *watched = json_object();
    const char *pool;
    json_t *volume;

    watch_on(watched, WATCH_PATH, json_string_at(facts, "files/path"));
    json_object_foreach (json_object_get(facts, "volumes"), pool, volume)
        watch_on(watched, WATCH_PATH, json_member_string(volume, "path"));
    return watched;
}

/* A new image under the name of an old one is additive, since nobody runs on an image: what is to
 * be made of it is staged after it, in the same phase. */
static const FactRow image_rows[] = {
    {.path = "files",
     .name = "image.files",
     .lives_in = LIVES_DISK,
     .step_class = CLASS_COPY,
     .add = BAND_ADDITIVE,
     .change = BAND_ADDITIVE,
     .remove = BAND_DISRUPTIVE,
     .label = LABEL_LIVE,
     .ensure = files_ensure,
     .purge = files_purge,
     .summary = "keep a copy of the image's files"},
    {.path = "volumes/*",
     .name = "image.volume",
     .lives_in = LIVES_DISK,
     .step_class = CLASS_COPY,
     .add = BAND_ADDITIVE,
     .change = BAND_ADDITIVE,
     .remove = BAND_DISRUPTIVE,
     .label = LABEL_LIVE,
     .ensure = volumes_ensure,
     .purge = volumes_purge,
     .summary = "unpack the image on the pool"},
    {0},
};

const Driver IMAGE_DRIVER = {
    .kind = KIND_IMAGE,
    .rows = image_rows,
    .resolve = image_resolve,
    .prepare = image_pools_draw,
    .expect = image_expect,
    .observe = image_observe,
    .watch = image_watch,
    .is_here = image_is_here,
    .fetch = image_fetch,
    .fetched = image_fetched,
};
