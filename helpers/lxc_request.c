#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <lxc/lxccontainer.h>

#include "lxc_helper.h"

#define SOCKET 3
#define REQUEST_WAIT_MS 10000 /* it may be started ahead of it */
#define TAIL_MAX 2500u

gboolean request_receive(Request *request)
{
    struct pollfd poller = {.fd = SOCKET, .events = POLLIN};
    int ready;

    /* What we start inside must not talk to whoever asked. */
    fcntl(SOCKET, F_SETFD, FD_CLOEXEC);
    do
        ready = poll(&poller, 1, REQUEST_WAIT_MS);
    while (ready < 0 && errno == EINTR);
    request->body = ready > 0 ? message_receive(SOCKET, request->fds) : NULL;
    return request->body != NULL;
}

void answer_send_fds(json_t *answer, const int *fds, guint n_fds)
{
    message_send(SOCKET, answer, fds, n_fds);
    json_decref(answer);
}

void answer_send(json_t *answer)
{
    answer_send_fds(answer, NULL, 0);
}

/* The last errors of liblxc's log, without what they all repeat (name, time, source file). */
static char *log_tail(const char *path)
{
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;
    GString *tail = g_string_new(NULL);

    if (path == NULL || !g_file_get_contents(path, &text, NULL, NULL))
        return g_string_free(tail, FALSE);
    lines = g_strsplit(text, "\n", -1);
    for (char **line = lines; *line != NULL; line++) {
        const char *at = strstr(*line, " ERROR ");
        const char *words = at != NULL ? strstr(at, " - ") : NULL;

        if (words == NULL)
            continue;
        words = strchr(words + 3, ' '); /* after FILE:FUNCTION:LINE */
        words =
            words != NULL && g_str_has_prefix(words, " - ") ? words + 3 : at + strlen(" ERROR ");
        g_string_append_printf(tail, "\n  liblxc: %s", words);
    }
    if (tail->len > TAIL_MAX)
        g_string_truncate(tail, TAIL_MAX);
    return g_string_free(tail, FALSE);
}

gboolean answer_error(const Request *request, const char *format, ...)
{
    g_autofree char *text = NULL;
    g_autofree char *tail = log_tail(json_member_string(request->body, "log"));
    g_autofree char *whole = NULL;
    va_list args;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    whole = g_strconcat(text, tail, NULL);
    answer_send(json_pack("{ss}", "error", whole));
    return FALSE;
}

struct lxc_container *request_container(const Request *request)
{
    const char *name = json_member_string(request->body, "name");
    const char *path = json_member_string(request->body, "path");
    struct lxc_container *container = lxc_container_new(name, path);
    const json_t *item;
    size_t i;

    if (container == NULL) {
        answer_error(request, "liblxc cannot handle a container named %s in %s", name, path);
        return NULL;
    }
    container->clear_config(container);
    json_array_foreach (json_object_get(request->body, "items"), i, item) {
        const char *key = json_string_value(json_array_get(item, 0));
        const char *value = json_string_value(json_array_get(item, 1));

        if (!container->set_config_item(container, key, value)) {
            answer_error(request, "liblxc does not take \"%s = %s\"", key, value);
            lxc_container_put(container);
            return NULL;
        }
    }
    return container;
}

gboolean request_run(Request *request)
{
    static const struct {
        const char *name;
        gboolean (*run)(const Request *request);
    } verbs[] = {{"start", verb_start},     {"exec", verb_exec},
                 {"mount", verb_mount},     {"umount", verb_umount},
                 {"console", verb_console}, {"console_log", verb_console_log}};
    const char *verb = json_member_string(request->body, "verb");

    if (json_is_true(json_object_get(request->body, "deny_compat")) && !policy_deny_compat())
        return answer_error(request, "security.syscalls.deny_compat: %s", g_strerror(errno));
    for (guint i = 0; i < G_N_ELEMENTS(verbs); i++) {
        if (g_strcmp0(verb, verbs[i].name) == 0)
            return verbs[i].run(request);
    }
    return answer_error(request, "berth-lxc does not know the verb %s", verb);
}

static gboolean check_policy(const Request *request)
{
    const json_t *item;
    size_t i;

    json_array_foreach (json_object_get(request->body, "items"), i, item) {
        g_autofree char *call = NULL;

        if (strcmp(json_string_value(json_array_get(item, 0)), "lxc.seccomp.profile") == 0)
            call = policy_unknown_call(json_string_value(json_array_get(item, 1)));
        if (call != NULL)
            return answer_error(
                request,
                "the policy for system calls (security.syscalls.*, raw.seccomp) names %s, which "
                "libseccomp does not know: take it out, or write it as the kernel does",
                call);
    }
    return TRUE;
}

gboolean verb_start(const Request *request)
{
    struct lxc_container *container;
    pid_t pid;

    if (!check_policy(request))
        return FALSE;
    container = request_container(request);
    if (container == NULL)
        return FALSE;
    container->want_daemonize(container, true);
    container->want_close_all_fds(container, true);
    if (!container->start(container, 0, NULL)) {
        lxc_container_put(container);
        return answer_error(request, "the container does not start");
    }
    pid = container->init_pid(container); /* -1 when it has ended already */
    lxc_container_put(container);
    answer_send(json_pack("{si}", "pid", (int)pid));
    return TRUE;
}
