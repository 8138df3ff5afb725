/* Prints what drivers/resources and drivers/instance/usage.h read, as JSON on one line, for the
 * tests beside it.
 *
 *     show-resources host ROOT | pool DIRECTORY | link NAME | inside PID | state PID GROUP |
 * metrics PID GROUP */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "instance/usage.h"
#include "metrics_text.h"
#include "resources/link_state.h"
#include "resources/resources.h"

static json_t *host(const char *path, GError **error)
{
    g_autoptr(HostRoot) root = host_root_open(path, error);

    return root != NULL ? resources_read(root) : NULL;
}

static json_t *page(pid_t pid, const char *group, GError **error)
{
    g_autoptr(json_t) mounts = json_pack("[s]", "/");
    g_autoptr(json_t) usage = usage_metrics(pid, group, mounts, error);
    g_autoptr(Metrics) metrics = metrics_new();
    g_autofree char *text = NULL;

    if (usage == NULL)
        return NULL;
    metrics_add_instance(metrics, "default", "c1", "container", usage);
    text = metrics_text(metrics);
    return json_string(text);
}

static json_t *show(int argc, char **argv, GError **error)
{
    if (argc == 3 && strcmp(argv[1], "host") == 0)
        return host(argv[2], error);
    if (argc == 3 && strcmp(argv[1], "pool") == 0)
        return resources_of_pool(argv[2], error);
    if (argc == 3 && strcmp(argv[1], "link") == 0)
        return link_state(argv[2], error);
    if (argc == 3 && strcmp(argv[1], "inside") == 0)
        return link_states_inside(atoi(argv[2]), error);
    if (argc == 4 && strcmp(argv[1], "state") == 0)
        return usage_state(atoi(argv[2]), argv[3], error);
    if (argc == 4 && strcmp(argv[1], "metrics") == 0)
        return page(atoi(argv[2]), argv[3], error);
    g_printerr("see the head of show.c\n");
    exit(64);
}

int main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(json_t) value = show(argc, argv, &error);

    if (value == NULL) {
        g_printerr("%s\n", error->message);
        return 1;
    }
    json_dumpf(value, stdout, JSON_SORT_KEYS | JSON_ENCODE_ANY);
    putchar('\n');
    return 0;
}
