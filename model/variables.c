#include "variables.h"

#include <string.h>

#include "error.h"
#include "secrets.h"
#include "text.h"

/* What was given from outside for one name. */
typedef struct {
    const Node *node;
    char *by;      /* "--var", "prod.yaml:3:1", "the request" */
    gboolean text; /* words of a command line: the type decides what they are */
    gboolean used;
} Given;

struct Variables {
    GHashTable *declared; /* name -> Variable * */
    GHashTable *given;    /* name -> Given * */
    GPtrArray *trees;     /* what the nodes above live in */
};

static void variable_free(gpointer data)
{
    Variable *variable = data;

    g_free(variable->name);
    g_free(variable->given_by);
    g_free(variable);
}

static void given_free(gpointer data)
{
    Given *given = data;

    g_free(given->by);
    g_free(given);
}

Variables *variables_new(void)
{
    Variables *variables = g_new0(Variables, 1);

    variables->declared = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, variable_free);
    variables->given = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, given_free);
    variables->trees = g_ptr_array_new_with_free_func((GDestroyNotify)tree_free);
    return variables;
}

void variables_free(Variables *variables)
{
    if (variables == NULL)
        return;
    g_hash_table_unref(variables->declared);
    g_hash_table_unref(variables->given);
    g_ptr_array_unref(variables->trees);
    g_free(variables);
}

void variables_keep(Variables *variables, Tree *tree)
{
    g_ptr_array_add(variables->trees, tree);
}

const char *variable_type_name(VariableType type)
{
    static const char *const names[] = {"string", "integer", "boolean", "list", "map"};

    return names[type];
}

/* Letters, digits, _ and -, not beginning with a digit or -; not a word of the language. */
static gboolean is_name(const char *name)
{
    gsize length = strlen(name);

    return length > 0 && length <= 64 && (g_ascii_isalpha(*name) || *name == '_') &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") ==
               length &&
           strcmp(name, "each") != 0 && strcmp(name, "secret") != 0;
}

/* ---- given from outside ---- */

static void give(Variables *variables, const char *name, const Node *node, char *by, gboolean text)
{
    Given *given = g_new0(Given, 1);

    given->node = node;
    given->by = by;
    given->text = text;
    g_hash_table_replace(variables->given, g_strdup(name), given);
}

gboolean variables_give_text(Variables *variables, const char *assignment, GError **error)
{
    const char *equals = strchr(assignment, '=');
    g_autofree char *name =
        equals != NULL ? g_strndup(assignment, (gsize)(equals - assignment)) : NULL;
    g_autoptr(Problems) problems = NULL;
    Tree *tree;

    if (name == NULL || !is_name(name))
        return error_set(error, ERR_USAGE, "--var %s: write NAME=VALUE", assignment);
    problems = problems_new();
    if (!tree_check_text("--var", equals + 1, strlen(equals + 1), problems))
        return problems_to_error(problems, FALSE, error);
    tree = tree_new("--var");
    variables_keep(variables, tree);
    give(variables, name, node_new_text(tree, equals + 1, strlen(equals + 1), 1, 1),
         g_strdup("--var"), TRUE);
    return TRUE;
}

gboolean variables_give_file(Variables *variables, const char *path, const char *text, gsize length,
                             GError **error)
{
    g_autoptr(Problems) problems = problems_new();
    Tree *tree = tree_parse(path, text, length, problems);
    const Node *root;

    if (tree != NULL)
        variables_keep(variables, tree);
    if (tree == NULL || problems->errors > 0)
        return problems_to_error(problems, FALSE, error);
    if (tree_size(tree) == 0)
        return TRUE;
    root = tree_document(tree, 0);
    if (tree_size(tree) > 1 || (root->kind != NODE_MAP && root->kind != NODE_NULL))
        return error_set(error, ERR_INVALID,
                         "%s: a file of variables is one map of names and values", path);
    for (guint i = 0; root->kind == NODE_MAP && i < root->count; i++) {
        const Pair *pair = &root->pairs[i];
        const Given *present = g_hash_table_lookup(variables->given, pair->key->text);

        if (present == NULL || !present->text)
            give(variables, pair->key->text, pair->value,
                 problem_place(path, pair->key->line, pair->key->column), FALSE);
    }
    return TRUE;
}

gboolean variables_give_json(Variables *variables, const json_t *values, GError **error)
{
    Tree *tree;
    const Node *root;

    if (!json_is_object(values))
        return error_set(error, ERR_INVALID, "\"vars\" must be an object of names and values");
    if (secrets_in_value(values))
        return error_set(error, ERR_INVALID, "\"vars\" cannot hold the control character U+0002");
    tree = tree_from_json(values);
    variables_keep(variables, tree);
    root = tree_document(tree, 0);
    for (guint i = 0; i < root->count; i++)
        give(variables, root->pairs[i].key->text, root->pairs[i].value, g_strdup("the request"),
             FALSE);
    return TRUE;
}

