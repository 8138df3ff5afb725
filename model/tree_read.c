#include <string.h>
#include <yaml.h>

#include "document.h"
#include "tree_build.h"

/* Keys are names of settings; libyaml itself stops at this length for the usual spelling of a key.
 */
#define KEY_MAX 1024u

/* What aliases may add to a document. Text that is written out has the size of the file as its
 * bound, aliases have none. */
#define ALIAS_NODES_MAX 200000u

/* Up to here duplicates are found by comparing, above with a hash table. */
#define FEW_KEYS 12u

typedef struct {
    yaml_parser_t parser;
    const char *name;
    Tree *tree;
    Problems *problems;
    GPtrArray *stack;    /* children of the collections that are being read, innermost last */
    GHashTable *anchors; /* name -> Node *; NULL before the first one */
    guint aliases, alias_nodes, nodes;
} Reader;

/* Reports one problem at a mark of libyaml; always NULL. */
static Node *reader_fail(Reader *reader, yaml_mark_t mark, const char *format, ...)
    G_GNUC_PRINTF(3, 4);

static Node *reader_fail(Reader *reader, yaml_mark_t mark, const char *format, ...)
{
    va_list args;
    char *text;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    problem_take(reader->problems, PROBLEM_ERROR, NULL, NULL,
                 problem_place(reader->name, (guint)mark.line + 1, (guint)mark.column + 1), text);
    return NULL;
}

/* What libyaml says, and what somebody who mends a file needs to hear. */
static const struct {
    const char *found, *said;
} PLAIN_WORDS[] = {
    {"a tab character that violates", "a tab cannot be used for indentation; use blanks"},
    {"cannot start any token", "this character cannot start a value; put the value in quotes"},
    {"mapping values are not allowed",
     "a ':' is not expected here; put the value in quotes, or mend the indentation"},
    {"did not find expected key", "a key is expected here; mend the indentation"},
    {"did not find expected '-' indicator",
     "an entry with '-' is expected here; mend the indentation"},
    {"did not find expected node content",
     "a value is expected here; put it in quotes if it is this"},
    {"could not find expected ':'", "a ':' is missing after this key"},
    {"found unexpected end of stream", "the text ends too early"},
    {"did not find expected <document start>",
     "a new document must begin with ---, or mend the indentation"},
};

/* A problem in plain words. */
static const char *plain_words(const yaml_parser_t *parser)
{
    const char *problem = parser->problem != NULL ? parser->problem : "the text ends too early";

    if (strstr(problem, "cannot start any token") != NULL &&
        parser->buffer.pointer < parser->buffer.last && *parser->buffer.pointer == '\t')
        return "a tab cannot be used for indentation; use blanks";
    for (guint i = 0; i < G_N_ELEMENTS(PLAIN_WORDS); i++)
        if (strstr(problem, PLAIN_WORDS[i].found) != NULL)
            return PLAIN_WORDS[i].said;
    return problem;
}

static void reader_syntax_error(Reader *reader)
{
    const yaml_parser_t *parser = &reader->parser;
    const char *words = plain_words(parser);
    yaml_mark_t mark = parser->problem_mark;

    if (parser->error == YAML_MEMORY_ERROR)
        reader_fail(reader, parser->mark, "not enough memory to read this");
    else if (parser->error == YAML_READER_ERROR)
        reader_fail(reader, parser->mark, "%s", words);
    else if (parser->context != NULL && parser->context_mark.line != mark.line)
        reader_fail(reader, mark, "%s (%s that starts in line %u)", words, parser->context,
                    (guint)parser->context_mark.line + 1);
    else if (parser->context != NULL)
        reader_fail(reader, mark, "%s (%s)", words, parser->context);
    else
        reader_fail(reader, mark, "%s", words);
}

static gboolean reader_next(Reader *reader, yaml_event_t *ret_event)
{
    if (yaml_parser_parse(&reader->parser, ret_event) != 0)
        return TRUE;
    reader_syntax_error(reader);
    return FALSE;
}

