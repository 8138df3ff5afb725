#include <errno.h>

#include <seccomp.h>

#include "lxc_helper.h"

/* Not by way of liblxc's policy: version 5.0.2 applies each rule to all architectures, whatever its
 * section says. The filter is this process's own, and what it starts inherits it. Everything that
 * comes through a 32-bit entry is answered as by a kernel without one; calls of the native
 * architecture are 'of another architecture' to the filter, and pass. */
gboolean policy_deny_compat(void)
{
    scmp_filter_ctx filter;
    int code;

    if (seccomp_arch_native() != SCMP_ARCH_X86_64)
        return TRUE;
    filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
    if (filter == NULL)
        return FALSE;
    code = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ALLOW);
    if (code == 0)
        code = seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, 0);
    if (code == 0)
        code = seccomp_arch_add(filter, SCMP_ARCH_X86);
    if (code == 0)
        code = seccomp_arch_add(filter, SCMP_ARCH_X32);
    if (code == 0)
        code = seccomp_arch_remove(filter, SCMP_ARCH_NATIVE);
    if (code == 0)
        code = seccomp_load(filter);
    seccomp_release(filter);
    errno = -code;
    return code == 0;
}
