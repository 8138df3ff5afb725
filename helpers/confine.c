#include "confine.h"

#include <errno.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "error.h"

gboolean confine_capabilities(const int *kept, guint n_kept, GError **error)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {0};

    for (guint i = 0; i < n_kept; i++) {
        int capability = kept[i];

        data[CAP_TO_INDEX(capability)].permitted |= CAP_TO_MASK(capability);
        data[CAP_TO_INDEX(capability)].effective |= CAP_TO_MASK(capability);
    }
    for (int capability = 0; capability <= CAP_LAST_CAP; capability++) {
        if ((data[CAP_TO_INDEX(capability)].permitted & CAP_TO_MASK(capability)) == 0 &&
            prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0 && errno != EINVAL)
            return error_errno(error, errno, "drop capabilities");
    }
    if (syscall(SYS_capset, &header, data) < 0)
        return error_errno(error, errno, "drop capabilities");
    return TRUE;
}

gboolean confine_limit(int resource, guint64 value, GError **error)
{
    const struct rlimit rlimit = {value, value};

    if (setrlimit(resource, &rlimit) < 0)
        return error_errno(error, errno, "set limits");
    return TRUE;
}

int confine_allow(scmp_filter_ctx filter, const char *const *names)
{
    int code = 0;

    for (; code == 0 && *names != NULL; names++) {
        int number = seccomp_syscall_resolve_name(*names);

        /* Not every machine has every call. */
        if (number >= 0)
            code = seccomp_rule_add(filter, SCMP_ACT_ALLOW, number, 0);
    }
    return code;
}
