/* Inside berth-files: one request, its answer, and paths that stay inside. */
#pragma once

#include <sys/stat.h>

#include "message.h"

typedef struct {
    json_t *body;
    int fds[MESSAGE_FDS_MAX]; /* the door; then content, or -1 */
    int reopen;               /* directory of our own descriptors, from the host's /proc */
    int root;                 /* the instance's */
    const char *path;         /* absolute */
} Request;

gboolean request_receive(Request *request);

/* After entering. */
gboolean request_open_root(Request *request, GError **error);

/* Sends the answer; `answer` is stolen. With a descriptor unless it is -1. */
void request_answer(json_t *answer, int fd);
void request_answer_error(const GError *error);

/* The file systems of an instance may be its own programs (FUSE): whoever makes us wait for longer
 * ends us. Started again before each piece of work inside, stopped while we wait for our asker. */
void request_alarm(void);
void request_alarm_stop(void);

/* openat2 within the root: absolute links and ".." stay inside, links of /proc lead nowhere. -1
 * with errno. */
int request_open(const Request *request, const char *path, int flags, mode_t mode);

/* The folder that holds the path's last part, and that part; -1 with an error, also when there is
 * no last part. `ret_name` is newly allocated. */
int request_open_parent(const Request *request, const char *path, char **ret_name, GError **error);

/* Opens what an O_PATH descriptor stands for: exactly the file that was looked at, whatever has the
 * name by now. -1 with errno. */
int request_reopen(const Request *request, int fd, int flags);

/* An error of the path, with the ErrorCode that errno means. Always FALSE. */
gboolean request_fail(const Request *request, int number, const char *what, GError **error);

gboolean files_head(const Request *request, GError **error);
gboolean files_get(const Request *request, GError **error);
gboolean files_put(const Request *request, GError **error);
gboolean files_mkdir(const Request *request, GError **error);
gboolean files_symlink(const Request *request, GError **error);
gboolean files_delete(const Request *request, GError **error);
