#include "call.h"

#include <string.h>

#include "answer.h"
#include "authenticate.h"
#include "body_types.h"
#include "cors.h"
#include "dry_run.h"
#include "error.h"

#define BODY_LIMIT (4u << 20)    /* JSON bodies, held in memory */
#define LARGE_LIMIT (256u << 20) /* of ROUTE_LARGE, in a file: some hundred thousand objects */

Call *call_copy(const Call *call)
{
    Call *copy = g_memdup2(call, sizeof *call);

    request_ref(call->request);
    caller_ref(call->caller);
    snapshot_ref(call->model);
    copy->project = g_strdup(call->project);
    return copy;
}

void call_free(Call *call)
{
    if (call == NULL)
        return;
    request_unref(call->request);
    caller_unref(call->caller);
    if (call->model != NULL)
        snapshot_unref(call->model);
    g_free(call->project);
    g_free(call);
}

/* ---- from a request to its handler ---- */

static const Route *route_of(const Request *request, const char *ret_words[4], GError **error)
{
    gboolean known;
    const char *const *path = route_path(request_segments(request), &known);
    const Route *route = NULL;
    RouteResult result =
        known ? route_find(request_method(request), path, &route, ret_words) : ROUTE_NO_PATH;

    if (result == ROUTE_NO_PATH)
        error_set(error, ERR_NOT_FOUND, "not found");
    else if (result == ROUTE_NO_METHOD)
        error_set(error, ERR_NOT_IMPLEMENTED, "not implemented");
    return route;
}

BodyPolicy call_body_policy(Daemon *daemon, Request *request)
{
    const char *words[4];
    const Route *route = route_of(request, words, NULL);
    g_autoptr(Snapshot) model = engine_ref_stored(daemon->engine);

    cors_apply(model, request);
    if (route == NULL)
        return (BodyPolicy){BODY_NONE, 0};
    /* Nobody untrusted fills the disk. */
    if ((route->flags & (ROUTE_FILE | ROUTE_LARGE)) != 0) {
        g_autoptr(Caller) caller = authenticate(daemon, request);
        guint64 limit = (route->flags & ROUTE_LARGE) != 0 ? LARGE_LIMIT : 0;

        return caller->trusted || route->access == ACCESS_OPEN ? (BodyPolicy){BODY_FILE, limit}
                                                               : (BodyPolicy){BODY_NONE, 0};
    }
    return (BodyPolicy){BODY_MEMORY, BODY_LIMIT};
}

/* MET-12: where metrics are served nothing else is. */
static gboolean is_served(const Call *call)
{
    static const char *const paths[] = {"", "1.0", "metrics", NULL};

    return request_peer(call->request)->realm != LISTEN_METRICS ||
           (strcmp(call->route->method, "GET") == 0 && g_strv_contains(paths, call->route->path));
}

/* What a browser asks before it asks: the header fields of cors_apply are the answer (API-007). */
static gboolean answer_preflight(Request *request, const GError *error)
{
    if (strcmp(request_method(request), "OPTIONS") != 0 || error->code != ERR_NOT_IMPLEMENTED)
        return FALSE;
    request_answer(request, 200, NULL, NULL);
    return TRUE;
}

static gboolean read_query(Call *call, GError **error)
{
    const char *project = request_query(call->request, "project");
    const char *all = request_query(call->request, "all-projects");
    const char *target = request_query(call->request, "target");
    const char *recursion = request_query(call->request, "recursion");

    call->project = g_strdup(project != NULL && *project != '\0' ? project : "default");
    call->everywhere = g_strcmp0(all, "true") == 0 || g_strcmp0(all, "1") == 0;
    if (call->everywhere && project != NULL)
        return error_set(error, ERR_INVALID,
                         "Cannot specify a project when requesting all projects");
    if (recursion != NULL) {
        gint64 depth = g_ascii_strtoll(recursion, NULL, 10);

        call->recursion = depth == 2 ? 2 : depth != 0; /* API-041 */
    }
    /* API-078: the only member is called none. */
    if (target != NULL && *target != '\0' && strcmp(target, "none") != 0)
        return error_set(error, ERR_INVALID,
                         "No cluster member called '%s': this server is not clustered", target);
    return TRUE;
}

