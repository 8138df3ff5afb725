/* `berth fmt`. The scanner's tokens say where everything is; they are put out again with canonical
 * indentation and spacing, and what lies between them (comments, blank lines) goes along. What
 * comes out is parsed and compared with the input, and given up for the text as it was when
 * anything but layout changed: a formatter that may lose a value is worse than none. */
#include <string.h>

#include "error.h"
#include "format_scan.h"
#include "print.h"
#include "tree.h"

typedef struct {
    const char *text;
    gsize length;
    const GArray *atoms;
    GArray *moved; /* of guint: column -> new column + 1, for comments */
    gboolean unsure;
    GString *out;
} Format;

static gboolean at_line_start(const Format *format)
{
    return format->out->len == 0 || format->out->str[format->out->len - 1] == '\n';
}

static void put_indent(Format *format, guint indent)
{
    g_string_append_printf(format->out, "%*s", (int)indent, "");
}

/* A line's text without blanks at its ends. `ret_column` gets its first column. */
static char *trimmed(const char *start, const char *end, guint *ret_column)
{
    *ret_column = 0;
    while (start < end && (*start == ' ' || *start == '\t')) {
        start++;
        (*ret_column)++;
    }
    while (end > start && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    return g_strndup(start, (gsize)(end - start));
}

static guint comment_indent(const Format *format, guint column, const Atom *next)
{
    guint moved = column < format->moved->len ? g_array_index(format->moved, guint, column) : 0;

    if (next != NULL && (column == next->column || moved == 0))
        return next->indent;
    return moved > 0 ? moved - 1 : 0;
}

/* What lies between two atoms: the end of a line with its comment, then lines that are blank or
 * comments. Returns TRUE when a line ended. */
static gboolean put_gap(Format *format, gsize start, gsize end, const Atom *next)
{
    const char *at = format->text + start, *stop = format->text + end;
    gboolean first = start > 0 || format->out->len > 0, blank = FALSE, ended = FALSE;

    while (at <= stop) {
        const char *line_end = memchr(at, '\n', (gsize)(stop - at));
        guint column;
        g_autofree char *line = trimmed(at, line_end != NULL ? line_end : stop, &column);

        if (*line != '\0' && *line != '#')
            format->unsure = TRUE;
        if (*line == '#' && first) {
            g_string_append_printf(format->out, "%s%s", at_line_start(format) ? "" : " ", line);
        } else if (*line == '#') {
            put_indent(format, comment_indent(format, column, next));
            g_string_append(format->out, line);
        }
        if (line_end == NULL)
            break;
        if (*line != '\0' || first) {
            if (!at_line_start(format))
                g_string_append_c(format->out, '\n');
            blank = FALSE;
        } else if (!blank && format->out->len > 0 && !g_str_has_suffix(format->out->str, "\n\n")) {
            /* One blank line at most, none at the start. */
            g_string_append_c(format->out, '\n');
            blank = TRUE;
        }
        first = FALSE;
        ended = TRUE;
        at = line_end + 1;
    }
    return ended;
}

/* The lines of a scalar or flow collection that goes over several. Continued plain and quoted text
 * is folded, so that its indentation means nothing; a flow collection keeps its shape and moves as
 * a whole. */
static void put_lines(Format *format, const Atom *atom, int shift)
{
    g_autofree char *slice = g_strndup(format->text + atom->start, atom->end - atom->start);
    g_auto(GStrv) lines = g_strsplit(slice, "\n", -1);

    g_string_append(format->out, lines[0]);
    for (guint i = 1; lines[0] != NULL && lines[i] != NULL; i++) {
        gsize blanks = strspn(lines[i], " \t");
        int indent = atom->kind == ATOM_FLOW ? MAX(0, (int)blanks + shift) : (int)atom->inner;

        g_string_append_c(format->out, '\n');
        if (lines[i][blanks] != '\0')
            g_string_append_printf(format->out, "%*s%s", indent, "", lines[i] + blanks);
    }
}

/* A literal or folded block: its lines move together. */
static void put_block_scalar(Format *format, const Atom *atom)
{
    g_autofree char *slice = g_strndup(format->text + atom->start, atom->end - atom->start);
    g_auto(GStrv) lines = g_strsplit(slice, "\n", -1);
    gsize header = strcspn(lines[0], " \t#");
    guint count = g_strv_length(lines), column, old = 0;
    gboolean keep = memchr(lines[0], '+', header) != NULL;
    g_autofree char *comment = trimmed(lines[0] + header, lines[0] + strlen(lines[0]), &column);
    int digit = 0;

    for (gsize i = 0; i < header; i++)
        if (g_ascii_isdigit(lines[0][i]))
            digit = lines[0][i] - '0';
    g_string_append_len(format->out, lines[0], (gssize)header);
    if (*comment != '\0')
        g_string_append_printf(format->out, " %s", comment);
    while (!keep && count > 1 && strspn(lines[count - 1], " ") == strlen(lines[count - 1]))
        count--;
    if (keep && count > 1 && *lines[count - 1] == '\0')
        count--;
    for (guint i = 1; digit == 0 && old == 0 && i < count; i++)
        if (strspn(lines[i], " ") < strlen(lines[i]))
            old = (guint)strspn(lines[i], " ");
    if (digit > 0)
        old = atom->parent + (guint)digit;
    for (guint i = 1; i < count; i++) {
        g_string_append_c(format->out, '\n');
        if (strlen(lines[i]) > old)
            g_string_append_printf(format->out, "%*s%s",
                                   digit > 0 ? (int)atom->parent_indent + digit : (int)atom->inner,
                                   "", lines[i] + old);
    }
    g_string_append_c(format->out, '\n');
}

/* A flow collection in one line: one blank after each comma and colon, none inside the brackets. */
static char *flow_line(const char *text)
{
    g_autoptr(GString) line = g_string_new(NULL);
    yaml_parser_t parser;
    gboolean ok = TRUE, more = TRUE, separate = FALSE;

    if (yaml_parser_initialize(&parser) == 0)
        g_error("no memory for a YAML parser");
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const guchar *)text, strlen(text));
    while (ok && more) {
        yaml_token_t token;
        gboolean opens, closes;

        ok = yaml_parser_scan(&parser, &token) != 0;
        if (!ok)
            break;
        opens = token.type == YAML_FLOW_MAPPING_START_TOKEN ||
                token.type == YAML_FLOW_SEQUENCE_START_TOKEN;
        closes =
            token.type == YAML_FLOW_MAPPING_END_TOKEN || token.type == YAML_FLOW_SEQUENCE_END_TOKEN;
        more = token.type != YAML_STREAM_END_TOKEN;
        if (token.end_mark.index > token.start_mark.index) {
            gboolean tight =
                closes || token.type == YAML_FLOW_ENTRY_TOKEN || token.type == YAML_VALUE_TOKEN;
            const char *start = g_utf8_offset_to_pointer(text, (glong)token.start_mark.index);
            const char *end = g_utf8_offset_to_pointer(text, (glong)token.end_mark.index);

            if (separate && !tight)
                g_string_append_c(line, ' ');
            g_string_append_len(line, start, end - start);
            separate = !opens;
        }
        yaml_token_delete(&token);
    }
    yaml_parser_delete(&parser);
    return ok ? g_string_free(g_steal_pointer(&line), FALSE) : NULL;
}

