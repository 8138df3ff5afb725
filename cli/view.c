#include "view.h"

#include <string.h>

#include "mask.h"
#include "output.h"

static json_t *masked(const Object *object, const json_t *source, gboolean config_like)
{
    const Kind *kind = object_kind(object);
    json_t *copy = source != NULL ? json_deep_copy(source) : json_object();

    if (config_like) {
        mask_map(kind->config, copy);
    } else {
        mask_map(kind->fields, copy);
        mask_map(kind->config, json_object_get(copy, "config"));
    }
    return copy;
}

char *view_value(const json_t *value)
{
    const char *text = json_string_value(value);

    if (value == NULL || json_is_null(value))
        return g_strdup("(unset)");
    /* Quotes show what would not be seen, and keep control characters off the terminal. */
    if (text != NULL && *text != '\0' && g_utf8_validate(text, -1, NULL)) {
        const char *p = text;

        while (*p != '\0' && g_unichar_isprint(g_utf8_get_char(p)))
            p = g_utf8_next_char(p);
        if (*p == '\0')
            return g_strdup(text);
    }
    return json_text(value);
}

char *view_path(const char *path)
{
    g_auto(GStrv) parts = json_path_split(path);

    return g_strjoinv(".", parts);
}

char *view_time(const json_t *value)
{
    g_autoptr(GDateTime) time = NULL;

    if (json_is_string(value))
        return g_strdup(json_string_value(value));
    if (!json_is_integer(value) || json_integer_value(value) <= 0)
        return g_strdup("");
    time = g_date_time_new_from_unix_utc(json_integer_value(value));
    return time != NULL ? g_date_time_format(time, "%Y-%m-%dT%H:%M:%SZ") : g_strdup("");
}

json_t *view_object(const Object *object, const json_t *observed)
{
    json_t *value = json_pack(
        "{s:s, s:s, s:s, s:o, s:o}", "kind", object_kind(object)->name, "name", object->id.name,
        "owner", object->owner != NULL ? object->owner : "api", "spec",
        masked(object, object->spec, FALSE), "generated", masked(object, object->generated, TRUE));

    if (*object->id.project != '\0')
        json_object_set_new(value, "project", json_string(object->id.project));
    if (observed != NULL)
        json_object_set(value, "observed", (json_t *)observed);
    return value;
}

const json_t *view_facts(const json_t *seen, const Object *object)
{
    const json_t *one = json_object_get(seen, object->key);
    const char *problem = json_member_string(one, "error");

    if (problem != NULL) {
        g_autofree char *label = object_label(object);

        message_verbose("%s: %s", label, problem);
    }
    return json_object_get(one, "facts");
}

/* The part of a column: where its text comes from. */
typedef enum {
    FROM_SPEC,
    FROM_CONFIG,
    FROM_FACTS,
    FROM_GENERATED,
    FROM_LEASES,
    FROM_PROFILES
} ColumnSource;

typedef struct {
    KindId kind;
    const char *title;
    ColumnSource source;
    const char *path;
} Column;

static const Column columns[] = {
    {KIND_POOL, "DRIVER", FROM_SPEC, "driver"},
    {KIND_POOL, "SOURCE", FROM_CONFIG, "source"},
    {KIND_POOL, "SIZE", FROM_CONFIG, "size"},
    {KIND_NETWORK, "TYPE", FROM_SPEC, "type"},
    {KIND_NETWORK, "IPV4", FROM_CONFIG, "ipv4.address"},
    {KIND_NETWORK, "IPV6", FROM_CONFIG, "ipv6.address"},
    {KIND_IMAGE, "FINGERPRINT", FROM_GENERATED, "fingerprint"},
    {KIND_IMAGE, "ARCHITECTURE", FROM_GENERATED, "architecture"},
    {KIND_INSTANCE, "STATE", FROM_FACTS, "running/state"},
    {KIND_INSTANCE, "IPV4", FROM_LEASES, NULL},
    {KIND_INSTANCE, "IMAGE", FROM_SPEC, "source/alias"},
    {KIND_INSTANCE, "PROFILES", FROM_PROFILES, NULL},
};

