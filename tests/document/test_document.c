/* State files: EN-01, EN-02, EN-03, EN-08, PS-02 to PS-08. */
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "support.h"

TestSuite(document, .timeout = 60);

static void assert_place(const Object *object, const char *path, const char *place)
{
    g_autofree char *where = object_where(object, path);

    cr_assert(where != NULL && strcmp(where, place) == 0, "%s is at %s, not at %s", path,
              where != NULL ? where : "?", place);
}

/* EN-03: each field remembers where it was written, counted from 1 and in characters. */
Test(document, fields_know_their_place)
{
    g_autoptr(Problems) problems = problems_new();
    g_autoptr(Input) input = parse_text("# first\n"
                                        "networks:\n"
                                        "- name: lan\n"
                                        "  config:\n"
                                        "    ipv4.address: auto\n"
                                        "- {name: wän, config: {ipv6.address: none}}\n"
                                        "profiles:\n"
                                        "- name: p\n"
                                        "  devices:\n"
                                        "    eth0:\n"
                                        "      type: nic\n",
                                        problems);
    const Object *lan = input_object(input, "network/default//lan");
    const Object *wan = input_object(input, "network/default//wän");
    const Object *profile = input_object(input, "profile/default//p");

    assert_place(lan, "", "t.yaml:3:3");
    assert_place(lan, "name", "t.yaml:3:3");
    assert_place(lan, "config/ipv4.address", "t.yaml:5:5");
    assert_place(wan, "config/ipv6.address", "t.yaml:6:24");
    assert_place(profile, "devices/eth0", "t.yaml:10:5");
    assert_place(profile, "devices/eth0/type", "t.yaml:11:7");
    /* What is not written has the place of what encloses it. */
    assert_place(profile, "devices/eth0/network", "t.yaml:10:5");
    assert_place(lan, "config/ipv6.address", "t.yaml:3:3");
}

/* Positions of values that come by an alias or a merge key are those of the text that was written.
 */
Test(document, aliases_point_at_what_was_written)
{
    g_autoptr(Problems) problems = problems_new();
    g_autoptr(Input) input = parse_text("profiles:\n"
                                        "- name: a\n"
                                        "  config: &c\n"
                                        "    user.x: one\n"
                                        "- name: b\n"
                                        "  config:\n"
                                        "    <<: *c\n"
                                        "    user.y: two\n",
                                        problems);
    const Object *b = input_object(input, "profile/default//b");

    assert_no_problem(problems);
    assert_place(b, "config/user.x", "t.yaml:4:5");
    assert_place(b, "config/user.y", "t.yaml:8:5");
}

/* PS-05, I-012: scalars keep their source text; nothing is unset. */
Test(document, scalars_keep_their_text)
{
    g_autoptr(Problems) problems = problems_new();
    g_autoptr(Input) input = parse_text("profiles:\n"
                                        "- name: p\n"
                                        "  config:\n"
                                        "    user.octal: 0660\n"
                                        "    user.yes: yes\n"
                                        "    user.true: True\n"
                                        "    user.float: 1.50\n"
                                        "    user.exp: 1e3\n"
                                        "    user.date: 2022-05-01\n"
                                        "    user.sixty: 12:30:45\n"
                                        "    user.word: \"null\"\n"
                                        "    user.tagged: !!str null\n"
                                        "    user.int: !!int 7\n"
                                        "    user.one: null\n"
                                        "    user.two: ~\n"
                                        "    user.three:\n"
                                        "    user.four: ''\n"
                                        "    user.blanks: '  '\n",
                                        problems);
    const Object *profile = input_object(input, "profile/default//p");

    assert_no_problem(problems);
    assert_value(profile, "config/user.octal", "0660");
    assert_value(profile, "config/user.yes", "yes");
    assert_value(profile, "config/user.true", "True");
    assert_value(profile, "config/user.float", "1.50");
    assert_value(profile, "config/user.exp", "1e3");
    assert_value(profile, "config/user.date", "2022-05-01");
    assert_value(profile, "config/user.sixty", "12:30:45");
    assert_value(profile, "config/user.word", "null");
    assert_value(profile, "config/user.tagged", "null");
    assert_value(profile, "config/user.int", "7");
    assert_value(profile, "config/user.one", NULL);
    assert_value(profile, "config/user.two", NULL);
    assert_value(profile, "config/user.three", NULL);
    assert_value(profile, "config/user.four", NULL);
    assert_value(profile, "config/user.blanks", "  ");
}

