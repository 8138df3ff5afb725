#include "patch.h"

#include <string.h>
#include <yaml.h>

#include "error.h"

/* One pair of a map of the text; offsets in bytes. */
typedef struct {
    guint line, column; /* of the key, from 1 */
    guint value_line, value_column;
    gsize key;                /* where it begins */
    gsize value, value_end;   /* what stands for the value; equal when there is nothing */
    gboolean in_flow;         /* the map that it is in is written in braces */
    gboolean is_map, is_flow; /* the value */
    guint parent;             /* position of the pair whose value it is in; G_MAXUINT: none */
    guint map;                /* number of the map that it is in */
} Pair;

/* A collection that is open while the events go by. */
typedef struct {
    gboolean is_map, in_flow, wants_value;
    guint pair; /* that it is the value of; G_MAXUINT: none */
    guint at;   /* the pair whose value comes */
    guint map;
} Open;

typedef struct {
    const char *text;
    GArray *pairs; /* of Pair */
    GArray *open;  /* of Open */
    guint maps;
    gsize end; /* of the last scalar or bracket */
} Scan;

static gsize bytes_at(const char *text, const yaml_mark_t *mark)
{
    return (gsize)(g_utf8_offset_to_pointer(text, (glong)mark->index) - text);
}

static Open *top(Scan *scan)
{
    return scan->open->len > 0 ? &g_array_index(scan->open, Open, scan->open->len - 1) : NULL;
}

/* A node begins: it is a key, a value, or an item. Returns the pair that it is the value of. */
static guint begin_node(Scan *scan, const yaml_event_t *event)
{
    Open *open = top(scan);
    Pair pair = {0};

    if (open == NULL || !open->is_map)
        return open != NULL ? open->pair : G_MAXUINT;
    if (open->wants_value) {
        Pair *of = &g_array_index(scan->pairs, Pair, open->at);

        of->value = bytes_at(scan->text, &event->start_mark);
        of->value_line = (guint)event->start_mark.line + 1;
        of->value_column = (guint)event->start_mark.column + 1;
        open->wants_value = FALSE;
        return open->at;
    }
    pair.line = (guint)event->start_mark.line + 1;
    pair.column = (guint)event->start_mark.column + 1;
    pair.key = bytes_at(scan->text, &event->start_mark);
    pair.in_flow = open->in_flow;
    pair.parent = open->pair;
    pair.map = open->map;
    g_array_append_val(scan->pairs, pair);
    open->at = scan->pairs->len - 1;
    open->wants_value = TRUE;
    return G_MAXUINT;
}

/* A node ends where its last word does: the parser's own mark of a block is where the next begins.
 */
static void end_node(Scan *scan, guint pair)
{
    if (pair < scan->pairs->len)
        g_array_index(scan->pairs, Pair, pair).value_end = scan->end;
}

static void begin_collection(Scan *scan, const yaml_event_t *event, gboolean is_map, gboolean flow)
{
    Open *around = top(scan);
    gboolean is_value = around != NULL && around->is_map && around->wants_value;
    Open open = {.is_map = is_map, .in_flow = flow, .pair = begin_node(scan, event)};

    open.map = is_map ? scan->maps++ : G_MAXUINT;
    if (is_value) {
        g_array_index(scan->pairs, Pair, open.pair).is_map = is_map;
        g_array_index(scan->pairs, Pair, open.pair).is_flow = flow;
    }
    g_array_append_val(scan->open, open);
}

static void end_collection(Scan *scan, const yaml_event_t *event)
{
    Open ended = *top(scan);
    Open *around;

    g_array_set_size(scan->open, scan->open->len - 1);
    if (ended.in_flow)
        scan->end = bytes_at(scan->text, &event->end_mark);
    around = top(scan);
    if (around != NULL && around->is_map && ended.pair == around->at)
        end_node(scan, ended.pair);
}

static void take_event(Scan *scan, const yaml_event_t *event)
{
    guint pair;

    switch (event->type) {
    case YAML_SCALAR_EVENT:
    case YAML_ALIAS_EVENT:
        pair = begin_node(scan, event);
        if (event->end_mark.index > event->start_mark.index)
            scan->end = bytes_at(scan->text, &event->end_mark);
        if (top(scan) != NULL && top(scan)->is_map && !top(scan)->wants_value)
            end_node(scan, pair);
        break;
    case YAML_MAPPING_START_EVENT:
        begin_collection(scan, event, TRUE,
                         event->data.mapping_start.style == YAML_FLOW_MAPPING_STYLE);
        break;
    case YAML_SEQUENCE_START_EVENT:
        begin_collection(scan, event, FALSE,
                         event->data.sequence_start.style == YAML_FLOW_SEQUENCE_STYLE);
        break;
    case YAML_MAPPING_END_EVENT:
    case YAML_SEQUENCE_END_EVENT:
        end_collection(scan, event);
        break;
    default:
        break;
    }
}