static GPtrArray *sorted_names(GHashTable *table)
{
    GPtrArray *names = g_ptr_array_new();
    GHashTableIter iter;
    gpointer name;

    g_hash_table_iter_init(&iter, table);
    while (g_hash_table_iter_next(&iter, &name, NULL))
        g_ptr_array_add(names, name);
    g_ptr_array_sort(names, text_compare);
    return names;
}

void variables_check_given(const Variables *variables, Problems *problems)
{
    g_autoptr(GPtrArray) names = sorted_names(variables->given);

    for (guint i = 0; i < names->len; i++) {
        const Given *given = g_hash_table_lookup(variables->given, names->pdata[i]);
        g_autofree char *nearest =
            given->used ? NULL : variables_nearest(variables, names->pdata[i]);

        if (given->used)
            continue;
        problem_take(problems, PROBLEM_ERROR, NULL, NULL, g_strdup(given->by),
                     g_strdup_printf("no file declares a variable %s under vars:%s%s%s",
                                     (const char *)names->pdata[i],
                                     nearest != NULL ? "; did you mean " : "",
                                     nearest != NULL ? nearest : "", nearest != NULL ? "?" : ""));
    }
}

/* ---- declared in files ---- */

static gboolean is_integer(const Node *node)
{
    return node->kind == NODE_SCALAR &&
           g_ascii_string_to_signed(node->text, 10, G_MININT64, G_MAXINT64, NULL, NULL);
}

static gboolean is_boolean(const Node *node)
{
    static const char *const words[] = {"true", "false", "yes", "no", "on", "off", NULL};

    for (guint i = 0; node->kind == NODE_SCALAR && words[i] != NULL; i++)
        if (g_ascii_strcasecmp(node->text, words[i]) == 0)
            return TRUE;
    return FALSE;
}

static gboolean fits(VariableType type, const Node *value)
{
    switch (type) {
    case VARIABLE_INTEGER:
        return is_integer(value);
    case VARIABLE_BOOLEAN:
        return is_boolean(value);
    case VARIABLE_LIST:
        return value->kind == NODE_LIST;
    case VARIABLE_MAP:
        return value->kind == NODE_MAP;
    default:
        return value->kind == NODE_SCALAR;
    }
}

gboolean variable_check_type(const Variable *variable, const Node *value, const Node *place,
                             Problems *problems)
{
    if (fits(variable->type, value))
        return TRUE;
    if (value->kind == NODE_SCALAR && value->count > 0 && value->count <= 200)
        node_mistake(problems, place, "variable %s is %s %s, not '%s'", variable->name,
                     variable->type == VARIABLE_INTEGER ? "an" : "a",
                     variable_type_name(variable->type), value->text);
    else
        node_mistake(problems, place, "variable %s is %s %s, not %s", variable->name,
                     variable->type == VARIABLE_INTEGER ? "an" : "a",
                     variable_type_name(variable->type),
                     value->kind == NODE_SCALAR ? "this text" : node_kind_name(value));
    return FALSE;
}

/* The type that a default has by itself. */
static VariableType type_of(const Node *value)
{
    if (value->kind == NODE_LIST)
        return VARIABLE_LIST;
    if (value->kind == NODE_MAP)
        return VARIABLE_MAP;
    if (value->kind == NODE_SCALAR && value->plain && is_integer(value))
        return VARIABLE_INTEGER;
    if (value->kind == NODE_SCALAR && value->plain && is_boolean(value))
        return VARIABLE_BOOLEAN;
    return VARIABLE_STRING;
}

static gboolean read_type(const Node *node, VariableType *ret_type, Problems *problems)
{
    for (VariableType type = 0; type < VARIABLE_TYPES; type++) {
        if (node->kind == NODE_SCALAR && strcmp(node->text, variable_type_name(type)) == 0) {
            *ret_type = type;
            return TRUE;
        }
    }
    node_mistake(problems, node, "the type of a variable is string, integer, boolean, list or map");
    return FALSE;
}

/* Reads {type, default, required, description} into `variable`. */
static gboolean read_declaration(Variable *variable, const Node *map, Problems *problems)
{
    const Node *type = node_get(map, "type");
    const Node *fallback = node_get(map, "default");
    const Node *required = node_get(map, "required");

    for (guint i = 0; i < map->count; i++) {
        static const char *const members[] = {"type", "default", "required", "description", NULL};
        const Pair *pair = &map->pairs[i];

        if (!g_strv_contains(members, pair->key->text)) {
            node_mistake(
                problems, pair->key,
                "unknown member %s of variable %s; a variable has type, default, required and "
                "description (a default that is a map goes under default:)",
                pair->key->text, variable->name);
            return FALSE;
        }
        if (strcmp(pair->key->text, "description") == 0 && pair->value->kind != NODE_SCALAR &&
            pair->value->kind != NODE_NULL) {
            node_mistake(problems, pair->value, "a description is text, not %s",
                         node_kind_name(pair->value));
            return FALSE;
        }
    }
    if (fallback != NULL && fallback->kind == NODE_NULL)
        fallback = NULL;
    if (required != NULL && !is_boolean(required)) {
        node_mistake(problems, required, "required is true or false");
        return FALSE;
    }
    if (required != NULL && type_is_true(required->text)) {
        if (fallback != NULL) {
            node_mistake(problems, required,
                         "variable %s is required and has a default: leave one out",
                         variable->name);
            return FALSE;
        }
        variable->fallback = NULL;
    }
    if (type != NULL && !read_type(type, &variable->type, problems))
        return FALSE;
    if (fallback != NULL) {
        if (type == NULL && variable->fallback == NULL)
            variable->type = type_of(fallback);
        variable->fallback = fallback;
    }
    return TRUE;
}

