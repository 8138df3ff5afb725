#include "http/form.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "error.h"

#define BLOCK (256u << 10)
#define HEADER_MAX 8192u
#define PARTS_MAX 16u
#define BOUNDARY_MAX 70u /* RFC 2046 5.1.1 */

typedef struct {
    int fd;
    guint64 size;
    char *needle; /* CR LF "--" BOUNDARY */
    gsize needle_size;
    char *block; /* of BLOCK bytes */
} Form;

void form_part_free(FormPart *part)
{
    g_free(part->name);
    g_free(part->filename);
    g_free(part);
}

gboolean form_is(const char *content_type)
{
    static const char type[] = "multipart/form-data";

    return content_type != NULL &&
           g_ascii_strncasecmp(content_type, type, sizeof type - 1) == 0 &&
           strchr("; \t", content_type[sizeof type - 1]) != NULL;
}

/* ---- header fields: `value; name=token; name="quoted \" text"` ---- */

static char *read_quoted(const char **at)
{
    GString *text = g_string_new(NULL);

    for ((*at)++; **at != '\0' && **at != '"'; (*at)++) {
        if (**at == '\\' && ((*at)[1] == '"' || (*at)[1] == '\\'))
            (*at)++;
        g_string_append_c(text, **at);
    }
    if (**at == '"') {
        (*at)++;
        return g_string_free(text, FALSE);
    }
    g_string_free(text, TRUE);
    return NULL; /* no closing quote */
}

/* The value of a parameter; NULL when it is not there or broken. */
static char *parameter(const char *field, const char *wanted)
{
    const char *at = field + strcspn(field, ";");

    while (*at == ';') {
        g_autofree char *name = NULL;
        g_autofree char *value = NULL;
        gsize length;

        at += 1 + strspn(at + 1, " \t");
        length = strcspn(at, "=;\"");
        name = g_strndup(at, length);
        at += length;
        if (*at != '=')
            return NULL;
        at++;
        if (*at == '"') {
            value = read_quoted(&at);
        } else {
            length = strcspn(at, "; \t");
            value = g_strndup(at, length);
            at += length;
        }
        at += strspn(at, " \t");
        if (value == NULL || (*at != '\0' && *at != ';'))
            return NULL;
        if (g_ascii_strcasecmp(g_strstrip(name), wanted) == 0)
            return g_steal_pointer(&value);
    }
    return NULL;
}

/* ---- the file ---- */

/* As much as there is at `offset`, at most `size`. */
static gboolean read_at(const Form *form, guint64 offset, gsize size, gsize *ret_got,
                        GError **error)
{
    for (*ret_got = 0; *ret_got < size;) {
        ssize_t n =
            pread(form->fd, form->block + *ret_got, size - *ret_got, (off_t)(offset + *ret_got));

        if (n < 0 && errno != EINTR)
            return error_errno(error, errno, "read the body of the request");
        if (n == 0)
            break;
        *ret_got += (gsize)MAX(n, 0);
    }
    return TRUE;
}

/* The next place where the needle begins; the size of the body when there is none. */
static gboolean search(const Form *form, guint64 from, guint64 *ret_at, GError **error)
{
    while (from < form->size) {
        const char *found;
        gsize got;

        if (!read_at(form, from, BLOCK, &got, error))
            return FALSE;
        found = memmem(form->block, got, form->needle, form->needle_size);
        if (found != NULL) {
            *ret_at = from + (gsize)(found - form->block);
            return TRUE;
        }
        if (got < BLOCK)
            break;
        from += got - form->needle_size + 1; /* it may straddle the blocks */
    }
    *ret_at = form->size;
    return TRUE;
}

typedef enum { AFTER_PART, AFTER_LAST, AFTER_TEXT } After;

/* What follows a delimiter that ends at `offset`: another part, whose header then begins at
 * `*ret_next`; nothing more; or it was no delimiter but text that begins like one. */
static gboolean look_after(const Form *form, guint64 offset, After *ret_after, guint64 *ret_next,
                           GError **error)
{
    gsize got, blanks = 0;

    if (!read_at(form, offset, 128, &got, error))
        return FALSE;
    *ret_after = AFTER_LAST;
    if (got >= 2 && memcmp(form->block, "--", 2) == 0)
        return TRUE;
    while (blanks < got && (form->block[blanks] == ' ' || form->block[blanks] == '\t'))
        blanks++;
    *ret_after = got >= blanks + 2 && memcmp(form->block + blanks, "\r\n", 2) == 0 ? AFTER_PART
                                                                                   : AFTER_TEXT;
    *ret_next = offset + blanks + 2;
    return TRUE;
}

