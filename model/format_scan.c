#include "format_scan.h"

#include <string.h>

#include "print.h"

/* A block collection that is open. */
typedef struct {
    guint column, indent;
} Block;

typedef struct {
    const char *text;
    gsize length;
    GArray *offsets; /* of gsize: byte of each character, libyaml counts in characters */
    GArray *atoms;
    GArray *blocks;
    guint flow; /* depth of flow collections */
    gsize flow_start;
    guint flow_column;
    gboolean key;  /* the next atom begins a key of a block map */
    AtomKind last; /* last atom that is no property */
    gboolean unsure;
} Scan;

static void atom_clear(void *data)
{
    g_free(((Atom *)data)->plain);
}

static gsize byte_of(const Scan *scan, yaml_mark_t mark)
{
    return mark.index < scan->offsets->len ? g_array_index(scan->offsets, gsize, mark.index)
                                           : scan->length;
}

static guint block_indent(const Scan *scan)
{
    return scan->blocks->len > 0 ? g_array_index(scan->blocks, Block, scan->blocks->len - 1).indent
                                 : 0;
}

static guint block_column(const Scan *scan)
{
    return scan->blocks->len > 0 ? g_array_index(scan->blocks, Block, scan->blocks->len - 1).column
                                 : 0;
}

/* Two blanks for each map; a list stands as far left as the key that it belongs to. */
static void push_block(Scan *scan, const yaml_token_t *token)
{
    gboolean list = token->type == YAML_BLOCK_SEQUENCE_START_TOKEN;
    Block block = {.column = (guint)token->start_mark.column};

    if (scan->blocks->len > 0)
        block.indent = block_indent(scan) + (list && scan->last != ATOM_DASH ? 0 : 2);
    g_array_append_val(scan->blocks, block);
}

/* Text that needs no quotes anywhere in block context and means the same to every reader without
 * them. */
static gboolean is_plain(const char *text)
{
    gsize length = strlen(text);

    if (print_is_ambiguous(text) || strchr("-?:,[]{}#&*!|>'\"%@` ", *text) != NULL ||
        text[length - 1] == ' ' || text[length - 1] == ':' || strstr(text, ": ") != NULL ||
        strstr(text, " #") != NULL)
        return FALSE;
    for (const char *c = text; *c != '\0'; c++)
        if ((guchar)*c < 0x20 || (guchar)*c > 0x7e)
            return FALSE;
    return TRUE;
}

static void add_atom(Scan *scan, AtomKind kind, gsize start, gsize end, guint column)
{
    Atom atom = {.kind = kind, .start = start, .end = end, .column = column};
    guint indent = block_indent(scan);

    atom.parent = block_column(scan);
    atom.parent_indent = indent;
    atom.inner = indent + 2;
    atom.indent = kind == ATOM_DASH || scan->key || scan->blocks->len == 0 ? indent : indent + 2;
    if (kind == ATOM_MARKER)
        atom.indent = 0;
    g_array_append_val(scan->atoms, atom);
    scan->key = FALSE;
    if (kind != ATOM_PROPERTY)
        scan->last = kind;
}

static void add_token(Scan *scan, AtomKind kind, const yaml_token_t *token)
{
    add_atom(scan, kind, byte_of(scan, token->start_mark), byte_of(scan, token->end_mark),
             (guint)token->start_mark.column);
}

static void add_scalar(Scan *scan, const yaml_token_t *token)
{
    Atom *atom;
    yaml_scalar_style_t style = token->data.scalar.style;
    const char *value = (const char *)token->data.scalar.value;

    add_token(scan, ATOM_SCALAR, token);
    atom = &g_array_index(scan->atoms, Atom, scan->atoms->len - 1);
    atom->style = style;
    if ((style == YAML_SINGLE_QUOTED_SCALAR_STYLE || style == YAML_DOUBLE_QUOTED_SCALAR_STYLE) &&
        strlen(value) == token->data.scalar.length && token->data.scalar.length > 0 &&
        is_plain(value))
        atom->plain = g_strdup(value);
}

