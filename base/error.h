/* The one error domain of berth: every fallible function reports through a GError of this domain,
 * and one table turns the code into an exit status (engine.md, "exit"), an HTTP status and a retry
 * hint. */
#pragma once

#include <glib.h>

#define BERTH_ERROR (berth_error_quark())

typedef enum {
    ERR_FAILED,              /* failed before any change                               exit 1 */
    ERR_USAGE,               /* the command line is wrong                              exit 64 */
    ERR_INVALID,             /* input is not valid: unknown key, bad value, bad file   exit 65 */
    ERR_UNSUPPORTED,         /* valid, but no driver of this build honours it          exit 65 */
    ERR_NOT_FOUND,           /* an object that was asked for does not exist            exit 1 */
    ERR_EXISTS,              /* something of that name is there and is not ours        exit 1 */
    ERR_CONFLICT,            /* stale plan, changed since, owned by somebody else      exit 7 */
    ERR_REFUSED,             /* protection, policy, project limit or budget            exit 8 */
    ERR_BUSY,                /* another apply holds the scope                          exit 9 */
    ERR_ROLLED_BACK,         /* apply failed, rollback complete and verified           exit 3 */
    ERR_ROLLBACK_INCOMPLETE, /* apply failed, rollback incomplete                      exit 4 */
    ERR_PARTIAL,             /* some objects failed, others kept                       exit 5 */
    ERR_NOT_READY,           /* applied, not ready in time                             exit 6 */
    ERR_UNAVAILABLE,         /* a daemon or server does not answer                     exit 69 */
    ERR_PERMISSION,          /* not permitted                                          exit 77 */
    ERR_INTERRUPTED,         /* cancelled by the user; undone                          exit 130 */
    ERR_NOT_IMPLEMENTED,     /* the API has the path, but not this method (API-007)   exit 1 */
    ERR_OWNED,               /* a source owns it, and refuses edits                    exit 7 */
    ERR_TOO_OFTEN,           /* tried and failed too often: wait                       exit 77 */
    ERR_MAX
} ErrorCode;

GQuark berth_error_quark(void);

/* Exit status, HTTP status and 'may the same request succeed later' of an error. Foreign domains
 * count as ERR_FAILED. */
int error_exit_status(const GError *error);
int error_http_status(const GError *error);
gboolean error_is_retryable(const GError *error);

/* The word by which an error goes over the wire, such as "not-found", so that a client of the
 * daemon exits as the engine itself would; and the code of a word, ERR_FAILED when it is none. */
const char *error_word(const GError *error);
ErrorCode error_code_of_word(const char *word);

/* Sets an error of the domain whose text ends in ": strerror(errnum)". Always returns FALSE, so
 * that a caller can say `return error_errno(error, errno, "open %s", path);`. */
gboolean error_errno(GError **error, int errnum, const char *format, ...) G_GNUC_PRINTF(3, 4);

/* Sets an error of the domain. Always returns FALSE. */
gboolean error_set(GError **error, ErrorCode code, const char *format, ...) G_GNUC_PRINTF(3, 4);
