/* What both sides of a websocket's opening handshake need (RFC 6455, 4). */
#pragma once

#include <glib.h>

#define KEY_BYTES 16 /* of Sec-WebSocket-Key, which is their base64 */

/* What proves that the server has read the key. Newly allocated. */
char *handshake_accept(const char *key);
/* Whether a list of words parted by commas (NULL: none) has this one, in any case. */
gboolean handshake_has_token(const char *list, const char *token);
