#pragma once

/* Header fields: name, value, name, value ..., NULL. NULL is none. Names and values with control
 * characters are dropped. */
typedef const char *const *Headers;
