#include "kind_rows.h"

#include <string.h>

#include "error.h"
#include "pem.h"
#include "validate.h"

static const Row fields[] = {
    ROW("certificate", STRING, NULL, 0, NONE, REQUIRED, "AUTH-21",
        "The client's certificate, PEM; its SHA-256 is the entry's name."),
    ROW("title", STRING, NULL, 0, NONE, 0, "AUTH-23", "What people call the client."),
    ROW("type", ENUM, "client", 0, NONE, 0, "AUTH-21",
        "What it is good for: the whole API, or /1.0/metrics alone.", WORDS("client", "metrics")),
    ROW("restricted", FLAG, "false", 0, NONE, 0, "AUTH-45", "Only the listed projects."),
    ROW("projects", LIST, NULL, 0, NONE, 0, "AUTH-45",
        "Projects that a restricted client may use; none when empty.", .ref = "project"),
    META_ROWS,
    ROW_END,
};

/* AUTH-19. */
static gboolean check_name(const char *name, GError **error)
{
    return json_is_digest(name) ||
           error_set(error, ERR_INVALID,
                     "\"%s\" is no fingerprint: write the certificate's SHA-256 in 64 hexadecimal "
                     "digits",
                     name);
}

static void check(const Snapshot *snapshot, const Object *object, Problems *problems)
{
    const char *pem = json_member_string(object->spec, "certificate");
    g_autofree char *fingerprint = pem != NULL ? pem_fingerprint(pem) : NULL;

    if (pem == NULL)
        return; /* reported as missing */
    if (fingerprint == NULL)
        problem_add(problems, PROBLEM_ERROR, object, "certificate", "is no certificate in PEM");
    else if (strcmp(fingerprint, object->id.name) != 0)
        problem_add(problems, PROBLEM_ERROR, object, "certificate",
                    "its fingerprint is %s: name the entry so", fingerprint);
}

const Kind CERTIFICATE_KIND = {
    .id = KIND_CERTIFICATE,
    .name = "certificate",
    .plural = "certificates",
    .title = "certificate",
    .api = "certificates",
    .fields = fields,
    .check = check,
    .check_name = check_name,
};
