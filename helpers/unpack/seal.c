#include <errno.h>
#include <sched.h>
#include <seccomp.h>

#include "confine.h"
#include "error.h"
#include "unpack/sandbox.h"

/* What reading and writing files needs. */
static const char *const file_calls[] = {"access",
                                         "brk",
                                         "chdir",
                                         "chmod",
                                         "chown",
                                         "clock_gettime",
                                         "clock_nanosleep",
                                         "close",
                                         "dup",
                                         "dup2",
                                         "dup3",
                                         "exit",
                                         "exit_group",
                                         "faccessat",
                                         "faccessat2",
                                         "fadvise64",
                                         "fallocate",
                                         "fchdir",
                                         "fchmod",
                                         "fchmodat",
                                         "fchmodat2",
                                         "fchown",
                                         "fchownat",
                                         "fcntl",
                                         "fgetxattr",
                                         "flistxattr",
                                         "fremovexattr",
                                         "fsetxattr",
                                         "fstat",
                                         "fstatfs",
                                         "fsync",
                                         "ftruncate",
                                         "futex",
                                         "futimesat",
                                         "getcwd",
                                         "getdents",
                                         "getdents64",
                                         "getegid",
                                         "geteuid",
                                         "getgid",
                                         "getpid",
                                         "getppid",
                                         "getrandom",
                                         "gettid",
                                         "gettimeofday",
                                         "getuid",
                                         "getxattr",
                                         "lchown",
                                         "lgetxattr",
                                         "link",
                                         "linkat",
                                         "listxattr",
                                         "llistxattr",
                                         "lremovexattr",
                                         "lseek",
                                         "lsetxattr",
                                         "lstat",
                                         "madvise",
                                         "mkdir",
                                         "mkdirat",
                                         "mknod",
                                         "mknodat",
                                         "mmap",
                                         "mprotect",
                                         "mremap",
                                         "munmap",
                                         "nanosleep",
                                         "newfstatat",
                                         "open",
                                         "openat",
                                         "pread64",
                                         "pwrite64",
                                         "pwritev",
                                         "read",
                                         "readlink",
                                         "readlinkat",
                                         "readv",
                                         "removexattr",
                                         "rename",
                                         "renameat",
                                         "renameat2",
                                         "rmdir",
                                         "rt_sigaction",
                                         "rt_sigprocmask",
                                         "rt_sigreturn",
                                         "sched_yield",
                                         "setxattr",
                                         "sigaltstack",
                                         "stat",
                                         "statfs",
                                         "statx",
                                         "symlink",
                                         "symlinkat",
                                         "time",
                                         "truncate",
                                         "umask",
                                         "unlink",
                                         "unlinkat",
                                         "utime",
                                         "utimensat",
                                         "utimes",
                                         "write",
                                         "writev",
                                         NULL};

/* What a program of its own, with threads, needs besides. */
static const char *const program_calls[] = {"arch_prctl",
                                            "execve",
                                            "getpgrp",
                                            "getrlimit",
                                            "ioctl",
                                            "kill",
                                            "pipe",
                                            "pipe2",
                                            "poll",
                                            "ppoll",
                                            "prctl",
                                            "prlimit64",
                                            "rseq",
                                            "rt_sigpending",
                                            "rt_sigsuspend",
                                            "rt_sigtimedwait",
                                            "sched_getaffinity",
                                            "sched_getparam",
                                            "sched_getscheduler",
                                            "setitimer",
                                            "setrlimit",
                                            "set_robust_list",
                                            "set_tid_address",
                                            "sysinfo",
                                            "tgkill",
                                            "uname",
                                            "vfork",
                                            "wait4",
                                            "waitid",
                                            NULL};

/* Threads and processes, but no new namespaces. clone3 hides its flags from filters; ENOSYS makes
 * libc use clone. */
static int allow_clone(scmp_filter_ctx filter)
{
    const guint64 namespaces = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC |
                               CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;
    int code = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);

    if (code == 0)
        code = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
                                SCMP_A0(SCMP_CMP_MASKED_EQ, namespaces, 0));
    return code;
}

gboolean sandbox_seal(gboolean with_programs, GError **error)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    int code = filter == NULL ? -ENOMEM : confine_allow(filter, file_calls);

    if (code == 0 && with_programs)
        code = confine_allow(filter, program_calls);
    if (code == 0 && with_programs)
        code = allow_clone(filter);
    if (code == 0)
        code = seccomp_load(filter);
    if (filter != NULL)
        seccomp_release(filter);
    return code == 0 || error_errno(error, -code, "load the list of system calls");
}
