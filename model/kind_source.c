#include "kind_rows.h"

#include <string.h>

#include "error.h"
#include "validate.h"

static const Row fields[] = {
    DESCRIPTION_ROW("EN-42"),
    ROW("type", ENUM, NULL, 0, NONE, REQUIRED, "EN-42", "What it is.", WORDS("git", "directory")),
    ROW("url", GIT_URL, NULL, 0, NONE, 0, "EN-42",
        "Git: where the repository is (https, ssh, or a path of this host)."),
    ROW("path", STRING, NULL, 0, NONE, 0, "EN-42",
        "Git: the folder or file inside the repository; all of it when unset. Directory: its "
        "absolute path."),
    ROW("ref", GIT_REF, NULL, 0, NONE, 0, "EN-42",
        "Git: the branch, tag or commit that is wanted; the repository's default branch when "
        "unset."),
    ROW("interval", SPAN, "5m", 0, NONE, 0, "EN-42", "Time between two looks."),
    ROW("project", STRING, NULL, 0, NONE, 0, "EN-42",
        "The only project that it may declare objects of, and the project of those that name none; "
        "when unset it may declare everything.",
        .ref = "project"),
    ROW("vars", MAP, NULL, 0, NONE, 0, "EN-04", "Values of variables that its files declare."),
    ROW("suspend", FLAG, "false", 0, NONE, 0, "EN-42",
        "Leave everything as it is until resumed: no look, no apply, no correction."),
    ROW("prune", FLAG, "false", 0, NONE, 0, "EN-43",
        "Delete objects that it declared before and declares no more."),
    ROW("max_deletes", NUMBER, NULL, 0, NONE, 0, "EN-43",
        "A revision that would delete more objects is refused; any number when unset.",
        BOUNDS(0, G_MAXINT32)),
    ROW("park_for", SPAN, "24h", 0, NONE, 0, "EN-43",
        "How long data of deleted objects can be brought back."),
    ROW("allow_restart", FLAG, "true", 0, NONE, 0, "EN-22",
        "Restart instances for what is in force only after that; else it stays pending."),
    ROW("allow_replace", FLAG, "false", 0, NONE, 0, "EN-22",
        "Rebuild and replace objects for what cannot be changed otherwise; else it stays pending."),
    ROW("new_image", FLAG, "false", 0, NONE, 0, "EN-09",
        "Make instances anew when their image is another one than they were made from: a rebuild, "
        "see allow_replace."),
    ROW("mode", ENUM, "correct", 0, NONE, 0, "EN-41",
        "What happens when the host drifts from the revision in force: nothing, a condition and "
        "an event, or that and a correction.",
        WORDS("off", "warn", "correct")),
    ROW("on_edit", ENUM, "reject", 0, NONE, 0, "EN-44",
        "What happens to an edit of its objects over the API: refused; kept for the time of "
        "hold_for; taken and corrected at the next look; kept until the files say the same.",
        WORDS("reject", "hold", "revert", "adopt")),
    ROW("hold_for", SPAN, "1h", 0, NONE, 0, "EN-44", "How long on_edit: hold keeps an edit."),
    ROW("signers", STRING, NULL, 0, NONE, 0, "EN-45",
        "Only commits with an SSH signature of these are applied: lines as in ssh-keygen's "
        "allowed signers file."),
    ROW("signers_file", PATH, NULL, 0, NONE, 0, "EN-45", "The same from a file of this host."),
    ROW("keyring_file", PATH, NULL, 0, NONE, 0, "EN-45",
        "Only commits with an OpenPGP signature of a key in this keyring are applied."),
    ROW("force_push", ENUM, NULL, 0, NONE, 0, "EN-45",
        "Whether the branch may move to a commit that does not follow from the one in force; when "
        "unset: refused if commits have to be signed, else allowed.",
        WORDS("allow", "refuse")),
    ROW("webhook_secret_file", SECRET_FILE, NULL, 0, NONE, 0, "EN-42",
        "File with the secret of the webhook that has it looked at now; no webhook when unset."),
    ROW("ca_file", PATH, NULL, 0, NONE, 0, "EN-42",
        "Https: certificates that the server is checked by, in place of the system's."),
    ROW("username", LINE, "git", 0, NONE, 0, "EN-42", "Https: user that the token belongs to."),
    ROW("token_file", SECRET_FILE, NULL, 0, NONE, 0, "EN-42",
        "Https: file with the token or password."),
    ROW("ssh_key_file", SECRET_FILE, NULL, 0, NONE, 0, "EN-42",
        "Ssh: file with the private key, without passphrase."),
    ROW("known_hosts_file", SECRET_FILE, NULL, 0, NONE, 0, "EN-42",
        "Ssh: file with the keys of servers; without it no server is trusted."),
    META_ROWS,
    USED_BY_ROW("EN-42"),
    ROW_END,
};

