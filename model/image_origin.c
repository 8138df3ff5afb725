#include "image_origin.h"

#include <string.h>

#include "secrets.h"

static const char *text_of(const json_t *source, const char *key)
{
    const char *text = json_member_string(source, key);

    return text != NULL && *text != '\0' ? text : NULL;
}

static gboolean is_url(const json_t *source)
{
    const char *type = text_of(source, "type");

    return type != NULL ? strcmp(type, "url") == 0 : text_of(source, "url") != NULL;
}

gboolean image_origin_is_remote(const json_t *source)
{
    return text_of(source, is_url(source) ? "url" : "server") != NULL;
}

const char *image_origin_name(const json_t *source)
{
    const char *fingerprint = text_of(source, "fingerprint");

    if (is_url(source))
        return text_of(source, "url");
    return fingerprint != NULL ? fingerprint : text_of(source, "alias");
}

gboolean image_origin_moves(const json_t *source)
{
    return is_url(source) ||
           (text_of(source, "fingerprint") == NULL && text_of(source, "alias") != NULL);
}

char *image_origin(const json_t *source)
{
    static const char *const members[] = {"project", "image_type", "alias", "fingerprint"};
    const char *protocol = text_of(source, "protocol");
    const char *server = text_of(source, "server");
    GString *text;

    if (!image_origin_is_remote(source))
        return NULL;
    if (is_url(source))
        return g_strdup_printf("url %s", text_of(source, "url"));
    text = g_string_new(protocol != NULL ? protocol : "lxd");
    g_string_append_printf(text, " %s", server);
    while (g_str_has_suffix(text->str, "/"))
        g_string_truncate(text, text->len - 1);
    for (guint i = 0; i < G_N_ELEMENTS(members); i++) {
        const char *value = text_of(source, members[i]);

        if (value != NULL)
            g_string_append_printf(text, " %s=%s", members[i], value);
    }
    return g_string_free(text, FALSE);
}

/* An instance names images of its own server by alias and fingerprint too. */
gboolean image_origin_is_given(const json_t *source)
{
    static const char *const members[] = {"server", "url", "certificate", "secret", "project"};

    for (guint i = 0; i < G_N_ELEMENTS(members); i++)
        if (json_object_get(source, members[i]) != NULL)
            return TRUE;
    return text_of(source, "protocol") != NULL && strcmp(text_of(source, "protocol"), "lxd") != 0;
}

static void check_address(const Object *object, const char *path, const char *address,
                          gboolean local, Problems *problems)
{
    if (g_str_has_prefix(address, "https://") || (local && g_str_has_prefix(address, "unix:/")))
        return;
    problem_add(problems, PROBLEM_ERROR, object, path, "\"%s\" is not an https:// address",
                address);
}

static void check_url(const Object *object, const json_t *source, Problems *problems)
{
    static const char *const others[] = {"server",      "alias",  "fingerprint",
                                         "certificate", "secret", "project"};
    const char *url = text_of(source, "url");

    if (url == NULL)
        problem_add(problems, PROBLEM_ERROR, object, "source/type", "needs `url`");
    else
        check_address(object, "source/url", url, FALSE, problems);
    for (guint i = 0; i < G_N_ELEMENTS(others); i++)
        if (json_object_get(source, others[i]) != NULL) {
            g_autofree char *path = g_strconcat("source/", others[i], NULL);

            problem_add(problems, PROBLEM_ERROR, object, path,
                        "means nothing beside `url`; take one of them out");
        }
}

static void check_server(const Object *object, const json_t *source, Problems *problems)
{
    const char *server = text_of(source, "server");
    const char *alias = text_of(source, "alias");
    const char *fingerprint = text_of(source, "fingerprint");

    if (server == NULL)
        problem_add(problems, PROBLEM_ERROR, object, "source",
                    "names no server to take the image from: add `server: https://HOST`");
    else
        check_address(object, "source/server", server, TRUE, problems);
    if (json_object_get(source, "url") != NULL)
        problem_add(problems, PROBLEM_ERROR, object, "source/url", "needs `type: url`");
    if ((alias == NULL) == (fingerprint == NULL))
        problem_add(problems, PROBLEM_ERROR, object, "source",
                    "name the image by alias or by fingerprint%s",
                    alias != NULL ? ", not by both" : "");
    else if (fingerprint != NULL && strspn(fingerprint, "0123456789abcdef") != strlen(fingerprint))
        problem_add(problems, PROBLEM_ERROR, object, "source/fingerprint",
                    "\"%s\" is no fingerprint: only 0-9 and a-f", fingerprint);
}

void image_origin_check(const Object *object, const json_t *source, Problems *problems)
{
    const char *mode = text_of(source, "mode");
    const char *type = text_of(source, "image_type");

    /* Servers are asked while a plan is made, when contents of secrets are not at hand. */
    if (secrets_in_value(source))
        problem_add(problems, PROBLEM_UNSUPPORTED, object, "source",
                    "${secret:...} is not supported by this build in the source of an image");
    if (mode != NULL && strcmp(mode, "pull") != 0)
        problem_add(problems, PROBLEM_UNSUPPORTED, object, "source/mode",
                    "source.mode %s is not supported by this build: only pull", mode);
    if (type != NULL && strcmp(type, "container") != 0)
        problem_add(problems, PROBLEM_UNSUPPORTED, object, "source/image_type",
                    "images of virtual machines are not supported by this build");
    if (is_url(source))
        check_url(object, source, problems);
    else
        check_server(object, source, problems);
}
