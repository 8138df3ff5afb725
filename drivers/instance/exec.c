#include "exec.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cgroup.h"
#include "error.h"
#include "file.h"
#include "lxc.h"
#include "record.h"
#include "sealed.h"

#define USUAL_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define START_TIMEOUT_MS 30000
#define REAP_TIMEOUT_MS 1000

struct Exec {
    LxcCall call;
    int pidfd;    /* of the command: dies with it even when the helper does not answer any more */
    int terminal; /* -1: none */
    gboolean over;
};

/* ---- what is asked ---- */

/* OPS-44..47, without environment.* and what the caller wants. */
static json_t *usual_environment(guint32 uid)
{
    json_t *values = json_pack("{ss ss}", "container", "lxc", "LANG", "C.UTF-8");

    if (uid == 0) {
        json_object_set_new(values, "HOME", json_string("/root"));
        json_object_set_new(values, "USER", json_string("root"));
    }
    return values;
}

/* environment.* as it is stored now: a change holds for the next exec without a restart (I-111). */
static gboolean add_stored(json_t *values, Host *host, const char *name, GError **error)
{
    g_autoptr(json_t) facts = start_facts_read(host->dir, name);
    const json_t *stored = json_object_get(facts, "$environment");
    g_autoptr(json_t) revealed =
        stored != NULL ? sealed_reveal_all(host->dir, stored, error) : json_object();

    if (revealed == NULL)
        return FALSE;
    json_object_update(values, revealed);
    return TRUE;
}

static void add_wanted(json_t *values, const char *const *env)
{
    for (; env != NULL && *env != NULL; env++) {
        const char *equals = strchr(*env, '=');
        g_autofree char *variable = equals != NULL ? g_strndup(*env, (gsize)(equals - *env)) : NULL;

        if (variable != NULL)
            json_object_set_new(values, variable, json_string(equals + 1));
    }
}

static json_t *assignments(const json_t *values)
{
    g_autoptr(GPtrArray) names = json_sorted_keys(values);
    json_t *list = json_array();

    for (guint i = 0; i < names->len; i++) {
        const char *name = names->pdata[i];
        g_autofree char *text = g_strconcat(name, "=", json_member_string(values, name), NULL);

        json_array_append_new(list, json_string(text));
        explicit_bzero(text, strlen(text)); /* it may hold a secret (EN-05) */
    }
    return list;
}

static json_t *strings(const char *const *list)
{
    json_t *array = json_array();

    for (; *list != NULL; list++)
        json_array_append_new(array, json_string(*list));
    return array;
}

/* The items of the run that is there; those about files are not needed again. */
static json_t *run_items(const json_t *record)
{
    json_t *items = json_array();
    const json_t *item;
    size_t i;

    json_array_foreach (json_at(record, "facts/$items"), i, item) {
        const char *key = json_string_value(json_array_get(item, 0));

        if (!g_str_has_prefix(key, "lxc.mount.") && !g_str_has_prefix(key, "lxc.sysctl."))
            json_array_append(items, (json_t *)item);
    }
    return items;
}

static json_t *make_request(Host *host, const char *name, const json_t *record,
                            const char *const *argv, const ExecOptions *options, GError **error)
{
    g_autofree char *path = g_build_filename(host->dir, "containers", NULL);
    g_autoptr(json_t) values = usual_environment(options->uid);
    const char *cwd = options->cwd;
    gboolean default_path;

    if (!add_stored(values, host, name, error))
        return NULL;
    add_wanted(values, options->env);
    default_path = json_object_get(values, "PATH") == NULL;
    if (default_path)
        json_object_set_new(values, "PATH", json_string(USUAL_PATH));
    if (cwd == NULL || *cwd == '\0')
        cwd = json_member_string(values, "HOME");
    return json_pack(
        "{ss ss ss so so so sb ss sI sI sb si si sb sb}", "verb", "exec", "name", name, "path",
        path, "items", run_items(record), "argv", strings(argv), "env", assignments(values),
        "default_path", default_path, "cwd", cwd != NULL ? cwd : "/", "uid",
        (json_int_t)options->uid, "gid", (json_int_t)options->gid, "terminal", options->terminal,
        "width", (int)MIN(options->width, G_MAXUINT16), "height",
        (int)MIN(options->height, G_MAXUINT16), "deny_compat",
        json_is_true(json_object_get(json_object_get(record, "facts"), "$deny_compat")), "gated",
        options->gated);
}

/* OPS-31 */
static gboolean check_runs(Host *host, const char *name, const json_t *record, GError **error)
{
    g_autofree char *group = cgroup_name(host->dir, name, "");
    pid_t init = record_init(record);
    g_autoptr(Groups) groups = init != 0 ? groups_of(init, group, NULL) : NULL;
    gboolean frozen = FALSE;

    if (groups == NULL)
        return error_set(error, ERR_INVALID, "Instance is not running");
    if (!groups_frozen(groups, &frozen, error))
        return FALSE;
    return !frozen || error_set(error, ERR_INVALID, "Instance is frozen");
}

/* ---- the command under way ---- */

