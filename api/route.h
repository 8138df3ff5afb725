/* The API's paths: tables of what can be asked for, by whom, and the function that does it. */
#pragma once

#include <glib.h>

typedef struct Call Call;

/* Who may ask (AUTH-70..77). Project rights are those that a restricted certificate has in its
 * projects. */
typedef enum {
    ACCESS_ADMIN,   /* also the default */
    ACCESS_TRUSTED, /* anybody trusted */
    ACCESS_PROJECT, /* who may use the project of the request */
    ACCESS_OPEN,    /* anybody; the handler looks at the caller itself */
} Access;

typedef enum {
    ROUTE_QUICK = 1 << 0, /* reads memory only: runs in the HTTP thread */
    /* The same, without `?recursion=`: what it reads of the kernel is there at once. */
    ROUTE_QUICK_ALONE = 1 << 4,
    ROUTE_FILE = 1 << 1,  /* the body is of any size, and comes as a file */
    ROUTE_LARGE = 1 << 5, /* JSON of any number of objects: see call_body */
    ROUTE_DRY = 1 << 3,   /* `?dry-run=1` is understood: see dry_run.h */
    ROUTE_LATE = 1 << 2,  /* allowed while the daemon stops (API-072); reads are anyway */
} RouteFlags;

typedef struct {
    const char *method;
    const char *path; /* below /1.0; '*' stands for one segment */
    Access access;
    guint flags;
    /* Answers call->request, or takes a reference for later. FALSE with an error that becomes the
     * answer. */
    gboolean (*handle)(Call *call, GError **error);
} Route;

/* Tables end with method NULL. */
extern const Route ROUTES_IMAGE_ALIASES[], ROUTES_IMAGES[];
extern const Route ROUTES_SERVER[], ROUTES_APPLY[], ROUTES_BERTH[], ROUTES_OBJECTS[],
    ROUTES_OPERATIONS[], ROUTES_HOST_LIFE[], ROUTES_INSTANCES[], ROUTES_INSTANCE_STATE[],
    ROUTES_FILES[], ROUTES_LOGS[], ROUTES_METADATA[], ROUTES_EXEC[], ROUTES_CONSOLE[],
    ROUTES_STREAMS[], ROUTES_CERTIFICATES[], ROUTES_HOST[], ROUTES_NETWORKS[], ROUTES_WARNINGS[],
    ROUTES_SOURCES[], ROUTES_HOLDS[], ROUTES_IMAGE_FILES[];

/* Whether the first segment of a path names the collection of instances, or of one type of them. */
gboolean route_is_instances(const char *segment);

/* Calls for each route there is. */
void route_each(void (*each)(const Route *route, void *data), void *data);

/* The segments of a request's path below the version; "/" and "/internal/..." have routes of their
 * own names. FALSE in `ret_known` when it is neither. Borrowed, or static. */
const char *const *route_path(const char *const *segments, gboolean *ret_known);

typedef enum { ROUTE_FOUND, ROUTE_NO_PATH, ROUTE_NO_METHOD } RouteResult;

/* Finds the route of a path's segments (without "1.0"). `ret_words` gets what stands for each '*';
 * borrowed from `segments`. */
RouteResult route_find(const char *method, const char *const *segments, const Route **ret_route,
                       const char *ret_words[4]);
