#include "lazy.h"

#include <dlfcn.h>
#include <stdio.h>
#include <unistd.h>

#define CANNOT_START 127 /* ld.so(8) */

static gpointer load(const char *library, const char *name)
{
    gpointer handle = dlopen(library, RTLD_LAZY | RTLD_LOCAL);
    gpointer function = handle != NULL ? dlsym(handle, name) : NULL;

    if (function == NULL) {
        fprintf(stderr, "berth: error while loading shared libraries: %s\n", dlerror());
        _exit(CANNOT_START);
    }
    return function;
}

gpointer lazy_function(gpointer *found, const char *library, const char *name)
{
    if (g_once_init_enter(found))
        g_once_init_leave(found, load(library, name));
    return *found;
}
