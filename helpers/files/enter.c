#include "files/enter.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "confine.h"
#include "error.h"
#include "file.h"

#define ADDRESS_SPACE (1ull << 30)
#define COVERED "/tmp" /* any directory will do: it is covered in our own mount namespace only */

/* ---- running ---- */

/* A privileged container has ours, which nobody may enter again. */
static gboolean has_own_users(pid_t pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/ns/user", (int)pid);
    struct stat theirs, ours;

    return stat(path, &theirs) != 0 || stat("/proc/self/ns/user", &ours) != 0 ||
           theirs.st_ino != ours.st_ino;
}

static gboolean become_root(GError **error)
{
    if (setgroups(0, NULL) < 0 || setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
        return error_errno(error, errno, "become the instance's root");
    return TRUE;
}

static gboolean enter_running(int pidfd, pid_t pid, GError **error)
{
    /* Files of /proc and /sys show the host name and network of whoever opens them. */
    int spaces = CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWCGROUP;

    if (has_own_users(pid))
        spaces |= CLONE_NEWUSER;
    /* When the pid is another process by now, the pidfd is dead. */
    if (setns(pidfd, spaces) < 0)
        return error_errno(error, errno, "enter the instance");
    if (chdir("/") < 0)
        return error_errno(error, errno, "enter the instance's root");
    return become_root(error);
}

/* ---- stopped: owners on disk are the instance's own ids ---- */

static gboolean enter_stopped(int directory, GError **error)
{
    struct mount_attr attributes = {.attr_set =
                                        MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC};
    g_auto(Fd) tree = open_tree(directory, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);

    if (tree < 0 || mount_setattr(tree, "", AT_EMPTY_PATH, &attributes, sizeof attributes) < 0)
        return error_errno(error, errno, "mount the instance's root");
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        move_mount(tree, "", AT_FDCWD, COVERED, MOVE_MOUNT_F_EMPTY_PATH) < 0 || fchdir(tree) < 0 ||
        syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
        return error_errno(error, errno, "enter the instance's root");
    return become_root(error);
}

gboolean files_enter(const Request *request, GError **error)
{
    pid_t pid = (pid_t)json_integer_value(json_object_get(request->body, "pid"));
    int door = request->fds[0];

    if (door < 0)
        return error_set(error, ERR_USAGE, "the request comes without a door");
    return pid > 0 ? enter_running(door, pid, error) : enter_stopped(door, error);
}

/* ---- what is given up ---- */

static const char *const calls[] = {"alarm",         "brk",
                                    "clock_gettime", "close",
                                    "dup",           "exit",
                                    "exit_group",    "fchmod",
                                    "fchown",        "fchownat",
                                    "fcntl",         "fstat",
                                    "fstatfs",       "ftruncate",
                                    "futex",         "getcwd",
                                    "getdents64",    "getpid",
                                    "getrandom",     "gettid",
                                    "lseek",         "madvise",
                                    "mkdirat",       "mmap",
                                    "mprotect",      "mremap",
                                    "munmap",        "newfstatat",
                                    "openat",        "openat2",
                                    "pipe2",         "poll",
                                    "ppoll",         "read",
                                    "readlinkat",    "restart_syscall",
                                    "rt_sigaction",  "rt_sigprocmask",
                                    "rt_sigreturn",  "sched_yield",
                                    "sendmsg",       "setitimer",
                                    "sigaltstack",   "statx",
                                    "symlinkat",     "unlinkat",
                                    "write",         NULL};

static gboolean filter(GError **error)
{
    scmp_filter_ctx rules = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    int code = rules == NULL ? -ENOMEM : confine_allow(rules, calls);

    if (code == 0)
        code = seccomp_load(rules);
    if (rules != NULL)
        seccomp_release(rules);
    return code == 0 || error_errno(error, -code, "load the list of system calls");
}

gboolean files_confine(GError **error)
{
    static const int kept[] = {CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER,
                               CAP_FSETID};

    umask(0);
    /* A reader that has gone is an error of write(2), not our end. */
    signal(SIGPIPE, SIG_IGN);
    if (!confine_limit(RLIMIT_CORE, 0, error) || !confine_limit(RLIMIT_NOFILE, 64, error))
        return FALSE;
#ifndef __SANITIZE_ADDRESS__ /* its shadow memory alone is terabytes of address space */
    if (!confine_limit(RLIMIT_AS, ADDRESS_SPACE, error))
        return FALSE;
#endif
    if (!confine_capabilities(kept, G_N_ELEMENTS(kept), error))
        return FALSE;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return error_errno(error, errno, "give up privileges");
    return filter(error);
}
