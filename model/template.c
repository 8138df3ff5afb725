#include "template.h"

#include <string.h>

#include "document.h"
#include "secrets.h"

/* One foreach that is being carried out, and those around it. */
typedef struct Loop Loop;
struct Loop {
    const char *name; /* "each", or what `as` says */
    const Node *key;
    const Node *value;
    const Loop *outer;
};

struct Template {
    Variables *variables;
    Problems *problems;
    Tree *tree;  /* what is made lives here */
    guint nodes; /* made so far */
    gsize bytes; /* of texts that were put together */
    gboolean full;
    const Loop *loop;
};

Template *template_new(Variables *variables)
{
    Template *self = g_new0(Template, 1);

    self->variables = variables;
    self->tree = tree_new(NULL);
    return self;
}

void template_free(Template *self)
{
    if (self == NULL)
        return;
    tree_free(self->tree);
    g_free(self);
}

static void mistake(Template *self, const Node *node, const char *format, ...) G_GNUC_PRINTF(3, 4);

static void mistake(Template *self, const Node *node, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    problem_take(self->problems, PROBLEM_ERROR, NULL, NULL,
                 problem_place(node->file, node->line, node->column),
                 g_strdup_vprintf(format, args));
    va_end(args);
}

/* Counts what is made; FALSE, with one problem in all, when it is too much. */
static gboolean count(Template *self, const Node *place, guint nodes, gsize bytes)
{
    if (self->full)
        return FALSE;
    if (nodes > TEMPLATE_MAX_NODES - self->nodes || bytes > DOCUMENT_MAX_BYTES - self->bytes) {
        self->full = TRUE;
        mistake(self, place,
                "variables and foreach make the input too large (more than %u values or %u bytes)",
                TEMPLATE_MAX_NODES, DOCUMENT_MAX_BYTES);
        return FALSE;
    }
    self->nodes += nodes;
    self->bytes += bytes;
    return TRUE;
}

static Node *empty_at(Template *self, const Node *place)
{
    Node *node = node_new_text(self->tree, "", 0, place->line, place->column);

    node->kind = NODE_NULL;
    node->file = place->file;
    return node;
}

static gboolean too_deep(Template *self, const Node *place, guint depth)
{
    if (depth <= DOCUMENT_MAX_DEPTH)
        return FALSE;
    if (!self->full)
        mistake(self, place, "variables make the input nest more than %u levels deep",
                DOCUMENT_MAX_DEPTH);
    self->full = TRUE;
    return TRUE;
}

/* A copy of a variable's value, for one use. What is within keeps its own place; `via` says who
 * uses it. */
static const Node *copy(Template *self, const Node *node, const char *via, guint depth)
{
    Node *made;
    Pair *pairs;

    if (too_deep(self, node, depth) || !count(self, node, 1, 0))
        return empty_at(self, node);
    made = tree_alloc(self->tree, sizeof(Node));
    *made = *node;
    made->via = via;
    switch (node->kind) {
    case NODE_LIST:
        made->items = tree_alloc(self->tree, node->count * sizeof(Node *));
        for (guint i = 0; i < node->count; i++)
            made->items[i] = copy(self, node->items[i], via, depth + 1);
        break;
    case NODE_MAP:
        pairs = tree_alloc(self->tree, node->count * sizeof(Pair));
        for (guint i = 0; i < node->count; i++)
            pairs[i] = (Pair){copy(self, node->pairs[i].key, via, depth + 1),
                              copy(self, node->pairs[i].value, via, depth + 1)};
        made->pairs = pairs;
        break;
    default:
        break;
    }
    return made;
}

/* ---- what a name stands for ---- */

static const Node *expand(Template *self, const Node *node, guint depth);

static char *secret_token(Template *self, const char *reference, const Node *use);

/* What is given from outside is text but for whole secrets: a file of values for one host can name
 * where that has them. */
