/* State files: YAML or JSON text -> objects (EN-01, EN-02, EN-03). Top-level keys are those of an
 * LXD preseed plus every other kind in plural; a file that holds one object's body is accepted
 * where a kind is given. */
#pragma once

#include "validate.h"

/* Limits against hostile input; above them the input is refused. */
#define DOCUMENT_MAX_BYTES (64u << 20)
#define DOCUMENT_MAX_DEPTH 32u
#define DOCUMENT_MAX_ALIASES 1000u  /* alias uses in one document */
#define DOCUMENT_MAX_NODES 2000000u /* nodes after alias expansion */
#define DOCUMENT_MAX_SCALAR (1u << 20)
#define TEMPLATE_MAX_NODES 1000000u /* that variables and foreach make in one input */
#define TEMPLATE_MAX_ROUNDS 10000u  /* of a foreach with a count */
#define INCLUDE_MAX_DEPTH 16u       /* files that include files */

/* What a set of files asks for. */
typedef struct {
    GPtrArray *objects; /* of Object *, in order of appearance, one per key */
    GPtrArray *files;   /* of char *: what was read, in order */
    char *digest;       /* SHA-256 over names and bytes of all files, and over given variables */
    json_t *locks;      /* what images.lock beside them says; see image_lock.h */
    json_t *sent;       /* {KEY: fingerprint} of images whose files come from the client that sent
                           the objects, whatever is at their paths here */
} Input;

Input *input_new(void);
void input_free(Input *input);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Input, input_free)

/* Gives a value to a variable that files declare (EN-04), before they are read: "NAME=VALUE", the
 * YAML file of names and values at `path`, or a JSON object of them. What input_give says wins over
 * input_give_file. */
gboolean input_give(Input *input, const char *assignment, GError **error);
gboolean input_give_file(Input *input, const char *path, GError **error);
gboolean input_give_json(Input *input, const json_t *values, GError **error);
/* After all is read: what was given and nothing declares is a problem. */
void input_check_given(const Input *input, Problems *problems);

/* Nothing outside of this directory may be read from now on, by links or `include:`; for files
 * that others write than those who run berth (a git repository). */
gboolean input_confine(Input *input, const char *directory, GError **error);
/* After reading: objects name their files without `directory`, as those do who write them. */
void input_name_files(Input *input, const char *directory);

/* Reads a file, a directory (recursive, *.yaml and *.yml, sorted) or "-" (stdin) into `input`, with
 * what they include and what is laid over them. A variable is known in all that is read by one call
 * and by later ones.
 * Every mistake goes to `problems`; returns FALSE with an error only when something cannot be read
 * at all. `project` is that of objects that name none; NULL is "default". */
gboolean input_read(Input *input, const char *path, const char *project, Problems *problems,
                    GError **error);

/* The same from memory; `name` is what messages call it. It can include nothing. */
void input_parse(Input *input, const char *name, const char *text, gsize length,
                 const char *project, Problems *problems);

/* One object's body (REST JSON or `show` text) into canonical spec. Newly made object, or NULL with
 * problems. */
Object *document_parse_body(const Kind *kind, const char *project, const char *name,
                            const char *file, const char *text, gsize length, Problems *problems);

/* Builds and checks one object from a loose body: scalars to strings where the rows say so, empty
 * values dropped, aliases of words resolved. `body` is borrowed. NULL with problems. */
Object *document_object_from_json(const Kind *kind, const char *project, const char *name,
                                  const json_t *body, Problems *problems);
/* The same of what a client has read of state files and may declare secrets (EN-05). */
Object *document_object_declared(const Kind *kind, const char *project, const char *name,
                                 const json_t *body, Problems *problems);
