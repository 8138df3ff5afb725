/* The warnings that the daemon itself raises and resolves (API-281..285): their types as LXD names
 * them. Failures to record one are logged. Any thread. */
#pragma once

#include "daemon.h"

typedef enum {
    WARNING_NO_BLKIO,
    WARNING_NO_CPU,
    WARNING_NO_CPUACCT,
    WARNING_NO_CPUSET,
    WARNING_NO_DEVICES,
    WARNING_NO_FREEZER,
    WARNING_NO_HUGETLB,
    WARNING_NO_MEMORY,
    WARNING_NO_SWAP,
    WARNING_NO_NET_PRIO,
    WARNING_NO_PIDS,
    WARNING_NO_APPARMOR,
    WARNING_AUTOSTART,
    WARNING_NETWORK,
    WARNING_POOL,
    WARNING_IPV6_PREFIX,
    WARNING_MAX
} WarningType;

/* `key` is that of the object concerned, "" for the server. */
void warning_raise(Daemon *daemon, WarningType type, const char *key, const char *message);
void warning_resolve(Daemon *daemon, WarningType type, const char *key);
/* warning_raise when `wrong`, else warning_resolve. */
void warning_set(Daemon *daemon, WarningType type, const char *key, gboolean wrong,
                 const char *message);

gboolean warning_is_open(Daemon *daemon, WarningType type, const char *key);

/* "low", "moderate" or "high"; "" for a type that this build does not know. */
const char *warning_severity(const char *type);

/* What a committed plan means to warnings: those of objects that are gone go, a started instance
 * needs no more attention, a network is looked at. */
void warning_follow_plan(Daemon *daemon, const Plan *plan);

/* At the start: what of the host this build would use and does not find (I-329). */
void warning_look_at_host(Daemon *daemon);
