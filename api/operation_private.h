/* What one operation (operation.c) and the table of all (operations.c) know of each other. */
#pragma once

#include "operation.h"

struct Operations {
    GMainContext *context;
    Events *events;
    GMutex mutex; /* of all operations */
    GHashTable *by_id;
    GThreadPool *workers;
};

struct Operation {
    gatomicrefcount refs;
    Operations *all;
    char *id;
    OperationClass class;
    char *description;
    char *project;
    Caller *caller;
    volatile gint cancel;

    /* Under the mutex: */
    gint64 created, updated;
    StatusCode status;
    json_t *resources;
    json_t *metadata; /* an immutable value: changes replace it */
    json_t *secrets;  /* stream -> secret; null once it was used */
    char *failure;
    gboolean may_cancel;
    void (*on_cancel)(Operation *operation, void *data);
    void *cancel_data;
    OperationConnect on_connect;
    void *connect_data;
    GPtrArray *waiters; /* of Waiter * */

    OperationFunction run;
    void *data;
    GDestroyNotify destroy;
};

gboolean operation_is_final(const Operation *operation);
/* operation_json for who holds the mutex. */
json_t *operation_json_held(const Operation *operation);
/* Lets go of what its function worked on. */
void operation_release(Operation *operation);
