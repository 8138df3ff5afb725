#include "lease.h"

#include <string.h>

#include "error.h"
#include "file.h"
#include "folder.h"
#include "network.h"
#include "release.h"
#include "server.h"
#include "server_arguments.h"
#include "settings.h"

/* "web.eth0", outside project default "blue_web.eth0"; the device's name cannot lead elsewhere. */
static char *file_name(const Object *instance, const char *device)
{
    g_autofree char *name = disk_name(instance->id.project, instance->id.name);
    g_autofree char *escaped = g_uri_escape_string(device, NULL, FALSE);

    return g_strdup_printf("%s.%s", name, escaped);
}

static char *file_path(const char *dir, const char *network, const char *file)
{
    g_autofree char *folder = server_file(dir, network, "hosts");

    return g_build_filename(folder, file, NULL);
}

static const char *address_of(const json_t *nic, const char *key)
{
    const char *address = json_member_string(nic, key);

    return address == NULL || *address == '\0' || strcmp(address, "none") == 0 ? NULL : address;
}

/* Bare in project default, so that dnsmasq adds the domain; whole elsewhere: web.blue.lxd. */
static char *dns_name(const Object *network, const Object *instance)
{
    const char *project = instance->id.project;

    if (*project == '\0' || strcmp(project, "default") == 0)
        return g_strdup(instance->id.name);
    return g_strdup_printf("%s.%s.%s", instance->id.name, project, settings_domain(network));
}

json_t *lease_expect(const Context *context, const Object *network, const Object *instance,
                     const char *device, const json_t *nic, const char *mac)
{
    g_autoptr(GString) line = g_string_new(NULL);
    g_autofree char *file = NULL;
    g_autofree char *lower = NULL;
    const char *type = json_member_string(network->spec, "type");
    const char *four = address_of(nic, "ipv4.address");
    const char *six = address_of(nic, "ipv6.address");

    if ((type != NULL && strcmp(type, "bridge") != 0) || !network_has_server(network) ||
        mac == NULL)
        return NULL;
    lower = g_ascii_strdown(mac, -1);
    g_string_append(line, lower);
    if (four != NULL && settings_address(network, 4) != NULL)
        g_string_append_printf(line, ",%s", four);
    if (six != NULL && settings_address(network, 6) != NULL)
        g_string_append_printf(line, ",[%s]", six);
    if (settings_dns_mode(network) == DNS_MANAGED) {
        g_autofree char *name = dns_name(network, instance);

        g_string_append_printf(line, ",%s", name);
    }
    if (line->len == strlen(lower))
        return NULL;
    file = file_name(instance, device);
    return json_pack("{s:s, s:s, s:s}", "file", file, "text", line->str, "network",
                     network->id.name);
}

char *lease_path(const char *dir, const json_t *lease)
{
    return file_path(dir, json_member_string(lease, "network"), json_member_string(lease, "file"));
}

/* The fact that a host file is; NULL without an error when it is not there. */
static json_t *read_fact(const char *dir, const char *network, const char *file, GError **error)
{
    g_autofree char *path = file_path(dir, network, file);
    g_autofree char *text = NULL;
    g_autoptr(GError) local = NULL;

    if (file_read(path, 65536, &text, NULL, &local))
        return json_pack("{s:s, s:s, s:s}", "file", file, "text", g_strchomp(text), "network",
                         network);
    if (!g_error_matches(local, BERTH_ERROR, ERR_NOT_FOUND))
        g_propagate_error(error, g_steal_pointer(&local));
    return NULL;
}

/* Names of all networks that have a folder; never NULL. */
static GPtrArray *network_folders(const char *dir)
{
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *path = g_build_filename(dir, "networks", NULL);
    g_autoptr(GDir) folder = g_dir_open(path, 0, NULL);
    const char *name;

    while (folder != NULL && (name = g_dir_read_name(folder)) != NULL)
        if (*name != '.') /* parked */
            g_ptr_array_add(names, g_strdup(name));
    return names;
}

json_t *lease_observe(Host *host, const Object *network, const Object *instance, const char *device,
                      GError **error)
{
    g_autofree char *file = file_name(instance, device);
    g_autoptr(GPtrArray) networks = network_folders(host->dir);
    const char *own = network != NULL ? network->id.name : NULL;

    for (guint i = 0; i < networks->len; i++) {
        const char *name = g_ptr_array_index(networks, i);
        g_autofree char *path = file_path(host->dir, name, file);

        if (g_strcmp0(name, own) != 0 && file_exists(path))
            return read_fact(host->dir, name, file, error);
    }
    return own != NULL ? read_fact(host->dir, own, file, error) : NULL;
}

static gboolean has_mac(const json_t *fact, const char *mac)
{
    const char *text = json_member_string(fact, "text");

    return text != NULL && g_str_has_prefix(text, mac);
}

/* What the server gave the MAC address of `from` is free again when the NIC is gone, in another
 * network, or has another address. */
static gboolean forget(Host *host, const Step *step, GError **error)
{
    const char *network = json_member_string(step->from, "network");
    const char *text = json_member_string(step->from, "text");
    g_autofree char *mac = text != NULL ? g_strndup(text, strcspn(text, ",")) : NULL;

    if (network == NULL || mac == NULL ||
        (has_mac(step->to, mac) &&
         g_strcmp0(json_member_string(step->to, "network"), network) == 0))
        return TRUE;
    return lease_release(host->dir, network, mac, error);
}

/* Removes the file of one side of a step. */
static gboolean remove_file(Host *host, const json_t *fact, gboolean *changed, GError **error)
{
    const char *network = json_member_string(fact, "network");
    const char *file = json_member_string(fact, "file");
    g_autofree char *path = NULL;

    if (network == NULL || file == NULL)
        return TRUE;
    path = file_path(host->dir, network, file);
    return folder_remove(path, changed, error);
}

gboolean lease_ensure(Host *host, const Step *step, GError **error)
{
    const char *network = json_member_string(step->to != NULL ? step->to : step->from, "network");
    const char *file = json_member_string(step->to, "file");
    const char *old_network = json_member_string(step->from, "network");
    gboolean changed = FALSE, old_changed = FALSE;

    if (network == NULL)
        return error_set(error, ERR_FAILED,
                         "%s: the step %s does not say which network it is about", step->key,
                         step->name);
    /* An old file under another name or network goes first: one MAC in two files would confuse the
     * server. */
    if (step->from != NULL &&
        (step->to == NULL || g_strcmp0(old_network, network) != 0 ||
         g_strcmp0(json_member_string(step->from, "file"), file) != 0) &&
        !remove_file(host, step->from, &old_changed, error))
        return FALSE;
    if (old_changed && g_strcmp0(old_network, network) != 0 &&
        !server_reload(host->dir, old_network, error))
        return FALSE;
    if (step->to != NULL) {
        g_autofree char *path = file_path(host->dir, network, file);
        g_autofree char *text = g_strconcat(json_member_string(step->to, "text"), "\n", NULL);

        if (!folder_write(path, text, &changed, error))
            return FALSE;
    }
    return (!(changed || old_changed) || server_reload(host->dir, network, error)) &&
           forget(host, step, error);
}
