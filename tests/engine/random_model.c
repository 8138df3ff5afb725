#include "random_model.h"

#include <string.h>

/* Values that each type takes. Types that are not here (names, references, raw texts) are not
 * drawn. */
static const struct {
    const Type *type;
    const char *values[6];
} SAMPLES[] = {
    {&TYPE_STRING, {"alpha", "beta", "a b", "x=y"}},
    {&TYPE_BOOL, {"true", "false", "yes", "0"}},
    {&TYPE_INT, {"1", "5", "9"}},
    {&TYPE_UINT32, {"70000", "131072"}},
    {&TYPE_SIZE, {"64MiB", "1GiB", "1024MiB", "500MB"}},
    {&TYPE_BITRATE, {"10Mbit", "1Gbit"}},
    {&TYPE_MEMORY, {"64MiB", "1GiB", "25%"}},
    {&TYPE_CPUS, {"1", "2", "0-1", "1-1"}},
    {&TYPE_ALLOWANCE, {"50%", "20ms/50ms"}},
    {&TYPE_RLIMIT, {"1000", "100:200", "unlimited"}},
    {&TYPE_ROUTES4, {"198.51.100.0/24"}},
    {&TYPE_DURATION, {"30m", "2h"}},
    {&TYPE_PATH, {"/srv/a", "/srv/b"}},
};

static GHashTable *used_keys;

static guint pick(GRand *rand, guint below)
{
    return (guint)g_rand_int_range(rand, 0, (gint32)below);
}

static gboolean chance(GRand *rand, guint percent)
{
    return pick(rand, 100) < percent;
}

static const char *sample(const Row *row, GRand *rand)
{
    if (row->values != NULL) {
        guint count = g_strv_length((char **)row->values);

        return row->type == &TYPE_ENUM ? row->values[pick(rand, count)] : NULL;
    }
    if (row->ref != NULL)
        return NULL;
    for (guint i = 0; i < G_N_ELEMENTS(SAMPLES); i++) {
        guint count = 0;

        if (SAMPLES[i].type != row->type)
            continue;
        while (count < G_N_ELEMENTS(SAMPLES[i].values) && SAMPLES[i].values[count] != NULL)
            count++;
        return SAMPLES[i].values[pick(rand, count)];
    }
    return NULL;
}

/* A concrete key of a row: wildcards get one of three names. */
static char *concrete_key(const Row *row, GRand *rand)
{
    static const char *const names[] = {"a", "bb", "c.d"};
    GString *key = g_string_new(row->key);

    g_string_replace(
        key, "*",
        names[pick(rand,
                   strchr(row->key, '*') != NULL && row->key[strlen(row->key) - 1] == '*' ? 3 : 2)],
        0);
    return g_string_free(key, FALSE);
}

static gboolean is_usable(const Row *row, guint variant)
{
    if ((row->flags & (ROW_UNSUPPORTED | ROW_RUNTIME | ROW_GENERATED)) != 0 ||
        g_str_has_prefix(row->key, "volatile.") || g_str_has_prefix(row->key, "image.") ||
        strcmp(row->key, "security.protection.delete") ==
            0 ||                              /* it refuses what the tests do next */
        strcmp(row->key, "raw.seccomp") == 0) /* it excludes keys that profiles or instances have */
        return FALSE;
    return row->label != LABEL_BLOCKED &&
           (row->applies == 0 || variant == 0 || (row->applies & variant) != 0);
}

/* Whether an object with this config is valid by itself: its rows and its kind's own rules. */
static gboolean is_accepted(const Kind *kind, const char *name, const json_t *body)
{
    g_autoptr(Problems) problems = problems_new();
    g_autoptr(GPtrArray) alone = g_ptr_array_new();
    g_autoptr(Snapshot) snapshot = NULL;
    g_autoptr(Object) object = document_object_from_json(kind, "default", name, body, problems);

    if (object == NULL)
        return FALSE;
    g_ptr_array_add(alone, object);
    snapshot = snapshot_change(NULL, alone, NULL);
    validate_object(snapshot, object, problems);
    if (kind->check != NULL)
        kind->check(snapshot, object, problems);
    for (guint i = 0; i < problems->items->len; i++) {
        const Problem *problem = problems->items->pdata[i];

        if (problem->severity != PROBLEM_REMARK && problem->path != NULL &&
            g_str_has_prefix(problem->path, "config"))
            return FALSE;
    }
    return TRUE;
}

