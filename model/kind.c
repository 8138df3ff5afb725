#include "kind_rows.h"

#include <string.h>

const Kind *const KINDS[KIND_MAX] = {
    [KIND_SERVER] = &SERVER_KIND,
    [KIND_PROJECT] = &PROJECT_KIND,
    [KIND_POOL] = &POOL_KIND,
    [KIND_NETWORK] = &NETWORK_KIND,
    [KIND_PROFILE] = &PROFILE_KIND,
    [KIND_IMAGE] = &IMAGE_KIND,
    [KIND_INSTANCE] = &INSTANCE_KIND,
    [KIND_CERTIFICATE] = &CERTIFICATE_KIND,
    [KIND_SOURCE] = &SOURCE_KIND,
    [KIND_POLICY] = &POLICY_KIND,
    [KIND_ENVIRONMENT] = &ENVIRONMENT_KIND,
};

const char *const KINDS_NOT_YET[] = {
    "storage_volumes",
    "network_acls",
    "network_forwards",
    "network_zones",
    "network_peers",
    "cluster_groups",
    "cluster_members",
    "snapshots",
    "backups",
    "volumes",
    NULL,
};

const Kind *kind_by_name(const char *name)
{
    for (guint i = 0; name != NULL && i < KIND_MAX; i++)
        if (strcmp(name, KINDS[i]->name) == 0 || strcmp(name, KINDS[i]->plural) == 0 ||
            (KINDS[i]->api[0] != '\0' && strcmp(name, KINDS[i]->api) == 0))
            return KINDS[i];
    return NULL;
}

const Kind *kind_by_plural(const char *plural)
{
    for (guint i = 0; plural != NULL && i < KIND_MAX; i++)
        if (strcmp(plural, KINDS[i]->plural) == 0)
            return KINDS[i];
    return NULL;
}
