/* doctor: has this host what berth needs? */
#include "command.h"
#include "doctor.h"
#include "error.h"
#include "output.h"
#include "table.h"

static const char *const levels[] = {
    [CHECK_OK] = "ok", [CHECK_WARN] = "warn", [CHECK_FAIL] = "fail"};
static const char *const colours[] = {[CHECK_OK] = "32", [CHECK_WARN] = "33", [CHECK_FAIL] = "31"};

gboolean command_doctor(Cli *cli, GError **error)
{
    g_autofree char *dir = cli_directory(cli);
    g_autoptr(json_t) list = json_array();
    guint failed = 0;

    for (const Check *check = DOCTOR_CHECKS; check->name != NULL; check++) {
        CheckResult result = {0};

        check->run(dir, &result);
        failed += result.level == CHECK_FAIL;
        json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "check", check->name, "result",
                                              levels[result.level], "text", result.text));
        if (!cli_format_is(cli, "json") && !(output_is_quiet() && result.level == CHECK_OK)) {
            gboolean colour = output_colour();

            output_printf("%s%s%s%-4s%s  %-16s %s\n", colour ? "\033[" : "",
                          colour ? colours[result.level] : "", colour ? "m" : "",
                          levels[result.level], colour ? "\033[0m" : "", check->name, result.text);
        }
        g_free(result.text);
    }
    if (cli_format_is(cli, "json")) {
        g_autofree char *text = json_pretty(list);

        output_text(text);
    }
    if (failed > 0)
        return error_set(error, ERR_FAILED, "%u of the checks failed", failed);
    return TRUE;
}
