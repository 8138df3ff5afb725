#include "world.h"

#include <criterion/criterion.h>
#include <string.h>
#include <unistd.h>

#include "error.h"
#include "file.h"
#include "network/network.h"
#include "paths.h"

Host *host;
Context context;

void world_enter(void)
{
    namespace_enter();
    host = host_real_new(namespace_dir());
    context = make_context(host->dir, NULL);
    world_refresh();
}

void world_leave(void)
{
    if (host == NULL)
        return;
    context_clear(&context);
    host_free(host);
    namespace_leave();
}

void world_refresh(void)
{
    host_facts_free(context.host);
    context.host = host_facts_new(host);
}

static json_t *without_arguments(const json_t *value)
{
    json_t *copy;
    const char *key;
    json_t *member;

    if (!json_is_object(value))
        return json_deep_copy(value);
    copy = json_object();
    json_object_foreach ((json_t *)value, key, member) {
        if (*key != '$')
            json_object_set_new(copy, key, without_arguments(member));
    }
    return copy;
}

json_t *expect(const Object *network)
{
    g_autoptr(GError) error = NULL;
    json_t *facts = NETWORK_DRIVER.expect(&context, network, NULL, &error);

    cr_assert_not_null(facts, "%s", error != NULL ? error->message : "");
    return facts;
}

json_t *observe(const Object *network)
{
    g_autoptr(GError) error = NULL;
    json_t *facts = NETWORK_DRIVER.observe(host, &context, network, &error);

    cr_assert_not_null(facts, "%s", error != NULL ? error->message : "");
    return facts;
}

void assert_as_expected(const Object *network)
{
    g_autoptr(json_t) expected = expect(network);
    g_autoptr(json_t) wanted = without_arguments(expected);
    g_autoptr(json_t) seen = observe(network);
    g_autofree char *wanted_text = json_text(wanted);
    g_autofree char *seen_text = json_text(seen);

    cr_assert_str_eq(seen_text, wanted_text);
}

gboolean ensure(const Object *network, const FactRow *row, json_t *from, json_t *to, GError **error)
{
    Step step = {.name = (char *)row->name,
                 .key = network->key,
                 .path = (char *)row->path,
                 .from = from,
                 .to = to,
                 .tx = (char *)"7"};

    return row->ensure(host, &step, error);
}

const FactRow *row_of(const char *path)
{
    for (const FactRow *row = NETWORK_DRIVER.rows; row->path != NULL; row++) {
        if (strcmp(row->path, path) == 0)
            return row;
    }
    cr_assert_fail("no row %s", path);
    return NULL;
}

gboolean change(const Object *network, const json_t *from, const json_t *to, GError **error)
{
    int count = 0;

    while (NETWORK_DRIVER.rows[count].path != NULL)
        count++;
    for (int i = count - 1; i >= 0; i--) {
        const FactRow *row = &NETWORK_DRIVER.rows[i];
        json_t *a = json_object_get(from, row->path);

        if (a != NULL && json_object_get(to, row->path) == NULL &&
            !ensure(network, row, a, NULL, error))
            return FALSE;
    }
    for (int i = 0; i < count; i++) {
        const FactRow *row = &NETWORK_DRIVER.rows[i];
        json_t *a = json_object_get(from, row->path);
        json_t *b = json_object_get(to, row->path);

        if (b != NULL && !json_equal(a, b) && !ensure(network, row, a, b, error))
            return FALSE;
    }
    return TRUE;
}

void make(const Object *network)
{
    g_autoptr(json_t) to = expect(network);

    MUST(change(network, NULL, to, must));
}

void purge(const Object *network)
{
    for (const FactRow *row = NETWORK_DRIVER.rows; row->path != NULL; row++) {
        Step step = {.name = (char *)row->name,
                     .key = network->key,
                     .path = (char *)row->path,
                     .tx = (char *)"7"};

        if (row->purge != NULL)
            MUST(row->purge(host, &step, must));
    }
}

void unmake(const Object *network)
{
    g_autoptr(json_t) from = expect(network);

    MUST(change(network, from, NULL, must));
    purge(network);
}

void repair(const Object *network)
{
    g_autoptr(json_t) from = observe(network);
    g_autoptr(json_t) to = expect(network);

    MUST(change(network, from, to, must));
}

char *server_pid(const char *network)
{
    g_autofree char *folder = path_network(host->dir, network);
    g_autofree char *path = g_build_filename(folder, "dnsmasq.pid", NULL);
    char *text = NULL;

    MUST(file_read(path, 4096, &text, NULL, must));
    return text;
}

pid_t server_process(const char *network)
{
    g_autofree char *text = server_pid(network);
    g_autoptr(json_t) record = json_loads(text, 0, NULL);

    return (pid_t)json_integer_value(json_array_get(json_object_get(record, "process"), 0));
}

void assert_differs_only_in(const Object *network, const char *fact)
{
    g_autoptr(json_t) expected = expect(network);
    g_autoptr(json_t) wanted = without_arguments(expected);
    g_autoptr(json_t) seen = observe(network);
    const char *name;
    json_t *value;

    json_object_foreach (wanted, name, value) {
        gboolean same = json_equal(value, json_object_get(seen, name));

        cr_assert(same == (strcmp(name, fact) != 0), "%s when %s was changed", name, fact);
    }
}

void add_client(const char *name, const char *mac, const char *bridge)
{
    g_autofree char *outer = g_strdup_printf("v%s", name);

    g_free(run("ip netns add %s", name));
    g_free(run("ip link add %s type veth peer name eth0 address %s netns %s", outer, mac, name));
    g_free(run("ip link set %s master %s up", outer, bridge));
    g_free(run("ip -n %s link set eth0 up", name));
    g_free(run("ip -n %s link set lo up", name));
}

char *get_lease(const char *name)
{
    g_autofree char *script = g_build_filename(host->dir, "..", "udhcpc.sh", NULL);
    g_autofree char *output = g_strdup_printf("%s/../lease-%s", host->dir, name);
    g_autofree char *text = g_strdup_printf(
        "#!/bin/sh\n[ \"$1\" = bound ] || exit 0\n"
        "ip addr add $ip/$mask dev $interface\nip route add default via $router\nset > %s\n",
        output);
    char *answer = NULL;

    MUST(file_write(script, text, -1, 0755, NULL, must));
    g_free(run("ip netns exec %s busybox udhcpc -i eth0 -n -q -f -t 8 -T 1 -O search -O mtu -x "
               "hostname:claimed -s %s",
               name, script));
    MUST(file_read(output, 65536, &answer, NULL, must));
    return answer;
}
