/* Images that berth makes itself, offline (EN-08): `busybox`, from the static binary of Debian's
 * package busybox-static. */
#pragma once

#include "json.h"

/* The program that the image is made of. */
#define BUILTIN_BUSYBOX "/bin/busybox"

/* What is known of it without making it: {"fingerprint", "metadata": text of metadata.yaml, "size":
 * bytes}. The fingerprint covers the binary and the recipe: the same Debian gives the same image
 * everywhere. */
json_t *builtin_describe(const char *name, GError **error);

/* Fills an empty folder with rootfs/, templates/ and metadata.yaml. */
gboolean builtin_fill(const char *name, const char *folder, GError **error);
