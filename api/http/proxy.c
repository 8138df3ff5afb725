#include "http/proxy.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#define V1_MAX 107  /* with its line end, as the protocol says */
#define V2_HEAD 16  /* signature, version, family, length */
#define V2_MAX 4096 /* addresses and what a proxy adds of its own */
#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"

static gboolean is_address(int family, const char *text)
{
    guchar address[16];

    return inet_pton(family, text, address) == 1;
}

static gboolean is_port(const char *text)
{
    guint64 port;

    return g_ascii_string_to_unsigned(text, 10, 0, G_MAXUINT16, &port, NULL);
}

/* "PROXY TCP4 SOURCE TARGET PORT PORT" */
static ProxyResult read_line(const char *line, char **ret_address)
{
    g_auto(GStrv) words = g_strsplit(line, " ", 7);
    gboolean v6;

    if (words[1] == NULL)
        return PROXY_BAD;
    if (strcmp(words[1], "UNKNOWN") == 0)
        return PROXY_LOCAL;
    v6 = strcmp(words[1], "TCP6") == 0;
    if ((!v6 && strcmp(words[1], "TCP4") != 0) || g_strv_length(words) != 6 ||
        !is_address(v6 ? AF_INET6 : AF_INET, words[2]) || !is_port(words[4]) || !is_port(words[5]))
        return PROXY_BAD;
    *ret_address = g_strdup_printf(v6 ? "[%s]:%s" : "%s:%s", words[2], words[4]);
    return PROXY_ADDRESS;
}

static ProxyResult parse_v1(const guchar *data, gsize size, gsize *ret_more, char **ret_address)
{
    static const char start[] = "PROXY ";
    g_autofree char *line = NULL;

    if (memcmp(data, start, MIN(size, strlen(start))) != 0)
        return PROXY_BAD;
    if (size < 2 || data[size - 1] != '\n') {
        *ret_more = 1;
        return size < V1_MAX ? PROXY_MORE : PROXY_BAD;
    }
    if (data[size - 2] != '\r' || memchr(data, '\0', size) != NULL)
        return PROXY_BAD;
    line = g_strndup((const char *)data, size - 2);
    return read_line(line, ret_address);
}

static ProxyResult parse_v2(const guchar *data, gsize size, gsize *ret_more, char **ret_address)
{
    char text[INET6_ADDRSTRLEN];
    const guchar *body = data + V2_HEAD;
    gsize length;

    if (memcmp(data, SIGNATURE, MIN(size, sizeof SIGNATURE - 1)) != 0)
        return PROXY_BAD;
    if (size < V2_HEAD) {
        *ret_more = V2_HEAD - size;
        return PROXY_MORE;
    }
    length = (gsize)data[14] << 8 | data[15];
    if (data[12] >> 4 != 2 || (data[12] & 15) > 1 || length > V2_MAX)
        return PROXY_BAD;
    if (size < V2_HEAD + length) {
        *ret_more = V2_HEAD + length - size;
        return PROXY_MORE;
    }
    if ((data[12] & 15) == 0)
        return PROXY_LOCAL;
    switch (data[13]) {
    case 0x11: /* TCP over IPv4 */
        if (length < 12)
            return PROXY_BAD;
        inet_ntop(AF_INET, body, text, sizeof text);
        *ret_address = g_strdup_printf("%s:%u", text, (guint)body[8] << 8 | body[9]);
        return PROXY_ADDRESS;
    case 0x21: /* TCP over IPv6 */
        if (length < 36)
            return PROXY_BAD;
        inet_ntop(AF_INET6, body, text, sizeof text);
        *ret_address = g_strdup_printf("[%s]:%u", text, (guint)body[32] << 8 | body[33]);
        return PROXY_ADDRESS;
    default:
        return PROXY_LOCAL;
    }
}

ProxyResult proxy_parse(const guchar *data, gsize size, gsize *ret_more, char **ret_address)
{
    *ret_more = 1;
    if (size == 0)
        return PROXY_MORE;
    if (data[0] == 'P')
        return parse_v1(data, size, ret_more, ret_address);
    if (data[0] == SIGNATURE[0])
        return parse_v2(data, size, ret_more, ret_address);
    return PROXY_NONE; /* TLS begins with 0x16 */
}

/* ---- on a socket ---- */

struct ProxyPull {
    int socket;
    GByteArray *read; /* of the header; NULL when it is over */
};

ProxyPull *proxy_pull_new(int socket)
{
    ProxyPull *pull = g_new0(ProxyPull, 1);

    *pull = (ProxyPull){socket, g_byte_array_new()};
    return pull;
}

void proxy_pull_free(ProxyPull *pull)
{
    if (pull == NULL)
        return;
    g_clear_pointer(&pull->read, g_byte_array_unref);
    g_free(pull);
}

gssize proxy_pull_read(ProxyPull *pull, void *data, gsize size, char **ret_address)
{
    while (pull->read != NULL) {
        gsize had = pull->read->len;
        gsize more = 0;
        gssize got;
        ProxyResult result = proxy_parse(pull->read->data, had, &more, ret_address);

        if (result == PROXY_BAD) {
            errno = EPROTO;
            return -1;
        }
        /* One byte tells that there is no header; it is the client's. */
        if (result == PROXY_NONE && size > 0) {
            *(guchar *)data = pull->read->data[0];
            g_clear_pointer(&pull->read, g_byte_array_unref);
            return 1;
        }
        if (result != PROXY_MORE) {
            g_clear_pointer(&pull->read, g_byte_array_unref);
            break;
        }
        g_byte_array_set_size(pull->read, (guint)(had + more));
        got = recv(pull->socket, pull->read->data + had, more, 0);
        g_byte_array_set_size(pull->read, (guint)(had + (gsize)MAX(got, 0)));
        if (got <= 0)
            return got;
    }
    return recv(pull->socket, data, size, 0);
}