/* Counts nodes of the document; FALSE with a problem when there are too many. */
static gboolean reader_count(Reader *reader, guint nodes, yaml_mark_t mark)
{
    if (nodes > DOCUMENT_MAX_NODES - reader->nodes) {
        reader_fail(reader, mark, "the document has more than %u nodes, aliases counted each time",
                    DOCUMENT_MAX_NODES);
        return FALSE;
    }
    reader->nodes += nodes;
    return TRUE;
}

static gboolean tag_is_core(const char *tag, const char *const *allowed)
{
    static const char prefix[] = "tag:yaml.org,2002:";

    if (tag == NULL || strcmp(tag, "!") == 0)
        return TRUE;
    return g_str_has_prefix(tag, prefix) && g_strv_contains(allowed, tag + strlen(prefix));
}

static gboolean check_tag(Reader *reader, const yaml_char_t *tag, const char *const *allowed,
                          yaml_mark_t mark)
{
    if (tag_is_core((const char *)tag, allowed))
        return TRUE;
    reader_fail(reader, mark, "the tag %s is not supported here; leave it out", (const char *)tag);
    return FALSE;
}

/* From the start of a node on its anchor is known, so that a node that holds itself can be told
 * from an unknown anchor; it is no valid target before its end, which sets the weight. */
static void remember_anchor(Reader *reader, const yaml_char_t *anchor, Node *node)
{
    if (anchor == NULL)
        return;
    if (reader->anchors == NULL)
        reader->anchors = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_hash_table_replace(reader->anchors, g_strdup((const char *)anchor), node);
}

static const Node *read_alias(Reader *reader, const yaml_event_t *event)
{
    const char *name = (const char *)event->data.alias.anchor;
    const Node *node = reader->anchors != NULL ? g_hash_table_lookup(reader->anchors, name) : NULL;

    if (node == NULL)
        return reader_fail(reader, event->start_mark, "there is no anchor &%s before this alias",
                           name);
    if (node->weight == 0)
        return reader_fail(reader, event->start_mark,
                           "the alias *%s refers to a node that holds it", name);
    if (++reader->aliases > DOCUMENT_MAX_ALIASES)
        return reader_fail(reader, event->start_mark, "the document uses more than %u aliases",
                           DOCUMENT_MAX_ALIASES);
    if (node->weight > ALIAS_NODES_MAX - reader->alias_nodes)
        return reader_fail(reader, event->start_mark,
                           "aliases make the document too large (more than %u nodes)",
                           ALIAS_NODES_MAX);
    reader->alias_nodes += node->weight;
    return reader_count(reader, node->weight, event->start_mark) ? node : NULL;
}

static gboolean is_null_text(const char *text)
{
    return *text == '\0' || strcmp(text, "~") == 0 || strcmp(text, "null") == 0 ||
           strcmp(text, "Null") == 0 || strcmp(text, "NULL") == 0;
}

static const Node *read_scalar(Reader *reader, const yaml_event_t *event)
{
    static const char *const tags[] = {"str", "int", "float", "bool", "null", NULL};
    const char *text = (const char *)event->data.scalar.value;
    const char *tag = (const char *)event->data.scalar.tag;
    gsize length = event->data.scalar.length;
    guint line = (guint)event->start_mark.line + 1, column = (guint)event->start_mark.column + 1;
    gboolean plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
                     (tag == NULL || (!g_str_has_suffix(tag, ":str") && strcmp(tag, "!") != 0));
    Node *node;

    if (!check_tag(reader, event->data.scalar.tag, tags, event->start_mark) ||
        !reader_count(reader, 1, event->start_mark))
        return NULL;
    if (length > DOCUMENT_MAX_SCALAR)
        return reader_fail(reader, event->start_mark, "this value is longer than %u bytes",
                           DOCUMENT_MAX_SCALAR);
    if (memchr(text, '\0', length) != NULL)
        return reader_fail(reader, event->start_mark, "a value cannot hold a NUL character");
    if (memchr(text, 2, length) != NULL) /* begins the tokens of secrets.h */
        return reader_fail(reader, event->start_mark,
                           "a value cannot hold the control character U+0002");
    node = node_new_text(reader->tree, text, length, line, column);
    node->plain = plain;
    if (plain && is_null_text(text))
        node->kind = NODE_NULL;
    remember_anchor(reader, event->data.scalar.anchor, node);
    return node;
}

