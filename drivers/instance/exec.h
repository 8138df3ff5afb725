/* Commands inside running instances: a session, which changes nothing that berth keeps. */
#pragma once

#include "host.h"

typedef struct {
    const char *const *env; /* NAME=VALUE, over the instance's environment.* (I-111); NULL: none */
    const char *cwd;        /* NULL: /root, or / where there is none */
    guint32 uid, gid;       /* in the instance */
    int in, out,
        err; /* descriptors of the command without a terminal; with one, `in` and `out` are ours */
} ExecOptions;

/* Runs argv in an instance that runs, and waits. With `terminal` the command gets one of its own
 * inside and what is typed at `in` goes there, byte by byte; the size follows. `options` NULL: our
 * own descriptors, root. `ret_status` is its exit status, 128 + N for signal N, 127 when there is
 * no such program. FALSE with an error when it could not be run at all; ERR_NOT_FOUND when the
 * instance does not run. */
gboolean instance_exec(Host *host, const Object *object, const char *const *argv, gboolean terminal,
                       const ExecOptions *options, int *ret_status, GError **error);
