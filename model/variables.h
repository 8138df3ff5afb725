/* Variables of state files (EN-04): what files declare under `vars:`, what was given for them from
 * outside, and what each stands for. One set for one input. */
#pragma once

#include "tree_build.h"

typedef enum {
    VARIABLE_STRING,
    VARIABLE_INTEGER,
    VARIABLE_BOOLEAN,
    VARIABLE_LIST,
    VARIABLE_MAP,
    VARIABLE_TYPES
} VariableType;

/* How far the value of a variable is. */
typedef enum { VARIABLE_OPEN, VARIABLE_BUSY, VARIABLE_KNOWN, VARIABLE_WRONG } VariableState;

typedef struct {
    char *name;
    VariableType type;
    const Node *key;      /* where it is declared */
    const Node *fallback; /* as written; NULL: it must be given */
    const Node *given;    /* from outside, of the right type; NULL: not given */
    char *given_by;       /* "--var", "prod.yaml:3:1", "the request"; NULL like `given` */
    const Node *value;    /* what it stands for, when `state` is KNOWN */
    VariableState state;
} Variable;

typedef struct Variables Variables;

Variables *variables_new(void);
void variables_free(Variables *variables);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Variables, variables_free)

const char *variable_type_name(VariableType type);

/* "NAME=VALUE", as --var has it. Lists and maps are written as YAML: hosts=[a, b]. A later one
 * wins. */
gboolean variables_give_text(Variables *variables, const char *assignment, GError **error);
/* A file that is a YAML map of names and values; what variables_give_text says wins over it. */
gboolean variables_give_file(Variables *variables, const char *path, const char *text, gsize length,
                             GError **error);
/* The same as a JSON object, in a request. */
gboolean variables_give_json(Variables *variables, const json_t *values, GError **error);

/* Takes a `vars:` section; mistakes go to `problems`. With `over` it may change the default of what
 * is declared already (overlays). */
void variables_declare(Variables *variables, const Node *section, gboolean over,
                       Problems *problems);

gboolean variables_any(const Variables *variables); /* is one declared? */
Variable *variables_find(const Variables *variables, const char *name);
/* What is declared, in order of names. Newly allocated; items are borrowed. */
GPtrArray *variables_all(const Variables *variables);
/* The nearest declared name, for 'did you mean'; NULL when nothing is near. Newly allocated. */
char *variables_nearest(const Variables *variables, const char *name);

/* Checks that a value is of the variable's type; a problem at `place` when it is not. */
gboolean variable_check_type(const Variable *variable, const Node *value, const Node *place,
                             Problems *problems);

/* Names that were given and that nothing declares, one problem each (EN-04). */
void variables_check_given(const Variables *variables, Problems *problems);

/* Keeps a tree for as long as the variables live; stolen. */
void variables_keep(Variables *variables, Tree *tree);
