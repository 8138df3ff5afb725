/* Commands inside running instances: a session, which changes nothing that berth keeps
 * (OPS-30..47).
 *
 * A command under way is an Exec: a descriptor says when there is news, so that a main loop can
 * wait for its end; signals and the terminal's size go to it at any time. */
#pragma once

#include "host.h"

typedef struct {
    const char *const *env; /* NAME=VALUE, over the instance's environment.* and the usual values
                               (OPS-44, I-111); NULL: none */
    const char *cwd;        /* NULL: $HOME of the command, or / where there is none (OPS-43) */
    guint32 uid, gid;       /* in the instance; nothing is looked up there (OPS-42) */
    int in, out, err;       /* descriptors of the command, unless it gets a terminal */
    gboolean terminal;      /* one of its own, inside (OPS-32) */
    guint width, height;    /* of the terminal, in characters; 0: unknown */
    gboolean gated;         /* the command is there but runs no instruction of its program before
                               exec_go */
} ExecOptions;

typedef struct Exec Exec;

/* Starts argv in an instance and returns when it runs; to be called in a worker thread. The
 * descriptors of `options` are copied. NULL with an error: ERR_INVALID "Instance is not running" or
 * "Instance is frozen" (OPS-31). A program that is not there or cannot run is no error here but
 * status 127 or 126 (OPS-39). */
Exec *exec_start(Host *host, const Object *object, const char *const *argv,
                 const ExecOptions *options, GError **error);

/* Lets a command of `gated` options run. One that was killed before is success: exec_finish tells.
 */
gboolean exec_go(Exec *exec, GError **error);

/* Says that a command is about to be started, or is not after all: what starts it is loaded
 * meanwhile. May wait for a process to start. */
void exec_ahead(gboolean on);

/* Kills the command unless it has ended (OPS-37), and forgets it. */
void exec_free(Exec *exec);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Exec, exec_free)

/* The master of the command's terminal, open as long as `exec` is; -1 without a terminal. Reading
 * it fails with EIO when nothing inside has the terminal open any more. */
int exec_terminal(const Exec *exec);

/* Becomes readable when the command has ended: then exec_finish does not wait. */
int exec_fd(const Exec *exec);

/* Waits for the end. `ret_status` is the exit status, or 128 + N for signal N. FALSE with an error
 * when nobody can say (the helper was killed; the command then is, too). */
gboolean exec_finish(Exec *exec, int *ret_status, GError **error);

/* Sends a signal to the command (OPS-36). One that has ended is success. */
gboolean exec_signal(Exec *exec, int number, GError **error);

/* Sets the terminal's size; programs inside get SIGWINCH. */
gboolean exec_resize(Exec *exec, guint width, guint height, GError **error);

/* Runs argv and waits, for a command line: with `options->terminal`, what is typed at `options->in`
 * goes to the terminal byte by byte, what it shows to `options->out`, and the size follows. TERM is
 * ours. `options` NULL: our own descriptors, root. Status and errors as above. */
gboolean instance_exec(Host *host, const Object *object, const char *const *argv,
                       const ExecOptions *options, int *ret_status, GError **error);
