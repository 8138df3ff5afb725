/* Where words go: data to stdout, messages to stderr; colour only on a terminal and never with
 * NO_COLOR. A reader that closes its end early (EPIPE) ends nothing: the rest of the data is
 * dropped, an apply runs on. */
#pragma once

#include <glib.h>

void output_init(gboolean quiet, gboolean verbose);

/* Data. Nothing is lost silently: output_finish reports what could not be written. */
void output_text(const char *text);
void output_printf(const char *format, ...) G_GNUC_PRINTF(1, 2);
/* Data that somebody waits for goes out now. FALSE when nobody reads any more. */
gboolean output_flush(void);
/* TRUE when all data could be written, or the reader wanted no more of it. */
gboolean output_finish(GError **error);

/* A message for people, one line or more, without newline at its end; not shown with -q. */
void message(const char *format, ...) G_GNUC_PRINTF(1, 2);
/* The same, only with -v. */
void message_verbose(const char *format, ...) G_GNUC_PRINTF(1, 2);
/* "berth: warning: TEXT"; shown with -q too. */
void message_warning(const char *format, ...) G_GNUC_PRINTF(1, 2);

/* From now on messages and the error at the end go to the system's log as well when stderr is
 * /dev/null, as in a process that is left behind. */
void message_to_log(void);
/* "berth: TEXT": why the command failed. */
void message_error(const char *text);

gboolean output_is_quiet(void);
gboolean output_is_verbose(void);
gboolean output_colour(void);  /* may stdout carry colour */
gboolean message_colour(void); /* may stderr carry colour */
gboolean message_is_terminal(void);
