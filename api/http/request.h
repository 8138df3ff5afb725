/* One HTTP request and its answer. Reference-counted; every function may be called from any thread.
 * All strings belong to the request. */
#pragma once

#include <gio/gio.h>
#include <sys/types.h>

#include "http/target.h"

typedef struct Request Request;
typedef struct Stream Stream;

/* Who is at the other end. */
typedef struct {
    gboolean is_unix;
    uid_t uid; /* unix socket: SO_PEERCRED, as of connect(2) (API-089) */
    gid_t gid;
    pid_t pid;
    const char *address; /* TCP: "192.0.2.1:4711", "[::1]:4711"; unix socket: "@" */
    GBytes *certificate; /* TLS: DER of the client's own certificate, not verified but for its
                            issuer (tls_set_authority); NULL when it showed none (AUTH-20) */
    guint realm;         /* of the listener, as it was added */
} Peer;

/* How the body of a request is taken. A longer one is answered 413 by the server. */
typedef enum {
    BODY_NONE,   /* of no interest: read and dropped, 1 MiB at most */
    BODY_MEMORY, /* request_body() */
    BODY_FILE,   /* request_body_fd(): an unlinked file in the spool folder of the server */
} BodyKind;

typedef struct {
    BodyKind kind;
    guint64 limit; /* bytes; 0: no limit. Not looked at for BODY_NONE */
} BodyPolicy;

/* Header fields: name, value, name, value ..., NULL. NULL is none. Names and values with control
 * characters are dropped. */
typedef const char *const *Headers;

Request *request_ref(Request *request);
/* Whoever drops the last reference without an answer has it answered with 500. */
void request_unref(Request *request);

const char *request_method(const Request *request);
const char *request_target(const Request *request); /* as it was sent, with query */
const char *request_path(const Request *request);   /* as it was sent, without query */
/* See http/target.h. */
const char *const *request_segments(const Request *request);
const char *request_query(const Request *request, const char *name);
const char **request_query_all(const Request *request, const char *name);
const char **request_query_names(const Request *request);

/* First header field of that name (any case), or NULL. */
const char *request_header(const Request *request, const char *name);
/* Calls for each header field in the order sent. */
void request_headers_foreach(const Request *request,
                             void (*each)(const char *name, const char *value, void *data),
                             void *data);

const Peer *request_peer(const Request *request);

/* The body of BODY_MEMORY, borrowed; empty when there was none or it was taken otherwise. */
GBytes *request_body(const Request *request);
/* The body of BODY_FILE, position 0, borrowed; -1 when there was none or it was taken otherwise. */
int request_body_fd(const Request *request, guint64 *ret_size);

/* A header field of the answer, whatever the answer will be. To be called in a handler, before it
 * answers or hands the request on. Strings are copied. */
void request_add_header(Request *request, const char *name, const char *value);

/* Answers. The first answer counts; a later one is dropped and its resources freed. `body` may be
 * NULL; a reference is taken. HEAD gets the header of it. */
void request_answer(Request *request, guint status, Headers headers, GBytes *body);

/* Answers with `size` bytes of a file from its start; `fd` becomes the request's. `Range` (one
 * range) and `If-Range` (against ETag and Last-Modified of `headers`) are honoured when status is
 * 200: 206, or 416 (API-017). */
void request_answer_file(Request *request, guint status, Headers headers, int fd, guint64 size);

/* Answers 101 with `Upgrade: protocol` and `headers`; `upgraded` gets the stream, then its owner,
 * from an HTTP thread. It may not block. It is called with NULL when the client left before. */
void request_upgrade(Request *request, const char *protocol, Headers headers,
                     void (*upgraded)(Stream *stream, void *data), void *data);

/* Has `gone` called in `context` when the client leaves before the answer; at once when it has left
 * already. Never called after an answer that was given in that context's thread. A second call
 * replaces the first. */
void request_on_gone(Request *request, GMainContext *context,
                     void (*gone)(Request *request, void *data), void *data,
                     GDestroyNotify destroy);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Request, request_unref)