static const Node *with_secrets(Template *self, const Node *node, const Node *use, guint depth)
{
    Node *made;
    Pair *pairs;

    if (too_deep(self, use, depth) || !count(self, use, 1, 0))
        return empty_at(self, use);
    if (node->kind == NODE_SCALAR && secrets_is_reference(node->text)) {
        g_autofree char *reference =
            g_strndup(node->text + strlen("${"), node->count - strlen("${}"));
        g_autofree char *token = secret_token(self, reference, use);

        made = tree_alloc(self->tree, sizeof(Node));
        *made = *node;
        made->text =
            tree_text(self->tree, token != NULL ? token : "", token != NULL ? strlen(token) : 0);
        made->count = (guint)strlen(made->text);
        return made;
    }
    if (node->kind != NODE_LIST && node->kind != NODE_MAP)
        return node;
    made = tree_alloc(self->tree, sizeof(Node));
    *made = *node;
    if (node->kind == NODE_LIST) {
        made->items = tree_alloc(self->tree, node->count * sizeof(Node *));
        for (guint i = 0; i < node->count; i++)
            made->items[i] = with_secrets(self, node->items[i], use, depth + 1);
        return made;
    }
    pairs = tree_alloc(self->tree, node->count * sizeof(Pair));
    for (guint i = 0; i < node->count; i++)
        pairs[i] =
            (Pair){node->pairs[i].key, with_secrets(self, node->pairs[i].value, use, depth + 1)};
    made->pairs = pairs;
    return made;
}

/* The value of a variable; NULL with a problem, but once for each variable. */
static const Node *variable_value(Template *self, Variable *variable, const Node *use)
{
    const Loop *loop = self->loop;
    guint errors = self->problems->errors;

    switch (variable->state) {
    case VARIABLE_KNOWN:
        return variable->value;
    case VARIABLE_WRONG:
        return NULL;
    case VARIABLE_BUSY:
        mistake(self, use, "variable %s is needed for its own default, declared at %s:%u:%u",
                variable->name, variable->key->file, variable->key->line, variable->key->column);
        variable->state = VARIABLE_WRONG;
        return NULL;
    default:
        break;
    }
    variable->state = VARIABLE_BUSY;
    variable->value = variable->given != NULL ? with_secrets(self, variable->given, use, 1) : NULL;
    if (variable->value == NULL && variable->fallback != NULL) {
        /* A default may use other variables, but not a loop that happens to use it. */
        self->loop = NULL;
        variable->value = expand(self, variable->fallback, 1);
        self->loop = loop;
    }
    if (variable->value == NULL) {
        mistake(self, use,
                "variable %s has no value: it is declared at %s:%u:%u without a default; give it "
                "with --var %s=VALUE",
                variable->name, variable->key->file, variable->key->line, variable->key->column,
                variable->name);
        variable->state = VARIABLE_WRONG;
    } else if (self->problems->errors > errors) {
        variable->state = VARIABLE_WRONG; /* told already */
    } else if (variable->given == NULL &&
               !variable_check_type(variable, variable->value, variable->fallback,
                                    self->problems)) {
        variable->state = VARIABLE_WRONG;
    } else {
        variable->state = VARIABLE_KNOWN;
    }
    return variable->state == VARIABLE_KNOWN ? variable->value : NULL;
}

/* "variable size, declared at vars.yaml:3:3" and who gave it. In the tree's memory. */
static const char *variable_via(Template *self, const Variable *variable)
{
    g_autofree char *text = g_strdup_printf(
        "variable %s, declared at %s:%u:%u%s%s", variable->name, variable->key->file,
        variable->key->line, variable->key->column, variable->given != NULL ? ", given by " : "",
        variable->given != NULL ? variable->given_by : "");

    return tree_text(self->tree, text, strlen(text));
}

static const Loop *find_loop(const Template *self, const char *name)
{
    for (const Loop *loop = self->loop; loop != NULL; loop = loop->outer)
        if (strcmp(loop->name, name) == 0)
            return loop;
    return NULL;
}

