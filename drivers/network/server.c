#include "server.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* In angle brackets: see base/spawn.c. */
#include <spawn.h>

#include "error.h"
#include "file.h"
#include "folder.h"
#include "process.h"
#include "server_arguments.h"
#include "server_cgroup.h"

#define PROGRAM "dnsmasq"
#define STOP_MS 5000
#define RAW_MAX (1u << 20)

const char *server_network_of(const char *key)
{
    return strrchr(key, '/') + 1;
}

/* --- which process --- */

/* Arguments of a process without the program's name; NULL when it is gone. New reference. */
static json_t *arguments_of(pid_t pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/cmdline", (int)pid);
    g_autofree char *text = NULL;
    json_t *list;
    gsize length = 0;

    if (!g_file_get_contents(path, &text, &length, NULL) || length == 0)
        return NULL;
    list = json_array();
    for (gsize at = strlen(text) + 1; at < length; at += strlen(text + at) + 1)
        json_array_append_new(list, json_string(text + at));
    return list;
}

/* The running server by its record: its pid and a pidfd, or 0. */
static pid_t find_server(const char *dir, const char *network, Fd *ret_fd)
{
    g_autofree char *path = server_file(dir, network, "pid");
    g_autofree char *text = NULL;
    const char *boot = boot_id();
    g_autoptr(json_t) record = NULL;

    if (!file_read(path, 65536, &text, NULL, NULL))
        return 0;
    record = json_loads(text, 0, NULL);
    if (g_strcmp0(json_member_string(record, "boot"), boot) != 0)
        return 0;
    return process_find(json_object_get(record, "process"), ret_fd);
}

/* Ends a process through its pidfd: asked first, then made to. */
static gboolean end_process(int pidfd, const char *network, GError **error)
{
    struct pollfd poller = {.fd = pidfd, .events = POLLIN};
    static const int signals[] = {SIGTERM, SIGKILL};

    for (guint i = 0; i < G_N_ELEMENTS(signals); i++) {
        int ready;

        if (syscall(SYS_pidfd_send_signal, pidfd, signals[i], NULL, 0) < 0 && errno != ESRCH)
            return error_errno(error, errno, "network %s: stop %s", network, PROGRAM);
        do
            ready = poll(&poller, 1, STOP_MS);
        while (ready < 0 && errno == EINTR);
        if (ready > 0)
            return TRUE;
    }
    return error_set(error, ERR_FAILED, "network %s: %s does not end", network, PROGRAM);
}

/* Finds a server of this network that no record tells of: one that was started by a program that
 * was killed before it could write the record. It is known by the path of its own configuration
 * file. Returns its pid, or 0, or -1 with an error. */
static pid_t find_stray(const char *dir, const char *network, Fd *ret_fd, GError **error)
{
    g_autofree char *raw = server_file(dir, network, "raw");
    g_autofree char *mark = g_strconcat("--conf-file=", raw, NULL);
    g_autoptr(GDir) processes = g_dir_open("/proc", 0, error);
    const char *name;

    if (processes == NULL)
        return -1;
    while ((name = g_dir_read_name(processes)) != NULL) {
        guint64 pid;
        g_auto(Fd) fd = -1;
        g_autoptr(json_t) arguments = NULL;

        if (!g_ascii_string_to_unsigned(name, 10, 1, G_MAXINT, &pid, NULL))
            continue;
        /* The descriptor first: what is then read belongs to the process that will get the signal.
         */
        fd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
        arguments = fd >= 0 ? arguments_of((pid_t)pid) : NULL;
        if (arguments == NULL || !json_has_text(arguments, mark) ||
            process_started((pid_t)pid, NULL) == 0)
            continue;
        *ret_fd = fd_steal(&fd);
        return (pid_t)pid;
    }
    return 0;
}

static gboolean end_strays(const char *dir, const char *network, GError **error)
{
    for (;;) {
        g_auto(Fd) fd = -1;
        pid_t pid = find_stray(dir, network, &fd, error);

        if (pid <= 0)
            return pid == 0;
        if (!end_process(fd, network, error))
            return FALSE;
    }
}

/* --- leases that somebody removed --- */

static gboolean gives_leases(const json_t *arguments)
{
    size_t i;
    json_t *argument;

    json_array_foreach (arguments, i, argument)
        if (g_str_has_prefix(json_string_value(argument), "--dhcp-range="))
            return TRUE;
    return FALSE;
}

/* The server goes on with the file that it has open, which nobody else finds any more. */
static gboolean has_lost_leases(const char *dir, const char *network, const json_t *arguments)
{
    g_autofree char *leases = server_file(dir, network, "leases");

    return gives_leases(arguments) && !file_exists(leases);
}

