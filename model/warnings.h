/* What an administrator should know of and may forget about: records beside the model, kept in its
 * store. One of a type for each object; a cause that comes again counts up (API-281..285). Any
 * thread. */
#pragma once

#include "store.h"

/* `entity` is the key of the object that it is about, "" for the server itself. One that was
 * resolved is new again; one that is acknowledged stays so. */
gboolean warnings_raise(Store *store, const char *type, const char *entity, const char *message,
                        GError **error);
/* The cause is gone. No such warning is success. */
gboolean warnings_resolve(Store *store, const char *type, const char *entity, GError **error);

/* Whether there is one that is not resolved; FALSE also when the store cannot be read. */
gboolean warnings_is_open(Store *store, const char *type, const char *entity);

/* [{uuid, entity, type, status, count, first_seen, last_seen, message}], oldest first: all, or the
 * one of `uuid`. Times are microseconds since the epoch. New reference. */
json_t *warnings_list(Store *store, const char *uuid, GError **error);

/* ERR_NOT_FOUND when there is none of that uuid. */
gboolean warnings_set_status(Store *store, const char *uuid, const char *status, GError **error);
gboolean warnings_delete(Store *store, const char *uuid, GError **error);

/* Deletes what is about objects that `model` has no more. */
gboolean warnings_prune(Store *store, const Snapshot *model, GError **error);
/* Deletes what was resolved before `since`, in microseconds (OPS-107). */
gboolean warnings_expire(Store *store, gint64 since, GError **error);