static void unknown_variable(Template *self, const Node *use, const char *name, const char *text)
{
    g_autofree char *nearest =
        problems_are_full(self->problems) ? NULL : variables_nearest(self->variables, name);

    if (strcmp(name, "each") == 0)
        mistake(self, use, "each is only known in an entry that has foreach:");
    else
        mistake(self, use,
                "unknown variable %s%s%s%s; declare it under vars:, or write $${%s} for text", name,
                nearest != NULL ? "; did you mean " : "", nearest != NULL ? nearest : "",
                nearest != NULL ? "?" : "", text);
}

/* One member of a map, or item of a list. NULL with a problem. */
static const Node *member(Template *self, const Node *value, const char *part, const Node *use,
                          const char *text)
{
    const Node *found = NULL;
    guint64 position;

    if (value->kind == NODE_MAP)
        found = node_get(value, part);
    else if (value->kind == NODE_LIST &&
             g_ascii_string_to_unsigned(part, 10, 0, G_MAXUINT, &position, NULL) &&
             position < value->count)
        found = value->items[position];
    if (found == NULL && value->kind == NODE_LIST)
        mistake(self, use, "${%s}: the list has no item %s; it has %u, counted from 0", text, part,
                value->count);
    else if (found == NULL && value->kind == NODE_MAP)
        mistake(self, use, "${%s}: there is no %s in it (%s:%u:%u)", text, part,
                value->file != NULL ? value->file : "the request", value->line, value->column);
    else if (found == NULL)
        mistake(self, use, "${%s}: %s cannot be taken of %s", text, part, node_kind_name(value));
    return found;
}

static gboolean is_path(const char *text)
{
    return (g_ascii_isalpha(*text) || *text == '_') &&
           text[strspn(text,
                       "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.")] ==
               '\0' &&
           !g_str_has_suffix(text, ".") && strstr(text, "..") == NULL;
}

/* What `${text}` stands for; `ret_via` says whose value it is. NULL with a problem. */
static const Node *lookup(Template *self, const char *text, const Node *use, const char **ret_via)
{
    g_auto(GStrv) parts = NULL;
    const Node *value;
    const Loop *loop;
    guint next = 1;

    *ret_via = NULL;
    if (!is_path(text)) {
        mistake(self, use,
                "${%.60s} is not the name of a variable; write $${ for a ${ that is text", text);
        return NULL;
    }
    parts = g_strsplit(text, ".", -1);
    loop = find_loop(self, parts[0]);
    if (loop != NULL) {
        next = 2;
        *ret_via = loop->value->via;
        if (g_strcmp0(parts[1], "key") != 0 && g_strcmp0(parts[1], "value") != 0) {
            mistake(self, use, "${%s}: write ${%s.key} or ${%s.value}", text, parts[0], parts[0]);
            return NULL;
        }
        value = strcmp(parts[1], "key") == 0 ? loop->key : loop->value;
    } else {
        Variable *variable = variables_find(self->variables, parts[0]);

        if (variable == NULL) {
            unknown_variable(self, use, parts[0], text);
            return NULL;
        }
        value = variable_value(self, variable, use);
        if (value != NULL)
            *ret_via = variable_via(self, variable);
    }
    for (; value != NULL && parts[next] != NULL; next++)
        value = member(self, value, parts[next], use, text);
    return value;
}

/* ---- texts ---- */

/* The `${...}` at `at`: its inner text, and where it ends. NULL with a problem when it does not. */
static char *reference_at(Template *self, const char *at, const Node *use, const char **ret_end)
{
    const char *end = strchr(at, '}');

    if (end == NULL) {
        mistake(self, use, "a ${ has no } after it; write $${ for a ${ that is text");
        return NULL;
    }
    *ret_end = end + 1;
    return g_strndup(at + 2, (gsize)(end - at) - 2);
}

#define SECRET "secret:"

/* The token of a secret; NULL with a problem. Newly allocated. */
static char *secret_token(Template *self, const char *reference, const Node *use)
{
    g_autoptr(GError) error = NULL;

    if (secrets_check(reference + strlen(SECRET), &error))
        return secrets_token(reference + strlen(SECRET), NULL);
    mistake(self, use, "%s", error->message);
    return NULL;
}

