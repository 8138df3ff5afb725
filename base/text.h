/* Small things about texts that GLib lacks. */
#pragma once

#include <glib.h>

/* The order by bytes of an array of char *, for g_ptr_array_sort and qsort. */
int text_compare(gconstpointer a, gconstpointer b);
