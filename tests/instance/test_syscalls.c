/* System calls of running containers, refused or answered as the keys say (I-142, I-154 to I-157).
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "scene.h"

TestSuite(syscalls, .timeout = 60);

/* Starts c1 with that config, whatever it was before, with the program `calls` in its root. */
static const Object *started(Scene *scene, const char *config)
{
    const Object *c = running(scene, config);
    const char *program = getenv("CALLS");
    g_autofree char *path =
        g_strdup_printf("%s/storage-pools/p/containers/c1/rootfs/bin/calls", scene->dir);
    g_autofree char *text = NULL;
    gsize length;

    scene_must(scene, c);
    cr_assert(program != NULL && g_file_get_contents(program, &text, &length, NULL));
    cr_assert(g_file_set_contents(path, text, (gssize)length, NULL) && chmod(path, 0755) == 0);
    return c;
}

/* The error number that a system call is answered with inside, 0 when the kernel does it; 128 + N
 * when it costs the life of the caller. See calls.c. */
static int call(Scene *scene, const Object *c, const char *name)
{
    g_autofree char *line = g_strdup_printf("exec calls %s", name);

    return scene_run(scene, c, line, NULL);
}

static const char *const HARMFUL[] = {"kexec_load", "open_by_handle_at", "init_module",
                                      "finit_module", "delete_module"};

/* Of these, the one that every kernel has: modules and kexec are not there on all. */
static gboolean handles_are_there(Scene *scene, const Object *c)
{
    return call(scene, c, "open_by_handle_at") != ENOSYS;
}

/* RT-35: what the default policy denies is answered as by a kernel without it. */
Test(syscalls, deny_default)
{
    SCENE();
    const Object *c = started(scene, "{}");

    for (guint i = 0; i < G_N_ELEMENTS(HARMFUL); i++)
        cr_expect_eq(call(scene, c, HARMFUL[i]), ENOSYS, "%s", HARMFUL[i]);
    cr_expect_eq(call(scene, c, "umount_force"), EACCES);
    cr_expect_eq(call(scene, c, "mkdirat"), EFAULT);
    c = started(scene, "{'security.syscalls.deny_default': 'false'}");
    cr_expect(handles_are_there(scene, c));
    cr_expect_eq(call(scene, c, "umount_force"), EFAULT);
}

/* Each line is a rule beside the default ones, and init itself is under them. */
Test(syscalls, deny)
{
    SCENE();
    const Object *c =
        started(scene, "{'security.syscalls.deny': 'mkdirat errno 13\\ngetuid errno 71'}");
    g_autofree char *text = NULL;

    cr_expect_eq(call(scene, c, "mkdirat"), EACCES);
    cr_expect_eq(call(scene, c, "getuid"), EPROTO);
    cr_expect_not(handles_are_there(scene, c));
    scene_run(scene, c, "grep Seccomp: /proc/1/status", &text);
    has_text(text, "2");
    c = started(scene, "{'security.syscalls.deny': 'mkdirat errno 13', "
                       "'security.syscalls.deny_default': 'false'}");
    cr_expect_eq(call(scene, c, "mkdirat"), EACCES);
    cr_expect(handles_are_there(scene, c));
    c = started(scene, "{}");
    cr_expect_eq(call(scene, c, "mkdirat"), EFAULT);
    cr_expect_eq(call(scene, c, "getuid"), 0);
}

/* A name that no kernel has would be a rule that liblxc drops with a line in its log. */
Test(syscalls, deny_of_nothing)
{
    SCENE();
    g_autoptr(GError) error = NULL;

    cr_assert_not(scene_apply(
        scene, running(scene, "{'security.syscalls.deny': 'no_such_call errno 1'}"), &error));
    has_text(error->message, "no_such_call");
}

/* Every system call that libseccomp knows by name, but one. */
static char *all_but(const char *left_out)
{
    GString *config = g_string_new("{'security.syscalls.allow': '");

    for (int number = 0; number < 600; number++) {
        char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, number);

        if (name != NULL && strcmp(name, left_out) != 0)
            g_string_append_printf(config, "%s\\n", name);
        free(name);
    }
    g_string_append(config, "'}");
    return g_string_free(config, FALSE);
}

/* What is not on the list costs the caller its life; the default rules are none of an allow list's.
 */
Test(syscalls, allow)
{
    SCENE();
    g_autofree char *config = all_but("mkdirat");
    const Object *c = started(scene, config);

    cr_expect_eq(call(scene, c, "mkdirat"), 128 + SIGSYS);
    cr_expect_eq(call(scene, c, "getuid"), 0);
    cr_expect(handles_are_there(scene, c));
}

/* I-142: nothing else counts beside it, the default rules neither. */
Test(syscalls, raw)
{
    SCENE();
    const Object *c =
        started(scene, "{'raw.seccomp': '2\\ndenylist\\n[all]\\nmkdirat errno 5\\n'}");

    cr_expect_eq(call(scene, c, "mkdirat"), EIO);
    cr_expect(handles_are_there(scene, c));
    c = started(scene, "{}");
    cr_expect_eq(call(scene, c, "mkdirat"), EFAULT);
    cr_expect_not(handles_are_there(scene, c));
}

Test(syscalls, deny_compat)
{
    SCENE();
    const Object *c = started(scene, "{}");

    if (call(scene, c, "getpid_by_32_bits") != 0)
        cr_skip_test("this kernel has no 32-bit interface");
    c = started(scene, "{'security.syscalls.deny_compat': 'true'}");
    cr_expect_eq(call(scene, c, "getpid_by_32_bits"), ENOSYS);
    cr_expect_eq(call(scene, c, "getuid"), 0);
}