/* Sets or drops one random config key of an object. */
static void change_config(const Kind *kind, const char *name, json_t *body, GRand *rand)
{
    json_t *config = json_object_get(body, "config");
    guint variant = kind->variant != NULL ? kind->variant(body) : 0;
    guint rows = 0;

    while (kind->config[rows].key != NULL)
        rows++;
    for (guint attempt = 0; attempt < 20; attempt++) {
        const Row *row = &kind->config[pick(rand, rows)];
        const char *value = is_usable(row, variant) ? sample(row, rand) : NULL;
        g_autofree char *key = value != NULL ? concrete_key(row, rand) : NULL;
        g_autoptr(json_t) before = NULL;

        if (value == NULL)
            continue;
        before = json_incref(json_object_get(config, key));
        if (before != NULL && chance(rand, 40)) {
            json_object_del(config, key);
        } else {
            json_object_set_new(config, key, json_string(value));
        }
        if (is_accepted(kind, name, body)) {
            g_hash_table_add(used_keys, (gpointer)row);
            return;
        }
        if (before != NULL)
            json_object_set(config, key, before);
        else
            json_object_del(config, key);
    }
}

static json_t *section(json_t *model, const char *name)
{
    json_t *list = json_object_get(model, name);

    if (list == NULL) {
        list = json_array();
        json_object_set_new(model, name, list);
    }
    return list;
}

static const char *any_name(json_t *model, const char *kind, GRand *rand)
{
    json_t *list = section(model, kind);

    return json_member_string(json_array_get(list, pick(rand, (guint)json_array_size(list))),
                              "name");
}

static void add_keys(const Kind *kind, json_t *body, GRand *rand, guint most)
{
    const char *name = json_member_string(body, "name");

    for (guint i = pick(rand, most + 1); i > 0; i--)
        change_config(kind, name, body, rand);
}

static void add_pool(json_t *model, GRand *rand, guint n)
{
    json_t *body = json_pack("{s:o, s:s, s:{}}", "name", json_sprintf("pool%u", n), "driver",
                             chance(rand, 50) ? "dir" : "btrfs", "config");

    add_keys(KINDS[KIND_POOL], body, rand, 2);
    json_array_append_new(section(model, "storage_pools"), body);
}

static void add_network(json_t *model, GRand *rand, guint n)
{
    json_t *body = json_pack("{s:o, s:{}}", "name", json_sprintf("net%u", n), "config");
    json_t *config = json_object_get(body, "config");

    if (chance(rand, 60))
        json_object_set_new(config, "ipv4.address", json_sprintf("10.77.%u.1/24", n));
    if (chance(rand, 30))
        json_object_set_new(config, "ipv6.address", json_string("none"));
    add_keys(KINDS[KIND_NETWORK], body, rand, 4);
    json_array_append_new(section(model, "networks"), body);
}

static void add_image(json_t *model, GRand *rand, guint n)
{
    json_array_append_new(section(model, "images"),
                          json_pack("{s:o, s:{s:o}}", "name", json_sprintf("image%u", n), "source",
                                    "file", json_sprintf("/images/%u.tar", n)));
}

static void add_profile(json_t *model, GRand *rand, guint n)
{
    json_t *body =
        json_pack("{s:o, s:{}, s:{}}", "name", json_sprintf("profile%u", n), "config", "devices");

    add_keys(KINDS[KIND_PROFILE], body, rand, 4);
    if (chance(rand, 40))
        json_object_set_new(
            json_object_get(body, "devices"), "extra",
            json_pack("{s:s, s:s}", "type", "nic", "network", any_name(model, "networks", rand)));
    json_array_append_new(section(model, "profiles"), body);
}

static void add_project(json_t *model, GRand *rand, guint n)
{
    json_array_append_new(section(model, "projects"),
                          json_pack("{s:o, s:{s:s, s:s}}", "name", json_sprintf("project%u", n),
                                    "config", "features.images", "false", "features.profiles",
                                    "false"));
}

static void add_instance(json_t *model, GRand *rand, guint n)
{
    static const char *const states[] = {"running", "running", "stopped", "frozen"};
    json_t *body = json_pack(
        "{s:o, s:{s:s}, s:[], s:{}, s:{s:{s:s, s:s, s:s}}}", "name", json_sprintf("inst%u", n),
        "source", "alias", any_name(model, "images", rand), "profiles", "config", "devices", "root",
        "type", "disk", "path", "/", "pool", any_name(model, "storage_pools", rand));

    if (chance(rand, 85))
        json_object_set_new(body, "state", json_string(states[pick(rand, G_N_ELEMENTS(states))]));
    if (chance(rand, 60))
        json_array_append_new(json_object_get(body, "profiles"),
                              json_string(any_name(model, "profiles", rand)));
    if (chance(rand, 60))
        json_object_set_new(
            json_object_get(body, "devices"), "eth0",
            json_pack("{s:s, s:s}", "type", "nic", "network", any_name(model, "networks", rand)));
    if (json_array_size(json_object_get(model, "projects")) > 0 && chance(rand, 15))
        json_object_set_new(body, "project", json_string(any_name(model, "projects", rand)));
    add_keys(KINDS[KIND_INSTANCE], body, rand, 5);
    json_array_append_new(section(model, "instances"), body);
}

