/* What helpers that touch foreign files give up before they do (DESIGN 5). */
#pragma once

#include <glib.h>
#include <seccomp.h>

/* Only these capabilities are left, for us and for what we might start. */
gboolean confine_capabilities(const int *kept, guint n_kept, GError **error);

/* Sets both limits of a resource (setrlimit(2)). */
gboolean confine_limit(int resource, guint64 value, GError **error);

/* Allows system calls by name, ended by NULL; those that this machine does not have are left out.
 * 0 or a negative errno. */
int confine_allow(scmp_filter_ctx filter, const char *const *names);