/* A flow collection is one atom from its first bracket to its last. */
static void add_flow(Scan *scan, const yaml_token_t *token)
{
    if (token->type == YAML_FLOW_MAPPING_START_TOKEN ||
        token->type == YAML_FLOW_SEQUENCE_START_TOKEN) {
        if (scan->flow++ == 0) {
            scan->flow_start = byte_of(scan, token->start_mark);
            scan->flow_column = (guint)token->start_mark.column;
        }
    } else if (--scan->flow == 0) {
        add_atom(scan, ATOM_FLOW, scan->flow_start, byte_of(scan, token->end_mark),
                 scan->flow_column);
    }
}

static void take_token(Scan *scan, const yaml_token_t *token)
{
    gboolean within_flow = scan->flow > 0;

    switch (token->type) {
    case YAML_FLOW_MAPPING_START_TOKEN:
    case YAML_FLOW_SEQUENCE_START_TOKEN:
    case YAML_FLOW_MAPPING_END_TOKEN:
    case YAML_FLOW_SEQUENCE_END_TOKEN:
        add_flow(scan, token);
        return;
    case YAML_BLOCK_MAPPING_START_TOKEN:
    case YAML_BLOCK_SEQUENCE_START_TOKEN:
        push_block(scan, token);
        return;
    case YAML_BLOCK_END_TOKEN:
        g_array_set_size(scan->blocks, scan->blocks->len - 1);
        return;
    default:
        if (within_flow)
            return;
        break;
    }
    switch (token->type) {
    case YAML_BLOCK_ENTRY_TOKEN:
        add_token(scan, ATOM_DASH, token);
        break;
    case YAML_KEY_TOKEN:
        /* `? key` may hold anything. */
        if (token->end_mark.index > token->start_mark.index)
            scan->unsure = TRUE;
        scan->key = TRUE;
        break;
    case YAML_VALUE_TOKEN:
        add_token(scan, ATOM_COLON, token);
        break;
    case YAML_SCALAR_TOKEN:
        add_scalar(scan, token);
        break;
    case YAML_ALIAS_TOKEN:
        add_token(scan, ATOM_ALIAS, token);
        break;
    case YAML_ANCHOR_TOKEN:
    case YAML_TAG_TOKEN:
        add_token(scan, ATOM_PROPERTY, token);
        break;
    case YAML_DOCUMENT_START_TOKEN:
    case YAML_DOCUMENT_END_TOKEN:
        add_token(scan, ATOM_MARKER, token);
        break;
    case YAML_STREAM_START_TOKEN:
    case YAML_STREAM_END_TOKEN:
        break;
    default: /* directives */
        scan->unsure = TRUE;
        break;
    }
}

static gboolean scan_all(Scan *scan)
{
    yaml_parser_t parser;
    gboolean more = TRUE, ok = TRUE;

    if (yaml_parser_initialize(&parser) == 0)
        g_error("no memory for a YAML parser");
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const guchar *)scan->text, scan->length);
    while (ok && more) {
        yaml_token_t token;

        ok = yaml_parser_scan(&parser, &token) != 0;
        if (!ok)
            break;
        more = token.type != YAML_STREAM_END_TOKEN;
        take_token(scan, &token);
        yaml_token_delete(&token);
    }
    yaml_parser_delete(&parser);
    return ok && !scan->unsure;
}

/* YAML 1.1 knows more line ends than the one that lines are cut at here. */
static gboolean has_other_line_ends(const char *text)
{
    return strchr(text, '\r') != NULL || strstr(text, "\xc2\x85") != NULL ||
           strstr(text, "\xe2\x80\xa8") != NULL || strstr(text, "\xe2\x80\xa9") != NULL;
}

GArray *format_scan(const char *text, gsize length)
{
    g_autoptr(GArray) offsets = g_array_new(FALSE, FALSE, sizeof(gsize));
    g_autoptr(GArray) blocks = g_array_new(FALSE, FALSE, sizeof(Block));
    g_autoptr(GArray) atoms = g_array_new(FALSE, FALSE, sizeof(Atom));
    Scan scan = {
        .text = text, .length = length, .offsets = offsets, .blocks = blocks, .atoms = atoms};

    g_array_set_clear_func(atoms, atom_clear);
    if (has_other_line_ends(text))
        return NULL;
    for (const char *at = text; at < text + length; at = g_utf8_next_char(at)) {
        gsize offset = (gsize)(at - text);

        g_array_append_val(offsets, offset);
    }
    return scan_all(&scan) ? g_steal_pointer(&atoms) : NULL;
}
