/* What the parts of berth-git share. One request a process: JSON on stdin, JSON on stdout. */
#pragma once

#include <git2.h>

#include "json.h"

G_DEFINE_AUTOPTR_CLEANUP_FUNC(git_repository, git_repository_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(git_remote, git_remote_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(git_object, git_object_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(git_commit, git_commit_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(git_tree, git_tree_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(git_tree_entry, git_tree_entry_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(git_blob, git_blob_free)

/* Sets an error from what libgit2 said last. Always FALSE. */
gboolean git_failed(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* The commit of 40 digits in `key` of a request. */
gboolean git_request_commit(git_repository *repository, const json_t *request, const char *key,
                            git_commit **ret_commit, GError **error);

/* Whether a server may be talked to, and with which credentials (transport.c). `request`: {url,
 * ca?, username?, token?, key?, known_hosts?}, all but url and username names of files. */
gboolean transport_set(const json_t *request, git_remote_callbacks *callbacks, GError **error);

/* fetch: {repo, url, ref?, ...} -> {id, author, subject, time}. The repository is made when it is
 * missing, and made anew when it cannot be read. */
json_t *git_fetch(const json_t *request, GError **error);

/* inspect: {repo, commit, base?, folder} -> {descends, signed}. `descends`: base is an ancestor, or
 * the commit itself. Writes the files `signature` and `payload` into the folder when it is signed.
 */
json_t *git_inspect(const json_t *request, GError **error);

/* resolve: {path, revision} -> {id, repo, work?}: the commit that a revision (branch, tag, HEAD~2,
 * ...) means in the repository around a path, that repository, and its working tree. */
json_t *git_resolve(const json_t *request, GError **error);

/* checkout: {repo, commit, target} -> {files}. Writes the commit's tree into the folder, which must
 * not exist: regular files only; links inside the tree become copies. */
json_t *git_checkout(const json_t *request, GError **error);
