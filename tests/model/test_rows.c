/* Every row of every table is complete, and the tables hold every key of the specification. */
#include <criterion/criterion.h>
#include <string.h>

#include "error.h"
#include "kind.h"
#include "object.h"

typedef void (*Visit)(const char *table, const Row *rows, const Row *row);

static void visit_rows(const char *table, const Row *rows, Visit visit)
{
    for (const Row *row = rows; row->key != NULL; row++) {
        visit(table, rows, row);
        if (row->fields != NULL) {
            g_autofree char *below = g_strdup_printf("%s.%s", table, row->key);

            visit_rows(below, row->fields, visit);
        }
    }
}

static void visit_all(Visit visit)
{
    for (guint i = 0; i < KIND_MAX; i++) {
        g_autofree char *config = g_strdup_printf("%s.config", KINDS[i]->name);

        visit_rows(KINDS[i]->name, KINDS[i]->fields, visit);
        if (KINDS[i]->config != NULL)
            visit_rows(config, KINDS[i]->config, visit);
    }
    for (const DeviceType *type = DEVICE_TYPES; type->type != NULL; type++) {
        g_autofree char *name =
            g_strdup_printf("device %s %s", type->type, type->variant != NULL ? type->variant : "");

        visit_rows(name, type->rows, visit);
    }
}

static void is_complete(const char *table, const Row *rows, const Row *row)
{
    cr_expect_not_null(row->type, "%s: %s has no type", table, row->key);
    cr_expect(row->summary != NULL && strlen(row->summary) >= 4, "%s: %s has no summary", table,
              row->key);
    cr_expect(row->summary != NULL && g_str_has_suffix(row->summary, "."),
              "%s: the summary of %s does not end in a dot", table, row->key);
    cr_expect(row->summary != NULL && strchr(row->summary, '\n') == NULL,
              "%s: the summary of %s has two lines", table, row->key);
    cr_expect(row->spec_id != NULL && strchr(row->spec_id, '-') != NULL, "%s: %s has no spec id",
              table, row->key);
    cr_expect(row->label < LABEL_MAX, "%s: %s has no label", table, row->key);
    cr_expect(row->type != &TYPE_ENUM || (row->values != NULL && row->values[0] != NULL),
              "%s: %s has no words", table, row->key);
    cr_expect((row->type->shape == SHAPE_OBJECT || row->type->shape == SHAPE_OBJECTS) ==
                  (row->fields != NULL),
              "%s: %s and its fields", table, row->key);
    cr_expect(row->min <= row->max, "%s: the bounds of %s", table, row->key);
    cr_expect(row->ref == NULL || kind_by_name(row->ref) != NULL, "%s: %s refers to no kind", table,
              row->key);
    cr_expect(strchr(row->key, '*') == NULL || strchr(strchr(row->key, '*') + 1, '*') == NULL,
              "%s: %s has two stars", table, row->key);
    cr_expect((row->flags & ROW_UNSUPPORTED) == 0 || (row->flags & ROW_RUNTIME) == 0, "%s: %s",
              table, row->key);
}

Test(rows, complete)
{
    visit_all(is_complete);
}

static void default_passes(const char *table, const Row *rows, const Row *row)
{
    g_autoptr(GError) error = NULL;

    if (row->fallback == NULL || row->type->check == NULL)
        return;
    cr_expect(row->type->check(row, row->fallback, &error), "%s: the default of %s: %s", table,
              row->key, error != NULL ? error->message : "");
}

Test(rows, defaults_pass_their_own_check)
{
    visit_all(default_passes);
}

static void is_found(const char *table, const Row *rows, const Row *row)
{
    g_auto(GStrv) parts = g_strsplit(row->key, "*", 2);
    g_autofree char *key = g_strjoinv("n1", parts);
    const Row *found = row_find(rows, key);

    cr_expect(found == row, "%s: %s is found as %s", table, key,
              found != NULL ? found->key : "nothing");
}

Test(rows, each_is_found_by_its_key_and_only_once)
{
    visit_all(is_found);
}

static void schema_is_json(const char *table, const Row *rows, const Row *row)
{
    json_error_t error;
    json_t *part;

    if (row->type->schema == NULL)
        return;
    part = json_loads(row->type->schema, 0, &error);
    cr_expect(json_is_object(part), "%s: the schema of %s: %s", table, row->key, error.text);
    json_decref(part);
}

