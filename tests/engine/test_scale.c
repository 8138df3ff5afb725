/* What a plan looks at grows with the change and not with the host: counted, not timed. And it
 * finds all that the change reaches. */
#include <criterion/criterion.h>
#include <string.h>

#include "error.h"
#include "support.h"

#define LAN "network/default//lan"

static char *text_of(guint instances, const char *profile)
{
    GString *text = g_string_new(
        "storage_pools:\n  - {name: data, driver: dir}\n"
        "networks:\n  - {name: lan, config: {ipv4.address: 10.0.0.1/8, ipv6.address: none}}\n"
        "images:\n  - {name: busybox, source: 'builtin:busybox'}\nprofiles:\n");

    g_string_append_printf(text,
                           "  - name: default\n    devices:\n      root: {type: disk, path: /, "
                           "pool: data}\n      eth0: {type: nic, network: lan}\n"
                           "  - name: few\n    config: {%s}\ninstances:\n",
                           profile);
    for (guint i = 0; i < instances; i++)
        g_string_append_printf(text, "  - {name: web%u, image: busybox, state: running%s}\n", i,
                               i < 3 ? ", profiles: [default, few]" : "");
    return g_string_free(text, FALSE);
}

static World *world_with(guint instances)
{
    g_autofree char *text = text_of(instances, "");
    g_autoptr(GError) error = NULL;
    World *world = world_new();

    cr_assert(world_apply(world, text, &error), "%s", error->message);
    world_take_observations(world);
    return world;
}

/* A copy of a stored object with one member of its spec set; `map` "" is the spec itself. */
static Object *edited(World *world, const char *key, const char *map, const char *name,
                      json_t *value)
{
    const Object *stored = snapshot_get(engine_stored(world->engine), key);
    Object *copy = object_with(stored, NULL, NULL);
    json_t *members = *map != '\0' ? json_object_get(copy->spec, map) : copy->spec;

    json_object_set_new(members, name, value);
    return copy;
}

/* Takes `object` over. */
static Plan *plan_of(World *world, Object *object, GError **error)
{
    g_autoptr(GPtrArray) put = g_ptr_array_new_with_free_func((GDestroyNotify)object_unref);
    PlanOptions options = world_options();

    g_ptr_array_add(put, object);
    return engine_plan_change(world->engine, put, NULL, &options, error);
}

static void must_change(World *world, Object *object)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Plan) plan = plan_of(world, object, &error);
    g_auto(ApplyResult) result = {0};

    cr_assert_not_null(plan, "%s", error != NULL ? error->message : "");
    cr_assert(world_apply_plan(world, plan, &result, &error), "%s",
              error != NULL ? error->message : "");
    world_take_observations(world);
}

static guint looks_of_no_op(guint instances)
{
    g_autoptr(World) world = world_with(instances);
    g_autofree char *text = text_of(instances, "");
    g_autoptr(GError) error = NULL;
    g_autoptr(Plan) plan = world_plan(world, text, NULL, &error);

    cr_assert_not_null(plan, "%s", error != NULL ? error->message : "");
    cr_assert(plan_is_empty(plan));
    return world_take_observations(world);
}

Test(scale, a_plan_of_all_looks_once_at_each)
{
    cr_assert_eq(looks_of_no_op(40) - looks_of_no_op(10), 30);
}

static guint looks_of_change(guint instances, const char *key, const char *map, const char *name,
                             const char *value)
{
    g_autoptr(World) world = world_with(instances);
    g_autoptr(GError) error = NULL;
    g_autoptr(Plan) plan =
        plan_of(world, edited(world, key, map, name, json_string(value)), &error);

    cr_assert_not_null(plan, "%s", error != NULL ? error->message : "");
    cr_assert(!plan_is_empty(plan));
    return world_take_observations(world);
}

Test(scale, an_edit_of_an_instance_looks_at_it_alone)
{
    /* As it is, and as it was. */
    cr_assert_eq(looks_of_change(10, "instance/default//web5", "config", "limits.memory", "64MiB"),
                 2);
    cr_assert_eq(looks_of_change(40, "instance/default//web5", "config", "limits.memory", "64MiB"),
                 2);
}

