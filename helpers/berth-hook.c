/* The containers' post-stop hook (DESIGN 5): `berth-hook post-stop STATE NAME KEY`, run by the
 * monitor of a container that has stopped. At a reboot from inside it fails on purpose: liblxc
 * would otherwise start the container again by itself, with the config that it has in memory,
 * without what was plugged since and without newer settings. berth does it instead. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "instance/after.h"

int main(int argc, char **argv)
{
    const char *target = getenv("LXC_TARGET");
    gboolean reboot = target != NULL && strcmp(target, "reboot") == 0;
    g_autoptr(GError) error = NULL;

    if (argc != 5 || strcmp(argv[1], "post-stop") != 0) {
        fprintf(stderr, "usage: berth-hook post-stop STATE NAME KEY (liblxc runs it)\n");
        return 64;
    }
    if (!after_stop(argv[2], argv[3], argv[4], reboot, &error)) {
        fprintf(stderr, "berth-hook: %s\n", error->message);
        return 1;
    }
    return reboot ? 1 : 0;
}
