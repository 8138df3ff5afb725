#include "answer.h"

#include <string.h>

#include "error.h"
#include "secrets.h"
#include "when.h"

#define ENVELOPE 160 /* around the metadata */

/* Takes `raw` over. */
static void send_text(Request *request, guint status, char *raw, Headers headers)
{
    char *text = secrets_show(raw); /* nothing leaves the daemon but by here and by events.c */
    gsize length = strlen(text);
    g_autoptr(GBytes) bytes = NULL;
    g_autoptr(GPtrArray) all = g_ptr_array_new();

    g_ptr_array_add(all, (gpointer) "Content-Type");
    g_ptr_array_add(all, (gpointer) "application/json");
    for (; *headers != NULL; headers++)
        g_ptr_array_add(all, (gpointer)*headers);
    g_ptr_array_add(all, NULL);
    text[length] = '\n'; /* as LXD does; jansson's terminator is not needed any more */
    bytes = g_bytes_new_with_free_func(text, length + 1, g_free, text);
    request_answer(request, status, (Headers)all->pdata, bytes);
}

/* `body` is stolen. */
static void send_headers(Request *request, guint status, json_t *body, Headers headers)
{
    g_autoptr(json_t) owned = body;

    send_text(request, status, json_dumps(owned, JSON_COMPACT), headers);
}

static void send_json(Request *request, guint status, json_t *body, const char *name,
                      const char *value)
{
    const char *headers[] = {name, value, NULL};

    send_headers(request, status, body, headers);
}

static json_t *success(json_t *metadata)
{
    return json_pack("{s:s, s:s, s:i, s:s, s:i, s:s, s:o}", "type", "sync", "status", "Success",
                     "status_code", 200, "operation", "", "error_code", 0, "error", "", "metadata",
                     metadata != NULL ? metadata : json_object());
}

void answer_sync(Request *request, guint status, json_t *metadata, const char *etag)
{
    g_autofree char *quoted = etag != NULL ? g_strdup_printf("\"%s\"", etag) : NULL;

    send_json(request, status, success(metadata), quoted != NULL ? "ETag" : NULL, quoted);
}

GString *answer_begin(gsize size)
{
    GString *text = g_string_sized_new(size + ENVELOPE);

    return g_string_append(text,
                           "{\"type\":\"sync\",\"status\":\"Success\",\"status_code\":200,"
                           "\"operation\":\"\",\"error_code\":0,\"error\":\"\",\"metadata\":");
}

void answer_end(Request *request, GString *text, const char *etag)
{
    g_autofree char *quoted = etag != NULL ? g_strdup_printf("\"%s\"", etag) : NULL;
    const char *headers[] = {quoted != NULL ? "ETag" : NULL, quoted, NULL};

    g_string_append_c(text, '}');
    send_text(request, 200, g_string_free(text, FALSE), headers);
}

void answer_with_headers(Request *request, Headers headers, json_t *metadata)
{
    send_headers(request, 200, success(metadata), headers);
}

char **answer_file_headers(const char *name, gint64 modified, Headers more)
{
    g_autofree char *escaped = g_uri_escape_string(name, NULL, FALSE);
    g_autofree char *disposition = g_strdup_printf("inline;filename=%s", escaped);
    g_autofree char *time = when_http(modified);
    const char *const own[] = {"Content-Type",        "application/octet-stream",
                               "Content-Disposition", disposition,
                               "Last-Modified",       time};
    g_autoptr(GStrvBuilder) all = g_strv_builder_new();

    for (; more != NULL && *more != NULL; more++)
        g_strv_builder_add(all, *more);
    for (guint i = 0; i < G_N_ELEMENTS(own); i++)
        g_strv_builder_add(all, own[i]);
    return g_strv_builder_end(all);
}

void answer_file(Request *request, int fd, guint64 size, const char *name, gint64 modified)
{
    g_auto(GStrv) headers = answer_file_headers(name, modified, NULL);

    request_answer_file(request, 200, (Headers)headers, fd, size);
}

void answer_created(Request *request, const char *url)
{
    send_json(request, 201,
              json_pack("{s:s, s:s, s:i, s:s, s:i, s:s, s:n}", "type", "sync", "status", "Success",
                        "status_code", 200, "operation", "", "error_code", 0, "error", "",
                        "metadata"),
              "Location", url);
}

void answer_async(Request *request, const char *url, json_t *operation)
{
    send_json(request, 202,
              json_pack("{s:s, s:s, s:i, s:s, s:i, s:s, s:o}", "type", "async", "status",
                        "Operation created", "status_code", 100, "operation", url, "error_code", 0,
                        "error", "", "metadata", operation),
              "Location", url);
}

void answer_plan(Request *request, json_t *shown)
{
    g_autofree char *text = plan_shown_text(shown, FALSE);

    json_object_set_new(shown, "text", json_string(text));
    answer_sync(request, 200, shown, NULL);
}

void answer_error(Request *request, const GError *error)
{
    int status = error_http_status(error);
    const char *headers[] = {"X-Content-Type-Options", "nosniff", "X-Berth-Error",
                             error_word(error), NULL};

    send_headers(request, (guint)status,
                 json_pack("{s:s, s:s, s:i, s:s, s:i, s:s, s:n}", "type", "error", "status", "",
                           "status_code", 0, "operation", "", "error_code", status, "error",
                           error->message, "metadata"),
                 headers);
}
