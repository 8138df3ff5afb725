/* Whether the host is as a plan says, once its steps are done or undone: by observing it again. */
#pragma once

#include "plan.h"

typedef struct Verification Verification;

/* Both are borrowed. */
Verification *verification_new(Host *host, const Plan *plan);
void verification_free(Verification *verification);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Verification, verification_free)

/* For TransactionRequest.verify; `data` is a Verification. Fails when something that a step set is
 * not so. */
gboolean verification_run(void *data, GHashTable *failed, GError **error);

/* After a run: what else of an object that had steps is not as it should be, though it was when the
 * plan was made ("link, firewall"). Somebody else changed it meanwhile, which is drift and no
 * failure (EN-30). NULL: nothing. When no object has any, a plan made now is empty but for pending
 * rows (LAW-1). `verification` may be NULL. Borrowed. */
const char *verification_drift(const Verification *verification, const char *key);

/* After a rollback the host must show what it showed before (LAW-3); what does not is put right
 * once. Else `error`, which has the failure that led here, becomes ERR_ROLLBACK_INCOMPLETE (exit
 * 4).
 */
void verification_of_rollback(Verification *verification, GError **error);
