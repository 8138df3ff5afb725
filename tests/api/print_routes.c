/* Prints the API's routes, a line each: METHOD PATH ACCESS. Tests walk them. */
#include <stdio.h>

#include "route.h"

static void print(const Route *route, void *data)
{
    static const char *const access[] = {
        [ACCESS_ADMIN] = "admin",
        [ACCESS_TRUSTED] = "trusted",
        [ACCESS_PROJECT] = "project",
        [ACCESS_OPEN] = "open",
    };

    printf("%s %s %s\n", route->method, *route->path != '\0' ? route->path : "-",
           access[route->access]);
}

int main(void)
{
    route_each(print, NULL);
    return 0;
}
