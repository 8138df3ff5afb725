/* What berth needs of a host, one check each. Checks change nothing that outlives them. */
#pragma once

#include <glib.h>

typedef enum { CHECK_OK, CHECK_WARN, CHECK_FAIL } CheckLevel;

typedef struct {
    CheckLevel level;
    char *text; /* what was found, and what to do about it; owned */
} CheckResult;

typedef struct {
    const char *name;
    void (*run)(const char *dir, CheckResult *ret); /* `dir` is the state directory */
} Check;

/* All checks, ended by name NULL. */
extern const Check DOCTOR_CHECKS[];

/* Probes that need a child process of their own (doctor_probe.c). Each returns 0 or an errno. */
int probe_bridge(void);                     /* a bridge can be made in a fresh network namespace */
int probe_user_namespace(void);             /* a user namespace can be made */
int probe_nftables(void);                   /* the kernel answers nf_tables requests */
int probe_idmapped_mount(const char *path); /* the file system of `path` takes idmapped mounts */
