/* The trust store (API-108..113): who may connect from other machines. Its entries are objects of
 * the model like any other, named by fingerprint. */
#include <string.h>

#include "answer.h"
#include "call.h"
#include "dry_run.h"
#include "edit.h"
#include "error.h"
#include "http/certificate.h"
#include "password.h"
#include "refs.h"
#include "token.h"
#include "wire.h"

/* ---- as the API writes them ---- */

static json_t *wire(const Object *entry)
{
    json_t *projects = json_object_get(entry->spec, "projects");
    const char *type = json_member_string(entry->spec, "type");
    const char *title = json_member_string(entry->spec, "title");

    return json_pack("{s:s, s:s, s:O, s:s, s:b, s:o}", "name", title != NULL ? title : "", "type",
                     type != NULL ? type : "client", "certificate",
                     json_object_get(entry->spec, "certificate"), "fingerprint", entry->id.name,
                     "restricted", json_is_true(json_object_get(entry->spec, "restricted")),
                     "projects", projects != NULL ? json_incref(projects) : json_array());
}

/* The spec of what a client sends: `name` is the title, the rest is called the same. NULL with an
 * error. */
static json_t *spec_of(const json_t *body, const char *pem, GError **error)
{
    static const char *const members[] = {"type", "restricted", "projects"};
    const char *type = json_member_string(body, "type");
    json_t *spec = json_pack("{s:s}", "certificate", pem);

    if (type != NULL && strcmp(type, "client") != 0 && strcmp(type, "metrics") != 0) {
        error_set(error, ERR_INVALID, "Unknown request type \"%s\": write client or metrics", type);
        json_decref(spec);
        return NULL;
    }
    json_object_set(spec, "title", json_object_get(body, "name"));
    for (guint i = 0; i < G_N_ELEMENTS(members); i++)
        json_object_set(spec, members[i], json_object_get(body, members[i]));
    return spec;
}

/* AUTH-16, AUTH-18. */
static gboolean check_facts(const CertificateFacts *facts, GError **error)
{
    gint64 now = g_get_real_time() / G_USEC_PER_SEC;

    if (facts->from > now)
        return error_set(error, ERR_INVALID, "The provided certificate isn't valid yet");
    if (facts->until < now)
        return error_set(error, ERR_INVALID, "The provided certificate is expired");
    if (facts->is_weak)
        return error_set(error, ERR_INVALID, "RSA key is too weak (minimum of 2048bit)");
    return TRUE;
}

/* Borrowed from the call's model. */
static const Object *find(const Call *call, const char *prefix, GError **error)
{
    guint matches;
    const Object *found = refs_find_certificate(call->model, prefix, &matches);

    if (found == NULL)
        error_set(error, matches == 0 ? ERR_NOT_FOUND : ERR_INVALID,
                  matches == 0 ? "Certificate not found"
                               : "More than one certificate begins with \"%s\"",
                  prefix);
    return found;
}

/* ---- reading ---- */

static gboolean list(Call *call, GError **error)
{
    json_t *found = json_array();
    guint first, count;

    snapshot_range(call->model, KIND_CERTIFICATE, "", &first, &count);
    for (guint i = first; i < first + count; i++) {
        const Object *entry = snapshot_at(call->model, i);
        g_autofree char *url = wire_url(entry);

        json_array_append_new(found, call->recursion > 0 ? wire(entry) : json_string(url));
    }
    answer_sync(call->request, 200, found, NULL);
    return TRUE;
}

static gboolean show(Call *call, GError **error)
{
    const Object *entry = find(call, call->words[0], error);
    g_autofree char *etag = entry != NULL ? wire_etag(entry) : NULL;

    if (entry == NULL)
        return FALSE;
    answer_sync(call->request, 200, wire(entry), etag);
    return TRUE;
}

/* One that is empty or null is none. */
static gboolean has_certificate(const json_t *body)
{
    return json_string_length(json_object_get(body, "certificate")) > 0;
}

