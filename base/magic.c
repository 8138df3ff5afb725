#include "magic.h"

#include <string.h>
#include <unistd.h>

static gboolean has_magic(int fd, const char *magic)
{
    char head[4];

    return pread(fd, head, sizeof(head), 0) == sizeof(head) &&
           memcmp(head, magic, sizeof(head)) == 0;
}

gboolean magic_is_squashfs(int fd)
{
    return has_magic(fd, "hsqs");
}

gboolean magic_is_qcow2(int fd)
{
    return has_magic(fd, "QFI\xfb");
}
