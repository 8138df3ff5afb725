/* remote: servers that are known by a name (OPS-70..79, AUTH-40..43). */
#include <string.h>

#include "command.h"
#include "error.h"
#include "file.h"
#include "http/certificate.h"
#include "output.h"
#include "prompt.h"
#include "remotes.h"
#include "table.h"

#define DEFAULT_PORT 8443

/* What a remote is added by: a token (AUTH-30), or an address. */
typedef struct {
    json_t *token; /* NULL: none */
    char *url;
} Target;

static void target_clear(Target *target)
{
    json_decref(target->token);
    g_free(target->url);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Target, target_clear)

/* NULL when the text is no token. */
static json_t *read_token(const char *text)
{
    gsize length = 0;
    g_autofree guchar *bytes = g_base64_decode(text, &length);
    json_t *token = json_loadb((const char *)bytes, length, 0, NULL);

    if (json_member_string(token, "secret") != NULL &&
        json_member_string(token, "fingerprint") != NULL &&
        json_array_size(json_object_get(token, "addresses")) > 0)
        return token;
    json_decref(token);
    return NULL;
}

/* "HOST[:PORT]" or an https address, as an https address with its port. */
static char *url_of(const char *address, GError **error)
{
    g_autofree char *whole =
        strstr(address, "://") != NULL ? g_strdup(address) : g_strconcat("https://", address, NULL);
    g_autoptr(GUri) uri = g_uri_parse(whole, G_URI_FLAGS_NONE, NULL);
    gboolean v6;
    int port;

    if (uri == NULL || strcmp(g_uri_get_scheme(uri), "https") != 0 || g_uri_get_host(uri) == NULL ||
        *g_uri_get_host(uri) == '\0') {
        error_set(error, ERR_USAGE,
                  "'%s' is no address of a server: write HOST, HOST:PORT or "
                  "https://HOST:PORT",
                  address);
        return NULL;
    }
    v6 = strchr(g_uri_get_host(uri), ':') != NULL;
    port = g_uri_get_port(uri) > 0 ? g_uri_get_port(uri) : DEFAULT_PORT;
    return g_strdup_printf("https://%s%s%s:%d", v6 ? "[" : "", g_uri_get_host(uri), v6 ? "]" : "",
                           port);
}

/* AUTH-41: the certificate is accepted by a token that names it, by --accept-certificate, or by a
 * person. */
static gboolean accept(const Cli *cli, const Target *target, const char *pem, GError **error)
{
    g_autoptr(GBytes) der = certificate_from_pem(pem, error);
    g_autofree char *fingerprint = der != NULL ? certificate_fingerprint(der) : NULL;
    gboolean yes = FALSE;

    if (fingerprint == NULL)
        return FALSE;
    if (target->token != NULL)
        return g_ascii_strcasecmp(fingerprint, json_member_string(target->token, "fingerprint")) ==
                   0 ||
               error_set(error, ERR_PERMISSION,
                         "%s shows the certificate %s, not the one that the token is for",
                         target->url, fingerprint);
    message("Certificate fingerprint: %s", fingerprint);
    if (cli->args->accept_certificate)
        return TRUE;
    if (!prompt_yes("Is that the server's?", !cli->args->no_input, &yes, error)) {
        g_prefix_error(error, "--accept-certificate is not given: ");
        return FALSE;
    }
    return yes || error_set(error, ERR_FAILED, "the certificate was not accepted");
}

static gboolean is_trusted(Client *client, gboolean *ret, GError **error)
{
    g_autoptr(json_t) server = client_get(client, "/1.0", error);

    *ret = g_strcmp0(json_member_string(server, "auth"), "trusted") == 0;
    return server != NULL;
}

/* Has the server add our certificate to its trust store, by token or password (AUTH-25, AUTH-31).
 */
static gboolean enrol(const Cli *cli, Client *client, const char *token, GError **error)
{
    const char *password = token != NULL ? token : cli->args->password;
    g_autoptr(json_t) body = NULL;
    g_autoptr(json_t) answer = NULL;
    gboolean trusted;

    if (!is_trusted(client, &trusted, error))
        return FALSE;
    if (trusted)
        return TRUE;
    if (password == NULL)
        return error_set(error, ERR_PERMISSION,
                         "%s does not know us: give --password or a token, or have our certificate "
                         "added there",
                         client_url(client));
    body = json_pack("{s:s, s:s}", "type", "client", "password", password);
    answer = client_ask(client, "POST", "/1.0/certificates", body, error);
    if (answer == NULL || !is_trusted(client, &trusted, error))
        return FALSE;
    return trusted || error_set(error, ERR_PERMISSION, "%s does not trust us", client_url(client));
}

static gboolean add_at(const Cli *cli, const char *name, Target *target, const char *token,
                       char **ret_pem, GError **error)
{
    g_autofree char *pem = client_certificate_of(target->url, error);
    g_autoptr(Client) client = NULL;

    if (pem == NULL || !accept(cli, target, pem, error))
        return FALSE;
    client = remotes_client(name, target->url, pem, error);
    if (client == NULL || !enrol(cli, client, token, error))
        return FALSE;
    *ret_pem = g_steal_pointer(&pem);
    return TRUE;
}

