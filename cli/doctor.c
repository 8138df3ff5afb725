#include "doctor.h"

#include <errno.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "error.h"
#include "file.h"
#include "helper.h"
#include "instance/apparmor.h"

#define SMALL_FILE (1u << 20)
#define IDS_NEEDED 65536

static void say(CheckResult *ret, CheckLevel level, const char *format, ...) G_GNUC_PRINTF(3, 4);

static void say(CheckResult *ret, CheckLevel level, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    ret->level = level;
    g_free(ret->text);
    ret->text = g_strdup_vprintf(format, args);
    va_end(args);
}

static void check_root(const char *dir, CheckResult *ret)
{
    if (geteuid() == 0)
        say(ret, CHECK_OK, "running as root");
    else
        say(ret, CHECK_FAIL, "running as user %u: plan and apply need root", geteuid());
}

static void check_kernel(const char *dir, CheckResult *ret)
{
    struct utsname name;
    unsigned major = 0, minor = 0;

    uname(&name);
    if (sscanf(name.release, "%u.%u", &major, &minor) == 2 &&
        (major > 5 || (major == 5 && minor >= 12)))
        say(ret, CHECK_OK, "Linux %s", name.release);
    else
        say(ret, CHECK_FAIL, "Linux %s: berth needs 5.12 or newer (mount_setattr)", name.release);
}

/* Is `word` among the blank-, comma- or newline-separated words of a text? */
static gboolean has_word(const char *text, const char *word)
{
    g_auto(GStrv) words = g_strsplit_set(text, " ,\n\t", -1);

    return g_strv_contains((const char *const *)words, word);
}

static void check_cgroups(const char *dir, CheckResult *ret)
{
    static const char *const needed[] = {"memory", "cpuset", "pids"};
    g_autofree char *unified = NULL;
    g_autofree char *mounts = NULL;
    g_autoptr(GString) missing = g_string_new(NULL);
    gboolean v2 = file_read("/sys/fs/cgroup/cgroup.controllers", SMALL_FILE, &unified, NULL, NULL);

    if (!v2 && !file_read("/proc/self/mounts", SMALL_FILE, &mounts, NULL, NULL)) {
        say(ret, CHECK_FAIL, "/proc/self/mounts cannot be read");
        return;
    }
    for (guint i = 0; i < G_N_ELEMENTS(needed); i++)
        if (!has_word(v2 ? unified : mounts, needed[i]))
            g_string_append_printf(missing, "%s%s", missing->len > 0 ? ", " : "", needed[i]);
    if (strstr(v2 ? "cgroup" : mounts, "cgroup") == NULL)
        say(ret, CHECK_FAIL, "no cgroup file system is mounted on /sys/fs/cgroup");
    else if (missing->len > 0)
        say(ret, CHECK_WARN, "%s; not there, so their limits cannot be put in force: %s",
            v2 ? "version 2" : "version 1", missing->str);
    else
        say(ret, CHECK_OK, "%s with memory, cpuset, pids",
            v2 ? "version 2" : "version 1 or hybrid");
}

static void check_helpers(const char *dir, CheckResult *ret)
{
    static const char *const names[] = {"berth-lxc", "berth-hook", "berth-unpack", "berth-files"};

    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *path = helper_path(names[i], &error);

        if (path == NULL || access(path, X_OK) < 0) {
            say(ret, CHECK_FAIL, "%s", error != NULL ? error->message : path);
            return;
        }
    }
    say(ret, CHECK_OK, "berth-lxc, berth-hook, berth-unpack and berth-files are there");
}

