#include "nft_rule.h"

#include <arpa/inet.h>
#include <libnftnl/expr.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <net/if.h>
#include <string.h>

#include "error.h"

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

#define NETWORK NFT_PAYLOAD_NETWORK_HEADER
#define TRANSPORT NFT_PAYLOAD_TRANSPORT_HEADER

static const Field FIELDS[] = {
    {"iifname", TRUE, NFT_META_IIFNAME, 0, NAME_SIZE, 0, 0, FORMAT_NAME},
    {"oifname", TRUE, NFT_META_OIFNAME, 0, NAME_SIZE, 0, 0, FORMAT_NAME},
    {"meta nfproto", TRUE, NFT_META_NFPROTO, 0, 1, 0, 0, FORMAT_FAMILY},
    {"meta l4proto", TRUE, NFT_META_L4PROTO, 0, 1, 0, 0, FORMAT_BYTE},
    {"ip saddr", FALSE, NETWORK, 12, 4, NFPROTO_IPV4, 0, FORMAT_CIDR4},
    {"ip daddr", FALSE, NETWORK, 16, 4, NFPROTO_IPV4, 0, FORMAT_CIDR4},
    {"ip6 saddr", FALSE, NETWORK, 8, 16, NFPROTO_IPV6, 0, FORMAT_CIDR6},
    {"ip6 daddr", FALSE, NETWORK, 24, 16, NFPROTO_IPV6, 0, FORMAT_CIDR6},
    {"tcp sport", FALSE, TRANSPORT, 0, 2, 0, IPPROTO_TCP, FORMAT_PORT},
    {"tcp dport", FALSE, TRANSPORT, 2, 2, 0, IPPROTO_TCP, FORMAT_PORT},
    {"udp sport", FALSE, TRANSPORT, 0, 2, 0, IPPROTO_UDP, FORMAT_PORT},
    {"udp dport", FALSE, TRANSPORT, 2, 2, 0, IPPROTO_UDP, FORMAT_PORT},
    {"icmp type", FALSE, TRANSPORT, 0, 1, NFPROTO_IPV4, IPPROTO_ICMP, FORMAT_BYTE},
    {"icmpv6 type", FALSE, TRANSPORT, 0, 1, NFPROTO_IPV6, IPPROTO_ICMPV6, FORMAT_BYTE},
};

/* A value to compare with; the mask is all ones unless it is a network. */
typedef struct {
    guint8 data[16], mask[16];
    guint32 length;
    gboolean masked;
} Value;

/* What is known of the packet so far, from matches before. */
typedef struct {
    guint8 family, protocol;
} Known;

/* --- text to expressions --- */

static gboolean parse_number(const char *word, guint64 max, guint64 *ret)
{
    return word != NULL && g_ascii_string_to_unsigned(word, 10, 0, max, ret, NULL);
}

static gboolean parse_cidr(const char *word, int family, Value *ret)
{
    g_auto(GStrv) parts = g_strsplit(word, "/", 2);
    guint64 length = ret->length * 8;

    if (parts[0] == NULL || inet_pton(family, parts[0], ret->data) != 1 ||
        (parts[1] != NULL && !parse_number(parts[1], length, &length)))
        return FALSE;
    for (guint bit = 0; bit < ret->length * 8; bit++) {
        guint8 one = (guint8)(0x80u >> (bit % 8));

        if (bit < length)
            ret->mask[bit / 8] |= one;
        else if ((ret->data[bit / 8] & one) != 0)
            return FALSE; /* host bits: the kernel would never match */
    }
    ret->masked = length < ret->length * 8;
    return TRUE;
}

