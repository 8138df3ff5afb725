#include "fingerprint.h"

#include <string.h>
#include <unistd.h>

#include "error.h"
#include "file.h"
#include "firewall/nft.h"
#include "instance/cgroup.h"
#include "instance/mountinfo.h"
#include "text.h"

#define CGROUPS "/sys/fs/cgroup"
#define COMMAND_MAX 65536u

/* Takes the names over. */
static json_t *sorted(GPtrArray *names)
{
    json_t *list = json_array();

    g_ptr_array_sort(names, text_compare);
    for (guint i = 0; i < names->len; i++)
        json_array_append_new(list, json_string(names->pdata[i]));
    g_ptr_array_unref(names);
    return list;
}

static GPtrArray *names_new(void)
{
    return g_ptr_array_new_with_free_func(g_free);
}

static json_t *objects(const Snapshot *model)
{
    GPtrArray *names = names_new();

    for (guint i = 0; i < snapshot_size(model); i++)
        g_ptr_array_add(names, object_label(snapshot_at(model, i)));
    return sorted(names);
}

static json_t *parked(Engine *engine, GError **error)
{
    g_autoptr(json_t) list = engine_parked(engine, error);
    GPtrArray *names;
    size_t i;
    json_t *item;

    if (list == NULL)
        return NULL;
    names = names_new();
    json_array_foreach (list, i, item)
        g_ptr_array_add(names, g_strdup_printf("%s of %s", json_member_string(item, "path"),
                                               json_member_string(item, "key")));
    return sorted(names);
}

/* The names in a directory; what is not there has none. */
static json_t *directory(const char *path, GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autoptr(GDir) dir = g_dir_open(path, 0, &failure);
    GPtrArray *names;
    const char *name;

    if (dir == NULL && !g_error_matches(failure, G_FILE_ERROR, G_FILE_ERROR_NOENT)) {
        error_set(error, ERR_FAILED, "%s", failure->message);
        return NULL;
    }
    names = names_new();
    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL)
        g_ptr_array_add(names, g_strdup(name));
    return sorted(names);
}

static json_t *mounts(GError **error)
{
    g_autoptr(GPtrArray) found = mountinfo_read(getpid(), error);
    GPtrArray *names;

    if (found == NULL)
        return NULL;
    names = names_new();
    for (guint i = 0; i < found->len; i++)
        g_ptr_array_add(names, g_strdup(((const Mount *)found->pdata[i])->path));
    return sorted(names);
}

/* Groups of containers and of what serves them, wherever they are; `ours` begins their names. */
static void add_groups(GPtrArray *names, const char *folder, const char *ours)
{
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    const char *name;

    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *path = g_build_filename(folder, name, NULL);

        if (!g_file_test(path, G_FILE_TEST_IS_DIR) || g_file_test(path, G_FILE_TEST_IS_SYMLINK))
            continue;
        if (g_str_has_prefix(name, ours))
            g_ptr_array_add(names, g_strdup(path + strlen(CGROUPS)));
        else
            add_groups(names, path, ours);
    }
}

static json_t *groups(const char *state)
{
    g_autofree char *ours = cgroup_name(state, "", "");
    GPtrArray *names = names_new();

    add_groups(names, CGROUPS, ours);
    return sorted(names);
}

/* Processes whose command line names the state directory: monitors of containers, DHCP servers. */
static json_t *processes(const char *state)
{
    g_autoptr(GDir) dir = g_dir_open("/proc", 0, NULL);
    GPtrArray *names = names_new();
    const char *pid;

    while (dir != NULL && (pid = g_dir_read_name(dir)) != NULL) {
        g_autofree char *path = g_strdup_printf("/proc/%s/cmdline", pid);
        g_autofree char *line = NULL;
        gsize length = 0;

        if (!g_ascii_isdigit(pid[0]) || !file_read(path, COMMAND_MAX, &line, &length, NULL))
            continue; /* ended meanwhile */
        for (gsize i = 0; i + 1 < length; i++) {
            if (line[i] == '\0')
                line[i] = ' ';
        }
        if (length > 0 && strstr(line, state) != NULL &&
            (strstr(line, "lxc monitor") != NULL || strstr(line, "dnsmasq") != NULL))
            g_ptr_array_add(names, g_strdup(line));
    }
    return sorted(names);
}

