#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>

/* liblxc tells its hooks that a container has ended, but not how. Its monitor is a fork of this
 * process and reaps init through this waitpid, which stands before the C library's; the hooks that
 * it starts then find "BERTH_ENDED_PID=STATUS" in their environment (instance/ended.h). */
pid_t waitpid(pid_t pid, int *ret_status, int options)
{
    int status = 0;
    pid_t ended = wait4(pid, &status, options, NULL);
    char name[48], value[16];

    if (ended > 0 && (WIFEXITED(status) || WIFSIGNALED(status))) {
        snprintf(name, sizeof name, "BERTH_ENDED_%d", (int)ended);
        snprintf(value, sizeof value, "%d", status);
        setenv(name, value, 1);
    }
    if (ret_status != NULL)
        *ret_status = status;
    return ended;
}
