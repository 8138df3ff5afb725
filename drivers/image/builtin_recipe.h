/* The files of the built-in image besides busybox itself. A change here changes the image's
 * fingerprint. */
#pragma once

#include <glib.h>

typedef enum { ITEM_FOLDER, ITEM_FILE } ItemType;

typedef struct {
    ItemType type;
    guint mode;
    const char *path; /* below rootfs */
    const char *text; /* of files */
} RecipeItem;

extern const RecipeItem BUILTIN_ITEMS[]; /* ended by path NULL */

/* Names under which busybox is found, below rootfs; hard links, so that copies stay small.
 * NULL-terminated. */
extern const char *const BUILTIN_APPLETS[];

/* When the recipe was last changed: the image's date, so that its content depends on nothing but
 * busybox. */
#define BUILTIN_DATE 1767225600