static gboolean parse_value(const Field *field, const char *word, Value *ret)
{
    guint64 number;
    gsize size;

    memset(ret, 0, sizeof(*ret));
    ret->length = field->length;
    switch (field->format) {
    case FORMAT_NAME:
        size = strlen(word);
        if (size < 3 || size - 2 >= NAME_SIZE || word[0] != '"' || word[size - 1] != '"')
            return FALSE;
        memcpy(ret->data, word + 1, size - 2);
        return TRUE;
    case FORMAT_FAMILY:
        ret->data[0] = strcmp(word, "ipv4") == 0   ? NFPROTO_IPV4
                       : strcmp(word, "ipv6") == 0 ? NFPROTO_IPV6
                                                   : 0;
        return ret->data[0] != 0;
    case FORMAT_BYTE:
        if (!parse_number(word, 255, &number))
            return FALSE;
        ret->data[0] = (guint8)number;
        return TRUE;
    case FORMAT_PORT:
        if (!parse_number(word, 65535, &number))
            return FALSE;
        ret->data[0] = (guint8)(number >> 8);
        ret->data[1] = (guint8)number;
        return TRUE;
    case FORMAT_CIDR4:
        return parse_cidr(word, AF_INET, ret);
    case FORMAT_CIDR6:
        return parse_cidr(word, AF_INET6, ret);
    }
    return FALSE;
}

static void add_match(struct nftnl_rule *rule, const Field *field, const Value *value,
                      guint32 comparison)
{
    struct nftnl_expr *expr = nftnl_expr_alloc(field->meta ? "meta" : "payload");

    if (field->meta) {
        nftnl_expr_set_u32(expr, NFTNL_EXPR_META_KEY, field->key);
        nftnl_expr_set_u32(expr, NFTNL_EXPR_META_DREG, NFT_REG_1);
    } else {
        nftnl_expr_set_u32(expr, NFTNL_EXPR_PAYLOAD_BASE, field->key);
        nftnl_expr_set_u32(expr, NFTNL_EXPR_PAYLOAD_OFFSET, field->offset);
        nftnl_expr_set_u32(expr, NFTNL_EXPR_PAYLOAD_LEN, field->length);
        nftnl_expr_set_u32(expr, NFTNL_EXPR_PAYLOAD_DREG, NFT_REG_1);
    }
    nftnl_rule_add_expr(rule, expr);
    if (value->masked) {
        static const guint8 zero[16];

        expr = nftnl_expr_alloc("bitwise");
        nftnl_expr_set_u32(expr, NFTNL_EXPR_BITWISE_SREG, NFT_REG_1);
        nftnl_expr_set_u32(expr, NFTNL_EXPR_BITWISE_DREG, NFT_REG_1);
        nftnl_expr_set_u32(expr, NFTNL_EXPR_BITWISE_OP, NFT_BITWISE_BOOL);
        nftnl_expr_set_u32(expr, NFTNL_EXPR_BITWISE_LEN, value->length);
        nftnl_expr_set(expr, NFTNL_EXPR_BITWISE_MASK, value->mask, value->length);
        nftnl_expr_set(expr, NFTNL_EXPR_BITWISE_XOR, zero, value->length);
        nftnl_rule_add_expr(rule, expr);
    }
    expr = nftnl_expr_alloc("cmp");
    nftnl_expr_set_u32(expr, NFTNL_EXPR_CMP_SREG, NFT_REG_1);
    nftnl_expr_set_u32(expr, NFTNL_EXPR_CMP_OP, comparison);
    nftnl_expr_set(expr, NFTNL_EXPR_CMP_DATA, value->data, value->length);
    nftnl_rule_add_expr(rule, expr);
}

static void add_byte_match(struct nftnl_rule *rule, guint32 key, guint8 byte)
{
    Field field = {.meta = TRUE, .key = key};
    Value value = {.data = {byte}, .length = 1};

    add_match(rule, &field, &value, NFT_CMP_EQ);
}

static void add_field_match(struct nftnl_rule *rule, const Field *field, const Value *value,
                            guint32 comparison, Known *known)
{
    if (field->family != 0 && known->family != field->family)
        add_byte_match(rule, NFT_META_NFPROTO, field->family);
    if (field->protocol != 0 && known->protocol != field->protocol)
        add_byte_match(rule, NFT_META_L4PROTO, field->protocol);
    if (field->family != 0)
        known->family = field->family;
    if (field->protocol != 0)
        known->protocol = field->protocol;
    add_match(rule, field, value, comparison);
    if (field->meta && field->key == NFT_META_NFPROTO && comparison == NFT_CMP_EQ)
        known->family = value->data[0];
}

