/* The hooks of instances: names, and rules across their fields and what their profiles give them.
 */
#include <string.h>

#include "error.h"
#include "expand.h"
#include "image_origin.h"
#include "kind_rows.h"
#include "validate.h"

/* I-003..I-006. */
gboolean instance_check_name(const char *name, GError **error)
{
    gsize length = strlen(name);

    if (length < 1 || length > 63)
        return error_set(error, ERR_INVALID,
                         "an instance name has 1 to 63 characters, \"%.80s\" has %zu", name,
                         length);
    for (const char *at = name; *at != '\0'; at++)
        if (!g_ascii_isalnum(*at) && *at != '-')
            return error_set(
                error, ERR_INVALID,
                "\"%s\" cannot name an instance: only letters, digits and '-' are allowed", name);
    if (g_ascii_isdigit(name[0]) || name[0] == '-')
        return error_set(error, ERR_INVALID,
                         "\"%s\" cannot name an instance: it must begin with a letter", name);
    if (name[length - 1] == '-')
        return error_set(error, ERR_INVALID, "\"%s\" cannot name an instance: it ends in '-'",
                         name);
    return TRUE;
}

guint instance_variant(const json_t *spec)
{
    const char *type = json_member_string(spec, "type");

    return g_strcmp0(type, "virtual-machine") == 0 ? ON_VM : ON_CONTAINER;
}

static void check_source(const Object *object, Problems *problems)
{
    const json_t *source = json_object_get(object->spec, "source");
    const char *type = json_member_string(source, "type");
    const char *alias = json_member_string(source, "alias");
    const char *fingerprint = json_member_string(source, "fingerprint");

    if (source == NULL) {
        problem_add(problems, PROBLEM_ERROR, object, "source",
                    "names no image: write e.g. `image: NAME`, NAME being an entry of `images`");
        return;
    }
    if (g_strcmp0(type, "none") == 0) {
        if (alias != NULL || fingerprint != NULL)
            problem_add(problems, PROBLEM_ERROR, object, "source",
                        "has type none and names an image: leave one out");
        return;
    }
    if (type != NULL && strcmp(type, "image") != 0) {
        problem_add(problems, PROBLEM_UNSUPPORTED, object, "source/type",
                    "an instance from \"%s\" cannot be declared: only from an image, or none",
                    type);
        return;
    }
    if (alias != NULL && fingerprint != NULL)
        problem_add(problems, PROBLEM_ERROR, object, "source",
                    "name either alias or fingerprint, not both");
    else if (alias == NULL && fingerprint == NULL && json_object_get(source, "properties") == NULL)
        problem_add(problems, PROBLEM_ERROR, object, "source",
                    "names no image: give alias or fingerprint");
    else if (image_origin_is_given(source))
        image_origin_check(object, source, problems);
}

/* I-142, I-154: an allow list, a deny list and a raw policy exclude one another. Judged on what the
 * profiles give as well. */
static void check_syscalls(const Object *object, const json_t *config, Problems *problems)
{
    static const char *const denying[] = {"security.syscalls.deny",
                                          "security.syscalls.deny_default",
                                          "security.syscalls.deny_compat", NULL};
    const char *allow = json_member_string(config, "security.syscalls.allow");
    const char *raw = json_member_string(config, "raw.seccomp");

    if (raw != NULL && allow != NULL)
        problem_add(
            problems, PROBLEM_ERROR, object, "config/raw.seccomp",
            "replaces the whole policy, so that security.syscalls.allow cannot be set beside it");
    for (const char *const *key = denying; *key != NULL; key++) {
        const char *value = json_member_string(config, *key);

        if (value == NULL || (key != denying && !type_is_true(value)))
            continue;
        if (allow != NULL || raw != NULL)
            problem_add(problems, PROBLEM_ERROR, object, "config",
                        "%s and %s cannot be set together", *key,
                        allow != NULL ? "security.syscalls.allow" : "raw.seccomp");
    }
}

static void check_profiles(const Object *object, Problems *problems)
{
    const json_t *profiles = json_object_get(object->spec, "profiles");
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    json_t *profile;
    size_t i;

    json_array_foreach (profiles, i, profile) {
        const char *name = json_string_value(profile);

        if (name != NULL && !g_hash_table_add(seen, (void *)name))
            problem_add(problems, PROBLEM_ERROR, object, "profiles",
                        "the profile \"%s\" is listed twice", name);
    }
}

