#include "instance_type.h"

#include <string.h>

#include "error.h"

/* The sizes that the clouds publish: virtual CPUs and GiB of memory. */
static const struct {
    const char *cloud, *name;
    double cpus, memory;
} TYPES[] = {
    {"aws", "t2.nano", 1, 0.5},
    {"aws", "t2.micro", 1, 1},
    {"aws", "t2.small", 1, 2},
    {"aws", "t2.medium", 2, 4},
    {"aws", "t2.large", 2, 8},
    {"aws", "t2.xlarge", 4, 16},
    {"aws", "t2.2xlarge", 8, 32},
    {"aws", "t3.nano", 2, 0.5},
    {"aws", "t3.micro", 2, 1},
    {"aws", "t3.small", 2, 2},
    {"aws", "t3.medium", 2, 4},
    {"aws", "t3.large", 2, 8},
    {"aws", "t3.xlarge", 4, 16},
    {"aws", "t3.2xlarge", 8, 32},
    {"aws", "m4.large", 2, 8},
    {"aws", "m4.xlarge", 4, 16},
    {"aws", "m4.2xlarge", 8, 32},
    {"aws", "m5.large", 2, 8},
    {"aws", "m5.xlarge", 4, 16},
    {"aws", "m5.2xlarge", 8, 32},
    {"aws", "c4.large", 2, 3.75},
    {"aws", "c4.xlarge", 4, 7.5},
    {"aws", "c5.large", 2, 4},
    {"aws", "c5.xlarge", 4, 8},
    {"aws", "c5.2xlarge", 8, 16},
    {"aws", "r4.large", 2, 15.25},
    {"aws", "r5.large", 2, 16},
    {"aws", "r5.xlarge", 4, 32},
    {"gce", "f1-micro", 0.2, 0.6},
    {"gce", "g1-small", 0.5, 1.7},
    {"gce", "n1-standard-1", 1, 3.75},
    {"gce", "n1-standard-2", 2, 7.5},
    {"gce", "n1-standard-4", 4, 15},
    {"gce", "n1-standard-8", 8, 30},
    {"azure", "A0", 1, 0.75},
    {"azure", "A1", 1, 1.75},
    {"azure", "A2", 2, 3.5},
    {"azure", "A3", 4, 7},
    {"azure", "A4", 8, 14},
    {"azure", "D1", 1, 3.5},
    {"azure", "D2", 2, 7},
    {"azure", "D3", 4, 14},
    {"azure", "D4", 8, 28},
};

/* "c2-m4", "c0.5", "m8": I-552, I-555. */
static gboolean parse_custom(const char *text, double *ret_cpus, double *ret_memory)
{
    g_auto(GStrv) parts = g_strsplit(text, "-", -1);

    for (guint i = 0; parts[i] != NULL; i++) {
        char *end;
        double *target = parts[i][0] == 'c' ? ret_cpus : ret_memory;
        double value = g_ascii_isdigit(parts[i][0] != '\0' ? parts[i][1] : '\0')
                           ? g_ascii_strtod(parts[i] + 1, &end)
                           : 0;

        if ((parts[i][0] != 'c' && parts[i][0] != 'm') || value <= 0 || value > 1e6 ||
            *end != '\0' || *target > 0)
            return FALSE;
        *target = value;
    }
    return *ret_cpus > 0 || *ret_memory > 0;
}

static gboolean look_up(const char *text, double *ret_cpus, double *ret_memory, GError **error)
{
    const char *colon = strchr(text, ':');
    const char *name = colon != NULL ? colon + 1 : text;
    g_autofree char *cloud = colon != NULL ? g_strndup(text, (gsize)(colon - text)) : NULL;
    const char *found = NULL;

    for (guint i = 0; i < G_N_ELEMENTS(TYPES); i++) {
        if (strcmp(TYPES[i].name, name) != 0 ||
            (cloud != NULL && strcmp(TYPES[i].cloud, cloud) != 0))
            continue;
        if (found != NULL)
            return error_set(error, ERR_INVALID,
                             "instance_type: \"%s\" is one of %s and of %s: write %s:%s", text,
                             found, TYPES[i].cloud, found, name);
        found = TYPES[i].cloud;
        *ret_cpus = TYPES[i].cpus;
        *ret_memory = TYPES[i].memory;
    }
    return found != NULL ||
           error_set(error, ERR_INVALID,
                     "instance_type: \"%s\" is not known; write e.g. t2.micro, or c2-m4 for two "
                     "CPUs and 4 GB of memory",
                     text);
}

json_t *instance_type_config(const char *text, GError **error)
{
    double cpus = 0, memory = 0;
    json_t *config;

    if (!parse_custom(text, &cpus, &memory)) {
        cpus = memory = 0;
        if (!look_up(text, &cpus, &memory, error))
            return NULL;
    }
    config = json_object();
    if (cpus > 0) {
        int whole = (int)cpus + (cpus > (int)cpus);
        g_autofree char *count = g_strdup_printf("%d", whole);

        json_object_set_new(config, "limits.cpu", json_string(count));
        if (cpus < whole) {
            g_autofree char *share = g_strdup_printf("%d%%", (int)(cpus / whole * 100));

            json_object_set_new(config, "limits.cpu.allowance", json_string(share));
        }
    }
    if (memory > 0) {
        g_autofree char *size = g_strdup_printf("%dMB", (int)(memory * 1024));

        json_object_set_new(config, "limits.memory", json_string(size));
    }
    return config;
}
