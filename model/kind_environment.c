#include "kind_rows.h"

#include <string.h>

#include "error.h"
#include "validate.h"

static const Row fields[] = {
    DESCRIPTION_ROW("EN-51"),
    ROW("project", STRING, NULL, 0, BLOCKED, REQUIRED, "EN-51",
        "The project that holds it, made with it and deleted with it.", .ref = "project"),
    ROW("lease_owner", LINE, NULL, 0, NONE, 0, "EN-51", "Who asked for it, such as a CI job."),
    ROW("expires_at", TIME, NULL, 0, NONE, 0, "EN-51",
        "When the lease ends and everything in it is deleted; never when unset."),
    ROW("files", LIST, NULL, 0, NONE, 0, "EN-51", "The state files that it was made from."),
    META_ROWS,
    ROW_END,
};

/* It names a project, and with it instances' log folders and links of networks. */
static gboolean check_name(const char *name, GError **error)
{
    static const char *const letters = "abcdefghijklmnopqrstuvwxyz0123456789-";
    gsize length = strlen(name);

    return (length > 0 && length <= 40 && strspn(name, letters) == length &&
            g_ascii_isalpha(name[0]) && name[length - 1] != '-' && strcmp(name, "default") != 0) ||
           error_set(error, ERR_INVALID,
                     "\"%s\" cannot name an environment: write up to 40 lower-case letters, digits "
                     "and dashes, a letter first",
                     name);
}

const Kind ENVIRONMENT_KIND = {
    .id = KIND_ENVIRONMENT,
    .name = "environment",
    .plural = "environments",
    .title = "environment",
    .api = "environments",
    .fields = fields,
    .check_name = check_name,
};
