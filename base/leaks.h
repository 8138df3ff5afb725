/* What LeakSanitizer overlooks in a program, for its main file: lines "leak:FUNCTION OR LIBRARY".
 * Nothing where the build has no sanitizer. */
#pragma once

#ifdef __SANITIZE_ADDRESS__
#define OVERLOOK_LEAKS(lines)                                                                      \
    const char *__lsan_default_suppressions(void);                                                 \
    const char *__lsan_default_options(void);                                                      \
    const char *__lsan_default_suppressions(void)                                                  \
    {                                                                                              \
        return lines;                                                                              \
    }                                                                                              \
    const char *__lsan_default_options(void)                                                       \
    {                                                                                              \
        return "print_suppressions=0";                                                             \
    }
#else
#define OVERLOOK_LEAKS(lines)
#endif
