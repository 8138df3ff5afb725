#include <string.h>

#include "cgroup.h"
#include "config.h"
#include "limits.h"

static void add(json_t *items, const char *key, const char *value)
{
    json_array_append_new(items, json_pack("[ss]", key, value));
}

static void add_mount(json_t *items, const char *text)
{
    add(items, "lxc.mount.entry", text);
}

static void add_taken(json_t *items, const char *key, char *value)
{
    add(items, key, value);
    g_free(value);
}

/* RT-18, RT-33 */
static void add_privileged(json_t *items, const json_t *layout)
{
    static const char *const devices[] = {"c *:* m",     "b *:* m",   "c 136:* rwm", "c 1:3 rwm",
                                          "c 1:5 rwm",   "c 1:7 rwm", "c 1:8 rwm",   "c 1:9 rwm",
                                          "c 5:0 rwm",   "c 5:1 rwm", "c 5:2 rwm",   "c 10:229 rwm",
                                          "c 10:200 rwm"};
    gboolean v2 = g_strcmp0(json_member_string(layout, "devices"), "v2") == 0;
    const char *allow = v2 ? "lxc.cgroup2.devices.allow" : "lxc.cgroup.devices.allow";

    add(items, v2 ? "lxc.cgroup2.devices.deny" : "lxc.cgroup.devices.deny", "a");
    for (guint i = 0; i < G_N_ELEMENTS(devices); i++)
        add(items, allow, devices[i]);
    add(items, "lxc.cap.drop", "sys_time sys_module sys_rawio mac_admin mac_override");
}

/* RT-17, RT-22..25, I-033 */
static void add_mounts(json_t *items, gboolean privileged)
{
    static const char *const host_paths[] = {"proc/sys/fs/binfmt_misc", "sys/firmware/efi/efivars",
                                             "sys/fs/fuse/connections", "sys/fs/pstore",
                                             "sys/kernel/config",       "sys/kernel/debug",
                                             "sys/kernel/security",     "sys/kernel/tracing"};

    add(items, "lxc.mount.auto", privileged ? "proc:mixed sys:mixed" : "proc:rw sys:rw");
    add_mount(items, "/dev/fuse dev/fuse none bind,create=file,optional 0 0");
    add_mount(items, "/dev/net/tun dev/net/tun none bind,create=file,optional 0 0");
    add_mount(items, "mqueue dev/mqueue mqueue rw,relatime,create=dir,optional 0 0");
    for (guint i = 0; i < G_N_ELEMENTS(host_paths); i++) {
        g_autofree char *text =
            g_strdup_printf("/%s %s none rbind,optional 0 0", host_paths[i], host_paths[i]);

        add_mount(items, text);
    }
}

/* What all containers have alike. It is no part of the digest: a newer berth may do it otherwise
 * from the next start on. */
static void add_common(json_t *items, const json_t *running, const json_t *layout)
{
    gboolean privileged = json_is_true(json_object_get(running, "$privileged"));

    add(items, "lxc.tty.max", "0");
    add(items, "lxc.pty.max", "1024"); /* RT-20 */
    if (privileged)
        add_privileged(items, layout);
    add_mounts(items, privileged);
    if (json_is_true(json_object_get(running, "$nesting"))) { /* I-148 */
        add_mount(items, "proc dev/.lxc/proc proc create=dir,optional 0 0");
        add_mount(items, "sys dev/.lxc/sys sysfs create=dir,optional 0 0");
    }
}

/* Groups get names of our own, so that they can be told apart and swept (DESIGN 5). */
static void add_groups(json_t *items, const ConfigStart *start)
{
    add_taken(items, "lxc.cgroup.dir.monitor", cgroup_name(start->dir, start->name, ".monitor"));
    add_taken(items, "lxc.cgroup.dir.container", cgroup_name(start->dir, start->name, ""));
    add_taken(items, "lxc.cgroup.dir.monitor.pivot",
              cgroup_name(start->dir, start->name, ".pivot"));
}

/* I-036. Not by way of LXCFS's own hooks: they cost several processes a start and half a second a
 * stop. */
static void add_lxcfs(json_t *items, const json_t *paths)
{
    const json_t *path;
    size_t i;

    json_array_foreach (paths, i, path)
        add_taken(items, "lxc.mount.entry",
                  g_strdup_printf(LXCFS_ROOT "/%s %s none bind,optional 0 0",
                                  json_string_value(path), json_string_value(path)));
}

static void add_logs(json_t *items, const ConfigStart *start)
{
    add_taken(items, "lxc.log.file",
              g_strdup_printf("%s/logs/%s/lxc.log", start->dir, start->name));
    add(items, "lxc.log.level", "warn");
    add_taken(items, "lxc.console.logfile",
              g_strdup_printf("%s/logs/%s/console.log", start->dir, start->name)); /* I-034 */
    add(items, "lxc.console.buffer.size", "auto");
    add(items, "lxc.console.size", "auto");
}

