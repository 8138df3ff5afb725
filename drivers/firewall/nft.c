#include "nft.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libnftnl/common.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "error.h"
#include "nft_chain.h"
#include "nft_rule.h"
#include "text.h"

static gboolean refuse_foreign(GError **error, const char *table, const char *name)
{
    return error_set(error, ERR_EXISTS,
                     "firewall chain %s of table %s %s exists and was not made for this object: "
                     "remove it, or use "
                     "another name",
                     name, table, NFT_TABLE);
}

json_t *nft_chains(const char *table, const char *const *names, const char *mark, GError **error)
{
    g_autoptr(json_t) found = json_object();
    g_autoptr(Socket) sock = nft_open(error);

    if (sock == NULL)
        return NULL;
    for (; *names != NULL; names++) {
        g_auto(ChainState) state = {0};
        int code = EINTR;

        for (int i = 0; i < NFT_TRIES && code == EINTR; i++)
            code = nft_read_chain(sock, table, *names, mark, &state);
        if (code != 0) {
            error_errno(error, code, "read the firewall chain %s of table %s %s", *names, table,
                        NFT_TABLE);
            return NULL;
        }
        if (state.exists && !state.ours) {
            refuse_foreign(error, table, *names);
            return NULL;
        }
        if (state.exists)
            json_object_set(found, *names, state.lines);
    }
    return g_steal_pointer(&found);
}

static int name_chain(const struct nlmsghdr *header, void *data)
{
    GPtrArray *names = data;
    g_autoptr(Chain) chain = nftnl_chain_alloc();

    if (nftnl_chain_nlmsg_parse(header, chain) == 0)
        g_ptr_array_add(names,
                        g_strdup_printf("%u %s %s", nftnl_chain_get_u32(chain, NFTNL_CHAIN_FAMILY),
                                        nftnl_chain_get_str(chain, NFTNL_CHAIN_TABLE),
                                        nftnl_chain_get_str(chain, NFTNL_CHAIN_NAME)));
    return MNL_CB_OK;
}

json_t *nft_all_chains(GError **error)
{
    g_autoptr(Socket) sock = nft_open(error);
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    json_t *list;
    int code = EINTR;

    if (sock == NULL)
        return NULL;
    for (int i = 0; i < NFT_TRIES && code == EINTR; i++) {
        char buffer[256];
        struct nlmsghdr *request =
            nftnl_nlmsg_build_hdr(buffer, NFT_MSG_GETCHAIN, NFPROTO_UNSPEC, NLM_F_DUMP, 3);

        g_ptr_array_set_size(names, 0);
        code = nft_query(sock, request, name_chain, names);
    }
    if (code != 0) {
        error_errno(error, code, "read the firewall's chains");
        return NULL;
    }
    g_ptr_array_sort(names, text_compare);
    list = json_array();
    for (guint i = 0; i < names->len; i++)
        json_array_append_new(list, json_string(names->pdata[i]));
    return list;
}

/* Messages of one batch, each built in `scratch` and then appended. */
typedef struct {
    GByteArray *bytes;
    char *scratch;
    guint32 family;
    guint32 sequence;
    guint changes;
    const char *mark;
} Batch;

static struct nlmsghdr *batch_message(Batch *batch, guint16 type, guint16 flags)
{
    batch->changes++;
    return nftnl_nlmsg_build_hdr(batch->scratch, type, (uint16_t)batch->family,
                                 (uint16_t)(flags | NLM_F_ACK), ++batch->sequence);
}

static void batch_append(Batch *batch, const struct nlmsghdr *header)
{
    g_byte_array_append(batch->bytes, (const guint8 *)header, header->nlmsg_len);
}

static void batch_table(Batch *batch, guint16 type, guint16 flags)
{
    g_autoptr(Table) table = nftnl_table_alloc();
    struct nlmsghdr *header = batch_message(batch, type, flags);

    nftnl_table_set_str(table, NFTNL_TABLE_NAME, NFT_TABLE);
    nftnl_table_nlmsg_build_payload(header, table);
    batch_append(batch, header);
}

