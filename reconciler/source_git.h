/* A source's folder below the state directory, `sources/NAME`: the bare repository `repo.git`, the
 * checked-out files `tree`, and two locks: who holds `fetch.lock` may fetch, who holds `sync.lock`
 * may check out and put in force, so that a new revision is seen while an old one is under way. Git
 * itself is the helper berth-git's. */
#pragma once

#include "source.h"

/* What is known of a revision: {id, author, subject, time}. */

typedef struct {
    char *dir; /* sources/NAME, absolute */
    int lock;
} SourceFolder;

/* Makes the folder when it is missing, and waits for the lock `lock` in it. */
SourceFolder *source_folder_open(const char *state_dir, const char *name, const char *lock,
                                 GError **error);
void source_folder_close(SourceFolder *folder);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SourceFolder, source_folder_close)

/* Fetches, and says which commit is wanted. New reference. */
json_t *source_git_fetch(const SourceFolder *folder, const Object *source, volatile gint *cancel,
                         GError **error);
/* Whether `base` (NULL: yes) is the commit or an ancestor of it. Puts the commit's signature, if it
 * has one, into the files `signature` and `payload` below `parts`. */
gboolean source_git_inspect(const SourceFolder *folder, const char *commit, const char *base,
                            const char *parts, gboolean *ret_descends, gboolean *ret_signed,
                            GError **error);
/* The folder with the commit's files. Newly allocated. */
char *source_git_checkout(const SourceFolder *folder, const char *commit, volatile gint *cancel,
                          GError **error);

/* The commit that a revision (branch, tag, HEAD~2, ...) means in the repository around a path: {id,
 * repo, work?: its working tree}. New reference; ERR_INVALID when there is none. */
json_t *source_git_resolve(const char *path, const char *revision, GError **error);
/* The files of such a commit, into a folder that does not exist yet. */
gboolean source_git_export(const json_t *commit, const char *target, GError **error);

/* A TYPE_SECRET_FILE as a path. Newly allocated; NULL with an error when the service manager handed
 * no such credential over. */
char *source_secret_path(const char *text, GError **error);