/* Puts what it still has open back into place, before it ends. */
static gboolean rescue_leases(const char *dir, const char *network, GError **error)
{
    g_autofree char *leases = server_file(dir, network, "leases");
    g_autofree char *deleted = g_strconcat(leases, " (deleted)", NULL);
    g_auto(Fd) fd = -1;
    pid_t pid = find_server(dir, network, &fd);
    g_autofree char *path = NULL;
    g_autoptr(GDir) open = NULL;
    const char *name;

    if (file_exists(leases))
        return TRUE;
    if (pid == 0)
        pid = find_stray(dir, network, &fd, NULL);
    if (pid <= 0)
        return TRUE;
    path = g_strdup_printf("/proc/%d/fd", (int)pid);
    open = g_dir_open(path, 0, NULL);
    while (open != NULL && (name = g_dir_read_name(open)) != NULL) {
        g_autofree char *link = g_build_filename(path, name, NULL);
        g_autofree char *target = g_file_read_link(link, NULL);
        g_autofree char *text = NULL;

        if (g_strcmp0(target, deleted) == 0 && g_file_get_contents(link, &text, NULL, NULL))
            return folder_write(leases, text, NULL, error);
    }
    return TRUE;
}

static gboolean stop_server(const char *dir, const char *network, GError **error)
{
    g_autofree char *record = server_file(dir, network, "pid");
    g_autofree char *started = server_file(dir, network, "started");
    g_auto(Fd) fd = -1;

    if (find_server(dir, network, &fd) != 0 && !end_process(fd, network, error))
        return FALSE;
    if (!end_strays(dir, network, error) || !file_remove(record, error) ||
        !file_remove(started, error))
        return FALSE;
    server_cgroup_remove(dir, network);
    return TRUE;
}

gboolean server_is_running(const char *dir, const char *network)
{
    return find_server(dir, network, NULL) != 0;
}

gboolean server_reload(const char *dir, const char *network, GError **error)
{
    g_auto(Fd) fd = -1;

    if (find_server(dir, network, &fd) == 0)
        return TRUE;
    if (syscall(SYS_pidfd_send_signal, fd, SIGHUP, NULL, 0) < 0 && errno != ESRCH)
        return error_errno(error, errno, "network %s: tell %s of a change", network, PROGRAM);
    return TRUE;
}

/* --- observing --- */

/* A server without a record is to be replaced, or ended; the search is worth its time only where
 * one was started. */
static json_t *observe_stray(const char *dir, const char *network, GError **error)
{
    g_autofree char *path = server_file(dir, network, "raw");
    g_auto(Fd) fd = -1;

    if (!file_exists(path) || find_stray(dir, network, &fd, error) <= 0)
        return NULL;
    return json_pack("{s:b}", "running", FALSE);
}

json_t *server_observe(const char *dir, const char *network, GError **error)
{
    g_autofree char *path = server_file(dir, network, "raw");
    g_autofree char *raw = NULL;
    g_autoptr(GError) local = NULL;
    g_autoptr(json_t) fact = NULL;
    json_t *arguments;
    pid_t pid;

    pid = find_server(dir, network, NULL);
    if (pid == 0)
        return observe_stray(dir, network, error);
    if (!file_read(path, RAW_MAX, &raw, NULL, &local) &&
        !g_error_matches(local, BERTH_ERROR, ERR_NOT_FOUND)) {
        g_propagate_error(error, g_steal_pointer(&local));
        return NULL;
    }
    arguments = arguments_of(pid);
    if (arguments == NULL)
        return NULL;
    fact = json_pack("{s:b, s:o}", "running", TRUE, "arguments", arguments);
    if (raw != NULL && *raw != '\0')
        json_object_set_new(fact, "raw", json_string(raw));
    if (has_lost_leases(dir, network, arguments))
        json_object_set_new(fact, "leases", json_string("lost"));
    return g_steal_pointer(&fact);
}

/* --- starting --- */

/* dnsmasq gives up root before it reads the host files: every directory above them must let others
 * through. */
static gboolean check_reach(const char *dir, const char *network, GError **error)
{
    g_autofree char *at = server_file(dir, network, "hosts");

    while (strcmp(at, "/") != 0) {
        struct stat st;
        char *parent;

        if (stat(at, &st) < 0)
            return error_errno(error, errno, "network %s: look at %s", network, at);
        if ((st.st_mode & S_IXOTH) == 0)
            return error_set(error, ERR_FAILED,
                             "network %s: %s runs without root and cannot enter %s: give it mode "
                             "0711 (chmod 0711 %s)",
                             network, PROGRAM, at, at);
        parent = g_path_get_dirname(at);
        g_free(at);
        at = parent;
    }
    return TRUE;
}

/* argv of `arguments`, with the argument that starts with `old` (may be NULL) replaced, and `more`
 * behind. */