static const Node *read_node(Reader *reader, yaml_event_t *event, guint depth);

/* Reads children onto the stack until the event that ends the collection; FALSE on a problem. */
static gboolean read_children(Reader *reader, yaml_event_type_t end, guint depth)
{
    for (;;) {
        yaml_event_t event;
        const Node *child;
        gboolean done;

        if (!reader_next(reader, &event))
            return FALSE;
        done = event.type == end;
        child = done ? NULL : read_node(reader, &event, depth + 1);
        yaml_event_delete(&event);
        if (done)
            return TRUE;
        if (child == NULL)
            return FALSE;
        g_ptr_array_add(reader->stack, (void *)child);
    }
}

static const Node *read_list(Reader *reader, const yaml_event_t *event, guint depth)
{
    static const char *const tags[] = {"seq", NULL};
    guint base = reader->stack->len;
    Node *node = node_new(reader->tree, NODE_LIST, (guint)event->start_mark.line + 1,
                          (guint)event->start_mark.column + 1);
    guint weight = 1;

    if (!check_tag(reader, event->data.sequence_start.tag, tags, event->start_mark) ||
        !reader_count(reader, 1, event->start_mark))
        return NULL;
    node->weight = 0;
    remember_anchor(reader, event->data.sequence_start.anchor, node);
    if (!read_children(reader, YAML_SEQUENCE_END_EVENT, depth))
        return NULL;
    node->count = reader->stack->len - base;
    node->items = tree_alloc(reader->tree, node->count * sizeof(Node *));
    for (guint i = 0; i < node->count; i++) {
        node->items[i] = reader->stack->pdata[base + i];
        weight = node_weigh(weight, node->items[i]);
    }
    node->weight = weight;
    g_ptr_array_set_size(reader->stack, (int)base);
    return node;
}

/* A map while its pairs are collected. */
typedef struct {
    Pair *pairs;
    guint count;
    GHashTable *index; /* key text -> position + 1; NULL while there are few keys */
} Pairs;

static const Pair *pairs_find(Pairs *pairs, const char *key)
{
    gpointer position;

    if (pairs->index == NULL && pairs->count > FEW_KEYS) {
        pairs->index = g_hash_table_new(g_str_hash, g_str_equal);
        for (guint i = 0; i < pairs->count; i++)
            g_hash_table_insert(pairs->index, (void *)pairs->pairs[i].key->text,
                                GUINT_TO_POINTER(i + 1));
    }
    if (pairs->index != NULL) {
        position = g_hash_table_lookup(pairs->index, key);
        return position != NULL ? &pairs->pairs[GPOINTER_TO_UINT(position) - 1] : NULL;
    }
    for (guint i = 0; i < pairs->count; i++)
        if (strcmp(pairs->pairs[i].key->text, key) == 0)
            return &pairs->pairs[i];
    return NULL;
}

static void pairs_add(Pairs *pairs, const Node *key, const Node *value)
{
    pairs->pairs[pairs->count++] = (Pair){key, value};
    if (pairs->index != NULL)
        g_hash_table_insert(pairs->index, (void *)key->text, GUINT_TO_POINTER(pairs->count));
}

static gboolean is_merge_key(const Node *key)
{
    return key->kind == NODE_SCALAR && key->plain && strcmp(key->text, "<<") == 0;
}

