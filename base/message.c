#include "message.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

gboolean message_send(int socket, const json_t *body, const int *fds, guint n_fds)
{
    g_autofree char *text = json_text(body);
    struct iovec part = {text, strlen(text)};
    char control[CMSG_SPACE(sizeof(int) * MESSAGE_FDS_MAX)] = {0};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    gboolean sent;

    g_return_val_if_fail(n_fds <= MESSAGE_FDS_MAX, FALSE);
    if (part.iov_len > MESSAGE_MAX) {
        errno = EMSGSIZE;
        return FALSE;
    }
    if (n_fds > 0) {
        struct cmsghdr *header;

        message.msg_control = control;
        message.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
        header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
        memcpy(CMSG_DATA(header), fds, sizeof(int) * n_fds);
    }
    sent = sendmsg(socket, &message, MSG_NOSIGNAL) >= 0;
    explicit_bzero(text, part.iov_len); /* requests to start a container hold secrets */
    return sent;
}

json_t *message_receive(int socket, int ret_fds[MESSAGE_FDS_MAX])
{
    g_autofree char *buffer = g_malloc(MESSAGE_MAX);
    char control[CMSG_SPACE(sizeof(int) * MESSAGE_FDS_MAX)];
    struct iovec part = {buffer, MESSAGE_MAX};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof control};
    struct cmsghdr *header;
    json_t *body;
    ssize_t length;
    guint reset = 0;

    for (guint i = 0; i < MESSAGE_FDS_MAX; i++)
        ret_fds[i] = -1;
    /* Who ended with a message of ours unread leaves ECONNRESET in front of its last word. */
    do
        length = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    while (length < 0 && (errno == EINTR || (errno == ECONNRESET && !reset++)));
    if (length <= 0) {
        errno = length == 0 ? 0 : errno;
        return NULL;
    }
    /* The kernel closes what does not fit. */
    header = CMSG_FIRSTHDR(&message);
    if (header != NULL && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS)
        memcpy(ret_fds, CMSG_DATA(header), header->cmsg_len - CMSG_LEN(0));
    body = json_loadb(buffer, (size_t)length, JSON_ALLOW_NUL, NULL);
    explicit_bzero(buffer, (size_t)length);
    if (body == NULL) {
        for (guint i = 0; i < MESSAGE_FDS_MAX; i++) {
            if (ret_fds[i] >= 0)
                close(ret_fds[i]);
            ret_fds[i] = -1;
        }
        errno = EBADMSG;
    }
    return body;
}