/* All pairs of a text, in order (of Pair); NULL when it is no YAML. */
static GArray *scan_pairs(const char *text)
{
    Scan scan = {.text = text,
                 .pairs = g_array_new(FALSE, FALSE, sizeof(Pair)),
                 .open = g_array_new(FALSE, FALSE, sizeof(Open))};
    gboolean ok = TRUE, more = TRUE;
    yaml_parser_t parser;

    if (yaml_parser_initialize(&parser) == 0)
        g_error("no memory for a YAML parser");
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const guchar *)text, strlen(text));
    while (ok && more) {
        yaml_event_t event;

        ok = yaml_parser_parse(&parser, &event) != 0;
        if (!ok)
            break;
        more = event.type != YAML_STREAM_END_EVENT;
        take_event(&scan, &event);
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    g_array_unref(scan.open);
    if (!ok)
        g_clear_pointer(&scan.pairs, g_array_unref);
    return scan.pairs;
}

static const Pair *find_pair(const GArray *pairs, guint line, guint column)
{
    for (guint i = 0; pairs != NULL && i < pairs->len; i++) {
        const Pair *pair = &g_array_index(pairs, Pair, i);

        if (pair->line == line && pair->column == column)
            return pair;
    }
    for (guint i = 0; pairs != NULL && i < pairs->len; i++) {
        const Pair *pair = &g_array_index(pairs, Pair, i);

        if (pair->value_line == line && pair->value_column == column)
            return pair;
    }
    return NULL;
}

/* ---- values as text ---- */

/* Words that mean the same without quotes. */
static gboolean is_plain(const char *text)
{
    return g_regex_match_simple("^[A-Za-z0-9/][A-Za-z0-9._/+-]*$", text, G_REGEX_DOLLAR_ENDONLY, 0);
}

static char *value_text(const json_t *value)
{
    char *raw, *text;

    if (json_is_string(value) && is_plain(json_string_value(value)))
        return g_strdup(json_string_value(value));
    /* With a blank behind each colon and comma, as YAML is written. */
    raw = json_dumps(value, JSON_SORT_KEYS | JSON_ENCODE_ANY);
    text = g_strdup(raw);
    free(raw);
    return text;
}

static char *key_text(const char *key)
{
    g_autoptr(json_t) text = json_string(key);

    return value_text(text);
}

static char *spliced(const char *text, gsize from, gsize to, const char *new)
{
    g_autoptr(GString) result = g_string_new_len(text, (gssize)from);

    g_string_append(result, new);
    g_string_append(result, text + to);
    return g_string_free(g_steal_pointer(&result), FALSE);
}

static char *refuse(guint line, const char *why, GError **error)
{
    error_set(error, ERR_UNSUPPORTED, "line %u: %s; change it by hand", line, why);
    return NULL;
}

/* ---- taking out ---- */

static gsize line_start(const char *text, gsize at)
{
    while (at > 0 && text[at - 1] != '\n')
        at--;
    return at;
}

/* Behind the line that a pair ends in; a block of text ends behind its last line already. */
static gsize line_end(const char *text, gsize at)
{
    if (at > 0 && text[at - 1] == '\n')
        return at;
    at += strcspn(text + at, "\n");
    return text[at] == '\n' ? at + 1 : at;
}

static char *take_out_of_flow(const char *text, const Pair *pair)
{
    gsize from = pair->key, to = MAX(pair->value_end, pair->key);

    to += strspn(text + to, " \t\n");
    if (text[to] == ',') {
        to++;
        to += strspn(text + to, " \t\n");
        return spliced(text, from, to, "");
    }
    while (from > 0 && strchr(" \t\n", text[from - 1]) != NULL)
        from--;
    if (from > 0 && text[from - 1] == ',')
        from--;
    else
        from = pair->key;
    return spliced(text, from, to, "");
}