/* liblxc is used by a helper only, so it is looked for, not loaded. */
static void check_liblxc(const char *dir, CheckResult *ret)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *helper = helper_path("berth-lxc", &error);
    g_autofree char *binary = NULL;
    g_autofree char *output = NULL;
    char *argv[] = {(char *)"ldd", helper, NULL};
    const char *line;

    if (helper == NULL) {
        say(ret, CHECK_FAIL, "cannot be checked without the helper berth-lxc");
        return;
    }
    if (!g_spawn_sync("/", argv, NULL, G_SPAWN_SEARCH_PATH | G_SPAWN_STDERR_TO_DEV_NULL, NULL, NULL,
                      &output, NULL, NULL, &error)) {
        say(ret, CHECK_WARN, "cannot be checked: %s", error->message);
        return;
    }
    line = strstr(output, "liblxc");
    if (line == NULL || strstr(output, "not found") != NULL)
        say(ret, CHECK_FAIL, "the helper berth-lxc misses a library: install liblxc1");
    else
        say(ret, CHECK_OK, "%.*s", (int)strcspn(line, " \n"), line);
}

/* A program in PATH or in the folders of system programs. */
static char *find_program(const char *name)
{
    static const char *const folders[] = {"/usr/sbin", "/sbin", "/usr/bin", "/bin"};
    char *path = g_find_program_in_path(name);

    for (guint i = 0; path == NULL && i < G_N_ELEMENTS(folders); i++) {
        g_autofree char *candidate = g_build_filename(folders[i], name, NULL);

        if (access(candidate, X_OK) == 0)
            path = g_steal_pointer(&candidate);
    }
    return path;
}

static void check_program(const char *name, CheckLevel otherwise, const char *advice,
                          CheckResult *ret)
{
    g_autofree char *path = find_program(name);

    if (path != NULL)
        say(ret, CHECK_OK, "%s", path);
    else
        say(ret, otherwise, "%s is not there: %s", name, advice);
}

static void check_dnsmasq(const char *dir, CheckResult *ret)
{
    check_program("dnsmasq", CHECK_FAIL, "networks need it for DHCP and DNS; install dnsmasq-base",
                  ret);
}

static void check_squashfs(const char *dir, CheckResult *ret)
{
    check_program("unsquashfs", CHECK_WARN,
                  "squashfs images cannot be unpacked; install squashfs-tools", ret);
}

static void check_busybox(const char *dir, CheckResult *ret)
{
    check_program("busybox", CHECK_WARN,
                  "the image builtin:busybox cannot be made; install busybox-static", ret);
}

static void check_btrfs(const char *dir, CheckResult *ret)
{
    g_autofree char *systems = NULL;
    g_autofree char *mkfs = find_program("mkfs.btrfs");

    if (!file_read("/proc/filesystems", SMALL_FILE, &systems, NULL, NULL) ||
        !has_word(systems, "btrfs"))
        say(ret, CHECK_WARN,
            "the kernel has no btrfs now (a module may still be loaded): pools of driver dir work");
    else if (mkfs == NULL)
        say(ret, CHECK_WARN,
            "mkfs.btrfs is not there: install btrfs-progs for btrfs pools on devices and loop "
            "files");
    else
        say(ret, CHECK_OK, "kernel and %s", mkfs);
}

static void check_nftables(const char *dir, CheckResult *ret)
{
    int result = probe_nftables();

    if (result == 0)
        say(ret, CHECK_OK, "the kernel answers");
    else
        say(ret, CHECK_FAIL, "the kernel's nf_tables cannot be used: %s", g_strerror(result));
}

static void check_bridge(const char *dir, CheckResult *ret)
{
    int result = geteuid() == 0 ? probe_bridge() : EPERM;

    if (result == 0)
        say(ret, CHECK_OK, "bridges can be made");
    else
        say(ret, CHECK_FAIL, "no bridge can be made (tried in a network namespace of its own): %s",
            g_strerror(result));
}

/* Size of the largest range that root has in /etc/subuid or /etc/subgid; 0: the file is there and
 * gives none; -1: no file. */
static gint64 root_ids(const char *path)
{
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;
    gint64 most = 0;

    if (!file_read(path, SMALL_FILE, &text, NULL, NULL))
        return -1;
    lines = g_strsplit(text, "\n", -1);
    for (guint i = 0; lines[i] != NULL; i++) {
        g_auto(GStrv) parts = g_strsplit(lines[i], ":", 3);

        if (g_strv_length(parts) == 3 &&
            (strcmp(parts[0], "root") == 0 || strcmp(parts[0], "0") == 0))
            most = MAX(most, g_ascii_strtoll(parts[2], NULL, 10));
    }
    return most;
}

