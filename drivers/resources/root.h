/* A directory tree that looks like a host: "/" itself, or a recorded one with sys/, proc/, run/ and
 * dev/ in it. All reading of the inventory goes through here. Nothing below it is trusted: paths
 * cannot lead out of it, only plain files of bounded size are read, and what is missing or cannot
 * be read is simply not there. Safe to use from several threads. */
#pragma once

#include "json.h"

typedef struct HostRoot HostRoot;

/* NULL with an error when the directory cannot be opened. */
HostRoot *host_root_open(const char *path, GError **error);
void host_root_free(HostRoot *root);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HostRoot, host_root_free)

/* Whether this is the running host, so that the kernel may be asked beside its files. */
gboolean host_root_live(const HostRoot *root);

/* Bytes of a file below the root ("sys/class/net/eth0/mtu"), at most `limit` of them; NULL when it
 * is not there or no plain file. Always with a NUL behind. Newly allocated. */
char *root_bytes(const HostRoot *root, gsize limit, gsize *ret_length, const char *format, ...)
    G_GNUC_PRINTF(4, 5);
/* Valid UTF-8 text without blanks around it; NULL when missing or empty. Newly allocated. */
char *root_text(const HostRoot *root, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* A decimal number, or with 0x a hexadecimal one; `otherwise` when it is missing or no number. */
gint64 root_number(const HostRoot *root, gint64 otherwise, const char *format, ...)
    G_GNUC_PRINTF(3, 4);
gboolean root_exists(const HostRoot *root, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* Names in a directory in natural order (cpu2 before cpu10); empty when it is not there. Of char *.
 */
GPtrArray *root_list(const HostRoot *root, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* Where a path really is, below the root and without a leading "/"; NULL when it is not there.
 * Newly allocated. */
char *root_real(const HostRoot *root, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* The last part of root_real(): what a link points to. Newly allocated. */
char *root_target(const HostRoot *root, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* {KEY: value} of a "KEY=value" file such as uevent, or of udev's database ("E:KEY=value"). */
GHashTable *root_properties(const HostRoot *root, const char *prefix, const char *path);

/* Sets a member only when there is something to say; takes the text. */
void set_text(json_t *object, const char *key, char *text);
/* Sets a member always; "" stands for nothing. Takes the text. */
void set_text_or_empty(json_t *object, const char *key, char *text);
void set_number(json_t *object, const char *key, gint64 number);
