/* Where control groups are, and being told of a move ahead. */
#include <criterion/criterion.h>
#include <string.h>

#include "instance/cgroup.h"

static char *own_groups(void)
{
    char *text = NULL;

    cr_assert(g_file_get_contents("/proc/self/cgroup", &text, NULL, NULL));
    return text;
}

static guint threads(void)
{
    g_autofree char *text = NULL;
    const char *line;

    cr_assert(g_file_get_contents("/proc/self/status", &text, NULL, NULL));
    line = strstr(text, "Threads:");
    return (guint)g_ascii_strtoull(line + strlen("Threads:"), NULL, 10);
}

/* It is a move of this process to where it is. */
Test(cgroup, a_move_ahead_moves_nothing)
{
    g_autofree char *before = own_groups();
    g_autofree char *after = NULL;
    guint usual = threads();

    cgroup_moves_ahead();
    cgroup_moves_ahead(); /* at once: nothing new */
    cr_expect_leq(threads(), usual + 1);
    for (guint i = 0; i < 1000 && threads() > usual; i++)
        g_usleep(10000);
    cr_expect_eq(threads(), usual);
    after = own_groups();
    cr_expect_str_eq(after, before);
}
