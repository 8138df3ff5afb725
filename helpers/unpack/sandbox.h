/* The room in which images are read and unpacked: namespaces of its own (user with all ids as they
 * are, mount, network, IPC, UTS, PID), a root that holds nothing but the target, few capabilities,
 * no new privileges, resource limits, a memory limit where there is a cgroup for it, and an allow
 * list of system calls (DESIGN 5, IMG-067). */
#pragma once

#include <glib.h>

typedef struct {
    const char *root; /* folder below which the target is looked up; NULL: nothing can be written */
    const char *target;   /* path below root, an existing directory: /target inside */
    const char *squashfs; /* file that /image is inside, and the host's /usr with it; NULL: none */
    guint64 bytes;        /* largest file */
} Sandbox;

/* Runs inside; returns what the process exits with. Messages go to `report`, a pipe whose other end
 * the caller reads. */
typedef int (*SandboxFunction)(void *data, int report);

/* Runs `function` in a child inside the sandbox and waits. Returns its exit status, or -1 with an
 * error. All that the child wrote to the report is in `ret_report` (at most `limit` bytes). */
int sandbox_run(const Sandbox *sandbox, SandboxFunction function, void *data, gsize limit,
                GString *ret_report, GError **error);

/* Called inside, when everything is open: only the listed system calls remain. `with_programs`
 * leaves what a program needs that is started inside. */
gboolean sandbox_seal(gboolean with_programs, GError **error);
