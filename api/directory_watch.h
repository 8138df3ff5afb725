/* Tells when something below a directory has changed and is quiet again (inotify). */
#pragma once

#include <glib.h>

typedef struct DirectoryWatch DirectoryWatch;

/* `changed` is called in the default main context. A directory that is not there is watched once
 * directory_watch_renew finds it. */
DirectoryWatch *directory_watch_new(const char *path, void (*changed)(void *data), void *data);
/* Tells no more. */
void directory_watch_free(DirectoryWatch *watch);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DirectoryWatch, directory_watch_free)

/* Watches folders that are new. Reads the directory: for a thread, which holds a reference. */
void directory_watch_renew(DirectoryWatch *watch);
DirectoryWatch *directory_watch_ref(DirectoryWatch *watch);
void directory_watch_unref(DirectoryWatch *watch);
