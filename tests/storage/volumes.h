/* A pool with a stand-in for an image, and the volume of an instance on it: what tests of volumes
 * share. */
#pragma once

#include "json.h"
#include "object.h"

#define KEY "instance/default//c1"
#define FP "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define FP2 "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

const Object *make_pool(const char *driver);
void write_file(const char *folder, const char *name, const char *text, guint mode);
/* A stand-in for an unpacked image, with one of each sort of file. */
char *make_image(const char *fingerprint, const char *content);
json_t *fact_of(const Object *pool, const char *name, const char *fingerprint);
gboolean ensure(json_t *from, json_t *to, const char *tx, GError **error);
void must(json_t *from, json_t *to, const char *tx);
json_t *observe(const json_t *fact);
void assert_there(const json_t *fact);
void assert_gone(const json_t *fact);
