/* activateifneeded: for the service manager at boot (OPS-94). */
#include "activation.h"
#include "backend_daemon.h"
#include "command.h"
#include "local.h"
#include "output.h"

/* An instance that runs although nothing has it started: somebody has to notice how it ends. */
static char *running(Engine *engine)
{
    const Snapshot *model = engine_stored(engine);

    for (guint i = 0; i < snapshot_size(model); i++) {
        const Object *object = snapshot_at(model, i);
        g_autoptr(json_t) facts = NULL;

        if (object->id.kind == KIND_INSTANCE)
            facts = engine_observe(engine, object, NULL, NULL);
        if (json_string_at(facts, "running/state") != NULL)
            return g_strdup_printf("%s runs", object->key);
    }
    return NULL;
}

/* Read without the daemon, because asking it is what starts it. FALSE with an error; `ret` is NULL
 * when there is no reason. */
static gboolean look_for_reason(const Cli *cli, char **ret, GError **error)
{
    g_auto(Local) local = {0};

    if (!local_open(cli, ENGINE_READ_ONLY, &local, error))
        return FALSE;
    *ret = activation_reason(engine_stored(local.engine));
    if (*ret == NULL && engine_next_revert(local.engine) != 0)
        *ret = g_strdup("an apply waits for its confirmation");
    if (*ret == NULL)
        *ret = running(local.engine);
    return TRUE;
}

gboolean command_activateifneeded(Cli *cli, GError **error)
{
    g_autofree char *reason = NULL;
    g_autofree char *dir = cli_directory(cli);
    g_autoptr(Client) client = NULL;
    g_autoptr(json_t) answer = NULL;

    if (!look_for_reason(cli, &reason, error))
        return FALSE;
    if (reason == NULL) {
        message("Nothing needs the daemon.");
        return TRUE;
    }
    message("The daemon is needed: %s.", reason);
    client = backend_client(NULL, dir, error);
    answer = client != NULL ? client_ask(client, "GET", "/1.0", NULL, error) : NULL;
    return answer != NULL;
}
