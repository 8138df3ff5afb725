#include "error.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

G_DEFINE_QUARK(berth - error - quark, berth_error)

static const struct {
    const char *word;
    int exit_status;
    int http_status;
    gboolean retryable;
} error_table[ERR_MAX] = {
    [ERR_FAILED] = {"failed", 1, 500, TRUE},
    [ERR_USAGE] = {"usage", 64, 400, FALSE},
    [ERR_INVALID] = {"invalid", 65, 400, FALSE},
    [ERR_UNSUPPORTED] = {"unsupported", 65, 400, FALSE},
    [ERR_NOT_FOUND] = {"not-found", 1, 404, FALSE},
    [ERR_EXISTS] = {"exists", 1, 409, FALSE},
    [ERR_CONFLICT] = {"conflict", 7, 412, FALSE},
    [ERR_REFUSED] = {"refused", 8, 403, FALSE},
    [ERR_BUSY] = {"busy", 9, 409, TRUE},
    [ERR_ROLLED_BACK] = {"rolled-back", 3, 500, TRUE},
    [ERR_ROLLBACK_INCOMPLETE] = {"rollback-incomplete", 4, 500, FALSE},
    [ERR_PARTIAL] = {"partial", 5, 500, TRUE},
    [ERR_NOT_READY] = {"not-ready", 6, 504, TRUE},
    [ERR_UNAVAILABLE] = {"unavailable", 69, 503, TRUE},
    [ERR_PERMISSION] = {"permission", 77, 403, FALSE},
    [ERR_INTERRUPTED] = {"interrupted", 130, 500, TRUE},
    [ERR_NOT_IMPLEMENTED] = {"not-implemented", 1, 501, FALSE},
    [ERR_OWNED] = {"owned", 7, 409, FALSE},
    [ERR_TOO_OFTEN] = {"too-often", 77, 429, TRUE},
};

static ErrorCode error_code(const GError *error)
{
    if (error == NULL || error->domain != BERTH_ERROR || error->code < 0 || error->code >= ERR_MAX)
        return ERR_FAILED;
    return (ErrorCode)error->code;
}

int error_exit_status(const GError *error)
{
    return error_table[error_code(error)].exit_status;
}

int error_http_status(const GError *error)
{
    return error_table[error_code(error)].http_status;
}

gboolean error_is_retryable(const GError *error)
{
    return error_table[error_code(error)].retryable;
}

const char *error_word(const GError *error)
{
    return error_table[error_code(error)].word;
}

ErrorCode error_code_of_word(const char *word)
{
    for (guint i = 0; i < ERR_MAX; i++)
        if (g_strcmp0(error_table[i].word, word) == 0)
            return (ErrorCode)i;
    return ERR_FAILED;
}

gboolean error_set(GError **error, ErrorCode code, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_propagate_error(error, g_error_new_valist(BERTH_ERROR, code, format, args));
    va_end(args);
    return FALSE;
}

gboolean error_errno(GError **error, int errnum, const char *format, ...)
{
    g_autofree char *what = NULL;
    va_list args;

    va_start(args, format);
    what = g_strdup_vprintf(format, args);
    va_end(args);
    return error_set(error, errnum == EPERM || errnum == EACCES ? ERR_PERMISSION : ERR_FAILED,
                     "%s: %s", what, g_strerror(errnum));
}
