#include "remotes.h"

#include <string.h>
#include <unistd.h>

#include "error.h"
#include "file.h"
#include "http/certificate.h"

#define FILE_MAX (1u << 20)

static char *path_of(const char *name)
{
    const char *dir = g_getenv("BERTH_CONF");
    const char *home = g_getenv("HOME");

    /* A relative one would be a folder of wherever we are; GLib asks the password file then. */
    if (home != NULL && !g_path_is_absolute(home))
        g_unsetenv("HOME");
    return dir != NULL && *dir != '\0'
               ? g_build_filename(dir, name, NULL)
               : g_build_filename(g_get_user_config_dir(), "berth", name, NULL);
}

json_t *remotes_read(GError **error)
{
    g_autofree char *path = path_of("remotes.json");
    g_autofree char *text = NULL;
    g_autoptr(GError) local = NULL;
    json_error_t problem;
    json_t *remotes;

    if (!file_read(path, FILE_MAX, &text, NULL, &local)) {
        if (g_error_matches(local, BERTH_ERROR, ERR_NOT_FOUND))
            return json_pack("{s:s, s:{}}", "default", "local", "remotes");
        g_propagate_prefixed_error(error, g_steal_pointer(&local),
                                   "which server is asked is not known (BERTH_CONF names another "
                                   "folder, --local asks none): ");
        return NULL;
    }
    remotes = json_loads(text, JSON_REJECT_DUPLICATES, &problem);
    if (json_member_string(remotes, "default") != NULL &&
        json_is_object(json_object_get(remotes, "remotes")))
        return remotes;
    json_decref(remotes);
    error_set(error, ERR_INVALID, "%s:%d:%d: this is no list of remotes: %s", path, problem.line,
              problem.column, problem.text);
    return NULL;
}

gboolean remotes_write(const json_t *remotes, GError **error)
{
    g_autofree char *path = path_of("remotes.json");
    g_autofree char *folder = g_path_get_dirname(path);
    char *text = json_dumps(remotes, JSON_INDENT(2) | JSON_SORT_KEYS);
    g_autofree char *whole = g_strconcat(text, "\n", NULL);

    free(text);
    return file_make_directory(folder, 0700, error) &&
           file_write(path, whole, -1, 0600, NULL, error);
}

gboolean remotes_has(const json_t *remotes, const char *name)
{
    return strcmp(name, "local") == 0 ||
           json_object_get(json_object_get(remotes, "remotes"), name) != NULL;
}

char *remotes_pin_path(const char *name)
{
    g_autofree char *file = g_strdup_printf("servercerts/%s.crt", name);

    return path_of(file);
}

Client *remotes_client(const char *name, const char *url, const char *pinned, GError **error)
{
    g_autofree char *certificate = path_of("client.crt");
    g_autofree char *key = path_of("client.key");
    g_autofree char *folder = g_path_get_dirname(key);
    g_autofree char *who = g_strdup_printf("%s@%s", g_get_user_name(), g_get_host_name());
    g_autofree char *pin_path = remotes_pin_path(name);
    g_autofree char *pin = NULL;
    g_autofree char *pem = NULL;
    g_autofree char *key_pem = NULL;
    ClientServer server = {url, pinned, certificate, key};

    if (pinned == NULL && !file_read(pin_path, FILE_MAX, &pin, NULL, error)) {
        g_prefix_error(error,
                       "the certificate of remote %s, accepted when it was added, is gone: ", name);
        return NULL;
    }
    if (pinned == NULL)
        server.pinned = pin;
    if (!file_make_directory(folder, 0700, error) ||
        !certificate_ensure(certificate, key, who, NULL, FALSE, &pem, &key_pem, error))
        return NULL;
    return client_new(&server, error);
}
