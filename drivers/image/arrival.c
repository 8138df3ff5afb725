#include "image/arrival.h"

#include <string.h>

#include "error.h"
#include "file.h"
#include "host.h"
#include "image/cache.h"
#include "image/metadata.h"
#include "image/remote.h"
#include "image/source.h"
#include "image_lock.h"
#include "image_origin.h"
#include "keylock.h"
#include "paths.h"

#define STAT_KEY "$stat"
#define SENT_KEY "$sent"
#define KEPT_MICROSECONDS (60 * G_USEC_PER_SEC)
#define FAILED_MICROSECONDS (2 * G_USEC_PER_SEC)

/* ---- asking ---- */

/* What a server said, or why it did not. */
typedef struct {
    ImageFound found;
    GError *failure;
    gint64 until;
} Answer;

static GMutex known_mutex;
static GHashTable *answers; /* see question_of -> Answer * */

static void answer_free(gpointer data)
{
    Answer *answer = data;

    image_found_clear(&answer->found);
    g_clear_error(&answer->failure);
    g_free(answer);
}

static gboolean is_old(gpointer key, gpointer value, gpointer data)
{
    return ((const Answer *)value)->until < g_get_monotonic_time();
}

/* Who shows another certificate or secret asks something else. */
static char *question_of(const json_t *source)
{
    g_autofree char *origin = image_origin(source);
    g_autoptr(json_t) all = json_pack("{s:s, s:O*, s:O*}", "origin", origin, "certificate",
                                      json_object_get(source, "certificate"), "secret",
                                      json_object_get(source, "secret"));

    return json_digest(all);
}

/* Whether there is an answer; `*ret_done` is FALSE with an error when it is none but a failure. */
static gboolean recall(const char *question, ImageFound *ret, gboolean *ret_done, GError **error)
{
    g_autoptr(GMutexLocker) held = g_mutex_locker_new(&known_mutex);
    const Answer *answer;

    if (answers == NULL)
        return FALSE;
    g_hash_table_foreach_remove(answers, is_old, NULL);
    answer = g_hash_table_lookup(answers, question);
    if (answer == NULL)
        return FALSE;
    *ret_done = answer->failure == NULL;
    if (*ret_done)
        image_found_copy(&answer->found, ret);
    else if (error != NULL)
        *error = g_error_copy(answer->failure);
    return TRUE;
}

/* A failure is remembered for as long as one plan takes, so that it is not waited for again. */
static void remember(const char *question, const ImageFound *found, const GError *failure)
{
    g_autoptr(GMutexLocker) held = g_mutex_locker_new(&known_mutex);
    Answer *answer = g_new0(Answer, 1);

    if (answers == NULL)
        answers = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, answer_free);
    if (failure == NULL)
        image_found_copy(found, &answer->found);
    else
        answer->failure = g_error_copy(failure);
    answer->until =
        g_get_monotonic_time() + (failure == NULL ? KEPT_MICROSECONDS : FAILED_MICROSECONDS);
    g_hash_table_replace(answers, g_strdup(question), answer);
}

static void ask_server(Host *host, const char *question, const json_t *source)
{
    g_autoptr(GError) failure = NULL;
    g_auto(ImageFound) found = {0};
    g_autoptr(json_t) architectures = host_look(host, "architectures", &failure);

    if (architectures != NULL)
        image_remote_find(source, architectures, &found, &failure);
    remember(question, &found, failure);
}

/* By a host that answers for its servers: nothing is remembered, because nothing is waited for. */
static gboolean ask_host(Host *host, const json_t *source, ImageFound *ret, GError **error)
{
    g_autoptr(json_t) answer = host->ops->ask_server(host, source, error);

    if (answer == NULL)
        return FALSE;
    ret->fingerprint = g_strdup(json_member_string(answer, "fingerprint"));
    ret->architecture = g_strdup(json_member_string(answer, "architecture"));
    ret->created_at = g_strdup(json_member_string(answer, "created_at"));
    ret->filename = g_strdup(json_member_string(answer, "filename"));
    ret->size = (guint64)json_integer_value(json_object_get(answer, "size"));
    return TRUE;
}

static gboolean ask(Host *host, const json_t *source, ImageFound *ret, GError **error)
{
    g_autofree char *question = NULL;
    gboolean done = FALSE;

    if (!image_remote_check(source, TRUE, error))
        return FALSE;
    if (host->ops->ask_server != NULL)
        return ask_host(host, source, ret, error);
    question = question_of(source);
    if (recall(question, ret, &done, error))
        return done;
    /* Nobody else has to wait for a server that is slow, but for who asks the same. */
    host_pause(host, TRUE);
    key_lock(question, NULL);
    if (!recall(question, ret, &done, error)) {
        ask_server(host, question, source);
        if (!recall(question, ret, &done, error))
            error_set(error, ERR_FAILED, "the answer is too old: try again");
    }
    key_unlock(question);
    host_pause(host, FALSE);
    return done;
}

