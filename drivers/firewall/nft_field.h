/* What the writer and the reader of rules both know: the fields of a packet and the verdicts. */
#pragma once

#include <glib.h>
#include <linux/types.h>

#define NAME_SIZE 16u /* IFNAMSIZ: the kernel compares names in full */

typedef enum {
    FORMAT_NAME,
    FORMAT_FAMILY,
    FORMAT_BYTE,
    FORMAT_PORT,
    FORMAT_CIDR4,
    FORMAT_CIDR6
} Format;

/* A field that can be matched: where it is in the packet, and what must be known of the packet
 * before. */
typedef struct {
    const char *name; /* one or two words */
    gboolean meta;
    guint32 key; /* NFT_META_*, or base of the payload */
    guint32 offset, length;
    guint8 family, protocol; /* 0: no matter */
    Format format;
} Field;

/* What is known of the packet so far, from matches before. */
typedef struct {
    guint8 family, protocol;
} Known;

extern const Field NFT_FIELDS[]; /* ended by name NULL */

typedef struct {
    const char *word;
    int verdict;
} Verdict;

extern const Verdict NFT_VERDICTS[]; /* ended by word NULL */
