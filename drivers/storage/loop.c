#include "storage/loop.h"

#include <fcntl.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "error.h"
#include "file.h"

#define LOOP_CONTROL "/dev/loop-control"
#define MAX_TRIES 64u

static gboolean configure(int device, int file, const char *name)
{
    struct loop_config config = {.fd = (guint32)file,
                                 .info = {.lo_flags = LO_FLAGS_AUTOCLEAR | LO_FLAGS_DIRECT_IO}};

    g_strlcpy((char *)config.info.lo_file_name, name, LO_NAME_SIZE);
    if (ioctl(device, LOOP_CONFIGURE, &config) == 0)
        return TRUE;
    if (errno != EINVAL)
        return FALSE;
    config.info.lo_flags = LO_FLAGS_AUTOCLEAR;
    return ioctl(device, LOOP_CONFIGURE, &config) == 0;
}

/* One that shows the file already, because somebody still has it mounted: a second one would let
 * two file systems write the same image. -1 when there is none. */
static int find_attached(int backing, char **ret_device)
{
    g_autoptr(GDir) devices = g_dir_open("/sys/block", 0, NULL);
    g_autofree char *wanted = NULL;
    struct stat st;
    const char *name;

    if (devices == NULL || fstat(backing, &st) < 0)
        return -1;
    wanted =
        g_strdup_printf("%llu:%llu", (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
    while ((name = g_dir_read_name(devices)) != NULL) {
        g_autofree char *path = g_build_filename("/dev", name, NULL);
        g_autofree char *shown = NULL;
        g_auto(Fd) device = -1;

        if (!g_str_has_prefix(name, "loop"))
            continue;
        device = open(path, O_RDWR | O_CLOEXEC); /* keeps what it shows */
        shown = device >= 0 ? loop_backing(path) : NULL;
        if (g_strcmp0(shown, wanted) != 0)
            continue;
        *ret_device = g_steal_pointer(&path);
        return fd_steal(&device);
    }
    return -1;
}

int loop_attach(const char *file, char **ret_device, GError **error)
{
    g_auto(Fd) control = open(LOOP_CONTROL, O_RDWR | O_CLOEXEC);
    g_auto(Fd) backing = open(file, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    int found;

    if (control < 0 || backing < 0) {
        error_errno(error, errno, "open %s", control < 0 ? LOOP_CONTROL : file);
        return -1;
    }
    found = find_attached(backing, ret_device);
    if (found >= 0)
        return found;
    for (guint i = 0; i < MAX_TRIES; i++) {
        int number = ioctl(control, LOOP_CTL_GET_FREE);
        g_autofree char *path = g_strdup_printf("/dev/loop%d", number);
        g_auto(Fd) device = -1;

        if (number < 0)
            break;
        device = open(path, O_RDWR | O_CLOEXEC);
        if (device < 0)
            break;
        if (configure(device, backing, file)) {
            *ret_device = g_steal_pointer(&path);
            return fd_steal(&device);
        }
        /* Somebody else took the free one meanwhile. */
        if (errno != EBUSY)
            break;
    }
    error_errno(error, errno, "attach %s to a loop device", file);
    return -1;
}

char *loop_backing(const char *device)
{
    struct loop_info64 info;
    g_auto(Fd) fd = open(device, O_RDONLY | O_CLOEXEC);

    if (fd < 0 || ioctl(fd, LOOP_GET_STATUS64, &info) < 0)
        return NULL;
    return g_strdup_printf("%llu:%llu", (unsigned long long)info.lo_device,
                           (unsigned long long)info.lo_inode);
}
