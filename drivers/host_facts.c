#include "host_facts.h"

#include "host.h"

struct HostFacts {
    Host *host; /* NULL: all facts are known */
    GMutex mutex;
    json_t *known;   /* null: no such fact, or a look that failed */
    GError *failure; /* of the first look that failed */
};

HostFacts *host_facts_of(json_t *values)
{
    HostFacts *facts = g_new0(HostFacts, 1);

    g_mutex_init(&facts->mutex);
    facts->known = values;
    return facts;
}

HostFacts *host_facts_new(Host *host)
{
    HostFacts *facts = host_facts_of(json_object());

    facts->host = host;
    return facts;
}

void host_facts_free(HostFacts *facts)
{
    if (facts == NULL)
        return;
    json_decref(facts->known);
    g_clear_error(&facts->failure);
    g_mutex_clear(&facts->mutex);
    g_free(facts);
}

const json_t *host_fact(HostFacts *facts, const char *name)
{
    g_autoptr(GMutexLocker) held = facts != NULL ? g_mutex_locker_new(&facts->mutex) : NULL;
    json_t *fact;

    if (facts == NULL)
        return NULL;
    fact = json_object_get(facts->known, name);
    if (fact == NULL && facts->host != NULL) {
        fact = host_look(facts->host, name, facts->failure == NULL ? &facts->failure : NULL);
        if (fact == NULL)
            fact = json_null();
        json_object_set_new(facts->known, name, fact);
    }
    return json_is_null(fact) ? NULL : fact;
}

gboolean host_facts_hold(HostFacts *facts, GError **error)
{
    g_autoptr(GMutexLocker) held = g_mutex_locker_new(&facts->mutex);

    if (facts->failure == NULL)
        return TRUE;
    if (error != NULL)
        *error = g_error_copy(facts->failure);
    return FALSE;
}
