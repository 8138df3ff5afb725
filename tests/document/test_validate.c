/* Checks of a model: EN-03, EN-23 (cycles), D-GEN-02, D-GEN-09, D-NIC-BR-05, D-NIC-BR-10, NET-020,
 * PF-06, I-017, IMG-001. */
#include <string.h>

#include "support.h"

TestSuite(validate, .timeout = 120);

#define BASE                                                                                       \
    "storage_pools: [{name: default, driver: dir}]\n"                                              \
    "profiles: [{name: default, devices: {root: {type: disk, path: /, pool: default}}}]\n"         \
    "images: [{name: busybox, source: 'builtin:busybox', aliases: [bb, tiny/box]}]\n"              \
    "networks: [{name: lan, config: {ipv4.address: 10.0.0.1/24, ipv6.address: none}}, {name: "     \
    "wan}]\n"

static void assert_valid(const char *text)
{
    g_autoptr(Problems) problems = check_text(text);

    assert_no_problem(problems);
}

static void assert_wrong(const char *text, const char *part)
{
    g_autoptr(Problems) problems = check_text(text);

    cr_assert(problems->errors > 0);
    assert_problem(problems, part);
}

/* Refused by name, and no error of `validate`. */
static void assert_refused(const char *text, const char *part)
{
    g_autoptr(Problems) problems = check_text(text);
    g_autoptr(GError) error = NULL;

    cr_assert_eq(problems->errors, 0);
    cr_assert(problems_to_error(problems, FALSE, NULL));
    cr_assert_not(problems_to_error(problems, TRUE, &error));
    cr_assert_not_null(strstr(error->message, part), "'%s' is not in %s", part, error->message);
}

Test(validate, a_sound_model_has_no_problem)
{
    assert_valid(BASE "instances:\n"
                      "- {name: a, image: busybox, state: running}\n"
                      "- name: b\n"
                      "  image: bb\n"
                      "  config: {limits.cpu: 2, limits.memory: 1GiB, user.x: y}\n"
                      "  devices: {eth0: {type: nic, network: lan, ipv4.address: 10.0.0.5}}\n"
                      "- {name: c, image: tiny/box, after: [instance/a, network/wan]}\n");
}

Test(validate, types_are_checked_with_their_place)
{
    assert_wrong(BASE "instances:\n- name: a\n  image: bb\n  config:\n    limits.memory: 1GX\n",
                 "t.yaml:9:5: instance/a: config.limits.memory: ");
    assert_wrong(BASE "instances:\n- name: a\n  image: bb\n  state: walking\n",
                 "t.yaml:8:3: instance/a: state: ");
    assert_wrong(BASE "instances:\n- {name: a, image: bb, config: {boot.autostart: maybe}}\n",
                 "config.boot.autostart: ");
    assert_wrong("networks: [{name: lan, config: {ipv4.address: 10.0.0.300/24}}]",
                 "config.ipv4.address: ");
    assert_wrong("networks: [{name: lan, config: {bridge.mtu: wide}}]", "config.bridge.mtu: ");
}

Test(validate, required_fields_are_required)
{
    assert_wrong("storage_pools: [{name: a}]", "pool/a: the field driver is required");
    assert_wrong("images: [{name: a}]", "image/a: ");
    assert_wrong("instances: [{name: a}]", "instance/a: ");
}

Test(validate, names_are_checked)
{
    assert_wrong(BASE "instances: [{name: 1a, image: bb}]", "instance/1a: name: ");
    assert_wrong("projects: [{name: 'a b'}]", "project/a b: name: ");
    assert_valid("images: [{name: debian/12, source: 'builtin:busybox'}]");
}

Test(validate, references_are_resolved)
{
    assert_wrong(BASE "instances: [{name: a, image: busybix}]",
                 "there is no image busybix; did you mean busybox?");
    assert_wrong(BASE "instances: [{name: a, image: bb, profiles: [defalt]}]",
                 "profiles: there is no profile defalt; did you mean default?");
    assert_wrong(BASE "instances: [{name: a, image: bb, devices: {e: {type: nic, network: wam}}}]",
                 "devices.e.network: there is no network wam; did you mean wan?");
    assert_wrong(
        BASE
        "instances: [{name: a, image: bb, devices: {root: {type: disk, path: /, pool: fast}}}]",
        "devices.root.pool: there is no storage pool fast; declare it, or mend the name");
    assert_wrong(BASE "instances: [{name: a, image: bb, project: shop}]",
                 "project: there is no project shop");
    assert_wrong("profiles: [{name: p, devices: {e: {type: nic, network: lan}}}]",
                 "profile/p: devices.e.network: there is no network lan");
}

