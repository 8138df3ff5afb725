/* The client's side of the opening handshake of websockets (RFC 6455, 4), and what both sides
 * share. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "error.h"
#include "http/handshake.h"
#include "http/websocket.h"
#include "json.h"

#define ANSWER_BYTES (16 * 1024)
#define ANSWER_WAIT (10 * G_USEC_PER_SEC)

char *handshake_accept(const char *key)
{
    g_autofree char *text = g_strconcat(key, "258EAFA5-E914-47DA-95CA-C5AB0DC85B11", NULL);
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA1);
    guint8 digest[20];
    gsize length = sizeof digest;

    g_checksum_update(sum, (const guchar *)text, -1);
    g_checksum_get_digest(sum, digest, &length);
    return g_base64_encode(digest, length);
}

gboolean handshake_has_token(const char *list, const char *token)
{
    g_auto(GStrv) parts = g_strsplit(list != NULL ? list : "", ",", -1);

    for (char **part = parts; *part != NULL; part++)
        if (g_ascii_strcasecmp(g_strstrip(*part), token) == 0)
            return TRUE;
    return FALSE;
}

static gboolean wait_for(Stream *stream, short events, gint64 deadline, GError **error)
{
    struct pollfd poll_fd = {stream_fd(stream), events, 0};
    gint64 left = (deadline - g_get_monotonic_time()) / 1000;

    if (left <= 0 || (poll(&poll_fd, 1, (int)left) < 0 && errno != EINTR))
        return error_set(error, ERR_UNAVAILABLE,
                         "the server does not answer the request for a websocket");
    return TRUE;
}

static gboolean send_all(Stream *stream, const char *text, gint64 deadline, GError **error)
{
    for (gsize length = strlen(text); length > 0;) {
        gssize put = stream_write(stream, text, length);

        if (put < 0 && errno != EAGAIN)
            return error_errno(error, errno, "ask for a websocket");
        if (put < 0 && !wait_for(stream, POLLOUT, deadline, error))
            return FALSE;
        text += MAX(put, 0);
        length -= (gsize)MAX(put, 0);
    }
    return TRUE;
}

/* The header of the answer up to its empty line; what came behind it goes back into the stream. */
static char *read_answer(Stream *stream, gint64 deadline, GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);
    char buffer[2048];

    while (text->len < ANSWER_BYTES) {
        gssize got = stream_read(stream, buffer, sizeof buffer);
        const char *stop;

        if (got == 0 || (got < 0 && errno != EAGAIN)) {
            error_set(error, ERR_UNAVAILABLE,
                      "the server closed the connection instead of opening a websocket");
            return NULL;
        }
        if (got < 0) {
            if (!wait_for(stream, POLLIN, deadline, error))
                return NULL;
            continue;
        }
        g_string_append_len(text, buffer, got);
        stop = g_strstr_len(text->str, (gssize)text->len, "\r\n\r\n");
        if (stop != NULL) {
            gsize length = (gsize)(stop - text->str);

            stream_unread(stream, stop + 4, text->len - length - 4);
            return g_strndup(text->str, length);
        }
    }
    error_set(error, ERR_INVALID, "the header of the server's answer is longer than %d bytes",
              ANSWER_BYTES);
    return NULL;
}

static const char *field_of(char **lines, const char *name)
{
    gsize length = strlen(name);

    for (char **line = lines; *line != NULL; line++)
        if (g_ascii_strncasecmp(*line, name, length) == 0 && (*line)[length] == ':')
            return g_strstrip(*line + length + 1);
    return NULL;
}

/* The body of an answer that opens nothing, as far as it comes. */
static char *read_body(Stream *stream, char **fields, gint64 deadline)
{
    const char *length = field_of(fields, "Content-Length");
    guint64 size = 0;
    g_autofree char *body = NULL;
    gsize done = 0;

    if (length == NULL || !g_ascii_string_to_unsigned(length, 10, 1, ANSWER_BYTES, &size, NULL))
        return g_strdup("");
    body = g_malloc0(size + 1);
    while (done < size) {
        gssize got = stream_read(stream, body + done, size - done);

        if (got == 0 || (got < 0 && errno != EAGAIN))
            break;
        if (got < 0 && !wait_for(stream, POLLIN, deadline, NULL))
            break;
        done += (gsize)MAX(got, 0);
    }
    return g_steal_pointer(&body);
}

/* Says what the server says, and fails as it failed (X-Berth-Error). */
static gboolean fail(Stream *stream, char **lines, gint64 deadline, GError **error)
{
    g_autofree char *text = read_body(stream, lines + 1, deadline);
    g_autoptr(json_t) body = json_loads(text, 0, NULL);
    const char *words = json_member_string(body, "error");
    const char *word = field_of(lines + 1, "X-Berth-Error");

    return error_set(error, word != NULL ? error_code_of_word(word) : ERR_REFUSED, "%s",
                     words != NULL && *words != '\0' ? words : lines[0]);
}

static gboolean check_answer(Stream *stream, const char *text, const char *key, gint64 deadline,
                             GError **error)
{
    g_auto(GStrv) lines = g_strsplit(text, "\r\n", -1);
    g_autofree char *accept = handshake_accept(key);

    if (!g_str_has_prefix(lines[0], "HTTP/1.1 101")) {
        fail(stream, lines, deadline, error);
        g_prefix_error(error, "the server does not open a websocket: ");
        return FALSE;
    }
    if (!handshake_has_token(field_of(lines + 1, "Upgrade"), "websocket") ||
        !handshake_has_token(field_of(lines + 1, "Connection"), "upgrade") ||
        g_strcmp0(field_of(lines + 1, "Sec-WebSocket-Accept"), accept) != 0)
        return error_set(
            error, ERR_INVALID,
            "what answers is no websocket server: the proof of the handshake is wrong");
    return TRUE;
}

gboolean websocket_connect(Stream *stream, const char *host, const char *target, Headers headers,
                           GError **error)
{
    gint64 deadline = g_get_monotonic_time() + ANSWER_WAIT;
    g_autoptr(GString) text = g_string_new(NULL);
    guint8 random[KEY_BYTES];
    g_autofree char *key = NULL;
    g_autofree char *answer = NULL;

    if (getentropy(random, sizeof random) != 0)
        return error_errno(error, errno, "draw a key");
    key = g_base64_encode(random, sizeof random);
    g_string_append_printf(
        text,
        "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n",
        target, host, key);
    for (; headers != NULL && headers[0] != NULL; headers += 2)
        g_string_append_printf(text, "%s: %s\r\n", headers[0], headers[1]);
    g_string_append(text, "\r\n");
    if (!send_all(stream, text->str, deadline, error))
        return FALSE;
    answer = read_answer(stream, deadline, error);
    return answer != NULL && check_answer(stream, answer, key, deadline, error);
}
