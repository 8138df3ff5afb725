#include "idmap.h"

#include <string.h>

#include "error.h"
#include "file.h"

#define DEFAULT_BASE 1000000u /* RT-76 */
#define DEFAULT_SIZE 1000000000u

static GArray *spans_new(guint32 base, guint32 size)
{
    GArray *spans = g_array_new(FALSE, FALSE, sizeof(IdSpan));
    IdSpan span = {0, base, size};

    g_array_append_val(spans, span);
    return spans;
}

IdMap *idmap_new(guint32 uid_base, guint32 uid_size, guint32 gid_base, guint32 gid_size)
{
    IdMap *map = g_new0(IdMap, 1);

    map->uid = spans_new(uid_base, uid_size);
    map->gid = spans_new(gid_base, gid_size);
    return map;
}

void idmap_free(IdMap *map)
{
    if (map == NULL)
        return;
    g_array_unref(map->uid);
    g_array_unref(map->gid);
    g_free(map);
}

static gboolean meet(guint64 a, guint64 a_size, guint64 b, guint64 b_size)
{
    return a < b + b_size && b < a + a_size;
}

static int by_inner(const void *a, const void *b)
{
    guint32 x = ((const IdSpan *)a)->inner, y = ((const IdSpan *)b)->inner;

    return x < y ? -1 : x > y;
}

/* Replaces what the container ids of `hole` were by the hole itself. */
static gboolean punch(GArray *spans, IdSpan hole, const char *line, GError **error)
{
    g_autoptr(GArray) kept = g_array_new(FALSE, FALSE, sizeof(IdSpan));

    for (guint i = 0; i < spans->len; i++) {
        IdSpan span = g_array_index(spans, IdSpan, i);
        guint64 hole_end = (guint64)hole.inner + hole.size;
        guint64 span_end = (guint64)span.inner + span.size;

        if (meet(span.outer, span.size, hole.outer, hole.size))
            return error_set(error, ERR_INVALID,
                             "raw.idmap: \"%s\": host id is in the range of subids or of another "
                             "line (%u to %u)",
                             line, span.outer, span.outer + (span.size - 1));
        if (!meet(span.inner, span.size, hole.inner, hole.size)) {
            g_array_append_val(kept, span);
            continue;
        }
        if (span.inner < hole.inner) {
            IdSpan left = {span.inner, span.outer, hole.inner - span.inner};

            g_array_append_val(kept, left);
        }
        if (hole_end < span_end) {
            IdSpan right = {(guint32)hole_end, span.outer + (guint32)(hole_end - span.inner),
                            (guint32)(span_end - hole_end)};

            g_array_append_val(kept, right);
        }
    }
    g_array_append_val(kept, hole);
    g_array_sort(kept, by_inner);
    g_array_set_size(spans, 0);
    g_array_append_vals(spans, kept->data, kept->len);
    return TRUE;
}

/* "N" or "A-B" */
static gboolean parse_range(const char *text, guint32 *ret_first, guint32 *ret_size)
{
    g_auto(GStrv) parts = g_strsplit(text, "-", -1);
    guint64 first, last;

    if (parts[0] == NULL || (parts[1] != NULL && parts[2] != NULL))
        return FALSE;
    if (!g_ascii_string_to_unsigned(parts[0], 10, 0, G_MAXUINT32 - 1, &first, NULL))
        return FALSE;
    last = first;
    if (parts[1] != NULL &&
        !g_ascii_string_to_unsigned(parts[1], 10, first, G_MAXUINT32 - 1, &last, NULL))
        return FALSE;
    *ret_first = (guint32)first;
    *ret_size = (guint32)(last - first + 1);
    return TRUE;
}

static gboolean punch_line(IdMap *map, const char *line, GError **error)
{
    g_auto(GStrv) parts = g_strsplit(line, " ", -1);
    gboolean uid, gid;
    IdSpan hole;
    guint32 outer_size;

    if (g_strv_length(parts) != 3)
        return error_set(
            error, ERR_INVALID,
            "raw.idmap: invalid ID map line \"%s\"; write \"both|uid|gid HOST CONTAINER\"", line);
    uid = g_str_equal(parts[0], "uid") || g_str_equal(parts[0], "both");
    gid = g_str_equal(parts[0], "gid") || g_str_equal(parts[0], "both");
    if (!uid && !gid)
        return error_set(error, ERR_INVALID,
                         "raw.idmap: invalid ID map type \"%s\"; use both, uid or gid", parts[0]);
    if (!parse_range(parts[1], &hole.outer, &outer_size) ||
        !parse_range(parts[2], &hole.inner, &hole.size))
        return error_set(error, ERR_INVALID, "raw.idmap: invalid ID map range in \"%s\"", line);
    if (outer_size != hole.size)
        return error_set(error, ERR_INVALID,
                         "raw.idmap: the ID map ranges of \"%s\" are of different sizes", line);
    return (!uid || punch(map->uid, hole, line, error)) &&
           (!gid || punch(map->gid, hole, line, error));
}

gboolean idmap_punch(IdMap *map, const char *raw, GError **error)
{
    g_auto(GStrv) lines = g_strsplit(raw, "\n", -1);

    for (char **line = lines; *line != NULL; line++) {
        if (**line != '\0' && !punch_line(map, *line, error))
            return FALSE;
    }
    return TRUE;
}

