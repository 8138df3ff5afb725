/* Loaded before jansson: the member named by BERTH_HIDE is not there for anybody who asks for it. See effects.py. */
#include <dlfcn.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

typedef json_t *(*Get)(const json_t *, const char *);

json_t *json_object_get(const json_t *object, const char *key)
{
    static Get get;
    static const char *hidden;

    if (get == NULL) {
        hidden = getenv("BERTH_HIDE");
        get = (Get)dlsym(RTLD_NEXT, "json_object_get");
    }
    if (hidden != NULL && key != NULL && strcmp(key, hidden) == 0)
        return NULL;
    return get(object, key);
}
