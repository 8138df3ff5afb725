#include "look.h"

#include <string.h>

#include "file.h"

#define LEASES_MAX_BYTES (16u << 20)

/* Lines of all lease files: TIME MAC ADDRESS NAME ID. Of GStrv. */
static GPtrArray *read_leases(const char *dir)
{
    GPtrArray *leases = g_ptr_array_new_with_free_func((GDestroyNotify)g_strfreev);
    g_autofree char *folder = g_build_filename(dir, "networks", NULL);
    g_autoptr(GDir) networks = g_dir_open(folder, 0, NULL);
    const char *network;

    while (networks != NULL && (network = g_dir_read_name(networks)) != NULL) {
        g_autofree char *path = g_build_filename(folder, network, "dnsmasq.leases", NULL);
        g_autofree char *text = NULL;
        g_auto(GStrv) lines = NULL;

        if (!file_read(path, LEASES_MAX_BYTES, &text, NULL, NULL))
            continue;
        lines = g_strsplit(text, "\n", -1);
        for (guint i = 0; lines[i] != NULL; i++) {
            g_auto(GStrv) words = g_strsplit(lines[i], " ", 5);

            if (g_strv_length(words) >= 3)
                g_ptr_array_add(leases, g_steal_pointer(&words));
        }
    }
    return leases;
}

static char *addresses_of(const GPtrArray *leases, const Object *instance)
{
    g_autoptr(GString) found = g_string_new(NULL);
    const char *key;
    json_t *value;

    for (guint i = 0; i < leases->len; i++) {
        char **words = leases->pdata[i];

        json_object_foreach (instance->generated, key, value)
            if (g_str_has_suffix(key, ".hwaddr") &&
                g_strcmp0(json_string_value(value), words[1]) == 0)
                g_string_append_printf(found, "%s%s", found->len > 0 ? " " : "", words[2]);
    }
    return g_strdup(found->str);
}

json_t *look_at_objects(Engine *engine, const GPtrArray *objects)
{
    g_autoptr(GPtrArray) leases = read_leases(engine_host(engine)->dir);
    json_t *found = json_object();

    for (guint i = 0; i < objects->len; i++) {
        const Object *object = objects->pdata[i];
        g_autoptr(json_t) expected = NULL;
        g_autoptr(GError) error = NULL;
        json_t *facts = engine_observe(engine, object, &expected, &error);
        json_t *seen = facts != NULL ? json_pack("{s:o}", "facts", facts)
                                     : json_pack("{s:s}", "error", error->message);

        if (object->id.kind == KIND_INSTANCE) {
            g_autofree char *addresses = addresses_of(leases, object);

            json_object_set_new(seen, "addresses", json_string(addresses));
        }
        json_object_set_new(found, object->key, seen);
    }
    return found;
}