static void add_nic(json_t *items, guint number, const char *property, const char *value)
{
    g_autofree char *key = g_strdup_printf("lxc.net.%u.%s", number, property);

    if (value != NULL)
        add(items, key, value);
}

static void add_nics(json_t *items, const json_t *nics)
{
    g_autoptr(GPtrArray) devices = json_sorted_keys(nics);

    for (guint i = 0; i < devices->len; i++) {
        const json_t *nic = json_object_get(nics, devices->pdata[i]);
        gint64 mtu = json_integer_value(json_object_get(nic, "mtu"));
        g_autofree char *text = mtu > 0 ? g_strdup_printf("%" G_GINT64_FORMAT, mtu) : NULL;

        add_nic(items, i, "type", "veth");
        add_nic(items, i, "flags", "up");
        add_nic(items, i, "link", json_member_string(nic, "parent"));
        add_nic(items, i, "veth.pair", json_member_string(nic, "host"));
        add_nic(items, i, "hwaddr", json_member_string(nic, "hwaddr"));
        add_nic(items, i, "name", json_member_string(nic, "name"));
        add_nic(items, i, "mtu", text);
    }
    if (devices->len == 0) { /* a namespace of its own with lo, all the same (D-STD-02) */
        add_nic(items, 0, "type", "empty");
        add_nic(items, 0, "flags", "up");
    }
}

/* As in fstab(5). */
static char *escape(const char *path)
{
    GString *text = g_string_new(NULL);

    for (const char *at = path; *at != '\0'; at++) {
        if (strchr(" \t\n\\", *at) != NULL)
            g_string_append_printf(text, "\\%03o", (guchar)*at);
        else
            g_string_append_c(text, *at);
    }
    return g_string_free(text, FALSE);
}

static int by_path(gconstpointer a, gconstpointer b, gpointer disks)
{
    return strcmp(json_member_string(json_object_get(disks, *(const char *const *)a), "path"),
                  json_member_string(json_object_get(disks, *(const char *const *)b), "path"));
}

static void add_disk(json_t *items, const json_t *disk, const json_t *source)
{
    const char *propagation = json_member_string(disk, "propagation");
    g_autofree char *from = escape(json_member_string(source, "source"));
    g_autofree char *to = escape(json_member_string(disk, "path") + 1);
    GString *text = g_string_new(NULL);

    g_string_append_printf(text, "%s %s none %s", from, to,
                           json_is_true(json_object_get(disk, "recursive")) ? "rbind" : "bind");
    if (json_is_true(json_object_get(disk, "readonly")))
        g_string_append(text, ",ro");
    g_string_append_printf(text, ",%s",
                           propagation != NULL                                ? propagation
                           : json_is_true(json_object_get(disk, "recursive")) ? "rprivate"
                                                                              : "private");
    if (json_is_true(json_object_get(disk, "shift")))
        g_string_append(text, ",idmap=container");
    g_string_append_printf(text, ",create=%s 0 0",
                           json_is_true(json_object_get(source, "directory")) ? "dir" : "file");
    add(items, "lxc.mount.entry", text->str);
    g_string_free(text, TRUE);
}

/* Outer mount points before those below them. */
static void add_disks(json_t *items, const json_t *disks, const json_t *sources)
{
    g_autoptr(GPtrArray) devices = json_sorted_keys(disks);

    g_ptr_array_sort_with_data(devices, by_path, (gpointer)disks);
    for (guint i = 0; i < devices->len; i++) {
        const json_t *source = json_object_get(sources, devices->pdata[i]);

        if (source != NULL)
            add_disk(items, json_object_get(disks, devices->pdata[i]), source);
    }
}

static void add_environment(json_t *items, const json_t *environment)
{
    g_autoptr(GPtrArray) names = json_sorted_keys(environment);

    for (guint i = 0; i < names->len; i++)
        add_taken(items, "lxc.environment",
                  g_strdup_printf("%s=%s", (const char *)names->pdata[i],
                                  json_member_string(environment, names->pdata[i])));
}

json_t *config_start_items(const json_t *running, const ConfigStart *start)
{
    json_t *items = json_array();

    add_logs(items, start);
    json_array_extend(items, json_object_get(running, "$items"));
    add_common(items, running, start->layout);
    add_lxcfs(items, start->lxcfs);
    add_groups(items, start);
    if (start->hook != NULL) {
        add(items, "lxc.hook.version", "1");
        add(items, "lxc.hook.post-stop", start->hook);
    }
    if (start->seccomp != NULL)
        add(items, "lxc.seccomp.profile", start->seccomp);
    if (start->apparmor != NULL)
        add(items, "lxc.apparmor.profile", start->apparmor);
    limits_add_items(json_object_get(running, "cgroup"), start->layout, items);
    add_environment(items, json_object_get(running, "$environment"));
    add_nics(items, json_object_get(running, "nics"));
    add_disks(items, json_object_get(running, "disks"), start->sources);
    if (json_object_get(running, "$raw") != NULL)
        json_array_extend(items, json_object_get(running, "$raw"));
    return items;
}
