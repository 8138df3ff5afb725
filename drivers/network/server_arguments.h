/* How dnsmasq is called for a network (NET-BR-06..09, 16..19, 28..31, 64, 66). Pure. */
#pragma once

#include "driver.h"

/* The fact "dnsmasq": {"running": true, "arguments": [...], "raw": text}; NULL when the network
 * needs no server. `arguments` is all that follows the program's name. New reference. */
json_t *server_expect(const Context *context, const Object *network);

/* networks/NET/dnsmasq.NAME of the state directory. Newly allocated. */
char *server_file(const char *dir, const char *network, const char *name);
