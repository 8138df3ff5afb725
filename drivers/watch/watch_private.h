/* What the parts of the watch share; nobody else includes it. */
#pragma once

#include <glib-unix.h>
#include <sys/types.h>

#include "host_watch.h"

typedef struct WatchLinks WatchLinks;
typedef struct WatchChains WatchChains;
typedef struct WatchFiles WatchFiles;
typedef struct WatchMounts WatchMounts;
typedef struct WatchRecords WatchRecords;

struct HostWatch {
    GMainContext *context;
    WatchFunction tell;
    void *data;
    GHashTable *objects; /* key of an object -> Watched */
    GTree *index; /* "KIND NAME" -> Slot: in order, so that all below a path are neighbours */
    WatchLinks *links;
    WatchChains *chains;
    WatchFiles *files;
    WatchMounts *mounts;
    WatchRecords *records;
};

/* Tells of something to the objects that stand on it. */
void watch_tell(HostWatch *watch, WatchKind kind, const char *name, const char *what);
/* Whether anything stands on it. */
gboolean watch_has(const HostWatch *watch, WatchKind kind, const char *name);
/* The same to all that stand on something of this kind at or below the path `top` (NULL: anything).
 */
void watch_tell_below(HostWatch *watch, WatchKind kind, const char *top, const char *what);
/* What the kernel could not tell. */
void watch_tell_lost(HostWatch *watch, const char *who);

/* A source on a descriptor in the watch's context. */
GSource *watch_source(HostWatch *watch, int fd, GIOCondition condition, GUnixFDSourceFunc call,
                      void *data);
void watch_source_end(GSource *source);

WatchLinks *watch_links_new(HostWatch *watch, GError **error);
void watch_links_free(WatchLinks *links);

WatchChains *watch_chains_new(HostWatch *watch, GError **error);
void watch_chains_free(WatchChains *chains);

/* inotify, for paths and for the files of control groups. */
WatchFiles *watch_files_new(HostWatch *watch, GError **error);
void watch_files_free(WatchFiles *files);
void watch_files_add(WatchFiles *files, const char *path);
void watch_files_remove(WatchFiles *files, const char *path);
/* Directories at or below `path` may be others now. */
void watch_files_renew(WatchFiles *files, const char *path);
/* Tells `key` of writes to the files in a control group's directory, until the number is given
 * back. -1 when it is not there. */
int watch_files_add_group(WatchFiles *files, const char *directory, const char *key);
void watch_files_remove_group(WatchFiles *files, int number);

WatchMounts *watch_mounts_new(HostWatch *watch, GError **error);
void watch_mounts_free(WatchMounts *mounts);

WatchRecords *watch_records_new(HostWatch *watch);
void watch_records_free(WatchRecords *records);
void watch_records_set(WatchRecords *records, const char *key, const char *path, const char *group);
void watch_records_remove(WatchRecords *records, const char *key);
