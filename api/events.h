/* What happens, told to whoever listens (events.md): live, at most once, in the order of sending.
 * Any thread may send. */
#pragma once

#include "caller.h"
#include "json.h"

typedef enum {
    EVENT_LIFECYCLE = 1 << 0,
    EVENT_OPERATION = 1 << 1,
    EVENT_LOGGING = 1 << 2,
} EventType;

#define EVENT_ALL (EVENT_LIFECYCLE | EVENT_OPERATION | EVENT_LOGGING)

/* "lifecycle,operation" to a set of types; 0 with an error that names what is unknown (EV-02). */
guint event_types_parse(const char *text, GError **error);

typedef struct Events Events;

/* Listeners are called in `context`. */
Events *events_new(GMainContext *context);
void events_free(Events *events);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Events, events_free)

/* Sends one event. `project` NULL: of no project. `metadata` is stolen. */
void events_send(Events *events, EventType type, const char *project, json_t *metadata);

/* Sends a lifecycle event: something has been done (EV-29). `source` is the object's URL below
 * /1.0; `context` (may be NULL) is stolen; `caller` is who asked, NULL: berth itself. */
void events_lifecycle(Events *events, const char *action, const char *project, const char *source,
                      json_t *context, const Caller *caller);

/* Calls `listener` with the text of each event of these types, of `project` (NULL: all) or of none,
 * until events_unlisten of the returned number. Both are to be called in the context. */
typedef void (*EventListener)(const char *text, gsize length, void *data);
guint events_listen(Events *events, guint types, const char *project, EventListener listener,
                    void *data, GDestroyNotify destroy);
void events_unlisten(Events *events, guint number);
