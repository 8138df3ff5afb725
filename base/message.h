/* One JSON message with file descriptors over a SOCK_SEQPACKET socket: how berth and its helper
 * programs talk (DESIGN 5). */
#pragma once

#include "json.h"

#define MESSAGE_MAX (1u << 20) /* bytes of text */
#define MESSAGE_FDS_MAX 4u

/* Sends `body` with `n_fds` descriptors, at most MESSAGE_FDS_MAX. FALSE with errno; EMSGSIZE when
 * the text is longer than MESSAGE_MAX. Never raises SIGPIPE. */
gboolean message_send(int socket, const json_t *body, const int *fds, guint n_fds);

/* Receives a message; waits for one unless the socket does not block. `ret_fds` has room for
 * MESSAGE_FDS_MAX descriptors, which are the caller's; the rest are -1. NULL with errno: 0 when the
 * other end is closed, EBADMSG when it is no JSON. New reference. */
json_t *message_receive(int socket, int ret_fds[MESSAGE_FDS_MAX]);
