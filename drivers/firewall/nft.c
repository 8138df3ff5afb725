#include "nft.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <libnftnl/chain.h>
#include <libnftnl/common.h>
#include <libnftnl/gen.h>
#include <libnftnl/rule.h>
#include <libnftnl/table.h>
#include <libnftnl/udata.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "error.h"
#include "nft_rule.h"

#define TABLE "berth"
/* More than the kernel sends in one piece, and than any message of ours. */
#define MESSAGE_MAX 32768u
#define TRIES 20 /* how often a batch is computed anew because somebody else changed the rules */

typedef struct nftnl_chain Chain;
typedef struct nftnl_rule Rule;
typedef struct nftnl_table Table;
typedef struct mnl_socket Socket;

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Chain, nftnl_chain_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Rule, nftnl_rule_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Table, nftnl_table_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Socket, mnl_socket_close)

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

static guint32 family_of(const char *table)
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

static gboolean parse_hook(Chain *chain, const char *line, GError **error)
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

static struct nftnl_udata_buf *make_comment(guint8 type, const char *mark)
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

/* --- reading --- */

/* What is there of one chain. */
typedef struct {
    gboolean exists, ours;
    json_t *lines;   /* header and rules */
    GArray *handles; /* of guint64, of its rules */
} ChainState;

static void chain_state_clear(ChainState *state)
{
    g_clear_pointer(&state->lines, json_decref);
    g_clear_pointer(&state->handles, g_array_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ChainState, chain_state_clear)

static Socket *open_socket(GError **error)
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
static int query(Socket *sock, struct nlmsghdr *request, mnl_cb_t each, void *data)
{
    g_autofree char *buffer = g_malloc(MESSAGE_MAX);
    guint port = mnl_socket_get_portid(sock);
    int code = 1;

    if (mnl_socket_sendto(sock, request, request->nlmsg_len) < 0)
        return errno;
    while (code > 0) {
        ssize_t size = mnl_socket_recvfrom(sock, buffer, MESSAGE_MAX);

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

static int generation_of(Socket *sock, guint32 *ret)
{
    char buffer[256];
    struct nlmsghdr *request =
        nftnl_nlmsg_build_hdr(buffer, NFT_MSG_GETGEN, AF_UNSPEC, NLM_F_ACK, 1);

    return query(sock, request, read_generation, ret);
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
static int read_state(Socket *sock, const char *table, const char *name, const char *mark,
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
        nftnl_nlmsg_build_hdr(buffer, NFT_MSG_GETCHAIN, (uint16_t)family_of(table), NLM_F_ACK, 1);
    nftnl_chain_set_str(chain, NFTNL_CHAIN_TABLE, TABLE);
    nftnl_chain_set_str(chain, NFTNL_CHAIN_NAME, name);
    nftnl_chain_nlmsg_build_payload(request, chain);
    code = query(sock, request, read_chain, &reading);
    if (code == ENOENT)
        return 0;
    if (code != 0 || !ret->ours)
        return code;
    request =
        nftnl_nlmsg_build_hdr(buffer, NFT_MSG_GETRULE, (uint16_t)family_of(table), NLM_F_DUMP, 2);
    nftnl_rule_set_str(rule, NFTNL_RULE_TABLE, TABLE);
    nftnl_rule_set_str(rule, NFTNL_RULE_CHAIN, name);
    nftnl_rule_nlmsg_build_payload(request, rule);
    code = query(sock, request, read_rule, &reading);
    /* Gone since the chain was read: the next look will say so. */
    return code == ENOENT ? EINTR : code;
}

static gboolean refuse_foreign(GError **error, const char *table, const char *name)
{
    return error_set(error, ERR_EXISTS,
                     "firewall chain %s of table %s %s exists and was not made for this object: "
                     "remove it, or use "
                     "another name",
                     name, table, TABLE);
}

json_t *nft_chains(const char *table, const char *const *names, const char *mark, GError **error)
{
    g_autoptr(json_t) found = json_object();
    g_autoptr(Socket) sock = open_socket(error);

    if (sock == NULL)
        return NULL;
    for (; *names != NULL; names++) {
        g_auto(ChainState) state = {0};
        int code = EINTR;

        for (int i = 0; i < TRIES && code == EINTR; i++)
            code = read_state(sock, table, *names, mark, &state);
        if (code != 0) {
            error_errno(error, code, "read the firewall chain %s of table %s %s", *names, table,
                        TABLE);
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

/* --- writing --- */

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

    nftnl_table_set_str(table, NFTNL_TABLE_NAME, TABLE);
    nftnl_table_nlmsg_build_payload(header, table);
    batch_append(batch, header);
}

static gboolean batch_chain(Batch *batch, guint16 type, const char *name, const char *hook,
                            GError **error)
{
    g_autoptr(Chain) chain = nftnl_chain_alloc();
    struct nlmsghdr *header;

    nftnl_chain_set_str(chain, NFTNL_CHAIN_TABLE, TABLE);
    nftnl_chain_set_str(chain, NFTNL_CHAIN_NAME, name);
    if (hook != NULL) {
        struct nftnl_udata_buf *comment = make_comment(NFTNL_UDATA_CHAIN_COMMENT, batch->mark);

        nftnl_chain_set_data(chain, NFTNL_CHAIN_USERDATA, nftnl_udata_buf_data(comment),
                             nftnl_udata_buf_len(comment));
        nftnl_udata_buf_free(comment);
        if (!parse_hook(chain, hook, error))
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

    nftnl_rule_set_str(rule, NFTNL_RULE_TABLE, TABLE);
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
    nftnl_rule_set_str(rule, NFTNL_RULE_TABLE, TABLE);
    nftnl_rule_set_str(rule, NFTNL_RULE_CHAIN, chain);
    comment = make_comment(NFTNL_UDATA_RULE_COMMENT, batch->mark);
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
        g_strcmp0(nftnl_chain_get_str(chain, NFTNL_CHAIN_TABLE), TABLE) == 0 &&
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
    int code = query(sock, request, count_other, &counting);

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
    g_autofree char *buffer = g_malloc(MESSAGE_MAX);
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
        ssize_t size = mnl_socket_recvfrom(sock, buffer, MESSAGE_MAX);
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
    g_autoptr(Socket) sock = open_socket(error);
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    g_autofree char *scratch = g_malloc(MESSAGE_MAX);
    Batch batch = {bytes, scratch, family_of(table), 0, 0, mark};
    gboolean removes = FALSE, kept = FALSE, left = TRUE;
    guint32 generation = 0;
    const char *name;
    json_t *lines;
    int code;

    if (sock == NULL)
        return -1;
    code = generation_of(sock, &generation);
    if (code != 0)
        return code;
    json_object_foreach ((json_t *)chains, name, lines) {
        g_auto(ChainState) state = {0};

        code = read_state(sock, table, name, mark, &state);
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
    for (int i = 0; i < TRIES && (code == ERESTART || code == EINTR); i++)
        code = try_set(table, chains, mark, error);
    g_mutex_unlock(&lock);
    if (code > 0)
        return error_errno(error, code, "change the firewall table %s %s", table, TABLE);
    return code == 0;
}
