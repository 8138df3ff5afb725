#include "image/shared.h"

#include <string.h>

#include "error.h"
#include "file.h"
#include "json.h"
#include "keylock.h"
#include "paths.h"
#include "storage/btrfs.h"
#include "storage/mark.h"
#include "storage/place.h"

/* Read-only subvolumes are opened for the moment. */
static gboolean write_mark(const char *path, const json_t *mark, GError **error)
{
    gboolean subvolume = btrfs_is_subvolume(path);

    if (subvolume && !btrfs_set_read_only(path, FALSE, error))
        return FALSE;
    return mark_write(path, mark, error) && (!subvolume || btrfs_set_read_only(path, TRUE, error));
}

/* Renames content and companion; the content, which carries the mark, comes last when it appears
 * and first when it goes. */
static gboolean move(const char *from, const char *to, const char *from_companion,
                     const char *to_companion, gboolean appears, GError **error)
{
    gboolean pair = from_companion != NULL && file_exists(from_companion);

    if (appears && pair && !file_rename(from_companion, to_companion, error))
        return FALSE;
    if (!file_rename(from, to, error))
        return FALSE;
    return appears || !pair || file_rename(from_companion, to_companion, error);
}

typedef struct {
    char *path, *staged, *parked;
    char *companion, *companion_staged, *companion_parked; /* NULL: none */
} Places;

static void places_clear(Places *places)
{
    g_free(places->path);
    g_free(places->staged);
    g_free(places->parked);
    g_free(places->companion);
    g_free(places->companion_staged);
    g_free(places->companion_parked);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Places, places_clear)

static void places_init(Places *places, const json_t *fact, const char *companion, const char *tx)
{
    const char *path = json_member_string(fact, "path");

    *places = (Places){
        .path = g_strdup(path), .staged = path_staged(path, tx), .parked = path_parked(path, tx)};
    if (companion == NULL)
        return;
    places->companion = g_strconcat(path, companion, NULL);
    places->companion_staged = g_strconcat(places->staged, companion, NULL);
    places->companion_parked = g_strconcat(places->parked, companion, NULL);
}

static gboolean remove_staged(const Places *places, GError **error)
{
    return place_remove(places->staged, error) &&
           (places->companion == NULL || place_remove(places->companion_staged, error));
}

static gboolean add_user(const char *path, json_t *mark, const Step *step, const char *key,
                         GError **error)
{
    json_t *users = json_object_get(mark, "users");

    if (json_object_get(users, key) != NULL)
        return TRUE;
    json_object_set_new(users, key, json_string(step->tx));
    return write_mark(path, mark, error);
}

static gboolean make(Host *host, const Step *step, const json_t *fact, const Places *places,
                     SharedBuild build, GError **error)
{
    g_autoptr(json_t) mark =
        json_pack("{s:O, s:s, s:{s:s}}", "image", json_object_get(fact, "image"), "tx", step->tx,
                  "users", json_member_string(fact, "key"), step->tx);

    /* Without the content, a companion is what a crash left of an earlier try. */
    if (!remove_staged(places, error) ||
        (places->companion != NULL && !place_remove(places->companion, error)))
        return FALSE;
    if (build(host, fact, places->staged, error) && write_mark(places->staged, mark, error) &&
        move(places->staged, places->path, places->companion_staged, places->companion, TRUE,
             error))
        return TRUE;
    remove_staged(places, NULL);
    return FALSE;
}

static gboolean add_locked(Host *host, const Step *step, const json_t *fact, const Places *places,
                           SharedBuild build, GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autoptr(json_t) mark = mark_read(places->path, &failure);

    if (failure != NULL) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    if (mark == NULL && file_exists(places->path))
        return error_set(error, ERR_EXISTS, "%s is there and is not berth's", places->path);
    if (mark == NULL && file_exists(places->parked)) {
        if (!move(places->parked, places->path, places->companion_parked, places->companion, TRUE,
                  error))
            return FALSE;
        mark = mark_read(places->path, error);
        if (mark == NULL)
            return FALSE;
    }
    if (mark != NULL)
        return add_user(places->path, mark, step, json_member_string(fact, "key"), error);
    return make(host, step, fact, places, build, error);
}

gboolean shared_add(Host *host, const Step *step, const json_t *fact, const char *companion,
                    SharedBuild build, GError **error)
{
    g_auto(Places) places = {0};
    gboolean done;

    places_init(&places, fact, companion, step->tx);
    /* The second user of an image waits for the first to unpack it. */
    key_lock(places.path, NULL);
    done = add_locked(host, step, fact, &places, build, error);
    key_unlock(places.path);
    return done;
}

static gboolean drop_locked(const Step *step, const json_t *fact, const Places *places,
                            GError **error)
{
    const char *key = json_member_string(fact, "key");
    g_autoptr(json_t) mark = mark_read(places->path, NULL);
    json_t *users = json_object_get(mark, "users");

    if (!remove_staged(places, error))
        return FALSE;
    /* A crash between the two renames of a parking. */
    if (mark == NULL && places->companion != NULL && file_exists(places->companion) &&
        file_exists(places->parked))
        return file_rename(places->companion, places->companion_parked, error);
    if (json_object_get(users, key) == NULL)
        return TRUE;
    if (json_object_size(users) > 1) {
        json_object_del(users, key);
        return write_mark(places->path, mark, error);
    }
    if (g_strcmp0(json_member_string(mark, "tx"), step->tx) != 0)
        return move(places->path, places->parked, places->companion, places->companion_parked,
                    FALSE, error);
    return move(places->path, places->staged, places->companion, places->companion_staged, FALSE,
                error) &&
           remove_staged(places, error);
}

gboolean shared_drop(Host *host, const Step *step, const json_t *fact, const char *companion,
                     GError **error)
{
    g_auto(Places) places = {0};
    gboolean done;

    places_init(&places, fact, companion, step->tx);
    key_lock(places.path, NULL);
    done = drop_locked(step, fact, &places, error);
    key_unlock(places.path);
    return done;
}

gboolean shared_purge(const Step *step, const json_t *fact, const char *companion, GError **error)
{
    g_auto(Places) places = {0};

    if (fact == NULL)
        return TRUE;
    places_init(&places, fact, companion, step->tx);
    return place_discard(places.parked, step->tx, error) &&
           (companion == NULL || place_remove(places.companion_parked, error));
}

gboolean shared_has(const char *path, const char *key, gboolean *ret_has, GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autoptr(json_t) mark = mark_read(path, &failure);

    if (failure != NULL) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    if (mark == NULL && file_exists(path))
        return error_set(error, ERR_EXISTS, "%s is there and is not berth's", path);
    *ret_has = json_object_get(json_object_get(mark, "users"), key) != NULL;
    return TRUE;
}
