/* berth-git ACTION: git for sources (EN-42), in a process of its own: what servers send never
 * meets the daemon's memory, and a server that hangs is ended with the process. */
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "error.h"
#include "git/git.h"
#include "leaks.h"

/* What Debian's libgit2 keeps until the end. */
OVERLOOK_LEAKS("leak:libpcre2\nleak:libssh2\nleak:libgit2\n")

gboolean git_failed(GError **error, const char *format, ...)
{
    const git_error *last = git_error_last();
    g_autofree char *what = NULL;
    va_list arguments;

    va_start(arguments, format);
    what = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    return error_set(error, ERR_FAILED, "%s: %s", what,
                     last != NULL && last->message != NULL ? last->message : "unknown error");
}

gboolean git_request_commit(git_repository *repository, const json_t *request, const char *key,
                            git_commit **ret_commit, GError **error)
{
    const char *id = json_member_string(request, key);
    git_oid oid;

    if (id == NULL || git_oid_fromstr(&oid, id) < 0)
        return error_set(error, ERR_USAGE, "the request names no %s", key);
    return git_commit_lookup(ret_commit, repository, &oid) == 0 ||
           git_failed(error, "commit %s", id);
}

static json_t *run(const char *action, GError **error)
{
    g_autoptr(json_t) request = json_loadf(stdin, 0, NULL);

    if (!json_is_object(request)) {
        error_set(error, ERR_USAGE, "the request is no JSON object");
        return NULL;
    }
    if (strcmp(action, "fetch") == 0)
        return git_fetch(request, error);
    if (strcmp(action, "inspect") == 0)
        return git_inspect(request, error);
    if (strcmp(action, "resolve") == 0)
        return git_resolve(request, error);
    if (strcmp(action, "checkout") == 0)
        return git_checkout(request, error);
    error_set(error, ERR_USAGE, "there is no action \"%s\"", action);
    return NULL;
}

int main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(json_t) answer = NULL;
    g_autofree char *text = NULL;

    /* Nothing of this is wanted without the berth that asked for it. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    /* libgit2 looks for known_hosts at home before we are asked, and takes no home for a failure.
     */
    g_setenv("HOME", "/nonexistent", TRUE);
    git_libgit2_init();
    /* Configuration of whoever runs us means nothing here. */
    for (int level = GIT_CONFIG_LEVEL_PROGRAMDATA; level <= GIT_CONFIG_LEVEL_GLOBAL; level++)
        git_libgit2_opts(GIT_OPT_SET_SEARCH_PATH, level, "");
    git_libgit2_opts(GIT_OPT_SET_OWNER_VALIDATION, 0);
    answer = run(argc == 2 ? argv[1] : "", &error);
    git_libgit2_shutdown();
    if (answer == NULL) {
        fprintf(stderr, "%s\n", error->message);
        return error_exit_status(error);
    }
    text = json_text(answer);
    return printf("%s\n", text) > 0 && fflush(stdout) == 0 ? 0 : 1;
}