json_t *arrival_ask(Host *host, const json_t *source, GError **error)
{
    g_autofree char *now = metadata_time(g_get_real_time() / G_USEC_PER_SEC);
    g_auto(ImageFound) found = {0};

    if (!ask(host, source, &found, error))
        return NULL;
    return json_pack("{s:s, s:s*, s:s}", "fingerprint", found.fingerprint, "architecture",
                     found.architecture, "date", found.created_at != NULL ? found.created_at : now);
}

/* ---- what an image is ---- */

static void set_text(json_t *generated, const char *key, const char *text)
{
    if (text != NULL)
        json_object_set_new(generated, key, json_string(text));
    else
        json_object_del(generated, key);
}

/* What was known of another fingerprint is true no more. */
static void become(json_t *generated, const char *fingerprint, const json_t *source)
{
    static const char *const of_content[] = {"size",     "created_at", "expires_at",
                                             "filename", "properties", "uploaded_at"};
    g_autoptr(json_t) update = image_remote_update(source);

    for (guint i = 0; i < G_N_ELEMENTS(of_content); i++)
        json_object_del(generated, of_content[i]);
    set_text(generated, "fingerprint", fingerprint);
    set_text(generated, "type", "container");
    if (update != NULL)
        json_object_set(generated, "update_source", update);
    else
        json_object_del(generated, "update_source");
}

static void take_found(json_t *generated, const ImageFound *found, const json_t *source)
{
    g_autofree char *size =
        found->size > 0 ? g_strdup_printf("%" G_GUINT64_FORMAT, found->size) : NULL;

    become(generated, found->fingerprint, source);
    set_text(generated, "architecture", found->architecture);
    set_text(generated, "created_at", found->created_at);
    set_text(generated, "filename", found->filename);
    set_text(generated, "size", size);
}

/* The entry of the lock for an image; NULL: none. */
static const json_t *locked(const Context *context, const char *origin)
{
    return image_lock_best(json_object_get(context->images, "locks"), origin,
                           host_fact(context->host, "architectures"));
}

/* Tells of a newer image; that a server does not answer is no news. */
static void look_for_newer(Host *host, const Object *image, json_t *generated, const char *advice)
{
    const char *fingerprint = json_member_string(generated, "fingerprint");
    g_auto(ImageFound) found = {0};

    if (ask(host, json_object_get(image->spec, "source"), &found, NULL) &&
        strcmp(found.fingerprint, fingerprint) != 0)
        driver_remark(generated, "source: the server has a newer image, %.12s; %.12s is kept (%s)",
                      found.fingerprint, fingerprint, advice);
}

static gboolean resolve_locked(Host *host, const Object *image, const json_t *lock,
                               gboolean refresh, json_t *generated)
{
    const char *fingerprint = json_member_string(lock, "fingerprint");
    gboolean known = g_strcmp0(json_member_string(generated, "fingerprint"), fingerprint) == 0;

    if (!known) {
        become(generated, fingerprint, json_object_get(image->spec, "source"));
        set_text(generated, "architecture", json_member_string(lock, "architecture"));
    }
    if (refresh || !arrival_is_here(host, generated))
        look_for_newer(host, image, generated, "images.lock; `berth lock update` takes the newer");
    return TRUE;
}

static gboolean resolve_newest(Host *host, const Object *image, json_t *generated, GError **error)
{
    const json_t *source = json_object_get(image->spec, "source");
    g_auto(ImageFound) found = {0};

    if (!ask(host, source, &found, error))
        return FALSE;
    if (g_strcmp0(json_member_string(generated, "fingerprint"), found.fingerprint) != 0)
        take_found(generated, &found, source);
    return TRUE;
}

gboolean arrival_resolve(Host *host, const Context *context, const Object *image, json_t *generated,
                         GError **error)
{
    const json_t *source = json_object_get(image->spec, "source");
    g_autofree char *origin = image_origin(source);
    gboolean automatic = g_strcmp0(json_member_string(image->spec, "refresh"), "auto") == 0;
    gboolean refresh = json_is_true(json_object_get(context->images, "refresh"));
    gboolean known = json_object_get(generated, "fingerprint") != NULL &&
                     g_strcmp0(json_member_string(generated, STAT_KEY), origin) == 0;
    const json_t *lock = automatic ? NULL : locked(context, origin);
    g_autoptr(GError) failure = NULL;

    set_text(generated, STAT_KEY, origin);
    if (lock != NULL)
        return resolve_locked(host, image, lock, refresh, generated);
    if (!known)
        return resolve_newest(host, image, generated, error);
    if (!image_origin_moves(source) || context->images == NULL)
        return TRUE;
    if (automatic && !resolve_newest(host, image, generated, &failure))
        driver_remark(generated, "refresh: the image stays as it is: %s", failure->message);
    else if (!automatic && refresh)
        look_for_newer(host, image, generated, "`refresh: auto` takes the newer");
    return TRUE;
}

