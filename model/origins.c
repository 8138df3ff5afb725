#include "origins.h"

#include <string.h>

static json_int_t position_of(json_t *sources, json_t *source)
{
    size_t i;
    json_t *other;

    json_array_foreach (sources, i, other)
        if (json_equal(other, source))
            return (json_int_t)i;
    json_array_append(sources, source);
    return (json_int_t)json_array_size(sources) - 1;
}

/* ---- merging ---- */

typedef struct {
    const json_t *old; /* fields as they were */
    json_t *sources;   /* grows by what is used */
    const json_t *old_sources;
    json_t *author;
    json_t *fields;
} Merge;

/* The field's entry of old, or of the nearest path above it. Borrowed. */
static json_t *nearest(const json_t *fields, const char *path)
{
    g_autofree char *at = g_strdup(path);

    for (;;) {
        json_t *entry = json_object_get(fields, at);
        char *slash = strrchr(at, '/');

        if (entry != NULL || *at == '\0')
            return entry;
        *(slash != NULL ? slash : at) = '\0';
    }
}

static void keep(Merge *merge, const char *path)
{
    json_t *entry = nearest(merge->old, path);
    json_t *source =
        json_array_get(merge->old_sources, (size_t)json_integer_value(json_array_get(entry, 0)));
    json_t *copy;

    if (source == NULL)
        return;
    copy = json_copy(entry);
    json_array_set_new(copy, 0, json_integer(position_of(merge->sources, source)));
    json_object_set_new(merge->fields, path, copy);
}

static void set(Merge *merge, const char *path)
{
    json_object_set_new(merge->fields, path,
                        json_pack("[I]", position_of(merge->sources, merge->author)));
}

/* Goes down where both sides have maps; what differs below is the author's. */
static void merge_at(Merge *merge, const char *path, const json_t *before, const json_t *after)
{
    const char *key;
    json_t *value;

    if (!json_is_object(after) || (*path != '\0' && json_object_size(after) == 0)) {
        if (before != NULL && json_equal(before, after))
            keep(merge, path);
        else
            set(merge, path);
        return;
    }
    json_object_foreach ((json_t *)after, key, value) {
        g_autofree char *part = json_path_part(key);
        g_autofree char *below =
            *path != '\0' ? g_strdup_printf("%s/%s", path, part) : g_strdup(part);

        merge_at(merge, below, json_object_get(before, key), value);
    }
}

json_t *origins_merge(const json_t *old, const json_t *before, const json_t *after,
                      const Author *author)
{
    g_autoptr(json_t) by = json_pack("{s:s*, s:s*, s:I}", "user", author->user, "cause",
                                     author->cause, "time", (json_int_t)author->time);
    Merge merge = {.old = json_object_get(old, "fields"),
                   .old_sources = json_object_get(old, "sources"),
                   .sources = json_array(),
                   .author = by,
                   .fields = json_object()};

    if (before != NULL)
        keep(&merge, "");
    else
        set(&merge, "");
    merge_at(&merge, "", before, after);
    return json_pack("{s:o, s:o}", "sources", merge.sources, "fields", merge.fields);
}

/* ---- from a file ---- */

gboolean origins_keep_some(const Object *object)
{
    for (guint i = 0; object->origins != NULL && i < object->origins->len; i++)
        if (g_array_index(object->origins, Origin, i).line == 0)
            return TRUE;
    return FALSE;
}

static void add_from_file(Merge *merge, const Object *object, const Origin *origin,
                          const char *directory, const char *revision)
{
    const char *name = origin->file != NULL ? origin->file : object->file;
    /* Standard input has no name. */
    g_autofree char *file = directory == NULL || strcmp(name, "-") == 0
                                ? g_strdup(name)
                                : g_canonicalize_filename(name, directory);
    g_autoptr(json_t) source = json_pack("{s:s, s:s*}", "file", file, "revision", revision);

    json_object_set_new(merge->fields, origin->path,
                        json_pack("[I, I, I, s*]", position_of(merge->sources, source),
                                  (json_int_t)origin->line, (json_int_t)origin->column,
                                  origin->via));
}

/* What is at `path`, and all below it. */
static void keep_all(Merge *merge, const char *path)
{
    g_autofree char *below = *path != '\0' ? g_strconcat(path, "/", NULL) : g_strdup("");
    const char *at;
    json_t *entry;

    keep(merge, path);
    json_object_foreach ((json_t *)merge->old, at, entry)
        if (g_str_has_prefix(at, below))
            keep(merge, at);
}

json_t *origins_of_file(const Object *object, const json_t *old, const char *directory,
                        const char *revision)
{
    Merge merge = {.old = json_object_get(old, "fields"),
                   .old_sources = json_object_get(old, "sources")};

    if (object->file == NULL || object->origins == NULL)
        return NULL;
    merge.fields = json_object();
    merge.sources = json_array();
    for (guint i = 0; i < object->origins->len; i++) {
        const Origin *origin = &g_array_index(object->origins, Origin, i);

        if (origin->line == 0)
            keep_all(&merge, origin->path);
        else
            add_from_file(&merge, object, origin, directory, revision);
    }
    return json_pack("{s:o, s:o}", "sources", merge.sources, "fields", merge.fields);
}

json_t *origins_find(const json_t *origins, const char *path)
{
    const json_t *entry = nearest(json_object_get(origins, "fields"), path);
    json_t *source = json_array_get(json_object_get(origins, "sources"),
                                    (size_t)json_integer_value(json_array_get(entry, 0)));
    const char *file = json_member_string(source, "file");
    const char *revision = json_member_string(source, "revision");

    if (entry == NULL || source == NULL)
        return NULL;
    if (file == NULL)
        return json_incref(source);
    return json_pack("{s:o, s:s*}", "where",
                     json_sprintf("%s:%d:%d%s%s", file,
                                  (int)json_integer_value(json_array_get(entry, 1)),
                                  (int)json_integer_value(json_array_get(entry, 2)),
                                  revision != NULL ? "@" : "", revision != NULL ? revision : ""),
                     "via", json_string_value(json_array_get(entry, 3)));
}
