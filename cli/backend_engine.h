/* The engine in this process as a backend: what its parts share. */
#pragma once

#include "backend_class.h"
#include "state_watch.h"

typedef struct {
    Backend base;
    Host *host;
    Engine *engine;
    StateWatch *watch; /* NULL: not yet */
} InProcess;

static inline Engine *engine_of(Backend *backend)
{
    return ((InProcess *)backend)->engine;
}

/* Between the two a signal sets the flag, for what can be cancelled; the number of the first that
 * came, or 0. */
volatile gint *engine_signals_begin(void);
int engine_signals_end(void);

/* engine_sources.c: members of the class. */
json_t *in_process_source_state(Backend *backend, const char *name, GError **error);
gboolean in_process_source_add(Backend *backend, const char *name, const json_t *body,
                               GError **error);
gboolean in_process_source_suspend(Backend *backend, const char *name, gboolean suspend,
                                   GError **error);
gboolean in_process_source_remove(Backend *backend, const char *name, GError **error);
gboolean in_process_source_sync(Backend *backend, const char *name, gboolean again,
                                json_t **ret_round, int *ret_signal, GError **error);
json_t *in_process_holds(Backend *backend, GError **error);
gboolean in_process_hold(Backend *backend, const char *key, const char *path, gint64 seconds,
                         const char *reason, GError **error);
gboolean in_process_unhold(Backend *backend, const char *key, const char *path, GError **error);
