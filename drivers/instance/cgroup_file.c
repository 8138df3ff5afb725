#include "cgroup_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cgroup.h"
#include "error.h"
#include "file.h"

#define REMOVE_TRIES 400 /* of 5 ms */
#define FREEZE_LIMIT (10 * G_USEC_PER_SEC)
#define FREEZE_LET_GO 50 /* looks, of 2 ms */

/* How the kernel is asked to freeze a group and tells that it is; [FALSE] is for letting go. */
typedef struct {
    const char *file, *answer;
    const char *ask[2], *is[2];
} Freezer;

static const Freezer V1 = {
    "freezer.state", "freezer.state", {"THAWED", "FROZEN"}, {"THAWED", "FROZEN"}};
static const Freezer V2 = {"cgroup.freeze", "cgroup.events", {"0", "1"}, {"frozen 0", "frozen 1"}};

gboolean cgroup_has(const char *group, const char *file)
{
    g_autofree char *path = g_build_filename(group, file, NULL);

    return file_exists(path);
}

char *cgroup_read(const char *group, const char *file, GError **error)
{
    g_autofree char *path = g_build_filename(group, file, NULL);
    char buffer[4096];
    ssize_t length;
    g_auto(Fd) fd = open(path, O_RDONLY | O_CLOEXEC);

    length = fd < 0 ? -1 : read(fd, buffer, sizeof(buffer) - 1);
    if (length < 0) {
        if (errno == ENOENT || errno == ENODEV)
            error_set(error, ERR_NOT_FOUND, "%s does not exist", path);
        else
            error_errno(error, errno, "read %s", path);
        return NULL;
    }
    buffer[length] = '\0';
    return g_strdup(g_strchomp(buffer));
}

gboolean cgroup_write(const char *group, const char *file, const char *text, GError **error)
{
    g_autofree char *path = g_build_filename(group, file, NULL);
    g_auto(Fd) fd = open(path, O_WRONLY | O_CLOEXEC);

    if (fd < 0)
        return error_errno(error, errno, "open %s", path);
    if (write(fd, text, strlen(text)) < 0)
        return error_errno(error, errno, "write \"%s\" to %s", text, path);
    return TRUE;
}

/* Frozen processes of v1 do not die before they are thawed. */
static void thaw(const char *group)
{
    g_autofree char *path = g_build_filename(group, "freezer.state", NULL);

    if (file_exists(path))
        cgroup_write(group, "freezer.state", "THAWED", NULL);
}

static void kill_members(const char *group)
{
    g_autofree char *path = g_build_filename(group, "cgroup.procs", NULL);
    g_autofree char *text = NULL;
    g_auto(GStrv) pids = NULL;

    if (!g_file_get_contents(path, &text, NULL, NULL))
        return;
    pids = g_strsplit(text, "\n", -1);
    for (char **pid = pids; *pid != NULL; pid++) {
        int number = atoi(*pid);
        g_auto(Fd) fd = number > 1 ? (int)syscall(SYS_pidfd_open, number, 0) : -1;

        if (fd >= 0)
            syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0);
    }
}

/* One walk, deepest first; TRUE when the group is gone. */
static gboolean try_remove(const char *group)
{
    DIR *folder = opendir(group);
    struct dirent *entry;

    thaw(group);
    kill_members(group);
    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        g_autofree char *path = NULL;

        /* ".lxc" is a group too: liblxc makes it for what is attached. */
        if (entry->d_type != DT_DIR || strcmp(entry->d_name, ".") == 0 ||
            strcmp(entry->d_name, "..") == 0)
            continue;
        path = g_build_filename(group, entry->d_name, NULL);
        try_remove(path);
    }
    if (folder != NULL)
        closedir(folder);
    return rmdir(group) == 0 || errno == ENOENT;
}

gboolean cgroup_tree_remove(const char *group, GError **error)
{
    for (int i = 0; i < REMOVE_TRIES; i++) {
        if (try_remove(group))
            return TRUE;
        g_usleep(5000);
    }
    return error_errno(error, errno, "remove the control group %s", group);
}

/* Freezing is done when the kernel says so, not when it was asked. Under v1 it can stay in between
 * where programs start meanwhile (vfork), so it is asked again, and now and then let go for a
 * moment; under v2 that changes nothing. What does not freeze is let go. */
static gboolean freeze_to(const char *group, const Freezer *freezer, gboolean freeze,
                          GError **error)
{
    gint64 end = g_get_monotonic_time() + FREEZE_LIMIT;

    for (int i = 1;; i++) {
        g_autofree char *text = NULL;
        gboolean late;

        if (!cgroup_write(group, freezer->file, freezer->ask[freeze], error))
            return FALSE;
        text = cgroup_read(group, freezer->answer, error);
        if (text == NULL)
            return FALSE;
        if (strstr(text, freezer->is[freeze]) != NULL)
            return TRUE;
        late = g_get_monotonic_time() > end;
        if (late || i % FREEZE_LET_GO == 0)
            cgroup_write(group, freezer->file, freezer->ask[FALSE], NULL);
        if (late)
            return error_set(error, ERR_FAILED, "%s/%s does not become \"%s\"", group,
                             freezer->answer, freezer->is[freeze]);
        g_usleep(2000);
    }
}

gboolean groups_frozen(const Groups *groups, gboolean *ret_frozen, GError **error)
{
    const char *group = groups_path(groups, "freezer", NULL);
    const char *file = group != NULL ? "freezer.state" : "cgroup.freeze";
    g_autofree char *text = NULL;

    if (group == NULL)
        group = groups_path(groups, "", NULL);
    if (group == NULL)
        return error_set(error, ERR_FAILED, "no cgroup freezer is mounted");
    text = cgroup_read(group, file, error);
    if (text == NULL)
        return FALSE;
    *ret_frozen = !g_str_equal(text, "THAWED") && !g_str_equal(text, "0");
    return TRUE;
}

gboolean groups_freeze(const Groups *groups, gboolean freeze, GError **error)
{
    const char *group = groups_path(groups, "freezer", NULL);
    const Freezer *freezer = group != NULL ? &V1 : &V2;

    if (group == NULL)
        group = groups_path(groups, "", NULL);
    if (group == NULL)
        return error_set(error, ERR_FAILED, "no cgroup freezer is mounted");
    return freeze_to(group, freezer, freeze, error);
}
