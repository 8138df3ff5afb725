/* The server's side of the opening handshake of websockets (RFC 6455, 4). */
#include <string.h>

#include "error.h"
#include "http/handshake.h"
#include "http/request.h"
#include "http/websocket.h"

static gboolean is_key(const char *key)
{
    g_autofree guchar *bytes = NULL;
    gsize length = 0;

    if (key == NULL || strlen(key) != 24)
        return FALSE;
    bytes = g_base64_decode(key, &length);
    return length == KEY_BYTES;
}

gboolean websocket_upgrade(Request *request, void (*upgraded)(Stream *stream, void *data),
                           void *data, GError **error)
{
    const char *key = request_header(request, "Sec-WebSocket-Key");
    g_autofree char *accept = NULL;

    if (strcmp(request_method(request), "GET") != 0 ||
        !handshake_has_token(request_header(request, "Upgrade"), "websocket") ||
        !handshake_has_token(request_header(request, "Connection"), "upgrade"))
        return error_set(error, ERR_INVALID,
                         "this address is a websocket: send GET with 'Connection: Upgrade' and "
                         "'Upgrade: websocket'");
    if (g_strcmp0(request_header(request, "Sec-WebSocket-Version"), "13") != 0)
        return error_set(
            error, ERR_INVALID,
            "this server speaks version 13 of websockets: send 'Sec-WebSocket-Version: 13'");
    if (!is_key(key))
        return error_set(error, ERR_INVALID,
                         "the header 'Sec-WebSocket-Key' has to be %d bytes in base64", KEY_BYTES);
    accept = handshake_accept(key);
    request_upgrade(request, "websocket",
                    (const char *const[]){"Sec-WebSocket-Accept", accept, NULL}, upgraded, data);
    return TRUE;
}