/* What jansson cannot carry must not silently become something else. */
static gboolean check_text(const char *const *argv, const ExecOptions *options, GError **error)
{
    if (argv == NULL || argv[0] == NULL)
        return error_set(error, ERR_INVALID, "no command: name a program");
    for (; *argv != NULL; argv++) {
        if (!g_utf8_validate(*argv, -1, NULL))
            return error_set(error, ERR_INVALID, "an argument of the command is not UTF-8");
    }
    for (const char *const *env = options->env; env != NULL && *env != NULL; env++) {
        if (!g_utf8_validate(*env, -1, NULL) || strchr(*env, '=') == NULL || **env == '=')
            return error_set(error, ERR_INVALID, "environment \"%s\": write NAME=VALUE in UTF-8",
                             *env);
    }
    return options->cwd == NULL || g_utf8_validate(options->cwd, -1, NULL) ||
           error_set(error, ERR_INVALID, "the working directory is not UTF-8");
}

Exec *exec_start(Host *host, const Object *object, const char *const *argv,
                 const ExecOptions *options, GError **error)
{
    g_autofree char *name = disk_name(object->id.project, object->id.name);
    g_autoptr(json_t) record = record_read(host->dir, name, NULL);
    g_autoptr(json_t) request = NULL;
    g_autoptr(json_t) answer = NULL;
    g_autoptr(GError) failure = NULL;
    int streams[] = {options->in, options->out, options->err};
    int fds[MESSAGE_FDS_MAX];
    LxcCall call = {0};
    Exec *exec;

    if (!check_runs(host, name, record, error) || !check_text(argv, options, error))
        return NULL;
    cgroup_moves_ahead();
    request = make_request(host, name, record, argv, options, error);
    if (!lxc_call_begin(&call, request, streams, options->terminal ? 0 : 3, -1, error))
        return NULL;
    answer = lxc_call_receive(&call, START_TIMEOUT_MS, fds, &failure);
    if (answer == NULL) {
        lxc_call_end(&call);
        /* In a container that ends meanwhile liblxc fails anywhere, or ends its own process. */
        if (record_init(record) == 0)
            error_set(error, ERR_INVALID, "the instance stopped before %s ran", argv[0]);
        else
            g_propagate_error(error, g_steal_pointer(&failure));
        return NULL;
    }
    exec = g_new0(Exec, 1);
    exec->call = call;
    exec->pidfd = fds[0];
    exec->terminal = fds[1];
    return exec;
}

void exec_ahead(gboolean on)
{
    lxc_ahead(on);
}

void exec_free(Exec *exec)
{
    if (exec == NULL)
        return;
    if (!exec->over) {
        syscall(SYS_pidfd_send_signal, exec->pidfd, SIGKILL, NULL, 0);
        /* The helper is the parent: what it does not reap keeps init from ending. */
        lxc_call_wait(&exec->call, REAP_TIMEOUT_MS, NULL);
    }
    lxc_call_end(&exec->call);
    close(exec->pidfd);
    if (exec->terminal >= 0)
        close(exec->terminal);
    g_free(exec);
}

int exec_terminal(const Exec *exec)
{
    return exec->terminal;
}

int exec_fd(const Exec *exec)
{
    return exec->call.socket;
}

gboolean exec_finish(Exec *exec, int *ret_status, GError **error)
{
    g_autoptr(json_t) answer = lxc_call_receive(&exec->call, -1, NULL, error);

    if (answer == NULL) {
        syscall(SYS_pidfd_send_signal, exec->pidfd, SIGKILL, NULL, 0);
        return FALSE;
    }
    exec->over = TRUE;
    *ret_status = (int)json_integer_value(json_object_get(answer, "status"));
    return TRUE;
}

/* A helper that has gone, or has nothing more to do, is no failure here. */
static gboolean tell(const Exec *exec, const json_t *message, const char *what, GError **error)
{
    return exec->over || message_send(exec->call.socket, message, NULL, 0) || errno == EPIPE ||
           error_errno(error, errno, "%s", what);
}

gboolean exec_go(Exec *exec, GError **error)
{
    g_autoptr(json_t) message = json_pack("{sb}", "go", TRUE);

    return tell(exec, message, "let the command run", error);
}

gboolean exec_signal(Exec *exec, int number, GError **error)
{
    g_autoptr(json_t) message = json_pack("{si}", "signal", number);

    if (number < 1 || number > SIGRTMAX)
        return error_set(error, ERR_INVALID, "%d is no signal: 1 to %d are", number, SIGRTMAX);
    return tell(exec, message, "send a signal", error);
}

gboolean exec_resize(Exec *exec, guint width, guint height, GError **error)
{
    struct winsize size = {.ws_col = (unsigned short)MIN(width, G_MAXUINT16),
                           .ws_row = (unsigned short)MIN(height, G_MAXUINT16)};

    if (exec->terminal < 0)
        return error_set(error, ERR_INVALID, "the command has no terminal to resize");
    return ioctl(exec->terminal, TIOCSWINSZ, &size) == 0 ||
           error_errno(error, errno, "resize the terminal");
}
