#include "doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/mount.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/sockios.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Runs `probe` in a child, so that namespaces it enters go with it; its result is an errno. */
static int in_child(int (*probe)(void))
{
    int status = 0;
    pid_t pid = fork();

    if (pid < 0)
        return errno;
    if (pid == 0)
        _exit(probe() & 0xff);
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return errno;
    return WIFEXITED(status) ? WEXITSTATUS(status) : EINTR;
}

static int make_bridge(void)
{
    int fd;

    if (unshare(CLONE_NEWNET) < 0)
        return errno;
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return errno;
    return ioctl(fd, SIOCBRADDBR, "probe0") < 0 ? errno : 0;
}

int probe_bridge(void)
{
    return in_child(make_bridge);
}

/* Asks for the generation of the rule set: the smallest request there is. */
static int ask_nftables(void)
{
    char buffer[1024] = {0};
    struct mnl_socket *socket;
    struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
    struct nfgenmsg *message;
    ssize_t length;
    int result = 0;

    header->nlmsg_type = (NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_GETGEN;
    header->nlmsg_flags = NLM_F_REQUEST;
    message = mnl_nlmsg_put_extra_header(header, sizeof(*message));
    message->nfgen_family = AF_UNSPEC;
    message->version = NFNETLINK_V0;

    socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
    if (socket == NULL)
        return errno;
    if (mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0 ||
        mnl_socket_sendto(socket, header, header->nlmsg_len) < 0 ||
        (length = mnl_socket_recvfrom(socket, buffer, sizeof(buffer))) < 0) {
        result = errno;
    } else if (mnl_nlmsg_ok((struct nlmsghdr *)buffer, (int)length) &&
               header->nlmsg_type == NLMSG_ERROR) {
        const struct nlmsgerr *error = mnl_nlmsg_get_payload(header);

        result = -error->error;
    }
    mnl_socket_close(socket);
    return result;
}

int probe_nftables(void)
{
    return ask_nftables();
}

static gboolean write_text(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    gboolean ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

    if (fd >= 0)
        close(fd);
    return ok;
}

/* A file descriptor of a user namespace that maps 65536 ids from 100000 on, or -1 with errno. The
 * namespace lives as long as the fd. */
static int user_namespace(void)
{
    int ready[2], fd = -1, saved = EPERM;
    pid_t pid;

    if (pipe2(ready, O_CLOEXEC) < 0)
        return -1;
    pid = fork();
    if (pid == 0) {
        int status = 0;

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (unshare(CLONE_NEWUSER) < 0)
            status = errno;
        if (write(ready[1], &status, sizeof(status)) == (ssize_t)sizeof(status) && status == 0)
            pause();
        _exit(0);
    }
    close(ready[1]);
    if (pid > 0) {
        int status = EIO;
        g_autofree char *uids = g_strdup_printf("/proc/%d/uid_map", pid);
        g_autofree char *gids = g_strdup_printf("/proc/%d/gid_map", pid);
        g_autofree char *namespace = g_strdup_printf("/proc/%d/ns/user", pid);

        if (read(ready[0], &status, sizeof(status)) != (ssize_t)sizeof(status))
            status = EIO;
        if (status == 0 && write_text(uids, "0 100000 65536") && write_text(gids, "0 100000 65536"))
            fd = open(namespace, O_RDONLY | O_CLOEXEC);
        saved = status != 0 ? status : errno;
        kill(pid, SIGKILL);
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    close(ready[0]);
    errno = saved;
    return fd;
}

int probe_user_namespace(void)
{
    int fd = user_namespace();

    if (fd < 0)
        return errno;
    close(fd);
    return 0;
}

int probe_idmapped_mount(const char *path)
{
    struct mount_attr attributes = {.attr_set = MOUNT_ATTR_IDMAP};
    int namespace = user_namespace();
    int tree, result = 0;

    if (namespace < 0)
        return errno;
    tree = (int)syscall(SYS_open_tree, AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    if (tree < 0) {
        result = errno;
    } else {
        attributes.userns_fd = (__u64) namespace;
        if (syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH, &attributes, sizeof(attributes)) <
            0)
            result = errno;
        close(tree);
    }
    close(namespace);
    return result;
}