Test(rows, type_schemas_are_json)
{
    visit_all(schema_is_json);
}

/* A row with a type that compares by meaning calls its default equal to itself. */
static void default_is_itself(const char *table, const Row *rows, const Row *row)
{
    if (row->fallback != NULL && row->type->same != NULL)
        cr_expect(row->type->same(row->fallback, row->fallback), "%s: %s", table, row->key);
}

Test(rows, defaults_equal_themselves)
{
    visit_all(default_is_itself);
}

/* Texts of every form that some type takes, and of forms that none should choke on. */
static const char *const CORPUS[] = {
    "",
    " ",
    "0",
    "1",
    "-1",
    "true",
    "No",
    "10",
    "4096",
    "99999999999999999999",
    "1GiB",
    "10 bytes",
    "1KB",
    "100Mbit",
    "500iops",
    "50%",
    "0%",
    "%",
    "0-3",
    "0,2,4-5",
    "3-1",
    "1-1",
    "20ms/50ms",
    "ms/ms",
    "1000:2000",
    "unlimited",
    ":",
    "00:16:3e:aa:bb:cc",
    "01:00:00:00:00:00",
    "10.0.0.1",
    "10.0.0.1/24",
    "10.0.0.0/24",
    "fd42::1",
    "fd42::1/64",
    "fd42::/64",
    "10.0.0.1-10.0.0.9",
    "10.0.0.9-10.0.0.1",
    "lan:10.0.0.0/8",
    "a,b",
    "a,,b",
    ",",
    "br0",
    "abcdefghijklmnop",
    "/",
    "/srv,/opt",
    "srv",
    "@daily",
    "@daily, 0 6 * * *",
    "0 6 * * *",
    "* * * *",
    "1M 2H 3d",
    "1M 1M",
    "30m",
    "infinite",
    "both 1000 1000",
    "uid 1-2 3-4\nuid 9 9",
    "lxc.a = b",
    "lxc.a",
    "web",
    "..",
    "a/b",
    "2030-01-31T00:00:00Z",
    "network/lan",
    "x86_64",
    "amd64",
    "gzip -9",
    "none",
    "auto",
    "0660",
    "0899",
    "046d",
    "0000:03:00.0",
    "tcp:0.0.0.0:80",
    "unix:@x",
    "192.0.2.1:8443",
    ":8443",
    "[::1]:1",
    "1000-1999,5",
    "pool/volume",
    "3",
    "random",
    "\x7f",
    "\xff\xfe",
    "a\nb",
    "-",
    "--",
    "/////",
    "((((",
    "[",
    "\\",
};

/* A type says why it refuses, and compares whatever it is given: equal to itself, and alike both
 * ways round. */
static void holds_its_contract(const char *table, const Row *rows, const Row *row)
{
    for (guint i = 0; i < G_N_ELEMENTS(CORPUS); i++) {
        g_autoptr(GError) error = NULL;
        gboolean good = row->type->check == NULL || row->type->check(row, CORPUS[i], &error);

        cr_expect(good == (error == NULL), "%s: %s: \"%s\"", table, row->key, CORPUS[i]);
        cr_expect(good || error->message[0] != '\0', "%s: %s: \"%s\"", table, row->key, CORPUS[i]);
        if (row->type->same == NULL)
            continue;
        cr_expect(!good || row->type->same(CORPUS[i], CORPUS[i]), "%s: %s: \"%s\"", table, row->key,
                  CORPUS[i]);
        for (guint j = 0; j < i; j++)
            cr_expect(row->type->same(CORPUS[i], CORPUS[j]) ==
                          row->type->same(CORPUS[j], CORPUS[i]),
                      "%s: %s: \"%s\" and \"%s\"", table, row->key, CORPUS[i], CORPUS[j]);
    }
}

Test(rows, types_hold_their_contract)
{
    visit_all(holds_its_contract);
}

