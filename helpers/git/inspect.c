/* How a commit relates to another, and what its signature is over. */
#include <string.h>

#include "error.h"
#include "file.h"
#include "git.h"

static gboolean write_part(const char *folder, const char *name, const git_buf *part,
                           GError **error)
{
    g_autofree char *path = g_build_filename(folder, name, NULL);

    return file_write(path, part->ptr, (gssize)part->size, 0600, NULL, error);
}

/* The parts of a signature into files: other programs check them. */
static gboolean extract(git_repository *repository, const git_oid *id, const char *folder,
                        gboolean *ret_signed, GError **error)
{
    git_buf signature = GIT_BUF_INIT, payload = GIT_BUF_INIT;
    git_oid oid = *id;
    int code = git_commit_extract_signature(&signature, &payload, repository, &oid, NULL);
    gboolean done = TRUE;

    *ret_signed = code == 0;
    if (code == 0)
        done = write_part(folder, "signature", &signature, error) &&
               write_part(folder, "payload", &payload, error);
    else if (code != GIT_ENOTFOUND)
        done = git_failed(error, "signature");
    git_buf_dispose(&signature);
    git_buf_dispose(&payload);
    return done;
}

json_t *git_inspect(const json_t *request, GError **error)
{
    const char *path = json_member_string(request, "repo");
    const char *folder = json_member_string(request, "folder");
    const char *base = json_member_string(request, "base");
    g_autoptr(git_repository) repository = NULL;
    g_autoptr(git_commit) commit = NULL;
    gboolean descends = TRUE, is_signed = FALSE;
    git_oid old;

    if (path == NULL || git_repository_open_bare(&repository, path) < 0) {
        git_failed(error, "%s", path != NULL ? path : "no repo");
        return NULL;
    }
    if (!git_request_commit(repository, request, "commit", &commit, error))
        return NULL;
    if (base != NULL && git_oid_fromstr(&old, base) == 0)
        descends = git_oid_equal(&old, git_commit_id(commit)) ||
                   git_graph_descendant_of(repository, git_commit_id(commit), &old) == 1;
    if (folder != NULL && !extract(repository, git_commit_id(commit), folder, &is_signed, error))
        return NULL;
    return json_pack("{s:b, s:b}", "descends", descends, "signed", is_signed);
}
