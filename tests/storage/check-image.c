/* Imports one image with the real drivers, as an apply does, and takes everything away again:
 *     check-image STATE FILE [ROOTFS]
 * Exit status 0 when it was accepted and unpacked; its volume is then at STATE/out (a copy of the
 * tree's listing on stdout). 1 with the error on stderr when it was refused; then STATE is as it
 * was. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "error.h"
#include "host.h"
#include "json.h"
#include "paths.h"

#define POOL "pool"

typedef struct {
    Host *host;
    Snapshot *model;
    Context context;
} Check;

static Object *put(Check *check, KindId kind, const char *project, const char *name, json_t *spec)
{
    Object *object = object_new(kind, project, "", name, spec, NULL);
    g_autoptr(GPtrArray) objects = g_ptr_array_new();
    Snapshot *next;

    g_ptr_array_add(objects, object);
    next = snapshot_change(check->model, objects, NULL);
    snapshot_unref(check->model);
    check->model = next;
    check->context = (Context){next, NULL, check->host->dir, check->host->seed};
    return object;
}

static gboolean draw(Check *check, Object *object, GError **error)
{
    const Driver *driver = DRIVERS[object->id.kind];

    return driver->resolve(check->host, &check->context, object, object->generated, error) &&
           driver->prepare(&check->context, object, object->generated, error);
}

/* One fact of an object, made or taken away. */
static gboolean step(Check *check, const Object *object, const char *row, json_t *fact,
                     gboolean present, GError **error)
{
    const Step one = {.name = (char *)row,
                      .key = object->key,
                      .path = (char *)"",
                      .from = present ? NULL : fact,
                      .to = present ? fact : NULL,
                      .tx = (char *)"tx"};

    return fact == NULL || host_ensure(check->host, &one, error);
}

static gboolean run(Check *check, const Object *pool, const Object *image, GError **error)
{
    g_autoptr(json_t) pool_facts = NULL;
    g_autoptr(json_t) facts = NULL;
    g_autoptr(GError) undo = NULL;
    json_t *files, *volume;
    gboolean done;

    pool_facts = DRIVERS[KIND_POOL]->expect(&check->context, pool, NULL, error);
    facts = DRIVERS[KIND_IMAGE]->expect(&check->context, image, NULL, error);
    if (pool_facts == NULL || facts == NULL)
        return FALSE;
    files = json_object_get(facts, "files");
    volume = json_at(facts, "volumes/" POOL);
    done = step(check, pool, "pool.backing", json_object_get(pool_facts, "backing"), TRUE, error) &&
           step(check, pool, "pool.layout", json_object_get(pool_facts, "layout"), TRUE, error) &&
           step(check, image, "image.files", files, TRUE, error) &&
           step(check, image, "image.volume", volume, TRUE, error);
    if (done)
        printf("%s\n", json_member_string(volume, "path"));
    if (done)
        return TRUE;
    if (!step(check, image, "image.volume", volume, FALSE, &undo) ||
        !step(check, image, "image.files", files, FALSE, &undo) ||
        !step(check, pool, "pool.layout", json_object_get(pool_facts, "layout"), FALSE, &undo) ||
        !step(check, pool, "pool.backing", json_object_get(pool_facts, "backing"), FALSE, &undo))
        fprintf(stderr, "undo failed: %s\n", undo->message);
    return FALSE;
}

int main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Host) host = NULL;
    g_autoptr(Object) pool = NULL;
    g_autoptr(Object) image = NULL;
    g_autoptr(Object) instance = NULL;
    Check check = {0};
    gboolean done;

    if (argc < 3) {
        fprintf(stderr, "usage: check-image STATE FILE [ROOTFS]\n");
        return 64;
    }
    host = host_real_new(argv[1]);
    check.host = host;
    check.model = snapshot_new();
    pool = put(&check, KIND_POOL, "", POOL, json_pack("{s:s, s:{}}", "driver", "dir", "config"));
    image = put(&check, KIND_IMAGE, "default", "i",
                json_pack("{s:{s:s, s:s*}}", "source", "file", argv[2], "rootfs",
                          argc > 3 ? argv[3] : NULL));
    instance =
        put(&check, KIND_INSTANCE, "default", "c",
            json_pack("{s:{s:s}, s:[], s:{s:{s:s, s:s, s:s}}}", "source", "alias", "i", "profiles",
                      "devices", "root", "type", "disk", "path", "/", "pool", POOL));
    done = draw(&check, pool, &error) && draw(&check, image, &error) &&
           run(&check, pool, image, &error);
    if (!done)
        fprintf(stderr, "%s\n", error->message);
    snapshot_unref(check.model);
    return done ? 0 : 1;
}
