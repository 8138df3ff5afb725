#include "authenticate.h"

#include <pwd.h>

/* The name of a local user; the number when there is none. */
static char *user_name(uid_t uid)
{
    struct passwd entry, *found = NULL;
    char buffer[4096];

    if (getpwuid_r(uid, &entry, buffer, sizeof buffer, &found) == 0 && found != NULL)
        return g_strdup(entry.pw_name);
    return g_strdup_printf("%u", (guint)uid);
}

Caller *authenticate(Daemon *daemon, Request *request)
{
    const Peer *peer = request_peer(request);
    g_autofree char *name = NULL;
    Caller *caller;

    if (!peer->is_unix)
        return caller_new("", "", peer->address);
    /* Who may open the socket may do everything (API-002). */
    name = user_name(peer->uid);
    caller = caller_new("unix", name, peer->address);
    caller->trusted = caller->admin = TRUE;
    return caller;
}
