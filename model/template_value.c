/* What the names of a template stand for, and texts with names in them. */
#include <string.h>

#include "secrets.h"
#include "template_parts.h"

/* ---- what a name stands for ---- */

static char *secret_token(Template *self, const char *reference, const Node *use);

/* What is given from outside is text but for whole secrets: a file of values for one host can name
 * where that has them. */
static const Node *with_secrets(Template *self, const Node *node, const Node *use, guint depth)
{
    Node *made;
    Pair *pairs;

    if (template_too_deep(self, use, depth) || !template_count(self, use, 1, 0))
        return template_empty_at(self, use);
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
const Node *template_variable_value(Template *self, Variable *variable, const Node *use)
{
    const Loop *loop = self->loop;
    guint errors = self->problems->errors;

    switch (variable->state) {
    case VARIABLE_KNOWN:
        return variable->value;
    case VARIABLE_WRONG:
        return NULL;
    case VARIABLE_BUSY:
        node_mistake(
            self->problems, use, "variable %s is needed for its own default, declared at %s:%u:%u",
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
        variable->value = template_expand_node(self, variable->fallback, 1);
        self->loop = loop;
    }
    if (variable->value == NULL) {
        node_mistake(
            self->problems, use,
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
        node_mistake(self->problems, use, "each is only known in an entry that has foreach:");
    else
        node_mistake(self->problems, use,
                     "unknown variable %s%s%s%s; declare it under vars:, or write $${%s} for text",
                     name, nearest != NULL ? "; did you mean " : "", nearest != NULL ? nearest : "",
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
        node_mistake(self->problems, use,
                     "${%s}: the list has no item %s; it has %u, counted from 0", text, part,
                     value->count);
    else if (found == NULL && value->kind == NODE_MAP)
        node_mistake(self->problems, use, "${%s}: there is no %s in it (%s:%u:%u)", text, part,
                     value->file != NULL ? value->file : "the request", value->line, value->column);
    else if (found == NULL)
        node_mistake(self->problems, use, "${%s}: %s cannot be taken of %s", text, part,
                     node_kind_name(value));
    return found;
}

gboolean template_is_path(const char *text)
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
    if (!template_is_path(text)) {
        node_mistake(self->problems, use,
                     "${%.60s} is not the name of a variable; write $${ for a ${ that is text",
                     text);
        return NULL;
    }
    parts = g_strsplit(text, ".", -1);
    loop = find_loop(self, parts[0]);
    if (loop != NULL) {
        next = 2;
        *ret_via = loop->value->via;
        if (g_strcmp0(parts[1], "key") != 0 && g_strcmp0(parts[1], "value") != 0) {
            node_mistake(self->problems, use, "${%s}: write ${%s.key} or ${%s.value}", text,
                         parts[0], parts[0]);
            return NULL;
        }
        value = strcmp(parts[1], "key") == 0 ? loop->key : loop->value;
    } else {
        Variable *variable = variables_find(self->variables, parts[0]);

        if (variable == NULL) {
            unknown_variable(self, use, parts[0], text);
            return NULL;
        }
        value = template_variable_value(self, variable, use);
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
        node_mistake(self->problems, use,
                     "a ${ has no } after it; write $${ for a ${ that is text");
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
    node_mistake(self->problems, use, "%s", error->message);
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
        return template_empty_at(self, use);
    if (value->kind == NODE_LIST || value->kind == NODE_MAP) {
        inner =
            g_strdup_printf("used as ${%s} at %s:%u:%u", text, use->file, use->line, use->column);
        made =
            (Node *)template_copy(self, value, tree_text(self->tree, inner, strlen(inner)), depth);
    } else {
        if (!template_count(self, use, 1, value->count))
            return template_empty_at(self, use);
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
        node_mistake(
            self->problems, use,
            "${%s} is %s and cannot stand within a text; let it be the whole value, or name a "
            "member of it",
            reference, node_kind_name(value));
        return FALSE;
    }
    if (text->len + value->count > DOCUMENT_MAX_SCALAR) {
        node_mistake(self->problems, use, "variables make this value longer than %u bytes",
                     DOCUMENT_MAX_SCALAR);
        return FALSE;
    }
    g_string_append_len(text, value->text, value->count);
    add_via(vias, via);
    return TRUE;
}

const Node *template_expand_text(Template *self, const Node *node, guint depth)
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
            return template_empty_at(self, node);
        if (start == node->text && *at == '\0' && !g_str_has_prefix(reference, SECRET))
            return whole_value(self, reference, node, depth);
        if (!append_value(self, text, vias, reference, node))
            return template_empty_at(self, node);
    }
    if (!template_count(self, node, 1, text->len))
        return template_empty_at(self, node);
    made = node_new_text(self->tree, text->str, text->len, node->line, node->column);
    made->file = node->file;
    made->via = vias->len > 0 ? tree_text(self->tree, vias->str, vias->len) : node->via;
    return made;
}
