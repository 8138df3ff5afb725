#include "http/body.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "file.h"
#include "http/request_private.h"

/* A body nobody wants may be so long. */
#define IDLE_LIMIT (1024 * 1024)
/* What is refused is read on for so long, because a client that still sends does not look for an
 * answer. */
#define PATIENCE (4 * 1024 * 1024)

static guint64 limit_of(const Request *request)
{
    if (request->policy.kind == BODY_NONE)
        return IDLE_LIMIT;
    return request->policy.limit != 0 ? request->policy.limit : G_MAXUINT64;
}

static void refuse(Request *request, int status, const char *text)
{
    g_autoptr(GBytes) body = g_bytes_new(text, strlen(text));
    const char *const headers[] = {"Content-Type", "text/plain; charset=utf-8", "Connection",
                                   "close", NULL};

    request_answer(request, (guint)status, headers, body);
}

gboolean body_begin(Request *request, const BodyPolicy *policy)
{
    const char *length = request_header(request, "Content-Length");
    guint64 size;

    request->policy = *policy;
    if (length == NULL || !g_ascii_string_to_unsigned(length, 10, 0, G_MAXUINT64, &size, NULL) ||
        size <= limit_of(request))
        return TRUE;
    request->body_problem = 413;
    if (size <= PATIENCE && request_header(request, "Expect") == NULL)
        return TRUE; /* it is being sent already: body_end refuses it */
    return body_end(request);
}

static int open_spool(const char *folder)
{
    return open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
}

static void keep(Request *request, const char *spool, const void *data, gsize size)
{
    if (request->policy.kind == BODY_MEMORY) {
        if (request->memory == NULL)
            request->memory = g_byte_array_new();
        g_byte_array_append(request->memory, data, (guint)size);
    } else if (request->policy.kind == BODY_FILE) {
        if (request->spool < 0)
            request->spool = open_spool(spool);
        if (request->spool < 0 || !file_write_all(request->spool, data, size))
            request->body_problem = errno == ENOSPC || errno == EDQUOT ? 507 : 500;
    }
}

gboolean body_add(Request *request, const char *spool, const void *data, gsize size)
{
    request->body_size += size;
    if (request->body_size > limit_of(request) ||
        (request->policy.kind == BODY_MEMORY && request->body_size > G_MAXINT32))
        request->body_problem = 413;
    if (request->body_problem == 0)
        keep(request, spool, data, size);
    else
        request->refused_size += size;
    return request->refused_size <= PATIENCE;
}

gboolean body_end(Request *request)
{
    if (request->body_problem == 413)
        refuse(request, 413, "the body of the request is too long\n");
    else if (request->body_problem == 507)
        refuse(request, 507, "no space is left for the body of the request\n");
    else if (request->body_problem != 0)
        refuse(request, 500, "the body of the request cannot be stored\n");
    if (request->body_problem != 0)
        return FALSE;
    if (request->spool >= 0)
        lseek(request->spool, 0, SEEK_SET);
    if (request->memory != NULL)
        request->body = g_byte_array_free_to_bytes(g_steal_pointer(&request->memory));
    else
        request->body = g_bytes_new_static("", 0);
    return TRUE;
}
