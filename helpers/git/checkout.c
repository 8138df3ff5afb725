/* A commit's tree as files. Nothing that the repository says can lead out of the folder: names are
 * opened one by one from descriptors, and no link is ever made. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "error.h"
#include "file.h"
#include "git.h"

#define DEPTH_MAX 64u
#define FILES_MAX 100000u
#define BYTES_MAX (1024u << 20) /* of all files together */
#define LINKS_MAX 8u

typedef struct {
    git_repository *repository;
    const git_tree *root;
    guint files;
    guint64 bytes;
} Checkout;

static gboolean is_state_file(const char *name)
{
    return g_str_has_suffix(name, ".yaml") || g_str_has_suffix(name, ".yml");
}

static gboolean is_safe_name(const char *name)
{
    return *name != '\0' && strchr(name, '/') == NULL && strcmp(name, ".") != 0 &&
           strcmp(name, "..") != 0;
}

static gboolean write_blob(Checkout *checkout, const git_oid *id, int folder, const char *name,
                           const char *path, GError **error)
{
    g_autoptr(git_blob) blob = NULL;
    g_auto(Fd) fd = -1;
    const char *content;
    gsize size;

    if (git_blob_lookup(&blob, checkout->repository, id) < 0)
        return git_failed(error, "%s", path);
    content = git_blob_rawcontent(blob);
    size = (gsize)git_blob_rawsize(blob);
    checkout->bytes += size;
    if (++checkout->files > FILES_MAX || checkout->bytes > BYTES_MAX)
        return error_set(error, ERR_INVALID, "%s: the repository has more than %u files or %u MiB",
                         path, FILES_MAX, BYTES_MAX >> 20);
    fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return error_errno(error, errno, "write %s", path);
    return file_write_all(fd, content, size) || error_errno(error, errno, "write %s", path);
}

/* Where a link leads, as a path inside the tree; NULL when it leads out. */
static char *link_target(Checkout *checkout, const git_oid *id, const char *path)
{
    g_autoptr(git_blob) blob = NULL;
    g_autoptr(GPtrArray) parts = g_ptr_array_new();
    g_autofree char *folder = g_path_get_dirname(path);
    g_autofree char *text = NULL;
    g_autofree char *joined = NULL;
    g_auto(GStrv) words = NULL;

    if (git_blob_lookup(&blob, checkout->repository, id) < 0)
        return NULL;
    text = g_strndup(git_blob_rawcontent(blob), (gsize)git_blob_rawsize(blob));
    if (*text == '/')
        return NULL;
    joined = g_strconcat(folder, "/", text, NULL);
    words = g_strsplit(joined, "/", -1);
    for (char **word = words; *word != NULL; word++) {
        if (**word == '\0' || strcmp(*word, ".") == 0)
            continue;
        if (strcmp(*word, "..") != 0)
            g_ptr_array_add(parts, *word);
        else if (parts->len == 0)
            return NULL;
        else
            g_ptr_array_set_size(parts, (gint)parts->len - 1);
    }
    g_ptr_array_add(parts, NULL);
    return g_strjoinv("/", (char **)parts->pdata);
}

/* A link to a file of the tree becomes a copy of it. Others are left out; but for state files,
 * which would then be missed silently. */
static gboolean write_link(Checkout *checkout, const git_tree_entry *entry, int folder,
                           const char *path, GError **error)
{
    const char *name = git_tree_entry_name(entry);
    g_autofree char *target = link_target(checkout, git_tree_entry_id(entry), path);

    for (guint links = 0; target != NULL && links < LINKS_MAX; links++) {
        g_autoptr(git_tree_entry) found = NULL;
        g_autofree char *here = g_steal_pointer(&target);

        if (git_tree_entry_bypath(&found, checkout->root, here) < 0 ||
            git_tree_entry_type(found) != GIT_OBJECT_BLOB)
            break;
        if (git_tree_entry_filemode(found) != GIT_FILEMODE_LINK)
            return write_blob(checkout, git_tree_entry_id(found), folder, name, path, error);
        target = link_target(checkout, git_tree_entry_id(found), here);
    }
    return !is_state_file(name) ||
           error_set(error, ERR_INVALID, "%s is a link that leads to no file of the repository",
                     path);
}

static gboolean write_tree(Checkout *checkout, const git_tree *tree, int folder, const char *path,
                           guint depth, GError **error);

static gboolean write_folder(Checkout *checkout, const git_tree_entry *entry, int folder,
                             const char *path, guint depth, GError **error)
{
    const char *name = git_tree_entry_name(entry);
    g_autoptr(git_tree) tree = NULL;
    g_auto(Fd) fd = -1;

    if (git_tree_lookup(&tree, checkout->repository, git_tree_entry_id(entry)) < 0)
        return git_failed(error, "%s", path);
    if (mkdirat(folder, name, 0700) < 0)
        return error_errno(error, errno, "make %s", path);
    fd = openat(folder, name, O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return error_errno(error, errno, "open %s", path);
    return write_tree(checkout, tree, fd, path, depth + 1, error);
}

static gboolean write_tree(Checkout *checkout, const git_tree *tree, int folder, const char *path,
                           guint depth, GError **error)
{
    if (depth > DEPTH_MAX)
        return error_set(error, ERR_INVALID, "%s: folders are nested too deep", path);
    for (size_t i = 0; i < git_tree_entrycount(tree); i++) {
        const git_tree_entry *entry = git_tree_entry_byindex(tree, i);
        const char *name = git_tree_entry_name(entry);
        g_autofree char *below =
            *path != '\0' ? g_strconcat(path, "/", name, NULL) : g_strdup(name);
        gboolean done = TRUE;

        if (!is_safe_name(name))
            return error_set(error, ERR_INVALID, "\"%s\" is no name of a file", below);
        if (git_tree_entry_type(entry) == GIT_OBJECT_TREE)
            done = write_folder(checkout, entry, folder, below, depth, error);
        else if (git_tree_entry_filemode(entry) == GIT_FILEMODE_LINK)
            done = write_link(checkout, entry, folder, below, error);
        else if (git_tree_entry_type(entry) == GIT_OBJECT_BLOB)
            done = write_blob(checkout, git_tree_entry_id(entry), folder, name, below, error);
        if (!done)
            return FALSE;
    }
    return TRUE;
}

json_t *git_checkout(const json_t *request, GError **error)
{
    const char *path = json_member_string(request, "repo");
    const char *target = json_member_string(request, "target");
    g_autoptr(git_repository) repository = NULL;
    g_autoptr(git_commit) commit = NULL;
    g_autoptr(git_tree) tree = NULL;
    g_auto(Fd) folder = -1;
    Checkout checkout = {0};

    if (path == NULL || target == NULL || git_repository_open_bare(&repository, path) < 0) {
        git_failed(error, "%s", path != NULL ? path : "no repo");
        return NULL;
    }
    if (!git_request_commit(repository, request, "commit", &commit, error))
        return NULL;
    if (git_commit_tree(&tree, commit) < 0) {
        git_failed(error, "tree");
        return NULL;
    }
    if (mkdir(target, 0700) < 0 ||
        (folder = open(target, O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) < 0) {
        error_errno(error, errno, "make %s", target);
        return NULL;
    }
    checkout.repository = repository;
    checkout.root = tree;
    if (!write_tree(&checkout, tree, folder, "", 0, error))
        return NULL;
    return json_pack("{s:i}", "files", (int)checkout.files);
}
