/* An apply by the daemon. */
#include "backend_daemon.h"

static json_t *body_of(Remote *remote, const Proposal *proposal, gboolean exactly,
                       const ApplyOptions *options, GError **error)
{
    json_t *body = daemon_wish(remote, proposal, error);

    if (body == NULL)
        return NULL;
    json_object_set_new(body, "cause", json_string(options->cause));
    if (options->directory != NULL)
        json_object_set_new(body, "directory", json_string(options->directory));
    json_object_set_new(body, "apply",
                        json_pack("{s:b, s:b, s:I, s:I, s:I, s:I}", "keep_going",
                                  options->keep_going, "no_wait", options->no_wait, "parallel",
                                  (json_int_t)options->parallel, "timeout",
                                  (json_int_t)options->timeout_seconds, "park_for",
                                  (json_int_t)options->park_seconds, "confirm_within",
                                  (json_int_t)options->confirm_seconds));
    if (exactly) {
        g_autofree char *digest = plan_json_digest(json_object_get(proposal->shown, "plan"));

        json_object_set_new(body, "agreed", json_string(digest));
    }
    return body;
}

gboolean daemon_apply(Backend *backend, const Proposal *proposal, gboolean exactly,
                      const ApplyOptions *options, ApplyResult *ret_result, int *ret_signal,
                      GError **error)
{
    Remote *remote = (Remote *)backend;
    g_autoptr(json_t) body = body_of(remote, proposal, exactly, options, error);
    g_autoptr(json_t) metadata = NULL;
    gboolean done =
        body != NULL &&
        (proposal->input == NULL || daemon_images_send(remote, proposal->input, error)) &&
        daemon_follow(remote, "/1.0/apply", body, options, &metadata, ret_signal, error);

    if (metadata != NULL)
        apply_result_read(json_object_get(metadata, "result"), ret_result);
    return done;
}
