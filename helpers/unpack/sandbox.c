#include "unpack/sandbox.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "confine.h"
#include "error.h"
#include "file.h"
#include "unpack/memory.h"

#define NEW_ROOT "/tmp" /* any directory will do: it is covered in our own mount namespace only */
#define ADDRESS_SPACE (2ull << 30)

/* What unpacking needs: owners, modes and capabilities of files that are not ours. */
static const int kept_capabilities[] = {CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER, CAP_FSETID,
                                        CAP_SETFCAP};

static gboolean write_text(const char *path, const char *text, GError **error)
{
    g_auto(Fd) fd = open(path, O_WRONLY | O_CLOEXEC);
    gsize length = strlen(text);

    if (fd < 0 || write(fd, text, length) != (ssize_t)length)
        return error_errno(error, errno, "write %s", path);
    return TRUE;
}

/* Who is not root may map itself alone, which does for what makes no files. */
static gboolean map_self(pid_t pid, const char *which, GError **error)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/%s", (int)pid, which);
    g_autofree char *groups = g_strdup_printf("/proc/%d/setgroups", (int)pid);
    gboolean users = strcmp(which, "uid_map") == 0;
    guint id = users ? geteuid() : getegid();
    g_autofree char *map = g_strdup_printf("%u %u 1\n", id, id);

    return (users || write_text(groups, "deny", error)) && write_text(path, map, error);
}

/* Every id that we have means itself inside, so that owners on disk are those of the archive. */
static gboolean map_ids(pid_t pid, const char *which, GError **error)
{
    g_autofree char *own = g_strdup_printf("/proc/self/%s", which);
    g_autofree char *path = g_strdup_printf("/proc/%d/%s", (int)pid, which);
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;
    g_autoptr(GString) map = g_string_new(NULL);

    if (geteuid() != 0)
        return map_self(pid, which, error);
    if (!file_read(own, 65536, &text, NULL, error))
        return FALSE;
    lines = g_strsplit(text, "\n", -1);
    for (char **line = lines; *line != NULL; line++) {
        guint64 inside, outside, count;

        if (sscanf(*line, "%" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT, &inside,
                   &outside, &count) == 3)
            g_string_append_printf(
                map, "%" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT "\n", inside,
                inside, count);
    }
    return write_text(path, map->str, error);
}

/* Inside: the new root */

/* Adds flags to a mount and those below it; those that it has stay, as a mount from outside must
 * keep them. */
static gboolean restrict_mount(const char *path, guint64 flags)
{
    struct mount_attr attributes = {.attr_set = flags};

    return mount_setattr(AT_FDCWD, path, AT_RECURSIVE, &attributes, sizeof(attributes)) == 0;
}

static gboolean bind_read_only(const char *from, const char *to, GError **error)
{
    if (mount(from, to, NULL, MS_BIND | MS_REC, NULL) < 0 ||
        !restrict_mount(to, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV))
        return error_errno(error, errno, "bind %s", from);
    return TRUE;
}

