/* How long reading and checking state files takes, and how much memory: 1,000 and 10,000 instances
 * in one file. Each size runs in a process of its own. Above the goals (10,000 objects in 300 ms,
 * 1,000 in 32 MiB) the benchmark fails, unless a sanitizer slows it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "document.h"

#define ROUNDS 5u

#ifdef __SANITIZE_ADDRESS__
#define SANITIZED TRUE
#else
#define SANITIZED FALSE
#endif

static char *state_file(guint count)
{
    GString *text = g_string_new(
        "storage_pools:\n- name: default\n  driver: dir\n"
        "networks:\n- name: lan\n  config:\n    ipv4.address: 10.0.0.1/8\n    ipv6.address: none\n"
        "profiles:\n- name: default\n  devices:\n    root: {type: disk, path: /, pool: default}\n"
        "images:\n- name: busybox\n  source: builtin:busybox\n"
        "instances:\n");

    for (guint i = 0; i < count; i++)
        g_string_append_printf(text,
                               "- name: c%u\n"
                               "  image: busybox\n"
                               "  state: running\n"
                               "  description: number %u of many instances\n"
                               "  config:\n"
                               "    limits.memory: 512MiB\n"
                               "    limits.cpu: 2\n"
                               "    user.role: worker-%u\n"
                               "    environment.INDEX: '%u'\n"
                               "    boot.autostart: true\n"
                               "  devices:\n"
                               "    eth0:\n"
                               "      type: nic\n"
                               "      network: lan\n"
                               "      ipv4.address: 10.%u.%u.%u\n",
                               i, i, i % 7, i, 1 + (i >> 16), (i >> 8) & 255, i & 255);
    return g_string_free(text, FALSE);
}

/* Microseconds of CPU time: all of it is one thread that waits for nothing, and other tests may run
 * beside. */
static gint64 now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (gint64)time.tv_sec * 1000000 + time.tv_nsec / 1000;
}

/* Milliseconds of one reading and one check. */
static void measure(const char *text, double *ret_read, double *ret_check)
{
    g_autoptr(Problems) problems = problems_new();
    g_autoptr(Input) input = input_new();
    g_autoptr(Snapshot) empty = snapshot_new();
    g_autoptr(Snapshot) snapshot = NULL;
    gint64 start = now(), middle;

    input_parse(input, "bench.yaml", text, strlen(text), NULL, problems);
    middle = now();
    snapshot = snapshot_change(empty, input->objects, NULL);
    for (guint i = 0; i < input->objects->len; i++)
        validate_object(snapshot, input->objects->pdata[i], problems);
    validate_snapshot(snapshot, NULL, problems);
    *ret_read = (double)(middle - start) / 1000;
    *ret_check = (double)(now() - middle) / 1000;
    if (problems->items->len > 0) {
        g_autofree char *line = problem_text(problems->items->pdata[0]);

        fprintf(stderr, "%s\n", line);
        exit(1);
    }
}

/* Prints a row of the table; TRUE when the goals are met. */
static gboolean run(guint count)
{
    g_autofree char *text = state_file(count);
    double best_read = 1e9, best_check = 1e9;
    struct rusage usage;

    for (guint i = 0; i < ROUNDS; i++) {
        double read, check;

        measure(text, &read, &check);
        best_read = MIN(best_read, read);
        best_check = MIN(best_check, check);
    }
    getrusage(RUSAGE_SELF, &usage);
    printf("%8u %8.1f %10.1f %10.1f %10.1f %10ld\n", count, (double)strlen(text) / 1e6, best_read,
           best_check, best_read + best_check, usage.ru_maxrss / 1024);
    fflush(stdout);
    return (count < 10000 || best_read + best_check <= 300) &&
           (count > 1000 || usage.ru_maxrss <= 32 * 1024);
}

int main(void)
{
    static const guint counts[] = {1000, 10000};
    gboolean met = TRUE;

    printf("%8s %8s %10s %10s %10s %10s\n", "objects", "MB", "read ms", "check ms", "both ms",
           "peak MiB");
    fflush(stdout);
    for (guint i = 0; i < G_N_ELEMENTS(counts); i++) {
        pid_t pid = fork();
        int status = 1;

        if (pid == 0)
            _exit(run(counts[i]) ? 0 : 1);
        if (pid < 0 || waitpid(pid, &status, 0) < 0)
            return 1;
        met = met && status == 0;
    }
    if (!met)
        puts("the goal was missed: 10000 objects in 300 ms, 1000 in 32 MiB");
    return met || SANITIZED ? 0 : 1;
}
