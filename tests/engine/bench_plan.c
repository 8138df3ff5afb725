/* How long a plan with nothing to do takes on the fake host, and how much memory, by number of
 * objects. Each size in a process of its own, so that the peak is its own. Goals: 1,000 objects in
 * 100 ms and 32 MiB, 10,000 in 1 s, linear. */
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support.h"

#define ROUNDS 5

static char *model_text(guint objects)
{
    GString *text = g_string_new(
        "storage_pools:\n  - {name: data, driver: dir}\n"
        "networks:\n  - {name: lan, config: {ipv4.address: 10.0.0.1/8, ipv6.address: none}}\n"
        "images:\n  - {name: busybox, source: 'builtin:busybox'}\n"
        "profiles:\n  - name: default\n    devices:\n      root: {type: disk, path: /, pool: "
        "data}\n"
        "      eth0: {type: nic, network: lan}\ninstances:\n");

    for (guint i = 4; i < objects; i++)
        g_string_append_printf(
            text,
            "  - name: web%u\n    image: busybox\n    state: running\n    description: number %u\n"
            "    config: {limits.memory: 64MiB, user.role: web}\n",
            i, i);
    return g_string_free(text, FALSE);
}

static void measure(guint objects)
{
    g_autoptr(World) world = world_new();
    g_autofree char *text = model_text(objects);
    g_autoptr(GError) error = NULL;
    gint64 best = G_MAXINT64;
    struct rusage usage;

    if (!world_apply(world, text, &error))
        g_error("%s", error->message);
    for (guint i = 0; i < ROUNDS; i++) {
        gint64 started = g_get_monotonic_time();
        g_autoptr(Plan) plan = world_plan(world, text, NULL, &error);

        if (plan == NULL || !plan_is_empty(plan))
            g_error("not a no-op");
        best = MIN(best, g_get_monotonic_time() - started);
    }
    getrusage(RUSAGE_SELF, &usage);
    printf("%8u %10.1f %12.2f %12ld\n", objects, (double)best / 1e3, (double)best / objects,
           usage.ru_maxrss / 1024);
}

int main(void)
{
    static const guint sizes[] = {100, 1000, 3000, 10000};

    printf("%8s %10s %12s %12s\n", "objects", "ms", "us/object", "peak MiB");
    fflush(stdout);
    for (guint i = 0; i < G_N_ELEMENTS(sizes); i++) {
        pid_t child = fork();

        if (child == 0) {
            measure(sizes[i]);
            fflush(stdout);
            _exit(0);
        }
        waitpid(child, NULL, 0);
    }
    return 0;
}