/* The host has a link for each container that runs. */
Test(scale, links_are_listed_for_who_needs_them)
{
    g_autoptr(World) world = world_with(3);
    g_autoptr(GError) error = NULL;
    g_autoptr(Plan) plan = NULL;
    g_autoptr(Plan) blind = NULL;

    world_hide(world, "interfaces");
    must_change(world, edited(world, "instance/default//web1", "config", "limits.memory",
                              json_string("64MiB")));
    must_change(world, edited(world, LAN, "config", "ipv4.dhcp.expiry", json_string("2h")));
    /* A subnet is drawn clear of theirs. */
    blind =
        plan_of(world, edited(world, LAN, "config", "ipv6.address", json_string("auto")), &error);
    cr_assert_null(blind);
    cr_expect_str_eq(error->message, "interfaces: hidden by the test");
    g_clear_error(&error);
    world_hide(world, NULL);
    plan =
        plan_of(world, edited(world, LAN, "config", "ipv6.address", json_string("auto")), &error);
    cr_assert_not_null(plan, "%s", error != NULL ? error->message : "");
}

Test(scale, an_edit_of_a_profile_looks_at_its_instances)
{
    guint few = looks_of_change(10, "profile/default//few", "config", "limits.memory", "64MiB");

    cr_assert_eq(few,
                 looks_of_change(40, "profile/default//few", "config", "limits.memory", "64MiB"));
    cr_assert_leq(few, 8); /* three instances and the profile, before and after */
    cr_assert_geq(few, 6);
}

Test(scale, an_edit_of_a_network_looks_at_whose_facts_differ)
{
    /* Its instances do not care for the addresses that it leases. */
    cr_assert_eq(looks_of_change(10, LAN, "config", "ipv4.dhcp.expiry", "2h"), 2);
    cr_assert_eq(looks_of_change(40, LAN, "config", "ipv4.dhcp.expiry", "2h"), 2);
}

/* The objects and steps of a plan, without what was observed. */
static char *essence(const Plan *plan)
{
    g_autoptr(json_t) all = plan_json(plan);
    g_autoptr(json_t) objects = json_array();
    g_autoptr(json_t) essence = NULL;
    json_t *object, *field;
    size_t i, j;

    json_array_foreach (json_object_get(all, "objects"), i, object) {
        json_array_foreach (json_object_get(object, "fields"), j, field)
            json_object_del(field, "source"); /* only a file has lines */
        json_array_append(objects, object);
    }
    essence = json_pack("{s:O, s:O}", "objects", objects, "steps", json_object_get(all, "steps"));
    return json_text(essence);
}

Test(scale, a_change_is_the_same_plan_as_that_of_all)
{
    g_autoptr(World) world = world_with(12);
    g_autofree char *text = text_of(12, "limits.memory: 64MiB");
    g_autoptr(GError) error = NULL;
    g_autoptr(Plan) all = world_plan(world, text, NULL, &error);
    g_autoptr(Plan) change = plan_of(
        world,
        edited(world, "profile/default//few", "config", "limits.memory", json_string("64MiB")),
        &error);
    g_autofree char *expected = all != NULL ? essence(all) : NULL;
    g_autofree char *made = change != NULL ? essence(change) : NULL;

    cr_assert_not_null(made, "%s", error != NULL ? error->message : "");
    cr_assert_gt(change->steps->len, 0);
    cr_assert_str_eq(made, expected);
}

Test(scale, what_refers_to_it_since_a_moment_ago_is_found)
{
    g_autoptr(World) world = world_with(8);
    g_autoptr(GError) error = NULL;
    g_autoptr(Plan) plan = NULL;
    gboolean found = FALSE;

    /* Reads who mentions whom. */
    must_change(world, edited(world, "profile/default//few", "config", "user.a", json_string("1")));
    must_change(world, edited(world, "instance/default//web7", "", "profiles",
                              json_pack("[s,s]", "default", "few")));
    plan = plan_of(
        world,
        edited(world, "profile/default//few", "config", "limits.memory", json_string("64MiB")),
        &error);
    cr_assert_not_null(plan, "%s", error != NULL ? error->message : "");
    for (guint i = 0; i < plan->objects->len; i++)
        found = found || strcmp(((const PlanObject *)plan->objects->pdata[i])->key,
                                "instance/default//web7") == 0;
    cr_assert(found);
}

