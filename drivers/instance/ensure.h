/* The steps of an instance: each makes one fact so (driver.h StepFunction). */
#pragma once

#include "host.h"

gboolean root_ensure(Host *host, const Step *step, GError **error);
gboolean root_purge(Host *host, const Step *step, GError **error);
gboolean link_file_ensure(Host *host, const Step *step, GError **error);
gboolean start_ensure(Host *host, const Step *step, GError **error);
gboolean stale_ensure(Host *host, const Step *step, GError **error);
gboolean running_ensure(Host *host, const Step *step, GError **error);
gboolean state_ensure(Host *host, const Step *step, GError **error);
gboolean nic_ensure(Host *host, const Step *step, GError **error);
gboolean disk_ensure(Host *host, const Step *step, GError **error);
gboolean limits_ensure(Host *host, const Step *step, GError **error);

/* FactRow.has_ended. */
gboolean running_has_ended(Host *host, const char *key);