static void add_items(const GArray *spans, char sort, json_t *items)
{
    for (guint i = 0; i < spans->len; i++) {
        const IdSpan *span = &g_array_index(spans, IdSpan, i);
        g_autofree char *text =
            g_strdup_printf("%c %u %u %u", sort, span->inner, span->outer, span->size);

        json_array_append_new(items, json_pack("[ss]", "lxc.idmap", text));
    }
}

void idmap_add_items(const IdMap *map, json_t *items)
{
    add_items(map->uid, 'u', items);
    add_items(map->gid, 'g', items);
}

/* Root's range in one file as [base, size]; NULL without an error when it has no entry for root. */
static gboolean read_range(const char *path, json_t **ret_range, GError **error)
{
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;
    gboolean small = FALSE;

    *ret_range = NULL;
    if (!file_read(path, 1u << 20, &text, NULL, error))
        return FALSE;
    lines = g_strsplit(text, "\n", -1);
    for (char **line = lines; *line != NULL; line++) {
        g_auto(GStrv) parts = g_strsplit(g_strstrip(*line), ":", -1);
        guint64 base, size;

        if (**line == '\0' || **line == '#')
            continue;
        if (g_strv_length(parts) != 3 ||
            !g_ascii_string_to_unsigned(parts[1], 10, 0, G_MAXUINT32 - 1, &base, NULL) ||
            !g_ascii_string_to_unsigned(parts[2], 10, 0, G_MAXUINT32 - base, &size, NULL))
            return error_set(error, ERR_INVALID,
                             "%s: malformed line \"%s\"; write USER:FIRST:COUNT", path, *line);
        if (g_ascii_strcasecmp(parts[0], "root") != 0)
            continue;
        if (size >= IDMAP_MIN_SIZE) {
            *ret_range = json_pack("[II]", (json_int_t)base, (json_int_t)size);
            return TRUE;
        }
        small = TRUE;
    }
    return !small || error_set(error, ERR_INVALID,
                               "%s: root has no range of at least %u ids; unprivileged containers "
                               "need one",
                               path, IDMAP_MIN_SIZE);
}

static gboolean has_entries(const char *path)
{
    g_autofree char *text = NULL;

    return g_file_get_contents(path, &text, NULL, NULL) && *g_strstrip(text) != '\0';
}

/* The four parts of shadow's id maps belong together (RT-75). FALSE with an error that names the
 * missing ones when only some are there. Without the tools a file without a line does not count:
 * Debian's package login makes such files everywhere. */
static gboolean find_shadow(const char *subuid, const char *subgid, gboolean *ret_found,
                            GError **error)
{
    const char *parts[] = {subuid, subgid, "newuidmap", "newgidmap"};
    g_autoptr(GString) missing = g_string_new(NULL);
    gboolean tools = FALSE, entries = FALSE;

    for (guint i = 0; i < G_N_ELEMENTS(parts); i++) {
        g_autofree char *tool = i >= 2 ? g_find_program_in_path(parts[i]) : NULL;

        tools = tools || tool != NULL;
        entries = entries || (i < 2 && has_entries(parts[i]));
        if (i < 2 ? !file_exists(parts[i]) : tool == NULL)
            g_string_append_printf(missing, "%s%s", missing->len > 0 ? ", " : "", parts[i]);
    }
    *ret_found = missing->len == 0;
    if (*ret_found || (!tools && !entries))
        return TRUE;
    return error_set(error, ERR_FAILED,
                     "shadow's id maps are only half there: %s missing; install the package uidmap",
                     missing->str);
}

json_t *idmap_host_ids(const char *subuid, const char *subgid, GError **error)
{
    g_autoptr(json_t) uid = NULL;
    g_autoptr(json_t) gid = NULL;

    gboolean found;

    if (!find_shadow(subuid, subgid, &found, error))
        return NULL;
    if (found && (!read_range(subuid, &uid, error) || !read_range(subgid, &gid, error)))
        return NULL;
    if ((uid == NULL) != (gid == NULL)) {
        error_set(error, ERR_INVALID, "root has a range in only one of %s and %s", subuid, subgid);
        return NULL;
    }
    if (uid == NULL) {
        uid = json_pack("[II]", (json_int_t)DEFAULT_BASE, (json_int_t)DEFAULT_SIZE);
        gid = json_incref(uid);
    }
    return json_pack("{sOsO}", "uid", uid, "gid", gid);
}

static int by_outer(const void *a, const void *b)
{
    guint32 x = ((const IdSpan *)a)->outer, y = ((const IdSpan *)b)->outer;

    return x < y ? -1 : x > y;
}

gboolean idmap_place(guint32 first, guint32 last, guint32 size, GArray *taken, guint32 *ret_base)
{
    guint64 base = first;

    g_array_sort(taken, by_outer);
    for (guint i = 0; i < taken->len; i++) {
        const IdSpan *span = &g_array_index(taken, IdSpan, i);

        if (meet(base, size, span->outer, span->size))
            base = (guint64)span->outer + span->size;
    }
    if (base + size - 1 > last)
        return FALSE;
    *ret_base = (guint32)base;
    return TRUE;
}
