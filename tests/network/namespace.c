#include "namespace.h"

#include <criterion/criterion.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

/* In angle brackets: see spawn.c. */
#include <spawn.h>

#include "file.h"

static char *top;
static char *state;

void namespace_enter(void)
{
    if (geteuid() != 0)
        cr_skip_test("needs root: makes network namespaces");
    cr_assert(unshare(CLONE_NEWNET | CLONE_NEWNS) == 0, "unshare: %s", g_strerror(errno));
    cr_assert(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
    /* /sys shows the network of the namespace in which it was mounted. */
    cr_assert(mount("sysfs", "/sys/class/net", "tmpfs", 0, NULL) == 0 || errno == ENOENT ||
              errno == EPERM);
    g_free(run("ip link set lo up"));
    top = g_dir_make_tmp("berth-network-XXXXXX", NULL);
    /* The unprivileged DHCP server must be able to enter it. */
    cr_assert(chmod(top, 0711) == 0);
    state = g_build_filename(top, "state", NULL);
    cr_assert(file_make_directory(state, 0711, NULL));
}

const char *namespace_dir(void)
{
    return state;
}

void namespace_leave(void)
{
    if (top != NULL)
        file_remove_tree(top, NULL);
    g_clear_pointer(&top, g_free);
    g_clear_pointer(&state, g_free);
}

char *run(const char *format, ...)
{
    g_autofree char *line = NULL;
    g_auto(GStrv) argv = NULL;
    g_autoptr(GError) error = NULL;
    char *output = NULL;
    va_list args;

    va_start(args, format);
    line = g_strdup_vprintf(format, args);
    va_end(args);
    argv = g_strsplit(line, " ", -1);
    cr_assert(spawn_run((const char *const *)argv, NULL, &output, &error), "%s: %s", line,
              error != NULL ? error->message : "");
    return output;
}

/* `text` with what differs from one making to the next taken out. */
static char *without(const char *text, const char *pattern)
{
    g_autoptr(GRegex) regex = g_regex_new(pattern, G_REGEX_MULTILINE, 0, NULL);

    return g_regex_replace_literal(regex, text, -1, 0, "", 0, NULL);
}

char *fingerprint(void)
{
    g_autofree char *links = run("ip -d -o link show");
    g_autofree char *addresses = run("ip -o addr show scope global");
    g_autofree char *routes = run("ip route show table main");
    g_autofree char *routes6 = run("ip -6 route show table main");
    g_autofree char *rules = run("nft list ruleset");
    g_autofree char *forward =
        run("cat /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv6/conf/all/forwarding "
            "/proc/sys/net/ipv6/conf/all/accept_ra /proc/sys/net/ipv6/conf/lo/accept_ra");
    g_autofree char *files = run("find %s -mindepth 1", namespace_dir());
    g_autofree char *all =
        g_strjoin("\n", links, addresses, routes, routes6, rules, forward, files, NULL);
    g_autofree char *unindexed = without(all, "^[0-9]+: ");

    /* Routes of IPv6 say no other thing than addresses and links do, but come late. */
    return without(unindexed, "^(fe80|ff00|multicast).*\\n");
}
