/* What the document tests share. */
#pragma once

#include <criterion/criterion.h>

#include "document.h"

/* Path of a file in tests/document/data. Newly allocated. */
char *data_path(const char *name);
char *data_read(const char *name, gsize *ret_length);

/* Parses a text as FILE "t.yaml"; every problem is added to `problems`. */
Input *parse_text(const char *text, Problems *problems);

/* Parses and checks a text, and everything in it across objects. */
Problems *check_text(const char *text);

/* One problem per line. Newly allocated. */
char *problems_lines(const Problems *problems);

/* Asserts that some problem's line holds `part`. */
void assert_problem(const Problems *problems, const char *part);
void assert_no_problem(const Problems *problems);

/* "KEY SPEC" per object, one per line, in canonical JSON. Newly allocated. */
char *input_lines(const Input *input);

/* The object of a key; fails the test when there is none. */
const Object *input_object(const Input *input, const char *key);

/* Asserts that an object's config, field or device value at `path` ("config/user.x") is `text`;
 * NULL: not there. Keys may hold dots, no slashes. */
void assert_value(const Object *object, const char *path, const char *text);
