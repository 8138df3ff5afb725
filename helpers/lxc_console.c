/* /dev/console of a running container (RT-08).
 *
 *   {"verb": "console", "name", "path"}     -> {} with the terminal, and the descriptor that keeps
 * it ours as long as it is open
 *   {"verb": "console_log", "name", "path", "clear": bool}     -> {} with a file of what the ring
 * buffer holds; with "clear" it is emptied instead, and nothing comes
 *
 * The buffer is the monitor's; it answers between two reads of the console, so that what comes is
 * of one moment. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include <lxc/lxccontainer.h>

#include "file.h"
#include "lxc_helper.h"

gboolean verb_console(const Request *request)
{
    struct lxc_container *container = request_container(request);
    int number = 0; /* /dev/console itself */
    int terminal = -1;
    int fds[2];

    if (container == NULL)
        return FALSE;
    fds[1] = container->console_getfd(container, &number, &terminal);
    fds[0] = terminal;
    lxc_container_put(container);
    if (fds[1] < 0)
        return answer_error(request, "the console is not to be had: somebody else is attached, or "
                                     "the instance has stopped");
    answer_send_fds(json_object(), fds, 2);
    return TRUE;
}

/* What a descriptor can carry: a message is too small. */
static gboolean send_text(const Request *request, const char *text, gsize length)
{
    g_auto(Fd) fd = memfd_create("console", MFD_CLOEXEC);

    if (fd < 0 || (length > 0 && write(fd, text, length) != (ssize_t)length) ||
        lseek(fd, 0, SEEK_SET) != 0)
        return answer_error(request, "keep the console's text: %s", g_strerror(errno));
    answer_send_fds(json_object(), &fd, 1);
    return TRUE;
}

gboolean verb_console_log(const Request *request)
{
    struct lxc_container *container = request_container(request);
    gboolean clear = json_is_true(json_object_get(request->body, "clear"));
    guint64 most = 0; /* all */
    struct lxc_console_log log = {.clear = clear, .read = !clear, .read_max = &most};
    gboolean sent;
    int code;

    if (container == NULL)
        return FALSE;
    code = container->console_log(container, &log);
    lxc_container_put(container);
    if (code != 0 && code != -ENODATA)
        return answer_error(request, "the console's log: %s", g_strerror(-code));
    if (clear) {
        answer_send(json_object());
        return TRUE;
    }
    sent = send_text(request, log.data, code == 0 ? (gsize)most : 0);
    if (code == 0)
        free(log.data);
    return sent;
}