static gboolean batch_chain(Batch *batch, guint16 type, const char *name, const char *hook,
                            GError **error)
{
    g_autoptr(Chain) chain = nftnl_chain_alloc();
    struct nlmsghdr *header;

    nftnl_chain_set_str(chain, NFTNL_CHAIN_TABLE, NFT_TABLE);
    nftnl_chain_set_str(chain, NFTNL_CHAIN_NAME, name);
    if (hook != NULL) {
        struct nftnl_udata_buf *comment = nft_make_comment(NFTNL_UDATA_CHAIN_COMMENT, batch->mark);

        nftnl_chain_set_data(chain, NFTNL_CHAIN_USERDATA, nftnl_udata_buf_data(comment),
                             nftnl_udata_buf_len(comment));
        nftnl_udata_buf_free(comment);
        if (!nft_parse_hook(chain, hook, error))
            return FALSE;
    }
    header = batch_message(batch, type, type == NFT_MSG_NEWCHAIN ? NLM_F_CREATE | NLM_F_EXCL : 0);
    nftnl_chain_nlmsg_build_payload(header, chain);
    batch_append(batch, header);
    return TRUE;
}

static void batch_delete_rule(Batch *batch, const char *chain, guint64 handle)
{
    g_autoptr(Rule) rule = nftnl_rule_alloc();
    struct nlmsghdr *header = batch_message(batch, NFT_MSG_DELRULE, 0);

    nftnl_rule_set_str(rule, NFTNL_RULE_TABLE, NFT_TABLE);
    nftnl_rule_set_str(rule, NFTNL_RULE_CHAIN, chain);
    nftnl_rule_set_u64(rule, NFTNL_RULE_HANDLE, handle);
    nftnl_rule_nlmsg_build_payload(header, rule);
    batch_append(batch, header);
}