/* It names a folder and stands in messages. */
static gboolean check_name(const char *name, GError **error)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                  "-_.";

    if (*name == '\0' || strlen(name) > 63 || !g_ascii_isalnum(*name) ||
        strspn(name, allowed) != strlen(name))
        return error_set(error, ERR_INVALID,
                         "\"%s\" cannot name a source: use at most 63 letters, digits, '-', '_' "
                         "and '.', the first a letter or digit",
                         name);
    return TRUE;
}

static gboolean is_ssh(const char *url)
{
    return url != NULL &&
           (g_str_has_prefix(url, "ssh://") || (url[0] != '/' && strstr(url, "://") == NULL));
}

/* Keys that mean something only for some sources are refused on others: they would be dropped
 * silently. */
static void refuse(const Object *object, Problems *problems, const char *const *keys,
                   const char *why)
{
    for (; *keys != NULL; keys++)
        if (json_object_get(object->spec, *keys) != NULL)
            problem_add(problems, PROBLEM_ERROR, object, *keys, "%s", why);
}

static void check_inside(const Object *object, const char *path, Problems *problems)
{
    g_auto(GStrv) parts = g_strsplit(path, "/", -1);

    for (guint i = 0; parts[i] != NULL; i++)
        if (strcmp(parts[i], "..") == 0 || *path == '/') {
            problem_add(problems, PROBLEM_ERROR, object, "path",
                        "is a path inside the repository: it does not begin with '/' nor go up "
                        "by '..'");
            return;
        }
}

static void check_git(const Object *object, Problems *problems)
{
    static const char *const https[] = {"ca_file", "username", "token_file", NULL};
    static const char *const ssh[] = {"ssh_key_file", "known_hosts_file", NULL};
    const char *url = json_member_string(object->spec, "url");
    const char *path = json_member_string(object->spec, "path");

    if (url == NULL)
        problem_add(problems, PROBLEM_ERROR, object, "url", "is missing: where is the repository?");
    else if (!is_ssh(url))
        refuse(object, problems, ssh, "is for addresses that begin with ssh:// or HOST:");
    if (url != NULL && !g_str_has_prefix(url, "https://"))
        refuse(object, problems, https, "is for addresses that begin with https://");
    if (is_ssh(url) && (json_object_get(object->spec, "ssh_key_file") == NULL ||
                        json_object_get(object->spec, "known_hosts_file") == NULL))
        problem_add(problems, PROBLEM_ERROR, object, "url",
                    "an address of ssh needs ssh_key_file and known_hosts_file");
    if (path != NULL)
        check_inside(object, path, problems);
    if (json_object_get(object->spec, "signers") != NULL &&
        json_object_get(object->spec, "signers_file") != NULL)
        problem_add(problems, PROBLEM_ERROR, object, "signers_file",
                    "signers is there too: give one of them");
}

static void check_directory(const Object *object, Problems *problems)
{
    static const char *const git[] = {
        "url",     "ref",        "signers",      "signers_file",     "keyring_file", "force_push",
        "ca_file", "token_file", "ssh_key_file", "known_hosts_file", "username",     NULL};
    const char *path = json_member_string(object->spec, "path");

    refuse(object, problems, git, "is for sources of type git");
    if (path == NULL || *path != '/')
        problem_add(problems, PROBLEM_ERROR, object, "path",
                    "has to be the directory's absolute path");
}

static void check(const Snapshot *snapshot, const Object *object, Problems *problems)
{
    const char *type = json_member_string(object->spec, "type");

    if (g_strcmp0(type, "git") == 0)
        check_git(object, problems);
    else if (g_strcmp0(type, "directory") == 0)
        check_directory(object, problems);
    if (json_object_get(object->spec, "renamed_from") != NULL)
        problem_add(problems, PROBLEM_ERROR, object, "renamed_from",
                    "a source keeps its name: its objects belong to it by that");
    if (json_object_get(object->spec, "max_deletes") != NULL &&
        !json_is_true(json_object_get(object->spec, "prune")))
        problem_add(problems, PROBLEM_ERROR, object, "max_deletes",
                    "nothing is ever deleted without prune: true");
}

const Kind SOURCE_KIND = {
    .id = KIND_SOURCE,
    .name = "source",
    .plural = "sources",
    .title = "source",
    .api = "sources",
    .fields = fields,
    .check = check,
    .check_name = check_name,
};
