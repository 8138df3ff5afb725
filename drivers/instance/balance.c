#include "balance.h"

#include <string.h>

#include "cgroup.h"
#include "cpus.h"
#include "file.h"
#include "host_look.h"
#include "limit_table.h"
#include "record.h"

/* No instance has such a name. */
#define SETS ".cpus"

typedef struct {
    char *name;
    pid_t init;
    gint64 started;
    guint count;    /* 0: pinned */
    GArray *pinned; /* NULL: has a count */
    char *set;      /* what it gets */
} User;

static void user_free(gpointer data)
{
    User *user = data;

    if (user->pinned != NULL)
        g_array_unref(user->pinned);
    g_free(user->name);
    g_free(user->set);
    g_free(user);
}

gboolean balance_concerns(const json_t *limits)
{
    return json_object_get(limits, "cpus") != NULL || json_object_get(limits, "cpuset") != NULL;
}

static User *user_of(const char *dir, const char *name)
{
    g_autoptr(json_t) record = record_read(dir, name, NULL);
    const json_t *limits = json_at(record, "facts/cgroup");
    const char *count = json_member_string(limits, "cpus");
    const char *pinned = json_member_string(limits, "cpuset");
    pid_t init = balance_concerns(limits) ? record_init(record) : 0;
    User *user;

    if (init == 0)
        return NULL;
    user = g_new0(User, 1);
    user->name = g_strdup(name);
    user->init = init;
    user->started = json_integer_value(json_array_get(json_object_get(record, "init"), 1));
    user->count = count != NULL ? (guint)g_ascii_strtoull(count, NULL, 10) : 0;
    user->pinned = count == NULL ? cpus_parse(pinned, NULL) : NULL;
    return user;
}

static int by_start(gconstpointer a, gconstpointer b)
{
    const User *x = *(const User *const *)a, *y = *(const User *const *)b;

    if (x->started != y->started)
        return x->started < y->started ? -1 : 1;
    return strcmp(x->name, y->name);
}

/* All that run and are concerned, in the order in which they were started. */
static GPtrArray *find_users(const char *dir)
{
    GPtrArray *users = g_ptr_array_new_with_free_func(user_free);
    g_autofree char *path = g_build_filename(dir, "run", NULL);
    g_autoptr(GDir) folder = g_dir_open(path, 0, NULL);
    const char *file;

    while (folder != NULL && (file = g_dir_read_name(folder)) != NULL) {
        g_autofree char *name = g_strndup(file, strlen(file) - MIN(strlen(file), strlen(".json")));
        User *user;

        if (*file != '.' && g_str_has_suffix(file, ".json") && (user = user_of(dir, name)) != NULL)
            g_ptr_array_add(users, user);
    }
    g_ptr_array_sort(users, by_start);
    return users;
}

/* {NAME: SET} of those with a count. */
static json_t *spread(const GPtrArray *users, const GArray *online, const json_t *before)
{
    g_autofree guint *load = g_new0(guint, CPU_MAX + 1);
    json_t *sets = json_object();

    for (guint i = 0; i < users->len; i++) {
        const User *user = users->pdata[i];

        for (guint j = 0; user->pinned != NULL && j < user->pinned->len; j++)
            load[g_array_index(user->pinned, guint, j)]++;
    }
    for (guint i = 0; i < users->len; i++) {
        User *user = users->pdata[i];
        const char *old = json_member_string(before, user->name);
        g_autoptr(GArray) had = NULL;
        g_autoptr(GArray) taken = NULL;

        if (user->count == 0)
            continue;
        had = cpus_parse(old != NULL ? old : "", NULL);
        if (had == NULL)
            had = g_array_new(FALSE, FALSE, sizeof(guint));
        taken = cpus_take(online, load, user->count, had);
        user->set = cpus_format(taken);
        json_object_set_new(sets, user->name, json_string(user->set));
    }
    return sets;
}