static gboolean batch_add_rule(Batch *batch, const char *chain, const char *text, GError **error)
{
    g_autoptr(Rule) rule = nftnl_rule_alloc();
    struct nftnl_udata_buf *comment;
    struct nlmsghdr *header;

    if (!nft_rule_compile(rule, text, error))
        return FALSE;
    nftnl_rule_set_str(rule, NFTNL_RULE_TABLE, NFT_TABLE);
    nftnl_rule_set_str(rule, NFTNL_RULE_CHAIN, chain);
    comment = nft_make_comment(NFTNL_UDATA_RULE_COMMENT, batch->mark);
    nftnl_rule_set_data(rule, NFTNL_RULE_USERDATA, nftnl_udata_buf_data(comment),
                        nftnl_udata_buf_len(comment));
    nftnl_udata_buf_free(comment);
    header = batch_message(batch, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
    nftnl_rule_nlmsg_build_payload(header, rule);
    batch_append(batch, header);
    return TRUE;
}

/* What turns `state` into `lines` (NULL: gone). */
static gboolean batch_change(Batch *batch, const char *name, const ChainState *state,
                             const json_t *lines, GError **error)
{
    gboolean there = state->exists;

    if (lines == NULL || json_is_null(lines)) {
        if (there)
            return batch_chain(batch, NFT_MSG_DELCHAIN, name, NULL, error);
        return TRUE;
    }
    if (there && json_equal(state->lines, lines))
        return TRUE;
    if (there) {
        for (guint i = 0; i < state->handles->len; i++)
            batch_delete_rule(batch, name, g_array_index(state->handles, guint64, i));
        if (!json_equal(json_array_get(state->lines, 0), json_array_get(lines, 0))) {
            /* A hook cannot be moved. */
            if (!batch_chain(batch, NFT_MSG_DELCHAIN, name, NULL, error))
                return FALSE;
            there = FALSE;
        }
    }
    if (!there) {
        batch_table(batch, NFT_MSG_NEWTABLE, NLM_F_CREATE);
        if (!batch_chain(batch, NFT_MSG_NEWCHAIN, name, json_string_value(json_array_get(lines, 0)),
                         error))
            return FALSE;
    }
    for (size_t i = 1; i < json_array_size(lines); i++) {
        if (!batch_add_rule(batch, name, json_string_value(json_array_get(lines, i)), error))
            return FALSE;
    }
    return TRUE;
}

typedef struct {
    const json_t *chains; /* those that the batch decides about */
    guint others;
} Counting;

static int count_other(const struct nlmsghdr *header, void *data)
{
    Counting *counting = data;
    g_autoptr(Chain) chain = nftnl_chain_alloc();

    if (nftnl_chain_nlmsg_parse(header, chain) == 0 &&
        g_strcmp0(nftnl_chain_get_str(chain, NFTNL_CHAIN_TABLE), NFT_TABLE) == 0 &&
        json_object_get(counting->chains, nftnl_chain_get_str(chain, NFTNL_CHAIN_NAME)) == NULL)
        counting->others++;
    return MNL_CB_OK;
}

/* Whether nothing is left in the table once `chains` are as they should be; 0 or an errno. */
static int table_is_left(Socket *sock, guint32 family, const json_t *chains, gboolean *ret_left)
{
    char buffer[256];
    Counting counting = {.chains = chains};
    struct nlmsghdr *request =
        nftnl_nlmsg_build_hdr(buffer, NFT_MSG_GETCHAIN, (uint16_t)family, NLM_F_DUMP, 3);
    const char *name;
    json_t *lines;
    int code = nft_query(sock, request, count_other, &counting);

    json_object_foreach ((json_t *)chains, name, lines)
        counting.others += json_is_array(lines) ? 1 : 0;
    *ret_left = counting.others > 0;
    return code;
}

/* Sends a batch that the kernel takes only if nothing changed since `generation`; 0 or an errno
 * (ERESTART: it did). */
static int send_batch(Socket *sock, const Batch *batch, guint32 generation)
{
    g_autoptr(GByteArray) all = g_byte_array_new();
    g_autofree char *buffer = g_malloc(NFT_MESSAGE_MAX);
    char scratch[256];
    struct nlmsghdr *header = nftnl_batch_begin(scratch, 0);
    guint port = mnl_socket_get_portid(sock);
    int room;
    guint answers = 0;

    mnl_attr_put_u32(header, NFNL_BATCH_GENID, htonl(generation));
    g_byte_array_append(all, (const guint8 *)header, header->nlmsg_len);
    g_byte_array_append(all, batch->bytes->data, batch->bytes->len);
    header = nftnl_batch_end(scratch, batch->sequence + 1);
    g_byte_array_append(all, (const guint8 *)header, header->nlmsg_len);
    /* The kernel takes a batch in one piece and answers each of its messages. */
    room = (int)MAX(all->len * 2, 1u << 20);
    setsockopt(mnl_socket_get_fd(sock), SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room));
    setsockopt(mnl_socket_get_fd(sock), SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
    if (mnl_socket_sendto(sock, all->data, all->len) < 0)
        return errno;
    while (answers < batch->changes) {
        ssize_t size = mnl_socket_recvfrom(sock, buffer, NFT_MESSAGE_MAX);
        int left = (int)size;

        if (size < 0)
            return errno;
        for (header = (struct nlmsghdr *)buffer; mnl_nlmsg_ok(header, left);
             header = mnl_nlmsg_next(header, &left)) {
            const struct nlmsgerr *answer = mnl_nlmsg_get_payload(header);

            if (header->nlmsg_type != NLMSG_ERROR || header->nlmsg_pid != port)
                continue;
            if (answer->error != 0)
                return -answer->error;
            answers++;
        }
    }
    return 0;
}

/* One attempt: 0, an errno (EINTR and ERESTART: try again), or -1 with `error` set. */
static int try_set(const char *table, const json_t *chains, const char *mark, GError **error)
{
    g_autoptr(Socket) sock = nft_open(error);
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    g_autofree char *scratch = g_malloc(NFT_MESSAGE_MAX);
    Batch batch = {bytes, scratch, nft_family(table), 0, 0, mark};
    gboolean removes = FALSE, kept = FALSE, left = TRUE;
    guint32 generation = 0;
    const char *name;
    json_t *lines;
    int code;

    if (sock == NULL)
        return -1;
    code = nft_generation(sock, &generation);
    if (code != 0)
        return code;
    json_object_foreach ((json_t *)chains, name, lines) {
        g_auto(ChainState) state = {0};

        code = nft_read_chain(sock, table, name, mark, &state);
        if (code != 0)
            return code;
        if (state.exists && !state.ours) {
            kept = TRUE;
            if (json_is_null(lines))
                continue;
            refuse_foreign(error, table, name);
            return -1;
        }
        removes = removes || (json_is_null(lines) && state.exists);
        if (!batch_change(&batch, name, &state, lines, error))
            return -1;
    }
    if (batch.changes == 0)
        return 0;
    if (removes && !kept)
        code = table_is_left(sock, batch.family, chains, &left);
    if (code != 0)
        return code;
    if (!left)
        batch_table(&batch, NFT_MSG_DELTABLE, 0);
    return send_batch(sock, &batch, generation);
}

gboolean nft_set_chains(const char *table, const json_t *chains, const char *mark, GError **error)
{
    static GMutex lock; /* our own threads need not disturb each other */
    int code = ERESTART;

    g_mutex_lock(&lock);
    for (int i = 0; i < NFT_TRIES && (code == ERESTART || code == EINTR); i++)
        code = try_set(table, chains, mark, error);
    g_mutex_unlock(&lock);
    if (code > 0)
        return error_errno(error, code, "change the firewall table %s %s", table, NFT_TABLE);
    return code == 0;
}