/* An editor that knows the schema must not complain about what berth accepts. */
static void schema_takes_what_the_type_takes(const char *table, const Row *rows, const Row *row)
{
    g_autoptr(json_t) schema =
        row->type->schema != NULL ? json_loads(row->type->schema, 0, NULL) : NULL;
    const char *pattern = json_member_string(schema, "pattern");

    for (guint i = 0; pattern != NULL && i < G_N_ELEMENTS(CORPUS); i++)
        if (CORPUS[i][0] != '\0' && g_utf8_validate(CORPUS[i], -1, NULL) &&
            row->type->check(row, CORPUS[i], NULL))
            cr_expect(g_regex_match_simple(pattern, CORPUS[i], 0, 0),
                      "%s: %s: %s does not take \"%s\"", table, row->key, pattern, CORPUS[i]);
}

Test(rows, schemas_take_what_types_take)
{
    visit_all(schema_takes_what_the_type_takes);
}

Test(rows, find_prefers_exact_keys_and_long_patterns)
{
    const Row *config = KINDS[KIND_INSTANCE]->config;

    cr_expect_str_eq(row_find(config, "user.meta-data")->key, "user.meta-data");
    cr_expect_str_eq(row_find(config, "user.anything.at.all")->key, "user.*");
    cr_expect_str_eq(row_find(config, "volatile.eth0.hwaddr")->key, "volatile.*.hwaddr");
    cr_expect_str_eq(row_find(config, "volatile.eth0.last_state.hwaddr")->key,
                     "volatile.*.last_state.hwaddr");
    cr_expect_str_eq(row_find(config, "volatile.my.nic.hwaddr")->key, "volatile.*.hwaddr");
    cr_expect_str_eq(row_find(config, "volatile.uuid")->key, "volatile.uuid");
    cr_expect_null(row_find(config, "user."));
    cr_expect_null(row_find(config, "volatile..hwaddr"));
    cr_expect_null(row_find(config, "volatile.eth0.other"));
    cr_expect_null(row_find(config, "limits.memory.x"));
    cr_expect_null(row_find(config, ""));
    cr_expect_null(row_find(NULL, "x"));
    cr_expect_null(row_find(config, NULL));
}

Test(rows, nearest)
{
    static const struct {
        KindId kind;
        const char *typed, *meant;
    } cases[] = {
        {KIND_INSTANCE, "limits.memry", "limits.memory"},
        {KIND_INSTANCE, "limits.mem", "limits.memory"},
        {KIND_INSTANCE, "limit.memory", "limits.memory"},
        {KIND_INSTANCE, "memory", "limits.memory"},
        {KIND_INSTANCE, "security.priviledged", "security.privileged"},
        {KIND_INSTANCE, "enviroment.PATH", "environment.*"},
        {KIND_NETWORK, "ipv4.adress", "ipv4.address"},
        {KIND_NETWORK, "ipv4.dhpc", "ipv4.dhcp"},
        {KIND_INSTANCE, "completely.different.thing", NULL},
        {KIND_NETWORK, "zz", NULL},
        {KIND_NETWORK, "", NULL},
    };
    g_autofree char *huge = g_strnfill(1 << 20, 'a');

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        const char *nearest = row_nearest(KINDS[cases[i].kind]->config, cases[i].typed);

        cr_expect(g_strcmp0(nearest, cases[i].meant) == 0, "%s: %s instead of %s", cases[i].typed,
                  nearest, cases[i].meant);
    }
    cr_expect_null(row_nearest(KINDS[KIND_INSTANCE]->config, huge));
    cr_expect_null(row_nearest(NULL, "x"));
}

Test(rows, labels_have_names)
{
    for (Label label = LABEL_NONE; label < LABEL_MAX; label++)
        for (Label other = LABEL_NONE; other < label; other++)
            cr_expect_str_neq(label_to_string(label), label_to_string(other));
    cr_expect_str_eq(label_to_string(LABEL_NEXT_START), "next-start");
}

/* PF-08 */
Test(rows, profiles_have_all_keys_but_volatile_and_image)
{
    const Row *profile = KINDS[KIND_PROFILE]->config;

    cr_expect_null(row_find(profile, "volatile.uuid"));
    cr_expect_null(row_find(profile, "image.os"));
    for (const Row *row = KINDS[KIND_INSTANCE]->config; row->key != NULL; row++) {
        gboolean only =
            g_str_has_prefix(row->key, "volatile.") || g_str_has_prefix(row->key, "image.");

        cr_expect((row >= profile) == !only, "%s", row->key);
    }
}

