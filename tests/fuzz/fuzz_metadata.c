/* Fuzz target: metadata.yaml of images. Nothing may crash; what is accepted keeps its promises. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "image/metadata.h"
#include "type.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_templates(const json_t *templates)
{
    const char *path;
    json_t *rule;

    json_object_foreach ((json_t *)templates, path, rule) {
        const char *file = json_member_string(rule, "template");

        if (path[0] != '/' || strstr(path, "/../") != NULL || file == NULL ||
            strchr(file, '/') != NULL || !json_is_array(json_object_get(rule, "when")))
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(json_t) metadata = metadata_parse("metadata.yaml", (const char *)data, size, &error);

    if ((metadata == NULL) != (error != NULL))
        abort();
    if (metadata == NULL)
        return 0;
    if (type_architecture(json_member_string(metadata, "architecture")) == NULL ||
        json_integer_value(json_object_get(metadata, "creation_date")) <= 0 ||
        !json_is_object(json_object_get(metadata, "properties")))
        abort();
    check_templates(json_object_get(metadata, "templates"));
    g_free(metadata_time(json_integer_value(json_object_get(metadata, "creation_date"))));
    return 0;
}