/* A text that is nothing but one reference takes its value, whatever that is. */
static const Node *whole_value(Template *self, const char *text, const Node *use, guint depth)
{
    const char *via;
    const Node *value = lookup(self, text, use, &via);
    g_autofree char *inner = NULL;
    Node *made;

    if (value == NULL)
        return empty_at(self, use);
    if (value->kind == NODE_LIST || value->kind == NODE_MAP) {
        inner =
            g_strdup_printf("used as ${%s} at %s:%u:%u", text, use->file, use->line, use->column);
        made = (Node *)copy(self, value, tree_text(self->tree, inner, strlen(inner)), depth);
    } else {
        if (!count(self, use, 1, value->count))
            return empty_at(self, use);
        made = tree_alloc(self->tree, sizeof(Node));
        *made = *value;
    }
    made->file = use->file;
    made->line = use->line;
    made->column = use->column;
    made->via = via;
    return made;
}

/* Adds one whose name is not there yet. */
static void add_via(GString *all, const char *via)
{
    if (via != NULL && strstr(all->str, via) == NULL)
        g_string_append_printf(all, "%s%s", all->len > 0 ? "; " : "", via);
}

/* Puts the value of one reference into a text. */
static gboolean append_value(Template *self, GString *text, GString *vias, const char *reference,
                             const Node *use)
{
    const char *via;
    const Node *value;

    if (g_str_has_prefix(reference, SECRET)) {
        g_autofree char *token = secret_token(self, reference, use);

        if (token != NULL)
            g_string_append(text, token);
        return token != NULL;
    }
    value = lookup(self, reference, use, &via);
    if (value == NULL)
        return FALSE;
    if (value->kind == NODE_LIST || value->kind == NODE_MAP) {
        mistake(self, use,
                "${%s} is %s and cannot stand within a text; let it be the whole value, or name a "
                "member of it",
                reference, node_kind_name(value));
        return FALSE;
    }
    if (text->len + value->count > DOCUMENT_MAX_SCALAR) {
        mistake(self, use, "variables make this value longer than %u bytes", DOCUMENT_MAX_SCALAR);
        return FALSE;
    }
    g_string_append_len(text, value->text, value->count);
    add_via(vias, via);
    return TRUE;
}

static const Node *expand_text(Template *self, const Node *node, guint depth)
{
    g_autoptr(GString) text = NULL;
    g_autoptr(GString) vias = NULL;
    Node *made;

    if (strstr(node->text, "${") == NULL)
        return node;
    text = g_string_sized_new(node->count);
    vias = g_string_new(NULL);
    for (const char *at = node->text; *at != '\0';) {
        g_autofree char *reference = NULL;
        const char *start = at;

        if (g_str_has_prefix(at, "$${")) {
            g_string_append(text, "${");
            at += 3;
            continue;
        }
        if (!g_str_has_prefix(at, "${")) {
            g_string_append_c(text, *at++);
            continue;
        }
        reference = reference_at(self, at, node, &at);
        if (reference == NULL)
            return empty_at(self, node);
        if (start == node->text && *at == '\0' && !g_str_has_prefix(reference, SECRET))
            return whole_value(self, reference, node, depth);
        if (!append_value(self, text, vias, reference, node))
            return empty_at(self, node);
    }
    if (!count(self, node, 1, text->len))
        return empty_at(self, node);
    made = node_new_text(self->tree, text->str, text->len, node->line, node->column);
    made->file = node->file;
    made->via = vias->len > 0 ? tree_text(self->tree, vias->str, vias->len) : node->via;
    return made;
}

/* ---- foreach ---- */

#define LOOP_KEY "foreach"
#define LOOP_NAME "as"

gboolean template_has_loop(const Node *document)
{
    for (guint i = 0; document->kind == NODE_MAP && i < document->count; i++) {
        const Node *section = document->pairs[i].value;

        for (guint k = 0; section->kind == NODE_LIST && k < section->count; k++)
            if (node_get(section->items[k], LOOP_KEY) != NULL)
                return TRUE;
    }
    return FALSE;
}

static const Node *expand_map(Template *self, const Node *node, gboolean loop, guint depth);

