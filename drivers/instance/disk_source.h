/* What a disk of the host is mounted from. Mostly its path; what has mount options, must not lead
 * out of a path, or is a file system on a block device is mounted among the host's mounts first,
 * for as long as it takes to mount it in the container. */
#pragma once

#include "run.h"

typedef struct {
    char *path; /* NULL: not there, and not required */
    gboolean directory;
} DiskSource;

/* `disk` is its fact. FALSE with an error that names the device. */
gboolean disk_source_open(const Run *run, const char *device, const json_t *disk, DiskSource *ret,
                          GError **error);

/* Takes the mount among the host's off again, if one was made. */
void disk_source_close(const Run *run, const char *device);

static inline void disk_source_clear(DiskSource *source)
{
    g_clear_pointer(&source->path, g_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(DiskSource, disk_source_clear)
