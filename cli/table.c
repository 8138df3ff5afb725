#include "table.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "output.h"
#include "print.h"

struct Table {
    guint columns;
    GPtrArray *cells; /* of char *, row by row; the titles first */
};

Table *table_new(const char *const *titles)
{
    Table *table = g_new0(Table, 1);

    table->columns = g_strv_length((char **)titles);
    table->cells = g_ptr_array_new_with_free_func(g_free);
    table_add_strv(table, titles);
    return table;
}

void table_free(Table *table)
{
    if (table == NULL)
        return;
    g_ptr_array_unref(table->cells);
    g_free(table);
}

void table_add_strv(Table *table, const char *const *cells)
{
    for (guint i = 0; i < table->columns; i++)
        g_ptr_array_add(table->cells, g_strdup(cells[i] != NULL ? cells[i] : ""));
}

void table_add(Table *table, ...)
{
    va_list args;

    va_start(args, table);
    for (guint i = 0; i < table->columns; i++) {
        const char *cell = va_arg(args, const char *);

        g_ptr_array_add(table->cells, g_strdup(cell != NULL ? cell : ""));
    }
    va_end(args);
}

static guint table_rows(const Table *table)
{
    return table->cells->len / table->columns - 1;
}

static const char *cell_at(const Table *table, guint row, guint column)
{
    return g_ptr_array_index(table->cells, row * table->columns + column);
}

char *table_text(const Table *table, gboolean colour)
{
    g_autofree glong *widths = g_new0(glong, table->columns);
    GString *text = g_string_new(NULL);
    guint rows = table_rows(table);

    for (guint row = 0; row <= rows; row++)
        for (guint column = 0; column < table->columns; column++)
            widths[column] = MAX(widths[column], g_utf8_strlen(cell_at(table, row, column), -1));
    for (guint row = 0; rows > 0 && row <= rows; row++) {
        if (row == 0 && colour)
            g_string_append(text, "\033[1m");
        for (guint column = 0; column < table->columns; column++) {
            const char *cell = cell_at(table, row, column);
            glong pad = widths[column] - g_utf8_strlen(cell, -1) + 2;

            g_string_append(text, cell);
            if (column + 1 < table->columns)
                g_string_append_printf(text, "%*s", (int)pad, "");
        }
        while (text->len > 0 && text->str[text->len - 1] == ' ')
            g_string_truncate(text, text->len - 1);
        g_string_append(text, row == 0 && colour ? "\033[0m\n" : "\n");
    }
    return g_string_free(text, FALSE);
}

char *table_csv(const Table *table)
{
    GString *text = g_string_new(NULL);

    for (guint row = 0; row <= table_rows(table); row++) {
        for (guint column = 0; column < table->columns; column++) {
            const char *cell = cell_at(table, row, column);

            if (column > 0)
                g_string_append_c(text, ',');
            if (strpbrk(cell, ",\"\r\n") == NULL) {
                g_string_append(text, cell);
                continue;
            }
            g_string_append_c(text, '"');
            for (const char *p = cell; *p != '\0'; p++)
                g_string_append(text, *p == '"' ? "\"\"" : (char[]){*p, '\0'});
            g_string_append_c(text, '"');
        }
        g_string_append(text, "\r\n");
    }
    return g_string_free(text, FALSE);
}

json_t *table_json(const Table *table)
{
    json_t *list = json_array();

    for (guint row = 1; row <= table_rows(table); row++) {
        json_t *object = json_object();

        for (guint column = 0; column < table->columns; column++) {
            g_autofree char *key = g_ascii_strdown(cell_at(table, 0, column), -1);

            json_object_set_new(object, key, json_string(cell_at(table, row, column)));
        }
        json_array_append_new(list, object);
    }
    return list;
}

char *json_pretty(const json_t *value)
{
    char *dumped = json_dumps(value, JSON_INDENT(2) | JSON_SORT_KEYS | JSON_ENCODE_ANY);
    char *text = g_strconcat(dumped != NULL ? dumped : "null", "\n", NULL);

    free(dumped);
    return text;
}

void table_print(const Table *table, const char *format, const json_t *value)
{
    g_autoptr(json_t) rows = NULL;
    g_autofree char *text = NULL;

    if (strcmp(format, "table") == 0) {
        text = table_text(table, output_colour());
    } else if (strcmp(format, "csv") == 0) {
        text = table_csv(table);
    } else {
        if (value == NULL)
            value = rows = table_json(table);
        text = strcmp(format, "yaml") == 0 ? print_yaml(value, 0) : json_pretty(value);
    }
    output_text(text);
}
