/* Answers: what http/request.h promises, in libmicrohttpd's terms. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "http/range.h"
#include "http/request_private.h"

static gboolean is_printable(const char *text)
{
    for (; *text != '\0'; text++)
        if ((guchar)*text < 0x20 || *text == 0x7f)
            return FALSE;
    return TRUE;
}

static const char *header_of(Headers headers, const char *name)
{
    for (; headers != NULL && headers[0] != NULL; headers += 2)
        if (g_ascii_strcasecmp(headers[0], name) == 0)
            return headers[1];
    return NULL;
}

/* A name or value with a line break would be a header of somebody else's choice. */
void answer_add_headers(struct MHD_Response *response, Headers headers)
{
    for (; headers != NULL && headers[0] != NULL; headers += 2)
        if (is_printable(headers[0]) && is_printable(headers[1]))
            MHD_add_response_header(response, headers[0], headers[1]);
}

static void release_bytes(void *bytes)
{
    g_bytes_unref(bytes);
}

struct MHD_Response *answer_new(Headers headers, GBytes *body)
{
    struct MHD_Response *response;
    gsize size = 0;
    gconstpointer data = body != NULL ? g_bytes_get_data(body, &size) : NULL;

    if (size > 0)
        response = MHD_create_response_from_buffer_with_free_callback_cls(
            size, (void *)data, release_bytes, g_bytes_ref(body));
    else
        response = MHD_create_response_from_buffer(0, (void *)"", MHD_RESPMEM_PERSISTENT);
    answer_add_headers(response, headers);
    return response;
}

void request_answer(Request *request, guint status, Headers headers, GBytes *body)
{
    request_set_response(request, status, answer_new(headers, body));
}

/* If-Range: the range counts only for the version that the client has. */
static gboolean range_applies(Request *request, Headers headers)
{
    const char *condition = request_header(request, "If-Range");
    const char *etag = header_of(headers, "ETag");
    const char *modified = header_of(headers, "Last-Modified");

    return condition == NULL ||
           (etag != NULL && strcmp(condition, etag) == 0 && !g_str_has_prefix(etag, "W/")) ||
           (modified != NULL && strcmp(condition, modified) == 0);
}

void request_answer_file(Request *request, guint status, Headers headers, int fd, guint64 size)
{
    const char *wish = request_header(request, "Range");
    struct MHD_Response *response;
    guint64 first = 0;
    guint64 length = size;
    RangeResult result = RANGE_WHOLE;
    g_autofree char *content_range = NULL;

    if (status == 200 && wish != NULL && strcmp(request_method(request), "GET") == 0 &&
        range_applies(request, headers))
        result = range_parse(wish, size, &first, &length);
    if (result == RANGE_BAD) {
        close(fd);
        response = MHD_create_response_from_buffer(0, (void *)"", MHD_RESPMEM_PERSISTENT);
        content_range = g_strdup_printf("bytes */%" G_GUINT64_FORMAT, size);
        MHD_add_response_header(response, "Content-Range", content_range);
        request_set_response(request, 416, response);
        return;
    }
    response = MHD_create_response_from_fd_at_offset64(length, fd, first);
    answer_add_headers(response, headers);
    MHD_add_response_header(response, "Accept-Ranges", "bytes");
    if (result == RANGE_PART) {
        content_range =
            g_strdup_printf("bytes %" G_GUINT64_FORMAT "-%" G_GUINT64_FORMAT "/%" G_GUINT64_FORMAT,
                            first, first + length - 1, size);
        MHD_add_response_header(response, "Content-Range", content_range);
        status = 206;
    }
    request_set_response(request, status, response);
}
