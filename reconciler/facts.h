/* Facts compared: which rows of a driver's table stand for the differences between two values.
 * Pure. */
#pragma once

#include "driver.h"

/* One difference, as large as its row wants it. */
typedef struct {
    const FactRow *row;
    char *path;
    json_t *from; /* borrowed from the values compared; NULL: absent */
    json_t *to;
} FactChange;

/* Equal facts: '$' members are not compared, an empty object is as good as none. */
gboolean facts_equal(const json_t *a, const json_t *b);

/* Differences by the rows of `driver`, in row order, then by path (of FactChange *). NULL with an
 * error when a difference is covered by no row: a mistake of the driver. The values must outlive
 * the result. */
GPtrArray *facts_diff(const Driver *driver, const json_t *from, const json_t *to, GError **error);

/* Every fact of both sides, equal or not, paired by path: what a rename has to move. As facts_diff
 * otherwise. */
GPtrArray *facts_pair(const Driver *driver, const json_t *from, const json_t *to, GError **error);

/* `observed` with the '$' members that `expected` has where both have the enclosing object. New
 * reference, which shares what is no object with both. */
json_t *facts_with_arguments(const json_t *observed, const json_t *expected);

/* `value` without '$' members. New reference, which shares what is no object. */
json_t *facts_without_arguments(const json_t *value);

/* A copy of `to` in which everything that only `row` itself covers (no row below it) is as in
 * `from`: what can still be done when the row's own change is not allowed. New reference. */
json_t *facts_hold_back(const Driver *driver, const FactRow *row, const char *path,
                        const json_t *from, const json_t *to);

/* A part in which two values differ; NULL: not there on that side. Paths are as json_at takes them.
 */
typedef void (*FactsPart)(const char *path, const json_t *a, const json_t *b, void *data);

/* Takes a value at `path` that differs apart, for people: calls `each` for what differs in it, by
 * sorted keys, down to where one side is no object. '$' members are not compared. */
void facts_take_apart(const char *path, const json_t *a, const json_t *b, FactsPart each,
                      void *data);

/* Replaces the value at a path of a mutable facts object; `value` NULL removes it. */
void facts_set(json_t *facts, const char *path, json_t *value);
