/* Background work that clients can watch (API-060..076): tasks, websockets, tokens.
 * Reference-counted; any thread. */
#pragma once

#include "events.h"
#include "http/request.h"

typedef struct Operation Operation;
typedef struct Operations Operations;
typedef struct Stream Stream;

typedef enum { OPERATION_TASK, OPERATION_WEBSOCKET, OPERATION_TOKEN } OperationClass;

typedef enum {
    STATUS_STARTED = 101,
    STATUS_STOPPED = 102,
    STATUS_RUNNING = 103,
    STATUS_CANCELLING = 104,
    STATUS_PENDING = 105,
    STATUS_FROZEN = 110,
    STATUS_ERROR = 112,
    STATUS_SUCCESS = 200,
    STATUS_FAILURE = 400,
    STATUS_CANCELLED = 401,
} StatusCode;

/* "Running" (API-021..036). */
const char *status_text(StatusCode code);

/* All operations of a daemon. Waiters and retention live in `context`. */
Operations *operations_new(GMainContext *context, Events *events);
void operations_free(Operations *operations);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Operations, operations_free)

/* By id; NULL when there is none (any more). New reference. */
Operation *operations_find(Operations *operations, const char *id);
/* {"running": [...]} of the operations of a project (NULL: all) that are for `caller` (NULL: all):
 * URLs, or with `whole` the objects (API-060). */
json_t *operations_list(Operations *operations, const char *project, const Caller *caller,
                        gboolean whole);
/* How many are not final; tokens do not count. */
guint operations_running(Operations *operations);
/* Asks all that can be cancelled to stop. */
void operations_cancel_all(Operations *operations);

/* Raises the cancel flag of all, also of those that clients cannot cancel. */
void operations_abort_all(Operations *operations);

/* A pending operation, known to clients from operation_start on. `project` and `caller` may be
 * NULL. */
Operation *operation_new(Operations *operations, OperationClass class, const char *description,
                         const char *project, const Caller *caller);
Operation *operation_ref(Operation *operation);
void operation_unref(Operation *operation);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Operation, operation_unref)

/* Whether a trusted caller may know of it: it is of a project of theirs; those of no project, such
 * as tokens that let clients in, are for admins (AUTH-49). */
gboolean operation_is_for(const Operation *operation, const Caller *caller);
const char *operation_id(const Operation *operation);
const char *operation_project(const Operation *operation);  /* may be NULL */
const Caller *operation_caller(const Operation *operation); /* may be NULL */
OperationClass operation_class(const Operation *operation);
char *operation_url(const Operation *operation); /* "/1.0/operations/ID"; newly allocated */
json_t *operation_json(Operation *operation);    /* API-062; new reference */

/* Before the start: adds a URL to resources[type]; instances are there as containers too. */
void operation_add_resource(Operation *operation, const char *type, const char *url);
/* Merges `metadata` (stolen) into what clients see, and tells listeners (API-068). */
void operation_set_metadata(Operation *operation, json_t *metadata);

/* Non-zero once somebody asked to cancel: for ApplyOptions.cancel and own loops. */
volatile gint *operation_cancel_flag(Operation *operation);
/* Lets clients cancel; `cancel` (may be NULL) is called once, from any thread, when they do. */
void operation_may_cancel(Operation *operation, void (*cancel)(Operation *operation, void *data),
                          void *data);
/* FALSE when it cannot be cancelled, or is final (API-065). */
gboolean operation_cancel(Operation *operation, GError **error);
/* Whether it can be now. */
gboolean operation_check_cancel(Operation *operation, GError **error);

/* Runs `run` in a worker thread; the operation is final when it returns: Success, or Failure with
 * the error's text. `destroy` is called on `data` afterwards. */
typedef gboolean (*OperationFunction)(Operation *operation, void *data, GError **error);
void operation_start(Operation *operation, OperationFunction run, void *data,
                     GDestroyNotify destroy);
/* The same without a thread: it runs until operation_finish. */
void operation_begin(Operation *operation);
/* `failure` NULL is success. */
void operation_finish(Operation *operation, const GError *failure);

/* Streams of websocket operations: clients connect by secret. Adds one stream "0", "control" with a
 * new secret, shown in metadata.fds. */
void operation_add_stream(Operation *operation, const char *name);
/* Called in the context when a client connected to stream `name`; takes the stream over. */
typedef void (*OperationConnect)(Operation *operation, const char *name, Stream *stream,
                                 void *data);
/* `connect` NULL: nobody may connect any more. */
void operation_on_connect(Operation *operation, OperationConnect connect, void *data);
/* The stream that a secret opens, once; NULL with the error (API-066). Newly allocated. */
char *operation_take_secret(Operation *operation, const char *secret, GError **error);
void operation_connected(Operation *operation, const char *name, Stream *stream);

/* Answers `request` with the operation once it is final, or after `seconds` (-1: whenever it is;
 * API-064). */
void operation_wait(Operation *operation, Request *request, gint64 seconds);