/* ---- from a client ---- */

gboolean arrival_is_sent(const json_t *generated)
{
    return json_is_true(json_object_get(generated, SENT_KEY));
}

void arrival_resolve_sent(json_t *generated, const char *fingerprint)
{
    /* The same content is the same image, wherever it came from. */
    if (fingerprint == NULL ||
        g_strcmp0(json_member_string(generated, "fingerprint"), fingerprint) == 0)
        return;
    become(generated, fingerprint, NULL);
    json_object_del(generated, STAT_KEY);
    json_object_set_new(generated, SENT_KEY, json_true());
}

void arrival_forget_sent(json_t *generated)
{
    json_object_del(generated, SENT_KEY);
}

/* ---- fetching ---- */

/* What the files of an image showed: they are read before locks are taken, and what they showed is
 * needed again when all is committed. */
static GHashTable *contents; /* fingerprint -> object; under known_mutex */

static gboolean recall_content(json_t *generated)
{
    g_autoptr(GMutexLocker) held = g_mutex_locker_new(&known_mutex);
    const char *fingerprint = json_member_string(generated, "fingerprint");
    json_t *content = contents != NULL ? g_hash_table_lookup(contents, fingerprint) : NULL;

    if (content != NULL)
        json_object_update(generated, content);
    return content != NULL;
}

static void remember_content(const json_t *generated)
{
    static const char *const members[] = {"architecture", "properties", "type",     "size",
                                          "created_at",   "expires_at", "filename", "uploaded_at"};
    g_autoptr(GMutexLocker) held = g_mutex_locker_new(&known_mutex);
    const char *fingerprint = json_member_string(generated, "fingerprint");
    json_t *content = json_object();

    for (guint i = 0; i < G_N_ELEMENTS(members); i++) {
        json_t *value = json_object_get(generated, members[i]);

        if (value != NULL)
            json_object_set_new(content, members[i], json_deep_copy(value));
    }
    if (contents == NULL)
        contents =
            g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)json_decref);
    g_hash_table_replace(contents, g_strdup(fingerprint), content);
}

void arrival_done(Host *host, const char *fingerprint)
{
    g_autoptr(GMutexLocker) held = g_mutex_locker_new(&known_mutex);

    if (contents != NULL)
        g_hash_table_remove(contents, fingerprint);
    image_cache_tidy(host->dir);
}

static char *stored_path(const Host *host, const json_t *generated)
{
    const char *fingerprint = json_member_string(generated, "fingerprint");

    return path_image_files(host->dir, fingerprint != NULL ? fingerprint : "");
}

gboolean arrival_is_here(Host *host, const json_t *generated)
{
    g_autofree char *stored = stored_path(host, generated);

    return file_exists(stored) ||
           image_cache_has(host->dir, json_member_string(generated, "fingerprint"));
}

/* Looks at files that are here, and checks that they are what they are called. */
static gboolean inspect(const char *file, const char *rootfs, json_t *generated, GError **error)
{
    const char *expected = json_member_string(generated, "fingerprint");
    g_autoptr(json_t) shown = json_object();

    if (!image_source_inspect(file, rootfs, shown, error))
        return FALSE;
    if (strcmp(json_member_string(shown, "fingerprint"), expected) != 0)
        return error_set(error, ERR_INVALID, "fingerprints don't match, got %s expected %s",
                         json_member_string(shown, "fingerprint"), expected);
    json_object_del(shown, STAT_KEY);
    json_object_del(shown, "fingerprint"); /* the same; who holds its text goes on with it */
    json_object_update(generated, shown);
    return TRUE;
}

static gboolean inspect_named(const char *path, json_t *generated, GError **error)
{
    g_autofree char *rootfs = g_strconcat(path, ".rootfs", NULL);

    return inspect(path, file_exists(rootfs) ? rootfs : NULL, generated, error);
}

static gboolean inspect_unnamed(int file, int rootfs, json_t *generated, GError **error)
{
    /* The helper opens them by our entry in /proc: they have no names yet. */
    int pid = (int)getpid();
    g_autofree char *file_path = g_strdup_printf("/proc/%d/fd/%d", pid, file);
    g_autofree char *rootfs_path =
        rootfs >= 0 ? g_strdup_printf("/proc/%d/fd/%d", pid, rootfs) : NULL;

    return inspect(file_path, rootfs_path, generated, error);
}

