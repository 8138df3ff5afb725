/* What an instance keeps of its image: metadata.yaml and templates/ beside its rootfs
 * (API-171..176, IMG-053). Publishing uses it, and the templates that it names are filled in. The
 * image's volume is not touched. */
#pragma once

#include "host.h"

#define TEMPLATE_MAX (1u << 20) /* bytes */

/* As image/metadata.h has it. ERR_NOT_FOUND when there is none. New reference. */
json_t *instance_metadata_get(Host *host, const Object *object, GError **error);

/* Replaces it. ERR_INVALID names what is wrong; keys that are not of ImageMetadata are refused. */
gboolean instance_metadata_put(Host *host, const Object *object, const json_t *metadata,
                               GError **error);

/* Names of the templates, sorted. NULL with an error. */
GStrv instance_templates(Host *host, const Object *object, GError **error);

/* A template's text, newly allocated, with a 0 after it. ERR_NOT_FOUND, or ERR_INVALID for a name
 * with '/' and the like. */
char *instance_template_get(Host *host, const Object *object, const char *name, gsize *ret_length,
                            GError **error);
/* Makes or replaces one, as a whole or not at all. */
gboolean instance_template_put(Host *host, const Object *object, const char *name, const char *text,
                               gsize length, GError **error);
gboolean instance_template_delete(Host *host, const Object *object, const char *name,
                                  GError **error);
