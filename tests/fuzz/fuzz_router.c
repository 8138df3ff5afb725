/* Fuzz target: requests on their way to a handler, without the handler. "METHOD TARGET", header
 * fields, an empty line, the body. The route is looked up, the query taken apart, the body read as
 * the kind that the path names. Nothing may crash; whatever is accepted keeps its promises. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "document.h"
#include "events.h"
#include "filter.h"
#include "form.h"
#include "http/range.h"
#include "http/target.h"
#include "image_import.h"
#include "instance_type.h"
#include "password.h"
#include "route.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(gboolean promise)
{
    if (!promise)
        abort();
}

/* ---- the path ---- */

static const Route *try_route(const char *method, const Target *target)
{
    const char *words[4] = {NULL};
    const Route *route = NULL;
    gboolean known;
    const char *const *path = route_path(target_segments(target), &known);
    RouteResult result = known ? route_find(method, path, &route, words) : ROUTE_NO_PATH;

    check((result == ROUTE_FOUND) == (route != NULL));
    if (route == NULL)
        return NULL;
    check(strcmp(route->method, method) == 0 || strcmp(method, "HEAD") == 0);
    check(route->handle != NULL);
    for (guint i = 0; i < G_N_ELEMENTS(words) && words[i] != NULL; i++)
        check(g_strv_contains(path, words[i]));
    return route;
}

static void try_query(const Target *target)
{
    const char *filter = target_query(target, "filter");
    const char *types = target_query(target, "type");
    g_autoptr(GError) error = NULL;

    if (filter != NULL) {
        g_autoptr(Filter) parsed = filter_parse(filter, &error);

        check((parsed == NULL) == (error != NULL));
        g_clear_error(&error);
    }
    if (types != NULL)
        check((event_types_parse(types, &error) == 0) == (error != NULL));
}

/* ---- header fields ---- */

static void try_header(const char *name, const char *value, gsize body)
{
    guint64 first = 0, length = 0;

    if (g_ascii_strcasecmp(name, "Range") == 0)
        check(range_parse(value, body, &first, &length) != RANGE_PART || first + length <= body);
    if (g_ascii_strcasecmp(name, "X-LXD-password") == 0)
        check(!password_matches(value, "secret"));
}

/* Up to the empty line; what follows it. */
static const char *try_headers(const char *at, const char *end)
{
    while (at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        g_autofree char *line = g_strndup(at, (gsize)((stop != NULL ? stop : end) - at));
        char *colon = strchr(line, ':');

        at = stop != NULL ? stop + 1 : end;
        if (*line == '\0')
            return at;
        if (colon == NULL)
            continue;
        *colon = '\0';
        try_header(line, g_strstrip(colon + 1), (gsize)(end - at));
    }
    return at;
}

/* ---- the body ---- */

static void try_object(const Kind *kind, const char *name, const json_t *body)
{
    g_autoptr(Problems) problems = problems_new();
    g_autoptr(json_t) named = json_copy((json_t *)body);
    g_autoptr(Object) object = NULL;
    g_autoptr(GError) error = NULL;

    if ((kind->flags & KIND_SINGLETON) == 0)
        json_object_set_new(named, "name", json_string(name));
    object = document_object_from_json(
        kind, (kind->flags & KIND_IN_PROJECT) != 0 ? "default" : NULL, name, named, problems);
    if (!problems_to_error(problems, TRUE, &error)) {
        check(error != NULL && error->message != NULL);
        return;
    }
    check(object != NULL && strcmp(object->id.name, name) == 0);
    /* What is stored can be read again. */
    {
        g_autofree char *spec = json_text(object->spec);
        g_autoptr(json_t) again = json_loads(spec, 0, NULL);

        check(json_equal(again, object->spec));
    }
}

static void try_body(const char *const *path, const char *text, gsize size)
{
    g_autoptr(json_t) body = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
    const Kind *kind = kind_by_name(route_is_instances(path[0]) ? "instances" : path[0]);
    const char *type = json_member_string(body, "instance_type");
    g_autoptr(json_t) image = json_object();

    if (!json_is_object(body))
        return;
    if (strcmp(path[0], "1.0") == 0)
        kind = KINDS[KIND_SERVER];
    if (kind != NULL)
        try_object(kind, (kind->flags & KIND_SINGLETON) != 0 ? "" : "x1", body);
    if (kind != NULL && kind->id == KIND_IMAGE)
        image_set_spec(image, body, NULL);
    if (type != NULL)
        json_decref(instance_type_config(type, NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data, *end = text + size;
    const char *line_end = memchr(text, '\n', size);
    g_autofree char *line = g_strndup(text, (gsize)((line_end != NULL ? line_end : end) - text));
    g_auto(GStrv) words = g_strsplit(line, " ", 2);
    g_autoptr(Target) target =
        words[0] != NULL && words[1] != NULL ? target_parse(words[1], NULL) : NULL;
    const char *body;
    gboolean known;

    if (target == NULL)
        return 0;
    body = try_headers(line_end != NULL ? line_end + 1 : end, end);
    try_query(target);
    if (try_route(words[0], target) != NULL && target_segments(target)[0] != NULL)
        try_body(route_path(target_segments(target), &known), body, (gsize)(end - body));
    return 0;
}