/* Loop devices whose file is below the state directory. */
static json_t *loops(const char *state)
{
    g_autoptr(GDir) dir = g_dir_open("/sys/block", 0, NULL);
    GPtrArray *names = names_new();
    const char *name;

    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *path = g_strdup_printf("/sys/block/%s/loop/backing_file", name);
        g_autofree char *file = NULL;

        if (g_file_get_contents(path, &file, NULL, NULL) && g_str_has_prefix(file, state))
            g_ptr_array_add(names, g_strdup(g_strchomp(file)));
    }
    return sorted(names);
}

/* What is `depth` folders deep at most below the state directory. Logs and records of runs that are
 * over stay on purpose; so does what the daemon has for itself, and what is compared with. */
static void add_files(GPtrArray *names, const char *state, const char *folder, guint depth)
{
    static const char *const kept[] = {"logs",   "run",           "lock",       "cache",
                                       "facts",  "server.crt",    "server.key", "unix.socket",
                                       "devlxd", "baseline.json", NULL};
    g_autofree char *whole = g_build_filename(state, folder, NULL);
    g_autoptr(GDir) dir = g_dir_open(whole, 0, NULL);
    const char *name;

    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *path =
            *folder != '\0' ? g_build_filename(folder, name, NULL) : g_strdup(name);
        g_autofree char *inside = g_build_filename(state, path, NULL);

        if (*folder == '\0' && (g_strv_contains(kept, name) || g_str_has_prefix(name, "berth.db")))
            continue;
        g_ptr_array_add(names, g_strdup(path));
        if (depth > 1 && g_file_test(inside, G_FILE_TEST_IS_DIR) &&
            !g_file_test(inside, G_FILE_TEST_IS_SYMLINK))
            add_files(names, state, path, depth - 1);
    }
}

static json_t *files(const char *state)
{
    GPtrArray *names = names_new();

    add_files(names, state, "", 4); /* storage-pools/POOL/containers/NAME */
    return sorted(names);
}

json_t *fingerprint_make(Engine *engine, GError **error)
{
    const char *state = engine_host(engine)->dir;
    g_autoptr(Snapshot) model = engine_ref_stored(engine);
    g_autoptr(json_t) found = json_object();

    json_object_set_new(found, "objects", objects(model));
    json_object_set_new(found, "control groups", groups(state));
    json_object_set_new(found, "processes", processes(state));
    json_object_set_new(found, "loop devices", loops(state));
    json_object_set_new(found, "files", files(state));
    /* A NULL is an error and makes the setting of it fail. */
    if (json_object_set_new(found, "parked", parked(engine, error)) != 0 ||
        json_object_set_new(found, "links", directory("/sys/class/net", error)) != 0 ||
        json_object_set_new(found, "mounts", mounts(error)) != 0 ||
        json_object_set_new(found, "firewall chains", nft_all_chains(error)) != 0)
        return NULL;
    return g_steal_pointer(&found);
}

json_t *fingerprint_added(const json_t *before, const json_t *now)
{
    json_t *added = json_object();
    const char *part;
    json_t *names;

    json_object_foreach ((json_t *)now, part, names) {
        json_t *new = json_array();
        size_t i;
        json_t *name;

        json_array_foreach (names, i, name) {
            if (!json_has_text(json_object_get(before, part), json_string_value(name)))
                json_array_append(new, name);
        }
        if (json_array_size(new) > 0)
            json_object_set(added, part, new);
        json_decref(new);
    }
    return added;
}
