/* How far fetches of images are, as metadata of the operation that needs them (IMG-047, API-068).
 */
#pragma once

#include "object.h"
#include "operation.h"

/* As LXD writes it: "rootfs: 45% (3.21MB/s)". Newly allocated. */
char *download_text(const char *part, guint64 done, guint64 all, guint64 speed);
/* Sets metadata.download_progress. `operation` is an Operation: FetchReport.each. */
void download_tell(void *operation, const char *part, guint64 done, guint64 all, guint64 speed);
/* The same as ApplyOptions.fetching. */
void download_tell_object(void *operation, const Object *object, const char *part, guint64 done,
                          guint64 all, guint64 speed);
