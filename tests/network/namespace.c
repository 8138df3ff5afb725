#include "namespace.h"

#include <criterion/criterion.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

/* In angle brackets: see spawn.c. */
#include <spawn.h>

#include "file.h"

static char *top;
static char *state;

static gint compare_lines(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void namespace_enter(void)
{
    if (geteuid() != 0)
        cr_skip_test("needs root: makes network namespaces");
    cr_assert(unshare(CLONE_NEWNET | CLONE_NEWNS) == 0, "unshare: %s", g_strerror(errno));
    cr_assert(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
    /* A /run of its own, for `ip netns`. */
    cr_assert(mount("tmpfs", "/run", "tmpfs", 0, NULL) == 0);
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

/* Processes with the state directory in their arguments, of which there must be none but servers:
 * their command lines, sorted. With `end` they are killed. */
static char *own_processes(gboolean end)
{
    g_autoptr(GDir) folder = g_dir_open("/proc", 0, NULL);
    g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);
    const char *name;

    while ((name = g_dir_read_name(folder)) != NULL) {
        g_autofree char *path = g_strdup_printf("/proc/%s/cmdline", name);
        g_autofree char *text = NULL;
        gsize length;

        if (!g_ascii_isdigit(*name) || atoi(name) == getpid() ||
            !g_file_get_contents(path, &text, &length, NULL))
            continue;
        for (gsize i = 0; i + 1 < length; i++)
            text[i] = text[i] == '\0' ? ' ' : text[i];
        if (strstr(text, state) == NULL || !g_str_has_prefix(text, "dnsmasq"))
            continue;
        if (end)
            kill(atoi(name), SIGKILL);
        g_ptr_array_add(lines, g_steal_pointer(&text));
    }
    g_ptr_array_sort(lines, compare_lines);
    g_ptr_array_add(lines, NULL);
    return g_strjoinv("\n", (char **)lines->pdata);
}

/* The cgroups of this test's servers; with `end` they are removed. */
static char *own_cgroups(gboolean end)
{
    static const char *const roots[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"};
    g_autofree char *digest = g_compute_checksum_for_string(G_CHECKSUM_SHA256, state, -1);
    g_autofree char *prefix = g_strdup_printf("berth-%.8s.dnsmasq.", digest);
    GString *found = g_string_new(NULL);

    for (guint i = 0; i < G_N_ELEMENTS(roots); i++) {
        g_autoptr(GDir) folder = g_dir_open(roots[i], 0, NULL);
        const char *name;

        while (folder != NULL && (name = g_dir_read_name(folder)) != NULL) {
            g_autofree char *path = g_build_filename(roots[i], name, NULL);

            if (!g_str_has_prefix(name, prefix))
                continue;
            g_string_append_printf(found, "%s\n", path);
            if (end)
                rmdir(path);
        }
    }
    return g_string_free(found, FALSE);
}

void namespace_leave(void)
{
    if (top != NULL) {
        g_free(own_processes(TRUE));
        g_free(own_cgroups(TRUE));
        file_remove_tree(top, NULL);
    }
    g_clear_pointer(&top, g_free);
    g_clear_pointer(&state, g_free);
}

gboolean succeeds(const char *format, ...)
{
    g_autofree char *line = NULL;
    g_auto(GStrv) argv = NULL;
    va_list args;

    va_start(args, format);
    line = g_strdup_vprintf(format, args);
    va_end(args);
    argv = g_strsplit(line, " ", -1);
    return spawn_run((const char *const *)argv, NULL, NULL, NULL);
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

/* nft's rules, each behind the names of its table and chain, sorted by these: a chain that was
 * removed and put back is listed last. */
static char *sorted_rules(void)
{
    g_autofree char *text = run("nft list ruleset");
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    g_autoptr(GPtrArray) sorted = g_ptr_array_new_with_free_func(g_free);
    const char *table = "", *chain = "";
    guint number = 0;

    for (char **line = lines; *line != NULL; line++) {
        if (g_str_has_prefix(*line, "table "))
            table = *line;
        else if (g_str_has_prefix(*line, "\tchain "))
            chain = *line;
        else if (g_str_has_prefix(*line, "\t\t"))
            g_ptr_array_add(sorted, g_strdup_printf("%s%s %03u%s", table, chain, number, *line));
        number = g_str_has_prefix(*line, "\t\t") ? number + 1 : 0;
    }
    g_ptr_array_sort(sorted, compare_lines);
    g_ptr_array_add(sorted, NULL);
    return g_strjoinv("\n", (char **)sorted->pdata);
}

char *fingerprint(void)
{
    g_autofree char *links = run("ip -o link show");
    g_autofree char *addresses = run("ip -o addr show scope global");
    g_autofree char *routes = run("ip route show table main");
    g_autofree char *rules = sorted_rules();
    g_autofree char *forward =
        run("cat /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv6/conf/all/forwarding "
            "/proc/sys/net/ipv6/conf/all/accept_ra /proc/sys/net/ipv6/conf/default/accept_ra");
    g_autofree char *files = run("find %s -mindepth 1", namespace_dir());
    g_autofree char *processes = own_processes(FALSE);
    g_autofree char *cgroups = own_cgroups(FALSE);
    g_autofree char *all =
        g_strjoin("\n", links, addresses, routes, rules, forward, files, processes, cgroups, NULL);

    g_autofree char *unindexed = without(all, "^[0-9]+: ");

    /* A link that was up once has another empty queue than one that never was. */
    return without(unindexed, " qdisc [a-z]+");
}
