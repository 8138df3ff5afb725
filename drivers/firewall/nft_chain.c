#include "nft_chain.h"

#include <errno.h>
#include <libnftnl/common.h>
#include <libnftnl/gen.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>

#include "error.h"
#include "nft_rule.h"

/* --- hooks --- */

static const struct {
    const char *name;
    guint32 number;
    gboolean device; /* netdev */
} HOOKS[] = {
    {"prerouting", NF_INET_PRE_ROUTING, FALSE},   {"input", NF_INET_LOCAL_IN, FALSE},
    {"forward", NF_INET_FORWARD, FALSE},          {"output", NF_INET_LOCAL_OUT, FALSE},
    {"postrouting", NF_INET_POST_ROUTING, FALSE}, {"ingress", NF_NETDEV_INGRESS, TRUE},
};

guint32 nft_family(const char *table)
{
    return strcmp(table, "bridge") == 0   ? NFPROTO_BRIDGE
           : strcmp(table, "netdev") == 0 ? NFPROTO_NETDEV
                                          : NFPROTO_INET;
}

/* The header line of a chain. */
static char *print_hook(const Chain *chain, const char *table)
{
    const char *const *devices = nftnl_chain_get_data(chain, NFTNL_CHAIN_DEVICES, &(uint32_t){0});
    const char *device = nftnl_chain_get_str(chain, NFTNL_CHAIN_DEV);
    const char *hook = "unknown";
    g_autofree char *where = NULL;

    if (!nftnl_chain_is_set(chain, NFTNL_CHAIN_HOOKNUM))
        return g_strdup("no hook");
    for (guint i = 0; i < G_N_ELEMENTS(HOOKS); i++) {
        if (HOOKS[i].device == (strcmp(table, "netdev") == 0) &&
            HOOKS[i].number == nftnl_chain_get_u32(chain, NFTNL_CHAIN_HOOKNUM))
            hook = HOOKS[i].name;
    }
    if (device == NULL && devices != NULL)
        device = devices[0];
    where = device != NULL ? g_strdup_printf(" device \"%s\"", device) : g_strdup("");
    return g_strdup_printf(
        "type %s hook %s%s priority %d policy %s", nftnl_chain_get_str(chain, NFTNL_CHAIN_TYPE),
        hook, where, nftnl_chain_get_s32(chain, NFTNL_CHAIN_PRIO),
        nftnl_chain_get_u32(chain, NFTNL_CHAIN_POLICY) == NF_ACCEPT ? "accept" : "drop");
}

gboolean nft_parse_hook(Chain *chain, const char *line, GError **error)
{
    g_auto(GStrv) words = g_strsplit(line, " ", -1);
    gboolean device =
        g_strv_length(words) == 10 && strcmp(words[4], "device") == 0 && strlen(words[5]) > 2;
    char **rest = words + (device ? 6 : 4);
    gint64 priority;

    if ((device || g_strv_length(words) == 8) && strcmp(words[0], "type") == 0 &&
        strcmp(words[2], "hook") == 0 && strcmp(rest[0], "priority") == 0 &&
        g_ascii_string_to_signed(rest[1], 10, G_MININT32, G_MAXINT32, &priority, NULL) &&
        strcmp(rest[2], "policy") == 0) {
        for (guint i = 0; i < G_N_ELEMENTS(HOOKS); i++) {
            if (strcmp(words[3], HOOKS[i].name) != 0 || HOOKS[i].device != device)
                continue;
            nftnl_chain_set_str(chain, NFTNL_CHAIN_TYPE, words[1]);
            nftnl_chain_set_u32(chain, NFTNL_CHAIN_HOOKNUM, HOOKS[i].number);
            nftnl_chain_set_s32(chain, NFTNL_CHAIN_PRIO, (gint32)priority);
            nftnl_chain_set_u32(chain, NFTNL_CHAIN_POLICY,
                                strcmp(rest[3], "drop") == 0 ? NF_DROP : NF_ACCEPT);
            if (device) {
                words[5][strlen(words[5]) - 1] = '\0';
                nftnl_chain_set_str(chain, NFTNL_CHAIN_DEV, words[5] + 1);
            }
            return TRUE;
        }
    }
    return error_set(error, ERR_INVALID, "firewall chain: cannot read its hook \"%s\"", line);
}

/* --- marks: nft shows them as comments --- */

struct nftnl_udata_buf *nft_make_comment(guint8 type, const char *mark)
{
    struct nftnl_udata_buf *buffer = nftnl_udata_buf_alloc(NFT_USERDATA_MAXLEN);

    nftnl_udata_put_strz(buffer, type, mark);
    return buffer;
}

/* User data is a list of {type, length, bytes}. */
static gboolean has_comment(const void *data, guint32 length, guint8 type, const char *mark)
{
    const guint8 *at = data;

    while (at != NULL && length >= 2 && length - 2 >= at[1]) {
        if (at[0] == type)
            return at[1] == strlen(mark) + 1 && memcmp(at + 2, mark, at[1]) == 0;
        length -= 2u + at[1];
        at += 2u + at[1];
    }
    return FALSE;
}

void chain_state_clear(ChainState *state)
{
    g_clear_pointer(&state->lines, json_decref);
    g_clear_pointer(&state->handles, g_array_unref);
}