/* An empty list of profiles is none at all, an absent one is the default (PF-12); other empty
 * things are absent. */
Test(document, empty_is_not_absent_for_profiles)
{
    g_autoptr(Problems) problems = problems_new();
    g_autoptr(Input) input = parse_text(
        "instances:\n"
        "- {name: a, image: i, profiles: []}\n"
        "- {name: b, image: i, profiles: null}\n"
        "- {name: c, image: i, after: [], labels: {}, ephemeral: false, description: ''}\n",
        problems);
    const Object *c = input_object(input, "instance/default//c");

    assert_no_problem(problems);
    cr_assert_eq(json_array_size(
                     json_object_get(input_object(input, "instance/default//a")->spec, "profiles")),
                 0);
    cr_assert_not_null(
        json_object_get(input_object(input, "instance/default//a")->spec, "profiles"));
    cr_assert_null(json_object_get(input_object(input, "instance/default//b")->spec, "profiles"));
    cr_assert_null(json_object_get(c->spec, "after"));
    cr_assert_null(json_object_get(c->spec, "labels"));
    cr_assert_null(json_object_get(c->spec, "ephemeral"));
    cr_assert_null(json_object_get(c->spec, "description"));
}

static char *lines_of_file(const char *name, Problems *problems)
{
    g_autofree char *path = data_path(name);
    g_autoptr(Input) input = input_new();
    g_autoptr(GError) error = NULL;

    cr_assert(input_read(input, path, NULL, problems, &error), "%s",
              error != NULL ? error->message : "");
    return input_lines(input);
}

/* PS-70, PS-71, PS-76: the preseeds of the manual parse, and as JSON they are the same, byte for
 * byte. */
Test(document, preseeds_parse_and_json_is_the_same)
{
    static const char *const names[] = {"preseed-short", "preseed-full"};

    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autoptr(Problems) problems = problems_new();
        g_autofree char *yaml = g_strdup_printf("valid/%s.yaml", names[i]);
        g_autofree char *json = g_strdup_printf("valid/%s.json", names[i]);
        g_autofree char *from_yaml = lines_of_file(yaml, problems);
        g_autofree char *from_json = lines_of_file(json, problems);

        assert_no_problem(problems);
        cr_assert_str_eq(from_json, from_yaml);
        cr_assert(strlen(from_yaml) > 100);
    }
}

Test(document, the_full_preseed_says_what_it_says)
{
    g_autoptr(Problems) problems = problems_new();
    g_autofree char *lines = lines_of_file("valid/preseed-full.yaml", problems);

    cr_assert_str_eq(
        lines,
        "server/// "
        "{\"config\":{\"core.https_address\":\"192.168.1.1:9999\",\"core.trust_password\":"
        "\"sekret\","
        "\"images.auto_update_interval\":\"6\"}}\n"
        "pool///data {\"config\":{\"source\":\"my-zfs-pool/my-zfs-dataset\"},\"driver\":\"zfs\"}\n"
        "network/default//lxd-my-bridge "
        "{\"config\":{\"ipv4.address\":\"auto\",\"ipv6.address\":\"none\"}}\n"
        "profile/default//default "
        "{\"config\":{},\"devices\":{\"root\":{\"path\":\"/"
        "\",\"pool\":\"data\",\"type\":\"disk\"}}}\n"
        "profile/default//test-profile "
        "{\"config\":{\"limits.memory\":\"2GB\"},\"description\":\"Test profile\",\"devices\":"
        "{\"test0\":{\"name\":\"test0\",\"nictype\":\"bridged\",\"parent\":\"lxd-my-bridge\","
        "\"type\":\"nic\"}}}\n");
}

/* PS-03, PS-25: a dump with every member spelled out, `project` and `cluster: null` among them. */
Test(document, a_servers_dump_parses)
{
    g_autoptr(Problems) problems = problems_new();
    g_autofree char *lines = lines_of_file("valid/preseed-dump.yaml", problems);

    assert_no_problem(problems);
    cr_assert_not_null(strstr(lines, "network/default//lxdbr0 "));
    cr_assert_not_null(strstr(lines, "project///default "));
}

/* PS-60: what this build does not do is refused by name and is no typo; 'no cluster' is nothing to
 * refuse. */