static void put_atom(Format *format, const Atom *atom, int shift)
{
    gboolean lines = memchr(format->text + atom->start, '\n', atom->end - atom->start) != NULL;

    if (atom->kind == ATOM_SCALAR &&
        (atom->style == YAML_LITERAL_SCALAR_STYLE || atom->style == YAML_FOLDED_SCALAR_STYLE)) {
        put_block_scalar(format, atom);
    } else if (atom->plain != NULL && !lines) {
        g_string_append(format->out, atom->plain);
    } else if (atom->kind == ATOM_FLOW && !lines) {
        g_autofree char *slice = g_strndup(format->text + atom->start, atom->end - atom->start);
        g_autofree char *line = flow_line(slice);

        g_string_append(format->out, line != NULL ? line : slice);
    } else {
        put_lines(format, atom, shift);
    }
}

static void remember_column(Format *format, const Atom *atom)
{
    guint moved = atom->indent + 1;

    if (atom->column >= format->moved->len)
        g_array_set_size(format->moved, atom->column + 1);
    g_array_index(format->moved, guint, atom->column) = moved;
}

static void put_all(Format *format)
{
    const Atom *last = NULL;
    gsize done = 0;
    int shift = 0;

    for (guint i = 0; i < format->atoms->len && !format->unsure; i++) {
        const Atom *atom = &g_array_index(format->atoms, Atom, i);
        gboolean first = put_gap(format, done, atom->start, atom) || i == 0;

        if (first || at_line_start(format)) {
            if (atom->kind == ATOM_COLON)
                format->unsure = TRUE;
            put_indent(format, atom->indent);
            remember_column(format, atom);
            shift = (int)atom->indent - (int)atom->column;
        } else if (atom->kind != ATOM_COLON || last->kind == ATOM_ALIAS) {
            g_string_append_c(format->out, ' ');
        }
        put_atom(format, atom, shift);
        done = atom->end;
        last = atom;
    }
    put_gap(format, done, format->length, NULL);
    while (g_str_has_suffix(format->out->str, "\n"))
        g_string_truncate(format->out, format->out->len - 1);
    if (format->out->len > 0)
        g_string_append_c(format->out, '\n');
}

