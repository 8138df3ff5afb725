#include "authenticate.h"

#include <pwd.h>

#include "http/certificate.h"
#include "type.h"

#define NAMES_SECONDS 60 /* a look-up may go over the network, and each request needs a name */

/* The name of a local user; the number when there is none. */
static char *look_up_name(uid_t uid)
{
    struct passwd entry, *found = NULL;
    char buffer[4096];

    if (getpwuid_r(uid, &entry, buffer, sizeof buffer, &found) == 0 && found != NULL)
        return g_strdup(entry.pw_name);
    return g_strdup_printf("%u", (guint)uid);
}

static char *user_name(uid_t uid)
{
    static GMutex mutex;
    static GHashTable *names;
    static gint64 since;
    g_autoptr(GMutexLocker) held = g_mutex_locker_new(&mutex);
    gint64 now = g_get_monotonic_time();
    const char *name;

    if (names == NULL)
        names = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    if (now - since > NAMES_SECONDS * G_USEC_PER_SEC) {
        g_hash_table_remove_all(names);
        since = now;
    }
    name = g_hash_table_lookup(names, GUINT_TO_POINTER(uid));
    if (name == NULL) {
        char *found = look_up_name(uid);

        g_hash_table_insert(names, GUINT_TO_POINTER(uid), found);
        name = found;
    }
    return g_strdup(name);
}

/* AUTH-18: presented before or after its time it is worth nothing. */
static gboolean is_current(GBytes *certificate)
{
    g_auto(CertificateFacts) facts = {0};
    gint64 now = g_get_real_time() / G_USEC_PER_SEC;

    return certificate_facts(certificate, &facts, NULL) && facts.from <= now && now <= facts.until;
}

static char **projects_of(const Object *entry)
{
    g_autoptr(GStrvBuilder) names = g_strv_builder_new();
    json_t *name;
    size_t i;

    json_array_foreach (json_object_get(entry->spec, "projects"), i, name)
        g_strv_builder_add(names, json_string_value(name));
    return g_strv_builder_end(names);
}

/* AUTH-55: what the authority issued and did not revoke, when it is trusted to choose clients. */
static gboolean is_vouched_for(Daemon *daemon, const Snapshot *model, GBytes *certificate)
{
    const Object *server = snapshot_find(model, KIND_SERVER, "", "");
    const char *trusts =
        server != NULL ? object_config(server, "core.trust_ca_certificates") : NULL;

    return trusts != NULL && type_is_true(trusts) &&
           listeners_vouch(daemon->listeners, certificate);
}

/* The model is the trust store: an entry that is gone is gone for the next request (AUTH-36). */
static Caller *by_certificate(Daemon *daemon, const Peer *peer)
{
    g_autofree char *fingerprint = certificate_fingerprint(peer->certificate);
    g_autoptr(Snapshot) model = engine_ref_stored(daemon->engine);
    const Object *entry = snapshot_find(model, KIND_CERTIFICATE, "", fingerprint);
    Caller *caller;

    if (!is_current(peer->certificate))
        return NULL;
    if (entry == NULL && !is_vouched_for(daemon, model, peer->certificate))
        return NULL;
    caller = caller_new("tls", fingerprint, peer->address);
    if (entry == NULL) {
        caller->trusted = caller->admin = TRUE;
        return caller;
    }
    if (g_strcmp0(json_member_string(entry->spec, "type"), "metrics") == 0) {
        caller->metrics = TRUE;
        return caller;
    }
    caller->trusted = TRUE;
    if (json_is_true(json_object_get(entry->spec, "restricted")))
        caller->projects = projects_of(entry);
    else
        caller->admin = TRUE;
    return caller;
}

Caller *authenticate(Daemon *daemon, Request *request)
{
    const Peer *peer = request_peer(request);
    g_autofree char *name = NULL;
    Caller *caller = NULL;

    if (!peer->is_unix) {
        if (peer->certificate != NULL)
            caller = by_certificate(daemon, peer);
        return caller != NULL ? caller : caller_new("", "", peer->address);
    }
    /* Who may open the socket may do everything (API-002). */
    name = user_name(peer->uid);
    caller = caller_new("unix", name, peer->address);
    caller->trusted = caller->admin = TRUE;
    return caller;
}
