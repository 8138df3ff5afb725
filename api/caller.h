/* Who sent a request, and what that caller may do (auth.md). Immutable; reference-counted. */
#pragma once

#include <glib.h>

typedef struct {
    gatomicrefcount refs;
    char *username;   /* of the unix user, or the certificate's fingerprint; "" for the untrusted
                         (EV-27) */
    char *protocol;   /* "unix", "tls"; "" for the untrusted */
    char *address;    /* "@" for the unix socket */
    gboolean trusted; /* may do more than an untrusted caller */
    gboolean admin;   /* everything */
    gboolean metrics; /* /1.0/metrics and nothing else (AUTH-37) */
    char **projects;  /* of a restricted certificate; NULL: all (AUTH-45) */
} Caller;

/* A new caller without any right. Strings are copied. */
Caller *caller_new(const char *protocol, const char *username, const char *address);
Caller *caller_ref(const Caller *caller);
void caller_unref(Caller *caller);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Caller, caller_unref)

/* Whether the caller may see and use a project at all (AUTH-48, AUTH-49). */
gboolean caller_may_use(const Caller *caller, const char *project);
