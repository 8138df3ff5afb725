/* Who is talked to, and as whom: certificates, tokens, keys. */
#include <libssh2.h>
#include <string.h>

#include "error.h"
#include "file.h"
#include "git.h"

#define SYSTEM_CA "/etc/ssl/certs/ca-certificates.crt"
#define SECRET_MAX (1 << 20)

static int certificate_check(git_cert *cert, int valid, const char *host, void *data)
{
    const json_t *request = data;
    const char *file = json_member_string(request, "known_hosts");
    const git_cert_hostkey *key = (const git_cert_hostkey *)cert;
    LIBSSH2_SESSION *session;
    LIBSSH2_KNOWNHOSTS *hosts;
    struct libssh2_knownhost *found;
    int result = LIBSSH2_KNOWNHOST_CHECK_FAILURE;

    if (cert->cert_type != GIT_CERT_HOSTKEY_LIBSSH2)
        return valid ? 0 : GIT_ECERTIFICATE;
    if (file == NULL || (key->type & GIT_CERT_SSH_RAW) == 0)
        return GIT_ECERTIFICATE;
    session = libssh2_session_init();
    hosts = libssh2_knownhost_init(session);
    if (libssh2_knownhost_readfile(hosts, file, LIBSSH2_KNOWNHOST_FILE_OPENSSH) >= 0) {
        g_autoptr(GUri) uri =
            g_uri_parse(json_member_string(request, "url"), G_URI_FLAGS_NONE, NULL);
        int port = uri != NULL && g_uri_get_port(uri) > 0 ? g_uri_get_port(uri) : 22;

        result = libssh2_knownhost_checkp(
            hosts, host, port, key->hostkey, key->hostkey_len,
            LIBSSH2_KNOWNHOST_TYPE_PLAIN | LIBSSH2_KNOWNHOST_KEYENC_RAW, &found);
    }
    libssh2_knownhost_free(hosts);
    libssh2_session_free(session);
    if (result == LIBSSH2_KNOWNHOST_CHECK_MATCH)
        return 0;
    git_error_set_str(GIT_ERROR_SSH, result == LIBSSH2_KNOWNHOST_CHECK_MISMATCH
                                         ? "the server's key is not the one in known_hosts_file"
                                         : "the server's key is not in known_hosts_file");
    return GIT_ECERTIFICATE;
}

static int give_token(git_credential **ret, const json_t *request, const char *user_of_url)
{
    const char *user = user_of_url != NULL ? user_of_url : json_member_string(request, "username");
    g_autofree char *token = NULL;
    g_autoptr(GError) error = NULL;
    gsize length;

    if (!file_read(json_member_string(request, "token"), SECRET_MAX, &token, &length, &error)) {
        git_error_set_str(GIT_ERROR_OS, error->message);
        return -1;
    }
    return git_credential_userpass_plaintext_new(ret, user != NULL ? user : "git",
                                                 g_strchomp(token));
}

/* Asked again means that what was given was refused: once is enough. */
static int credentials(git_credential **ret, const char *url, const char *user_of_url,
                       unsigned int types, void *data)
{
    json_t *request = data;
    const char *key = json_member_string(request, "key");

    if ((types & GIT_CREDENTIAL_USERNAME) != 0)
        return git_credential_username_new(ret, user_of_url != NULL ? user_of_url : "git");
    if (json_object_get(request, "given") != NULL) {
        git_error_set_str(GIT_ERROR_NET, "the server refuses the credentials");
        return GIT_EAUTH;
    }
    json_object_set_new(request, "given", json_true());
    if ((types & GIT_CREDENTIAL_SSH_KEY) != 0 && key != NULL)
        return git_credential_ssh_key_new(ret, user_of_url != NULL ? user_of_url : "git", NULL, key,
                                          NULL);
    if ((types & GIT_CREDENTIAL_USERPASS_PLAINTEXT) != 0 &&
        json_member_string(request, "token") != NULL)
        return give_token(ret, request, user_of_url);
    git_error_set_str(GIT_ERROR_NET,
                      "the server asks for credentials, and the source has none for it");
    return GIT_EAUTH;
}

gboolean transport_set(const json_t *request, git_remote_callbacks *callbacks, GError **error)
{
    const char *ca = json_member_string(request, "ca");

    if (ca == NULL && file_exists(SYSTEM_CA))
        ca = SYSTEM_CA;
    if (ca != NULL && git_libgit2_opts(GIT_OPT_SET_SSL_CERT_LOCATIONS, ca, NULL) < 0)
        return git_failed(error, "ca_file %s", ca);
    callbacks->certificate_check = certificate_check;
    callbacks->credentials = credentials;
    callbacks->payload = (void *)request;
    return TRUE;
}