static char *join_profiles(const Object *object)
{
    const json_t *list = json_object_get(object->spec, "profiles");
    g_autoptr(GString) text = g_string_new(list == NULL ? "default" : NULL);
    size_t i;
    json_t *item;

    json_array_foreach ((json_t *)list, i, item)
        g_string_append_printf(text, "%s%s", i > 0 ? " " : "", json_string_value(item));
    return g_strdup(text->str);
}

static char *column_text(const Column *column, const Object *object, const json_t *seen)
{
    const json_t *facts = json_object_get(seen, "facts");
    const char *text = NULL;
    const Row *row;

    switch (column->source) {
    case FROM_SPEC:
        text = json_string_at(object->spec, column->path);
        row = row_find(object_kind(object)->fields, column->path);
        if (text == NULL && row != NULL)
            text = row->fallback;
        break;
    case FROM_CONFIG:
        text = object_config(object, column->path);
        /* What 'auto' became. */
        if (g_strcmp0(text, "auto") == 0 &&
            json_member_string(object->generated, column->path) != NULL)
            text = json_member_string(object->generated, column->path);
        break;
    case FROM_GENERATED:
        text = json_member_string(object->generated, column->path);
        break;
    case FROM_FACTS:
        if (facts == NULL)
            return g_strdup("unknown");
        text = json_string_at(facts, column->path);
        return g_strdup(text != NULL ? text : "stopped");
    case FROM_LEASES:
        return g_strdup(json_member_string(seen, "addresses"));
    case FROM_PROFILES:
        return join_profiles(object);
    }
    /* Fingerprints are long; twelve letters name one. */
    return g_strcmp0(column->path, "fingerprint") == 0 && text != NULL ? g_strndup(text, 12)
                                                                       : g_strdup(text);
}

Table *view_table(const GPtrArray *objects, const Kind *kind, const json_t *seen)
{
    g_autoptr(GPtrArray) titles = g_ptr_array_new();
    gboolean in_project = kind == NULL || (kind->flags & KIND_IN_PROJECT) != 0;
    Table *table;

    if (kind == NULL)
        g_ptr_array_add(titles, (char *)"KIND");
    g_ptr_array_add(titles, (char *)"NAME");
    if (in_project)
        g_ptr_array_add(titles, (char *)"PROJECT");
    for (guint c = 0; c < G_N_ELEMENTS(columns); c++)
        if (kind != NULL && columns[c].kind == kind->id)
            g_ptr_array_add(titles, (char *)columns[c].title);
    g_ptr_array_add(titles, (char *)"OWNER");
    g_ptr_array_add(titles, (char *)"DESCRIPTION");
    g_ptr_array_add(titles, NULL);
    table = table_new((const char *const *)titles->pdata);

    for (guint i = 0; i < objects->len; i++) {
        const Object *object = g_ptr_array_index(objects, i);
        const char *description = json_string_at(object->spec, "description");
        g_autoptr(GPtrArray) cells = g_ptr_array_new_with_free_func(g_free);

        if (kind == NULL)
            g_ptr_array_add(cells, g_strdup(object_kind(object)->name));
        g_ptr_array_add(cells, g_strdup(object->id.name));
        if (in_project)
            g_ptr_array_add(cells, g_strdup(object->id.project));
        for (guint c = 0; c < G_N_ELEMENTS(columns); c++)
            if (kind != NULL && columns[c].kind == kind->id)
                g_ptr_array_add(
                    cells, column_text(&columns[c], object, json_object_get(seen, object->key)));
        g_ptr_array_add(cells, g_strdup(object->owner != NULL ? object->owner : "api"));
        g_ptr_array_add(cells, g_strdup(description));
        table_add_strv(table, (const char *const *)cells->pdata);
    }
    return table;
}
