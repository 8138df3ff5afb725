#include "cpus.h"

#include "error.h"

static int by_number(const void *a, const void *b)
{
    guint x = *(const guint *)a, y = *(const guint *)b;

    return x < y ? -1 : x > y;
}

static gboolean has(const GArray *cpus, guint cpu)
{
    for (guint i = 0; i < cpus->len; i++) {
        if (g_array_index(cpus, guint, i) == cpu)
            return TRUE;
    }
    return FALSE;
}

static gboolean add_range(GArray *cpus, const char *part)
{
    g_auto(GStrv) ends = g_strsplit(part, "-", -1);
    guint64 first, last;

    if (ends[0] == NULL || (ends[1] != NULL && ends[2] != NULL) ||
        !g_ascii_string_to_unsigned(ends[0], 10, 0, CPU_MAX, &first, NULL))
        return FALSE;
    last = first;
    if (ends[1] != NULL && !g_ascii_string_to_unsigned(ends[1], 10, first, CPU_MAX, &last, NULL))
        return FALSE;
    for (guint cpu = (guint)first; cpu <= last; cpu++) {
        if (!has(cpus, cpu))
            g_array_append_val(cpus, cpu);
    }
    return TRUE;
}

GArray *cpus_parse(const char *text, GError **error)
{
    g_autoptr(GArray) cpus = g_array_new(FALSE, FALSE, sizeof(guint));
    g_auto(GStrv) parts = g_strsplit(text, ",", -1);
    char **part = parts;

    while (*part != NULL && add_range(cpus, *part))
        part++;
    if (*part != NULL || part == parts) {
        error_set(error, ERR_INVALID, "\"%s\" is no list of CPUs such as 0-1,3", text);
        return NULL;
    }
    g_array_sort(cpus, by_number);
    return g_steal_pointer(&cpus);
}

char *cpus_format(const GArray *cpus)
{
    GString *text = g_string_new(NULL);

    for (guint i = 0; i < cpus->len;) {
        guint first = g_array_index(cpus, guint, i), last = first;

        while (++i < cpus->len && g_array_index(cpus, guint, i) == last + 1)
            last++;
        g_string_append_printf(text, "%s%u", text->len > 0 ? "," : "", first);
        if (last > first)
            g_string_append_printf(text, "-%u", last);
    }
    return g_string_free(text, FALSE);
}

GArray *cpus_of_host(HostFacts *host)
{
    GArray *cpus = g_array_new(FALSE, FALSE, sizeof(guint));
    const json_t *list = host_fact(host, "cpus");
    const json_t *cpu;
    size_t i;
    guint number = 0;

    json_array_foreach (list, i, cpu) {
        number = (guint)json_integer_value(cpu);
        g_array_append_val(cpus, number);
    }
    if (cpus->len == 0)
        g_array_append_val(cpus, number);
    g_array_sort(cpus, by_number);
    return cpus;
}

GArray *cpus_take(const GArray *cpus, guint *load, guint count, const GArray *had)
{
    GArray *taken = g_array_new(FALSE, FALSE, sizeof(guint));

    while (taken->len < MIN(count, cpus->len)) {
        guint best = CPU_MAX + 1;

        for (guint i = 0; i < cpus->len; i++) {
            guint cpu = g_array_index(cpus, guint, i);

            if (has(taken, cpu))
                continue;
            if (best > CPU_MAX || load[cpu] < load[best] ||
                (load[cpu] == load[best] && has(had, cpu) && !has(had, best)))
                best = cpu;
        }
        load[best]++;
        g_array_append_val(taken, best);
    }
    g_array_sort(taken, by_number);
    return taken;
}

GArray *cpus_within(const GArray *cpus, const GArray *allowed)
{
    GArray *both = g_array_new(FALSE, FALSE, sizeof(guint));

    for (guint i = 0; i < cpus->len; i++) {
        if (has(allowed, g_array_index(cpus, guint, i)))
            g_array_append_val(both, g_array_index(cpus, guint, i));
    }
    return both;
}
