/* berthd: the daemon. Reads its options, opens the state directory, listens, and runs until it is
 * told to stop. */
#include <glib.h>
#include <grp.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sysexits.h>
#include <unistd.h>

#include "call.h"
#include "error.h"
#include "host_life.h"
#include "housekeeping.h"
#include "json.h"
#include "keeper.h"
#include "leaks.h"
#include "log.h"
#include "service.h"
#include "source_control.h"
#include "store_watch.h"

#define LAST_SECONDS 10

typedef struct {
    char *group;
    char *logfile;
    gboolean verbose, debug, version;
    int scan; /* seconds between two full scans of the host */
} Options;

#define SCAN_SECONDS 600

/* A thread's servers of names. glibc frees them when the thread ends, a moment after LeakSanitizer
 * looks at that thread no more: a daemon that stops in that moment would be called leaking. */
OVERLOOK_LEAKS("leak:__res_context_send\n")

static void options_clear(Options *options)
{
    g_free(options->group);
    g_free(options->logfile);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Options, options_clear)

static BodyPolicy on_header(Request *request, void *data)
{
    return call_body_policy(data, request);
}

static void on_request(Request *request, void *data)
{
    call_dispatch(data, request);
}

static gboolean group_id(const char *name, gid_t *ret_gid, GError **error)
{
    const struct group *group = name != NULL ? getgrnam(name) : NULL;

    *ret_gid = group != NULL ? group->gr_gid : (gid_t)-1;
    return name == NULL || group != NULL ||
           error_set(error, ERR_USAGE, "there is no group \"%s\"", name);
}

/* Sockets that the service manager listens on already. `ret_local` says whether one of them is for
 * local clients. */
static gboolean listen_inherited(Daemon *daemon, gboolean *ret_local, GError **error)
{
    g_autoptr(GArray) sockets = service_sockets();

    *ret_local = FALSE;
    for (guint i = 0; i < sockets->len; i++) {
        int fd = g_array_index(sockets, int, i);
        gboolean local = service_is_unix_socket(fd);

        if (local ? http_server_add_fd(daemon->http, fd, NULL, error) == NULL
                  : !listeners_take(daemon->listeners, fd, error))
            return FALSE;
        *ret_local = *ret_local || local;
    }
    return TRUE;
}

static gboolean listen_locally(Daemon *daemon, const Options *options, GError **error)
{
    g_autofree char *path = g_build_filename(daemon->dir, "unix.socket", NULL);
    HttpHandlers handlers = {on_header, on_request, daemon};
    HttpLimits limits = {.spool = daemon->dir};
    gboolean inherited;
    gid_t gid;

    if (!group_id(options->group, &gid, error))
        return FALSE;
    daemon->http = http_server_new(&handlers, &limits);
    daemon->listeners = listeners_new(daemon->http, daemon->dir, error);
    if (daemon->listeners == NULL || !listen_inherited(daemon, &inherited, error))
        return FALSE;
    return inherited || http_server_add_unix(daemon->http, path, gid, error) != NULL;
}

/* What neither ends nor undoes itself by then is undone by the next start: a step may wait for an
 * instance for as long as it likes. */
static gpointer give_up(gpointer data)
{
    g_usleep(LAST_SECONDS * G_USEC_PER_SEC);
    g_warning("some operations do not end: the next start undoes them");
    _exit(0);
    return NULL;
}

static GLogLevelFlags log_level(const Options *options)
{
    if (options->debug)
        return G_LOG_LEVEL_DEBUG;
    return options->verbose ? G_LOG_LEVEL_INFO : G_LOG_LEVEL_WARNING;
}

static gboolean serve(const Options *options, GError **error)
{
    const char *dir = g_getenv("BERTH_DIR");
    g_autoptr(Daemon) daemon = NULL;
    g_autoptr(StoreWatch) watch = NULL;
    g_autoptr(HostLife) life = NULL;

    if (!log_start(options->logfile, log_level(options), error))
        return FALSE;
    daemon = daemon_new(dir != NULL ? dir : "/var/lib/berth", error);
    if (daemon == NULL || !listen_locally(daemon, options, error))
        return FALSE;
    watch = store_watch_new(daemon, error);
    if (watch == NULL)
        return FALSE;
    daemon_follow_model(daemon);
    daemon->sources = source_control_new(daemon);
    housekeeping_start(daemon);
    daemon->keeper = keeper_new(daemon, (guint)MAX(options->scan, 0), error);
    if (daemon->keeper == NULL)
        return FALSE;
    life = host_life_new(daemon, error);
    if (life == NULL)
        return FALSE;
    g_main_loop_run(daemon->loop);
    operations_abort_all(daemon->operations);
    g_thread_unref(g_thread_new("last", give_up, NULL));
    service_notify("STOPPING=1");
    return TRUE;
}

int main(int argc, char **argv)
{
    g_auto(Options) options = {.scan = SCAN_SECONDS};
    const GOptionEntry entries[] = {
        {"group", 0, 0, G_OPTION_ARG_STRING, &options.group, "Group that may use the unix socket",
         "GROUP"},
        {"logfile", 0, 0, G_OPTION_ARG_FILENAME, &options.logfile, "Write the log to this file",
         "FILE"},
        {"verbose", 'v', 0, G_OPTION_ARG_NONE, &options.verbose, "Log what is done", NULL},
        {"debug", 'd', 0, G_OPTION_ARG_NONE, &options.debug, "Log everything", NULL},
        {"scan", 0, 0, G_OPTION_ARG_INT, &options.scan,
         "How often all of the host is looked at, whatever was heard (default: 600; 0: never)",
         "SECONDS"},
        {"version", 0, 0, G_OPTION_ARG_NONE, &options.version, "Print the version", NULL},
        {0}};
    g_autoptr(GOptionContext) context =
        g_option_context_new("- keeps this host as it is asked to be");
    g_autoptr(GError) error = NULL;

    json_wipe_freed();
    prctl(PR_SET_DUMPABLE, 0); /* no core files with secrets in them (EN-05) */
    /* Many threads that do little each: few arenas, and what a large answer took goes back at once.
     */
    mallopt(M_ARENA_MAX, 2);
    mallopt(M_MMAP_THRESHOLD, 128 << 10);
    mallopt(M_TRIM_THRESHOLD, 128 << 10);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    g_option_context_add_main_entries(context, entries, NULL);
    if (!g_option_context_parse(context, &argc, &argv, &error)) {
        fprintf(stderr, "berthd: %s\n", error->message);
        return EX_USAGE;
    }
    if (options.version) {
        puts("berthd " BERTH_VERSION);
        return 0;
    }
    if (serve(&options, &error))
        return 0;
    fprintf(stderr, "berthd: %s\n", error->message);
    return error_exit_status(error);
}