/* Profile and project `default` are always there (PF-09, PJ-06). */
Test(validate, the_defaults_need_no_declaration)
{
    g_autoptr(Problems) problems =
        check_text("storage_pools: [{name: s, driver: dir}]\n"
                   "images: [{name: i, source: 'builtin:busybox'}]\n"
                   "instances: [{name: a, image: i, profiles: [default], project: default,"
                   " devices: {root: {type: disk, path: /, pool: s}}}]\n");

    assert_no_problem(problems);
}

/* IMG-001: by fingerprint or a beginning of it, drawn by the server. */
Test(validate, images_are_found_by_fingerprint)
{
    g_autoptr(Problems) problems = problems_new();
    g_autoptr(Input) input = parse_text(
        BASE "instances:\n- {name: a, image: aabbccddeeff}\n- {name: b, image: aabbccddee00}\n",
        problems);
    g_autoptr(GPtrArray) objects = g_ptr_array_new_with_free_func((GDestroyNotify)object_unref);
    g_autoptr(Snapshot) empty = snapshot_new();
    g_autoptr(Snapshot) snapshot = NULL;

    for (guint i = 0; i < input->objects->len; i++) {
        const Object *object = input->objects->pdata[i];
        json_t *generated = json_pack("{s:s}", "fingerprint", "aabbccddeeff00112233445566778899");

        g_ptr_array_add(objects, object->id.kind == KIND_IMAGE
                                     ? object_with(object, NULL, generated)
                                     : object_ref(object));
        json_decref(generated);
    }
    snapshot = snapshot_change(empty, objects, NULL);
    validate_snapshot(snapshot, NULL, problems);
    cr_assert_eq(problems->errors, 1);
    assert_problem(problems, "instance/b: source.fingerprint: there is no image aabbccddee00");
}

Test(validate, a_beginning_of_two_fingerprints_is_none)
{
    g_autoptr(Problems) problems = problems_new();
    g_autoptr(GPtrArray) objects = g_ptr_array_new_with_free_func((GDestroyNotify)object_unref);
    g_autoptr(Snapshot) empty = snapshot_new();
    g_autoptr(Snapshot) snapshot = NULL;

    for (guint i = 0; i < 2; i++) {
        const char *name = i == 0 ? "one" : "two";
        const char *fingerprint = i == 0 ? "aabbccddeeff00" : "aabbccddeeff11";

        g_ptr_array_add(objects, object_new(KIND_IMAGE, "default", NULL, name,
                                            json_pack("{s:{s:s}}", "source", "builtin", "busybox"),
                                            json_pack("{s:s}", "fingerprint", fingerprint)));
    }
    g_ptr_array_add(objects, object_new(KIND_INSTANCE, "default", NULL, "a",
                                        json_pack("{s:{}, s:{}, s:{s:s}}", "config", "devices",
                                                  "source", "fingerprint", "aabbccddeeff"),
                                        NULL));
    snapshot = snapshot_change(empty, objects, NULL);
    validate_snapshot(snapshot, NULL, problems);
    assert_problem(problems, "instance/a: source.fingerprint: aabbccddeeff is the beginning of "
                             "several images' fingerprints");
}

/* PJ-02, PF-19: a project sees what its features give it, and does not hold what it borrows. */
Test(validate, projects_borrow_by_their_features)
{
    assert_valid(
        BASE
        "projects: [{name: p, config: {features.profiles: false, features.images: false}}]\n"
        "instances: [{name: a, project: p, image: bb, devices: {e: {type: nic, network: lan}}}]\n");
    assert_wrong(BASE
                 "projects: [{name: p}]\ninstances: [{name: a, project: p, image: bb, profiles: [],"
                 " devices: {root: {type: disk, path: /, pool: default}}}]\n",
                 "instance/a (project p): source.alias: there is no image bb");
    assert_wrong("projects: [{name: p, config: {features.profiles: false}}]\nprofiles: [{name: x, "
                 "project: p}]\n",
                 "project p uses the profiles of project default (features.profiles is off); "
                 "declare it there");
    assert_wrong("projects: [{name: p}]\nnetworks: [{name: x, project: p}]\n",
                 "features.networks is off");
}