/* Puts what was given for the variable into it, in the shape of its type. */
static void take_given(Variables *variables, Variable *variable, Problems *problems)
{
    Given *given = g_hash_table_lookup(variables->given, variable->name);
    const Node *value;

    if (given == NULL)
        return;
    given->used = TRUE;
    value = given->node;
    if (given->text && (variable->type == VARIABLE_LIST || variable->type == VARIABLE_MAP)) {
        g_autofree char *name = g_strdup_printf("--var %s", variable->name);
        Tree *tree = tree_parse(name, value->text, value->count, problems);

        variable->state = VARIABLE_WRONG;
        if (tree == NULL)
            return;
        variables_keep(variables, tree);
        if (tree_size(tree) != 1)
            return node_mistake(problems, value,
                                "variable %s: write the value as YAML, such as [a, b]",
                                variable->name);
        value = tree_document(tree, 0);
    }
    if (!fits(variable->type, value)) {
        g_autoptr(Tree) tree = tree_new(given->by);
        const Node *place = node_new(tree, NODE_NULL, 0, 0);

        variable_check_type(variable, value, place, problems);
        variable->state = VARIABLE_WRONG;
        return;
    }
    variable->state = VARIABLE_OPEN;
    variable->given = value;
    g_free(variable->given_by);
    variable->given_by = g_strdup(given->by);
}

/* Reads one entry of `vars:`: a declaration, a default alone, or nothing: a text that must be
 * given. */
static gboolean read_variable(Variable *variable, const Node *value, Problems *problems)
{
    if (value->kind == NODE_MAP)
        return read_declaration(variable, value, problems);
    if (value->kind != NODE_NULL) {
        variable->type = variable->fallback != NULL ? variable->type : type_of(value);
        variable->fallback = value;
    }
    return TRUE;
}

static void declare(Variables *variables, const Pair *pair, gboolean over, Problems *problems)
{
    const char *name = pair->key->text;
    Variable *variable = g_hash_table_lookup(variables->declared, name);

    if (!is_name(name)) {
        node_mistake(problems, pair->key,
                     "%s is no name for a variable: it has letters, digits, _ and -, begins with a "
                     "letter, and is not each or secret",
                     name);
        return;
    }
    if (variable != NULL && !over) {
        node_mistake(problems, pair->key,
                     "variable %s is declared twice; the first one is at %s:%u:%u", name,
                     variable->key->file, variable->key->line, variable->key->column);
        return;
    }
    if (variable == NULL) {
        variable = g_new0(Variable, 1);
        variable->name = g_strdup(name);
        variable->key = pair->key;
        g_hash_table_insert(variables->declared, variable->name, variable);
    }
    if (read_variable(variable, pair->value, problems))
        take_given(variables, variable, problems);
    else
        variable->state = VARIABLE_WRONG;
}

void variables_declare(Variables *variables, const Node *section, gboolean over, Problems *problems)
{
    if (section->kind == NODE_NULL)
        return;
    if (section->kind != NODE_MAP)
        return node_mistake(problems, section, "vars must be a map of names, not %s",
                            node_kind_name(section));
    for (guint i = 0; i < section->count; i++)
        declare(variables, &section->pairs[i], over, problems);
}

gboolean variables_any(const Variables *variables)
{
    return g_hash_table_size(variables->declared) > 0;
}

Variable *variables_find(const Variables *variables, const char *name)
{
    return g_hash_table_lookup(variables->declared, name);
}

GPtrArray *variables_all(const Variables *variables)
{
    GPtrArray *all = sorted_names(variables->declared);

    for (guint i = 0; i < all->len; i++)
        all->pdata[i] = g_hash_table_lookup(variables->declared, all->pdata[i]);
    return all;
}

char *variables_nearest(const Variables *variables, const char *name)
{
    g_autoptr(GArray) rows = g_array_new(TRUE, TRUE, sizeof(Row));
    g_autoptr(GPtrArray) names = sorted_names(variables->declared);

    for (guint i = 0; i < names->len; i++) {
        Row row = {.key = names->pdata[i]};

        g_array_append_val(rows, row);
    }
    return g_strdup(row_nearest((const Row *)(void *)rows->data, name));
}
