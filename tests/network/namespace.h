/* A private place for one test: its own network and mount namespaces, a fresh state directory, and
 * programs to look with. Criterion runs each test in a process of its own, so that nothing has to
 * be put back. */
#pragma once

#include "host.h"

/* Moves this process into new namespaces and makes a state directory there. Ends the test as
 * skipped when it may not (not root). */
void namespace_enter(void);

/* The state directory of this test, below a fresh temporary directory that is removed with
 * namespace_leave, as are the processes that name it in their arguments. */
const char *namespace_dir(void);
void namespace_leave(void);

/* Output of a program; the test fails when it fails. Arguments are split at blanks. Newly
 * allocated. */
char *run(const char *format, ...) G_GNUC_PRINTF(1, 2);
/* Whether a program succeeds. */
gboolean succeeds(const char *format, ...) G_GNUC_PRINTF(1, 2);

/* What the network of this namespace looks like by `ip`, `nft` and the process list, without what
 * cannot be brought back (indexes, counters, pids). Newly allocated. */
char *fingerprint(void);
