#include "control.h"

#include "http/websocket.h"

#define MESSAGE (64u << 10)

struct Control {
    WebSocket *socket;
    const ControlHandlers *handlers;
    void *data;
    gboolean closing;
};

static void on_message(WebSocket *socket, gboolean is_text, const void *bytes, gsize size,
                       void *data)
{
    Control *control = data;
    g_autoptr(json_t) message = json_loadb(bytes, size, 0, NULL);

    if (json_is_object(message) && !control->closing)
        control->handlers->command(control, message, control->data);
}

static void on_closed(WebSocket *socket, guint code, const char *reason, void *data)
{
    Control *control = data;

    g_clear_pointer(&control->socket, websocket_free);
    if (control->closing)
        g_free(control);
    else
        control->handlers->gone(control, websocket_is_farewell(code), control->data);
}

Control *control_new(Stream *stream, GMainContext *context, const ControlHandlers *handlers,
                     void *data)
{
    static const WebSocketHandlers of_socket = {.message = on_message, .closed = on_closed};
    const WebSocketLimits limits = {.message = MESSAGE};
    Control *control = g_new0(Control, 1);

    control->handlers = handlers;
    control->data = data;
    control->socket = websocket_new(stream, FALSE, context, &limits, &of_socket, control);
    return control;
}

void control_free(Control *control)
{
    if (control == NULL)
        return;
    control->closing = TRUE;
    if (control->socket == NULL)
        g_free(control);
    else
        websocket_close(control->socket, WEBSOCKET_NORMAL, "");
}

/* LXD's client writes numbers as text. */
static gboolean read_size(const json_t *value, guint *ret_size)
{
    guint64 size = 0;

    if (json_is_integer(value) && json_integer_value(value) > 0)
        size = (guint64)json_integer_value(value);
    else if (!json_is_string(value) ||
             !g_ascii_string_to_unsigned(json_string_value(value), 10, 1, G_MAXUINT16, &size, NULL))
        return FALSE;
    *ret_size = (guint)MIN(size, G_MAXUINT16);
    return TRUE;
}

gboolean control_window(const json_t *message, guint *ret_width, guint *ret_height)
{
    const json_t *args = json_object_get(message, "args");

    return g_strcmp0(json_string_value(json_object_get(message, "command")), "window-resize") ==
               0 &&
           read_size(json_object_get(args, "width"), ret_width) &&
           read_size(json_object_get(args, "height"), ret_height);
}
