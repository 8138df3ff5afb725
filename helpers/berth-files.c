/* berth-files: one look at or change of a file of an instance, from inside its namespaces, and ends
 * (API-080..084). The request comes over descriptor 3 with a door: a pidfd of the instance's init,
 * or its root directory while it does not run.
 *
 *   {"verb", "path": absolute, "pid": of init, absent when the door is a directory}
 *   "head", "get"     -> {"type", "uid", "gid", "mode", "size", "modified": seconds} and with "get"
 *                        a file's content by a pipe, exactly "size" bytes; a directory's "entries";
 *                        a link's "target"
 *   "put"             "uid", "gid", "mode" for a new file, "append": bool; content from the second
 *                     descriptor up to its end -> {"created": bool}
 *   "mkdir"           likewise, without content -> {"created"}
 *   "symlink"         "target", "uid", "gid" -> {"created"}
 *   "delete"          -> {}
 *
 * A failure is {"error": TEXT, "code": ErrorCode}. Ids are those that the instance sees. */
#include <stdio.h>
#include <unistd.h>

#include "error.h"
#include "files/enter.h"
#include "files/request.h"

static gboolean run(Request *request, GError **error)
{
    static const struct {
        const char *name;
        gboolean (*run)(const Request *request, GError **error);
    } verbs[] = {{"head", files_head},   {"get", files_get},         {"put", files_put},
                 {"mkdir", files_mkdir}, {"symlink", files_symlink}, {"delete", files_delete}};
    const char *verb = json_member_string(request->body, "verb");

    request_alarm();
    if (!files_enter(request, error) || !files_confine(error) || !request_open_root(request, error))
        return FALSE;
    for (guint i = 0; i < G_N_ELEMENTS(verbs); i++) {
        if (g_strcmp0(verb, verbs[i].name) == 0)
            return verbs[i].run(request, error);
    }
    return error_set(error, ERR_USAGE, "berth-files does not know the verb %s", verb);
}

int main(void)
{
    Request request = {0};
    g_autoptr(GError) error = NULL;

    if (!request_receive(&request)) {
        fprintf(stderr, "berth-files is started by berth, with a request on descriptor 3\n");
        return 64;
    }
    if (!run(&request, &error))
        request_answer_error(error);
    /* No way through exit handlers: the filter is in force. */
    _exit(error == NULL ? 0 : 1);
}
