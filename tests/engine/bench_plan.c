/* How long plans take on the fake host, and how much memory, by number of objects: one with nothing
 * to do, read from a file, and one of a single changed instance. Each size in a process of its own,
 * which did not make the objects itself, so that the peak is the plan's. Goals: 1,000 objects in
 * 100 ms and 32 MiB, 10,000 in 1 s, linear; one change among 10,000 in 5 ms. */
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "file.h"
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

static gboolean make_objects(World *world, gpointer text)
{
    g_autoptr(GError) error = NULL;

    if (!world_apply(world, text, &error))
        g_error("%s", error->message);
    return TRUE;
}

/* MiB of a line of /proc/self/status. */
static double memory(const char *name)
{
    g_autofree char *status = NULL;
    const char *line;

    if (!g_file_get_contents("/proc/self/status", &status, NULL, NULL) ||
        (line = strstr(status, name)) == NULL)
        g_error("no %s in /proc/self/status", name);
    return strtod(line + strlen(name), NULL) / 1024;
}

/* From here on the peak is counted anew. */
static void forget_peak(void)
{
    g_auto(Fd) fd = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);

    malloc_trim(0);
    if (write(fd, "5", 1) != 1)
        g_error("cannot reset the peak of memory");
}

static void measure_nothing(World *world, guint objects, const char *text)
{
    g_autoptr(GError) error = NULL;
    gint64 best = G_MAXINT64;
    double before;

    forget_peak();
    before = memory("VmRSS:");
    for (guint i = 0; i < ROUNDS; i++) {
        gint64 started = g_get_monotonic_time();
        g_autoptr(Plan) plan = world_plan(world, text, NULL, &error);

        if (plan == NULL || !plan_is_empty(plan))
            g_error("not a no-op");
        best = MIN(best, g_get_monotonic_time() - started);
    }
    printf("%-12s %8u %10.1f %12.2f %12.1f %12.1f\n", "nothing", objects, (double)best / 1e3,
           (double)best / objects, memory("VmHWM:"), memory("VmHWM:") - before);
}

static void measure_change(World *world, guint objects)
{
    const Object *stored = snapshot_get(engine_stored(world->engine), "instance/default//web50");
    g_autoptr(Object) wanted = object_with(stored, NULL, NULL);
    g_autoptr(GPtrArray) put = g_ptr_array_new();
    g_autoptr(GError) error = NULL;
    PlanOptions options = {0};
    gint64 best = G_MAXINT64;
    double before;

    json_object_set_new(json_object_get(wanted->spec, "config"), "limits.memory",
                        json_string("128MiB"));
    g_ptr_array_add(put, wanted);
    forget_peak();
    before = memory("VmRSS:");
    for (guint i = 0; i < ROUNDS; i++) {
        gint64 started = g_get_monotonic_time();
        g_autoptr(Plan) plan = engine_plan_change(world->engine, put, NULL, &options, &error);

        if (plan == NULL || plan->steps->len == 0)
            g_error("%s", error != NULL ? error->message : "nothing to do");
        best = MIN(best, g_get_monotonic_time() - started);
    }
    printf("%-12s %8u %10.1f %12.2f %12.1f %12.1f\n", "one instance", objects, (double)best / 1e3,
           (double)best / objects, memory("VmHWM:"), memory("VmHWM:") - before);
}

static void measure(guint objects)
{
    g_autoptr(World) world = world_new();
    g_autofree char *text = model_text(objects);
    g_autoptr(GError) error = NULL;
    gboolean made;

    world_in_child(world, make_objects, text, &made);
    if (!made || !world_reopen(world, &error))
        g_error("%s", error != NULL ? error->message : "the objects could not be made");
    measure_nothing(world, objects, text);
    measure_change(world, objects);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    static const guint sizes[] = {100, 1000, 3000, 10000};

    if (argc > 1) {
        measure((guint)strtoul(argv[1], NULL, 10));
        return 0;
    }
    printf("%-12s %8s %10s %12s %12s %12s\n", "change of", "objects", "ms", "us/object", "peak MiB",
           "of the plan");
    fflush(stdout);
    for (guint i = 0; i < G_N_ELEMENTS(sizes); i++) {
        int status;
        pid_t child = fork();

        if (child == 0) {
            measure(sizes[i]);
            _exit(0);
        }
        waitpid(child, &status, 0);
        if (status != 0)
            return 1;
    }
    return 0;
}
