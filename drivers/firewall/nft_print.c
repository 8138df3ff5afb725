/* The other half of nft_rule.h: what the kernel has, as text. */
#include <stdio.h> /* libnftnl needs it */

#include <arpa/inet.h>
#include <libnftnl/expr.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <string.h>

#include "nft_field.h"
#include "nft_rule.h"

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

    for (const Field *at = NFT_FIELDS; printer->loaded != NULL && at->name != NULL && field == NULL;
         at++)
        field = field_fits(at, printer) ? at : NULL;
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
    for (const Verdict *known = NFT_VERDICTS; known->word != NULL; known++) {
        if (known->verdict == verdict) {
            print_words(printer, known->word);
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
