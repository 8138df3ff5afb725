#include "source_verify.h"

#include <string.h>

#include "error.h"
#include "file.h"
#include "spawn.h"

#define PART_MAX (16 << 20)
#define KEYRING_MAX (64 << 20)

/* The parts of one signature, as files for programs. */
typedef struct {
    const char *commit; /* in messages */
    char *folder;
    char *signature; /* path */
    char *payload;   /* path */
} Signed;

static void signed_clear(Signed *parts)
{
    file_remove_tree(parts->folder, NULL);
    g_free(parts->folder);
    g_free(parts->signature);
    g_free(parts->payload);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Signed, signed_clear)

static gboolean refuse(const Signed *parts, const char *why, GError **error)
{
    return error_set(error, ERR_REFUSED, "commit %.12s is not put in force: %s", parts->commit,
                     why);
}

/* ---- SSH ---- */

static gboolean check_principal(const Signed *parts, const char *signers, const char *principal,
                                const char *payload)
{
    const char *argv[] = {"ssh-keygen", "-Y", "verify", "-f", signers,          "-I",
                          principal,    "-n", "git",    "-s", parts->signature, NULL};
    SpawnOptions options = {.input = payload, .keep_fd = -1};

    return spawn_run(argv, &options, NULL, NULL);
}

static gboolean verify_ssh(const Signed *parts, const char *signers, GError **error)
{
    const char *argv[] = {"ssh-keygen",     "-Y", "find-principals", "-s",
                          parts->signature, "-f", signers,           NULL};
    SpawnOptions options = {.keep_fd = -1};
    g_autofree char *payload = NULL;
    g_autofree char *output = NULL;
    g_autofree char *why = NULL;
    g_autoptr(GError) cause = NULL;
    g_auto(GStrv) principals = NULL;
    gsize length;

    if (!file_read(parts->payload, PART_MAX, &payload, &length, error))
        return FALSE;
    if (strlen(payload) != length)
        return refuse(parts, "its text holds a zero byte", error);
    if (!spawn_run(argv, &options, &output, &cause)) {
        why = g_strdup_printf("no allowed signer has made its signature (%s)", cause->message);
        return refuse(parts, why, error);
    }
    principals = g_strsplit(g_strchomp(output), "\n", -1);
    for (char **principal = principals; *principal != NULL; principal++)
        if (check_principal(parts, signers, *principal, payload))
            return TRUE;
    return refuse(parts, "its signature is wrong, or its key is not valid now, or not for git",
                  error);
}

/* ---- OpenPGP ---- */

static gboolean says(const char *status, const char *word)
{
    g_autofree char *line = g_strconcat("[GNUPG:] ", word, " ", NULL);

    return strstr(status, line) != NULL;
}

/* gpgv reads no text, and would say that the key is missing. */
static gboolean check_keyring(const char *keyring, GError **error)
{
    g_autofree char *content = NULL;
    gsize length;

    if (!file_exists(keyring))
        return error_set(error, ERR_FAILED, "keyring_file %s does not exist", keyring);
    if (!file_read(keyring, KEYRING_MAX, &content, &length, error))
        return FALSE;
    return !g_str_has_prefix(content, "-----BEGIN PGP") ||
           error_set(
               error, ERR_INVALID,
               "keyring_file %s is text: keyrings are binary; `gpg --dearmor` makes one of it",
               keyring);
}

static gboolean verify_openpgp(const Signed *parts, const char *keyring, GError **error)
{
    const char *argv[] = {"gpgv",      "--homedir", parts->folder,    "--status-fd",  "1",
                          "--keyring", keyring,     parts->signature, parts->payload, NULL};
    SpawnOptions options = {.keep_fd = -1};
    g_autofree char *status = NULL;
    g_autofree char *why = NULL;
    g_autoptr(GError) cause = NULL;

    if (!check_keyring(keyring, error))
        return FALSE;
    if (!spawn_run(argv, &options, &status, &cause)) {
        why =
            g_strdup_printf("its signature is not one of the keyring's keys (%s)", cause->message);
        return refuse(parts, why, error);
    }
    if (says(status, "EXPKEYSIG") || says(status, "EXPSIG") || says(status, "REVKEYSIG"))
        return refuse(parts, "its key or signature has expired or is revoked", error);
    if (!says(status, "GOODSIG") || !says(status, "VALIDSIG"))
        return refuse(parts, "its signature is not good", error);
    return TRUE;
}

/* ---- both ---- */

/* The signers as a file: the one that is named, or one made of the text. */
static char *signers_path(const Signed *parts, const Object *source, GError **error)
{
    const char *text = source_text(source, "signers");
    g_autofree char *path = NULL;

    if (text == NULL)
        return g_strdup(source_text(source, "signers_file"));
    path = g_build_filename(parts->folder, "signers", NULL);
    return file_write(path, text, -1, 0600, NULL, error) ? g_steal_pointer(&path) : NULL;
}

static gboolean wants_signature(const Object *source)
{
    return source_text(source, "signers") != NULL || source_text(source, "signers_file") != NULL ||
           source_text(source, "keyring_file") != NULL;
}

static gboolean verify_signature(const Signed *parts, const Object *source, GError **error)
{
    g_autofree char *text = NULL;
    g_autofree char *signers = NULL;
    const char *keyring = source_text(source, "keyring_file");
    g_autoptr(GError) local = NULL;
    gsize length;

    if (!file_read(parts->signature, PART_MAX, &text, &length, error))
        return FALSE;
    signers = signers_path(parts, source, &local);
    if (local != NULL) {
        g_propagate_error(error, g_steal_pointer(&local));
        return FALSE;
    }
    if (g_str_has_prefix(text, "-----BEGIN SSH SIGNATURE-----"))
        return signers != NULL
                   ? verify_ssh(parts, signers, error)
                   : refuse(parts, "it has an SSH signature, and the source no signers", error);
    if (g_str_has_prefix(text, "-----BEGIN PGP SIGNATURE-----"))
        return keyring != NULL
                   ? verify_openpgp(parts, keyring, error)
                   : refuse(parts, "it has an OpenPGP signature, and the source no keyring_file",
                            error);
    return refuse(parts, "its signature is of a sort that berth does not know", error);
}

/* EN-45: what is not signed by default has to go forward when it has to be signed: an old commit is
 * signed as well. */
static gboolean must_follow(const Object *source)
{
    const char *policy = source_text(source, "force_push");

    return policy != NULL ? strcmp(policy, "refuse") == 0 : wants_signature(source);
}

gboolean source_verify(const SourceFolder *folder, const Object *source, const char *commit,
                       const char *base, GError **error)
{
    g_auto(Signed) parts = {.commit = commit};
    gboolean descends, is_signed;
    g_autofree char *why = NULL;

    parts.folder = g_build_filename(folder->dir, "verify", NULL);
    parts.signature = g_build_filename(parts.folder, "signature", NULL);
    parts.payload = g_build_filename(parts.folder, "payload", NULL);
    if (!file_remove_tree(parts.folder, error) || !file_make_directory(parts.folder, 0700, error) ||
        !source_git_inspect(folder, commit, base, parts.folder, &descends, &is_signed, error))
        return FALSE;
    if (!descends && must_follow(source)) {
        why = g_strdup_printf("it does not follow from %.12s, which is in force (force_push: "
                              "refuse)",
                              base);
        return refuse(&parts, why, error);
    }
    if (!wants_signature(source))
        return TRUE;
    if (!is_signed)
        return refuse(&parts, "it is not signed", error);
    return verify_signature(&parts, source, error);
}
