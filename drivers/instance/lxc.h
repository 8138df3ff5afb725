/* Requests to berth-lxc, the program that links liblxc: one request a process, JSON over a
 * SOCK_SEQPACKET pair, file descriptors beside it (DESIGN 5). */
#pragma once

#include <sys/types.h>

#include "json.h"

/* A request under way. */
typedef struct {
    pid_t pid;  /* of the helper */
    int socket; /* our end */
} LxcCall;

/* Starts the helper and sends it a request with `fds` (may be NULL). `lock` (-1: none) stays held
 * by the helper as long as it works, also when we die. */
gboolean lxc_call_begin(LxcCall *call, const json_t *request, const int *fds, guint n_fds, int lock,
                        GError **error);

/* Waits for the next message of the helper, at most `timeout_ms` (-1: for ever). `ret_fd` (may be
 * NULL) gets a descriptor that came with it, or -1. An answer with a member "error" becomes an
 * error. NULL with an error. New reference. */
json_t *lxc_call_receive(LxcCall *call, int timeout_ms, int *ret_fd, GError **error);

/* Kills the helper if it still runs, and reaps it. */
void lxc_call_end(LxcCall *call);

/* One request and its answer. */
json_t *lxc_call(const json_t *request, int lock, int timeout_ms, GError **error);
