#include "nft_rule.h"

#include <arpa/inet.h>
#include <libnftnl/expr.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <net/if.h>
#include <string.h>

#include "error.h"
#include "nft_field.h"

/* A value to compare with; the mask is all ones unless it is a network. */
typedef struct {
    guint8 data[16], mask[16];
    guint32 length;
    gboolean masked;
} Value;

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

/* Statements of one word; FALSE when it is none. */
static gboolean add_simple(struct nftnl_rule *rule, const char *word)
{
    for (const Verdict *verdict = NFT_VERDICTS; verdict->word != NULL; verdict++) {
        if (strcmp(word, verdict->word) == 0) {
            add_verdict(rule, verdict->verdict);
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

    for (const Field *field = NFT_FIELDS; field->name != NULL; field++) {
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
