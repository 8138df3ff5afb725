/* Servers that this user knows by a name (OPS-70..79): remotes.json in ~/.config/berth, or
 * $BERTH_CONF, beside our own key pair and the servers' pinned certificates. */
#pragma once

#include "client.h"

/* {"default": NAME, "remotes": {NAME: {"addr": "https://HOST:PORT"}}}; "local", the daemon of this
 * machine, is always there and not listed. New reference. */
json_t *remotes_read(GError **error);
gboolean remotes_write(const json_t *remotes, GError **error);
gboolean remotes_has(const json_t *remotes, const char *name);

/* servercerts/NAME.crt. Newly allocated. */
char *remotes_pin_path(const char *name);
/* A client of the server at `url` whose certificate is pinned; our key pair is made when there is
 * none (AUTH-10). `pinned` NULL: that of the remote's file. */
Client *remotes_client(const char *name, const char *url, const char *pinned, GError **error);
