#include "record.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "error.h"
#include "file.h"
#include "files.h"

#define LOCK_TRIES 9000 /* of 10 ms */

char *record_folder(const char *dir)
{
    return g_build_filename(dir, "run", NULL);
}

char *record_path(const char *dir, const char *name)
{
    return g_strdup_printf("%s/run/%s" RECORD_SUFFIX, dir, name);
}

static char *lock_path(const char *dir, const char *name)
{
    return g_strdup_printf("%s/run/%s.lock", dir, name);
}

/* Whoever removes an instance removes its lock as well: what we locked must still be what the name
 * means. */
static gboolean is_current(int fd, const char *path)
{
    struct stat here, there;

    return fstat(fd, &here) == 0 && stat(path, &there) == 0 && here.st_ino == there.st_ino &&
           here.st_dev == there.st_dev;
}

static int lock(const char *dir, const char *name, gboolean make, GError **error)
{
    g_autofree char *path = lock_path(dir, name);

    for (int i = 0; i < LOCK_TRIES; i++) {
        g_auto(Fd) fd = make ? state_open(path, error) : open(path, O_RDWR | O_CLOEXEC);

        if (fd < 0)
            return -1;
        if (flock(fd, LOCK_EX | LOCK_NB) != 0)
            g_usleep(10000);
        else if (is_current(fd, path))
            return fd_steal(&fd);
    }
    error_set(error, ERR_BUSY, "instance %s: another berth program is changing it (%s is locked)",
              name, path);
    return -1;
}

int record_lock(const char *dir, const char *name, GError **error)
{
    return lock(dir, name, TRUE, error);
}

int record_lock_kept(const char *dir, const char *name, GError **error)
{
    return lock(dir, name, FALSE, error);
}

json_t *record_read(const char *dir, const char *name, GError **error)
{
    g_autofree char *path = record_path(dir, name);
    g_autoptr(GError) failure = NULL;
    g_autofree char *text = NULL;
    gsize length = 0;

    if (!file_read(path, 16u << 20, &text, &length, &failure)) {
        if (!g_error_matches(failure, BERTH_ERROR, ERR_NOT_FOUND))
            g_propagate_error(error, g_steal_pointer(&failure));
        return NULL;
    }
    return json_loadb(text, length, 0, NULL);
}

/* Not synced: after a power cut nothing runs that it could describe. */
gboolean record_write(const char *dir, const char *name, const json_t *record, GError **error)
{
    g_autofree char *path = record_path(dir, name);
    g_autofree char *text = json_text(record);

    return state_write(path, text, error);
}

gboolean record_remove(const char *dir, const char *name, GError **error)
{
    g_autofree char *path = record_path(dir, name);

    return file_remove(path, error);
}

char *start_facts_path(const char *dir, const char *name)
{
    return g_strdup_printf("%s/run/%s.start", dir, name);
}

json_t *start_facts_read(const char *dir, const char *name)
{
    g_autofree char *path = start_facts_path(dir, name);
    g_autofree char *text = NULL;
    const char *facts;

    if (!file_read(path, 16u << 20, &text, NULL, NULL))
        return NULL;
    facts = strchr(text, '\n');
    return facts != NULL ? json_loads(facts, 0, NULL) : NULL;
}

pid_t record_init(const json_t *record)
{
    const char *boot = json_member_string(record, "boot");

    if (boot == NULL || json_object_get(record, "init") == NULL)
        return 0;
    if (!g_str_equal(boot, boot_id()) ||
        process_find(json_object_get(record, "monitor"), NULL) == 0)
        return 0;
    return process_find(json_object_get(record, "init"), NULL);
}
