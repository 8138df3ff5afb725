/* Names of everything below the state directory (DESIGN 5: laid out as LXD's). All return newly allocated absolute paths. */
#pragma once

#include <glib.h>

char *path_pool(const char *dir, const char *pool);                                   /* storage-pools/POOL */
char *path_image_volume(const char *dir, const char *pool, const char *fingerprint);  /* storage-pools/POOL/images/FP */
char *path_instance_volume(const char *dir, const char *pool, const char *disk_name); /* storage-pools/POOL/containers/NAME */
char *path_instance_link(const char *dir, const char *disk_name);                     /* containers/NAME */
char *path_image_files(const char *dir, const char *fingerprint);                     /* images/FP */
char *path_network(const char *dir, const char *network);                             /* networks/NET */
char *path_devices(const char *dir, const char *disk_name);                           /* devices/NAME */
char *path_logs(const char *dir, const char *disk_name);                              /* logs/NAME */
/* ".parked-TX-NAME" and ".new-TX-NAME" beside a path. */
char *path_parked(const char *path, const char *tx);
char *path_staged(const char *path, const char *tx);