/* One round: the entry without its foreach. */
static void round_of(Template *self, const Node *entry, Loop *loop, GPtrArray *items, guint depth)
{
    if (!count(self, entry, 1, 0))
        return;
    self->loop = loop;
    g_ptr_array_add(items, (gpointer)expand_map(self, entry, TRUE, depth));
    self->loop = loop->outer;
}

/* The key of a list's item, which names what is made of it: the text itself, or the `name` of a
 * map. So taking one out does not rename the others. */
static const Node *item_key(Template *self, const Node *item, const Node *place)
{
    const Node *name = item->kind == NODE_MAP ? node_get(item, "name") : item;

    if (name != NULL && name->kind == NODE_SCALAR && name->count > 0)
        return name;
    mistake(
        self, item->line != 0 ? item : place,
        "foreach over a list of %s: each item needs a name: by which its object is told from the "
        "others; or use a map",
        item->kind == NODE_MAP ? "maps" : node_kind_name(item));
    return NULL;
}

static void loop_list(Template *self, const Node *entry, const Node *over, Loop *loop,
                      GPtrArray *items, guint depth)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

    for (guint i = 0; i < over->count && !self->full; i++) {
        loop->value = over->items[i];
        loop->key = item_key(self, loop->value, over);
        if (loop->key == NULL)
            return;
        if (!g_hash_table_add(seen, (gpointer)loop->key->text)) {
            mistake(self, loop->key, "foreach: %s is in the list twice", loop->key->text);
            return;
        }
        round_of(self, entry, loop, items, depth);
    }
}

static void loop_count(Template *self, const Node *entry, const Node *over, Loop *loop,
                       GPtrArray *items, guint depth)
{
    guint64 rounds;

    if (!g_ascii_string_to_unsigned(over->text, 10, 0, TEMPLATE_MAX_ROUNDS, &rounds, NULL)) {
        mistake(self, over, "foreach takes a list, a map, or a count up to %u, not %.60s",
                TEMPLATE_MAX_ROUNDS, over->text);
        return;
    }
    for (guint64 i = 0; i < rounds && !self->full; i++) {
        g_autofree char *number = g_strdup_printf("%" G_GUINT64_FORMAT, i);
        Node *node = node_new_text(self->tree, number, strlen(number), over->line, over->column);

        node->file = over->file;
        node->via = over->via;
        loop->key = loop->value = node;
        round_of(self, entry, loop, items, depth);
    }
}

/* More than one object of the same name would be made. */
static gboolean name_is_fixed(Template *self, const Node *entry, const Node *over)
{
    const Node *name = node_get(entry, "name");

    gboolean several = over->kind == NODE_SCALAR
                           ? strcmp(over->text, "0") != 0 && strcmp(over->text, "1") != 0
                           : over->count > 1;

    if (!several || name == NULL || name->kind != NODE_SCALAR || strstr(name->text, "${") != NULL)
        return FALSE;
    mistake(self, name, "foreach makes several of this name; put ${each.key} into it");
    return TRUE;
}

static void expand_loop(Template *self, const Node *entry, GPtrArray *items, guint depth)
{
    const Node *as = node_get(entry, LOOP_NAME);
    const Node *over = expand(self, node_get(entry, LOOP_KEY), depth);
    Loop loop = {.name = "each", .outer = self->loop};

    if (as != NULL && (as->kind != NODE_SCALAR || !is_path(as->text) || strchr(as->text, '.'))) {
        mistake(self, as, "as: takes a name, to use instead of each");
        return;
    }
    if (as != NULL)
        loop.name = as->text;
    if (over->kind == NODE_NULL) {
        /* With an error this is only what came of it. */
        if (self->problems->errors == 0)
            mistake(self, over, "foreach takes a list, a map or a count, not nothing");
        return;
    }
    if (name_is_fixed(self, entry, over))
        return;
    if (over->kind == NODE_LIST)
        loop_list(self, entry, over, &loop, items, depth);
    else if (over->kind == NODE_SCALAR)
        loop_count(self, entry, over, &loop, items, depth);
    for (guint i = 0; over->kind == NODE_MAP && i < over->count && !self->full; i++) {
        loop.key = over->pairs[i].key;
        loop.value = over->pairs[i].value;
        round_of(self, entry, &loop, items, depth);
    }
}

