/* Which commit a word means, in the repository that a path is in. */
#include "error.h"
#include "git.h"

json_t *git_resolve(const json_t *request, GError **error)
{
    const char *path = json_member_string(request, "path");
    const char *revision = json_member_string(request, "revision");
    g_autoptr(git_repository) repository = NULL;
    g_autoptr(git_object) found = NULL;
    g_autoptr(git_object) commit = NULL;
    char id[GIT_OID_HEXSZ + 1];

    if (path == NULL || revision == NULL) {
        error_set(error, ERR_USAGE, "the request names no path or revision");
        return NULL;
    }
    if (git_repository_open_ext(&repository, path, 0, NULL) < 0) {
        error_set(error, ERR_INVALID, "%s is in no git repository", path);
        return NULL;
    }
    if (git_revparse_single(&found, repository, revision) < 0 ||
        git_object_peel(&commit, found, GIT_OBJECT_COMMIT) < 0) {
        error_set(error, ERR_INVALID, "%s has no revision %s", git_repository_path(repository),
                  revision);
        return NULL;
    }
    git_oid_tostr(id, sizeof id, git_object_id(commit));
    return json_pack("{s:s, s:s, s:s?}", "id", id, "repo", git_repository_commondir(repository),
                     "work", git_repository_workdir(repository));
}
