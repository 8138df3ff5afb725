/* The control stream of exec and console: commands of a client, as JSON (OPS-36). In the daemon's
 * context. */
#pragma once

#include "http/stream.h"
#include "json.h"

typedef struct Control Control;

/* Not called after control_free, which both may call. */
typedef struct {
    /* {"command": "window-resize", "args": {...}}; what is no JSON object never comes. */
    void (*command)(Control *control, const json_t *message, void *data);
    /* The client is gone: with a farewell, or because the connection broke. Once. */
    void (*gone)(Control *control, gboolean farewell, void *data);
} ControlHandlers;

/* Takes the stream; `handlers` must stay. */
Control *control_new(Stream *stream, GMainContext *context, const ControlHandlers *handlers,
                     void *data);
/* Closes it with a farewell. */
void control_free(Control *control);

/* Reads a window-resize; FALSE when the message is none, or not well made. */
gboolean control_window(const json_t *message, guint *ret_width, guint *ret_height);