/* The host's programs and libraries, for unsquashfs. */
static gboolean add_programs(GError **error)
{
    static const char *const folders[] = {"usr", "bin", "lib", "lib64", NULL};

    for (guint i = 0; folders[i] != NULL; i++) {
        g_autofree char *from = g_strconcat("/", folders[i], NULL);
        g_autofree char *to = g_strconcat(NEW_ROOT "/", folders[i], NULL);
        g_autofree char *link = g_file_read_link(from, NULL);

        if (link != NULL && symlink(link, to) < 0)
            return error_errno(error, errno, "create %s", to);
        if (link != NULL || !file_exists(from))
            continue;
        if (mkdir(to, 0755) < 0)
            return error_errno(error, errno, "create %s", to);
        if (!bind_read_only(from, to, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean add_file(int fd, const char *to, GError **error)
{
    g_autofree char *from = g_strdup_printf("/proc/self/fd/%d", fd);
    g_auto(Fd) made = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0400);

    if (made < 0)
        return error_errno(error, errno, "create %s", to);
    return bind_read_only(from, to, error);
}

static gboolean add_target(int fd, GError **error)
{
    g_autofree char *from = g_strdup_printf("/proc/self/fd/%d", fd);

    if (mkdir(NEW_ROOT "/target", 0700) < 0 ||
        mount(from, NEW_ROOT "/target", NULL, MS_BIND, NULL) < 0 ||
        !restrict_mount(NEW_ROOT "/target",
                        MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC))
        return error_errno(error, errno, "bind the target");
    return TRUE;
}

/* Opens what the new root will show; the descriptors must be of this mount namespace to be bound.
 */
static gboolean open_parts(const Sandbox *sandbox, Fd *ret_target, Fd *ret_squashfs, GError **error)
{
    g_auto(Fd) root = -1;

    if (sandbox->root != NULL) {
        root = open(sandbox->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (root < 0)
            return error_errno(error, errno, "open %s", sandbox->root);
        *ret_target =
            file_open_beneath(root, sandbox->target, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, error);
        if (*ret_target < 0)
            return FALSE;
    }
    if (sandbox->squashfs != NULL) {
        *ret_squashfs = open(sandbox->squashfs, O_RDONLY | O_CLOEXEC);
        if (*ret_squashfs < 0)
            return error_errno(error, errno, "open %s", sandbox->squashfs);
    }
    return TRUE;
}

static gboolean make_root(const Sandbox *sandbox, GError **error)
{
    g_auto(Fd) target = -1, squashfs = -1;

    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return error_errno(error, errno, "make mounts private");
    if (!open_parts(sandbox, &target, &squashfs, error))
        return FALSE;
    if (mount("none", NEW_ROOT, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=64k,nr_inodes=64") <
        0)
        return error_errno(error, errno, "mount the sandbox's root");
    if ((target >= 0 && !add_target(target, error)) ||
        (squashfs >= 0 && (!add_file(squashfs, NEW_ROOT "/image", error) || !add_programs(error))))
        return FALSE;
    if (chdir(NEW_ROOT) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 ||
        umount2(".", MNT_DETACH) < 0 ||
        mount(NULL, "/", NULL, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV, NULL) < 0 ||
        chdir(target >= 0 ? "/target" : "/") < 0)
        return error_errno(error, errno, "enter the sandbox's root");
    return TRUE;
}

static gboolean set_limits(const Sandbox *sandbox, GError **error)
{
    if (!confine_limit(RLIMIT_CORE, 0, error) || !confine_limit(RLIMIT_NOFILE, 256, error) ||
        (sandbox->bytes != 0 && !confine_limit(RLIMIT_FSIZE, sandbox->bytes, error)))
        return FALSE;
#ifndef __SANITIZE_ADDRESS__ /* its shadow memory alone is terabytes of address space */
    if (!confine_limit(RLIMIT_AS, ADDRESS_SPACE, error))
        return FALSE;
#endif
    /* Past the limit a write fails with EFBIG and is told, instead of ending us. */
    signal(SIGXFSZ, SIG_IGN);
    return TRUE;
}

static gboolean enter(const Sandbox *sandbox, GError **error)
{
    umask(0);
    if (!make_root(sandbox, error) || !set_limits(sandbox, error) ||
        !confine_capabilities(kept_capabilities, G_N_ELEMENTS(kept_capabilities), error))
        return FALSE;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return error_errno(error, errno, "give up privileges");
    return TRUE;
}

/* The process that does the work; the first of its PID namespace, so that everything ends with it.
 */
static void G_GNUC_NORETURN work(const Sandbox *sandbox, SandboxFunction function, void *data,
                                 int report)
{
    g_autoptr(GError) error = NULL;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (!enter(sandbox, &error)) {
        dprintf(report, "sandbox: %s", error->message);
        _exit(125);
    }
    _exit(function(data, report));
}

/* Between us and the work: owns the namespaces, waits for its ids, passes the exit status on. */
static void G_GNUC_NORETURN middle(const Sandbox *sandbox, SandboxFunction function, void *data,
                                   int report, int ready, int go)
{
    char byte = 0;
    int status = 0;
    pid_t pid;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS |
                CLONE_NEWPID) < 0) {
        dprintf(report, "sandbox: namespaces: %s", g_strerror(errno));
        _exit(125);
    }
    /* Again: the new credentials took it away. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (write(ready, &byte, 1) != 1 || read(go, &byte, 1) != 1)
        _exit(125);
    pid = fork();
    if (pid == 0)
        work(sandbox, function, data, report);
    close(report);
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    _exit(pid > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : 124);
}

static gboolean read_report(int fd, gsize max, GString *report, GError **error)
{
    char buffer[65536];

    for (;;) {
        ssize_t n = read(fd, buffer, sizeof(buffer));

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return error_errno(error, errno, "read the sandbox's report");
        if (n == 0)
            return TRUE;
        if (report->len + (gsize)n > max)
            return error_set(error, ERR_INVALID, "the sandbox's report is too long");
        g_string_append_len(report, buffer, n);
    }
}

static gboolean make_pipe(Fd *ret_read, Fd *ret_write, GError **error)
{
    int pipes[2];

    if (pipe2(pipes, O_CLOEXEC) < 0)
        return error_errno(error, errno, "make a pipe");
    *ret_read = pipes[0];
    *ret_write = pipes[1];
    return TRUE;
}

int sandbox_run(const Sandbox *sandbox, SandboxFunction function, void *data, gsize max,
                GString *ret_report, GError **error)
{
    g_auto(Fd) report_read = -1, report_write = -1, ready_read = -1, ready_write = -1, go_read = -1,
               go_write = -1;
    g_autofree char *group = NULL;
    gboolean ok;
    char byte = 0;
    int status = 0;
    pid_t pid;

    if (!make_pipe(&report_read, &report_write, error) ||
        !make_pipe(&ready_read, &ready_write, error) || !make_pipe(&go_read, &go_write, error))
        return -1;
    pid = fork();
    if (pid < 0) {
        error_errno(error, errno, "start the sandbox");
        return -1;
    }
    if (pid == 0) {
        /* Our ends of the pipes: with one open in the child, it would wait for itself. */
        close(go_write);
        close(ready_read);
        close(report_read);
        middle(sandbox, function, data, report_write, ready_write, go_read);
    }
    fd_close(fd_steal(&report_write));
    fd_close(fd_steal(&ready_write));
    group = memory_group_enter(pid);
    /* No byte means that it told its failure in the report. */
    ok = read(ready_read, &byte, 1) != 1 ||
         (map_ids(pid, "uid_map", error) && map_ids(pid, "gid_map", error) &&
          (write(go_write, &byte, 1) == 1 || error_errno(error, errno, "start the sandbox")));
    fd_close(fd_steal(&go_write));
    ok = ok && read_report(report_read, max, ret_report, error);
    if (!ok)
        kill(pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    memory_group_leave(group);
    if (!ok)
        return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 124;
}
