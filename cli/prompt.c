#include "prompt.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "error.h"

gboolean prompt_yes(const char *question, gboolean allowed, gboolean *ret_yes, GError **error)
{
    FILE *tty = allowed ? fopen("/dev/tty", "r+e") : NULL;
    char line[64];
    gboolean read;

    if (tty == NULL)
        return error_set(error, ERR_FAILED, "nobody to ask%s: look at the plan and say -y to go on",
                         allowed ? " (no terminal)" : " (--no-input)");
    fprintf(tty, "%s [y/N] ", question);
    fflush(tty);
    read = fgets(line, sizeof(line), tty) != NULL;
    if (!read)
        fputc('\n', tty);
    fclose(tty);
    if (read)
        g_strstrip(line);
    *ret_yes = read && (g_ascii_strcasecmp(line, "y") == 0 || g_ascii_strcasecmp(line, "yes") == 0);
    return TRUE;
}
