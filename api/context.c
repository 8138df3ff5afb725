#include "context.h"

#include "http/websocket.h"

/* ---- into the context ---- */

typedef struct {
    ContextCall call;
    void *data;
} Due;

static gboolean run_due(gpointer data)
{
    const Due *due = data;

    due->call(due->data);
    return G_SOURCE_REMOVE;
}

void context_call(Daemon *daemon, ContextCall call, void *data)
{
    GSource *source = g_idle_source_new();
    Due *due = g_new0(Due, 1);

    *due = (Due){call, data};
    g_source_set_priority(source, G_PRIORITY_DEFAULT);
    g_source_set_callback(source, run_due, due, g_free);
    g_source_attach(source, daemon->context);
    g_source_unref(source);
}

/* ---- out of it ---- */

typedef struct {
    Daemon *daemon;
    ContextCall work, done;
    void *data;
} Job;

static void run_job(gpointer data, gpointer unused)
{
    g_autofree Job *job = data;

    job->work(job->data);
    context_call(job->daemon, job->done, job->data);
}

GThreadPool *context_workers(void)
{
    return g_thread_pool_new(run_job, NULL, -1, FALSE, NULL);
}

void context_background(Daemon *daemon, ContextCall work, ContextCall done, void *data)
{
    Job *job = g_new0(Job, 1);

    *job = (Job){daemon, work, done, data};
    g_thread_pool_push(daemon->background, job, NULL);
}

void context_drop(GSource **source)
{
    if (*source != NULL)
        g_source_destroy(*source);
    g_clear_pointer(source, g_source_unref);
}

/* ---- websockets ---- */

typedef struct {
    Daemon *daemon;
    void (*upgraded)(Stream *stream, void *data);
    void *data;
    Stream *stream;
} Upgrade;

static void deliver(void *data)
{
    g_autofree Upgrade *upgrade = data;

    upgrade->upgraded(upgrade->stream, upgrade->data);
}

/* In an HTTP thread. */
static void on_upgraded(Stream *stream, void *data)
{
    Upgrade *upgrade = data;

    upgrade->stream = stream;
    context_call(upgrade->daemon, deliver, upgrade);
}

gboolean context_upgrade(Daemon *daemon, Request *request,
                         void (*upgraded)(Stream *stream, void *data), void *data, GError **error)
{
    Upgrade *upgrade = g_new0(Upgrade, 1);

    *upgrade = (Upgrade){daemon, upgraded, data, NULL};
    if (websocket_upgrade(request, on_upgraded, upgrade, error))
        return TRUE;
    g_free(upgrade);
    return FALSE;
}