void config_check_names(const Object *object, Problems *problems)
{
    static const struct {
        const char *prefix, *pattern, *allowed;
    } rules[] = {
        {"environment.", "^[^=[:cntrl:]]+$", "anything but '=' and control characters"},
        {"linux.sysctl.", "^[-_./a-zA-Z0-9]+$", "letters, digits, '-', '_', '.' and '/'"},
        {"limits.kernel.", "^[a-z]+$",
         "the name of a limit in lower case, such as nofile"}, /* I-350 */
    };
    const char *key;
    json_t *value;

    json_object_foreach (json_object_get(object->spec, "config"), key, value) {
        for (guint i = 0; i < G_N_ELEMENTS(rules); i++) {
            g_autofree char *path = NULL;

            if (!g_str_has_prefix(key, rules[i].prefix) ||
                g_regex_match_simple(rules[i].pattern, key + strlen(rules[i].prefix),
                                     G_REGEX_DOLLAR_ENDONLY, 0))
                continue;
            path = g_strdup_printf("config/%s", key);
            problem_add(problems, PROBLEM_ERROR, object, path, "is no valid key: after %s comes %s",
                        rules[i].prefix, rules[i].allowed);
        }
    }
}

/* D-DISK-26, ST-016: one root disk, in a pool. */
static void check_root(const Object *object, const json_t *devices, Problems *problems)
{
    g_autoptr(GPtrArray) names = json_sorted_keys(devices);
    const char *root = NULL;

    for (guint i = 0; i < names->len; i++) {
        const char *name = g_ptr_array_index(names, i);
        const json_t *device = json_object_get(devices, name);

        if (!device_is_root(device))
            continue;
        if (root != NULL)
            problem_add(
                problems, PROBLEM_ERROR, object, "devices",
                "has two root disks, \"%s\" and \"%s\": mask one with a device of type none", root,
                name);
        root = name;
        if (json_member_string(device, "pool") == NULL)
            problem_add(problems, PROBLEM_ERROR, object, "devices",
                        "the root disk \"%s\" names no pool", name);
    }
    if (root == NULL)
        problem_add(problems, PROBLEM_ERROR, object, "devices",
                    "has no root disk: give it or one of its profiles a disk device with path "
                    "\"/\" and a pool");
}

/* D-GEN-08, D-NIC-06: what only the whole of its devices shows. */
static void check_expanded_devices(const Snapshot *snapshot, const Object *object,
                                   const json_t *devices, Problems *problems)
{
    g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GHashTable) paths = g_hash_table_new(g_str_hash, g_str_equal);
    guint on = instance_variant(object->spec);
    const char *device_name;
    json_t *device;

    json_object_foreach ((json_t *)devices, device_name, device) {
        const DeviceType *type = device_type_of(snapshot, object->id.project, device, NULL);
        const char *name = json_member_string(device, "name");
        const char *path = json_member_string(device, "path");
        g_autofree char *at = g_strdup_printf("devices/%s", device_name);

        if (type == NULL)
            continue;
        if ((type->applies & on) == 0)
            problem_add(
                problems, PROBLEM_ERROR, object, at, "a %s cannot have a device of type %s%s%s",
                on == ON_VM ? "virtual machine" : "container", type->type,
                type->variant != NULL ? " " : "", type->variant != NULL ? type->variant : "");
        if (strcmp(type->type, "nic") == 0 && name != NULL &&
            !g_hash_table_add(names, (void *)name))
            problem_add(problems, PROBLEM_ERROR, object, at,
                        "a second NIC of this instance is named \"%s\"", name);
        if (strcmp(type->type, "disk") == 0 && path != NULL && strcmp(path, "/") != 0 &&
            !g_hash_table_add(paths, (void *)path))
            problem_add(problems, PROBLEM_ERROR, object, at,
                        "a second disk of this instance has the path \"%s\"", path);
    }
}

void instance_check(const Snapshot *snapshot, const Object *object, Problems *problems)
{
    g_auto(Expanded) expanded = {0};

    if (instance_variant(object->spec) == ON_VM)
        problem_add(problems, PROBLEM_UNSUPPORTED, object, "type",
                    "virtual machines are not supported by this build");
    if (json_is_true(json_object_get(object->spec, "stateful")))
        problem_add(problems, PROBLEM_UNSUPPORTED, object, "stateful",
                    "a saved state is not supported by this build");
    check_source(object, problems);
    check_profiles(object, problems);
    config_check_names(object, problems);
    device_check_all(snapshot, object, problems);
    expand_instance(snapshot, object, &expanded);
    check_syscalls(object, expanded.config, problems);
    check_root(object, expanded.devices, problems);
    check_expanded_devices(snapshot, object, expanded.devices, problems);
}
