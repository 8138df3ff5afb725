/* Variables, foreach, include and overlays (EN-04). */
#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "file.h"
#include "secrets.h"
#include "support.h"

/* Files in a directory of their own: NAME, TEXT, ..., NULL. The directory; newly allocated. */
static char *write_files(const char *name, ...) G_GNUC_NULL_TERMINATED;

static char *write_files(const char *name, ...)
{
    char *directory = g_dir_make_tmp("berth-template-XXXXXX", NULL);
    va_list args;

    va_start(args, name);
    for (const char *file = name; file != NULL; file = va_arg(args, const char *)) {
        g_autofree char *path = g_build_filename(directory, file, NULL);
        g_autofree char *folder = g_path_get_dirname(path);

        cr_assert_eq(g_mkdir_with_parents(folder, 0755), 0);
        cr_assert(g_file_set_contents(path, va_arg(args, const char *), -1, NULL));
    }
    va_end(args);
    return directory;
}

static Input *read_below(const char *directory, const char *name, Problems *problems)
{
    g_autofree char *path = g_build_filename(directory, name, NULL);
    Input *input = input_new();

    cr_assert(input_read(input, path, NULL, problems, NULL));
    return input;
}

/* The names of all objects, "a b c". Newly allocated. */
static char *names_of(const Input *input)
{
    GString *names = g_string_new(NULL);

    for (guint i = 0; i < input->objects->len; i++)
        g_string_append_printf(names, "%s%s", i > 0 ? " " : "",
                               ((const Object *)input->objects->pdata[i])->id.name);
    return g_string_free(names, FALSE);
}

static void assert_names(const char *text, const char *names)
{
    g_autoptr(Problems) problems = problems_new();
    g_autoptr(Input) input = parse_text(text, problems);
    g_autofree char *found = names_of(input);

    assert_no_problem(problems);
    cr_assert_str_eq(found, names, "%s gives %s", text, found);
}

Test(template, variables_are_put_into_values)
{
    g_autoptr(Problems) problems = problems_new();
    g_autoptr(Input) input =
        parse_text("vars:\n"
                   "  domain: {type: string, default: example.org, description: Where we are.}\n"
                   "  count: 3\n"
                   "  on: {default: true}\n"
                   "  profiles: [default, web]\n"
                   "  labels: {type: map, default: {a: b, ip: 10.0.0.1}}\n"
                   "  url: https://${domain}/\n"
                   "---\n"
                   "instances:\n"
                   "- name: w${count}\n"
                   "  image: busybox\n"
                   "  description: ${url} $${url} $x ${labels.ip} ${profiles.1}\n"
                   "  profiles: ${profiles}\n"
                   "  protect: ${on}\n"
                   "  labels: ${labels}\n"
                   "  config: {limits.cpu: \"${count}\"}\n",
                   problems);
    const Object *instance = input_object(input, "instance/default//w3");

    assert_no_problem(problems);
    assert_value(instance, "description", "https://example.org/ ${url} $x 10.0.0.1 web");
    assert_value(instance, "config/limits.cpu", "3");
    assert_value(instance, "labels/ip", "10.0.0.1");
    cr_assert(json_is_true(json_object_get(instance->spec, "protect")));
    cr_assert_eq(json_array_size(json_object_get(instance->spec, "profiles")), 2);
}

/* Every valid preseed is a valid state file: without `vars:` a ${ is text. */
Test(template, a_preseed_is_no_template)
{
    g_autoptr(Problems) problems = problems_new();
    g_autoptr(Input) input =
        parse_text("profiles:\n"
                   "- name: p\n"
                   "  config:\n"
                   "    user.user-data: 'echo ${HOME} $${x} ${secret:file:/k} ${'\n"
                   "    user.${x}: ${y}\n",
                   problems);
    const Object *profile = input_object(input, "profile/default//p");

    assert_no_problem(problems);
    assert_value(profile, "config/user.user-data", "echo ${HOME} $${x} ${secret:file:/k} ${");
    assert_value(profile, "config/user.${x}", "${y}");
}

