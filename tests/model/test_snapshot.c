/* What differs between two snapshots, found by going along both. */
#include <criterion/criterion.h>

#include "snapshot.h"

static Object *project(const char *name)
{
    return object_new(KIND_PROJECT, "", "", name, json_pack("{s:{}}", "config"), NULL);
}

static Snapshot *with(const Snapshot *base, const char *const *put, const char *const *gone)
{
    g_autoptr(GPtrArray) objects = g_ptr_array_new_with_free_func((GDestroyNotify)object_unref);
    g_autoptr(GPtrArray) keys = g_ptr_array_new_with_free_func(g_free);

    for (; *put != NULL; put++)
        g_ptr_array_add(objects, project(*put));
    for (; *gone != NULL; gone++)
        g_ptr_array_add(keys, object_key(KIND_PROJECT, "", "", *gone));
    return snapshot_change(base, objects, keys);
}

static void note(const Object *before, const Object *after, void *data)
{
    const Object *either = before != NULL ? before : after;

    g_string_append_printf(data, "%s%s%s ", before != NULL ? "-" : "", after != NULL ? "+" : "",
                           either->id.name);
    cr_expect(before == NULL || after == NULL || strcmp(before->key, after->key) == 0);
}

static void differ(const Snapshot *before, const Snapshot *after, const char *expected)
{
    g_autoptr(GString) found = g_string_new(NULL);

    snapshot_compare(before, after, note, found);
    cr_expect_str_eq(found->str, expected);
}

#define NAMES(...) ((const char *const[]){__VA_ARGS__, NULL})
#define NONE ((const char *const[]){NULL})

Test(snapshot, compare)
{
    g_autoptr(Snapshot) empty = snapshot_new();
    g_autoptr(Snapshot) first = with(NULL, NAMES("b", "d", "f"), NONE);
    g_autoptr(Snapshot) second = with(first, NAMES("a", "d", "g"), NAMES("b"));
    g_autoptr(Snapshot) third = with(second, NONE, NAMES("f", "g"));

    differ(NULL, first, "+b +d +f ");
    differ(first, first, "");
    differ(first, second, "+a -b -+d +g ");
    differ(second, third, "-f -g ");
    differ(third, empty, "-a -d ");
    differ(empty, first, "+b +d +f ");
    cr_expect_neq(snapshot_serial(first), snapshot_serial(second));
}