Test(document, a_cluster_is_refused_by_name)
{
    g_autoptr(Problems) problems = problems_new();
    g_autoptr(Problems) none = problems_new();
    g_autofree char *lines = lines_of_file("valid/preseed-cluster.yaml", problems);
    g_autoptr(Input) input = parse_text("cluster: {enabled: false}\n", none);
    g_autoptr(Input) absent = parse_text("cluster:\n", none);

    cr_assert_eq(problems->errors, 0);
    cr_assert_eq(problems->unsupported, 1);
    assert_problem(problems, "preseed-cluster.yaml:27:1: cluster is not supported by this build");
    assert_no_problem(none);
}

Test(document, kinds_that_are_not_there_yet_are_refused_by_name)
{
    g_autoptr(Problems) problems = problems_new();
    g_autoptr(Input) input =
        parse_text("network_acls:\n- name: web\nstorage_volumes: []\ninclude:\n", problems);

    cr_assert_eq(problems->errors, 0);
    cr_assert_eq(problems->unsupported, 1);
    assert_problem(problems, "t.yaml:1:1: network_acls is not supported by this build");
}

/* PS-07. */
Test(document, nothing_is_a_valid_state)
{
    static const char *const texts[] = {"",       "\n",          "# a comment\n",
                                        "{}",     "---\n",       "---\n...\n---\n",
                                        "null\n", "networks:\n", "networks: []\nconfig: {}\n"};

    for (guint i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autoptr(Problems) problems = problems_new();
        g_autoptr(Input) input = parse_text(texts[i], problems);

        assert_no_problem(problems);
        cr_assert_eq(input->objects->len, i == G_N_ELEMENTS(texts) - 1 ? 1u : 0u);
    }
}

/* EN-01: documents, files and directories merge; order is that of the sorted paths. */
Test(document, a_directory_is_read_in_order)
{
    g_autoptr(Problems) problems = problems_new();
    g_autofree char *lines = lines_of_file("directory", problems);
    g_autofree char *path = data_path("directory/nested/local.tar.gz");
    g_autofree char *local =
        g_strdup_printf("image/default//local {\"source\":{\"file\":\"%s\"}}\n", path);
    g_autofree char *expected = g_strconcat(
        "pool///default {\"config\":{},\"driver\":\"dir\"}\n"
        "profile/default//default "
        "{\"config\":{},\"devices\":{\"root\":{\"path\":\"/"
        "\",\"pool\":\"default\",\"type\":\"disk\"}}}\n"
        "instance/default//c1 {\"config\":{},\"devices\":{},\"source\":{\"alias\":\"busybox\"}}\n"
        "image/default//busybox {\"source\":{\"builtin\":\"busybox\"}}\n",
        local, NULL);

    assert_no_problem(problems);
    cr_assert_str_eq(lines, expected);
}

Test(document, the_same_object_in_two_files_names_both_places)
{
    g_autoptr(Problems) problems = problems_new();
    g_autoptr(Input) input = input_new();

    input_parse(input, "a.yaml", "networks:\n- name: lan\n", 22, NULL, problems);
    input_parse(input, "b.yaml", "\nnetworks:\n- name: lan\n  project: default\n", 42, NULL,
                problems);
    cr_assert_eq(problems->errors, 1);
    cr_assert_eq(input->objects->len, 1);
    assert_problem(problems,
                   "b.yaml:3:3: network/lan: is declared twice; the first one is at a.yaml:2:3");
}

/* The digest covers names and bytes, and where one file ends and the next begins. */
Test(document, the_digest_tells_inputs_apart)
{
    static const char *const inputs[][2] = {{"a: ", "b"}, {"a: b", ""}, {"a:", " b"}, {"", "a: b"}};
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(Problems) problems = problems_new();

    for (guint round = 0; round < 2; round++)
        for (guint i = 0; i < G_N_ELEMENTS(inputs); i++) {
            g_autoptr(Input) input = input_new();

            input_parse(input, "x", inputs[i][0], strlen(inputs[i][0]), NULL, problems);
            input_parse(input, "y", inputs[i][1], strlen(inputs[i][1]), NULL, problems);
            cr_assert_eq(strlen(input->digest), 64);
            cr_assert_eq(g_hash_table_add(seen, g_strdup(input->digest)), round == 0);
            cr_assert_eq(input->files->len, 2);
        }
}

Test(document, what_cannot_be_read_is_an_error)
{
    g_autoptr(Problems) problems = problems_new();
    g_autoptr(Input) input = input_new();
    g_autoptr(GError) error = NULL;

    cr_assert_not(input_read(input, "/nonexistent/state.yaml", NULL, problems, &error));
    cr_assert_not_null(strstr(error->message, "/nonexistent/state.yaml"));
}