static void add_verdict(struct nftnl_rule *rule, int verdict)
{
    struct nftnl_expr *expr = nftnl_expr_alloc("immediate");

    nftnl_expr_set_u32(expr, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
    nftnl_expr_set_u32(expr, NFTNL_EXPR_IMM_VERDICT, (guint32)verdict);
    nftnl_rule_add_expr(rule, expr);
}

static const struct {
    const char *word;
    int verdict;
} VERDICTS[] = {{"accept", NF_ACCEPT}, {"drop", NF_DROP}, {"return", NFT_RETURN}};

/* Statements of one word; FALSE when it is none. */
static gboolean add_simple(struct nftnl_rule *rule, const char *word)
{
    for (guint i = 0; i < G_N_ELEMENTS(VERDICTS); i++) {
        if (strcmp(word, VERDICTS[i].word) == 0) {
            add_verdict(rule, VERDICTS[i].verdict);
            return TRUE;
        }
    }
    if (strcmp(word, "masquerade") == 0) {
        nftnl_rule_add_expr(rule, nftnl_expr_alloc("masq"));
        return TRUE;
    }
    if (strcmp(word, "reject") == 0) {
        struct nftnl_expr *expr = nftnl_expr_alloc("reject");

        nftnl_expr_set_u32(expr, NFTNL_EXPR_REJECT_TYPE, NFT_REJECT_ICMPX_UNREACH);
        nftnl_expr_set_u8(expr, NFTNL_EXPR_REJECT_CODE, NFT_REJECT_ICMPX_PORT_UNREACH);
        nftnl_rule_add_expr(rule, expr);
        return TRUE;
    }
    return FALSE;
}

/* "snat ip to ADDRESS": number of words taken, or 0. */
static guint add_snat(struct nftnl_rule *rule, char **words)
{
    gboolean four;
    guint8 address[16];
    struct nftnl_expr *expr;

    if (g_strv_length(words) < 4 || strcmp(words[0], "snat") != 0 || strcmp(words[2], "to") != 0)
        return 0;
    four = strcmp(words[1], "ip") == 0;
    if ((!four && strcmp(words[1], "ip6") != 0) ||
        inet_pton(four ? AF_INET : AF_INET6, words[3], address) != 1)
        return 0;
    expr = nftnl_expr_alloc("immediate");
    nftnl_expr_set_u32(expr, NFTNL_EXPR_IMM_DREG, NFT_REG_1);
    nftnl_expr_set(expr, NFTNL_EXPR_IMM_DATA, address, four ? 4 : 16);
    nftnl_rule_add_expr(rule, expr);
    expr = nftnl_expr_alloc("nat");
    nftnl_expr_set_u32(expr, NFTNL_EXPR_NAT_TYPE, NFT_NAT_SNAT);
    nftnl_expr_set_u32(expr, NFTNL_EXPR_NAT_FAMILY, four ? NFPROTO_IPV4 : NFPROTO_IPV6);
    nftnl_expr_set_u32(expr, NFTNL_EXPR_NAT_REG_ADDR_MIN, NFT_REG_1);
    nftnl_rule_add_expr(rule, expr);
    return 4;
}

/* "limit rate over N bytes/second burst N bytes": number of words taken, or 0. */
static guint add_limit(struct nftnl_rule *rule, char **words)
{
    struct nftnl_expr *expr;
    guint64 rate, burst;

    if (g_strv_length(words) < 8 || strcmp(words[0], "limit") != 0 ||
        strcmp(words[1], "rate") != 0 || strcmp(words[2], "over") != 0 ||
        strcmp(words[4], "bytes/second") != 0 || strcmp(words[5], "burst") != 0 ||
        strcmp(words[7], "bytes") != 0 || !parse_number(words[3], G_MAXINT64, &rate) ||
        !parse_number(words[6], G_MAXUINT32, &burst))
        return 0;
    expr = nftnl_expr_alloc("limit");
    nftnl_expr_set_u64(expr, NFTNL_EXPR_LIMIT_RATE, rate);
    nftnl_expr_set_u64(expr, NFTNL_EXPR_LIMIT_UNIT, 1);
    nftnl_expr_set_u32(expr, NFTNL_EXPR_LIMIT_BURST, (guint32)burst);
    nftnl_expr_set_u32(expr, NFTNL_EXPR_LIMIT_TYPE, NFT_LIMIT_PKT_BYTES);
    nftnl_expr_set_u32(expr, NFTNL_EXPR_LIMIT_FLAGS, NFT_LIMIT_F_INV);
    nftnl_rule_add_expr(rule, expr);
    return 8;
}

/* A match: number of words taken, or 0. */
static guint add_words_match(struct nftnl_rule *rule, char **words, Known *known)
{
    guint available = g_strv_length(words);

    for (guint i = 0; i < G_N_ELEMENTS(FIELDS); i++) {
        const Field *field = &FIELDS[i];
        const char *space = strchr(field->name, ' ');
        guint taken = space != NULL ? 2 : 1;
        guint32 comparison = NFT_CMP_EQ;
        Value value;

        if (available <= taken)
            continue;
        if (space == NULL
                ? strcmp(words[0], field->name) != 0
                : strlen(words[0]) != (gsize)(space - field->name) ||
                      !g_str_has_prefix(field->name, words[0]) || strcmp(words[1], space + 1) != 0)
            continue;
        if (strcmp(words[taken], "!=") == 0) {
            comparison = NFT_CMP_NEQ;
            taken++;
        }
        if (available <= taken || !parse_value(field, words[taken], &value))
            return 0;
        add_field_match(rule, field, &value, comparison, known);
        return taken + 1;
    }
    return 0;
}

gboolean nft_rule_compile(struct nftnl_rule *rule, const char *text, GError **error)
{
    g_auto(GStrv) words = g_strsplit(text, " ", -1);
    Known known = {0};
    char **at = words;

    while (*at != NULL) {
        guint taken = add_words_match(rule, at, &known);

        if (taken == 0)
            taken = add_limit(rule, at);
        if (taken == 0)
            taken = add_snat(rule, at);
        if (taken == 0 && add_simple(rule, *at))
            taken = 1;
        if (taken == 0)
            return error_set(error, ERR_INVALID,
                             "firewall rule \"%s\": cannot read it from \"%s\" on", text, *at);
        at += taken;
    }
    return TRUE;
}

/* --- expressions to text --- */

typedef struct {
    GString *text;
    const struct nftnl_expr *loaded; /* what is in register 1 */
    const struct nftnl_expr *mask;
    const struct nftnl_expr *immediate;
    Known known;
    gboolean family_open, protocol_open; /* matched, but not printed: the next field may imply it */
    gboolean failed;
} Printer;

static void print_words(Printer *printer, const char *words)
{
    if (printer->text->len > 0)
        g_string_append_c(printer->text, ' ');
    g_string_append(printer->text, words);
}

static void print_open(Printer *printer, const Field *field)
{
    if (printer->family_open && (field == NULL || field->family == 0))
        print_words(printer, printer->known.family == NFPROTO_IPV4 ? "meta nfproto ipv4"
                                                                   : "meta nfproto ipv6");
    if (printer->protocol_open && (field == NULL || field->protocol == 0)) {
        g_autofree char *words = g_strdup_printf("meta l4proto %u", printer->known.protocol);

        print_words(printer, words);
    }
    printer->family_open = printer->protocol_open = FALSE;
}

static gboolean field_fits(const Field *field, const Printer *printer)
{
    const struct nftnl_expr *loaded = printer->loaded;

    if (field->meta)
        return strcmp(nftnl_expr_get_str(loaded, NFTNL_EXPR_NAME), "meta") == 0 &&
               nftnl_expr_get_u32(loaded, NFTNL_EXPR_META_KEY) == field->key;
    return strcmp(nftnl_expr_get_str(loaded, NFTNL_EXPR_NAME), "payload") == 0 &&
           nftnl_expr_get_u32(loaded, NFTNL_EXPR_PAYLOAD_BASE) == field->key &&
           nftnl_expr_get_u32(loaded, NFTNL_EXPR_PAYLOAD_OFFSET) == field->offset &&
           nftnl_expr_get_u32(loaded, NFTNL_EXPR_PAYLOAD_LEN) == field->length &&
           (field->family == 0 || field->family == printer->known.family) &&
           (field->protocol == 0 || field->protocol == printer->known.protocol);
}

static char *print_cidr(int family, const guint8 *data, const guint8 *mask, guint32 length)
{
    char address[INET6_ADDRSTRLEN];
    guint bits = length * 8;

    if (inet_ntop(family, data, address, sizeof(address)) == NULL)
        return NULL;
    if (mask != NULL) {
        bits = 0;
        while (bits < length * 8 && (mask[bits / 8] & (0x80u >> (bits % 8))) != 0)
            bits++;
        for (guint rest = bits; rest < length * 8; rest++) {
            if ((mask[rest / 8] & (0x80u >> (rest % 8))) != 0)
                return NULL; /* not a prefix */
        }
    }
    return g_strdup_printf("%s/%u", address, bits);
}

/* Text of a compared value; NULL when it is none that the language has. */
static char *print_value(const Field *field, const guint8 *data, guint32 length, const guint8 *mask)
{
    if (mask != NULL && field->format != FORMAT_CIDR4 && field->format != FORMAT_CIDR6)
        return NULL;
    if (length != field->length)
        return NULL;
    switch (field->format) {
    case FORMAT_NAME:
        return g_strdup_printf("\"%.*s\"", (int)NAME_SIZE, (const char *)data);
    case FORMAT_FAMILY:
        return data[0] == NFPROTO_IPV4   ? g_strdup("ipv4")
               : data[0] == NFPROTO_IPV6 ? g_strdup("ipv6")
                                         : NULL;
    case FORMAT_BYTE:
        return g_strdup_printf("%u", data[0]);
    case FORMAT_PORT:
        return g_strdup_printf("%u", (guint)data[0] << 8 | data[1]);
    case FORMAT_CIDR4:
        return print_cidr(AF_INET, data, mask, length);
    case FORMAT_CIDR6:
        return print_cidr(AF_INET6, data, mask, length);
    }
    return NULL;
}

static void print_match(Printer *printer, const struct nftnl_expr *compare)
{
    guint32 length = 0, mask_length = 0;
    const guint8 *data = nftnl_expr_get(compare, NFTNL_EXPR_CMP_DATA, &length);
    const guint8 *mask = printer->mask != NULL
                             ? nftnl_expr_get(printer->mask, NFTNL_EXPR_BITWISE_MASK, &mask_length)
                             : NULL;
    guint32 comparison = nftnl_expr_get_u32(compare, NFTNL_EXPR_CMP_OP);
    const Field *field = NULL;
    g_autofree char *value = NULL;

    for (guint i = 0; printer->loaded != NULL && i < G_N_ELEMENTS(FIELDS) && field == NULL; i++)
        field = field_fits(&FIELDS[i], printer) ? &FIELDS[i] : NULL;
    if (field == NULL || data == NULL || (comparison != NFT_CMP_EQ && comparison != NFT_CMP_NEQ) ||
        (mask != NULL && mask_length != length) ||
        (value = print_value(field, data, length, mask)) == NULL) {
        printer->failed = TRUE;
        return;
    }
    printer->loaded = printer->mask = NULL;
    if (field->meta && comparison == NFT_CMP_EQ && field->key == NFT_META_NFPROTO) {
        printer->known.family = data[0];
        printer->family_open = TRUE;
        return;
    }
    if (field->meta && comparison == NFT_CMP_EQ && field->key == NFT_META_L4PROTO) {
        printer->known.protocol = data[0];
        printer->protocol_open = TRUE;
        return;
    }
    print_open(printer, field);
    print_words(printer, field->name);
    if (comparison == NFT_CMP_NEQ)
        print_words(printer, "!=");
    print_words(printer, value);
}

static void print_limit(Printer *printer, const struct nftnl_expr *expr)
{
    g_autofree char *words = NULL;

    if (nftnl_expr_get_u32(expr, NFTNL_EXPR_LIMIT_TYPE) != NFT_LIMIT_PKT_BYTES ||
        nftnl_expr_get_u32(expr, NFTNL_EXPR_LIMIT_FLAGS) != NFT_LIMIT_F_INV ||
        nftnl_expr_get_u64(expr, NFTNL_EXPR_LIMIT_UNIT) != 1) {
        printer->failed = TRUE;
        return;
    }
    words = g_strdup_printf("limit rate over %" G_GUINT64_FORMAT " bytes/second burst %u bytes",
                            nftnl_expr_get_u64(expr, NFTNL_EXPR_LIMIT_RATE),
                            nftnl_expr_get_u32(expr, NFTNL_EXPR_LIMIT_BURST));
    print_words(printer, words);
}

static void print_immediate(Printer *printer, const struct nftnl_expr *expr)
{
    int verdict;

    if (nftnl_expr_get_u32(expr, NFTNL_EXPR_IMM_DREG) != NFT_REG_VERDICT) {
        printer->immediate = expr;
        return;
    }
    verdict = (int)nftnl_expr_get_u32(expr, NFTNL_EXPR_IMM_VERDICT);
    for (guint i = 0; i < G_N_ELEMENTS(VERDICTS); i++) {
        if (VERDICTS[i].verdict == verdict) {
            print_words(printer, VERDICTS[i].word);
            return;
        }
    }
    printer->failed = TRUE;
}

static void print_nat(Printer *printer, const struct nftnl_expr *expr)
{
    gboolean four = nftnl_expr_get_u32(expr, NFTNL_EXPR_NAT_FAMILY) == NFPROTO_IPV4;
    char address[INET6_ADDRSTRLEN];
    guint32 length = 0;
    const void *data = printer->immediate != NULL
                           ? nftnl_expr_get(printer->immediate, NFTNL_EXPR_IMM_DATA, &length)
                           : NULL;
    g_autofree char *words = NULL;

    if (data == NULL || length != (four ? 4u : 16u) ||
        nftnl_expr_get_u32(expr, NFTNL_EXPR_NAT_TYPE) != NFT_NAT_SNAT ||
        nftnl_expr_is_set(expr, NFTNL_EXPR_NAT_REG_PROTO_MIN) ||
        inet_ntop(four ? AF_INET : AF_INET6, data, address, sizeof(address)) == NULL) {
        printer->failed = TRUE;
        return;
    }
    words = g_strdup_printf("snat %s to %s", four ? "ip" : "ip6", address);
    print_words(printer, words);
}

static void print_reject(Printer *printer, const struct nftnl_expr *expr)
{
    if (nftnl_expr_get_u32(expr, NFTNL_EXPR_REJECT_TYPE) != NFT_REJECT_ICMPX_UNREACH ||
        nftnl_expr_get_u8(expr, NFTNL_EXPR_REJECT_CODE) != NFT_REJECT_ICMPX_PORT_UNREACH)
        printer->failed = TRUE;
    else
        print_words(printer, "reject");
}

static int print_expression(struct nftnl_expr *expr, void *data)
{
    Printer *printer = data;
    const char *name = nftnl_expr_get_str(expr, NFTNL_EXPR_NAME);

    if (strcmp(name, "meta") == 0 || strcmp(name, "payload") == 0) {
        printer->loaded = expr;
        printer->mask = NULL;
        return 0;
    }
    if (strcmp(name, "bitwise") == 0) {
        printer->mask = expr;
        return 0;
    }
    if (strcmp(name, "cmp") == 0) {
        print_match(printer, expr);
        return 0;
    }
    print_open(printer, NULL);
    if (strcmp(name, "immediate") == 0)
        print_immediate(printer, expr);
    else if (strcmp(name, "limit") == 0)
        print_limit(printer, expr);
    else if (strcmp(name, "nat") == 0)
        print_nat(printer, expr);
    else if (strcmp(name, "masq") == 0 && !nftnl_expr_is_set(expr, NFTNL_EXPR_MASQ_REG_PROTO_MIN))
        print_words(printer, "masquerade");
    else if (strcmp(name, "reject") == 0)
        print_reject(printer, expr);
    else
        printer->failed = TRUE;
    return 0;
}

char *nft_rule_print(const struct nftnl_rule *rule)
{
    Printer printer = {.text = g_string_new(NULL)};

    nftnl_expr_foreach((struct nftnl_rule *)rule, print_expression, &printer);
    print_open(&printer, NULL);
    if (printer.failed)
        g_string_assign(printer.text, "unknown");
    return g_string_free(printer.text, FALSE);
}