/* ---- adding ---- */

static const char *trust_password(const Call *call)
{
    const Object *server = snapshot_find(call->model, KIND_SERVER, "", "");

    return server != NULL ? object_config(server, "core.trust_password") : NULL;
}

/* No source can be called so: neither takes the other's tries. */
#define GUESSED "/certificates"

/* A token's secret is too long to be guessed, but asking costs the same. */
static gboolean refuse(const Call *call, const char *who, const char *text, GError **error)
{
    if (throttle_failed(call->daemon->guesses, who, g_get_monotonic_time()))
        g_warning("wrong trust passwords or tokens from %s; it is not listened to for a while",
                  request_peer(call->request)->address);
    return error_set(error, ERR_PERMISSION, "%s", text);
}

/* What lets a stranger in: a token, whose own request is what counts from then on (AUTH-33), or the
 * trust password. Who guesses is not listened to after some tries; others are. `ret_body` gets a
 * new reference to what is to be stored. */
static gboolean admit(Call *call, json_t *body, json_t **ret_body, GError **error)
{
    const char *password = json_member_string(body, "password");
    const char *stored = trust_password(call);
    g_autofree char *secret = password != NULL ? token_secret(password) : NULL;
    g_autofree char *who = throttle_key(GUESSED, request_peer(call->request)->address);

    if (!throttle_may(call->daemon->guesses, who, g_get_monotonic_time()))
        return error_set(error, ERR_TOO_OFTEN,
                         "too many wrong passwords or tokens: try again in a minute");
    if (secret != NULL) {
        *ret_body = token_redeem(call->daemon->operations, secret, call_is_dry_run(call));
        return *ret_body != NULL ||
               refuse(call, who, "No matching certificate add operation found", error);
    }
    if (password == NULL || *password == '\0')
        return error_set(error, ERR_PERMISSION, "not authorized");
    if (stored == NULL ||
        !password_matches_stored(engine_host(call->daemon->engine)->dir, stored, password))
        return refuse(call, who, "not authorized", error);
    *ret_body = json_incref(body);
    return TRUE;
}

/* The certificate to store: what an admin sends as base64 of its DER, or what the connection was
 * made with. Strangers can store only what they hold the key of. */
static GBytes *certificate_of(const Call *call, const json_t *body, GError **error)
{
    const char *text = json_member_string(body, "certificate");
    GBytes *shown = request_peer(call->request)->certificate;
    g_autoptr(GBytes) sent = NULL;
    gsize length;

    if (text != NULL && *text != '\0') {
        guchar *bytes = g_base64_decode(text, &length);

        sent = g_bytes_new_take(bytes, length);
        if (!call->caller->admin && (shown == NULL || !g_bytes_equal(sent, shown))) {
            error_set(error, ERR_PERMISSION, "connect with the certificate that is to be added");
            return NULL;
        }
        return g_steal_pointer(&sent);
    }
    if (shown == NULL)
        error_set(error, ERR_INVALID, "No client certificate provided");
    return shown != NULL ? g_bytes_ref(shown) : NULL;
}

/* AUTH-23: the common name, else where the client comes from. */
static void set_default_name(const Call *call, json_t *body, const CertificateFacts *facts)
{
    const char *name = json_member_string(body, "name");

    if (name == NULL || *name == '\0')
        json_object_set_new(body, "name",
                            json_string(*facts->common_name != '\0'
                                            ? facts->common_name
                                            : request_peer(call->request)->address));
}

