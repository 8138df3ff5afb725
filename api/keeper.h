/* Keeps the host as it is stored (EN-40, EN-41): hears what happens on it, looks at the objects
 * that are meant, says what has drifted, and puts it right where the mode of the object says so.
 * All in threads of its own; nothing wakes up while nothing happens, but for a full scan now and
 * then. */
#pragma once

#include "daemon.h"

typedef struct Keeper Keeper;

/* `scan_seconds`: how often everything is looked at though nothing was heard; 0: never. */
Keeper *keeper_new(Daemon *daemon, guint scan_seconds, GError **error);
/* Waits for what it is doing. */
void keeper_free(Keeper *keeper);

/* Looks at everything once, and from now on at what changes. To be called when the daemon has
 * brought the host up. Any thread. */
void keeper_start(Keeper *keeper);

/* What it did since it began, and the transactions of the daemon (EN-48). */
typedef struct {
    guint64 drifts; /* times that an object was found to have drifted */
    guint64 heals;  /* times that one was put right */
    guint64 heal_failures;
    guint64 looks;        /* objects looked at */
    guint64 transactions; /* that changed something and stand */
    guint64 rollbacks;
    gint64 milliseconds; /* that the transactions took */
    gint64 last_success; /* seconds since the epoch; 0: none yet */
} KeeperFigures;

KeeperFigures keeper_figures(Keeper *keeper);
