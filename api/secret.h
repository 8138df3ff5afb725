/* Secrets that clients show: drawn from the kernel, compared in constant time. */
#pragma once

#include <glib.h>

char *secret_new(void); /* 64 hex digits (API-066); newly allocated */
gboolean secret_equal(const char *given, const char *secret); /* FALSE when none is given */
