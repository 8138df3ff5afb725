/* What the server and the answers know of a request, beyond http/request.h. */
#pragma once

#include <microhttpd.h>

#include "http/request.h"
#include "http/watch.h"

/* Where a request is on its way. */
typedef enum {
    PHASE_READING,   /* header or body are coming */
    PHASE_CALLED,    /* the handler runs in the HTTP thread */
    PHASE_SUSPENDED, /* handed over; the connection waits for resume */
    PHASE_ANSWERED,  /* an answer is set */
    PHASE_ENDED,     /* libmicrohttpd is done with it */
} RequestPhase;

struct Request {
    gatomicrefcount keepers; /* all users together have one, so that the watch can hold a request
                               without being a user */
    GMutex lock;             /* of refs, phase, status, response, gone */
    guint refs;              /* users; one is the transport until PHASE_ENDED */
    RequestPhase phase;
    gboolean held; /* the transport has its reference */

    struct MHD_Connection *connection;
    Watch *watch;
    int socket;

    char *text; /* the target as sent */
    char *method;
    Target *target;
    GPtrArray *headers; /* name, value, name, value ... */
    GPtrArray *extra;   /* the same, of the answer; NULL: none */
    Peer peer;
    char *peer_address;

    BodyPolicy policy;
    GByteArray *memory;
    GBytes *body;
    int spool; /* fd or -1 */
    guint64 body_size;
    guint64 refused_size; /* bytes of it that were thrown away */
    int body_problem;     /* HTTP status to answer the end of the body with, or 0 */

    guint status;
    struct MHD_Response *response;

    struct Gone {
        guint64 watch_id;
        GMainContext *context;
        void (*call)(Request *request, void *data);
        void *data;
        GDestroyNotify destroy;
    } gone;

    /* Who gets the stream after an answer of 101; NULL when it has it. */
    void (*upgraded)(Stream *stream, void *data);
    void *upgraded_data;
};

/* A request of one reference, the transport's. Without a header yet. */
Request *request_new(const char *text, Watch *watch);

/* The memory of the request, whoever uses it. */
void request_keep(Request *request);
void request_release(Request *request);

/* Sets the answer if there is none. The response is consumed. */
void request_set_response(Request *request, guint status, struct MHD_Response *response);
/* The same for an upgrade; FALSE when there was an answer, and `upgraded` will not be called. */
gboolean request_set_upgrade(Request *request, guint status, struct MHD_Response *response,
                             void (*upgraded)(Stream *stream, void *data), void *data);

/* The client is known to have left. Called by the watch. */
void request_gone(Request *request);

/* The transport is done with it: drops its reference. */
void request_end(Request *request);

/* Upgraded TLS connections live in the daemon; before it stops they must be let go. Their streams
 * read the end from then on. */
void upgrade_release_all(struct MHD_Daemon *daemon);

/* A response of `body` (may be NULL) with `headers` added. */
struct MHD_Response *answer_new(Headers headers, GBytes *body);

/* Adds header fields to a response, but for those with control characters. */
void answer_add_headers(struct MHD_Response *response, Headers headers);
