#include "source_git.h"

#include <fcntl.h>
#include <string.h>
#include <sys/file.h>

#include "error.h"
#include "file.h"
#include "helper.h"
#include "spawn.h"

#define FETCH_MS (10u * 60 * 1000)

SourceFolder *source_folder_open(const char *state_dir, const char *name, const char *lock,
                                 GError **error)
{
    g_autoptr(SourceFolder) folder = g_new0(SourceFolder, 1);
    g_autofree char *path = NULL;

    folder->lock = -1;
    folder->dir = g_build_filename(state_dir, "sources", name, NULL);
    path = g_build_filename(folder->dir, lock, NULL);
    if (!file_make_directory(folder->dir, 0700, error))
        return NULL;
    folder->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (folder->lock < 0) {
        error_errno(error, errno, "open %s", path);
        return NULL;
    }
    while (flock(folder->lock, LOCK_EX) < 0) {
        if (errno != EINTR) {
            error_errno(error, errno, "lock %s", path);
            return NULL;
        }
    }
    return g_steal_pointer(&folder);
}

void source_folder_close(SourceFolder *folder)
{
    if (folder == NULL)
        return;
    if (folder->lock >= 0)
        close(folder->lock);
    g_free(folder->dir);
    g_free(folder);
}

char *source_secret_path(const char *text, GError **error)
{
    const char *folder = g_getenv("CREDENTIALS_DIRECTORY");

    if (!g_str_has_prefix(text, "credential:"))
        return g_strdup(text);
    if (folder != NULL)
        return g_build_filename(folder, text + strlen("credential:"), NULL);
    error_set(error, ERR_FAILED, "%s: the service manager handed no credentials over", text);
    return NULL;
}

/* What a helper says of a revision is for people; that it is a program that failed is not. An exit
 * status of 65 means that the revision, not the way to it, is wrong. */
static void plain_error(GError **error)
{
    static const char prefix[] = "berth-git failed with status ";
    const char *text = error != NULL && *error != NULL ? (*error)->message : NULL;
    gboolean invalid;
    char *rest;

    if (text == NULL || !g_str_has_prefix(text, prefix) || strchr(text, ':') == NULL)
        return;
    invalid = atoi(text + strlen(prefix)) == 65;
    rest = g_strdup(g_strstrip(strchr(text, ':') + 1));
    g_free((*error)->message);
    (*error)->message = rest;
    if (invalid)
        (*error)->code = ERR_INVALID;
}

static json_t *run(const char *action, const json_t *request, volatile gint *cancel, GError **error)
{
    g_autofree char *program = helper_path("berth-git", error);
    g_autofree char *input = json_text(request);
    g_autofree char *output = NULL;
    const char *argv[] = {program, action, NULL};
    SpawnOptions options = {
        .input = input, .timeout_ms = FETCH_MS, .keep_fd = -1, .cancel = cancel};
    json_t *answer;

    if (program == NULL)
        return NULL;
    if (!spawn_run(argv, &options, &output, error)) {
        plain_error(error);
        return NULL;
    }
    answer = json_loads(output, 0, NULL);
    if (answer == NULL)
        error_set(error, ERR_FAILED, "berth-git gives no answer");
    return answer;
}

static json_t *request_new(const SourceFolder *folder)
{
    g_autofree char *repo = g_build_filename(folder->dir, "repo.git", NULL);

    return json_pack("{s:s}", "repo", repo);
}

static gboolean add_file(json_t *request, const char *member, const Object *source,
                         const char *field, GError **error)
{
    const char *text = source_text(source, field);
    g_autofree char *path = NULL;

    if (text == NULL)
        return TRUE;
    path = source_secret_path(text, error);
    if (path == NULL)
        return FALSE;
    json_object_set_new(request, member, json_string(path));
    return TRUE;
}

json_t *source_git_fetch(const SourceFolder *folder, const Object *source, volatile gint *cancel,
                         GError **error)
{
    g_autoptr(json_t) request = request_new(folder);
    const char *ref = source_text(source, "ref");

    json_object_set_new(request, "url", json_string(source_text(source, "url")));
    json_object_set_new(request, "username", json_string(source_text(source, "username")));
    if (ref != NULL)
        json_object_set_new(request, "ref", json_string(ref));
    if (!add_file(request, "ca", source, "ca_file", error) ||
        !add_file(request, "token", source, "token_file", error) ||
        !add_file(request, "key", source, "ssh_key_file", error) ||
        !add_file(request, "known_hosts", source, "known_hosts_file", error))
        return NULL;
    return run("fetch", request, cancel, error);
}

gboolean source_git_inspect(const SourceFolder *folder, const char *commit, const char *base,
                            const char *parts, gboolean *ret_descends, gboolean *ret_signed,
                            GError **error)
{
    g_autoptr(json_t) request = request_new(folder);
    g_autoptr(json_t) answer = NULL;

    json_object_set_new(request, "commit", json_string(commit));
    json_object_set_new(request, "folder", json_string(parts));
    if (base != NULL)
        json_object_set_new(request, "base", json_string(base));
    answer = run("inspect", request, NULL, error);
    *ret_descends = json_is_true(json_object_get(answer, "descends"));
    *ret_signed = json_is_true(json_object_get(answer, "signed"));
    return answer != NULL;
}

/* The folder keeps its name from revision to revision: state files may name others beside them. */
char *source_git_checkout(const SourceFolder *folder, const char *commit, volatile gint *cancel,
                          GError **error)
{
    g_autofree char *tree = g_build_filename(folder->dir, "tree", NULL);
    g_autofree char *mark = g_build_filename(folder->dir, "tree.commit", NULL);
    g_autofree char *there = NULL;
    g_autoptr(json_t) request = request_new(folder);
    g_autoptr(json_t) answer = NULL;

    if (g_file_get_contents(mark, &there, NULL, NULL) && strcmp(there, commit) == 0)
        return g_steal_pointer(&tree);
    if (!file_remove(mark, error) || !file_remove_tree(tree, error))
        return NULL;
    json_object_set_new(request, "commit", json_string(commit));
    json_object_set_new(request, "target", json_string(tree));
    answer = run("checkout", request, cancel, error);
    if (answer == NULL || !file_write(mark, commit, -1, 0600, NULL, error))
        return NULL;
    return g_steal_pointer(&tree);
}

json_t *source_git_resolve(const char *path, const char *revision, GError **error)
{
    g_autoptr(json_t) request = json_pack("{s:s, s:s}", "path", path, "revision", revision);

    return run("resolve", request, NULL, error);
}

gboolean source_git_export(const json_t *commit, const char *target, GError **error)
{
    g_autoptr(json_t) request =
        json_pack("{s:s, s:s, s:s}", "repo", json_member_string(commit, "repo"), "commit",
                  json_member_string(commit, "id"), "target", target);
    g_autoptr(json_t) answer = run("checkout", request, NULL, error);

    return answer != NULL;
}
