/* The pure part of the driver: id maps, CPUs, limits, drawing, and the config that liblxc gets. */
#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "error.h"
#include "file.h"
#include "instance/config.h"
#include "instance/cpus.h"
#include "instance/facts.h"
#include "instance/idmap.h"
#include "instance/limits.h"
#include "snapshot.h"

static json_t *parse(const char *text)
{
    g_autofree char *quoted = g_strdelimit(g_strdup(text), "'", '"');
    json_error_t problem;
    json_t *value = json_loads(quoted, 0, &problem);

    cr_assert(value != NULL, "%s: %s", problem.text, text);
    return value;
}

static void has_text(const char *text, const char *part)
{
    cr_assert(strstr(text, part) != NULL, "\"%s\" is not in: %s", part, text);
}

/* ---- id maps ---- */

static void map_is(const char *raw, const char *should)
{
    g_autoptr(IdMap) map = idmap_new(1000000, 1000000000, 1000000, 1000000000);
    g_autoptr(json_t) items = json_array();
    g_autofree char *text = NULL;
    g_autoptr(GError) error = NULL;

    cr_assert(idmap_punch(map, raw, &error), "%s", error != NULL ? error->message : "");
    idmap_add_items(map, items);
    text = config_text(items);
    cr_expect_str_eq(text, should);
}

/* RT-87 */
Test(idmap, punch)
{
    map_is("", "lxc.idmap = u 0 1000000 1000000000\nlxc.idmap = g 0 1000000 1000000000\n");
    map_is("both 1000 1000", "lxc.idmap = u 0 1000000 1000\nlxc.idmap = u 1000 1000 1\nlxc.idmap = "
                             "u 1001 1001001 999998999\n"
                             "lxc.idmap = g 0 1000000 1000\nlxc.idmap = g 1000 1000 1\nlxc.idmap = "
                             "g 1001 1001001 999998999\n");
    map_is("uid 50-60 0-10\n\ngid 100-101 999999998-999999999",
           "lxc.idmap = u 0 50 11\nlxc.idmap = u 11 1000011 999999989\n"
           "lxc.idmap = g 0 1000000 999999998\nlxc.idmap = g 999999998 100 2\n");
}

/* RT-86 */
Test(idmap, bad_lines)
{
    static const char *const lines[][2] = {
        {"both 1000", "invalid ID map line"},
        {"all 1 1", "invalid ID map type"},
        {"uid a 1", "invalid ID map range"},
        {"uid 5-1 1-5", "invalid ID map range"},
        {"uid 1-5 1-4", "of different sizes"},
        {"uid 1000005 5", "in the range of subids"},
        {"uid 5 5\nuid 5 6", "range of subids or of another line"},
        {"uid  5 5", "invalid ID map line"},
    };

    for (guint i = 0; i < G_N_ELEMENTS(lines); i++) {
        g_autoptr(IdMap) map = idmap_new(1000000, 65536, 1000000, 65536);
        g_autoptr(GError) error = NULL;

        cr_assert_not(idmap_punch(map, lines[i][0], &error), "%s", lines[i][0]);
        has_text(error->message, lines[i][1]);
    }
}

