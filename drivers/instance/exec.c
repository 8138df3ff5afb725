#include "exec.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include "cgroup.h"
#include "config.h"
#include "error.h"
#include "file.h"
#include "lxc.h"
#include "record.h"

#define USUAL_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* ---- what is asked ---- */

/* environment.* as it is stored now: a change holds for the next exec without a restart (I-111). */
static void add_stored(json_t *values, Host *host, const char *name)
{
    g_autoptr(json_t) facts = start_facts_read(host->dir, name);

    json_object_update(values, json_object_get(facts, "$environment"));
}

static json_t *environment(Host *host, const char *name, gboolean terminal,
                           const ExecOptions *options)
{
    g_autoptr(json_t) values = json_pack("{ss ss ss ss ss}", "container", "lxc", "HOME", "/root",
                                         "LANG", "C.UTF-8", "PATH", USUAL_PATH, "USER", "root");
    const char *term = g_getenv("TERM");
    json_t *list = json_array();
    const char *key;
    json_t *value;

    if (terminal)
        json_object_set_new(values, "TERM", json_string(term != NULL ? term : "dumb"));
    add_stored(values, host, name);
    for (guint i = 0; options->env != NULL && options->env[i] != NULL; i++) {
        const char *equals = strchr(options->env[i], '=');
        g_autofree char *variable =
            equals != NULL ? g_strndup(options->env[i], (gsize)(equals - options->env[i])) : NULL;

        if (variable != NULL)
            json_object_set_new(values, variable, json_string(equals + 1));
    }
    json_object_foreach (values, key, value) {
        g_autofree char *text = g_strconcat(key, "=", json_string_value(value), NULL);

        json_array_append_new(list, json_string(text));
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
                            const char *const *argv, gboolean terminal, const ExecOptions *options)
{
    g_autofree char *path = g_build_filename(host->dir, "containers", NULL);

    return json_pack(
        "{ss ss ss so so so ss sI sI sb sb}", "verb", "exec", "name", name, "path", path, "items",
        run_items(record), "argv", strings(argv), "env", environment(host, name, terminal, options),
        "cwd", options->cwd != NULL ? options->cwd : "/root", "uid", (json_int_t)options->uid,
        "gid", (json_int_t)options->gid, "terminal", terminal, "deny_compat",
        json_is_true(json_object_get(json_object_get(record, "facts"), "$deny_compat")));
}

/* ---- the terminal ---- */

static void copy_size(int from, int to)
{
    struct winsize size;

    if (ioctl(from, TIOCGWINSZ, &size) == 0)
        ioctl(to, TIOCSWINSZ, &size);
}

/* Moves what there is to move. FALSE when one side is closed. */
static gboolean copy_bytes(int from, int to)
{
    char buffer[8192];
    ssize_t length = read(from, buffer, sizeof buffer);

    for (ssize_t done = 0; done < length;) {
        ssize_t n = write(to, buffer + done, (size_t)(length - done));

        if (n < 0 && errno != EINTR)
            return FALSE;
        done += MAX(n, 0);
    }
    return length > 0 || (length < 0 && errno == EINTR);
}

/* Between our descriptors and the terminal inside, until the helper has its answer and the terminal
 * is empty. */
static void relay(const LxcCall *call, int master, const ExecOptions *options)
{
    sigset_t resized, before;
    g_auto(Fd) signals = -1;
    struct pollfd watched[4];

    sigemptyset(&resized);
    sigaddset(&resized, SIGWINCH);
    pthread_sigmask(SIG_BLOCK, &resized, &before);
    signals = signalfd(-1, &resized, SFD_CLOEXEC);
    watched[0] = (struct pollfd){.fd = options->in, .events = POLLIN};
    watched[1] = (struct pollfd){.fd = master, .events = POLLIN};
    watched[2] = (struct pollfd){.fd = signals, .events = POLLIN};
    watched[3] = (struct pollfd){.fd = call->socket, .events = POLLIN};
    for (;;) {
        int ready = poll(watched, 4, watched[3].fd < 0 ? 0 : -1);

        if (ready < 0 && errno == EINTR)
            continue;
        if (ready <= 0)
            break;
        if (watched[0].revents != 0 && !copy_bytes(options->in, master))
            watched[0].fd = -1;
        if (watched[1].revents != 0 && !copy_bytes(master, options->out))
            break;
        if (watched[2].revents != 0) {
            struct signalfd_siginfo info;

            if (read(signals, &info, sizeof info) == sizeof info)
                copy_size(options->in, master);
        }
        /* The answer is there: only what the command still wrote is copied. */
        if (watched[3].revents != 0)
            watched[0].fd = watched[2].fd = watched[3].fd = -1;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static gboolean run_terminal(LxcCall *call, const ExecOptions *options, GError **error)
{
    g_auto(Fd) master = -1;
    g_autoptr(json_t) ready = lxc_call_receive(call, 30000, &master, error);
    struct termios old, raw;
    gboolean is_terminal = tcgetattr(options->in, &old) == 0;

    if (ready == NULL || master < 0)
        return ready != NULL && error_set(error, ERR_FAILED, "berth-lxc gave no terminal");
    copy_size(options->in, master);
    if (is_terminal) {
        raw = old;
        cfmakeraw(&raw);
        tcsetattr(options->in, TCSADRAIN, &raw);
    }
    relay(call, master, options);
    if (is_terminal)
        tcsetattr(options->in, TCSADRAIN, &old);
    return TRUE;
}

/* ---- */

gboolean instance_exec(Host *host, const Object *object, const char *const *argv, gboolean terminal,
                       const ExecOptions *options, int *ret_status, GError **error)
{
    static const ExecOptions ours = {.in = 0, .out = 1, .err = 2};
    g_autofree char *name = disk_name(object->id.project, object->id.name);
    g_autofree char *label = object_label(object);
    g_autoptr(json_t) record = record_read(host->dir, name, NULL);
    g_autoptr(json_t) request = NULL;
    g_autoptr(json_t) answer = NULL;
    LxcCall call = {0};
    int fds[3];

    options = options != NULL ? options : &ours;
    if (record_init(record) == 0)
        return error_set(error, ERR_NOT_FOUND, "%s does not run", label);
    request = make_request(host, name, record, argv, terminal, options);
    fds[0] = options->in;
    fds[1] = options->out;
    fds[2] = options->err;
    if (!lxc_call_begin(&call, request, fds, terminal ? 0 : 3, -1, error))
        return FALSE;
    if (!terminal || run_terminal(&call, options, error))
        answer = lxc_call_receive(&call, -1, NULL, error);
    lxc_call_end(&call);
    if (answer == NULL) {
        g_prefix_error(error, "%s: ", label);
        return FALSE;
    }
    *ret_status = (int)json_integer_value(json_object_get(answer, "status"));
    return TRUE;
}
