/* Inside berth-lxc: one request, and the verbs that answer it. */
#pragma once

#include <sys/stat.h>

#include "message.h"

struct lxc_container;

typedef struct {
    json_t *body;
    int fds[MESSAGE_FDS_MAX]; /* -1: none; the last may be a lock, which is ours to hold */
} Request;

gboolean request_receive(Request *request);
/* Runs the verb and answers. FALSE when it failed; the answer then said why. */
gboolean request_run(Request *request);

/* Sends one answer, with descriptors. `answer` is stolen. */
void answer_send(json_t *answer);
void answer_send_fds(json_t *answer, const int *fds, guint n_fds);
/* Sends {"error": TEXT} with what liblxc logged meanwhile, if anything. Returns FALSE. */
gboolean answer_error(const Request *request, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* A container with the request's items set, or NULL after an error was answered. */
struct lxc_container *request_container(const Request *request);

/* Denies this process and all that it starts the 32-bit interfaces of an x86_64 kernel (I-156).
 * FALSE with errno. */
gboolean policy_deny_compat(void);
/* The first system call of a policy of liblxc's version 2 that libseccomp does not know; NULL when
 * there is none. liblxc itself leaves such a rule out, with no more than a line in its log. Newly
 * allocated. */
char *policy_unknown_call(const char *path);

gboolean verb_start(const Request *request);
gboolean verb_exec(const Request *request);
gboolean verb_mount(const Request *request);
gboolean verb_umount(const Request *request);
gboolean verb_console(const Request *request);
gboolean verb_console_log(const Request *request);
