/* One request to the API on its way through a handler: who asks, in which project, for what, and
 * how it is answered. */
#pragma once

#include "daemon.h"
#include "route.h"

struct Call {
    Daemon *daemon;
    Request *request;
    const Route *route;
    Caller *caller;
    Snapshot *model;        /* the committed model when the request came */
    char *project;          /* that the request names (API-077) */
    gboolean everywhere;    /* all-projects (API-079) */
    guint recursion;        /* 0, 1 or 2 (API-040..042) */
    const char *collection; /* the first segment: "instances", or "containers" (API-009) */
    const char *words[4];   /* what stands for the '*' of the route's path */
};

/* The same call for an operation that goes on after the handler has returned. */
Call *call_copy(const Call *call);
void call_free(Call *call);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Call, call_free)

/* Takes a request from the HTTP server to its handler; answers it when there is none. Never blocks.
 */
void call_dispatch(Daemon *daemon, Request *request);
/* Calls the handler of a dispatched call. */
void call_run(Call *call);
/* How the body of a request is taken. */
BodyPolicy call_body_policy(Daemon *daemon, Request *request);

/* The body as a JSON object; NULL with ERR_INVALID. New reference. */
json_t *call_body(Call *call, GError **error);

/* Checks If-Match (API-057). TRUE when there is none, or it is `etag`. */
gboolean call_matches(const Call *call, const char *etag, GError **error);

/* The project whose objects of `kind` are meant: default, when the project does not have the
 * feature (PJ-02). */
const char *call_project_for(const Call *call, KindId kind);
/* Whether the collection that is asked for has the object: containers and virtual-machines are
 * parts of instances (API-009). */
gboolean call_shows(const Call *call, const Object *object);
/* An object of the call's project by name; NULL with ERR_NOT_FOUND. Borrowed from call->model. */
const Object *call_object(const Call *call, KindId kind, const char *name, GError **error);

/* daemon_transact for this caller; the cause is method and path. With a dry run (dry_run.h) nothing
 * is done, and the plan is the answer. */
gboolean call_transact(Call *call, PlanFunction make, void *data, GError **error);

/* A new operation of this call's caller and project. */
Operation *call_operation(Call *call, OperationClass class, const char *description);
/* Starts it with `run` on `data`, and answers 202. Takes the operation over. */
void call_start(Call *call, Operation *operation, OperationFunction run, void *data,
                GDestroyNotify destroy);

/* "/1.0/PATH", with the project when it is not default (API-044). Newly allocated. */
char *call_url(const Call *call, const char *path);
