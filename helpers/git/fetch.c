/* Bringing what is wanted into a bare repository, and saying which commit that is. */
#include <glib/gstdio.h>
#include <string.h>

#include "error.h"
#include "file.h"
#include "git.h"

#define KEPT_REF "refs/berth/wanted" /* so that the next fetch says what is there already */
#define PACKS_MAX 50u /* above that the repository is fetched anew: libgit2 has no gc */

/* A fetch that was killed leaves locks and half a pack behind. */
static void sweep(const char *folder, gboolean packs, guint depth)
{
    GDir *dir = g_dir_open(folder, 0, NULL);
    const char *name;

    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *path = g_build_filename(folder, name, NULL);

        if (packs ? g_str_has_prefix(name, "pack_git2_") || g_str_has_prefix(name, "tmp_")
                  : g_str_has_suffix(name, ".lock"))
            g_unlink(path);
        else if (!packs && depth > 0 && g_file_test(path, G_FILE_TEST_IS_DIR))
            sweep(path, FALSE, depth - 1);
    }
    if (dir != NULL)
        g_dir_close(dir);
}

static guint count_packs(const char *folder)
{
    GDir *dir = g_dir_open(folder, 0, NULL);
    const char *name;
    guint count = 0;

    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL)
        count += g_str_has_suffix(name, ".pack");
    if (dir != NULL)
        g_dir_close(dir);
    return count;
}

static gboolean open_repository(const char *path, git_repository **ret, GError **error)
{
    g_autofree char *packs = g_build_filename(path, "objects", "pack", NULL);
    g_autofree char *refs = g_build_filename(path, "refs", NULL);

    sweep(path, FALSE, 0);
    sweep(refs, FALSE, 8);
    sweep(packs, TRUE, 0);
    if (count_packs(packs) <= PACKS_MAX && git_repository_open_bare(ret, path) == 0)
        return TRUE;
    /* Nothing in it is worth more than a fetch. */
    if (!file_remove_tree(path, error))
        return FALSE;
    return git_repository_init(ret, path, 1) == 0 || git_failed(error, "make %s", path);
}

static const git_remote_head *find_head(const git_remote_head **heads, size_t count,
                                        const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(heads[i]->name, name) == 0)
            return heads[i];
    return NULL;
}

static gboolean is_id(const char *ref)
{
    return strlen(ref) == GIT_OID_HEXSZ && strspn(ref, "0123456789abcdef") == GIT_OID_HEXSZ;
}

/* A branch before a tag, as git itself has it. */
static const git_remote_head *choose(const git_remote_head **heads, size_t count, const char *ref)
{
    g_autofree char *branch = ref != NULL ? g_strconcat("refs/heads/", ref, NULL) : NULL;
    g_autofree char *tag = ref != NULL ? g_strconcat("refs/tags/", ref, NULL) : NULL;
    const git_remote_head *head;

    if (ref == NULL)
        return find_head(heads, count, "HEAD");
    if (g_str_has_prefix(ref, "refs/"))
        return find_head(heads, count, ref);
    head = find_head(heads, count, branch);
    return head != NULL ? head : find_head(heads, count, tag);
}

static gboolean download(git_repository *repository, git_remote *remote,
                         git_remote_callbacks *callbacks, const git_remote_head *head,
                         GError **error)
{
    static char *all[] = {(char *)"+refs/heads/*:refs/berth/heads/*",
                          (char *)"+refs/tags/*:refs/berth/tags/*"};
    git_fetch_options options = GIT_FETCH_OPTIONS_INIT;
    char *one[] = {head != NULL ? head->name : NULL};
    git_strarray specs = {head != NULL ? one : all, head != NULL ? 1 : G_N_ELEMENTS(all)};
    git_odb *odb = NULL;
    gboolean there = FALSE;

    if (head != NULL && git_repository_odb(&odb, repository) == 0) {
        there = git_odb_exists(odb, &head->oid);
        git_odb_free(odb);
    }
    options.callbacks = *callbacks;
    options.download_tags = GIT_REMOTE_DOWNLOAD_TAGS_NONE;
    return there || git_remote_download(remote, &specs, &options) == 0 ||
           git_failed(error, "fetch");
}

static json_t *describe(git_commit *commit)
{
    const git_signature *author = git_commit_author(commit);
    g_autofree char *name = g_utf8_make_valid(author->name, -1);
    g_autofree char *mail = g_utf8_make_valid(author->email, -1);
    g_autofree char *who = g_strdup_printf("%s <%s>", name, mail);
    const char *summary = git_commit_summary(commit);
    g_autofree char *subject = g_utf8_make_valid(summary != NULL ? summary : "", -1);
    char id[GIT_OID_HEXSZ + 1];

    git_oid_tostr(id, sizeof id, git_commit_id(commit));
    return json_pack("{s:s, s:s, s:s, s:I}", "id", id, "author", who, "subject", subject, "time",
                     (json_int_t)git_commit_time(commit));
}

static json_t *keep(git_repository *repository, const git_oid *oid, GError **error)
{
    g_autoptr(git_object) object = NULL;
    g_autoptr(git_object) commit = NULL;
    git_reference *ref = NULL;

    if (git_object_lookup(&object, repository, oid, GIT_OBJECT_ANY) < 0 ||
        git_object_peel(&commit, object, GIT_OBJECT_COMMIT) < 0) {
        git_failed(error, "what is fetched is no commit");
        return NULL;
    }
    if (git_reference_create(&ref, repository, KEPT_REF, git_object_id(commit), 1, NULL) < 0) {
        git_failed(error, "write %s", KEPT_REF);
        return NULL;
    }
    git_reference_free(ref);
    return describe((git_commit *)commit);
}

json_t *git_fetch(const json_t *request, GError **error)
{
    const char *ref = json_member_string(request, "ref");
    const char *url = json_member_string(request, "url");
    const char *path = json_member_string(request, "repo");
    git_remote_callbacks callbacks = GIT_REMOTE_CALLBACKS_INIT;
    g_autoptr(git_repository) repository = NULL;
    g_autoptr(git_remote) remote = NULL;
    const git_remote_head **heads;
    const git_remote_head *head;
    git_oid oid;
    size_t count;

    if (url == NULL || path == NULL) {
        error_set(error, ERR_USAGE, "the request names no url or repo");
        return NULL;
    }
    if (!open_repository(path, &repository, error) || !transport_set(request, &callbacks, error))
        return NULL;
    if (git_remote_create_anonymous(&remote, repository, url) < 0 ||
        git_remote_connect(remote, GIT_DIRECTION_FETCH, &callbacks, NULL, NULL) < 0 ||
        git_remote_ls(&heads, &count, remote) < 0) {
        git_failed(error, "%s", url);
        return NULL;
    }
    head = choose(heads, count, ref);
    if (head == NULL && (ref == NULL || !is_id(ref))) {
        error_set(error, ERR_NOT_FOUND,
                  ref != NULL ? "%s has no branch or tag %s" : "%s has no default branch%s", url,
                  ref != NULL ? ref : "");
        return NULL;
    }
    if (head != NULL)
        oid = head->oid;
    else
        git_oid_fromstr(&oid, ref);
    if (!download(repository, remote, &callbacks, head, error))
        return NULL;
    return keep(repository, &oid, error);
}
