/* Asks other servers by HTTP: JSON, and files of any size. Each request is one of the helper
 * berth-fetch. Blocking; any thread. */
#pragma once

#include "json.h"

/* The other end. */
typedef struct {
    const char *url;         /* "https://HOST[:PORT][/PATH]", or "unix:/PATH" of a socket */
    const char *certificate; /* PEM: its key, and no other, is the server's; NULL: a well-known
                                authority vouches for the server */
    gboolean redirects;      /* it may send us elsewhere, by https only */
} FetchServer;

/* Proxies for HTTP and HTTPS, and the hosts (comma list) that are reached without one, from now on;
 * NULL: what the environment says (SV-36, SV-62, SV-63). Any thread. */
void fetch_set_proxy(const char *http, const char *https, const char *ignored_hosts);

/* Whether `url` is one that fetch_* can ask; ERR_INVALID with what it has to be. */
gboolean fetch_check(const FetchServer *server, GError **error);

/* The JSON at `path` below the server, at most 64 MiB. ERR_NOT_FOUND for 404; the server's own
 * words for other errors. NULL with an error. New reference. */
json_t *fetch_json(const FetchServer *server, const char *path, GError **error);

typedef struct {
    /* Called about each second, and at the end: bytes so far, of how many (0: unknown), and in the
     * last second. May be NULL. */
    void (*each)(guint64 done, guint64 all, guint64 speed, void *data);
    void *data;
    volatile gint *cancel; /* non-zero stops it; may be NULL */
} FetchProgress;

/* Writes the content at `path` to `fd`. `ret_type` (may be NULL) gets its Content-Type, newly
 * allocated. */
gboolean fetch_file(const FetchServer *server, const char *path, int fd,
                    const FetchProgress *progress, char **ret_type, GError **error);

/* Header fields of a HEAD request with own `headers` ("Name: value", NULL-terminated): lower-case
 * name -> value. NULL with an error. New reference. */
json_t *fetch_head(const FetchServer *server, const char *path, const char *const *headers,
                   GError **error);

/* Posts `body` to an address of http or https, with own `headers`; what comes back is not looked
 * at. FALSE when that takes longer than `seconds`, or the answer is none of success. */
gboolean fetch_post(const char *url, const char *const *headers, const char *body, guint seconds,
                    GError **error);
