#include "dry_run.h"

#include <string.h>

#include "answer.h"

gboolean call_is_dry_run(const Call *call)
{
    const char *wanted = request_query(call->request, "dry-run");

    return wanted != NULL && (strcmp(wanted, "1") == 0 || strcmp(wanted, "true") == 0);
}

gboolean dry_run_answer(const Call *call, Plan *plan)
{
    g_autoptr(Plan) owned = plan;

    if (plan == NULL)
        return FALSE;
    answer_plan(call->request, plan_shown(plan));
    return TRUE;
}

gboolean dry_run_would(const Call *call, GError **error, const char *format, ...)
{
    g_autofree char *warning = NULL;
    va_list args;

    va_start(args, format);
    warning = g_strdup_vprintf(format, args);
    va_end(args);
    return dry_run_answer(
        call, engine_look_ahead(call->daemon->engine, engine_plan_nothing, warning, error));
}