Socket *nft_open(GError **error)
{
    g_autoptr(Socket) sock = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);

    if (sock == NULL || mnl_socket_bind(sock, 0, MNL_SOCKET_AUTOPID) < 0) {
        error_errno(error, errno, "connect to the kernel's firewall");
        return NULL;
    }
    return g_steal_pointer(&sock);
}

/* Sends one request and gives each message of its answer to `each`. Returns 0 or an errno. A dump
 * that was disturbed is EINTR. */
int nft_query(Socket *sock, struct nlmsghdr *request, mnl_cb_t each, void *data)
{
    g_autofree char *buffer = g_malloc(NFT_MESSAGE_MAX);
    guint port = mnl_socket_get_portid(sock);
    int code = 1;

    if (mnl_socket_sendto(sock, request, request->nlmsg_len) < 0)
        return errno;
    while (code > 0) {
        ssize_t size = mnl_socket_recvfrom(sock, buffer, NFT_MESSAGE_MAX);

        if (size < 0)
            return errno;
        code = mnl_cb_run(buffer, (size_t)size, request->nlmsg_seq, port, each, data);
    }
    return code < 0 ? errno : 0;
}

static int read_generation(const struct nlmsghdr *header, void *data)
{
    struct nftnl_gen *generation = nftnl_gen_alloc();

    if (nftnl_gen_nlmsg_parse(header, generation) == 0)
        *(guint32 *)data = nftnl_gen_get_u32(generation, NFTNL_GEN_ID);
    nftnl_gen_free(generation);
    return MNL_CB_OK;
}

int nft_generation(Socket *sock, guint32 *ret)
{
    char buffer[256];
    struct nlmsghdr *request =
        nftnl_nlmsg_build_hdr(buffer, NFT_MSG_GETGEN, AF_UNSPEC, NLM_F_ACK, 1);

    return nft_query(sock, request, read_generation, ret);
}

typedef struct {
    ChainState *state;
    const char *table, *mark;
} Reading;

static int read_chain(const struct nlmsghdr *header, void *data)
{
    Reading *reading = data;
    g_autoptr(Chain) chain = nftnl_chain_alloc();
    g_autofree char *hook = NULL;
    const void *user;
    uint32_t length = 0;

    if (nftnl_chain_nlmsg_parse(header, chain) < 0)
        return MNL_CB_ERROR;
    user = nftnl_chain_get_data(chain, NFTNL_CHAIN_USERDATA, &length);
    hook = print_hook(chain, reading->table);
    reading->state->exists = TRUE;
    reading->state->ours = has_comment(user, length, NFTNL_UDATA_CHAIN_COMMENT, reading->mark);
    json_array_append_new(reading->state->lines, json_string(hook));
    return MNL_CB_OK;
}

static int read_rule(const struct nlmsghdr *header, void *data)
{
    Reading *reading = data;
    g_autoptr(Rule) rule = nftnl_rule_alloc();
    g_autofree char *text = NULL;
    guint64 handle;
    const void *user;
    uint32_t length = 0;

    if (nftnl_rule_nlmsg_parse(header, rule) < 0)
        return MNL_CB_ERROR;
    user = nftnl_rule_get_data(rule, NFTNL_RULE_USERDATA, &length);
    handle = nftnl_rule_get_u64(rule, NFTNL_RULE_HANDLE);
    text = nft_rule_print(rule);
    if (!has_comment(user, length, NFTNL_UDATA_RULE_COMMENT, reading->mark)) {
        g_autofree char *bare = g_steal_pointer(&text);

        text = g_strconcat(bare, " # foreign", NULL);
    }
    json_array_append_new(reading->state->lines, json_string(text));
    g_array_append_val(reading->state->handles, handle);
    return MNL_CB_OK;
}

/* Reads one chain and its rules; returns 0 or an errno. */
int nft_read_chain(Socket *sock, const char *table, const char *name, const char *mark,
                   ChainState *ret)
{
    char buffer[1024];
    Reading reading = {ret, table, mark};
    g_autoptr(Chain) chain = nftnl_chain_alloc();
    g_autoptr(Rule) rule = nftnl_rule_alloc();
    struct nlmsghdr *request;
    int code;

    chain_state_clear(ret);
    ret->exists = ret->ours = FALSE;
    ret->lines = json_array();
    ret->handles = g_array_new(FALSE, FALSE, sizeof(guint64));
    request =
        nftnl_nlmsg_build_hdr(buffer, NFT_MSG_GETCHAIN, (uint16_t)nft_family(table), NLM_F_ACK, 1);
    nftnl_chain_set_str(chain, NFTNL_CHAIN_TABLE, NFT_TABLE);
    nftnl_chain_set_str(chain, NFTNL_CHAIN_NAME, name);
    nftnl_chain_nlmsg_build_payload(request, chain);
    code = nft_query(sock, request, read_chain, &reading);
    if (code == ENOENT)
        return 0;
    if (code != 0 || !ret->ours)
        return code;
    request =
        nftnl_nlmsg_build_hdr(buffer, NFT_MSG_GETRULE, (uint16_t)nft_family(table), NLM_F_DUMP, 2);
    nftnl_rule_set_str(rule, NFTNL_RULE_TABLE, NFT_TABLE);
    nftnl_rule_set_str(rule, NFTNL_RULE_CHAIN, name);
    nftnl_rule_nlmsg_build_payload(request, rule);
    code = nft_query(sock, request, read_rule, &reading);
    /* Gone since the chain was read: the next look will say so. */
    return code == ENOENT ? EINTR : code;
}