Test(document, an_empty_directory_is_remarked)
{
    g_autoptr(Problems) problems = problems_new();
    g_autoptr(Input) input = input_new();
    g_autofree char *directory = g_dir_make_tmp("berth-XXXXXX", NULL);

    cr_assert(input_read(input, directory, NULL, problems, NULL));
    cr_assert_eq(problems->errors, 0);
    assert_problem(problems, "no *.yaml or *.yml file");
    g_rmdir(directory);
}

/* `-` is standard input. */
Test(document, standard_input_is_read)
{
    g_autoptr(Problems) problems = problems_new();
    g_autoptr(Input) input = input_new();
    int ends[2];

    cr_assert_eq(pipe(ends), 0);
    cr_assert_eq(write(ends[1], "networks:\n- nam: lan\n", 21), 21);
    close(ends[1]);
    dup2(ends[0], STDIN_FILENO);
    close(ends[0]);
    cr_assert(input_read(input, "-", NULL, problems, NULL));
    assert_problem(problems, "-:2:3: network: a network needs a name");
}

/* EN-02: REST bodies, `show` texts and state files of one object give the same canonical JSON. */
Test(document, bodies_and_state_files_are_the_same)
{
    static const struct {
        const char *stem, *kind;
    } cases[] = {{"profile-web", "profile"},
                 {"network-lan", "network"},
                 {"pool-default", "pool"},
                 {"instance-w1", "instance"},
                 {"project-shop", "project"}};

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(Problems) problems = problems_new();
        g_autofree char *show_name = g_strdup_printf("body/%s.show.yaml", cases[i].stem);
        g_autofree char *rest_name = g_strdup_printf("body/%s.rest.json", cases[i].stem);
        g_autofree char *state_name = g_strdup_printf("body/%s.state.yaml", cases[i].stem);
        gsize show_length, rest_length;
        g_autofree char *show_text = data_read(show_name, &show_length);
        g_autofree char *rest_text = data_read(rest_name, &rest_length);
        const Kind *kind = kind_by_name(cases[i].kind);
        g_autoptr(Object) show =
            document_parse_body(kind, NULL, NULL, show_name, show_text, show_length, problems);
        g_autoptr(Object) rest =
            document_parse_body(kind, NULL, NULL, rest_name, rest_text, rest_length, problems);
        g_autofree char *state = lines_of_file(state_name, problems);
        g_autoptr(json_t) value = json_loadb(rest_text, rest_length, 0, NULL);
        g_autoptr(Object) loose =
            document_object_from_json(kind, NULL, rest->id.name, value, problems);
        g_autofree char *show_spec = json_text(show->spec);
        g_autofree char *rest_spec = json_text(rest->spec);
        g_autofree char *loose_spec = json_text(loose->spec);
        g_autofree char *line = g_strdup_printf("%s %s\n", show->key, show_spec);

        assert_no_problem(problems);
        cr_assert_str_eq(show_spec, rest_spec);
        cr_assert_str_eq(loose_spec, rest_spec);
        cr_assert_str_eq(state, line);
    }
}

/* I-020: what a server drew travels beside the spec, not in it. */
Test(document, volatile_keys_of_a_body_are_generated)
{
    g_autoptr(Problems) problems = problems_new();
    const char *text = "name: w\nconfig:\n  volatile.eth0.hwaddr: 00:16:3e:00:00:01\n  user.a: b\n";
    g_autoptr(Object) object =
        document_parse_body(KINDS[KIND_INSTANCE], NULL, "w", "body", text, strlen(text), problems);

    assert_no_problem(problems);
    cr_assert_str_eq(json_member_string(object->generated, "volatile.eth0.hwaddr"),
                     "00:16:3e:00:00:01");
    assert_value(object, "config/volatile.eth0.hwaddr", NULL);
    assert_value(object, "config/user.a", "b");
}

Test(document, a_body_must_be_the_object_that_was_asked_for)
{
    g_autoptr(Problems) problems = problems_new();
    const Kind *kind = KINDS[KIND_PROFILE];

    cr_assert_null(document_parse_body(kind, NULL, "web", "body", "name: db\n", 9, problems));
    assert_problem(problems, "body:1:7: profile: name: the body is that of db, not of web");
    cr_assert_null(document_parse_body(kind, NULL, NULL, "body", "description: x\n", 15, problems));
    assert_problem(problems, "a profile needs a name");
    cr_assert_null(
        document_parse_body(kind, NULL, "a", "body", "name: a\n---\nname: a\n", 20, problems));
    assert_problem(problems, "holds 2 documents; one profile is expected");
    cr_assert_null(document_parse_body(kind, "p", "a", "body", "project: q\n", 11, problems));
    assert_problem(problems, "the body is of project q, not of p");
}