/* A token names several addresses: the first that answers is it. */
static gboolean find(const Cli *cli, const char *name, const char *what, char **ret_url,
                     char **ret_pem, GError **error)
{
    g_auto(Target) target = {read_token(what), NULL};
    const json_t *address;
    size_t i;

    if (target.token == NULL) {
        target.url = url_of(what, error);
        if (target.url == NULL || !add_at(cli, name, &target, NULL, ret_pem, error))
            return FALSE;
        *ret_url = g_steal_pointer(&target.url);
        return TRUE;
    }
    json_array_foreach (json_object_get(target.token, "addresses"), i, address) {
        g_clear_error(error);
        g_free(target.url);
        target.url = url_of(json_string_value(address), error);
        if (target.url != NULL && add_at(cli, name, &target, what, ret_pem, error)) {
            *ret_url = g_steal_pointer(&target.url);
            return TRUE;
        }
        if (error != NULL && !g_error_matches(*error, BERTH_ERROR, ERR_UNAVAILABLE))
            return FALSE;
    }
    return FALSE;
}

static gboolean add(Cli *cli, json_t *remotes, GError **error)
{
    const char *name = cli->words[1];
    g_autofree char *pin_path = remotes_pin_path(name);
    g_autofree char *folder = g_path_get_dirname(pin_path);
    g_autofree char *url = NULL;
    g_autofree char *pem = NULL;
    g_autoptr(GError) local = NULL;

    if (*name == '\0' || strpbrk(name, ":/") != NULL || *name == '.')
        return error_set(error, ERR_USAGE, "'%s': a name has no ':' and no '/'", name);
    if (remotes_has(remotes, name))
        return error_set(error, ERR_EXISTS, "there is a remote %s already", name);
    if (!find(cli, name, cli->words[2], &url, &pem, &local)) {
        g_propagate_error(error, g_steal_pointer(&local));
        return FALSE;
    }
    json_object_set_new(json_object_get(remotes, "remotes"), name, json_pack("{s:s}", "addr", url));
    return file_make_directory(folder, 0700, error) &&
           file_write(pin_path, pem, -1, 0644, NULL, error) && remotes_write(remotes, error);
}

static gboolean list(Cli *cli, const json_t *remotes)
{
    const char *chosen = json_member_string(remotes, "default");
    g_autoptr(Table) table = table_new((const char *const[]){"NAME", "URL", "DEFAULT", NULL});
    g_autoptr(GPtrArray) names = json_sorted_keys(json_object_get(remotes, "remotes"));

    table_add(table, "local", "unix:", strcmp(chosen, "local") == 0 ? "yes" : "");
    for (guint i = 0; i < names->len; i++) {
        const char *name = names->pdata[i];
        const json_t *remote = json_object_get(json_object_get(remotes, "remotes"), name);

        table_add(table, name, json_member_string(remote, "addr"),
                  strcmp(chosen, name) == 0 ? "yes" : "");
    }
    table_print(table, cli_list_format(cli), NULL);
    return TRUE;
}

static gboolean change(json_t *remotes, const char *verb, const char *name, GError **error)
{
    gboolean removes = strcmp(verb, "remove") == 0;
    g_autofree char *pin_path = remotes_pin_path(name);

    if (!remotes_has(remotes, name))
        return error_set(error, ERR_NOT_FOUND, "there is no remote %s", name);
    if (removes && strcmp(name, "local") == 0)
        return error_set(error, ERR_REFUSED, "the remote local cannot be removed");
    if (removes && strcmp(json_member_string(remotes, "default"), name) == 0)
        return error_set(error, ERR_REFUSED,
                         "%s is what commands ask by default: switch to another one first", name);
    if (!removes)
        json_object_set_new(remotes, "default", json_string(name));
    else if (!file_remove(pin_path, error))
        return FALSE;
    else
        json_object_del(json_object_get(remotes, "remotes"), name);
    return remotes_write(remotes, error);
}

gboolean command_remote(Cli *cli, GError **error)
{
    static const struct {
        const char *verb;
        guint words;
    } verbs[] = {{"add", 3}, {"list", 1}, {"switch", 2}, {"remove", 2}};
    g_autoptr(json_t) remotes = remotes_read(error);
    const char *verb = cli->words[0];

    if (remotes == NULL)
        return FALSE;
    for (guint i = 0; i < G_N_ELEMENTS(verbs); i++) {
        if (strcmp(verbs[i].verb, verb) != 0)
            continue;
        if (g_strv_length(cli->words) != verbs[i].words)
            return error_set(error, ERR_USAGE,
                             "write: berth remote add NAME ADDRESS|TOKEN, list, switch NAME, or "
                             "remove NAME");
        if (i == 0)
            return add(cli, remotes, error);
        return i == 1 ? list(cli, remotes) : change(remotes, verb, cli->words[1], error);
    }
    return error_set(error, ERR_USAGE, "berth remote has add, list, switch and remove, not '%s'",
                     verb);
}