/* What is given: --var over --var-file over the default, by the type that is declared. */
Test(template, values_can_be_given)
{
    static const char text[] = "vars:\n"
                               "  a:\n"
                               "  b: {type: list}\n"
                               "  c: one\n"
                               "  d: one\n"
                               "profiles:\n"
                               "- {name: p, description: '${a} ${c} ${d} ${b.1}'}\n";
    g_autofree char *directory = write_files("v.yaml", "c: two\nd: two\n", NULL);
    g_autofree char *path = g_build_filename(directory, "v.yaml", NULL);
    g_autoptr(Problems) problems = problems_new();
    g_autoptr(Input) input = input_new();
    g_autoptr(GError) error = NULL;
    g_autofree char *before = g_strdup(input->digest);

    cr_assert(input_give(input, "a=x=y", NULL));
    cr_assert_str_neq(before, input->digest);
    cr_assert(input_give(input, "b=[1, 2]", NULL));
    cr_assert(input_give(input, "d=three", NULL));
    cr_assert(input_give(input, "nobody=1", NULL));
    cr_assert(input_give_file(input, path, NULL));
    cr_assert_not(input_give(input, "no-value", &error));
    input_parse(input, "t.yaml", text, strlen(text), NULL, problems);
    assert_no_problem(problems);
    assert_value(input_object(input, "profile/default//p"), "description", "x=y two three 2");
    input_check_given(input, problems);
    assert_problem(problems, "--var: no file declares a variable nobody");
    file_remove_tree(directory, NULL);
}

Test(template, given_values_have_the_type_that_is_declared)
{
    static const char text[] = "vars: {n: {type: integer}, l: {type: list}}\n";
    g_autoptr(Problems) problems = problems_new();
    g_autoptr(Input) input = input_new();
    g_autoptr(json_t) values = json_pack("{s:i, s:s}", "n", 5, "l", "text");

    cr_assert(input_give_json(input, values, NULL));
    input_parse(input, "t.yaml", text, strlen(text), NULL, problems);
    cr_assert_eq(problems->errors, 1);
    assert_problem(problems, "the request: variable l is a list, not 'text'");
}

/* A variable says in every complaint, and to `explain`, where it comes from. */
Test(template, origins_tell_both_places)
{
    g_autoptr(Problems) problems = problems_new();
    g_autoptr(Input) input = parse_text("vars: {memory: 1GiB}\n"
                                        "profiles:\n"
                                        "- name: p\n"
                                        "  config:\n"
                                        "    limits.memory: ${memory}\n"
                                        "    user.x: y\n",
                                        problems);
    const Object *profile = input_object(input, "profile/default//p");
    g_autofree char *where = object_where(profile, "config/limits.memory");

    cr_assert_str_eq(where, "t.yaml:5:5");
    cr_assert_str_eq(object_via(profile, "config/limits.memory"),
                     "variable memory, declared at t.yaml:1:8");
    cr_assert_null(object_via(profile, "config/user.x"));
}

Test(template, foreach_makes_objects)
{
    assert_names("profiles:\n- {foreach: [b, a], name: 'p-${each.value}'}\n", "p-b p-a");
    assert_names(
        "profiles:\n- {foreach: {x: {n: 1}, y: {n: 2}}, name: '${each.key}${each.value.n}'}\n",
        "x1 y2");
    assert_names("profiles:\n- {foreach: 3, name: 'p${each.key}'}\n", "p0 p1 p2");
    assert_names("profiles:\n- {foreach: [], name: 'p${each.key}'}\n", "");
    assert_names("profiles:\n- {foreach: 1, name: p}\n- {foreach: 0, name: q}\n", "p");
    assert_names(
        "vars: {hosts: [{name: a, ip: 1}, {name: b, ip: 2}]}\n"
        "profiles:\n- {foreach: '${hosts}', as: host, name: '${host.key}${host.value.ip}'}\n",
        "a1 b2");
}

/* Taking out the one in the middle does not rename the others. */
Test(template, foreach_names_are_stable)
{
    assert_names("profiles:\n- {foreach: [a, b, c], name: 'p-${each.key}'}\n", "p-a p-b p-c");
    assert_names("profiles:\n- {foreach: [a, c], name: 'p-${each.key}'}\n", "p-a p-c");
}