/* ---- the walk ---- */

static const Node *expand_list(Template *self, const Node *node, guint depth)
{
    g_autoptr(GPtrArray) items = g_ptr_array_sized_new(node->count);
    Node *made;

    for (guint i = 0; i < node->count && !self->full; i++) {
        if (node_get(node->items[i], LOOP_KEY) != NULL)
            expand_loop(self, node->items[i], items, depth + 1);
        else
            g_ptr_array_add(items, (gpointer)expand(self, node->items[i], depth + 1));
    }
    made = tree_alloc(self->tree, sizeof(Node));
    *made = *node;
    made->count = items->len;
    made->items = tree_alloc(self->tree, items->len * sizeof(Node *));
    if (items->len > 0)
        memcpy(made->items, items->pdata, items->len * sizeof(Node *));
    return made;
}

static const Node *expand_key(Template *self, const Node *key)
{
    g_auto(GStrv) parts = NULL;
    g_autofree char *text = NULL;
    const char *at = strstr(key->text, "${");
    Node *made;

    if (at == NULL)
        return key;
    for (; at != NULL; at = strstr(at + 2, "${")) {
        if (at == key->text || at[-1] != '$') {
            mistake(self, key,
                    "a key cannot hold a variable, only a value can; write $${ for text");
            return key;
        }
    }
    parts = g_strsplit(key->text, "$${", -1);
    text = g_strjoinv("${", parts);
    made = node_new_text(self->tree, text, strlen(text), key->line, key->column);
    made->file = key->file;
    made->plain = key->plain;
    return made;
}

static const Node *expand_map(Template *self, const Node *node, gboolean loop, guint depth)
{
    Pair *pairs;
    Node *made;

    pairs = tree_alloc(self->tree, node->count * sizeof(Pair));
    made = tree_alloc(self->tree, sizeof(Node));
    *made = *node;
    made->count = 0;
    for (guint i = 0; i < node->count && !self->full; i++) {
        const Node *key = expand_key(self, node->pairs[i].key);

        if (loop && (strcmp(key->text, LOOP_KEY) == 0 || strcmp(key->text, LOOP_NAME) == 0))
            continue;
        pairs[made->count].key = key;
        pairs[made->count++].value = expand(self, node->pairs[i].value, depth + 1);
    }
    made->pairs = pairs;
    return made;
}

static const Node *expand(Template *self, const Node *node, guint depth)
{
    if (too_deep(self, node, depth) || !count(self, node, 1, 0))
        return empty_at(self, node);
    switch (node->kind) {
    case NODE_SCALAR:
        return expand_text(self, node, depth);
    case NODE_LIST:
        return expand_list(self, node, depth);
    case NODE_MAP:
        return expand_map(self, node, FALSE, depth);
    default:
        return node;
    }
}

const Node *template_expand(Template *self, const Node *document, Problems *problems)
{
    static const char *const language[] = {"vars", "include", "overlays", NULL};
    Node *made;
    Pair *pairs;

    self->problems = problems;
    if (document->kind != NODE_MAP)
        return document;
    made = empty_at(self, document);
    /* Sections alone: a default is expanded when somebody uses it. */
    pairs = tree_alloc(self->tree, document->count * sizeof(Pair));
    for (guint i = 0; i < document->count; i++) {
        pairs[i] = document->pairs[i];
        if (!g_strv_contains(language, pairs[i].key->text))
            pairs[i].value = expand(self, pairs[i].value, 1);
    }
    if (self->full)
        return made;
    made->kind = NODE_MAP;
    made->count = document->count;
    made->pairs = pairs;
    return made;
}

void template_check_required(Template *self, Problems *problems)
{
    g_autoptr(GPtrArray) all = variables_all(self->variables);

    self->problems = problems;
    for (guint i = 0; i < all->len; i++) {
        Variable *variable = all->pdata[i];

        variable_value(self, variable, variable->key);
    }
}

Tree *template_tree(Template *self)
{
    return self->tree;
}