static gboolean store(Call *call, json_t *body, GError **error)
{
    g_autoptr(GBytes) der = certificate_of(call, body, error);
    g_auto(CertificateFacts) facts = {0};
    g_autofree char *pem = NULL;
    g_autofree char *fingerprint = NULL;
    g_autofree char *url = NULL;
    g_autoptr(json_t) spec = NULL;

    if (der == NULL || !certificate_facts(der, &facts, error) || !check_facts(&facts, error))
        return FALSE;
    pem = certificate_to_pem(der, error);
    fingerprint = certificate_fingerprint(der);
    set_default_name(call, body, &facts);
    spec = pem != NULL ? spec_of(body, pem, error) : NULL;
    if (spec == NULL)
        return FALSE;
    if (snapshot_find(call->model, KIND_CERTIFICATE, "", fingerprint) != NULL)
        return error_set(error, ERR_EXISTS, "Certificate already in trust store");
    if (!edit_run(call, EDIT_CREATE, KIND_CERTIFICATE, fingerprint, spec, error))
        return FALSE;
    url = g_strdup_printf("/1.0/certificates/%s", fingerprint);
    answer_created(call->request, url);
    return TRUE;
}

static gboolean add(Call *call, GError **error)
{
    g_autoptr(json_t) body = call_body(call, error);
    g_autoptr(json_t) granted = NULL;

    if (body == NULL)
        return FALSE;
    if (call->caller->trusted && !call->caller->admin)
        return error_set(error, ERR_PERMISSION, "not authorized");
    if (json_is_true(json_object_get(body, "token"))) {
        if (!call->caller->admin)
            return error_set(error, ERR_PERMISSION, "not authorized");
        if (has_certificate(body))
            return error_set(error, ERR_INVALID,
                             "Can't use certificate if token is requested: leave one out");
        return token_issue(call, body, error);
    }
    if (call->caller->admin)
        return has_certificate(body) ? store(call, body, error)
                                     : error_set(error, ERR_INVALID, "Client is already trusted");
    if (!admit(call, body, &granted, error))
        return FALSE;
    if (granted != body && has_certificate(body))
        json_object_set(granted, "certificate", json_object_get(body, "certificate"));
    return store(call, granted, error);
}

/* ---- changing ---- */

typedef struct {
    const Call *call;
    const char *fingerprint;
    const json_t *body;
    gboolean merge;
} Change;

/* AUTH-50: who is no admin may renew the certificate of its own entry, and nothing else. */
static gboolean check_own(const Caller *caller, const json_t *before, const json_t *after,
                          GError **error)
{
    g_autoptr(json_t) other = json_copy((json_t *)before);

    if (caller->admin)
        return TRUE;
    if (g_strcmp0(caller->username, json_member_string(before, "fingerprint")) != 0)
        return error_set(error, ERR_PERMISSION, "not authorized");
    json_object_set(other, "certificate", json_object_get(after, "certificate"));
    return json_equal(other, after) ||
           error_set(error, ERR_PERMISSION, "Only the certificate can be changed");
}

/* What the entry is to be, in the API's words; a PUT that leaves the certificate out keeps it. */
static json_t *changed_wire(const Change *change, const json_t *before)
{
    json_t *after = json_copy((json_t *)before);
    const char *member;
    json_t *value;

    if (!change->merge) {
        json_object_update_new(after, json_pack("{s:s, s:s, s:b, s:[]}", "name", "", "type",
                                                "client", "restricted", FALSE, "projects"));
    }
    json_object_foreach ((json_t *)change->body, member, value) {
        if (strcmp(member, "fingerprint") != 0 &&
            !(strcmp(member, "certificate") == 0 && *json_string_value(value) == '\0'))
            json_object_set(after, member, value);
    }
    return after;
}