Test(validate, device_entries_are_checked)
{
    g_autofree char *longest = g_strnfill(64, 'd');
    g_autofree char *fits =
        g_strdup_printf("profiles: [{name: p, devices: {%s: {type: none}}}]", longest);
    g_autofree char *too_long =
        g_strdup_printf("profiles: [{name: p, devices: {%sd: {type: none}}}]", longest);

    assert_valid(fits);
    assert_wrong(too_long, "is no device name");
    assert_wrong("profiles: [{name: p, devices: {.d: {type: none}}}]", "is no device name");
    assert_wrong("profiles: [{name: p, devices: {'d d': {type: none}}}]", "is no device name");
    assert_wrong("profiles: [{name: p, devices: {d: {path: /}}}]", "profile/p: devices.d: ");
    assert_wrong("profiles: [{name: p, devices: {d: {type: disc}}}]", "profile/p: devices.d: ");
    assert_wrong("profiles: [{name: p, devices: {d: {type: none, path: /}}}]",
                 "profile/p: devices.d.path: unknown key");
    assert_valid("profiles: [{name: p, devices: {d: {type: none, user.note: why}}}]");
    assert_wrong("profiles: [{name: p, devices: {e: {type: nic, nictype: p2p, hwaddr: nope}}}]",
                 "devices.e.hwaddr: ");
}

/* Nothing that no driver honours is taken silently (LAW-6). */
Test(validate, unsupported_keys_are_refused_by_name)
{
    assert_refused(
        "networks:\n- name: lan\n  config:\n    ipv4.address: none\n    bgp.peers.up.address: "
        "10.0.0.9\n",
        "t.yaml:5:5: network \"lan\": key bgp.peers.up.address is not supported by this build");
    assert_refused(BASE "instances: [{name: a, image: bb, devices: {g: {type: gpu}}}]",
                   "device \"g\": type gpu");
    assert_refused(
        BASE "instances: [{name: a, image: bb, devices: {e: {type: nic, network: lan, vlan: 5}}}]",
        "instance \"a\": device \"e\": key vlan is not supported by this build");
    assert_refused("storage_pools: [{name: a, driver: zfs}]",
                   "pool \"a\": driver zfs is not supported by this build");
}

/* I-017: an instance takes no key of the other type; PF-06: a profile does. */
Test(validate, keys_of_the_other_type)
{
    assert_wrong(BASE "instances: [{name: a, image: bb, config: {security.secureboot: true}}]",
                 "config.security.secureboot: is for virtual machines only; leave it out");
    {
        g_autoptr(Problems) problems =
            check_text("profiles: [{name: p, config: {security.secureboot: true}}]");

        cr_assert_eq(problems->errors, 0);
    }
    assert_wrong("networks: [{name: lan, config: {ovn.ingress_mode: l2proxy}}]",
                 "is for physical networks only");
    assert_wrong("storage_pools: [{name: s, driver: dir, config: {btrfs.mount_options: noatime}}]",
                 "is for btrfs pools only");
}

Test(validate, two_nics_with_one_address)
{
#define NIC(name, keys) "- {name: " name ", image: bb, devices: {e: {type: nic, " keys "}}}\n"
    const char *same_mac = BASE "instances:\n" NIC("a", "network: lan, hwaddr: '00:16:3E:AA:00:01'")
        NIC("b", "network: lan, hwaddr: '00:16:3e:aa:00:01'");
    const char *by_parent =
        BASE "instances:\n" NIC("a", "network: lan, hwaddr: '00:16:3e:aa:00:01'")
            NIC("b", "nictype: bridged, parent: lan, hwaddr: '00:16:3e:aa:00:01'");
    const char *other_network =
        BASE "instances:\n" NIC("a", "network: lan, hwaddr: '00:16:3e:aa:00:01'")
            NIC("b", "network: wan, hwaddr: '00:16:3e:aa:00:01'");
    const char *same_address = BASE "instances:\n" NIC("a", "network: lan, ipv4.address: 10.0.0.5")
        NIC("b", "network: lan, ipv4.address: 10.0.0.5");
    const char *by_profile = BASE "---\nprofiles: [{name: n, devices: {e: {type: nic, network: "
                                  "lan, ipv4.address: 10.0.0.7}}}]\n"
                                  "instances:\n- {name: a, image: bb, profiles: [default, n]}\n"
                                  "- {name: b, image: bb, profiles: [default, n]}\n";
    const char *overridden =
        BASE "---\nprofiles: [{name: n, devices: {e: {type: nic, network: lan, ipv4.address: "
             "10.0.0.7}}}]\n"
             "instances:\n- {name: a, image: bb, profiles: [default, n]}\n"
             "- {name: b, image: bb, profiles: [default, n], devices: {e: {type: none}}}\n";

    assert_wrong(
        same_mac,
        "instance/b: devices.e.hwaddr: 00:16:3e:aa:00:01 is used on lan by instance/a already");
    assert_wrong(by_parent, "is used on lan by instance/a already");
    assert_valid(other_network);
    assert_wrong(
        same_address,
        "instance/b: devices.e.ipv4.address: 10.0.0.5 is used on lan by instance/a already");
    assert_wrong(by_profile, "10.0.0.7 is used on lan by instance/a already");
    assert_valid(overridden);
}