static char *take_out(const char *text, const Pair *pair, GError **error)
{
    gsize start = line_start(text, pair->key);

    if (pair->in_flow)
        return take_out_of_flow(text, pair);
    if (strspn(text + start, " ") != pair->key - start)
        return refuse(pair->line, "the first line of an item cannot be taken out", error);
    return spliced(text, start, line_end(text, MAX(pair->value_end, pair->key)), "");
}

char *patch_set(const char *text, guint line, guint column, const json_t *value, GError **error)
{
    g_autoptr(GArray) pairs = scan_pairs(text);
    const Pair *pair = find_pair(pairs, line, column);
    g_autofree char *new = NULL;

    if (pair == NULL)
        return refuse(line, "there is no such key", error);
    if (value == NULL)
        return take_out(text, pair, error);
    new = value_text(value);
    if (pair->value_end > pair->value && text[pair->value_end - 1] == '\n') {
        char *with_line = g_strconcat(new, "\n", NULL); /* a block of text ends with its line */

        g_free(new);
        new = with_line;
    }
    if (pair->value_end <= pair->value) {
        g_autofree char *after_blank = g_strconcat(" ", new, NULL);
        gsize at = pair->key + strcspn(text + pair->key, "\n#");

        return spliced(text, at, at, after_blank);
    }
    return spliced(text, pair->value, pair->value_end, new);
}

/* ---- adding ---- */

static const Pair *last_of_map(const GArray *pairs, guint map)
{
    const Pair *last = NULL;

    for (guint i = 0; i < pairs->len; i++)
        if (g_array_index(pairs, Pair, i).map == map)
            last = &g_array_index(pairs, Pair, i);
    return last;
}

/* A new line after the last pair of a block, in its column; a new pair at the end of braces. */
static char *add_after(const char *text, const Pair *last, const char *pair)
{
    gsize end = MAX(last->value_end, last->key);
    g_autofree char *line = NULL;

    if (last->in_flow) {
        line = g_strconcat(", ", pair, NULL);
        return spliced(text, end, end, line);
    }
    end = line_end(text, end);
    line = g_strdup_printf("%s%*s%s\n", end > 0 && text[end - 1] != '\n' ? "\n" : "",
                           (int)last->column - 1, "", pair);
    return spliced(text, end, end, line);
}

static char *add_first(const char *text, const Pair *of, const char *pair, GError **error)
{
    g_autofree char *braces = NULL;

    if (of->is_map && of->is_flow) { /* {} */
        gsize at = of->value + 1;

        return spliced(text, at, at, pair);
    }
    if (of->value_end > of->value)
        return refuse(of->line, "it is no map", error);
    braces = g_strdup_printf(" {%s}", pair);
    return spliced(text, of->key + strcspn(text + of->key, "\n#"),
                   of->key + strcspn(text + of->key, "\n#"), braces);
}

char *patch_add(const char *text, guint line, guint column, gboolean beside, const char *key,
                const json_t *value, GError **error)
{
    g_autoptr(GArray) pairs = scan_pairs(text);
    const Pair *at = find_pair(pairs, line, column);
    const Pair *last = NULL;
    g_autofree char *name = key_text(key);
    g_autofree char *new = value_text(value);
    g_autofree char *pair = g_strdup_printf("%s: %s", name, new);
    guint position;

    if (at == NULL)
        return refuse(line, "there is no such key", error);
    if (beside)
        return add_after(text, last_of_map(pairs, at->map), pair);
    position = (guint)(at - (const Pair *)(void *)pairs->data);
    for (guint i = 0; i < pairs->len && last == NULL; i++)
        if (g_array_index(pairs, Pair, i).parent == position)
            last = last_of_map(pairs, g_array_index(pairs, Pair, i).map);
    return last != NULL ? add_after(text, last, pair) : add_first(text, at, pair, error);
}

/* ---- the difference of two texts ---- */

#define AROUND 3u            /* lines that stay, shown around a change */
#define TABLE_MAX (4u << 20) /* cells; above that all between the first and last change is one */

typedef struct {
    char **lines;
    guint count;
} Lines;

static Lines lines_of(const char *text)
{
    Lines lines = {.lines = g_strsplit(text, "\n", -1)};

    lines.count = g_strv_length(lines.lines);
    /* What follows the last line's end is no line. */
    if (lines.count > 0 && *lines.lines[lines.count - 1] == '\0')
        lines.count--;
    return lines;
}

