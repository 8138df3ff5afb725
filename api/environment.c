#include "environment.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "error.h"

static json_t *addresses(Daemon *daemon)
{
    g_autoptr(GPtrArray) all = listeners_addresses(daemon->listeners);
    json_t *list = json_array();

    for (guint i = 0; i < all->len; i++)
        json_array_append_new(list, json_string(all->pdata[i]));
    return list;
}

static void set_feature(json_t *features, const char *name, gboolean has)
{
    json_object_set_new(features, name, json_string(has ? "true" : "false"));
}

static gboolean file_has_word(const char *path, const char *word)
{
    g_autofree char *text = NULL;
    g_auto(GStrv) words = NULL;

    if (!g_file_get_contents(path, &text, NULL, NULL))
        return FALSE;
    words = g_strsplit_set(text, " \t\n", -1);
    return g_strv_contains((const char *const *)words, word);
}

/* The three that are not asked for came before 5.4, which is the least that berth runs on (SV-70).
 */
static json_t *kernel_features(void)
{
    json_t *features = json_object();
    gboolean listens = file_has_word("/proc/sys/kernel/seccomp/actions_avail", "user_notif");
    unsigned major = 0, minor = 0;
    struct utsname kernel;

    uname(&kernel);
    sscanf(kernel.release, "%u.%u", &major, &minor);
    set_feature(features, "idmapped_mounts",
                syscall(SYS_mount_setattr, -1, "", 0, NULL, 0) < 0 && errno != ENOSYS);
    set_feature(features, "netnsid_getifaddrs", TRUE);
    set_feature(features, "seccomp_listener", listens);
    set_feature(features, "seccomp_listener_continue",
                listens && (major > 5 || (major == 5 && minor >= 5)));
    set_feature(features, "shiftfs", file_has_word("/proc/filesystems", "shiftfs"));
    set_feature(features, "uevent_injection", TRUE);
    set_feature(features, "unpriv_fscaps", TRUE);
    return features;
}

/* What liblxc 5.0.2, whose version is a dependency of the package, can do. */
static json_t *lxc_features(void)
{
    static const char *const names[] = {"cgroup2",
                                        "core_scheduling",
                                        "devpts_fd",
                                        "idmapped_mounts_v2",
                                        "mount_injection_file",
                                        "network_gateway_device_route",
                                        "network_ipvlan",
                                        "network_l2proxy",
                                        "network_phys_macvlan_mtu",
                                        "network_veth_router",
                                        "pidfd",
                                        "seccomp_allow_deny_syntax",
                                        "seccomp_notify",
                                        "seccomp_proxy_send_notify_fd"};
    json_t *features = json_object();

    for (guint i = 0; i < G_N_ELEMENTS(names); i++)
        set_feature(features, names[i], TRUE);
    return features;
}

/* /etc/os-release: NAME and VERSION_ID. */
static json_t *os_release(const char *name)
{
    g_autofree char *text = g_get_os_info(name);

    return json_string(text != NULL ? text : "");
}

static json_t *storage_drivers(const json_t *drivers)
{
    json_t *list = json_array();
    size_t i;
    json_t *name;

    json_array_foreach (drivers, i, name)
        json_array_append_new(
            list, json_pack("{s:O, s:s, s:b}", "Name", name, "Version", "1", "Remote", FALSE));
    return list;
}

static json_t *used_storage(const Snapshot *model)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    g_autofree char *text = NULL;

    for (guint i = 0; i < snapshot_size(model); i++) {
        const Object *object = snapshot_at(model, i);
        const char *driver =
            object->id.kind == KIND_POOL ? json_member_string(object->spec, "driver") : NULL;

        if (driver != NULL && !g_ptr_array_find_with_equal_func(names, driver, g_str_equal, NULL))
            g_ptr_array_add(names, (gpointer)driver);
    }
    g_ptr_array_add(names, NULL);
    text = g_strjoinv(" | ", (char **)names->pdata);
    return json_string(text);
}

json_t *environment_shown(Call *call, GError **error)
{
    Daemon *daemon = call->daemon;
    g_autoptr(json_t) architectures = host_look(daemon->host, "architectures", error);
    g_autoptr(json_t) drivers =
        architectures != NULL ? host_look(daemon->host, "storage_drivers", error) : NULL;
    struct utsname kernel;
    json_t *found;

    if (drivers == NULL)
        return NULL;
    uname(&kernel);
    found = json_pack("{s:o, s:O, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "addresses",
                      addresses(daemon), "architectures", architectures, "certificate",
                      listeners_certificate(daemon->listeners), "certificate_fingerprint",
                      listeners_fingerprint(daemon->listeners), "driver", "lxc", "driver_version",
                      "5.0.2", "firewall", "nftables", "kernel", kernel.sysname,
                      "kernel_architecture", kernel.machine, "kernel_version", kernel.release);
    json_object_update_new(
        found,
        json_pack("{s:o, s:o, s:o, s:o, s:s, s:s, s:b, s:s, s:s, s:i, s:s, s:o, s:s, s:o}",
                  "kernel_features", kernel_features(), "lxc_features", lxc_features(), "os_name",
                  os_release(G_OS_INFO_KEY_NAME), "os_version",
                  os_release(G_OS_INFO_KEY_VERSION_ID), "project", call->project, "server", "berth",
                  "server_clustered", FALSE, "server_event_mode", "full-mesh", "server_name",
                  kernel.nodename, "server_pid", (int)getpid(), "server_version", BERTH_VERSION,
                  "storage", used_storage(call->model), "storage_version", "1",
                  "storage_supported_drivers", storage_drivers(drivers)));
    return found;
}
