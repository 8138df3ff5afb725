/* The network driver on a real host, with the engine's part in small: what a test needs to make,
 * look at and unmake networks in a namespace of its own. */
#pragma once

#include "namespace.h"
#include "object.h"

#define MUST(call)                                                                                 \
    do {                                                                                           \
        g_autoptr(GError) failure = NULL;                                                          \
        GError **must = &failure;                                                                  \
        cr_assert(call, "%s: %s", #call, failure != NULL ? failure->message : "");                 \
    } while (0)

#define ADDRESSES "\"ipv4.address\": \"10.1.2.1/24\", \"ipv6.address\": \"fd42:1::1/64\""

/* Those of the running test. */
extern Host *host;
extern Context context;

void world_enter(void);
void world_leave(void);
/* Reads the facts of the host again. */
void world_refresh(void);

json_t *expect(const Object *network);
json_t *observe(const Object *network);
void assert_as_expected(const Object *network);
/* Exactly this fact is not as expected. */
void assert_differs_only_in(const Object *network, const char *fact);

const FactRow *row_of(const char *path);
gboolean ensure(const Object *network, const FactRow *row, json_t *from, json_t *to,
                GError **error);
/* All rows from -> to: removals in reverse, then the others in order. */
gboolean change(const Object *network, const json_t *from, const json_t *to, GError **error);
void make(const Object *network);
/* After a commit, and after a creation was taken back: what was parked goes. */
void purge(const Object *network);
void unmake(const Object *network);
void repair(const Object *network);

/* The record of the server, and the process that it names. */
char *server_pid(const char *network);
pid_t server_process(const char *network);

/* A network namespace NAME with eth0 on the bridge. */
void add_client(const char *name, const char *mac, const char *bridge);
/* Gets a lease in a client: what the server said, one "key=value" a line. Newly allocated. */
char *get_lease(const char *name);
