/* Libraries that few runs of a program need, opened by the first call of them: those that libcurl
 * and libarchive bring along take longer to load than a plan takes to make.
 *
 * A source file defines the functions of one library that are called, each by LAZY_FUNCTION, with
 * LAZY_LIBRARY the file name of the library; its header checks the prototypes. The program is not
 * linked with the library. */
#pragma once

#include <glib.h>

/* The function, kept in `found`; the program ends like one that the dynamic linker could not start
 * when it is not there. */
gpointer lazy_function(gpointer *found, const char *library, const char *name);

#define LAZY_FUNCTION(type, name, parameters, arguments)                                           \
    type name parameters                                                                           \
    {                                                                                              \
        static gpointer found;                                                                     \
                                                                                                   \
        return ((__typeof__(&name))lazy_function(&found, LAZY_LIBRARY, #name))arguments;           \
    }
