/* The types that a field can have: each a small record that checks a scalar's text, compares two values by meaning, and
 * prints its part of a JSON Schema. One file each is not needed: most are three lines over base/units. */
#pragma once

#include "json.h"

typedef struct Row Row;
typedef struct Type Type;

/* How a value looks in JSON. */
typedef enum {
    SHAPE_STRING, /* every config and device value (I-012) */
    SHAPE_BOOL,   /* JSON true/false: fields of the object itself, e.g. ephemeral */
    SHAPE_INT,
    SHAPE_LIST,   /* list of strings */
    SHAPE_MAP,    /* string -> string, keys free */
    SHAPE_OBJECT, /* nested rows: Row.fields */
    SHAPE_OBJECTS, /* list of nested objects */
} Shape;

struct Type {
    const char *name; /* as documentation prints it: "boolean", "byte size" */
    Shape shape;
    /* Checks the text of a scalar (for SHAPE_LIST: of each item). NULL accepts anything. The message does not name the
     * field; callers prefix it. */
    gboolean (*check)(const Row *row, const char *text, GError **error);
    /* Equal by meaning ("1GiB" = "1024MiB"); NULL compares bytes. */
    gboolean (*same)(const char *a, const char *b);
    const char *schema; /* JSON Schema of the string form, e.g. {"pattern": ...}; NULL for any string */
};

extern const Type TYPE_STRING;     /* any text */
extern const Type TYPE_LINE;       /* text of one line: what ends up in a line of a config file or a mount table */
extern const Type TYPE_BOOL;       /* I-013 */
extern const Type TYPE_INT;        /* I-014, Row.min/max */
extern const Type TYPE_UINT32;
extern const Type TYPE_ENUM;       /* Row.values */
extern const Type TYPE_SIZE;       /* bytes with unit, I-503/504 */
extern const Type TYPE_BITRATE;    /* I-501/502 */
extern const Type TYPE_DISK_RATE;  /* byte size or "<n>iops" */
extern const Type TYPE_MEMORY;     /* byte size or N% (I-320) */
extern const Type TYPE_CPUS;       /* count, set, range (I-301..309) */
extern const Type TYPE_ALLOWANCE;  /* I-310..316 */
extern const Type TYPE_RLIMIT;     /* I-351 */
extern const Type TYPE_MAC;
extern const Type TYPE_IPV4;
extern const Type TYPE_IPV6;
extern const Type TYPE_CIDR4;      /* address/len, host bits allowed; Row.values may list words ("none", "auto") */
extern const Type TYPE_CIDR6;
extern const Type TYPE_ROUTES4;    /* comma list of networks without host bits */
extern const Type TYPE_ROUTES6;
extern const Type TYPE_RANGES4;    /* comma list FIRST-LAST */
extern const Type TYPE_RANGES6;
extern const Type TYPE_ADDRESS4;   /* single address; Row.values may list words */
extern const Type TYPE_ADDRESS6;
extern const Type TYPE_COMMAS;     /* comma list of words; Row.ref applies to each */
extern const Type TYPE_IFNAME;     /* 2..15 characters */
extern const Type TYPE_PATH;       /* absolute path */
extern const Type TYPE_CRON;       /* I-400..402 */
extern const Type TYPE_EXPIRY;     /* I-410 */
extern const Type TYPE_DURATION;   /* dnsmasq lease time: 30m, 1h, infinite */
extern const Type TYPE_IDMAP;      /* SEC-40 */
extern const Type TYPE_RAW_LXC;    /* I-140 */
extern const Type TYPE_NAME;       /* an object's name: not empty, no '/' */
extern const Type TYPE_TIME;       /* RFC 3339 */
extern const Type TYPE_FLAG;       /* SHAPE_BOOL */
extern const Type TYPE_NUMBER;     /* SHAPE_INT */
extern const Type TYPE_LIST;       /* SHAPE_LIST of strings */
extern const Type TYPE_MAP;        /* SHAPE_MAP */
extern const Type TYPE_OBJECT;     /* SHAPE_OBJECT with Row.fields */
extern const Type TYPE_OBJECTS;    /* SHAPE_OBJECTS with Row.fields */
extern const Type TYPE_OBJECT_NAMES; /* SHAPE_LIST of KIND/NAME */
extern const Type TYPE_ADDRESSES4; /* comma list of addresses */
extern const Type TYPE_ADDRESSES6;
extern const Type TYPE_ADDRESS;    /* address of either family */
extern const Type TYPE_DOMAIN;     /* DNS domain */
extern const Type TYPE_DOMAINS;    /* comma list of DNS domains */
extern const Type TYPE_NAMESERVERS; /* comma list of addresses of either family */
extern const Type TYPE_SUBNETS;    /* comma list UPLINK:NETWORK/LEN (PJ-172) */
extern const Type TYPE_HOST_PORT;  /* address, name or wildcard, with or without port (SV-28) */
extern const Type TYPE_PATHS;      /* comma list of absolute paths */
extern const Type TYPE_ID_RANGES;  /* comma list of N or A-B (PJ-170) */
extern const Type TYPE_ARCHITECTURE; /* IMG-A01..A13 */
extern const Type TYPE_COMPRESSION;  /* "none" or a program with options (SV-13) */
extern const Type TYPE_OCTAL;      /* file mode */
extern const Type TYPE_HEX4;       /* USB or PCI id: four lower-case hex digits */
extern const Type TYPE_PCI;        /* PCI address */
extern const Type TYPE_PROXY;      /* D-PROXY-01 */
extern const Type TYPE_SPAN;       /* seconds with or without unit: "90s", "5m", "24h" */
extern const Type TYPE_GIT_URL;    /* https, ssh, HOST:PATH or a path */
extern const Type TYPE_GIT_REF;    /* branch, tag or commit */
extern const Type TYPE_SECRET_FILE; /* absolute path, or credential:NAME */
extern const Type TYPE_VLANS;      /* comma list of VLAN ids and ranges (D-NIC-BR-23) */

/* Defines a type whose values are texts; the last two may be NULL. */
#define STRING_TYPE(NAME, title, check_function, same_function, schema_text)                       \
    const Type NAME = {.name = title,                                                              \
                       .shape = SHAPE_STRING,                                                      \
                       .check = check_function,                                                    \
                       .same = same_function,                                                      \
                       .schema = schema_text}

/* Truth of an LXD boolean text; FALSE for anything that is not one (I-013). */
gboolean type_is_true(const char *text);

/* The items of a comma list, blanks around them removed; an empty text has none. Newly allocated. */
char **type_items(const char *text);

/* The name that berth uses for an architecture's spelling ("amd64" -> "x86_64", IMG-A13), or NULL when it knows none. */
const char *type_architecture(const char *text);

/* One canonical text per comma list, for comparing lists by meaning: items trimmed. */
gboolean type_same_items(const char *a, const char *b);

/* Runs `check` on each item of a comma list. */
gboolean type_check_items(const Row *row, const char *text, gboolean (*check)(const Row *, const char *, GError **),
                          GError **error);