/* A client that wants to be known is not served as a stranger (AUTH-07), and nobody speaks for a
 * cluster (AUTH-08). */
static gboolean is_honest(const Call *call)
{
    const char *agent = request_header(call->request, "User-Agent");

    return (call->caller->trusted || call->caller->metrics ||
            request_header(call->request, "X-LXD-authenticated") == NULL) &&
           g_strcmp0(agent, "lxd-cluster-notifier") != 0;
}

static gboolean check_access(const Call *call, GError **error)
{
    const Caller *caller = call->caller;
    gboolean allowed = caller->admin;

    switch (call->route->access) {
    case ACCESS_ADMIN:
        break;
    case ACCESS_TRUSTED:
        allowed = caller->trusted;
        break;
    case ACCESS_PROJECT:
        allowed = caller->trusted && (call->everywhere || caller_may_use(caller, call->project));
        break;
    case ACCESS_OPEN:
        allowed = TRUE;
        break;
    }
    if (!allowed || !is_honest(call))
        return error_set(error, ERR_PERMISSION, "not authorized");
    if (caller->trusted && snapshot_find(call->model, KIND_PROJECT, "", call->project) == NULL)
        return error_set(error, ERR_NOT_FOUND, "Project \"%s\" does not exist", call->project);
    return TRUE;
}

/* Writes wait until the daemon is up, and are refused once it goes (API-072). */
static gboolean check_phase(const Call *call, GError **error)
{
    gboolean reads = strcmp(call->route->method, "GET") == 0;

    if (!reads && call_is_dry_run(call) && (call->route->flags & ROUTE_DRY) == 0)
        return error_set(error, ERR_NOT_IMPLEMENTED, "%s %s has no dry run: leave ?dry-run out",
                         call->route->method, request_path(call->request));
    if (g_atomic_int_get(&call->daemon->phase) == DAEMON_STOPPING && !reads &&
        (call->route->flags & ROUTE_LATE) == 0)
        return error_set(error, ERR_UNAVAILABLE, "berthd is shutting down");
    return TRUE;
}

void call_run(Call *call)
{
    g_autoptr(GError) error = NULL;

    if (call->route->handle(call, &error))
        return;
    g_debug("%s %s: %s", request_method(call->request), request_path(call->request),
            error->message);
    answer_error(call->request, error);
}

static gboolean is_quick(const Call *call)
{
    return (call->route->flags & ROUTE_QUICK) != 0 ||
           ((call->route->flags & ROUTE_QUICK_ALONE) != 0 && call->recursion == 0);
}

void call_dispatch(Daemon *daemon, Request *request)
{
    g_autoptr(Call) call = g_new0(Call, 1);
    g_autoptr(GError) error = NULL;
    gboolean known;

    call->daemon = daemon;
    call->request = request_ref(request);
    call->route = route_of(request, call->words, &error);
    call->collection = route_path(request_segments(request), &known)[0];
    call->caller = authenticate(daemon, request);
    call->model = engine_ref_stored(daemon->engine);
    g_debug("%s %s from %s (%s)", request_method(request), request_path(request),
            call->caller->username, call->caller->address);
    if (call->route != NULL && !is_served(call)) {
        call->route = NULL;
        error_set(&error, ERR_NOT_FOUND, "not found");
    }
    if (call->route == NULL && answer_preflight(request, error))
        return;
    if (call->route == NULL || !read_query(call, &error) || !check_access(call, &error) ||
        !check_phase(call, &error)) {
        answer_error(request, error);
        return;
    }
    if (is_quick(call))
        call_run(call);
    else
        g_thread_pool_push(daemon->workers, g_steal_pointer(&call), NULL);
}

/* ---- for handlers ---- */

/* The body, wherever it is kept. New reference. */
static GBytes *body_bytes(const Request *request, GError **error)
{
    guint64 size;
    int fd = request_body_fd(request, &size);
    g_autoptr(GMappedFile) file = NULL;

    if (fd < 0)
        return g_bytes_ref(request_body(request));
    file = g_mapped_file_new_from_fd(fd, FALSE, error);
    return file != NULL ? g_mapped_file_get_bytes(file) : NULL;
}

