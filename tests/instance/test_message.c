/* Messages between berth and its helpers (base/message.h). */
#include <criterion/criterion.h>
#include <sys/socket.h>
#include <unistd.h>

#include "message.h"

/* The kernel reports that a message of ours was not read before what the other end said last. */
Test(message, last_word_of_who_read_nothing)
{
    g_autoptr(json_t) question = json_pack("{si}", "signal", 9);
    g_autoptr(json_t) last = json_pack("{si}", "status", 3);
    g_autoptr(json_t) answer = NULL;
    int pair[2], fds[MESSAGE_FDS_MAX];

    cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    cr_assert(message_send(pair[0], question, NULL, 0));
    cr_assert(message_send(pair[1], last, NULL, 0));
    close(pair[1]);
    answer = message_receive(pair[0], fds);
    cr_assert(json_equal(answer, last));
    cr_assert_null(message_receive(pair[0], fds));
    close(pair[0]);
}
