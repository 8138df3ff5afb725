#include "events.h"

#include <string.h>

#include "error.h"
#include "secrets.h"
#include "when.h"

static const struct {
    const char *name;
    EventType type;
} TYPES[] = {
    {"lifecycle", EVENT_LIFECYCLE}, {"operation", EVENT_OPERATION}, {"logging", EVENT_LOGGING}};

typedef struct {
    guint number;
    guint types;
    char *project;
    EventListener listener;
    void *data;
    GDestroyNotify destroy;
} Listener;

struct Events {
    GMainContext *context;
    GPtrArray *listeners; /* of Listener *; of the context alone */
    guint last;
    gint types; /* that anybody listens to, so that nobody pays for events without listeners */
    GAsyncQueue *queue;
    gint scheduled;
};

typedef struct {
    EventType type;
    char *project;
    char *text;
} Event;

guint event_types_parse(const char *text, GError **error)
{
    g_auto(GStrv) names = g_strsplit(text, ",", -1);
    guint types = 0;

    if (names[0] == NULL)
        error_set(error, ERR_INVALID, "no event type is named");
    for (guint i = 0; names[i] != NULL; i++) {
        guint found = 0;

        for (guint j = 0; j < G_N_ELEMENTS(TYPES); j++)
            found |= strcmp(names[i], TYPES[j].name) == 0 ? TYPES[j].type : 0;
        if (found == 0) {
            error_set(error, ERR_INVALID, "'%s' isn't a supported event type", names[i]);
            return 0;
        }
        types |= found;
    }
    return types;
}

static void listener_free(gpointer data)
{
    Listener *listener = data;

    if (listener->destroy != NULL)
        listener->destroy(listener->data);
    g_free(listener->project);
    g_free(listener);
}

static void event_free(gpointer data)
{
    Event *event = data;

    g_free(event->project);
    g_free(event->text);
    g_free(event);
}

Events *events_new(GMainContext *context)
{
    Events *events = g_new0(Events, 1);

    events->context = context;
    events->listeners = g_ptr_array_new_with_free_func(listener_free);
    events->queue = g_async_queue_new_full(event_free);
    return events;
}

void events_free(Events *events)
{
    if (events == NULL)
        return;
    g_ptr_array_unref(events->listeners);
    g_async_queue_unref(events->queue);
    g_free(events);
}

static gboolean wants(const Listener *listener, const Event *event)
{
    return (listener->types & event->type) != 0 &&
           (listener->project == NULL || event->project == NULL ||
            strcmp(listener->project, event->project) == 0);
}

/* In the context. A listener may end itself, or others, while it is called. */
static gboolean deliver(gpointer data)
{
    Events *events = data;
    Event *event;

    g_atomic_int_set(&events->scheduled, 0);
    while ((event = g_async_queue_try_pop(events->queue)) != NULL) {
        for (guint i = events->listeners->len; i > 0; i--) {
            const Listener *listener =
                i <= events->listeners->len ? events->listeners->pdata[i - 1] : NULL;

            if (listener != NULL && wants(listener, event))
                listener->listener(event->text, strlen(event->text), listener->data);
        }
        event_free(event);
    }
    return G_SOURCE_REMOVE;
}

void events_send(Events *events, EventType type, const char *project, json_t *metadata)
{
    char *text;
    g_autoptr(json_t) stolen = metadata;
    g_autoptr(json_t) whole = NULL;
    g_autofree char *time = NULL;
    const char *name = "";
    Event *event;

    if ((g_atomic_int_get(&events->types) & type) == 0)
        return;
    for (guint i = 0; i < G_N_ELEMENTS(TYPES); i++)
        name = TYPES[i].type == type ? TYPES[i].name : name;
    time = when_now();
    whole = json_pack("{s:s, s:s, s:O, s:s, s:s*}", "type", name, "timestamp", time, "metadata",
                      metadata, "location", "none", "project", project);
    event = g_new0(Event, 1);
    event->type = type;
    event->project = g_strdup(project);
    text = json_dumps(whole, JSON_COMPACT);
    event->text = secrets_shown(text);
    free(text);
    g_async_queue_push(events->queue, event);
    if (g_atomic_int_compare_and_exchange(&events->scheduled, 0, 1)) {
        GSource *source = g_idle_source_new();

        g_source_set_priority(source, G_PRIORITY_DEFAULT);
        g_source_set_callback(source, deliver, events, NULL);
        g_source_attach(source, events->context);
        g_source_unref(source);
    }
}

void events_lifecycle(Events *events, const char *action, const char *project, const char *source,
                      json_t *context, const Caller *caller)
{
    gboolean elsewhere = project != NULL && strcmp(project, "default") != 0;
    g_autofree char *url = g_strdup_printf("/1.0/%s%s%s", source, elsewhere ? "?project=" : "",
                                           elsewhere ? project : "");
    json_t *requestor = caller != NULL
                            ? json_pack("{s:s, s:s, s:s}", "username", caller->username, "protocol",
                                        caller->protocol, "address", caller->address)
                            : NULL;

    events_send(events, EVENT_LIFECYCLE, project,
                json_pack("{s:s, s:s, s:o*, s:o*}", "action", action, "source", url, "context",
                          context, "requestor", requestor));
}

static void count_types(Events *events)
{
    guint types = 0;

    for (guint i = 0; i < events->listeners->len; i++)
        types |= ((const Listener *)events->listeners->pdata[i])->types;
    g_atomic_int_set(&events->types, (gint)types);
}

guint events_listen(Events *events, guint types, const char *project, EventListener function,
                    void *data, GDestroyNotify destroy)
{
    Listener *listener = g_new0(Listener, 1);

    *listener = (Listener){++events->last, types, g_strdup(project), function, data, destroy};
    g_ptr_array_add(events->listeners, listener);
    count_types(events);
    return listener->number;
}

void events_unlisten(Events *events, guint number)
{
    for (guint i = 0; i < events->listeners->len; i++) {
        if (((const Listener *)events->listeners->pdata[i])->number == number) {
            g_ptr_array_remove_index(events->listeners, i);
            break;
        }
    }
    count_types(events);
}
