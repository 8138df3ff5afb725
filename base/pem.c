#include "pem.h"

#include <string.h>

#define BEGIN "-----BEGIN CERTIFICATE-----"
#define END "-----END CERTIFICATE-----"
#define BASE64 "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="

char *pem_fingerprint(const char *text)
{
    const char *begin = strstr(text, BEGIN);
    const char *end = begin != NULL ? strstr(begin, END) : NULL;
    g_autofree char *inside = NULL;
    g_autofree guchar *der = NULL;
    gsize length;

    if (end == NULL)
        return NULL;
    begin += strlen(BEGIN);
    inside = g_strndup(begin, (gsize)(end - begin));
    if (inside[strspn(inside, BASE64 "\r\n")] != '\0')
        return NULL;
    der = g_base64_decode(inside, &length);
    return length > 0 ? g_compute_checksum_for_data(G_CHECKSUM_SHA256, der, length) : NULL;
}