Test(template, directories_share_their_variables)
{
    g_autofree char *directory = write_files("a.yaml", "profiles: [{name: 'p-${name}'}]\n",
                                             "z/vars.yaml", "vars: {name: x}\n", NULL);
    g_autoptr(Problems) problems = problems_new();
    g_autoptr(Input) input = read_below(directory, ".", problems);
    g_autofree char *names = names_of(input);

    assert_no_problem(problems);
    cr_assert_str_eq(names, "p-x");
    file_remove_tree(directory, NULL);
}

/* A file is read once, however many name it, and not on its own when another one of its directory
 * names it. */
Test(template, includes_are_read_once)
{
    g_autofree char *directory =
        write_files("a.yaml", "include: [parts, common.yaml]\nprofiles: [{name: a}]\n",
                    "common.yaml", "profiles: [{name: c}]\n", "parts/p.yaml",
                    "include: ../common.yaml\nprofiles: [{name: p}]\n", NULL);
    g_autoptr(Problems) problems = problems_new();
    g_autoptr(Input) all = read_below(directory, ".", problems);
    g_autoptr(Input) one = read_below(directory, "a.yaml", problems);
    g_autofree char *all_names = names_of(all);
    g_autofree char *one_names = names_of(one);

    assert_no_problem(problems);
    cr_assert_str_eq(all_names, "c p a");
    cr_assert_str_eq(one_names, "c p a");
    cr_assert_eq(one->files->len, 3);
    file_remove_tree(directory, NULL);
}

Test(template, circles_are_told_with_their_chain)
{
    g_autofree char *directory =
        write_files("a.yaml", "include: b.yaml\n", "b.yaml", "include: c.yaml\n", "c.yaml",
                    "include: b.yaml\n", NULL);
    g_autoptr(Problems) problems = problems_new();
    g_autoptr(Input) input = read_below(directory, "a.yaml", problems);
    g_autofree char *chain =
        g_strdup_printf("files include each other: %s/b.yaml -> %s/c.yaml -> %s/b.yaml", directory,
                        directory, directory);

    cr_assert_eq(problems->errors, 1);
    assert_problem(problems, chain);
    file_remove_tree(directory, NULL);
}

/* What others write cannot read what is around it. */
Test(template, a_confined_input_stays_inside)
{
    g_autofree char *directory =
        write_files("in/a.yaml", "include: ../out.yaml\n", "in/b.yaml", "include: link.yaml\n",
                    "out.yaml", "profiles: [{name: out}]\n", NULL);
    g_autofree char *inside = g_build_filename(directory, "in", NULL);
    g_autofree char *link = g_build_filename(inside, "link.yaml", NULL);
    g_autofree char *a = g_build_filename(inside, "a.yaml", NULL);
    g_autofree char *b = g_build_filename(inside, "b.yaml", NULL);
    g_autoptr(Problems) problems = problems_new();
    g_autoptr(Input) free_input = read_below(inside, "a.yaml", problems);
    g_autoptr(Input) input = input_new();
    g_autoptr(GError) error = NULL;

    assert_no_problem(problems);
    cr_assert_eq(free_input->objects->len, 1);
    cr_assert_eq(symlink("../out.yaml", link), 0);
    cr_assert(input_confine(input, inside, NULL));
    cr_assert(input_read(input, a, NULL, problems, NULL));
    cr_assert(input_read(input, b, NULL, problems, NULL));
    cr_assert_eq(problems->errors, 2);
    cr_assert_eq(input->objects->len, 0);
    assert_problem(problems, "out.yaml leads out of ");
    cr_assert_not(input_read(input, inside, NULL, problems, &error));
    file_remove_tree(directory, NULL);
}

Test(template, requests_include_nothing)
{
    g_autoptr(Problems) problems = problems_new();
    g_autoptr(Input) input = parse_text("include: [/etc/x.yaml, y.yaml]\n", problems);

    cr_assert_eq(input->objects->len, 0);
    cr_assert_eq(problems->errors, 2);
    assert_problem(problems, "a text in a request can include nothing");
}

static const char base_text[] =
    "vars: {memory: 1GiB}\n"
    "config: {user.a: base, user.b: base}\n"
    "images:\n"
    "- name: i\n"
    "  source: builtin:busybox\n"
    "  aliases: [x, y]\n"
    "profiles:\n"
    "- name: web\n"
    "  config: {limits.memory: '${memory}', user.x: base, user.y: base}\n"
    "  devices: {d: {type: none}, e: {type: none}}\n"
    "- name: gone\n"
    "- foreach: [a, b]\n"
    "  name: each-${each.key}\n";