/* EN-08: short spellings of an image's and an instance's source. */
Test(document, sources_have_short_spellings)
{
    static const struct {
        const char *text, *key, *spec;
    } cases[] = {
        {"instances: [{name: a, image: busybox}]", "instance/default//a",
         "{\"alias\":\"busybox\"}"},
        {"instances: [{name: a, source: busybox}]", "instance/default//a",
         "{\"alias\":\"busybox\"}"},
        {"instances: [{name: a, source: {alias: busybox}}]", "instance/default//a",
         "{\"alias\":\"busybox\"}"},
        {"instances: [{name: a, source: {type: image, alias: busybox}}]", "instance/default//a",
         "{\"alias\":\"busybox\"}"},
        {"instances: [{name: a, image: abcdef012345}]", "instance/default//a",
         "{\"fingerprint\":\"abcdef012345\"}"},
        {"instances: [{name: a, image: abcdef01234}]", "instance/default//a",
         "{\"alias\":\"abcdef01234\"}"},
        {"instances: [{name: a, image: 123456789012}]", "instance/default//a",
         "{\"fingerprint\":\"123456789012\"}"},
        {"instances: [{name: a, image: ABCDEF012345}]", "instance/default//a",
         "{\"alias\":\"ABCDEF012345\"}"},
        {"images: [{name: a, source: 'builtin:busybox'}]", "image/default//a",
         "{\"builtin\":\"busybox\"}"},
        {"images: [{name: a, source: {builtin: busybox}}]", "image/default//a",
         "{\"builtin\":\"busybox\"}"},
        {"images: [{name: a, source: /srv/i.tar}]", "image/default//a",
         "{\"file\":\"/srv/i.tar\"}"},
        {"images: [{name: a, source: /srv/x/../i.tar}]", "image/default//a",
         "{\"file\":\"/srv/i.tar\"}"},
        {"images: [{name: a, source: ./i.tar}]", "image/default//a",
         "{\"file\":\"/etc/berth/i.tar\"}"},
        {"images: [{name: a, source: ../i.tar}]", "image/default//a", "{\"file\":\"/etc/i.tar\"}"},
        {"images: [{name: a, source: {file: m.tar, rootfs: r.squashfs}}]", "image/default//a",
         "{\"file\":\"/etc/berth/m.tar\",\"rootfs\":\"/etc/berth/r.squashfs\"}"},
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(Problems) problems = problems_new();
        g_autoptr(Input) input = input_new();
        g_autofree char *spec = NULL;

        input_parse(input, "/etc/berth/state.yaml", cases[i].text, strlen(cases[i].text), NULL,
                    problems);
        assert_no_problem(problems);
        spec = json_text(json_object_get(input_object(input, cases[i].key)->spec, "source"));
        cr_assert_str_eq(spec, cases[i].spec, "%s gives %s", cases[i].text, spec);
    }
}

/* A REST body is what it is. */
Test(document, bodies_have_no_variables)
{
    g_autoptr(Problems) problems = problems_new();
    g_autoptr(json_t) body = json_pack("{s:{s:s}}", "config", "user.a", "${home} $${x}");
    g_autoptr(Object) object =
        document_object_from_json(KINDS[KIND_PROFILE], NULL, "p", body, problems);

    assert_no_problem(problems);
    assert_value(object, "config/user.a", "${home} $${x}");
}

Test(document, projects_come_from_the_entry_or_the_argument)
{
    g_autoptr(Problems) problems = problems_new();
    g_autoptr(Input) input = input_new();
    const char *text =
        "profiles: [{name: a}, {name: b, project: q}]\nstorage_pools: [{name: s, driver: dir}]\n";

    input_parse(input, "t.yaml", text, strlen(text), "p", problems);
    assert_no_problem(problems);
    input_object(input, "profile/p//a");
    input_object(input, "profile/q//b");
    input_object(input, "pool///s");
}