static Object *changed_object(const Object *stored, const json_t *after, GError **error)
{
    g_autoptr(Problems) problems = problems_new();
    g_autoptr(GBytes) der = NULL;
    g_auto(CertificateFacts) facts = {0};
    g_autofree char *fingerprint = NULL;
    g_autofree char *pem = NULL;
    g_autoptr(json_t) spec = NULL;
    Object *wanted;

    der = certificate_from_pem(json_member_string(after, "certificate"), error);
    if (der == NULL || !certificate_facts(der, &facts, error) ||
        (fingerprint = certificate_fingerprint(der)) == NULL)
        return NULL;
    if (strcmp(fingerprint, stored->id.name) != 0 && !check_facts(&facts, error))
        return NULL;
    pem = certificate_to_pem(der, error);
    spec = pem != NULL ? spec_of(after, pem, error) : NULL;
    if (spec == NULL)
        return NULL;
    wanted = document_object_from_json(KINDS[KIND_CERTIFICATE], NULL, fingerprint, spec, problems);
    if (!problems_to_error(problems, TRUE, error))
        g_clear_pointer(&wanted, object_unref);
    return wanted;
}

/* A new certificate is a new fingerprint, so the entry goes and another comes, at once. */
static Plan *change_plan(Engine *engine, void *data, GError **error)
{
    const Change *change = data;
    const Object *stored =
        snapshot_find(engine_stored(engine), KIND_CERTIFICATE, "", change->fingerprint);
    g_autoptr(GPtrArray) objects = g_ptr_array_new_with_free_func((GDestroyNotify)object_unref);
    g_autoptr(GPtrArray) keys = g_ptr_array_new();
    PlanOptions options = {0};
    g_autoptr(json_t) before = NULL;
    g_autoptr(json_t) after = NULL;
    g_autofree char *etag = NULL;
    Object *wanted;

    if (stored == NULL) {
        error_set(error, ERR_NOT_FOUND, "Certificate not found");
        return NULL;
    }
    etag = wire_etag(stored);
    before = wire(stored);
    after = changed_wire(change, before);
    if (!call_matches(change->call, etag, error) ||
        !check_own(change->call->caller, before, after, error))
        return NULL;
    wanted = changed_object(stored, after, error);
    if (wanted == NULL)
        return NULL;
    g_ptr_array_add(objects, wanted);
    if (strcmp(wanted->key, stored->key) != 0)
        g_ptr_array_add(keys, stored->key);
    return engine_plan_change(engine, objects, keys, &options, error);
}

static gboolean change(Call *call, gboolean merge, GError **error)
{
    g_autoptr(json_t) body = call_body(call, error);
    const Object *entry = body != NULL ? find(call, call->words[0], error) : NULL;
    Change request = {call, entry != NULL ? entry->id.name : NULL, body, merge};
    const char *member;
    json_t *value;

    if (entry == NULL)
        return FALSE;
    json_object_foreach (body, member, value)
        if (strcmp(member, "certificate") == 0 && !json_is_string(value))
            return error_set(error, ERR_INVALID, "certificate: a text in PEM is needed");
    if (!call_transact(call, change_plan, &request, error))
        return FALSE;
    answer_sync(call->request, 200, NULL, NULL);
    return TRUE;
}

static gboolean replace(Call *call, GError **error)
{
    return change(call, FALSE, error);
}

static gboolean merge(Call *call, GError **error)
{
    return change(call, TRUE, error);
}

static gboolean forget(Call *call, GError **error)
{
    const Object *entry = find(call, call->words[0], error);

    if (entry == NULL ||
        !edit_run(call, EDIT_DELETE, KIND_CERTIFICATE, entry->id.name, NULL, error))
        return FALSE;
    answer_sync(call->request, 200, NULL, NULL);
    return TRUE;
}

const Route ROUTES_CERTIFICATES[] = {
    {"GET", "certificates", ACCESS_TRUSTED, ROUTE_QUICK, list},
    {"POST", "certificates", ACCESS_OPEN, ROUTE_DRY, add},
    {"GET", "certificates/*", ACCESS_TRUSTED, ROUTE_QUICK, show},
    {"PUT", "certificates/*", ACCESS_TRUSTED, ROUTE_DRY, replace},
    {"PATCH", "certificates/*", ACCESS_TRUSTED, ROUTE_DRY, merge},
    {"DELETE", "certificates/*", ACCESS_ADMIN, ROUTE_DRY, forget},
    {0},
};
