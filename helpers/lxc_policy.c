#include <errno.h>
#include <string.h>

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

/* One line of a policy, past its first two: a section, a remark, a rule. */
static gboolean is_known(const char *line, char **ret_call)
{
    g_autofree char *call = g_strndup(line, strcspn(line, " \t#"));

    if (*call == '\0' || *call == '[' || strcmp(call, "reject_force_umount") == 0 ||
        seccomp_syscall_resolve_name(call) != __NR_SCMP_ERROR)
        return TRUE;
    *ret_call = g_steal_pointer(&call);
    return FALSE;
}

char *policy_unknown_call(const char *path)
{
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;
    char *call = NULL;

    /* What cannot be read is liblxc's to complain of. */
    if (!g_file_get_contents(path, &text, NULL, NULL))
        return NULL;
    lines = g_strsplit(text, "\n", -1);
    /* Version 1 knows numbers only. */
    if (strcmp(g_strstrip(lines[0]), "2") != 0)
        return NULL;
    for (guint i = 2; i < g_strv_length(lines); i++) {
        if (!is_known(g_strstrip(lines[i]), &call))
            return call;
    }
    return NULL;
}