static GPtrArray *make_argv(const json_t *arguments, const char *old, const char *replacement,
                            const char *more)
{
    GPtrArray *argv = g_ptr_array_new();
    size_t at;
    json_t *item;

    g_ptr_array_add(argv, (gpointer)PROGRAM);
    json_array_foreach (arguments, at, item) {
        const char *text = json_string_value(item);

        g_ptr_array_add(
            argv, (gpointer)(old != NULL && g_str_has_prefix(text, old) ? replacement : text));
    }
    if (more != NULL)
        g_ptr_array_add(argv, (gpointer)more);
    g_ptr_array_add(argv, NULL);
    return argv;
}

/* Says whose configuration dnsmasq refused, before what it said itself. Returns FALSE. */
static gboolean explain(const char *network, const char *raw, GError **error)
{
    g_prefix_error(error, "network %s%s: ", network,
                   raw != NULL ? ", with config.raw.dnsmasq" : "");
    return FALSE;
}

/* Lets dnsmasq read the configuration before a running server is touched (NET-BR-39). */
static gboolean check_configuration(const char *network, const json_t *fact, GError **error)
{
    const char *raw = json_member_string(fact, "raw");
    SpawnOptions options = {.input = raw != NULL ? raw : "", .timeout_ms = 10000, .keep_fd = -1};
    g_autoptr(GPtrArray) argv =
        make_argv(json_object_get(fact, "arguments"), "--conf-file=", "--conf-file=-", "--test");

    if (spawn_run((const char *const *)argv->pdata, &options, NULL, error))
        return TRUE;
    return explain(network, raw, error);
}

/* Writes who is running: dnsmasq wrote its pid as root, before it reported success. */
static gboolean write_record(const char *dir, const char *network, GError **error)
{
    g_autofree char *started = server_file(dir, network, "started");
    g_autofree char *path = server_file(dir, network, "pid");
    g_autofree char *text = NULL;
    const char *boot = boot_id();
    g_autoptr(json_t) record = NULL;
    g_autofree char *line = NULL;
    guint64 pid;
    json_t *process;

    if (!file_read(started, 64, &text, NULL, error))
        return FALSE;
    if (!g_ascii_string_to_unsigned(g_strstrip(text), 10, 1, G_MAXINT, &pid, NULL) ||
        (process = process_describe((pid_t)pid)) == NULL)
        return error_set(error, ERR_FAILED, "network %s: %s ended at once: see %s", network,
                         PROGRAM, started);
    record = json_pack("{s:s, s:o}", "boot", boot, "process", process);
    line = json_text(record);
    server_cgroup_enter(dir, network, (pid_t)pid);
    return folder_write(path, line, NULL, error) && file_remove(started, error);
}

/* dnsmasq goes to the background only when it listens: its status says whether it works, and its
 * stderr why not. */
static gboolean start_server(const char *dir, const char *network, const json_t *fact,
                             GError **error)
{
    const char *raw = json_member_string(fact, "raw");
    g_autofree char *raw_path = server_file(dir, network, "raw");
    SpawnOptions options = {.timeout_ms = 20000, .keep_fd = -1};
    g_autoptr(GPtrArray) argv = make_argv(json_object_get(fact, "arguments"), NULL, NULL, NULL);

    if (!check_reach(dir, network, error) ||
        !folder_write(raw_path, raw != NULL ? raw : "", NULL, error))
        return FALSE;
    if (!spawn_run((const char *const *)argv->pdata, &options, NULL, error))
        return explain(network, raw, error);
    if (write_record(dir, network, error))
        return TRUE;
    stop_server(dir, network, NULL);
    return FALSE;
}

/* --- the row --- */

/* What says that a server is wanted; leases, host files and the log stay in the folder of the
 * network. */
static gboolean remove_files(const char *dir, const char *network, GError **error)
{
    g_autofree char *raw = server_file(dir, network, "raw");

    return file_remove(raw, error);
}

static gboolean ensure_running(Host *host, const char *network, const Step *step, GError **error)
{
    g_autoptr(json_t) present = server_observe(host->dir, network, NULL);

    if (json_equal(present, step->to))
        return TRUE;
    if ((present != NULL && !check_configuration(network, step->to, error)) ||
        !rescue_leases(host->dir, network, error) || !stop_server(host->dir, network, error))
        return FALSE;
    if (start_server(host->dir, network, step->to, error))
        return TRUE;
    /* As it was: a server that cannot take the new configuration keeps the old one. */
    if (json_is_true(json_object_get(present, "running")))
        start_server(host->dir, network, present, NULL);
    else
        remove_files(host->dir, network, NULL);
    return FALSE;
}

gboolean server_ensure(Host *host, const Step *step, GError **error)
{
    const char *network = server_network_of(step->key);

    if (json_is_true(json_object_get(step->to, "running")))
        return ensure_running(host, network, step, error);
    return stop_server(host->dir, network, error) && remove_files(host->dir, network, error);
}