static gboolean give(const char *dir, const User *user, const char *online, GError **error)
{
    g_autofree char *group = cgroup_name(dir, user->name, "");
    g_autoptr(Groups) groups = groups_of(user->init, group, error);
    const Limit *limit = limit_by_key("cpuset");
    g_autofree char *now = NULL;

    if (groups == NULL || !limit_read(limit, groups, online, &now, error))
        return FALSE;
    return g_strcmp0(now, user->set) == 0 || limit_write(limit, groups, online, user->set, error);
}

/* Who has no count any more may have got CPUs meanwhile from somebody who did not know yet. */
static gboolean release(const char *dir, const char *name, const char *online, GError **error)
{
    g_autoptr(json_t) record = record_read(dir, name, NULL);
    g_autofree char *group = cgroup_name(dir, name, "");
    pid_t init = record_init(record);
    g_autoptr(Groups) groups = init > 0 ? groups_of(init, group, error) : NULL;
    const Limit *limit = limit_by_key("cpuset");
    g_autofree char *now = NULL;

    if (init == 0)
        return TRUE;
    return groups != NULL && limit_read(limit, groups, online, &now, error) &&
           (now == NULL || limit_write(limit, groups, online, NULL, error));
}

static gboolean is_user(const GPtrArray *users, const char *name)
{
    for (guint i = 0; i < users->len; i++) {
        if (g_str_equal(((const User *)users->pdata[i])->name, name))
            return TRUE;
    }
    return FALSE;
}

/* Noted first: a look in between waits for the kernel to follow. */
static gboolean note(const char *dir, const char *online, json_t *sets, GError **error)
{
    g_autoptr(json_t) all = json_pack("{ss sO}", "of", online, "sets", sets);

    return record_write(dir, SETS, all, error);
}

/* Nobody has a count any more: no file is left. */
static gboolean forget(const char *dir, GError **error)
{
    g_autofree char *lock = g_strdup_printf("%s/run/%s.lock", dir, SETS);

    return record_remove(dir, SETS, error) && file_remove(lock, error);
}

gboolean balance_run(const char *dir, const char *name, GError **error)
{
    g_auto(Fd) lock = record_lock(dir, SETS, error);
    g_autoptr(GPtrArray) users = lock >= 0 ? find_users(dir) : NULL;
    g_autofree char *online = host_cpus();
    g_autoptr(GArray) cpus = cpus_parse(online, error);
    g_autoptr(json_t) before = NULL;
    g_autoptr(json_t) sets = NULL;
    gboolean given = TRUE;

    if (users == NULL || cpus == NULL)
        return FALSE;
    if (!is_user(users, name) && !release(dir, name, online, error))
        return FALSE;
    before = record_read(dir, SETS, NULL);
    sets = spread(users, cpus, json_object_get(before, "sets"));
    if (json_object_size(sets) == 0)
        return forget(dir, error);
    if (!note(dir, online, sets, error))
        return FALSE;
    for (guint i = 0; i < users->len; i++) {
        const User *user = users->pdata[i];
        gboolean own = g_str_equal(user->name, name);

        if (user->set != NULL && !give(dir, user, online, own ? error : NULL) && own)
            given = FALSE;
    }
    return given;
}

gboolean balance_recognize(const char *dir, const char *name, const char *online, json_t *limits)
{
    g_autoptr(json_t) all = record_read(dir, SETS, NULL);
    const char *set = json_member_string(json_object_get(all, "sets"), name);
    g_autoptr(GArray) cpus = set != NULL ? cpus_parse(set, NULL) : NULL;

    if (cpus == NULL || g_strcmp0(json_member_string(all, "of"), online) != 0 ||
        g_strcmp0(json_member_string(limits, "cpuset"), set) != 0)
        return FALSE;
    json_object_del(limits, "cpuset");
    json_object_set_new(limits, "cpus", json_sprintf("%u", cpus->len));
    return TRUE;
}