/* Length of the longest common part of what is left from i and j on, for all of them. */
static guint *common_table(const Lines *old, guint m, const Lines *new, guint n, guint head)
{
    guint *table = g_new0(guint, (gsize)(m + 1) * (n + 1));

    for (guint i = m; i-- > 0;) {
        for (guint j = n; j-- > 0;) {
            guint *cell = &table[(gsize)i * (n + 1) + j];

            if (strcmp(old->lines[head + i], new->lines[head + j]) == 0)
                *cell = cell[n + 2] + 1;
            else
                *cell = MAX(cell[n + 1], cell[1]);
        }
    }
    return table;
}

/* One letter a line: ' ' stays, '-' goes, '+' comes. */
static char *script_of(const Lines *old, const Lines *new)
{
    g_autoptr(GString) script = g_string_new(NULL);
    g_autofree guint *table = NULL;
    guint head = 0, tail = 0, m, n, i = 0, j = 0;

    while (head < MIN(old->count, new->count) && strcmp(old->lines[head], new->lines[head]) == 0)
        head++;
    while (tail < MIN(old->count, new->count) - head &&
           strcmp(old->lines[old->count - 1 - tail], new->lines[new->count - 1 - tail]) == 0)
        tail++;
    m = old->count - head - tail;
    n = new->count - head - tail;
    if ((guint64)(m + 1) * (n + 1) <= TABLE_MAX)
        table = common_table(old, m, new, n, head);
    for (guint k = 0; k < head; k++)
        g_string_append_c(script, ' ');
    while (i < m || j < n) {
        const guint *cell = table != NULL ? &table[(gsize)i * (n + 1) + j] : NULL;

        if (cell != NULL && i < m && j < n &&
            strcmp(old->lines[head + i], new->lines[head + j]) == 0) {
            g_string_append_c(script, ' ');
            i++;
            j++;
        } else if (i < m && (cell == NULL || j == n || cell[n + 1] >= cell[1])) {
            g_string_append_c(script, '-');
            i++;
        } else {
            g_string_append_c(script, '+');
            j++;
        }
    }
    for (guint k = 0; k < tail; k++)
        g_string_append_c(script, ' ');
    return g_string_free(g_steal_pointer(&script), FALSE);
}

/* Where the hunk that begins at `from` ends: so many lines after the last change that no further
 * one is near. */
static gsize hunk_end(const char *script, gsize from)
{
    gsize last = from;

    for (gsize i = from; script[i] != '\0' && i <= last + 2 * AROUND; i++)
        if (script[i] != ' ')
            last = i;
    return MIN(last + 1 + AROUND, strlen(script));
}

static void append_hunk(GString *diff, const char *script, gsize from, gsize to, const Lines *old,
                        guint i, const Lines *new, guint j)
{
    guint olds = 0, news = 0;

    for (gsize at = from; at < to; at++) {
        olds += script[at] != '+';
        news += script[at] != '-';
    }
    g_string_append_printf(diff, "@@ -%u,%u +%u,%u @@\n", olds > 0 ? i + 1 : i, olds,
                           news > 0 ? j + 1 : j, news);
    for (gsize at = from; at < to; at++) {
        g_string_append_printf(diff, "%c%s\n", script[at],
                               script[at] == '+' ? new->lines[j] : old->lines[i]);
        i += script[at] != '+';
        j += script[at] != '-';
    }
}

char *patch_diff(const char *name, const char *before, const char *after)
{
    Lines old = lines_of(before), new = lines_of(after);
    g_autofree char *script = script_of(&old, &new);
    g_autoptr(GString) diff = g_string_new(NULL);
    gsize size = strlen(script), at = 0;
    guint i = 0, j = 0;

    while (at < size) {
        gsize change = at + strspn(script + at, " ");
        gsize from = change > at + AROUND ? change - AROUND : at;
        gsize to;

        if (change >= size)
            break;
        to = hunk_end(script, change);
        i += (guint)(from - at);
        j += (guint)(from - at);
        if (diff->len == 0)
            g_string_append_printf(diff, "--- a/%s\n+++ b/%s\n", name, name);
        append_hunk(diff, script, from, to, &old, i, &new, j);
        for (; from < to; from++) {
            i += script[from] != '+';
            j += script[from] != '-';
        }
        at = to;
    }
    g_strfreev(old.lines);
    g_strfreev(new.lines);
    return g_string_free(g_steal_pointer(&diff), FALSE);
}
