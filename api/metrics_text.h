/* The page of `GET /1.0/metrics`: OpenMetrics text (metrics.md). A Metrics collects samples in any
 * order; its text has the series in the order of the table, each with HELP and TYPE before its
 * samples, and `# EOF` at the end. */
#pragma once

#include "json.h"

typedef struct Metrics Metrics;

Metrics *metrics_new(void);
void metrics_free(Metrics *metrics);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Metrics, metrics_free)

/* All samples of one instance: `usage` as usage_metrics() gives it (drivers/instance/usage.h);
 * `type` is "container" or "virtual-machine". Groups that are missing are left out (MET-07). */
void metrics_add_instance(Metrics *metrics, const char *project, const char *name, const char *type,
                          const json_t *usage);

/* One sample of a series of the table, by its whole name. `labels` is an object of texts. An
 * unknown series is a mistake of the program: it ends it. */
void metrics_add(Metrics *metrics, const char *series, const json_t *labels, double value);

/* The page. Newly allocated. */
char *metrics_text(const Metrics *metrics);
