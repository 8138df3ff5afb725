#include "server_cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "file.h"
#include "instance/cgroup.h"

#define REMOVE_TRIES                                                                               \
    100 /* of 5 ms: the kernel lets go of a dead process a moment after its pidfd says so */

/* The folder of one server's cgroup; NULL where there is no cgroup v2. The state directory is in
 * its name, as two may have networks of the same name. */
static char *cgroup_path(const char *dir, const char *network)
{
    static const char *const roots[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"};
    g_autofree char *name = cgroup_name(dir, "dnsmasq.", network);

    for (guint i = 0; i < G_N_ELEMENTS(roots); i++) {
        struct statfs fs;

        if (statfs(roots[i], &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC)
            return g_build_filename(roots[i], name, NULL);
    }
    return NULL;
}

void server_cgroup_enter(const char *dir, const char *network, pid_t pid)
{
    g_autofree char *path = cgroup_path(dir, network);
    g_autofree char *members = path != NULL ? g_build_filename(path, "cgroup.procs", NULL) : NULL;
    g_auto(Fd) fd = -1;

    if (path == NULL || (mkdir(path, 0755) < 0 && errno != EEXIST))
        return;
    fd = open(members, O_WRONLY | O_CLOEXEC);
    /* Not being let in is no reason to go without DHCP. */
    if (fd < 0 || dprintf(fd, "%d", (int)pid) < 0)
        rmdir(path);
}

void server_cgroup_remove(const char *dir, const char *network)
{
    g_autofree char *path = cgroup_path(dir, network);

    for (int i = 0; path != NULL && i < REMOVE_TRIES; i++) {
        if (rmdir(path) == 0 || errno != EBUSY)
            return;
        g_usleep(5000);
    }
}
