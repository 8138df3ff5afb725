/* Fuzz target: the first byte chooses among targets of requests, ranges, and forms. Nothing may
 * crash; what is accepted keeps its promises. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "file.h"
#include "form.h"
#include "http/range.h"
#include "http/target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const char *text)
{
    if (!g_utf8_validate(text, -1, NULL) || strpbrk(text, "\r\n\t") != NULL)
        abort();
}

static void try_target(const char *text)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Target) target = target_parse(text, &error);
    g_autofree const char **names = NULL;

    if ((target == NULL) != (error != NULL))
        abort();
    if (target == NULL)
        return;
    for (const char *const *at = target_segments(target); *at != NULL; at++) {
        check_text(*at);
        if (**at == '\0')
            abort();
    }
    names = target_query_names(target);
    for (const char **name = names; *name != NULL; name++) {
        g_autofree const char **values = target_query_all(target, *name);

        check_text(*name);
        check_text(target_query(target, *name));
        if (values[0] != target_query(target, *name))
            abort();
    }
}

static void try_range(const char *text, guint64 size)
{
    guint64 first = 0;
    guint64 length = 0;

    if (range_parse(text, size, &first, &length) == RANGE_PART &&
        (length == 0 || first >= size || length > size - first))
        abort();
}

/* Content-Type up to the first line break, then the body. */
static void try_form(const char *text, size_t size)
{
    const char *end = memchr(text, '\n', size);
    gsize skip = end != NULL ? (gsize)(end - text) + 1 : size;
    g_autofree char *type = g_strndup(text, end != NULL ? skip - 1 : size);
    g_auto(Fd) fd = memfd_create("form", MFD_CLOEXEC);
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) parts = NULL;
    guint64 after = 0;

    if (write(fd, text + skip, size - skip) != (gssize)(size - skip))
        abort();
    parts = form_read(fd, size - skip, type, &error);
    if ((parts == NULL) != (error != NULL))
        abort();
    for (guint i = 0; parts != NULL && i < parts->len; i++) {
        const FormPart *part = parts->pdata[i];

        if (part->name == NULL || part->offset < after || part->length > size - skip ||
            part->offset > size - skip - part->length ||
            (part->filename != NULL && strchr(part->filename, '/') != NULL &&
             strcmp(part->filename, "/") != 0))
            abort();
        after = part->offset + part->length;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *text = NULL;

    if (size == 0)
        return 0;
    text = g_malloc(size);
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    if (data[0] == 't')
        try_target(text);
    else if (data[0] == 'r')
        try_range(text, size * 7);
    else
        try_form(text, size - 1);
    return 0;
}
