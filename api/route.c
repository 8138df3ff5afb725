#include "route.h"

#include <string.h>

static const Route *const TABLES[] = {
    ROUTES_IMAGE_ALIASES,  ROUTES_IMAGES,     ROUTES_SERVER,     ROUTES_BERTH,
    ROUTES_OBJECTS,        ROUTES_OPERATIONS, ROUTES_HOST_LIFE,  ROUTES_INSTANCES,
    ROUTES_INSTANCE_STATE, ROUTES_FILES,      ROUTES_APPLY,      ROUTES_LOGS,
    ROUTES_METADATA,       ROUTES_EXEC,       ROUTES_CONSOLE,    ROUTES_STREAMS,
    ROUTES_CERTIFICATES,   ROUTES_HOST,       ROUTES_NETWORKS,   ROUTES_WARNINGS,
    ROUTES_SOURCES,        ROUTES_HOLDS,      ROUTES_IMAGE_FILES};

/* API-009: one table for instances of all types. */
gboolean route_is_instances(const char *segment)
{
    return strcmp(segment, "instances") == 0 || strcmp(segment, "containers") == 0 ||
           strcmp(segment, "virtual-machines") == 0;
}

/* Whether a path fits the segments: literal parts are equal, '*' takes one. */
static gboolean fits(const char *path, const char *const *segments, const char *ret_words[4])
{
    guint words = 0;

    if (g_str_has_prefix(path, "instances") && *segments != NULL && route_is_instances(*segments)) {
        path += strlen("instances");
        path += *path == '/' ? 1 : 0;
        segments++;
    }

    for (; *path != '\0'; segments++) {
        gsize length = strcspn(path, "/");

        if (*segments == NULL)
            return FALSE;
        if (length == 1 && *path == '*') {
            if (words < 4)
                ret_words[words++] = *segments;
        } else if (strlen(*segments) != length || strncmp(path, *segments, length) != 0) {
            return FALSE;
        }
        path += length + (path[length] == '/' ? 1 : 0);
    }
    return *segments == NULL;
}

void route_each(void (*each)(const Route *route, void *data), void *data)
{
    for (guint t = 0; t < G_N_ELEMENTS(TABLES); t++)
        for (const Route *route = TABLES[t]; route->method != NULL; route++)
            each(route, data);
}

const char *const *route_path(const char *const *segments, gboolean *ret_known)
{
    static const char *const root[] = {NULL};

    *ret_known = TRUE;
    if (segments[0] == NULL)
        return root;
    if (strcmp(segments[0], "1.0") == 0)
        return segments[1] != NULL ? segments + 1 : segments;
    if (strcmp(segments[0], "internal") == 0)
        return segments;
    *ret_known = FALSE;
    return segments;
}

RouteResult route_find(const char *method, const char *const *segments, const Route **ret_route,
                       const char *ret_words[4])
{
    const char *known = NULL; /* what is named has no other meaning below a '*' (API-007) */

    for (guint t = 0; t < G_N_ELEMENTS(TABLES); t++) {
        for (const Route *route = TABLES[t]; route->method != NULL; route++) {
            const char *words[4] = {NULL};

            if (!fits(route->path, segments, words) ||
                (known != NULL && strcmp(known, route->path) != 0))
                continue;
            known = route->path;
            if (strcmp(route->method, method) != 0 &&
                !(strcmp(method, "HEAD") == 0 && strcmp(route->method, "GET") == 0))
                continue;
            *ret_route = route;
            memcpy(ret_words, words, sizeof words);
            return ROUTE_FOUND;
        }
    }
    return known != NULL ? ROUTE_NO_METHOD : ROUTE_NO_PATH;
}
