#include "caller.h"

Caller *caller_new(const char *protocol, const char *username, const char *address)
{
    Caller *caller = g_new0(Caller, 1);

    g_atomic_ref_count_init(&caller->refs);
    caller->protocol = g_strdup(protocol);
    caller->username = g_strdup(username);
    caller->address = g_strdup(address);
    return caller;
}

Caller *caller_ref(const Caller *caller)
{
    Caller *mutable = (Caller *)caller;

    g_atomic_ref_count_inc(&mutable->refs);
    return mutable;
}

void caller_unref(Caller *caller)
{
    if (caller == NULL || !g_atomic_ref_count_dec(&caller->refs))
        return;
    g_free(caller->protocol);
    g_free(caller->username);
    g_free(caller->address);
    g_strfreev(caller->projects);
    g_free(caller);
}

gboolean caller_may_use(const Caller *caller, const char *project)
{
    return caller->admin ||
           (caller->trusted && (caller->projects == NULL ||
                                g_strv_contains((const char *const *)caller->projects, project)));
}
