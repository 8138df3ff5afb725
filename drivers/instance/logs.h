/* Log files of instances, below logs/NAME/ (API-168..170): lxc.log, lxc.conf, console.log, the ones
 * before the last start (.old), and recorded output of commands, exec_ID.stdout and .stderr. */
#pragma once

#include "host.h"

/* Output of commands is kept that long after it was last written to (OPS-40). */
#define LOGS_KEPT_SECONDS (48 * 3600)

/* Names, sorted; none when it never ran. NULL with an error. */
GStrv logs_list(Host *host, const Object *object, GError **error);

/* Opens one for reading. -1 with ERR_INVALID (no such log can be) or ERR_NOT_FOUND. */
int logs_open(Host *host, const Object *object, const char *file, GError **error);

/* lxc.log and lxc.conf are refused with ERR_INVALID; ERR_NOT_FOUND when there is no such log. The
 * first only says so. */
gboolean logs_may_delete(Host *host, const Object *object, const char *file, GError **error);
gboolean logs_delete(Host *host, const Object *object, const char *file, GError **error);

/* Makes the file for a command's output, empty, for writing: `stream` is "stdout" or "stderr",
 * `id` letters, digits and '-'. -1 with an error. */
int logs_create_output(Host *host, const Object *object, const char *id, const char *stream,
                       GError **error);

/* Deletes the output of commands of all instances that was last written to before `now` -
 * LOGS_KEPT_SECONDS (seconds since 1970). Other logs are of the last two runs and stay. */
gboolean logs_expire(const char *dir, gint64 now, GError **error);