json_t *call_body(Call *call, GError **error)
{
    g_autoptr(GBytes) bytes = body_bytes(call->request, error);
    json_error_t problem;
    g_autoptr(json_t) body = NULL;
    const char *text;
    gsize size;

    if (bytes == NULL)
        return NULL;
    text = g_bytes_get_data(bytes, &size);
    if (size == 0) {
        error_set(error, ERR_INVALID, "the request has no body: a JSON object is needed");
        return NULL;
    }
    body = json_loadb(text, size, JSON_REJECT_DUPLICATES, &problem);
    if (body == NULL)
        error_set(error, ERR_INVALID, "the body of the request is no JSON: line %d, column %d: %s",
                  problem.line, problem.column, problem.text);
    else if (!json_is_object(body))
        error_set(error, ERR_INVALID, "the body of the request is not a JSON object");
    else if (body_types_check(body, error))
        return g_steal_pointer(&body);
    return NULL;
}

gboolean call_matches(const Call *call, const char *etag, GError **error)
{
    const char *wanted = request_header(call->request, "If-Match");
    g_autofree char *plain = NULL;

    if (wanted == NULL || *wanted == '\0' || strcmp(wanted, "*") == 0)
        return TRUE;
    plain = g_strndup(wanted + (*wanted == '"'), strcspn(wanted + (*wanted == '"'), "\""));
    return strcmp(plain, etag) == 0 ||
           error_set(error, ERR_CONFLICT, "ETag doesn't match: %s vs %s", etag, plain);
}

const char *call_project_for(const Call *call, KindId kind)
{
    return snapshot_project_for(call->model, kind, call->project);
}

gboolean call_shows(const Call *call, const Object *object)
{
    gboolean machine;

    if (object->id.kind != KIND_INSTANCE || g_strcmp0(call->collection, "instances") == 0 ||
        !route_is_instances(call->collection))
        return TRUE;
    machine = g_strcmp0(json_member_string(object->spec, "type"), "virtual-machine") == 0;
    return machine == (strcmp(call->collection, "virtual-machines") == 0);
}

const Object *call_object(const Call *call, KindId kind, const char *name, GError **error)
{
    const Object *object = snapshot_find(call->model, kind, call_project_for(call, kind), name);

    if (object != NULL && !call_shows(call, object))
        object = NULL;

    if (object == NULL) {
        g_autofree char *title = g_strdup(KINDS[kind]->title);

        title[0] = g_ascii_toupper(title[0]);
        error_set(error, ERR_NOT_FOUND, "%s not found", title);
    }
    return object;
}

gboolean call_transact(Call *call, PlanFunction make, void *data, GError **error)
{
    g_autofree char *cause =
        g_strdup_printf("api %s %s", request_method(call->request), request_path(call->request));

    if (call_is_dry_run(call))
        return dry_run_answer(call, engine_look_ahead(call->daemon->engine, make, data, error));
    return daemon_transact(call->daemon, call->caller, cause, NULL, make, data, error);
}

Operation *call_operation(Call *call, OperationClass class, const char *description)
{
    return operation_new(call->daemon->operations, class, description, call->project, call->caller);
}

void call_start(Call *call, Operation *operation, OperationFunction run_it, void *data,
                GDestroyNotify destroy)
{
    g_autoptr(Operation) owned = operation;
    g_autofree char *url = operation_url(operation);
    g_autofree char *whole = call_url(call, url + strlen("/1.0/"));

    operation_start(operation, run_it, data, destroy);
    answer_async(call->request, whole, operation_json(operation));
}

char *call_url(const Call *call, const char *path)
{
    gboolean elsewhere = strcmp(call->project, "default") != 0;
    g_autofree char *escaped = elsewhere ? g_uri_escape_string(call->project, NULL, FALSE) : NULL;

    return g_strdup_printf("/1.0/%s%s%s", path, elsewhere ? "?project=" : "",
                           elsewhere ? escaped : "");
}