static guint next_number(json_t *model)
{
    guint n = (guint)json_integer_value(json_object_get(model, "$next"));

    json_object_set_new(model, "$next", json_integer(n + 1));
    return n;
}

json_t *random_model(GRand *rand)
{
    json_t *model = json_object();
    guint instances = 10 + pick(rand, 35);

    if (used_keys == NULL)
        used_keys = g_hash_table_new(NULL, NULL);
    if (chance(rand, 50))
        json_object_set_new(model, "config", json_pack("{s:s}", "user.site", "a"));
    for (guint i = 1 + pick(rand, 3); i > 0; i--)
        add_pool(model, rand, next_number(model));
    for (guint i = 2 + pick(rand, 3); i > 0; i--)
        add_network(model, rand, next_number(model));
    for (guint i = 2 + pick(rand, 2); i > 0; i--)
        add_image(model, rand, next_number(model));
    for (guint i = 2 + pick(rand, 3); i > 0; i--)
        add_profile(model, rand, next_number(model));
    for (guint i = pick(rand, 3); i > 0; i--)
        add_project(model, rand, next_number(model));
    for (guint i = instances; i > 0; i--)
        add_instance(model, rand, next_number(model));
    return model;
}

static json_t *any_body(json_t *list, GRand *rand, guint *ret_index)
{
    if (json_array_size(list) == 0)
        return NULL;
    *ret_index = pick(rand, (guint)json_array_size(list));
    return json_array_get(list, *ret_index);
}

static void rename_instance(json_t *model, json_t *body)
{
    json_object_set(body, "renamed_from", json_object_get(body, "name"));
    json_object_set_new(body, "name", json_sprintf("moved%u", next_number(model)));
}

static void edit_instance(json_t *model, GRand *rand)
{
    json_t *list = section(model, "instances");
    guint index = 0;
    json_t *body = any_body(list, rand, &index);

    if (body == NULL)
        return;
    json_object_del(body, "renamed_from");
    switch (pick(rand, 8)) {
    case 0:
        json_array_remove(list, index);
        break;
    case 1:
        rename_instance(model, body);
        break;
    case 2:
        json_object_set_new(json_object_get(body, "source"), "alias",
                            json_string(any_name(model, "images", rand)));
        break;
    case 3:
        json_object_set_new(body, "state", json_string(chance(rand, 50) ? "stopped" : "running"));
        break;
    case 4:
        json_object_set_new(
            json_object_get(body, "devices"), "eth1",
            json_pack("{s:s, s:s}", "type", "nic", "network", any_name(model, "networks", rand)));
        break;
    case 5:
        json_object_del(json_object_get(body, "devices"), "eth0");
        break;
    default:
        change_config(KINDS[KIND_INSTANCE], json_member_string(body, "name"), body, rand);
        break;
    }
}

static void edit_listed(json_t *model, const char *name, KindId kind, GRand *rand)
{
    guint index = 0;
    json_t *body = any_body(section(model, name), rand, &index);

    if (body != NULL)
        change_config(KINDS[kind], json_member_string(body, "name"), body, rand);
}

void random_edit(json_t *model, GRand *rand, guint edits)
{
    json_t *body;
    size_t i;

    json_array_foreach (json_object_get(model, "instances"), i, body) /* done by the last apply */
        json_object_del(body, "renamed_from");
    for (; edits > 0; edits--) {
        switch (pick(rand, 10)) {
        case 0:
            add_instance(model, rand, next_number(model));
            break;
        case 1:
            edit_listed(model, "networks", KIND_NETWORK, rand);
            break;
        case 2:
            edit_listed(model, "profiles", KIND_PROFILE, rand);
            break;
        case 3:
            edit_listed(model, "storage_pools", KIND_POOL, rand);
            break;
        case 4:
            add_network(model, rand, next_number(model));
            break;
        default:
            edit_instance(model, rand);
            break;
        }
    }
}

char *random_text(const json_t *model)
{
    g_autoptr(json_t) copy = json_copy((json_t *)model);

    json_object_del(copy, "$next");
    return json_text(copy);
}

void random_coverage(guint *ret_used, guint *ret_all)
{
    static const KindId kinds[] = {KIND_POOL, KIND_NETWORK, KIND_PROFILE, KIND_INSTANCE};

    *ret_used = used_keys != NULL ? g_hash_table_size(used_keys) : 0;
    *ret_all = 0;
    for (guint k = 0; k < G_N_ELEMENTS(kinds); k++) {
        for (const Row *row = KINDS[kinds[k]]->config; row->key != NULL; row++)
            *ret_all += is_usable(row, 0) ? 1 : 0;
    }
}
