/* Bundles: configuration, images and a signature in one file, for hosts without a network (EN-52).
 *
 * A bundle is a tar (pax, zstd) that holds, in this order,
 *
 *   manifest.json    {"format": "berth-bundle", "format_version": 1,
 *                     "paths": [what is read, below files/],
 *                     "variables": {"given": ["NAME=VALUE"], "files": [MEMBER]},
 *                     "images": [{"name", "project" (null: that of the reader), "fingerprint",
 *                                 "split": bool, "source": name of the file that it was}],
 *                     "members": {NAME: {"sha256", "size"}}}
 *   manifest.sig     Ed25519 signature of the bytes of manifest.json; may be absent
 *   files/...        the state files as they are
 *   images/FP        image files by fingerprint; images/FP.rootfs beside it when it is split
 *   vars/N.yaml      files of --var-file
 *
 * sorted by name, without times and owners: the same input gives the same bytes. */
#pragma once

#include "json.h"

#define BUNDLE_MANIFEST "manifest.json"
#define BUNDLE_SIGNATURE "manifest.sig"
#define BUNDLE_MAX_MEMBERS 10000u
#define BUNDLE_MAX_TEXT (64u << 20)                    /* bytes of the manifest, and of any text */
#define BUNDLE_MAX_BYTES (G_GUINT64_CONSTANT(1) << 40) /* of all members together */

/* What was found out about a bundle. */
typedef struct {
    json_t *manifest;
    gboolean is_signed;  /* has a signature */
    gboolean is_checked; /* by the key that was given */
} Bundle;

void bundle_clear(Bundle *bundle);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Bundle, bundle_clear)

/* One member, while a bundle is made: the content is that of the file at `path`. */
typedef struct {
    char *name, *path;
} BundleMember;

/* Writes a bundle of `members` (of BundleMember *) to `path`, by way of a temporary file beside it.
 * `manifest` gets its "members". `key` (may be NULL) is the PEM file of the private key. */
gboolean bundle_write(const char *path, json_t *manifest, GPtrArray *members, const char *key,
                      GError **error);

/* Reads all of a bundle and compares every digest; ERR_INVALID names what differs, and a
 * signature that is missing or wrong. `key` (may be NULL) is the PEM file of the public key, which
 * is checked before anything else is read. With `target` (may be NULL), an empty directory of ours,
 * the members are put there; after an error some may be. */
gboolean bundle_read(const char *path, const char *key, const char *target, Bundle *ret,
                     GError **error);

/* Makes a Bundle's manifest of its text. ERR_INVALID when it is none, or not to be trusted with
 * paths. */
json_t *bundle_manifest_parse(const char *text, gsize length, GError **error);
/* Whether a name is one of a member: below files/, images/ or vars/, and never out of it. */
gboolean bundle_name_is_safe(const char *name);

/* Signature of a text by the private key in a PEM file, and the check of one with the public key.
 */
GBytes *bundle_sign(const char *key, const char *text, gsize length, GError **error);
gboolean bundle_check(const char *key, const char *text, gsize length, const void *signature,
                      gsize size, GError **error);
