/* A berth-lxc that is started ahead of the request to it (instance/lxc.h). */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "file.h"
#include "instance/lxc.h"

/* The one child of this thread, or 0. */
static pid_t child(void)
{
    g_autofree char *path = g_strdup_printf("/proc/self/task/%d/children", gettid());
    g_autofree char *text = NULL;

    cr_assert(g_file_get_contents(path, &text, NULL, NULL));
    return (pid_t)atoi(text);
}

static pid_t ask(int lock)
{
    g_autoptr(json_t) request = json_pack("{ss}", "verb", "nothing");
    g_autoptr(json_t) answer = NULL;
    g_autoptr(GError) error = NULL;
    LxcCall call = {0};
    pid_t pid;

    cr_assert(lxc_call_begin(&call, request, NULL, 0, lock, &error), "%s", error->message);
    pid = call.pid;
    answer = lxc_call_receive(&call, 30000, NULL, &error);
    cr_assert_null(answer);
    cr_assert_str_eq(error->message, "berth-lxc does not know the verb nothing");
    lxc_call_end(&call);
    return pid;
}

Test(ahead, answers_the_next_request)
{
    pid_t early;

    lxc_ahead(TRUE);
    early = child();
    cr_assert_gt(early, 0);
    lxc_ahead(TRUE);
    cr_assert_eq(child(), early, "there is one at most");
    cr_assert_eq(ask(-1), early);
    cr_assert_eq(child(), 0);
    cr_assert_neq(ask(-1), early);
}

Test(ahead, is_not_needed)
{
    lxc_ahead(TRUE);
    cr_assert_gt(child(), 0);
    lxc_ahead(FALSE);
    cr_assert_eq(child(), 0);
    lxc_ahead(FALSE);
}

Test(ahead, one_that_died_harms_nobody)
{
    pid_t early;

    lxc_ahead(TRUE);
    early = child();
    kill(early, SIGKILL);
    g_usleep(50000);
    cr_assert_neq(ask(-1), early);
    cr_assert_eq(child(), 0);
}

/* Whoever asked may die: what the helper works on stays locked. */
Test(ahead, holds_the_lock)
{
    g_autofree char *path = NULL;
    g_auto(Fd) lock = g_file_open_tmp("berth-lock-XXXXXX", &path, NULL);
    g_auto(Fd) other = open(path, O_RDWR | O_CLOEXEC);
    g_autoptr(json_t) request = json_pack("{ss}", "verb", "nothing");
    LxcCall call = {0};

    cr_assert_eq(flock(lock, LOCK_EX), 0);
    lxc_ahead(TRUE);
    kill(child(), SIGSTOP);
    cr_assert(lxc_call_begin(&call, request, NULL, 0, lock, NULL));
    fd_close(fd_steal(&lock));
    cr_assert_eq(flock(other, LOCK_EX | LOCK_NB), -1);
    lxc_call_end(&call);
    cr_assert_eq(flock(other, LOCK_EX | LOCK_NB), 0);
    unlink(path);
}
