/* What the clock asks of images (IMG-086..092), at moments that the test names. */
#include <criterion/criterion.h>

#include "image_clock.h"
#include "notes.h"

#define DAY (24 * 3600)
#define HOUR 3600
#define CREATED 1000000

static Snapshot *model;

static void put(KindId kind, const char *project, const char *name, const char *spec,
                const char *generated)
{
    g_autoptr(GPtrArray) objects = g_ptr_array_new();
    g_autoptr(Snapshot) before = model;
    g_autoptr(Object) object =
        object_new(kind, project, "", name, json_loads(spec, 0, NULL),
                   generated != NULL ? json_loads(generated, 0, NULL) : NULL);

    object->created = CREATED;
    g_ptr_array_add(objects, object);
    model = snapshot_change(before, objects, NULL);
}

static void image(const char *name, const char *spec, const char *generated)
{
    put(KIND_IMAGE, "default", name, spec, generated);
}

static void begin(void)
{
    model = snapshot_new();
    put(KIND_PROJECT, "", "default", "{}", NULL);
}

static void end(void)
{
    snapshot_unref(model);
}

TestSuite(image_clock, .init = begin, .fini = end, .timeout = 30);

/* How many are over and stale, and seconds until the next is due (0: never). */
static void is(const json_t *uses, const ImageChecks *checks, gint64 now, guint over, guint stale,
               gint64 wait)
{
    g_auto(ImageClock) clock = {0};

    image_clock_read(model, uses, checks, now, &clock);
    cr_expect_eq(clock.over->len, over, "%u are over", clock.over->len);
    cr_expect_eq(clock.stale->len, stale, "%u are stale", clock.stale->len);
    cr_expect_eq(clock.next != 0 ? clock.next - now : 0, wait, "next in %" G_GINT64_FORMAT " s",
                 clock.next != 0 ? clock.next - now : 0);
}

static const ImageChecks NONE = {.since = 0};

#define CACHED "{\"fingerprint\": \"f1\", \"cached\": true}"

/* Ten days from the last use, else from when it came; whatever comes first ends it. */
Test(image_clock, cached)
{
    g_autoptr(json_t) notes = NULL;

    image("f1", "{}", CACHED);
    image("f2", "{}", "{\"fingerprint\": \"f2\"}");
    is(NULL, &NONE, CREATED, 0, 0, 10 * DAY);
    is(NULL, &NONE, CREATED + 10 * DAY - 1, 0, 0, 1);
    is(NULL, &NONE, CREATED + 10 * DAY, 1, 0, 0);
    put(KIND_INSTANCE, "default", "c", "{}", "{\"volatile.base_image\": \"f1\"}");
    image_clock_note(&notes, model, snapshot_find(model, KIND_INSTANCE, "default", "c"),
                     CREATED + 3 * DAY);
    is(json_object_get(notes, SPACE_IMAGES), &NONE, CREATED + 10 * DAY, 0, 0, 3 * DAY);
    is(json_object_get(notes, SPACE_IMAGES), &NONE, CREATED + 13 * DAY, 1, 0, 0);
    image("f1", "{\"expires_at\": \"1970-01-13T00:00:00Z\"}", CACHED);
    is(json_object_get(notes, SPACE_IMAGES), &NONE, 12 * DAY, 1, 0, 0);
    /* One image in the place of the other keeps what is known of its use. */
    image_clock_move(&notes, json_object_get(notes, SPACE_IMAGES), "image/default//f1",
                     "image/default//f2");
    cr_expect(json_equal(json_at(notes, SPACE_IMAGES "/image%2Fdefault%2F%2Ff2"),
                         json_at(notes, SPACE_IMAGES "/image%2Fdefault%2F%2Ff1")));
}

/* The project's word goes before the server's; 0 is never. */
Test(image_clock, days)
{
    image("f1", "{\"expires_at\": \"1970-01-13T00:00:00Z\"}", CACHED);
    put(KIND_SERVER, "", "", "{\"config\": {\"images.remote_cache_expiry\": \"2\"}}", NULL);
    is(NULL, &NONE, CREATED, 0, 0, MIN(2 * DAY, 12 * DAY - CREATED));
    put(KIND_PROJECT, "", "default", "{\"config\": {\"images.remote_cache_expiry\": \"0\"}}", NULL);
    is(NULL, &NONE, CREATED + 100 * DAY, 0, 0, 0);
}

#define FOLLOWS "{\"fingerprint\": \"f1\", \"update_source\": {\"alias\": \"a\"}}"

/* At the start, then every six hours; a declared image never. */
Test(image_clock, updates)
{
    g_autoptr(json_t) checked = json_pack("{s:i}", "image/default//f1", CREATED + HOUR);
    ImageChecks checks = {.since = CREATED, .checked = checked};

    image("f1", "{\"auto_update\": true}", FOLLOWS);
    image("mine", "{\"auto_update\": true}", FOLLOWS);
    image("f3", "{}", "{\"fingerprint\": \"f3\", \"update_source\": {\"alias\": \"a\"}}");
    is(NULL, &(ImageChecks){.since = CREATED}, CREATED + 1, 0, 1, 0);
    is(NULL, &(ImageChecks){.since = CREATED - 1}, CREATED + 1, 0, 0, 6 * HOUR - 1);
    is(NULL, &checks, CREATED + 2 * HOUR, 0, 0, 5 * HOUR);
    is(NULL, &checks, CREATED + 7 * HOUR, 0, 1, 0);
    put(KIND_SERVER, "", "", "{\"config\": {\"images.auto_update_interval\": \"1\"}}", NULL);
    is(NULL, &checks, CREATED + 2 * HOUR, 0, 1, 0);
    put(KIND_PROJECT, "", "default", "{\"config\": {\"images.auto_update_interval\": \"0\"}}",
        NULL);
    is(NULL, &checks, CREATED + 2 * HOUR, 0, 0, 0);
}
