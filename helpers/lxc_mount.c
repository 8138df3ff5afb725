/* Disks of running containers (D-DISK-20, D-DISK-28):
 *
 *   {"verb": "mount", "pid": init, "userns": bool, "source", "path", "directory": bool,
 * "recursive", "readonly", "shift": bool, "propagation": WORD}     -> {"made": bool}: the mount
 * point was not there
 *   {"verb": "umount", "pid", "userns", "path", "made": bool, "directory"}     -> {}
 *
 * The mount is prepared here, among the host's mounts, and then moved into the container's. Paths
 * inside are walked within the container's root, so that no link leads out; mount points are made
 * by a child that is the container's root and nobody else. */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <lxc/lxccontainer.h>

#include "file.h"
#include "lxc_helper.h"

static gboolean is_on(const Request *request, const char *key)
{
    return json_is_true(json_object_get(request->body, key));
}

static pid_t init_pid(const Request *request)
{
    return (pid_t)json_integer_value(json_object_get(request->body, "pid"));
}

/* ---- the mount, before anybody sees it ---- */

static int detached_mount(const Request *request)
{
    const char *source = json_member_string(request->body, "source");
    unsigned int flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC;

    return open_tree(AT_FDCWD, source, flags | (is_on(request, "recursive") ? AT_RECURSIVE : 0));
}

/* All of it is a slave of the host's first, what is mounted below the source as well: what the
 * container mounts there stays inside. So it is for disks that are there from the start, too. */
static gboolean part_from_host(int mount)
{
    struct mount_attr slave = {.propagation = MS_SLAVE};

    return mount_setattr(mount, "", AT_EMPTY_PATH | AT_RECURSIVE, &slave, sizeof slave) == 0;
}

/* The kernel takes such a mount to no place: it becomes so once it is where it belongs. */
static gboolean is_unbindable(const char *word)
{
    return word != NULL && g_str_has_suffix(word, "unbindable");
}

static gboolean set_propagation(int mount, const char *word)
{
    static const struct {
        const char *word;
        guint64 flag;
    } words[] = {{"private", MS_PRIVATE},
                 {"shared", MS_SHARED},
                 {"slave", MS_SLAVE},
                 {"unbindable", MS_UNBINDABLE}};
    const char *plain = word != NULL ? word + (word[0] == 'r') : "private";
    unsigned int flags = AT_EMPTY_PATH | (word == NULL || word[0] == 'r' ? AT_RECURSIVE : 0);

    for (guint i = 0; i < G_N_ELEMENTS(words); i++) {
        struct mount_attr attributes = {.propagation = words[i].flag};

        if (strcmp(words[i].word, plain) == 0)
            return mount_setattr(mount, "", flags, &attributes, sizeof attributes) == 0;
    }
    errno = EINVAL;
    return FALSE;
}

static gboolean set_attributes(const Request *request, int mount)
{
    unsigned int flags = AT_EMPTY_PATH | (is_on(request, "recursive") ? AT_RECURSIVE : 0);
    struct mount_attr attributes = {0};
    g_auto(Fd) userns = -1;

    if (is_on(request, "readonly"))
        attributes.attr_set |= MOUNT_ATTR_RDONLY;
    if (is_on(request, "shift") && is_on(request, "userns")) {
        g_autofree char *path = g_strdup_printf("/proc/%d/ns/user", init_pid(request));

        userns = open(path, O_RDONLY | O_CLOEXEC);
        if (userns < 0)
            return FALSE;
        attributes.attr_set |= MOUNT_ATTR_IDMAP;
        attributes.userns_fd = (guint64)userns;
    }
    return attributes.attr_set == 0 ||
           mount_setattr(mount, "", flags, &attributes, sizeof attributes) == 0;
}

/* ---- inside ---- */

static int open_inside(int root, const char *path, int flags)
{
    struct open_how how = {.flags = (guint64)(flags | O_CLOEXEC),
                           .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};

    return (int)syscall(SYS_openat2, root, path, &how, sizeof how);
}

/* The folder that holds the last part of a path; `ret_name` is that part. */
static int open_parent(int root, const char *path, char **ret_name)
{
    g_autofree char *folder = g_path_get_dirname(path);

    *ret_name = g_path_get_basename(path);
    return open_inside(root, folder, O_PATH | O_DIRECTORY);
}

/* Makes the mount point and the folders above it. Returns 0 when it was there, 1 when it was made,
 * -1 with errno. */
static int make_target(const char *path, gboolean directory)
{
    g_auto(GStrv) parts = g_strsplit(path + 1, "/", -1);
    g_autoptr(GString) walked = g_string_new(NULL);
    g_auto(Fd) root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    int made = 0;

    for (char **part = parts; *part != NULL; part++) {
        g_autofree char *name = NULL;
        g_auto(Fd) parent = -1;
        g_auto(Fd) there = -1;
        gboolean folder = directory || part[1] != NULL;

        g_string_append_printf(walked, "/%s", *part);
        there = open_inside(root, walked->str, O_PATH);
        if (there >= 0)
            continue;
        parent = open_parent(root, walked->str, &name);
        if (parent < 0)
            return -1;
        if (folder ? mkdirat(parent, name, 0755) != 0
                   : mknodat(parent, name, S_IFREG | 0644, 0) != 0)
            return -1;
        made = 1;
    }
    return made;
}