static void check_ids(const char *dir, CheckResult *ret)
{
    gint64 uids = root_ids("/etc/subuid"), gids = root_ids("/etc/subgid");

    if (uids <= 0 && gids <= 0)
        say(ret, CHECK_OK,
            "no range for root in /etc/subuid and /etc/subgid: the default range is used");
    else if (uids >= IDS_NEEDED && gids >= IDS_NEEDED)
        say(ret, CHECK_OK, "root has %" G_GINT64_FORMAT " subordinate ids", MIN(uids, gids));
    else
        say(ret, CHECK_FAIL,
            "root needs %d ids in both /etc/subuid and /etc/subgid for unprivileged containers",
            IDS_NEEDED);
}

/* The state directory, or its nearest parent that exists. */
static char *existing(const char *dir)
{
    g_autofree char *path = g_strdup(dir);

    while (!file_exists(path)) {
        char *parent = g_path_get_dirname(path);

        g_free(path);
        path = parent;
    }
    return g_steal_pointer(&path);
}

static void check_user_namespace(const char *dir, CheckResult *ret)
{
    int result = geteuid() == 0 ? probe_user_namespace() : EPERM;

    if (result == 0)
        say(ret, CHECK_OK, "user namespaces can be made");
    else
        say(ret, CHECK_FAIL,
            "no user namespace can be made: %s (are they switched off by user.max_user_namespaces, "
            "or is this a chroot?)",
            g_strerror(result));
}

static void check_idmap(const char *dir, CheckResult *ret)
{
    g_autofree char *path = existing(dir);
    int result = geteuid() == 0 ? probe_idmapped_mount(path) : EPERM;

    if (result == 0)
        say(ret, CHECK_OK, "the file system of %s takes them", path);
    else
        say(ret, CHECK_FAIL, "the file system of %s does not take idmapped mounts: %s", path,
            g_strerror(result));
}

static void check_apparmor(const char *dir, CheckResult *ret)
{
    const char *profile = apparmor_profile(TRUE);

    if (profile == NULL)
        say(ret, CHECK_OK, "not in force in this kernel");
    else if (strcmp(profile, "unconfined") != 0)
        say(ret, CHECK_OK, "containers start in profile %s", profile);
    else
        say(ret, CHECK_WARN,
            "liblxc's profiles are not loaded, and containers start unconfined: install apparmor "
            "and run systemctl reload apparmor");
}

static void check_directory(const char *dir, CheckResult *ret)
{
    g_autofree char *path = existing(dir);
    g_autofree char *size = NULL;
    struct statvfs info;
    gint64 available;

    if (statvfs(path, &info) < 0) {
        say(ret, CHECK_FAIL, "%s: %s", path, g_strerror(errno));
        return;
    }
    available = (gint64)info.f_bavail * (gint64)info.f_frsize;
    size = g_format_size_full((guint64)available, G_FORMAT_SIZE_IEC_UNITS);
    if (access(path, W_OK) < 0)
        say(ret, CHECK_FAIL, "%s cannot be written: %s", path, g_strerror(errno));
    else
        say(ret, available < ((gint64)1 << 30) ? CHECK_WARN : CHECK_OK, "%s%s, %s free", dir,
            strcmp(dir, path) == 0 ? "" : " (not there yet)", size);
}

const Check DOCTOR_CHECKS[] = {
    {"root", check_root},
    {"kernel", check_kernel},
    {"cgroups", check_cgroups},
    {"state directory", check_directory},
    {"helpers", check_helpers},
    {"liblxc", check_liblxc},
    {"user namespaces", check_user_namespace},
    {"idmapped mounts", check_idmap},
    {"subordinate ids", check_ids},
    {"AppArmor", check_apparmor},
    {"bridge", check_bridge},
    {"nftables", check_nftables},
    {"dnsmasq", check_dnsmasq},
    {"btrfs", check_btrfs},
    {"squashfs", check_squashfs},
    {"busybox", check_busybox},
    {NULL, NULL},
};
