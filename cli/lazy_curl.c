/* libcurl, which the commands load that ask a server. */
#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>
#include <stdarg.h>

#include "lazy.h"

#define LAZY_LIBRARY "libcurl.so.4"

#undef curl_easy_setopt
#undef curl_easy_getinfo

LAZY_FUNCTION(CURLcode, curl_global_init, (long flags), (flags))
LAZY_FUNCTION(CURL *, curl_easy_init, (void), ())
LAZY_FUNCTION(void, curl_easy_cleanup, (CURL * curl), (curl))
LAZY_FUNCTION(void, curl_easy_reset, (CURL * curl), (curl))
LAZY_FUNCTION(CURLcode, curl_easy_perform, (CURL * curl), (curl))
LAZY_FUNCTION(const char *, curl_easy_strerror, (CURLcode code), (code))
LAZY_FUNCTION(CURLcode, curl_easy_recv, (CURL * curl, void *buffer, size_t size, size_t *ret),
              (curl, buffer, size, ret))
LAZY_FUNCTION(CURLcode, curl_easy_send, (CURL * curl, const void *buffer, size_t size, size_t *ret),
              (curl, buffer, size, ret))
LAZY_FUNCTION(struct curl_slist *, curl_slist_append, (struct curl_slist * list, const char *text),
              (list, text))
LAZY_FUNCTION(void, curl_slist_free_all, (struct curl_slist * list), (list))

CURLcode curl_easy_setopt(CURL *curl, CURLoption option, ...)
{
    static gpointer found;
    __typeof__(&curl_easy_setopt) set = lazy_function(&found, LAZY_LIBRARY, "curl_easy_setopt");
    CURLcode code;
    va_list args;

    va_start(args, option);
    if (option < CURLOPTTYPE_OBJECTPOINT)
        code = set(curl, option, va_arg(args, long));
    else if (option >= CURLOPTTYPE_OFF_T && option < CURLOPTTYPE_BLOB)
        code = set(curl, option, va_arg(args, curl_off_t));
    else
        code = set(curl, option, va_arg(args, void *));
    va_end(args);
    return code;
}

CURLcode curl_easy_getinfo(CURL *curl, CURLINFO info, ...)
{
    static gpointer found;
    __typeof__(&curl_easy_getinfo) get = lazy_function(&found, LAZY_LIBRARY, "curl_easy_getinfo");
    CURLcode code;
    va_list args;

    va_start(args, info);
    code = get(curl, info, va_arg(args, void *));
    va_end(args);
    return code;
}
