/* Types of what a source of state files is made of: where it is, and where its credentials are. */
#include <string.h>

#include "error.h"
#include "type.h"
#include "units.h"

static gboolean check_span(const Row *row, const char *text, GError **error)
{
    gint64 seconds;

    return units_parse_duration(text, &seconds, error);
}

static gboolean same_span(const char *a, const char *b)
{
    gint64 left, right;

    return units_parse_duration(a, &left, NULL) && units_parse_duration(b, &right, NULL) &&
           left == right;
}

STRING_TYPE(TYPE_SPAN, "duration", check_span, same_span, "{\"pattern\": \"^[0-9]\"}");

/* HOST:PATH, as ssh and git take it: the colon comes before any slash. */
static gboolean is_scp_like(const char *text)
{
    gsize length = strcspn(text, ":/");

    return length > 0 && text[length] == ':' && text[length + 1] != '\0' &&
           strstr(text, "://") == NULL;
}

static gboolean has_host(const char *rest)
{
    return *rest != '\0' && *rest != '/' && *rest != '@';
}

/* Only transports that prove who answers, and files of this host. */
static gboolean check_git_url(const Row *row, const char *text, GError **error)
{
    g_autoptr(GUri) uri = NULL;

    for (const char *c = text; *c != '\0'; c++)
        if (g_ascii_isspace(*c) || g_ascii_iscntrl(*c))
            return error_set(error, ERR_INVALID, "an address holds no blanks");
    if (text[0] == '-')
        return error_set(error, ERR_INVALID, "\"%s\" is no address", text);
    if (text[0] == '/' || g_str_has_prefix(text, "file:///") || is_scp_like(text))
        return TRUE;
    if (g_str_has_prefix(text, "http://") || g_str_has_prefix(text, "git://"))
        return error_set(error, ERR_INVALID,
                         "%.*s does not prove who answers: use https, ssh or a path",
                         (int)strcspn(text, ":"), text);
    if (!(g_str_has_prefix(text, "https://") && has_host(text + strlen("https://"))) &&
        !(g_str_has_prefix(text, "ssh://") && has_host(text + strlen("ssh://"))))
        return error_set(error, ERR_INVALID,
                         "\"%s\" is no address: write https://, ssh://, HOST:PATH or a path", text);
    uri = g_uri_parse(text, G_URI_FLAGS_HAS_PASSWORD, NULL);
    if (uri == NULL)
        return error_set(error, ERR_INVALID, "\"%s\" is no address", text);
    if (g_uri_get_password(uri) != NULL)
        return error_set(error, ERR_INVALID,
                         "a password does not belong in an address: put it into a file and name "
                         "that with token_file");
    return TRUE;
}

STRING_TYPE(TYPE_GIT_URL, "address of a git repository", check_git_url, NULL,
            "{\"pattern\": \"^(https://|ssh://|file:///|/|[^/:]+:/?[^/])\"}");

/* A branch, tag or commit, in the characters that git allows in names. */
static gboolean check_git_ref(const Row *row, const char *text, GError **error)
{
    if (*text == '\0' || *text == '-' || *text == '/' || strstr(text, "..") != NULL ||
        strstr(text, "@{") != NULL || strstr(text, "//") != NULL ||
        strpbrk(text, " ~^:?*[\\\t\n") != NULL || g_str_has_suffix(text, ".lock") ||
        g_str_has_suffix(text, "/") || g_str_has_suffix(text, "."))
        return error_set(error, ERR_INVALID, "\"%s\" is no branch, tag or commit", text);
    return TRUE;
}

STRING_TYPE(TYPE_GIT_REF, "branch, tag or commit", check_git_ref, NULL,
            "{\"pattern\": \"^[^-/ ~^:?*\\\\[][^ ~^:?*\\\\[]*$\"}");

/* A credential by reference: a file of the host, or one that the service manager hands over. */
static gboolean check_secret_file(const Row *row, const char *text, GError **error)
{
    const char *name = g_str_has_prefix(text, "credential:") ? text + strlen("credential:") : NULL;

    if (name != NULL ? *name != '\0' && *name != '.' && strchr(name, '/') == NULL : *text == '/')
        return TRUE;
    return error_set(error, ERR_INVALID,
                     "\"%s\" is no file: write an absolute path, or credential:NAME for one that "
                     "the service manager hands over",
                     text);
}

STRING_TYPE(TYPE_SECRET_FILE, "file, or credential:NAME", check_secret_file, NULL,
            "{\"pattern\": \"^(/|credential:[^./][^/]*$)\"}");