Test(registry, kinds_are_complete)
{
    for (guint i = 0; i < KIND_MAX; i++) {
        const Kind *kind = KINDS[i];

        cr_assert_not_null(kind);
        cr_expect(kind->id == i);
        cr_expect(kind_by_name(kind->name) == kind);
        cr_expect(kind_by_name(kind->plural) == kind);
        cr_expect(kind->api[0] == '\0' || kind_by_name(kind->api) == kind);
        cr_expect(kind_by_plural(kind->plural) == kind);
        cr_expect_not_null(kind->title);
        cr_expect_not_null(kind->fields);
        cr_expect(((kind->flags & KIND_CONFIG) != 0) == (kind->config != NULL));
        cr_expect(kind->feature == NULL ||
                  row_find(KINDS[KIND_PROJECT]->config, kind->feature) != NULL);
        for (const char *const *key = KINDS_NOT_YET; *key != NULL; key++)
            cr_expect_str_neq(*key, kind->plural);
    }
    cr_expect_null(kind_by_name("thing"));
    cr_expect_null(kind_by_name(""));
    cr_expect_null(kind_by_name(NULL));
    cr_expect_null(kind_by_plural("pool"));
}

/* EN-10, EN-23, EN-49: berth's own fields are on each kind. */
Test(registry, meta_fields)
{
    static const char *const keys[] = {"protect", "renamed_from", "after", "labels", NULL};

    for (guint i = 0; i < KIND_MAX; i++)
        for (const char *const *key = keys; *key != NULL; key++) {
            const Row *row = row_find(KINDS[i]->fields, *key);

            cr_assert_not_null(row, "%s has no %s", KINDS[i]->name, *key);
            cr_expect((row->flags & ROW_META) != 0);
        }
}

/* References point backwards in the order of kinds, so that this order is one to create things in.
 */
static guint rank_of_table;

static void points_backwards(const char *table, const Row *rows, const Row *row)
{
    if (row->ref != NULL)
        cr_expect(kind_by_name(row->ref)->id <= rank_of_table, "%s: %s", table, row->key);
}

Test(registry, references_point_backwards)
{
    for (rank_of_table = 0; rank_of_table < KIND_MAX; rank_of_table++)
        visit_rows(KINDS[rank_of_table]->name, KINDS[rank_of_table]->fields, points_backwards);
}

static const DeviceType *device_named(const char *type, const char *variant)
{
    for (const DeviceType *at = DEVICE_TYPES; at->type != NULL; at++)
        if (strcmp(at->type, type) == 0 &&
            (at->variant == NULL || g_strcmp0(at->variant, variant) == 0))
            return at;
    return NULL;
}

/* The row for one line of keys.txt, and whether it applies to that variant. */
static void look_up(const char *table, const char *key)
{
    g_auto(GStrv) parts = g_strsplit(table, "/", 2);
    const Kind *kind = kind_by_name(parts[0]);
    const DeviceType *device = kind == NULL ? device_named(parts[0], parts[1]) : NULL;
    const Row *row;

    cr_assert(kind != NULL || device != NULL, "no table %s", table);
    row = row_find(kind != NULL ? kind->config : device->rows, key);
    cr_expect_not_null(row, "%s has no row for %s", table, key);
    if (row != NULL && kind != NULL && kind->variant != NULL && parts[1] != NULL) {
        g_autoptr(json_t) spec = json_pack("{s:s}", "type", parts[1]);

        cr_expect(row->applies == 0 || (row->applies & kind->variant(spec)) != 0,
                  "%s: %s does not apply", table, key);
    }
}

Test(rows, hold_every_key_of_the_specification)
{
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;
    guint count = 0;

    cr_assert(g_file_get_contents(SOURCE_ROOT "/tests/model/keys.txt", &text, NULL, NULL));
    lines = g_strsplit(text, "\n", -1);
    for (char **line = lines; *line != NULL; line++) {
        g_auto(GStrv) words = NULL;

        if ((*line)[0] == '\0' || (*line)[0] == '#')
            continue;
        words = g_strsplit(*line, " ", 2);
        look_up(words[0], words[1]);
        count++;
    }
    cr_expect(count > 650, "only %u keys", count);
}