static const char patch_text[] = "vars: {memory: 2GiB}\n"
                                 "config: {user.a: patch, user.b: null}\n"
                                 "images:\n"
                                 "- name: i\n"
                                 "  aliases: [{name: y, $patch: delete}, x, z]\n"
                                 "profiles:\n"
                                 "- name: web\n"
                                 "  config: {user.x: patch, user.y: null, user.z: patch}\n"
                                 "  devices: {e: {$patch: delete}, f: {type: none}}\n"
                                 "- {name: gone, $patch: delete}\n"
                                 "- {name: each-b, description: patch}\n"
                                 "- {name: more}\n";

static void assert_overlaid(const Input *input, const Problems *problems)
{
    g_autofree char *lines = input_lines(input);
    const Object *web = input_object(input, "profile/default//web");

    assert_no_problem(problems);
    cr_assert_str_eq(
        lines,
        "server/// {\"config\":{\"user.a\":\"patch\"}}\n"
        "image/default//i {\"aliases\":[\"x\",\"z\"],\"source\":{\"builtin\":\"busybox\"}}\n"
        "profile/default//web {\"config\":{\"limits.memory\":\"2GiB\",\"user.x\":"
        "\"patch\",\"user.z\":\"patch\"},\"devices\":{\"d\":{\"type\":\"none\"},\"f\":"
        "{\"type\":\"none\"}}}\n"
        "profile/default//each-a {\"config\":{},\"devices\":{}}\n"
        "profile/default//each-b {\"config\":{},\"description\":\"patch\",\"devices\":{}}\n"
        "profile/default//more {\"config\":{},\"devices\":{}}\n",
        "%s", lines);
    cr_assert_not_null(strstr(object_via(web, "config/user.x"), "laid over "));
    cr_assert_not_null(strstr(object_via(web, "config/user.x"), ":9:"));
}

Test(template, overlays_are_laid_over_what_names_them)
{
    g_autofree char *directory =
        write_files("main.yaml", base_text, "host.yaml",
                    "include: main.yaml\noverlays: [patch.yaml]\n", "patch.yaml", patch_text, NULL);
    g_autoptr(Problems) problems = problems_new();
    g_autoptr(Input) file = read_below(directory, "host.yaml", problems);
    g_autoptr(Input) all = read_below(directory, ".", problems);

    assert_overlaid(file, problems);
    assert_overlaid(all, problems);
    file_remove_tree(directory, NULL);
}

/* base/ and what is beside it. */
Test(template, a_directory_with_a_base_is_laid_over_it)
{
    g_autofree char *directory =
        write_files("base/all.yaml", base_text, "a-patch.yaml", patch_text, NULL);
    g_autofree char *overlays = g_build_filename(directory, "overlays", NULL);
    g_autoptr(Problems) problems = problems_new();
    g_autoptr(Input) input = read_below(directory, ".", problems);
    g_autoptr(GError) error = NULL;

    assert_overlaid(input, problems);
    cr_assert_eq(g_mkdir(overlays, 0755), 0);
    cr_assert_not(input_read(input, directory, NULL, problems, &error));
    cr_assert_not_null(strstr(error->message, "name the one of overlays/ that is meant"));
    file_remove_tree(directory, NULL);
}

Test(template, an_overlay_can_replace)
{
    g_autofree char *directory =
        write_files("a.yaml",
                    "overlays: b.yaml\n"
                    "profiles: [{name: p, description: d, config: {user.a: x}}, {name: q, config: "
                    "{user.a: x}}]\n",
                    "b.yaml",
                    "profiles: [{name: p, $patch: replace, config: {user.b: y}}, "
                    "{name: q, config: {$patch: replace, user.b: y}}]\n",
                    NULL);
    g_autoptr(Problems) problems = problems_new();
    g_autoptr(Input) input = read_below(directory, "a.yaml", problems);
    g_autofree char *lines = input_lines(input);

    assert_no_problem(problems);
    cr_assert_str_eq(lines,
                     "profile/default//p {\"config\":{\"user.b\":\"y\"},\"devices\":{}}\n"
                     "profile/default//q {\"config\":{\"user.b\":\"y\"},\"devices\":{}}\n",
                     "%s", lines);
    file_remove_tree(directory, NULL);
}