static gboolean check_key(Reader *reader, const Node *key)
{
    const char *text = NULL;

    if (key->kind == NODE_LIST || key->kind == NODE_MAP)
        text = g_strdup_printf("a key must be text, not %s", node_kind_name(key));
    else if (key->count == 0)
        text = g_strdup("a key is missing before the ':'");
    else if (key->count > KEY_MAX)
        text = g_strdup_printf("this key is longer than %u bytes", KEY_MAX);
    if (text == NULL)
        return TRUE;
    problem_take(reader->problems, PROBLEM_ERROR, NULL, NULL,
                 problem_place(reader->name, key->line, key->column), (char *)text);
    return FALSE;
}

/* How many pairs the value of a merge key can add; G_MAXUINT when it is no map and no list of maps.
 */
static guint merge_size(const Node *value)
{
    guint size = 0;

    if (value->kind == NODE_MAP)
        return value->count;
    if (value->kind != NODE_LIST)
        return G_MAXUINT;
    for (guint i = 0; i < value->count; i++) {
        if (value->items[i]->kind != NODE_MAP)
            return G_MAXUINT;
        size += value->items[i]->count;
    }
    return size;
}

/* Own keys win over merged ones, earlier merged ones over later ones. */
static void merge_map(Pairs *pairs, const Node *map)
{
    for (guint i = 0; i < map->count; i++)
        if (pairs_find(pairs, map->pairs[i].key->text) == NULL)
            pairs_add(pairs, map->pairs[i].key, map->pairs[i].value);
}

/* Makes the pairs of a map from the keys and values on the stack above `base`. */
static gboolean collect_pairs(Reader *reader, guint base, Pairs *pairs)
{
    guint count = (reader->stack->len - base) / 2, room = count;
    const Node **nodes = count > 0 ? (const Node **)&reader->stack->pdata[base] : NULL;
    const Node *merge = NULL;

    for (guint i = 0; i < count; i++) {
        if (!check_key(reader, nodes[2 * i]))
            return FALSE;
        if (!is_merge_key(nodes[2 * i]))
            continue;
        if (merge != NULL || merge_size(nodes[2 * i + 1]) == G_MAXUINT) {
            problem_add_at(reader->problems, PROBLEM_ERROR, reader->name, nodes[2 * i]->line,
                           nodes[2 * i]->column, NULL,
                           "a merge key << takes a map or a list of maps, once in a map");
            return FALSE;
        }
        merge = nodes[2 * i + 1];
        room += merge_size(merge);
    }
    pairs->pairs = tree_alloc(reader->tree, room * sizeof(Pair));
    for (guint i = 0; i < count; i++) {
        const Node *key = nodes[2 * i];
        const Pair *first;

        if (is_merge_key(key))
            continue;
        first = pairs_find(pairs, key->text);
        if (first == NULL)
            pairs_add(pairs, key, nodes[2 * i + 1]);
        else
            problem_add_at(reader->problems, PROBLEM_ERROR, reader->name, key->line, key->column,
                           NULL, "the key %s is here twice; the first one is at %s:%u:%u",
                           key->text, reader->name, first->key->line, first->key->column);
    }
    if (merge != NULL && merge->kind == NODE_MAP)
        merge_map(pairs, merge);
    for (guint i = 0; merge != NULL && merge->kind == NODE_LIST && i < merge->count; i++)
        merge_map(pairs, merge->items[i]);
    return TRUE;
}