static int remove_target(const char *path, gboolean directory)
{
    g_auto(Fd) root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    g_autofree char *name = NULL;
    g_auto(Fd) parent = open_parent(root, path, &name);

    return parent < 0 ? -1 : unlinkat(parent, name, directory ? AT_REMOVEDIR : 0);
}

/* Runs one of both as the container's root. Returns what it returned; errno is set when that is -1.
 */
static int as_container_root(const Request *request, int pidfd, int (*run)(const char *, gboolean))
{
    const char *path = json_member_string(request->body, "path");
    pid_t child = fork();
    int status;

    if (child == 0) {
        int result;

        if (setns(pidfd, (is_on(request, "userns") ? CLONE_NEWUSER : 0) | CLONE_NEWNS) != 0 ||
            setresgid(0, 0, 0) != 0 || setresuid(0, 0, 0) != 0)
            _exit(MIN(errno, 200) + 2);
        umask(0022);
        result = run(path, is_on(request, "directory"));
        _exit(result >= 0 ? result : MIN(errno, 200) + 2);
    }
    if (child < 0 || waitpid(child, &status, 0) < 0)
        return -1;
    if (WIFEXITED(status) && WEXITSTATUS(status) <= 1)
        return WEXITSTATUS(status);
    errno = WIFEXITED(status) ? WEXITSTATUS(status) - 2 : EIO;
    return -1;
}

static int enter(int pidfd)
{
    return setns(pidfd, CLONE_NEWNS) == 0 ? open("/", O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
}

gboolean verb_mount(const Request *request)
{
    const char *path = json_member_string(request->body, "path");
    const char *source = json_member_string(request->body, "source");
    const char *propagation = json_member_string(request->body, "propagation");
    g_auto(Fd) pidfd = (int)syscall(SYS_pidfd_open, init_pid(request), 0);
    g_auto(Fd) mount = detached_mount(request);
    g_auto(Fd) root = -1;
    g_auto(Fd) target = -1;
    int made;

    if (pidfd < 0)
        return answer_error(request, "the instance does not run any more");
    if (mount < 0)
        return answer_error(request, "%s cannot be mounted: %s", source, g_strerror(errno));
    if (!set_attributes(request, mount))
        return answer_error(request, "%s: %s%s", source,
                            is_on(request, "shift") ? "owners cannot be shifted or " : "",
                            g_strerror(errno));
    if (!part_from_host(mount) ||
        !set_propagation(mount, is_unbindable(propagation) ? NULL : propagation))
        return answer_error(request, "%s: propagation cannot be set: %s", source,
                            g_strerror(errno));
    made = as_container_root(request, pidfd, make_target);
    if (made < 0)
        return answer_error(request, "mount point %s cannot be made inside: %s", path,
                            g_strerror(errno));
    root = enter(pidfd);
    target = root < 0 ? -1 : open_inside(root, path, O_PATH);
    if (target < 0 ||
        move_mount(mount, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) != 0 ||
        (is_unbindable(propagation) && !set_propagation(mount, propagation))) {
        int reason = errno;

        if (made == 1)
            as_container_root(request, pidfd, remove_target);
        return answer_error(request, "%s cannot be mounted on %s inside: %s", source, path,
                            g_strerror(reason));
    }
    answer_send(json_pack("{sb}", "made", made));
    return TRUE;
}

gboolean verb_umount(const Request *request)
{
    const char *path = json_member_string(request->body, "path");
    g_auto(Fd) pidfd = (int)syscall(SYS_pidfd_open, init_pid(request), 0);
    g_autofree char *name = NULL;
    g_auto(Fd) root = -1;
    g_auto(Fd) parent = -1;

    if (pidfd < 0)
        return answer_error(request, "the instance does not run any more");
    root = enter(pidfd);
    parent = root < 0 ? -1 : open_parent(root, path, &name);
    if (parent < 0 || fchdir(parent) != 0)
        return answer_error(request, "%s cannot be reached inside: %s", path, g_strerror(errno));
    /* Lazy: whoever still uses it keeps it until then (D-DISK-28). EINVAL: not mounted any more. */
    if (umount2(name, MNT_DETACH | UMOUNT_NOFOLLOW) != 0 && errno != EINVAL && errno != ENOENT)
        return answer_error(request, "%s cannot be taken off inside: %s", path, g_strerror(errno));
    if (is_on(request, "made"))
        as_container_root(request, pidfd,
                          remove_target); /* kept when the container put something in */
    answer_send(json_object());
    return TRUE;
}
