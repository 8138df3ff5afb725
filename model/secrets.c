#include "secrets.h"

#include <string.h>

#define PREFIX "${secret:"

gboolean secrets_is_reference(const char *text)
{
    return g_str_has_prefix(text, PREFIX) && strchr(text, '}') == text + strlen(text) - 1;
}
