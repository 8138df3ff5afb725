#include "config.h"

#include <string.h>

#include "error.h"
#include "idmap.h"
#include "type.h"

static void add(json_t *items, const char *key, const char *value)
{
    json_array_append_new(items, json_pack("[ss]", key, value));
}

static gboolean is_on(const json_t *config, const char *key)
{
    const char *text = json_member_string(config, key);

    return text != NULL && type_is_true(text);
}

gboolean config_is_privileged(const json_t *config)
{
    return is_on(config, "security.privileged");
}

/* ---- ids ---- */

static guint32 id_at(const json_t *ids, const char *sort, size_t index)
{
    return (guint32)json_integer_value(json_array_get(json_object_get(ids, sort), index));
}

/* The id map (RT-70..88). NULL with an error, also when the host has no usable ranges. */
static json_t *config_idmap_items(const Context *context, const json_t *config, GError **error)
{
    const json_t *ids = host_fact(context->host, "ids");
    const char *failure = json_member_string(ids, "error");
    const char *raw = json_member_string(config, "raw.idmap");
    g_autoptr(IdMap) map = NULL;
    json_t *items;

    if (failure != NULL || json_object_get(ids, "uid") == NULL) {
        error_set(error, ERR_FAILED, "no host ids for unprivileged containers: %s",
                  failure != NULL ? failure : "unknown");
        return NULL;
    }
    if (is_on(config, "security.idmap.isolated")) {
        const char *base = json_member_string(config, "volatile.idmap.base");
        const char *size = json_member_string(config, "security.idmap.size");
        guint32 first = base != NULL ? (guint32)g_ascii_strtoull(base, NULL, 10) : 0;
        guint32 count = size != NULL ? (guint32)g_ascii_strtoull(size, NULL, 10) : IDMAP_MIN_SIZE;

        if (first == 0) {
            error_set(error, ERR_FAILED, "security.idmap.isolated: no id range has been drawn");
            return NULL;
        }
        map = idmap_new(first, count, first, count);
    } else {
        map = idmap_new(id_at(ids, "uid", 0), id_at(ids, "uid", 1), id_at(ids, "gid", 0),
                        id_at(ids, "gid", 1));
    }
    if (raw != NULL && !idmap_punch(map, raw, error))
        return NULL;
    items = json_array();
    idmap_add_items(map, items);
    return items;
}

/* ---- confinement ---- */

char *config_seccomp(const json_t *config)
{
    const char *raw = json_member_string(config, "raw.seccomp");
    const char *allow = json_member_string(config, "security.syscalls.allow");
    const char *deny = json_member_string(config, "security.syscalls.deny");
    const char *usual = json_member_string(config, "security.syscalls.deny_default");
    gboolean by_default = usual == NULL || type_is_true(usual);

    if (raw != NULL)
        return g_strdup(raw);
    if (allow != NULL)
        return g_strdup_printf("2\nallowlist\n[all]\n%s\n", allow);
    if (!by_default && deny == NULL)
        return NULL;
    /* 38 is ENOSYS: programs then take the way for old kernels (RT-35). */
    return g_strconcat("2\ndenylist\n", by_default ? "reject_force_umount\n[all]\n" : "[all]\n",
                       by_default ? "kexec_load errno 38\nopen_by_handle_at errno 38\n"
                                    "init_module errno 38\nfinit_module errno 38\n"
                                    "delete_module errno 38\n"
                                  : "",
                       deny != NULL ? deny : "", deny != NULL ? "\n" : "", NULL);
}

/* Keys below a prefix become items of another prefix, in order of key. */
static gboolean add_prefixed(json_t *items, const json_t *config, const char *prefix,
                             const char *item, GError **error)
{
    g_autoptr(GPtrArray) keys = json_sorted_keys(config);

    for (guint i = 0; i < keys->len; i++) {
        const char *key = keys->pdata[i], *value = json_member_string(config, key);
        g_autofree char *name = NULL;

        if (!g_str_has_prefix(key, prefix) || value == NULL)
            continue;
        if (strpbrk(key, " \t\n=") != NULL || strchr(value, '\n') != NULL)
            return error_set(error, ERR_INVALID,
                             "%s: neither key nor value may hold blanks or newlines", key);
        name = g_strconcat(item, key + strlen(prefix), NULL);
        add(items, name, value);
    }
    return TRUE;
}

json_t *config_items(const Context *context, const Object *object, const json_t *config,
                     const char *root, GError **error)
{
    g_autoptr(json_t) items = json_array();
    g_autofree char *rootfs = g_strconcat("dir:", root, NULL);
    const char *architecture = json_member_string(object->spec, "architecture");

    add(items, "lxc.rootfs.path", rootfs);
    add(items, "lxc.uts.name", object->id.name);
    if (architecture != NULL)
        add(items, "lxc.arch", architecture);
    if (!config_is_privileged(config)) {
        g_autoptr(json_t) ids = config_idmap_items(context, config, error);

        if (ids == NULL)
            return NULL;
        add(items, "lxc.rootfs.options", "idmap=container");
        json_array_extend(items, ids);
    }
    if (!add_prefixed(items, config, "linux.sysctl.", "lxc.sysctl.", error) ||
        !add_prefixed(items, config, "limits.kernel.", "lxc.prlimit.", error))
        return NULL;
    return g_steal_pointer(&items);
}

json_t *config_environment(const json_t *config)
{
    json_t *environment = json_object();
    const char *key;
    json_t *value;

    json_object_foreach ((json_t *)config, key, value) {
        if (g_str_has_prefix(key, "environment."))
            json_object_set(environment, key + strlen("environment."), value);
    }
    return environment;
}

json_t *config_raw_items(const char *raw, GError **error)
{
    g_autoptr(json_t) items = json_array();
    g_auto(GStrv) lines = g_strsplit(raw, "\n", -1);

    for (char **line = lines; *line != NULL; line++) {
        char *text = g_strstrip(*line), *equals = strchr(text, '=');

        if (*text == '\0' || *text == '#')
            continue;
        if (equals == NULL) {
            error_set(error, ERR_INVALID, "raw.lxc: \"%s\" is no line of the form key = value",
                      text);
            return NULL;
        }
        *equals = '\0';
        g_strchomp(text);
        add(items, text, g_strstrip(equals + 1));
    }
    return g_steal_pointer(&items);
}

char *config_text(const json_t *items)
{
    GString *text = g_string_new(NULL);
    const json_t *item;
    size_t i;

    json_array_foreach (items, i, item) {
        g_autofree char *value =
            g_strescape(json_string_value(json_array_get(item, 1)), "\"\\\t\b\f\v"
                                                                    "\x80");

        g_string_append_printf(text, "%s = %s\n", json_string_value(json_array_get(item, 0)),
                               value);
    }
    return g_string_free(text, FALSE);
}
