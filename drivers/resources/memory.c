/* Memory: API-613, API-614. */
#include <stdio.h>
#include <string.h>

#include "resources.h"

/* Bytes of "Name:   123 kB" in the text of a meminfo file, of a node ("Node 0 Name:") or the host;
 * numbers without a unit as they are. */
static guint64 value_of(const char *text, const char *name)
{
    g_autofree char *label = g_strdup_printf("%s:", name);
    const char *at = text;
    guint64 number;
    char *end;

    while ((at = strstr(at, label)) != NULL && at > text && at[-1] != '\n' && at[-1] != ' ')
        at++;
    if (at == NULL)
        return 0;
    number = g_ascii_strtoull(at + strlen(label), &end, 10);
    return g_str_has_prefix(end, " kB") ? number * 1024 : number;
}

/* Sum of the online memory blocks below a folder: what is plugged in, with what the kernel keeps
 * for itself. 0 when the host does not say. */
static guint64 blocks_in(const HostRoot *root, const char *folder)
{
    g_autoptr(GPtrArray) names = root_list(root, "%s", folder);
    g_autofree char *size_text = root_text(root, "sys/devices/system/memory/block_size_bytes");
    guint64 size = size_text != NULL ? g_ascii_strtoull(size_text, NULL, 16) : 0;
    guint64 count = 0;

    for (guint i = 0; size > 0 && i < names->len; i++) {
        const char *name = names->pdata[i];

        if (g_str_has_prefix(name, "memory") && g_ascii_isdigit(name[strlen("memory")]) &&
            root_number(root, 0, "%s/%s/online", folder, name) == 1)
            count++;
    }
    return size * count;
}

static void set_hugepages(json_t *ret, const char *text, guint64 size)
{
    guint64 total = value_of(text, "HugePages_Total");
    guint64 unused = value_of(text, "HugePages_Free");

    set_number(ret, "hugepages_total", (gint64)(total * size));
    set_number(ret, "hugepages_used", (gint64)((total - MIN(unused, total)) * size));
}

static json_t *read_node(const HostRoot *root, guint id, guint64 hugepage_size)
{
    g_autofree char *folder = g_strdup_printf("sys/devices/system/node/node%u", id);
    g_autofree char *text = root_text(root, "%s/meminfo", folder);
    guint64 total = blocks_in(root, folder);
    json_t *node;

    if (text == NULL)
        return NULL;
    node = json_object();
    set_number(node, "numa_node", id);
    set_number(node, "total", (gint64)(total > 0 ? total : value_of(text, "MemTotal")));
    set_number(node, "used", (gint64)value_of(text, "MemUsed"));
    set_hugepages(node, text, hugepage_size);
    return node;
}

json_t *resources_memory(const Inventory *inventory)
{
    const HostRoot *root = inventory->root;
    g_autofree char *text = root_text(root, "proc/meminfo");
    g_autoptr(GPtrArray) names = root_list(root, "sys/devices/system/node");
    guint64 size = text != NULL ? value_of(text, "Hugepagesize") : 0;
    guint64 total = blocks_in(root, "sys/devices/system/memory");
    json_t *memory = json_object();
    json_t *nodes = json_array();

    if (text != NULL) {
        guint64 known = value_of(text, "MemTotal");
        guint64 unused =
            value_of(text, "MemFree") + value_of(text, "Buffers") + value_of(text, "Cached");

        set_number(memory, "hugepages_size", (gint64)size);
        set_hugepages(memory, text, size);
        set_number(memory, "total", (gint64)(total > 0 ? total : known));
        set_number(memory, "used", (gint64)(known - MIN(unused, known)));
    }
    for (guint i = 0; i < names->len; i++) {
        guint id;
        char rest;

        if (sscanf(names->pdata[i], "node%u%c", &id, &rest) == 1)
            json_array_append_new(nodes, read_node(root, id, size));
    }
    json_object_set_new(memory, "nodes", nodes);
    return memory;
}