/* EN-05: a secret is a token in the value, and shown as what it is called. */
Test(template, secrets_are_tokens)
{
    g_autoptr(Problems) problems = problems_new();
    g_autoptr(Input) input =
        parse_text("vars: {word: '${secret:env:W}', list: ['${secret:env:L}']}\n"
                   "profiles:\n"
                   "- name: p\n"
                   "  config:\n"
                   "    user.a: ${secret:file:/k}\n"
                   "    user.b: x ${secret:credential:c} ${word}\n"
                   "    user.c: ${list.0}\n"
                   "    user.d: $${secret:env:D}\n",
                   problems);
    const Object *profile = input_object(input, "profile/default//p");
    g_autofree char *text = json_text(profile->spec);
    g_autofree char *shown = secrets_shown(text);

    assert_no_problem(problems);
    cr_assert(secrets_are_open(profile->spec));
    cr_assert_null(strstr(text, "${secret:file"));
    cr_assert_str_eq(shown,
                     "{\"config\":{\"user.a\":\"${secret:file:/k}\",\"user.b\":\"x "
                     "${secret:credential:c} ${secret:env:W}\",\"user.c\":\"${secret:env:L}"
                     "\",\"user.d\":\"${secret:env:D}\"},\"devices\":{}}",
                     "%s", shown);
}

/* A value that is given may name a secret of this host. */
Test(template, given_values_can_be_secrets)
{
    static const char text[] = "vars: {a: , b: {type: map}}\n"
                               "config: {user.a: '${a}', user.b: 'x${b.c}', user.d: '${b.d}'}\n";
    g_autoptr(Problems) problems = problems_new();
    g_autoptr(Input) input = input_new();
    g_autofree char *spec = NULL;
    g_autofree char *shown = NULL;

    cr_assert(input_give(input, "a=${secret:env:A}", NULL));
    cr_assert(input_give(input, "b={c: '${secret:env:C}', d: 'x${secret:env:D}'}", NULL));
    input_parse(input, "t.yaml", text, strlen(text), NULL, problems);
    assert_no_problem(problems);
    spec = json_text(input_object(input, "server///")->spec);
    shown = secrets_shown(spec);
    cr_assert_str_eq(shown,
                     "{\"config\":{\"user.a\":\"${secret:env:A}\",\"user.b\":\"x${secret:env:C}"
                     "\",\"user.d\":\"x${secret:env:D}\"}}",
                     "%s", shown);
    cr_assert(secrets_are_open(input_object(input, "server///")->spec));
}

/* What is shown says nothing of the content; what comes back as it was shown is what it was. */
Test(template, secrets_are_shown_and_taken_back)
{
    g_autofree char *old = secrets_token("file:/a\"b", "00");
    g_autofree char *new = secrets_token("file:/a\"b", "01");
    g_autoptr(json_t) before = json_pack("{s:s, s:[s]}", "x", old, "y", "z");
    g_autoptr(json_t) after = json_pack("{s:s, s:[s]}", "x", new, "y", "z");
    g_autoptr(json_t) sent = json_pack("{s:s, s:[s], s:s}", "x", "${secret:file:/a\"b}", "y", "z",
                                       "w", "${secret:file:/a\"b}");
    g_autoptr(json_t) taken = secrets_unshown(sent, before);
    g_autofree char *text = json_text(before);
    g_autofree char *shown = secrets_shown(text);

    cr_assert_str_eq(shown, "{\"x\":\"${secret:file:/a\\\"b}\",\"y\":[\"z\"]}", "%s", shown);
    cr_assert(secrets_changed(json_object_get(before, "x"), json_object_get(after, "x")));
    cr_assert_not(secrets_changed(json_object_get(before, "x"), json_object_get(before, "x")));
    cr_assert_str_eq(json_member_string(taken, "x"), old);
    cr_assert_str_eq(json_member_string(taken, "w"), "${secret:file:/a\"b}");
    cr_assert_not(secrets_are_open(before));
}