gboolean arrival_take(Host *host, const char *fingerprint, int file, int rootfs, GError **error)
{
    g_autofree char *path = image_cache_path(host->dir, fingerprint);
    g_autofree char *now = metadata_time(g_get_real_time() / G_USEC_PER_SEC);
    g_autoptr(json_t) generated = json_pack("{s:s}", "fingerprint", fingerprint);
    gboolean done;

    key_lock(path, NULL);
    done = arrival_is_here(host, generated);
    if (!done) {
        done = inspect_unnamed(file, rootfs, generated, error) &&
               image_cache_put(host->dir, fingerprint, file, rootfs, error);
        if (done) {
            set_text(generated, "uploaded_at", now);
            remember_content(generated);
        }
    }
    key_unlock(path);
    return done;
}

/* The very image of the plan, whatever its name means by now. */
static gboolean find_planned(Host *host, const json_t *source, const char *fingerprint,
                             ImageFound *ret, GError **error)
{
    g_autofree char *question = question_of(source);
    g_autoptr(json_t) exact = json_copy((json_t *)source);
    gboolean done = FALSE;

    if (recall(question, ret, &done, NULL) && done && strcmp(ret->fingerprint, fingerprint) == 0)
        return TRUE;
    image_found_clear(ret);
    memset(ret, 0, sizeof *ret);
    if (json_object_get(source, "server") != NULL) {
        json_object_del(exact, "alias");
        json_object_set_new(exact, "fingerprint", json_string(fingerprint));
    }
    if (!ask(host, exact, ret, error))
        return FALSE;
    return strcmp(ret->fingerprint, fingerprint) == 0 ||
           error_set(error, ERR_CONFLICT,
                     "%s has another image by now: %.12s, not %.12s; plan again", ret->url,
                     ret->fingerprint, fingerprint);
}

static gboolean download(Host *host, const json_t *source, json_t *generated,
                         const FetchReport *report, GError **error)
{
    const char *fingerprint = json_member_string(generated, "fingerprint");
    g_auto(ImageFound) found = {0};
    g_auto(Fd) file = -1, rootfs = -1;
    g_autoptr(GError) failure = NULL;

    if (!find_planned(host, source, fingerprint, &found, error) ||
        !image_remote_fetch(host->dir, &found, report, &file, &rootfs, error))
        return FALSE;
    if (!inspect_unnamed(file, rootfs, generated, &failure)) {
        failure->code = ERR_FAILED; /* nothing of the input is wrong */
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    set_text(generated, "filename", found.filename);
    json_object_update(json_object_get(generated, "properties"), found.properties);
    return image_cache_put(host->dir, fingerprint, file, rootfs, error);
}

static gboolean fetch(Host *host, const Object *image, json_t *generated, const FetchReport *report,
                      GError **error)
{
    const char *fingerprint = json_member_string(generated, "fingerprint");
    g_autofree char *stored = stored_path(host, generated);
    g_autofree char *cached = image_cache_path(host->dir, fingerprint);

    if (file_exists(stored))
        return inspect_named(stored, generated, error);
    /* What a crash or a full disk left half written there is fetched again. */
    if (file_exists(cached)) {
        if (inspect_named(cached, generated, NULL))
            return TRUE;
        image_cache_drop(host->dir, fingerprint);
    }
    if (arrival_is_sent(generated))
        return error_set(
            error, ERR_CONFLICT,
            "the files of image %.12s are not here: apply it again from where they are",
            fingerprint);
    return download(host, json_object_get(image->spec, "source"), generated, report, error);
}

gboolean arrival_fetch(Host *host, const Object *image, json_t *generated,
                       const FetchReport *report, GError **error)
{
    g_autofree char *path =
        image_cache_path(host->dir, json_member_string(generated, "fingerprint"));
    g_autofree char *now = metadata_time(g_get_real_time() / G_USEC_PER_SEC);
    gboolean done;

    /* Nothing of it is new. */
    if (json_object_get(generated, "uploaded_at") != NULL && arrival_is_here(host, generated))
        return TRUE;
    if (!key_lock(path, report->cancel))
        return error_set(error, ERR_INTERRUPTED, "cancelled");
    done = arrival_is_here(host, generated) && recall_content(generated);
    if (!done) {
        done = fetch(host, image, generated, report, error);
        if (done) {
            set_text(generated, "uploaded_at", now);
            remember_content(generated);
        }
    }
    key_unlock(path);
    return done;
}