static json_t *nic(const char *address)
{
    return json_pack("{s:s, s:s, s:s}", "type", "nic", "network", "lan", "ipv4.address", address);
}

/* Only instances that could have it are asked. */
Test(scale, an_address_that_another_has_is_refused)
{
    g_autoptr(World) world = world_with(12);
    g_autoptr(GError) error = NULL;

    must_change(world, edited(world, "instance/default//web9", "devices", "eth0", nic("10.0.0.9")));
    cr_assert_null(
        plan_of(world, edited(world, "instance/default//web5", "devices", "eth0", nic("10.0.0.9")),
                &error));
    cr_assert_not_null(strstr(error->message, "10.0.0.9"), "%s", error->message);
    must_change(world, edited(world, "instance/default//web5", "devices", "eth0", nic("10.0.0.5")));
}

/* One of its users may have it, and of the three of `few` there is more than one. */
Test(scale, an_address_of_a_shared_profile_is_refused)
{
    g_autoptr(World) world = world_with(12);
    g_autoptr(GError) error = NULL;

    must_change(world, edited(world, "instance/default//web9", "devices", "eth0", nic("10.0.0.9")));
    cr_assert_null(plan_of(
        world, edited(world, "profile/default//few", "devices", "eth0", nic("10.0.0.8")), &error));
    cr_assert_not_null(strstr(error->message, "10.0.0.8"), "%s", error->message);
}

/* Two names for which the same MAC address would be drawn first. Newly allocated. */
static void find_twins(const World *world, char **ret_one, char **ret_other)
{
    g_autoptr(GHashTable) seen = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    const Context context = {.seed = world->host->seed};

    for (guint i = 0;; i++) {
        g_autofree char *name = g_strdup_printf("twin%u", i);
        g_autofree char *label = g_strdup_printf("instance/default//%s volatile.eth0.hwaddr", name);
        guint8 b[3];
        gpointer mac;

        draw_bytes(&context, label, 0, b, sizeof b);
        mac = GUINT_TO_POINTER((guint)b[0] << 16 | (guint)b[1] << 8 | b[2]);
        if (g_hash_table_contains(seen, mac)) {
            *ret_one = g_strdup(g_hash_table_lookup(seen, mac));
            *ret_other = g_steal_pointer(&name);
            return;
        }
        g_hash_table_insert(seen, mac, g_steal_pointer(&name));
    }
}

static Object *twin(World *world, const char *name)
{
    const Object *like = snapshot_get(engine_stored(world->engine), "instance/default//web5");

    return object_new(KIND_INSTANCE, "default", "", name, json_deep_copy(like->spec), NULL);
}

static const char *mac_of(const Snapshot *model, const char *name)
{
    const Object *object = snapshot_find(model, KIND_INSTANCE, "default", name);

    return json_member_string(object->generated, "volatile.eth0.hwaddr");
}

/* Of those that are stored, and of those that one plan makes. */
Test(scale, nobody_draws_the_address_of_another)
{
    g_autoptr(World) world = world_with(8);
    g_autoptr(GPtrArray) put = g_ptr_array_new_with_free_func((GDestroyNotify)object_unref);
    PlanOptions options = world_options();
    g_autofree char *one = NULL;
    g_autofree char *other = NULL;
    g_autofree char *first = NULL;
    g_autoptr(GError) error = NULL;
    g_autoptr(Plan) both = NULL;
    g_autoptr(Plan) second = NULL;

    find_twins(world, &one, &other);
    g_ptr_array_add(put, twin(world, one));
    g_ptr_array_add(put, twin(world, other));
    both = engine_plan_change(world->engine, put, NULL, &options, &error);
    cr_assert_not_null(both, "%s", error != NULL ? error->message : "");
    cr_expect_str_neq(mac_of(both->next, one), mac_of(both->next, other));
    first = g_strdup(mac_of(both->next, one));
    must_change(world, twin(world, one));
    cr_expect_str_eq(mac_of(engine_stored(world->engine), one), first);
    second = plan_of(world, twin(world, other), &error);
    cr_assert_not_null(second, "%s", error != NULL ? error->message : "");
    cr_expect_str_neq(mac_of(second->next, other), first);
}
