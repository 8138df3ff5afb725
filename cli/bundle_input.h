/* What the state files of a bundle say, and which image files they mean. */
#pragma once

#include "bundle.h"
#include "command.h"

/* Reads state files. `root` (may be NULL) is the directory of an unpacked bundle: then `paths` are
 * relative to its files/, out of which nothing is read, and messages name them so. `variables` is
 * the member of a manifest, with paths of files that can be opened from here. Images of servers are
 * let through, because a bundle has their files. */
Input *bundle_input(const GPtrArray *paths, const json_t *variables, const char *root,
                    const char *project, GError **error);

/* Has the image files of its own, that is: is it none that berth makes itself? */
gboolean bundle_image_has_files(const Object *image);

/* Fills "images" of a manifest and adds the files to `members`. Images of servers are taken from
 * the store. */
gboolean bundle_add_images(Cli *cli, const Input *input, json_t *manifest, GPtrArray *members,
                           GError **error);

/* Lets the images of `input` be the files that were unpacked below `root`. */
gboolean bundle_place_images(const Cli *cli, Input *input, const json_t *manifest, const char *root,
                             GError **error);
