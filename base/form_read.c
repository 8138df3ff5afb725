#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "error.h"
#include "form.h"

#define WINDOW (64 * 1024)
#define HEADER_BYTES (16 * 1024)
#define MAX_PARTS 64
#define MAX_BOUNDARY 70

typedef struct {
    int fd;
    guint64 size;
    char *delimiter; /* "\r\n--BOUNDARY" */
    gsize length;    /* of it */
    char *window;    /* WINDOW bytes */
} Reader;

static void part_free(gpointer data)
{
    FormPart *part = data;

    g_free(part->name);
    g_free(part->filename);
    g_free(part->type);
    g_free(part);
}

static const char *skip_space(const char *at)
{
    return at + strspn(at, " \t");
}

/* The value of a parameter, a token or a quoted string, at `*at`, which moves behind it. NULL when
 * it is neither. */
static char *read_value(const char **at)
{
    g_autoptr(GString) value = g_string_new(NULL);
    const char *text = *at;

    if (*text != '"') {
        gsize length = strcspn(text, "; \t");

        *at = text + length;
        return length > 0 ? g_strndup(text, length) : NULL;
    }
    for (text++; *text != '"'; text++) {
        /* Only a quote or a backslash is escaped: browsers send Windows paths as they are. */
        if (*text == '\\' && (text[1] == '"' || text[1] == '\\'))
            text++;
        if (*text == '\0')
            return NULL;
        g_string_append_c(value, *text);
    }
    *at = text + 1;
    return g_strdup(value->str);
}

/* Parameter `name` of "value; a=b; c=\"d\"", newly allocated; NULL without error when it is not
 * there. `ret_broken` is set when the field cannot be understood. */
static char *read_parameter(const char *field, const char *name, gboolean *ret_broken)
{
    const char *at = field + strcspn(field, ";");
    g_autofree char *found = NULL;

    *ret_broken = FALSE;
    while (*at == ';') {
        const char *start = skip_space(at + 1);
        gsize length = strcspn(start, "=; \t");
        char *value;

        at = skip_space(start + length);
        if (length == 0 && *at == '\0')
            break;
        if (*at != '=') {
            *ret_broken = TRUE;
            return NULL;
        }
        at = skip_space(at + 1);
        value = read_value(&at);
        at = skip_space(at);
        if (value == NULL || (*at != ';' && *at != '\0')) {
            g_free(value);
            *ret_broken = TRUE;
            return NULL;
        }
        if (found == NULL && length == strlen(name) &&
            g_ascii_strncasecmp(start, name, length) == 0)
            found = value;
        else
            g_free(value);
    }
    return g_steal_pointer(&found);
}

static char *read_boundary(const char *content_type, GError **error)
{
    g_autofree char *boundary = NULL;
    gboolean broken = FALSE;

    if (content_type == NULL || g_ascii_strncasecmp(content_type, "multipart/form-data", 19) != 0) {
        error_set(error, ERR_INVALID,
                  "the body has to be multipart/form-data, as 'Content-Type' says");
        return NULL;
    }
    boundary = read_parameter(content_type, "boundary", &broken);
    if (broken || boundary == NULL || boundary[0] == '\0' || strlen(boundary) > MAX_BOUNDARY ||
        strpbrk(boundary, "\r\n") != NULL) {
        error_set(error, ERR_INVALID, "'Content-Type' has to name a boundary of 1 to %d characters",
                  MAX_BOUNDARY);
        return NULL;
    }
    return g_steal_pointer(&boundary);
}

/* Up to `size` bytes at `offset` into the window; -1 on failure. */
static gssize fetch(Reader *reader, guint64 offset, gsize size, GError **error)
{
    gsize wanted = (gsize)MIN(MIN(size, (gsize)WINDOW), reader->size - MIN(offset, reader->size));
    gsize have = 0;

    while (have < wanted) {
        gssize got =
            pread(reader->fd, reader->window + have, wanted - have, (off_t)(offset + have));

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            error_errno(error, got < 0 ? errno : EIO, "read the body");
            return -1;
        }
        have += (gsize)got;
    }
    return (gssize)have;
}

/* Offset of the first delimiter from `offset` on. One that only begins like it, as "--BOUNDARYx",
 * does not count. */
static gboolean find_delimiter(Reader *reader, guint64 offset, guint64 *ret, GError **error)
{
    gsize tail = reader->length + 2;

    while (offset + tail <= reader->size) {
        gssize have = fetch(reader, offset, WINDOW, error);
        const char *at = reader->window;

        if (have < 0)
            return FALSE;
        while ((at = memmem(at, (gsize)(reader->window + have - at), reader->delimiter,
                            reader->length)) != NULL) {
            gsize end = (gsize)(at - reader->window) + reader->length;

            if (end + 2 > (gsize)have)
                break; /* seen whole in the next window */
            if (memcmp(at + reader->length, "--", 2) == 0 ||
                memcmp(at + reader->length, "\r\n", 2) == 0 ||
                strchr(" \t", at[reader->length]) != NULL) {
                *ret = offset + (guint64)(at - reader->window);
                return TRUE;
            }
            at++;
        }
        offset += (guint64)have - tail + 1;
    }
    return error_set(
        error, ERR_INVALID,
        "the body ends without its closing boundary: it was cut off, or the boundary is another");
}