static void ids_are(const char *text, const char *should)
{
    g_autofree char *folder = g_dir_make_tmp("berth-ids-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(folder, "subuid", NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(json_t) ids = NULL;
    g_autofree char *is = NULL;

    if (text != NULL)
        cr_assert(g_file_set_contents(path, text, -1, NULL));
    ids = idmap_host_ids(path, path, &error);
    is = ids != NULL ? json_text(json_object_get(ids, "uid")) : g_strdup(error->message);
    has_text(is, should);
    remove(path);
    remove(folder);
}

/* A folder to look for programs in, with empty ones of these names. */
static char *folder_of_programs(const char *const *names)
{
    char *folder = g_dir_make_tmp("berth-path-XXXXXX", NULL);

    for (; *names != NULL; names++) {
        g_autofree char *path = g_build_filename(folder, *names, NULL);

        cr_assert(g_file_set_contents(path, "", 0, NULL) && chmod(path, 0755) == 0);
    }
    g_setenv("PATH", folder, TRUE);
    return folder;
}

static const char *const BOTH_TOOLS[] = {"newuidmap", "newgidmap", NULL};

/* RT-75, RT-76: all four, or none of them. */
Test(idmap, half_of_shadow)
{
    static const char *const one[] = {"newuidmap", NULL}, *const none[] = {NULL};
    g_autofree char *all = folder_of_programs(BOTH_TOOLS);
    g_autofree char *half = NULL;
    g_autofree char *empty = NULL;

    ids_are("root:100000:65536\n", "[100000,65536]");
    ids_are(NULL, "missing; install the package uidmap");
    half = folder_of_programs(one);
    ids_are("root:100000:65536\n", "only half there: newgidmap missing");
    ids_are("", "newgidmap missing");
    empty = folder_of_programs(none);
    ids_are("someone:100000:65536\n", "only half there: newuidmap, newgidmap missing");
    ids_are("\n", "[1000000,1000000000]");
    ids_are(NULL, "[1000000,1000000000]");
    cr_expect(file_remove_tree(all, NULL) && file_remove_tree(half, NULL) &&
              file_remove_tree(empty, NULL));
}

/* RT-73..77 */
Test(idmap, host_ids)
{
    g_autofree char *folder = folder_of_programs(BOTH_TOOLS);

    ids_are("", "[1000000,1000000000]");
    ids_are("# nobody\nlxd:100000:65536\n", "[1000000,1000000000]");
    ids_are("root:5:10\nROOT:100000:65536\nroot:900000:70000\n", "[100000,65536]");
    ids_are("root:100000:65535\n", "no range of at least 65536 ids");
    ids_are("root:100000\n", "malformed line");
    ids_are("root:a:65536\n", "malformed line");
    cr_expect(file_remove_tree(folder, NULL));
}

Test(idmap, place)
{
    g_autoptr(GArray) taken = g_array_new(FALSE, FALSE, sizeof(IdSpan));
    IdSpan spans[] = {{0, 300000, 100000}, {0, 165536, 65536}};
    guint32 base;

    cr_assert(idmap_place(165536, 999999, 65536, taken, &base));
    cr_expect_eq(base, 165536);
    g_array_append_vals(taken, spans, 2);
    cr_assert(idmap_place(165536, 999999, 65536, taken, &base));
    cr_expect_eq(base, 231072);
    cr_assert(idmap_place(165536, 999999, 100000, taken, &base));
    cr_expect_eq(base, 400000);
    cr_expect_not(idmap_place(165536, 450000, 100000, taken, &base));
}

/* ---- CPUs and limits ---- */

Test(cpus, sets)
{
    static const char *const good[][2] = {
        {"0", "0"}, {"0-3", "0-3"}, {"3,1,0", "0-1,3"}, {"0-2,1-4,9", "0-4,9"}};
    static const char *const bad[] = {"", "a", "1-", "-1", "3-1", "1,,2", "1..3", "99999"};

    for (guint i = 0; i < G_N_ELEMENTS(good); i++) {
        g_autoptr(GArray) cpus = cpus_parse(good[i][0], NULL);
        g_autofree char *text = cpus != NULL ? cpus_format(cpus) : NULL;

        cr_expect_str_eq(text, good[i][1]);
    }
    for (guint i = 0; i < G_N_ELEMENTS(bad); i++)
        cr_expect(cpus_parse(bad[i], NULL) == NULL, "%s", bad[i]);
}

#define HOST(CGROUP)                                                                               \
    "{'cpus': [0, 1, 2, 3], 'memory': 1000000000, 'ids': {'uid': [1000000, 1000000000], 'gid': "   \
    "[1000000, 1000000000]}, "                                                                     \
    "'interfaces': {}, 'cgroup': " CGROUP "}"
#define V1                                                                                         \
    HOST("{'cpuset': 'v1', 'cpu': 'v1', 'memory': 'v1', 'memory.swap': 'v1', 'pids': 'v1', "       \
         "'devices': 'v1', 'hugetlb': 'v2'}")
#define V2                                                                                         \
    HOST("{'cpuset': 'v2', 'cpu': 'v2', 'memory': 'v2', 'memory.swap': 'v2', 'pids': 'v2', "       \
         "'devices': 'v2', 'hugetlb': 'v2'}")
#define BARE HOST("{}")

static void limits_are(const char *host_text, const char *config_text_, const char *should)
{
    g_autoptr(HostFacts) host = host_facts_of(parse(host_text));
    g_autoptr(json_t) config = parse(config_text_);
    g_autoptr(json_t) expected = parse(should);
    g_autoptr(GError) error = NULL;
    g_autoptr(json_t) limits = limits_expect(config, host, &error);
    g_autofree char *is = limits != NULL ? json_text(limits) : g_strdup(error->message);

    cr_expect(limits != NULL && json_equal(limits, expected), "%s gives %s, not %s", config_text_,
              is, should);
}

static void takes(guint *load, guint count, const char *had_text, const char *should)
{
    g_autoptr(GArray) all = cpus_parse("0-3", NULL);
    g_autoptr(GArray) had = cpus_parse(had_text, NULL);
    g_autoptr(GArray) taken = cpus_take(all, load, count, had);
    g_autofree char *is = cpus_format(taken);

    cr_expect_str_eq(is, should, "%u CPUs: %s, not %s", count, is, should);
}

/* I-306 */
Test(limits, least_used_cpus)
{
    guint *load = g_new0(guint, CPU_MAX + 1);

    takes(load, 1, "7", "0");
    takes(load, 1, "7", "1");
    takes(load, 2, "7", "2-3");
    takes(load, 1, "3", "3"); /* all are equal: it stays */
    takes(load, 1, "3", "0"); /* another is better */
    takes(load, 9, "7", "0-3");
    g_free(load);
}

Test(limits, table)
{
    limits_are(V1, "{}", "{}");
    limits_are(V1, "{'limits.cpu': '0-1'}", "{'cpuset': '0-1'}");
    limits_are(V1, "{'limits.cpu': '0-7'}", "{}");          /* all that there are */
    limits_are(V1, "{'limits.cpu': '6-7'}", "{}");          /* I-301: nothing left, untouched */
    limits_are(V1, "{'limits.cpu': '1'}", "{'cpus': '1'}"); /* I-302 */
    limits_are(V1, "{'limits.cpu': '9'}", "{}");            /* I-309: capped */
    limits_are(V1, "{'limits.cpu.allowance': '50%'}", "{'cpu.weight': '512'}");
    limits_are(V2, "{'limits.cpu.allowance': '50%'}", "{'cpu.weight': '50'}");
    limits_are(V1, "{'limits.cpu.allowance': '33%'}", "{'cpu.weight': '337'}");
    limits_are(V1, "{'limits.cpu.priority': '0'}", "{'cpu.weight': '1014'}");
    limits_are(V1, "{'limits.cpu.priority': '10'}", "{}");
    limits_are(V1, "{'limits.cpu.allowance': '20ms/50ms'}", "{'cpu.max': '20000 50000'}");
    limits_are(V1, "{'limits.memory': '10000000'}",
               "{'memory.max': '9998336', 'memory.swap': '9998336', 'memory.low': '8998912'}");
    limits_are(V2, "{'limits.memory': '1MiB'}",
               "{'memory.max': '1048576', 'memory.swap': '0', 'memory.low': '942080'}");
    limits_are(V1, "{'limits.memory': '10%', 'limits.memory.enforce': 'soft'}",
               "{'memory.low': '99999744'}");
    limits_are(V1, "{'limits.memory': '1MiB', 'limits.memory.swap': 'false'}",
               "{'memory.max': '1048576', 'memory.low': '942080', 'memory.swappiness': '0'}");
    limits_are(V2, "{'limits.memory': '1MiB', 'limits.memory.swap': 'no'}",
               "{'memory.max': '1048576', 'memory.low': '942080'}");
    limits_are(V1, "{'limits.memory.swap.priority': '0'}", "{'memory.swappiness': '70'}");
    limits_are(V1, "{'limits.processes': '7'}", "{'pids.max': '7'}");
    limits_are(V1, "{'limits.hugepages.2MB': '5MiB'}", "{'hugetlb.2MB.max': '4194304'}");
    /* I-329: what the host cannot limit is left out */
    limits_are(BARE,
               "{'limits.cpu': '0', 'limits.memory': '1MiB', 'limits.processes': '7', "
               "'limits.cpu.allowance': '5%', 'limits.hugepages.2MB': '5MiB'}",
               "{}");
}

/* ---- config and drawing ---- */

static Snapshot *put(Snapshot *snapshot, Object *object)
{
    g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func((GDestroyNotify)object_unref);
    Snapshot *next;

    g_ptr_array_add(list, object);
    next = snapshot_change(snapshot, list, NULL);
    snapshot_unref(snapshot);
    return next;
}

static Snapshot *model(void)
{
    Snapshot *snapshot = snapshot_new();

    snapshot =
        put(snapshot, object_new(KIND_PROJECT, "", "", "default", parse("{'config': {}}"), NULL));
    snapshot = put(snapshot, object_new(KIND_POOL, "", "", "p",
                                        parse("{'driver': 'dir', 'config': {}}"), NULL));
    return put(snapshot, object_new(KIND_IMAGE, "default", "", "img", parse("{}"),
                                    parse("{'fingerprint': 'abc'}")));
}

#define ROOT "'root': {'type': 'disk', 'path': '/', 'pool': 'p'}"

static Object *instance(const char *name, const char *config, const char *devices)
{
    g_autofree char *text = g_strdup_printf(
        "{'type': 'container', 'architecture': 'x86_64', 'source': {'type': 'image', "
        "'alias': 'img'}, 'profiles': [], 'config': %s, 'devices': {" ROOT "%s}}",
        config, devices);

    return object_new(KIND_INSTANCE, "default", "", name, parse(text), NULL);
}

static void must_prepare(Snapshot *snapshot, HostFacts *host, Object *object)
{
    Context context = {snapshot, host, "/state", "seed"};
    g_autoptr(GError) error = NULL;

    cr_assert(instance_prepare(&context, object, object->generated, &error), "%s",
              error != NULL ? error->message : "");
}

#define NIC                                                                                        \
    ", 'eth0': {'type': 'nic', 'nictype': 'bridged', 'parent': 'br0'}, 'lan': {'type': 'nic', "    \
    "'nictype': 'p2p', 'name': 'eth0'}"

/* Twice gives the same, another instance gets other values, what goes is given up. */
Test(prepare, draws)
{
    g_autoptr(HostFacts) host = host_facts_of(parse(V1));
    Object *a = instance("a", "{'security.idmap.isolated': 'true', 'limits.cpu': '2'}", NIC);
    Object *b = instance("b", "{'security.idmap.isolated': 'true', 'limits.cpu': '2'}", NIC);
    Snapshot *snapshot = put(put(model(), a), b);
    g_autoptr(json_t) before = NULL;
    Object *c;

    must_prepare(snapshot, host, a);
    must_prepare(snapshot, host, b);
    before = json_deep_copy(a->generated);
    must_prepare(snapshot, host, a);
    cr_expect(json_equal(before, a->generated));
    cr_expect_str_eq(json_member_string(a->generated, "volatile.base_image"), "abc");
    cr_expect_str_eq(json_member_string(a->generated, "volatile.eth0.name"), "eth1",
                     "eth0 is taken by name");
    cr_expect(json_object_get(a->generated, "volatile.lan.name") == NULL);
    cr_expect_eq(strncmp(json_member_string(a->generated, "volatile.eth0.hwaddr"), "00:16:3e:", 9),
                 0);
    cr_expect_str_neq(json_member_string(a->generated, "volatile.eth0.hwaddr"),
                      json_member_string(b->generated, "volatile.eth0.hwaddr"));
    cr_expect_str_neq(json_member_string(a->generated, "volatile.eth0.hwaddr"),
                      json_member_string(a->generated, "volatile.lan.hwaddr"));
    cr_expect_eq(strlen(json_member_string(a->generated, "volatile.lan.host_name")), 12);
    cr_expect_str_neq(json_member_string(a->generated, "volatile.uuid"),
                      json_member_string(b->generated, "volatile.uuid"));
    cr_expect_str_eq(json_member_string(a->generated, "volatile.idmap.base"), "1065536");
    cr_expect_str_eq(json_member_string(b->generated, "volatile.idmap.base"), "1131072");
    c = object_with(a, NULL, NULL);
    json_object_del(json_object_get(c->spec, "devices"), "eth0");
    snapshot = put(snapshot, c);
    must_prepare(snapshot, host, c);
    cr_expect(json_object_get(c->generated, "volatile.eth0.hwaddr") == NULL);
    cr_expect(json_object_get(c->generated, "volatile.lan.hwaddr") != NULL);
    snapshot_unref(snapshot);
}

/* SV-37 */
Test(prepare, host_name_by_mac)
{
    g_autoptr(HostFacts) host = host_facts_of(parse(V1));
    Object *a = instance("a", "{}",
                         ", 'n': {'type': 'nic', 'nictype': 'p2p', 'hwaddr': '00:16:3E:AA:BB:CC'}");
    Snapshot *snapshot = put(model(), a);

    snapshot =
        put(snapshot, object_new(KIND_SERVER, "", "", "",
                                 parse("{'config': {'instances.nic.host_name': 'mac'}}"), NULL));
    must_prepare(snapshot, host, a);
    cr_expect_str_eq(json_member_string(a->generated, "volatile.n.host_name"), "lxd163eaabbcc");
    snapshot_unref(snapshot);
}

/* SEC-38: no room is an error that names the key. */
Test(prepare, no_ids_left)
{
    g_autoptr(HostFacts) host = host_facts_of(parse(V1));
    Object *a = instance(
        "a", "{'security.idmap.isolated': 'true', 'security.idmap.size': '2000000000'}", "");
    Snapshot *snapshot = put(model(), a);
    Context context = {snapshot, host, "/state", "seed"};
    g_autoptr(GError) error = NULL;

    cr_assert_not(instance_prepare(&context, a, a->generated, &error));
    has_text(error->message, "security.idmap.isolated: not enough uid/gid");
    snapshot_unref(snapshot);
}

/* I-138: lines that no profile would hold are refused where there are profiles, and remarked
 * elsewhere. */
Test(facts, raw_apparmor)
{
    Object *a = instance("a", "{'raw.apparmor': 'deny mount,'}", "");
    Snapshot *snapshot = put(model(), a);

    for (int there = 0; there <= 1; there++) {
        json_t *values = parse(V1);
        g_autoptr(HostFacts) host = host_facts_of(values);
        Context context = {snapshot, host, "/state", "seed"};
        g_autoptr(GError) error = NULL;
        g_autoptr(json_t) facts = NULL;
        g_autoptr(json_t) remarks = NULL;

        json_object_set_new(values, "apparmor", json_boolean(there));
        must_prepare(snapshot, host, a);
        facts = instance_expect(&context, a, NULL, &error);
        if (there) {
            cr_assert(facts == NULL);
            cr_expect_eq(error->code, ERR_UNSUPPORTED);
            has_text(error->message, "config.raw.apparmor");
        } else {
            cr_assert(facts != NULL, "%s", error != NULL ? error->message : "");
            remarks = driver_take_remarks(facts);
            has_text(json_string_value(json_array_get(remarks, 0)), "config.raw.apparmor");
        }
    }
    snapshot_unref(snapshot);
}

static void golden(const char *name, const char *host_text, const char *config, const char *devices)
{
    g_autoptr(HostFacts) host = host_facts_of(parse(host_text));
    Object *a = instance("web", config, devices);
    Snapshot *snapshot = put(model(), a);
    Context context = {snapshot, host, "/state", "seed"};
    g_autoptr(GError) error = NULL;
    g_autoptr(json_t) facts = NULL;
    g_autoptr(json_t) sources = parse("{'data': {'source': '/srv/my data', 'directory': true}, "
                                      "'file': {'source': '/etc/hosts', 'directory': false}}");
    g_autoptr(json_t) items = NULL;
    g_autofree char *path =
        g_strdup_printf("%s/tests/instance/golden/%s.conf", getenv("BERTH_SOURCE"), name);
    g_autofree char *text = NULL;
    g_autofree char *should = NULL;
    g_auto(Expanded) expanded;

    must_prepare(snapshot, host, a);
    expand_instance(snapshot, a, &expanded);
    facts = running_expect(&context, a, &expanded, &error);
    cr_assert(facts != NULL, "%s", error != NULL ? error->message : "");
    items = config_start_items(facts,
                               &(ConfigStart){.dir = "/state",
                                              .name = "web",
                                              .hook = "'/usr/libexec/berth/berth-hook' post-stop",
                                              .layout = host_fact(host, "cgroup"),
                                              .sources = sources,
                                              .seccomp = json_object_get(facts, "$seccomp") != NULL
                                                             ? "/state/security/seccomp/web"
                                                             : NULL});
    text = config_text(items);
    if (getenv("REGEN") != NULL)
        cr_assert(g_file_set_contents(path, text, -1, NULL));
    cr_assert(g_file_get_contents(path, &should, NULL, NULL), "%s", path);
    cr_expect_str_eq(text, should);
    snapshot_unref(snapshot);
}

#define DISKS                                                                                      \
    ", 'data': {'type': 'disk', 'source': '/srv/my data', 'path': 'mnt//data', 'readonly': "       \
    "'true', 'shift': 'true'}, "                                                                   \
    "'file': {'type': 'disk', 'source': '/etc/hosts', 'path': '/etc/hosts.d', 'propagation': "     \
    "'rslave'}, "                                                                                  \
    "'gone': {'type': 'disk', 'source': '/no/such', 'path': '/gone', 'required': 'false'}"

Test(config, plain)
{
    golden("plain", V1, "{}", "");
}

Test(config, devices)
{
    golden("devices", V1, "{}", NIC DISKS);
}

Test(config, limits)
{
    golden("limits-v1", V1,
           "{'limits.cpu': '0-1', 'limits.cpu.allowance': '20ms/50ms', 'limits.memory': '64MiB', "
           "'limits.processes': '50'}",
           "");
    golden("limits-v2", V2,
           "{'limits.cpu': '0-1', 'limits.cpu.allowance': '20ms/50ms', 'limits.memory': '64MiB', "
           "'limits.processes': '50'}",
           "");
}

Test(config, privileged)
{
    golden("privileged", V1,
           "{'security.privileged': 'true', 'security.nesting': 'true', "
           "'security.syscalls.deny_default': 'false'}",
           "");
    golden("privileged-v2", V2, "{'security.privileged': 'true'}", "");
}

Test(config, keys)
{
    golden("keys", V1,
           "{'environment.B': '2', 'environment.A': 'one two', 'linux.sysctl.net.ipv4.ip_forward': "
           "'1', 'limits.kernel.nofile': '1000:2000', "
           "'raw.idmap': 'both 1000 1000', 'raw.lxc': '# remark\\nlxc.cap.drop = sys_nice\\n "
           "lxc.signal.halt=SIGTERM '}",
           "");
}

/* A value cannot bring in another line of config. */
Test(config, no_injection)
{
    g_autoptr(HostFacts) host = host_facts_of(parse(V1));
    Object *a = instance("web", "{'linux.sysctl.net.x': '1\\nlxc.hook.pre-start = /bin/evil'}", "");
    Snapshot *snapshot = put(model(), a);
    Context context = {snapshot, host, "/state", "seed"};
    g_autoptr(GError) error = NULL;
    g_auto(Expanded) expanded;

    expand_instance(snapshot, a, &expanded);
    cr_assert(running_expect(&context, a, &expanded, &error) == NULL);
    has_text(error->message, "linux.sysctl.net.x");
    snapshot_unref(snapshot);
}

/* RT-35, I-154..157 */
Test(config, seccomp)
{
    static const char *const cases[][2] = {
        {"{}", "2\ndenylist\nreject_force_umount\n[all]\nkexec_load errno 38\nopen_by_handle_at "
               "errno 38\ninit_module errno 38\n"
               "finit_module errno 38\ndelete_module errno 38\n"},
        {"{'security.syscalls.deny_default': 'false', 'security.syscalls.deny': 'mkdir errno 13'}",
         "2\ndenylist\n[all]\nmkdir errno 13\n"},
        {"{'security.syscalls.allow': 'read\\nwrite'}", "2\nallowlist\n[all]\nread\nwrite\n"},
        {"{'raw.seccomp': '2\\ndenylist\\n'}", "2\ndenylist\n"},
    };
    g_autoptr(json_t) none = parse("{'security.syscalls.deny_default': 'false'}");

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(json_t) config = parse(cases[i][0]);
        g_autofree char *text = config_seccomp(config);

        cr_expect_str_eq(text, cases[i][1]);
    }
    cr_expect(config_seccomp(none) == NULL);
}
