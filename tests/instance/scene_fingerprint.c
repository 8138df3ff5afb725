#include "scene.h"

#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <criterion/criterion.h>

#include "instance/cgroup.h"
#include "instance/cgroup_file.h"
#include "network/link.h"

static void print_links(GString *text)
{
    g_autoptr(GPtrArray) links = link_list(NULL);

    for (guint i = 0; i < links->len; i++) {
        const Link *link = links->pdata[i];

        g_string_append_printf(text, "link: %s %s %s\n", link->name,
                               link->kind != NULL ? link->kind : "-",
                               link->alias != NULL ? link->alias : "-");
    }
}

GPtrArray *scene_groups(const char *dir)
{
    GPtrArray *paths = g_ptr_array_new_with_free_func(g_free);
    const GPtrArray *all = cgroup_hierarchies(NULL);
    g_autofree char *ours = cgroup_name(dir, "", "");

    for (guint i = 0; i < all->len; i++) {
        const Hierarchy *hierarchy = all->pdata[i];
        g_autofree char *base = g_strconcat(hierarchy->mount, hierarchy->base, NULL);
        g_autoptr(GDir) folder = g_dir_open(base, 0, NULL);
        const char *name;

        while (folder != NULL && (name = g_dir_read_name(folder)) != NULL) {
            if (g_str_has_prefix(name, ours))
                g_ptr_array_add(paths, g_build_filename(base, name, NULL));
        }
    }
    return paths;
}

static void print_groups(GString *text, const char *dir)
{
    g_autoptr(GPtrArray) groups = scene_groups(dir);

    for (guint i = 0; i < groups->len; i++)
        g_string_append_printf(text, "group: %s\n", (const char *)groups->pdata[i]);
}

/* Monitors carry the state directory in their title; our helpers are told by their program. */
static gboolean print_processes_once(GString *text, const char *dir)
{
    gboolean hook = FALSE;
    g_autoptr(GDir) folder = g_dir_open("/proc", 0, NULL);
    const char *name;

    while ((name = g_dir_read_name(folder)) != NULL) {
        g_autofree char *path = g_strdup_printf("/proc/%s/cmdline", name);
        g_autofree char *line = NULL;
        gsize length;

        if (!g_ascii_isdigit(*name) || !g_file_get_contents(path, &line, &length, NULL) ||
            length == 0)
            continue;
        for (gsize i = 0; i + 1 < length; i++)
            line[i] = line[i] == '\0' ? ' ' : line[i];
        if (strstr(line, dir) != NULL)
            g_string_append_printf(text, "process: %s\n", line);
        hook = hook || (strstr(line, dir) != NULL && strstr(line, "berth-hook") != NULL);
    }
    return hook;
}

/* The hook of a run that is over tidies up in the background and ends by itself. */
static void print_processes(GString *text, const char *dir)
{
    gsize start = text->len;

    for (guint i = 0; i < 100 && print_processes_once(text, dir); i++) {
        g_string_truncate(text, start);
        g_usleep(50000);
    }
}

static GString *walked;
static gsize walked_from;

static int print_file(const char *path, const struct stat *status, int type, struct FTW *ftw)
{
    if (strstr(path, "/rootfs/") == NULL)
        g_string_append_printf(walked, "file: %s\n", path + walked_from);
    return 0;
}

static int compare_lines(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void print_files(GString *text, const char *dir)
{
    g_auto(GStrv) lines = NULL;
    g_autofree char *joined = NULL;

    walked = g_string_new(NULL);
    walked_from = strlen(dir);
    nftw(dir, print_file, 16, FTW_PHYS | FTW_MOUNT);
    lines = g_strsplit(walked->str, "\n", -1);
    qsort(lines, g_strv_length(lines), sizeof *lines, compare_lines);
    joined = g_strjoinv("\n", lines);
    g_string_append(text, joined);
    g_string_free(walked, TRUE);
}

char *scene_fingerprint(Scene *scene)
{
    GString *text = g_string_new(NULL);
    g_autofree char *mounts = NULL;

    print_links(text);
    print_groups(text, scene->dir);
    print_processes(text, scene->dir);
    print_files(text, scene->dir);
    cr_assert(g_file_get_contents("/proc/self/mounts", &mounts, NULL, NULL));
    g_string_append(text, mounts);
    return g_string_free(text, FALSE);
}