Test(validate, cycles_are_printed)
{
    assert_wrong(
        "networks:\n- {name: na, after: [network/nb]}\n- {name: nb, after: [network/nc]}\n- "
        "{name: nc, after: [network/na]}\n",
        "waits for itself: network/na -> network/nb -> network/nc -> network/na");
    /* A reference is part of a cycle as much as an `after`. */
    assert_wrong(BASE "---\nnetworks: [{name: nn, after: [instance/a]}]\n"
                      "instances: [{name: a, image: bb, devices: {e: {type: nic, network: nn}}}]\n",
                 "waits for itself: instance/a -> network/nn -> instance/a");
    assert_valid("networks:\n- {name: na, after: [network/nb, network/nc]}\n- {name: nb, after: "
                 "[network/nc]}\n- {name: nc}\n");
    assert_wrong("networks: [{name: na, after: [network/zz]}]", "after: there is no network zz");
    assert_wrong("networks: [{name: na, after: [zz]}]", "network/na: after");
}

/* Only what was asked for is reported. */
Test(validate, keys_select_what_is_checked)
{
    g_autoptr(Problems) problems = problems_new();
    g_autoptr(Problems) some = problems_new();
    g_autoptr(Input) input =
        parse_text(BASE "instances: [{name: a, image: x}, {name: b, image: y}]", problems);
    g_autoptr(Snapshot) empty = snapshot_new();
    g_autoptr(Snapshot) snapshot = snapshot_change(empty, input->objects, NULL);
    g_autoptr(GPtrArray) keys = g_ptr_array_new();

    g_ptr_array_add(keys, (void *)"instance/default//b");
    validate_snapshot(snapshot, keys, some);
    cr_assert_eq(some->errors, 1);
    assert_problem(some, "instance/b: source.alias: there is no image y");
}

/* A value of a megabyte is not repeated in the message about it, and characters are not cut in two.
 */
Test(validate, messages_stay_short)
{
    g_autofree char *long_name = g_strnfill(100000, 'x');
    g_autoptr(GString) wide = g_string_new(NULL);
    g_autofree char *text = NULL;
    g_autoptr(Problems) problems = NULL;

    for (guint i = 0; i < 50000; i++)
        g_string_append(wide, "é");
    text =
        g_strdup_printf("networks: [{name: %s}, {name: a, type: %s, config: {bridge.mtu: %s}}]\n",
                        long_name, wide->str, wide->str);
    problems = check_text(text);
    cr_assert(problems->errors >= 2);
    for (guint i = 0; i < problems->items->len; i++) {
        g_autofree char *line = problem_text(problems->items->pdata[i]);

        cr_assert(strlen(line) < 3000);
        cr_assert(g_utf8_validate(line, -1, NULL));
    }
}

/* Twice the objects, about twice the time: a quadratic check would take four times as long. */
static gint64 time_of(guint count, gboolean broken)
{
    g_autoptr(GString) text = g_string_new(BASE "instances:\n");
    g_autoptr(Problems) problems = NULL;
    gint64 start;

    for (guint i = 0; i < count; i++)
        g_string_append_printf(text,
                               "- {name: c%u, image: %s%u, after: [%s], devices: {e: {type: nic, "
                               "network: lan, ipv4.address: "
                               "10.%u.%u.%u}}}\n",
                               i, broken ? "missing" : "bb", i, i > 0 ? "instance/c0" : "", i >> 16,
                               (i >> 8) & 255, i & 255);
    if (!broken) {
        g_string_truncate(text, 0);
        g_string_append(text, BASE "instances:\n");
        for (guint i = 0; i < count; i++)
            g_string_append_printf(
                text,
                "- {name: c%u, image: bb, devices: {e: {type: nic, network: lan, hwaddr: "
                "'00:16:3e:%02x:%02x:%02x'}}}\n",
                i, i >> 16, (i >> 8) & 255, i & 255);
    }
    start = g_get_monotonic_time();
    problems = check_text(text->str);
    cr_assert_eq(problems->errors > 0, broken);
    return g_get_monotonic_time() - start;
}

Test(validate, time_is_linear)
{
    for (guint broken = 0; broken < 2; broken++) {
        gint64 small = G_MAXINT64, large = G_MAXINT64;

        for (guint i = 0; i < 3; i++) {
            small = MIN(small, time_of(500, broken));
            large = MIN(large, time_of(4000, broken));
        }
        cr_assert(large < small * 24,
                  "500 objects take %" G_GINT64_FORMAT " us, 4000 take %" G_GINT64_FORMAT, small,
                  large);
    }
}