static gboolean find_end(const Form *form, guint64 from, guint64 *ret_end, After *ret_after,
                         guint64 *ret_next, GError **error)
{
    for (;; from = *ret_end + 1) {
        if (!search(form, from, ret_end, error))
            return FALSE;
        if (*ret_end >= form->size)
            return error_set(error, ERR_INVALID,
                             "the multipart body has no end: its last boundary is missing");
        if (!look_after(form, *ret_end + form->needle_size, ret_after, ret_next, error))
            return FALSE;
        if (*ret_after != AFTER_TEXT)
            return TRUE;
    }
}

/* The header of a part at `offset`; its content begins at `*ret_content`. */
static FormPart *read_header(const Form *form, guint64 offset, guint64 *ret_content, GError **error)
{
    static const char disposition[] = "Content-Disposition:";
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;
    const char *end;
    FormPart *part;
    gsize got;

    if (!read_at(form, offset, HEADER_MAX, &got, error))
        return NULL;
    end = memmem(form->block, got, "\r\n\r\n", 4);
    if (end == NULL || memchr(form->block, '\0', (gsize)(end - form->block)) != NULL) {
        error_set(error, ERR_INVALID, "a part of the multipart body has no header of at most %u B",
                  HEADER_MAX);
        return NULL;
    }
    *ret_content = offset + (gsize)(end - form->block) + 4;
    text = g_strndup(form->block, (gsize)(end - form->block));
    lines = g_strsplit(text, "\r\n", -1);
    part = g_new0(FormPart, 1);
    for (char **line = lines; *line != NULL; line++) {
        if (g_ascii_strncasecmp(*line, disposition, sizeof disposition - 1) == 0 &&
            part->name == NULL) {
            part->name = parameter(*line, "name");
            part->filename = parameter(*line, "filename");
        }
    }
    if (part->name != NULL)
        return part;
    form_part_free(part);
    error_set(error, ERR_INVALID, "a part of the multipart body has no name");
    return NULL;
}

static gboolean read_parts(const Form *form, GPtrArray *parts, GError **error)
{
    gsize first = form->needle_size - 2, got;
    guint64 next;
    After after;

    if (!read_at(form, 0, first, &got, error))
        return FALSE;
    if (got != first || memcmp(form->block, form->needle + 2, first) != 0)
        return error_set(error, ERR_INVALID,
                         "the multipart body does not begin with its boundary");
    if (!look_after(form, first, &after, &next, error))
        return FALSE;
    while (after == AFTER_PART) {
        FormPart *part;
        guint64 end;

        if (parts->len == PARTS_MAX)
            return error_set(error, ERR_INVALID, "the multipart body has more than %u parts",
                             PARTS_MAX);
        part = read_header(form, next, &next, error);
        if (part == NULL)
            return FALSE;
        g_ptr_array_add(parts, part);
        part->offset = next;
        if (!find_end(form, next, &end, &after, &next, error))
            return FALSE;
        part->size = end - part->offset;
    }
    return after == AFTER_LAST ||
           error_set(error, ERR_INVALID, "the multipart body does not begin with its boundary");
}

GPtrArray *form_read(int fd, guint64 size, const char *content_type, GError **error)
{
    g_autoptr(GPtrArray) parts = g_ptr_array_new_with_free_func((GDestroyNotify)form_part_free);
    g_autofree char *boundary = form_is(content_type) ? parameter(content_type, "boundary") : NULL;
    g_autofree char *needle = NULL;
    g_autofree char *block = NULL;
    Form form;

    if (boundary == NULL || *boundary == '\0' || strlen(boundary) > BOUNDARY_MAX) {
        error_set(error, ERR_INVALID, "the multipart body's type names no boundary of 1 to %u B",
                  BOUNDARY_MAX);
        return NULL;
    }
    needle = g_strconcat("\r\n--", boundary, NULL);
    block = g_malloc(BLOCK);
    form = (Form){fd, size, needle, strlen(needle), block};
    return read_parts(&form, parts, error) ? g_steal_pointer(&parts) : NULL;
}
