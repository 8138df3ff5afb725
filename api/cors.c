#include "cors.h"

#include "type.h"

static const char *const FIELDS[][2] = {
    {"core.https_allowed_origin", "Access-Control-Allow-Origin"},
    {"core.https_allowed_methods", "Access-Control-Allow-Methods"},
    {"core.https_allowed_headers", "Access-Control-Allow-Headers"},
};

void cors_apply(const Snapshot *model, Request *request)
{
    const Object *server = snapshot_find(model, KIND_SERVER, "", "");
    const char *value;

    if (server == NULL)
        return;
    for (guint i = 0; i < G_N_ELEMENTS(FIELDS); i++) {
        value = object_config(server, FIELDS[i][0]);
        if (value != NULL && *value != '\0' && request_header(request, "Origin") != NULL)
            request_add_header(request, FIELDS[i][1], value);
    }
    /* EXT-010: with every answer. */
    value = object_config(server, "core.https_allowed_credentials");
    if (value != NULL && type_is_true(value))
        request_add_header(request, "Access-Control-Allow-Credentials", "true");
}
