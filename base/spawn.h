/* The one way to run a program: an argument vector, never a shell; clean environment; deadline;
 * output kept for the error. Safe to call from worker threads. */
#pragma once

#include <gio/gio.h>
/* libc has a header of this name too; whoever looks for that one gets both. */
#include_next <spawn.h>

typedef struct {
    const char *const
        *env; /* NULL: PATH, LANG=C.UTF-8 only; otherwise the whole environment, NULL-terminated */
    const char *cwd;          /* NULL: "/" */
    const char *input;        /* text for stdin; NULL: /dev/null */
    guint timeout_ms;         /* 0: 60 s */
    int input_fd;             /* stdin, instead of `input`; 0: none */
    int output_fd;            /* stdout, of which nothing is kept then; 0: none */
    int keep_fd;              /* one fd handed to the child as fd 3; -1: none */
    void (*tick)(void *data); /* called some ten times a second while the child runs; NULL: not */
    void *tick_data;
    volatile gint *cancel; /* looked at now and then: non-zero ends the program (ERR_INTERRUPTED);
                              NULL: never */
} SpawnOptions;

/* Runs argv (argv[0] is looked up in PATH), waits, and returns TRUE when it exits 0. `ret_output`
 * (may be NULL) gets stdout. On failure the error names the program, its status and the tail of its
 * stderr. `options` may be NULL. */
gboolean spawn_run(const char *const *argv, const SpawnOptions *options, char **ret_output,
                   GError **error);

/* Starts a long-lived daemon child detached from us (own session, stdio to `log_path` or /dev/null)
 * and returns its pid, or -1. The child outlives this process. */
GPid spawn_daemon(const char *const *argv, const char *log_path, GError **error);

/* Starts a program with descriptors as `actions` say, which are destroyed; no signal is blocked or
 * ignored in it, and its process group is its own. For what spawn_run cannot do; -1 with an error.
 */
pid_t spawn_process(const char *program, char *const *argv, char *const *env,
                    posix_spawn_file_actions_t *actions, GError **error);

/* For tests: when set, every argv is appended (as a GStrv) instead of run, and succeeds with empty
 * output. */
void spawn_record(GPtrArray *argvs);