/* Merge keys: own keys win, then the earlier maps. */
Test(document, merge_keys_are_merged)
{
    g_autoptr(Problems) problems = problems_new();
    g_autoptr(Input) input = parse_text("profiles:\n"
                                        "- &a {name: a, config: &ca {user.x: ax, user.y: ay}}\n"
                                        "- &b {name: b, config: &cb {user.y: by, user.z: bz}}\n"
                                        "- name: c\n"
                                        "  config: {user.z: cz, <<: [*ca, *cb]}\n"
                                        "- {<<: *a, name: d}\n"
                                        "- name: e\n"
                                        "  config: {\"<<\": text}\n",
                                        problems);
    const Object *c = input_object(input, "profile/default//c");

    assert_value(c, "config/user.x", "ax");
    assert_value(c, "config/user.y", "ay");
    assert_value(c, "config/user.z", "cz");
    assert_value(input_object(input, "profile/default//d"), "config/user.x", "ax");
    /* A quoted << is a key like any other, and here no known one. */
    cr_assert_eq(problems->errors, 1);
    assert_problem(problems, "t.yaml:8:12: profile/e: config: unknown key <<");
}

Test(document, json_escapes_are_understood)
{
    g_autoptr(Problems) problems = problems_new();
    g_autoptr(Input) input =
        parse_text("{\"profiles\": [{\"name\": \"p\", \"config\": {\"user.a\": "
                   "\"\\ud83d\\udc27 \\\\ud83d \\u00e9 \\/ \\\" \\t\\n\"}}]}",
                   problems);

    assert_no_problem(problems);
    assert_value(input_object(input, "profile/default//p"), "config/user.a",
                 "\xf0\x9f\x90\xa7 \\ud83d \xc3\xa9 / \" \t\n");
}

/* Everything wrong is named in one run. */
Test(document, all_mistakes_are_named)
{
    g_autoptr(Problems) problems = problems_new();
    g_autoptr(Input) input = parse_text("networks:\n"
                                        "- name: a\n"
                                        "  typ: bridge\n"
                                        "  config:\n"
                                        "    ipv4.adress: none\n"
                                        "- nam: b\n"
                                        "profils: []\n",
                                        problems);
    g_autoptr(GError) error = NULL;

    cr_assert_not(problems_to_error(problems, FALSE, &error));
    cr_assert_str_eq(
        error->message,
        "t.yaml:3:3: network/a: unknown field typ; did you mean type?\n"
        "t.yaml:5:5: network/a: config: unknown key ipv4.adress; did you mean ipv4.address?\n"
        "t.yaml:6:3: network: a network needs a name\n"
        "t.yaml:7:1: unknown section profils; did you mean profiles?");
}

/* In a state file a computed field is remarked, not taken silently (LAW-6). */
Test(document, computed_fields_are_remarked)
{
    g_autoptr(Problems) problems = problems_new();
    g_autoptr(Input) input = parse_text("networks:\n- name: lan\n  managed: true\n", problems);

    cr_assert_eq(problems->errors, 0);
    assert_problem(problems,
                   "t.yaml:3:3: network/lan: managed: is computed by berth and ignored here");
}

Test(document, remarks_and_refusals_are_told_apart)
{
    g_autoptr(Problems) problems = problems_new();
    g_autoptr(GError) error = NULL;

    problem_add_at(problems, PROBLEM_REMARK, "f", 1, 2, NULL, "look");
    cr_assert(problems_to_error(problems, TRUE, &error));
    problem_add_at(problems, PROBLEM_UNSUPPORTED, "f", 1, 2, "a/b", "no");
    cr_assert(problems_to_error(problems, FALSE, &error));
    cr_assert_not(problems_to_error(problems, TRUE, &error));
    cr_assert_str_eq(error->message, "f:1:2: no");
    g_clear_error(&error);
    for (guint i = 0; i < 2000; i++)
        problem_add_at(problems, PROBLEM_ERROR, "f", i, 1, "a/b", "wrong\nline");
    cr_assert_eq(problems->errors, 2000);
    cr_assert_not(problems_to_error(problems, FALSE, &error));
    cr_assert(g_str_has_suffix(error->message, "\nand 1502 more"), "%s",
              error->message + strlen(error->message) - 40);
    cr_assert_not_null(strstr(error->message, "f:7:1: a.b: wrong line\n"));
}

/* A file cannot write to the terminal by way of its mistakes. */
Test(document, messages_hold_no_control_characters)
{
    g_autoptr(Problems) problems = problems_new();
    g_autoptr(Input) input =
        parse_text("profiles:\n- name: \"a\\e[31m\\n\\x9b\"\n  typo: x\n", problems);

    assert_problem(problems, "t.yaml:3:3: profile/a?[31m ??: unknown field typo");
}
