#include "token.h"

#include <string.h>

#include "answer.h"
#include "dry_run.h"
#include "error.h"
#include "listeners.h"
#include "secret.h"

static json_t *texts(const GPtrArray *strings)
{
    json_t *list = json_array();

    for (guint i = 0; i < strings->len; i++)
        json_array_append_new(list, json_string(strings->pdata[i]));
    return list;
}

gboolean token_issue(Call *call, json_t *body, GError **error)
{
    Daemon *daemon = call->daemon;
    const char *type = json_member_string(body, "type");
    g_autofree char *secret = secret_new();
    g_autoptr(GPtrArray) addresses = listeners_addresses(daemon->listeners);
    g_autofree char *url = NULL;
    g_autofree char *whole = NULL;
    g_autoptr(Operation) operation = NULL;

    if (type != NULL && strcmp(type, "client") != 0)
        return error_set(error, ERR_INVALID, "Tokens can only be issued for client certificates");
    if (addresses->len == 0)
        return error_set(error, ERR_INVALID,
                         "Can't issue token when server isn't listening on network: set "
                         "core.https_address");
    if (call_is_dry_run(call))
        return dry_run_would(call, error, "a token that adds a certificate would be issued");
    json_object_del(body, "password");
    operation =
        operation_new(daemon->operations, OPERATION_TOKEN, "Executing token", NULL, call->caller);
    operation_set_metadata(operation,
                           json_pack("{s:s, s:s, s:o, s:O}", "secret", secret, "fingerprint",
                                     listeners_fingerprint(daemon->listeners), "addresses",
                                     texts(addresses), "request", body));
    operation_may_cancel(operation, NULL, NULL);
    operation_begin(operation);
    url = operation_url(operation);
    whole = call_url(call, url + strlen("/1.0/"));
    answer_async(call->request, whole, operation_json(operation));
    return TRUE;
}

char *token_secret(const char *text)
{
    static const char *const members[] = {"client_name", "fingerprint", "secret"};
    gsize length;
    g_autofree guchar *bytes = NULL;
    g_autoptr(json_t) token = NULL;

    if (*text == '\0')
        return NULL;
    bytes = g_base64_decode(text, &length);
    token = json_loadb((const char *)bytes, length, 0, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(members); i++)
        if (token == NULL || json_member_string(token, members[i]) == NULL)
            return NULL;
    return json_is_array(json_object_get(token, "addresses"))
               ? g_strdup(json_member_string(token, "secret"))
               : NULL;
}

json_t *token_redeem(Operations *operations, const char *secret, gboolean look)
{
    g_autoptr(json_t) all = operations_list(operations, NULL, NULL, TRUE);
    json_t *one;
    size_t i;

    json_array_foreach (json_object_get(all, "running"), i, one) {
        const char *own = json_string_at(one, "metadata/secret");
        json_t *request = json_at(one, "metadata/request");
        g_autoptr(Operation) operation = NULL;

        if (own == NULL || request == NULL || !secret_equal(own, secret))
            continue;
        /* Of several who come with it at once, one can cancel it. */
        operation = operations_find(operations, json_member_string(one, "id"));
        return operation != NULL && (look || operation_cancel(operation, NULL))
                   ? json_incref(request)
                   : NULL;
    }
    return NULL;
}
