/* The one program that links liblxc, because liblxc forks, changes the umask and does not bear
 * threads (DESIGN 5). It reads one request from the socket that it was given as descriptor 3,
 * answers there and ends:
 *
 *   {"verb": "start", "name", "path", "items": [[key, value]...], "log": FILE}
 *       -> {"pid": init}
 *   {"verb": "exec"}: lxc_exec.c
 *   {"verb": "console"} and {"verb": "console_log"}: lxc_console.c
 *   {"verb": "mount"} and {"verb": "umount"}: lxc_mount.c
 *
 * A failure is {"error": TEXT}, with what liblxc logged. */
#include <stdio.h>

#include "lxc_helper.h"

int main(void)
{
    Request request = {0};
    gboolean done;

    if (!request_receive(&request)) {
        fprintf(stderr, "berth-lxc is started by berth, with a request on descriptor 3\n");
        return 64;
    }
    umask(0022);
    done = request_run(&request);
    json_decref(request.body);
    return done ? 0 : 1;
}
