/* JSON Schemas and reference pages: what is checked in is what the tables say. */
#include <criterion/criterion.h>
#include <string.h>

#include "error.h"
#include "object.h"
#include "schema.h"

Test(schema, checked_in_files_are_up_to_date)
{
    g_autoptr(GPtrArray) files = schema_files();

    cr_assert(files->len >= 2 * (2 + 2 * KIND_MAX));
    for (guint i = 0; i + 1 < files->len; i += 2) {
        g_autofree char *path = g_build_filename(SOURCE_ROOT, g_ptr_array_index(files, i), NULL);
        g_autofree char *text = NULL;

        cr_expect(g_file_get_contents(path, &text, NULL, NULL), "%s is missing", path);
        cr_expect(g_strcmp0(text, g_ptr_array_index(files, i + 1)) == 0,
                  "%s is out of date: run `ninja regenerate`", path);
    }
}

Test(schema, each_kind_has_one_and_a_page)
{
    for (guint i = 0; i < KIND_MAX; i++) {
        g_autoptr(json_t) schema = schema_of(KINDS[i]);
        g_autofree char *page = schema_doc(KINDS[i]);
        g_autofree char *heading = g_strdup_printf("# %s\n", KINDS[i]->title);

        cr_expect_str_eq(json_member_string(schema, "$schema"),
                         "https://json-schema.org/draft/2020-12/schema");
        cr_expect_str_eq(json_member_string(schema, "title"), KINDS[i]->title);
        cr_expect(json_object_size(json_object_get(schema, "properties")) > 0);
        cr_expect(json_is_false(json_object_get(schema, "additionalProperties")));
        cr_expect(g_str_has_prefix(page, heading));
        for (const Row *row = KINDS[i]->config; row != NULL && row->key != NULL; row++) {
            g_autofree char *cell = g_strdup_printf("| `%s` |", row->key);

            cr_expect_not_null(strstr(page, cell), "%s is not on the page of %s", row->key,
                               KINDS[i]->name);
        }
    }
}

Test(schema, whole_file)
{
    g_autoptr(json_t) schema = schema_of(NULL);
    json_t *properties = json_object_get(schema, "properties");

    for (guint i = 0; i < KIND_MAX; i++) {
        cr_expect_not_null(json_object_get(properties, KINDS[i]->plural));
        cr_expect_not_null(json_object_get(json_object_get(schema, "$defs"), KINDS[i]->name));
    }
    cr_expect_not_null(json_object_get(properties, "network_acls"));
    cr_expect(json_is_false(json_object_get(schema, "additionalProperties")));
}

static void every_reference_resolves(const json_t *root, const json_t *value)
{
    const char *key;
    json_t *member;
    size_t i;

    json_object_foreach ((json_t *)value, key, member) {
        if (strcmp(key, "$ref") == 0 && json_is_string(member)) {
            const char *name = json_string_value(member);

            cr_expect(g_str_has_prefix(name, "#/$defs/"));
            cr_expect_not_null(
                json_object_get(json_object_get(root, "$defs"), name + strlen("#/$defs/")), "%s",
                name);
        }
        every_reference_resolves(root, member);
    }
    json_array_foreach (value, i, member)
        every_reference_resolves(root, member);
}

Test(schema, references_resolve)
{
    g_autoptr(json_t) whole = schema_of(NULL);

    every_reference_resolves(whole, whole);
    for (guint i = 0; i < KIND_MAX; i++) {
        g_autoptr(json_t) schema = schema_of(KINDS[i]);

        every_reference_resolves(schema, schema);
    }
}

/* What the patterns say is what the types check, on the words of the defaults. */
static void pattern_takes_default(const Row *row)
{
    g_autoptr(json_t) schema =
        row->type->schema != NULL ? json_loads(row->type->schema, 0, NULL) : NULL;
    const char *pattern = json_member_string(schema, "pattern");

    if (pattern != NULL && row->fallback != NULL)
        cr_expect(g_regex_match_simple(pattern, row->fallback, 0, 0), "%s: %s", row->key,
                  row->fallback);
}

Test(schema, patterns_take_defaults)
{
    for (guint i = 0; i < KIND_MAX; i++)
        for (const Row *row = KINDS[i]->config; row != NULL && row->key != NULL; row++)
            pattern_takes_default(row);
    for (const DeviceType *type = DEVICE_TYPES; type->type != NULL; type++)
        for (const Row *row = type->rows; row->key != NULL; row++)
            pattern_takes_default(row);
}

Test(schema, every_refused_key_has_its_reason)
{
    g_autofree char *support = schema_support();

    cr_expect_null(strstr(support, "| ? |"));
    cr_expect_not_null(strstr(support, "| `bgp.peers.*.asn` | no BGP speaker yet |"));
    cr_expect_null(strstr(support, "`ipv4.nat`"));
}

static void says(KindId kind, const char *key, const char *part)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *text = schema_doc_key(KINDS[kind], key, &error);

    cr_assert_not_null(text, "%s: %s", key, error != NULL ? error->message : "");
    cr_expect_not_null(strstr(text, part), "%s does not say \"%s\" but %s", key, part, text);
}

static void misses(KindId kind, const char *key, const char *part)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *text = schema_doc_key(KINDS[kind], key, &error);

    cr_expect_null(text, "%s", key);
    cr_assert(g_error_matches(error, BERTH_ERROR, ERR_NOT_FOUND));
    cr_expect_not_null(strstr(error->message, part), "\"%s\" does not name \"%s\"", error->message,
                       part);
}

Test(schema, doc_of_one_key)
{
    says(KIND_INSTANCE, "limits.memory", "I-121");
    says(KIND_INSTANCE, "config.limits.memory", "change    live");
    says(KIND_INSTANCE, "user.anything", "Free keys");
    says(KIND_INSTANCE, "devices.disk.size", "D-DISK-08");
    says(KIND_INSTANCE, "devices.bridged.hwaddr", "D-NIC-BR-05");
    says(KIND_INSTANCE, "devices.nic.mode", "D-NIC-IV-04");
    says(KIND_INSTANCE, "source.alias", "names     image");
    says(KIND_INSTANCE, "type", "blocked");
    says(KIND_POOL, "driver", "required  yes");
    says(KIND_NETWORK, "bridge.mtu", "1280 to 16384");
    says(KIND_NETWORK, "ipv4.address", "once by berth");
    says(KIND_NETWORK, "bgp.peers.a.asn", "not by this build");
    says(KIND_SERVER, "core.https_address", "SV-28");
    misses(KIND_INSTANCE, "limits.memry", "limits.memory");
    misses(KIND_INSTANCE, "devices.disk.sice", "size");
    misses(KIND_INSTANCE, "devices.floppy.size", "berth doc instance");
    misses(KIND_IMAGE, "config.x", "berth doc image");
    misses(KIND_POOL, "drivr", "driver");
}
