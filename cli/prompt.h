/* Asking the person at the terminal, whatever stdin and stdout are. */
#pragma once

#include <glib.h>

/* Asks "QUESTION [y/N] " on /dev/tty. TRUE with `ret_yes` once there is an answer (end of file is
 * no); FALSE with ERR_FAILED and the advice to say -y when there is no terminal or `allowed` is
 * FALSE (--no-input). */
gboolean prompt_yes(const char *question, gboolean allowed, gboolean *ret_yes, GError **error);