static const Node *read_map(Reader *reader, const yaml_event_t *event, guint depth)
{
    static const char *const tags[] = {"map", NULL};
    guint base = reader->stack->len;
    Node *node = node_new(reader->tree, NODE_MAP, (guint)event->start_mark.line + 1,
                          (guint)event->start_mark.column + 1);
    Pairs pairs = {0};
    guint weight = 1;
    gboolean ok;

    if (!check_tag(reader, event->data.mapping_start.tag, tags, event->start_mark) ||
        !reader_count(reader, 1, event->start_mark))
        return NULL;
    node->weight = 0;
    remember_anchor(reader, event->data.mapping_start.anchor, node);
    if (!read_children(reader, YAML_MAPPING_END_EVENT, depth))
        return NULL;
    ok = collect_pairs(reader, base, &pairs);
    g_clear_pointer(&pairs.index, g_hash_table_unref);
    if (!ok)
        return NULL;
    node->count = pairs.count;
    node->pairs = pairs.pairs;
    for (guint i = 0; i < node->count; i++)
        weight = node_weigh(node_weigh(weight, node->pairs[i].key), node->pairs[i].value);
    node->weight = weight;
    g_ptr_array_set_size(reader->stack, (int)base);
    return node;
}

static const Node *read_node(Reader *reader, yaml_event_t *event, guint depth)
{
    if (depth > DOCUMENT_MAX_DEPTH)
        return reader_fail(reader, event->start_mark, "nested more than %u levels deep",
                           DOCUMENT_MAX_DEPTH);
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        return read_scalar(reader, event);
    case YAML_ALIAS_EVENT:
        return read_alias(reader, event);
    case YAML_SEQUENCE_START_EVENT:
        return read_list(reader, event, depth);
    case YAML_MAPPING_START_EVENT:
        return read_map(reader, event, depth);
    default:
        return reader_fail(reader, event->start_mark, "a value is expected here");
    }
}

/* Anchors and limits are those of one document. */
static void start_document(Reader *reader)
{
    g_clear_pointer(&reader->anchors, g_hash_table_unref);
    reader->aliases = reader->alias_nodes = reader->nodes = 0;
}

static gboolean read_documents(Reader *reader)
{
    for (;;) {
        yaml_event_t event;
        yaml_event_type_t type;
        const Node *node = NULL;

        if (!reader_next(reader, &event))
            return FALSE;
        type = event.type;
        if (type == YAML_DOCUMENT_START_EVENT)
            start_document(reader);
        else if (type != YAML_STREAM_START_EVENT && type != YAML_DOCUMENT_END_EVENT &&
                 type != YAML_STREAM_END_EVENT)
            node = read_node(reader, &event, 1);
        yaml_event_delete(&event);
        if (node != NULL)
            tree_add_document(reader->tree, node);
        else if (type == YAML_STREAM_END_EVENT)
            return TRUE;
        else if (type != YAML_STREAM_START_EVENT && type != YAML_DOCUMENT_START_EVENT &&
                 type != YAML_DOCUMENT_END_EVENT)
            return FALSE;
    }
}

Tree *tree_parse(const char *name, const char *text, gsize length, Problems *problems)
{
    g_autofree char *joined = NULL;
    g_autoptr(Tree) tree = NULL;
    Reader reader = {.name = name, .problems = problems};
    gboolean ok;

    if (length > DOCUMENT_MAX_BYTES) {
        problem_add_at(problems, PROBLEM_ERROR, name, 0, 0, NULL, "larger than %u bytes",
                       DOCUMENT_MAX_BYTES);
        return NULL;
    }
    if (length >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
        text += 3;
        length -= 3;
    }
    if (!tree_check_text(name, text, length, problems))
        return NULL;
    joined = tree_join_surrogates(text, length, &length);
    tree = tree_new(name);
    reader.tree = tree;
    reader.stack = g_ptr_array_new();
    if (yaml_parser_initialize(&reader.parser) == 0)
        g_error("no memory for a YAML parser");
    yaml_parser_set_encoding(&reader.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&reader.parser, (const guchar *)(joined != NULL ? joined : text),
                                 length);
    ok = read_documents(&reader);
    yaml_parser_delete(&reader.parser);
    g_clear_pointer(&reader.anchors, g_hash_table_unref);
    g_ptr_array_unref(reader.stack);
    return ok ? g_steal_pointer(&tree) : NULL;
}