static gboolean read_field(FormPart *part, char *line, GError **error)
{
    char *colon = strchr(line, ':');
    const char *value = colon != NULL ? skip_space(colon + 1) : NULL;
    gboolean broken = FALSE;
    gboolean broken_file = FALSE;
    g_autofree char *path = NULL;

    if (colon == NULL || colon == line || line[0] == ' ' || line[0] == '\t')
        return error_set(error, ERR_INVALID,
                         "a part of the body has a header line that is no 'Name: value'");
    *colon = '\0';
    if (g_ascii_strcasecmp(line, "Content-Type") == 0 && part->type == NULL) {
        part->type = g_strdup(value);
    } else if (g_ascii_strcasecmp(line, "Content-Disposition") == 0) {
        if (part->name != NULL || part->filename != NULL)
            return error_set(error, ERR_INVALID,
                             "a part of the body has two headers 'Content-Disposition'");
        part->name = read_parameter(value, "name", &broken);
        path = read_parameter(value, "filename", &broken_file);
        if (broken || broken_file || g_ascii_strncasecmp(value, "form-data", 9) != 0)
            return error_set(
                error, ERR_INVALID,
                "a part of the body has a header 'Content-Disposition' that cannot be read");
        part->filename = path != NULL ? g_path_get_basename(path) : NULL;
    }
    return TRUE;
}

/* The header at `*offset`, which moves behind it. */
static gboolean read_header(Reader *reader, guint64 *offset, FormPart *part, GError **error)
{
    gssize have = fetch(reader, *offset, HEADER_BYTES, error);
    const char *stop;
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;

    if (have < 0)
        return FALSE;
    /* The line break of the delimiter line is there too, so that an empty header ends at once. */
    stop = memmem(reader->window, (gsize)have, "\r\n\r\n", 4);
    if (stop == NULL)
        return error_set(error, ERR_INVALID,
                         "a part of the body has a header that does not end within %d bytes",
                         HEADER_BYTES);
    if (memchr(reader->window, '\0', (gsize)(stop - reader->window)) != NULL ||
        !g_utf8_validate(reader->window, stop - reader->window, NULL))
        return error_set(error, ERR_INVALID,
                         "a part of the body has a header that is not UTF-8 text");
    text = g_strndup(reader->window, (gsize)(stop - reader->window));
    *offset += (guint64)(stop - reader->window) + 4;
    lines = g_strsplit(text, "\r\n", -1);
    /* What is behind the delimiter itself is white space. */
    if (lines[0] != NULL && *skip_space(lines[0]) != '\0')
        return error_set(error, ERR_INVALID, "a boundary of the body is followed by other text");
    for (char **line = lines[0] != NULL ? lines + 1 : lines; *line != NULL; line++)
        if (!read_field(part, *line, error))
            return FALSE;
    if (part->name == NULL)
        return error_set(error, ERR_INVALID,
                         "a part of the body has no name: 'Content-Disposition: form-data; "
                         "name=\"...\"' is missing");
    return TRUE;
}

/* Whether the delimiter that ends at `offset` is the last. */
static gboolean is_last(Reader *reader, guint64 offset, gboolean *ret, GError **error)
{
    gssize have = fetch(reader, offset, 2, error);

    *ret = have == 2 && memcmp(reader->window, "--", 2) == 0;
    return have >= 0;
}

static gboolean read_parts(Reader *reader, GPtrArray *parts, GError **error)
{
    guint64 at;
    gboolean last;
    gssize have = fetch(reader, 0, reader->length - 2, error);

    if (have < 0)
        return FALSE;
    /* The first delimiter may stand at the very start, without its line break. */
    if ((gsize)have == reader->length - 2 &&
        memcmp(reader->window, reader->delimiter + 2, (gsize)have) == 0)
        at = (guint64)have;
    else if (find_delimiter(reader, 0, &at, error))
        at += reader->length;
    else
        return FALSE;
    for (;;) {
        FormPart *part;
        guint64 end;

        if (!is_last(reader, at, &last, error))
            return FALSE;
        if (last)
            return TRUE;
        if (parts->len == MAX_PARTS)
            return error_set(error, ERR_INVALID, "the body has more than %d parts", MAX_PARTS);
        part = g_new0(FormPart, 1);
        g_ptr_array_add(parts, part);
        if (!read_header(reader, &at, part, error))
            return FALSE;
        part->offset = at;
        /* An empty part has the line break of its delimiter as the end of its header. */
        if (!find_delimiter(reader, at - 2, &end, error))
            return FALSE;
        part->length = end > at ? end - at : 0;
        at = end + reader->length;
    }
}

GPtrArray *form_read(int fd, guint64 size, const char *content_type, GError **error)
{
    g_autofree char *boundary = read_boundary(content_type, error);
    g_autoptr(GPtrArray) parts = g_ptr_array_new_with_free_func(part_free);
    g_autofree char *window = NULL;
    g_autofree char *delimiter = NULL;
    Reader reader;

    if (boundary == NULL)
        return NULL;
    window = g_malloc(WINDOW);
    delimiter = g_strconcat("\r\n--", boundary, NULL);
    reader = (Reader){fd, size, delimiter, strlen(delimiter), window};
    return read_parts(&reader, parts, error) ? g_steal_pointer(&parts) : NULL;
}
