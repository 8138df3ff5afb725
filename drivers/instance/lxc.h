/* Requests to berth-lxc, the program that links liblxc: one request a process, JSON over a
 * SOCK_SEQPACKET pair, file descriptors beside it (DESIGN 5). */
#pragma once

#include <sys/types.h>

#include "message.h"

/* A request under way. */
typedef struct LxcCall {
    const char *program; /* its name */
    pid_t pid;           /* of the helper */
    int socket;          /* our end */
} LxcCall;

/* Starts the helper and sends it a request with `fds` (may be NULL). `lock` (-1: none) stays held
 * by the helper as long as it works, also when we die. */
gboolean lxc_call_begin(LxcCall *call, const json_t *request, const int *fds, guint n_fds, int lock,
                        GError **error);

/* The same with another helper; `name` is kept. */
gboolean helper_call_begin(LxcCall *call, const char *name, const json_t *request, const int *fds,
                           guint n_fds, GError **error);

/* Starts berth-lxc ahead of the next request to it, so that it is loaded when the request comes, or
 * ends one that was not needed after all. There is one at most, and for some seconds only. */
void lxc_ahead(gboolean on);

/* Waits until there is a message, or the helper is gone; at most `timeout_ms` (-1: for ever). */
gboolean lxc_call_wait(const LxcCall *call, int timeout_ms, GError **error);

/* Waits likewise and takes the message. `ret_fds` (may be NULL) has room for MESSAGE_FDS_MAX
 * descriptors that came with it, the rest are -1; they are set whenever a message came. An answer
 * with a member "error" becomes an error of the ErrorCode in "code", or ERR_FAILED. NULL with an
 * error. New reference. */
json_t *lxc_call_receive(LxcCall *call, int timeout_ms, int *ret_fds, GError **error);

/* Kills the helper if it still runs, and reaps it. */
void lxc_call_end(LxcCall *call);

/* One request and its answer. */
json_t *lxc_call(const json_t *request, int lock, int timeout_ms, GError **error);