/* NULL when it is not sure how to lay the text out. */
static char *format_text(const char *text, gsize length)
{
    g_autoptr(GArray) atoms = format_scan(text, length);
    g_autoptr(GArray) moved = g_array_new(FALSE, TRUE, sizeof(guint));
    Format format = {.text = text, .length = length, .atoms = atoms, .moved = moved};

    if (atoms == NULL)
        return NULL;
    format.out = g_string_new(NULL);
    put_all(&format);
    return g_string_free(format.out, format.unsure);
}

static gboolean same_node(const Node *a, const Node *b)
{
    if (a->kind != b->kind || a->count != b->count || a->weight != b->weight)
        return FALSE;
    if (a->kind == NODE_SCALAR || a->kind == NODE_NULL)
        return memcmp(a->text, b->text, a->count) == 0;
    for (guint i = 0; i < a->count; i++) {
        const Node *left = a->kind == NODE_LIST ? a->items[i] : a->pairs[i].value;
        const Node *right = b->kind == NODE_LIST ? b->items[i] : b->pairs[i].value;

        if (a->kind == NODE_MAP && strcmp(a->pairs[i].key->text, b->pairs[i].key->text) != 0)
            return FALSE;
        if (!same_node(left, right))
            return FALSE;
    }
    return TRUE;
}

/* Same values in the same order, and every comment still there. */
static gboolean same_content(const char *name, const Tree *before, const char *old,
                             const char *formatted)
{
    g_autoptr(Problems) problems = problems_new();
    g_autoptr(Tree) after = tree_parse(name, formatted, strlen(formatted), problems);
    guint hashes = 0;

    if (after == NULL || tree_size(after) != tree_size(before))
        return FALSE;
    for (guint i = 0; i < tree_size(before); i++)
        if (!same_node(tree_document(before, i), tree_document(after, i)))
            return FALSE;
    for (const char *c = old; *c != '\0'; c++)
        hashes += *c == '#';
    for (const char *c = formatted; *c != '\0'; c++)
        hashes -= *c == '#';
    return hashes == 0;
}

char *print_format(const char *name, const char *text, gsize length, GError **error)
{
    g_autoptr(Problems) problems = problems_new();
    g_autoptr(Tree) tree = tree_parse(name, text, length, problems);
    g_autofree char *formatted = NULL;
    g_autofree char *again = NULL;
    g_autoptr(GString) lines = NULL;

    if (!problems_to_error(problems, FALSE, error))
        return NULL;
    lines = g_string_new_len(text, (gssize)length);
    if (g_str_has_prefix(lines->str, "\xef\xbb\xbf"))
        g_string_erase(lines, 0, 3);
    g_string_replace(lines, "\r\n", "\n", 0);
    formatted = format_text(lines->str, lines->len);
    if (formatted != NULL && same_content(name, tree, lines->str, formatted))
        again = format_text(formatted, strlen(formatted));
    /* Unsure: the text stays as it is. */
    return g_strcmp0(again, formatted) == 0 && again != NULL ? g_steal_pointer(&formatted)
                                                             : g_strndup(text, length);
}
