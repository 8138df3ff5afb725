/* Loop devices by ioctl. */
#pragma once

#include <glib.h>

/* Attaches an image file to a loop device, the one that shows it already or a free one, which the
 * kernel takes down when its last user is gone (autoclear), with direct I/O where the file system
 * can. Returns the open device, which keeps it until it is mounted, and its path (newly allocated);
 * -1 with an error. */
int loop_attach(const char *file, char **ret_device, GError **error);

/* What `device` shows, as "DEVICE:INODE" of the image file; newly allocated. NULL when it is no
 * loop device or shows nothing. */
char *loop_backing(const char *device);
