#include "status.h"

#include "cgroup.h"
#include "record.h"

InstanceStatus instance_status(const char *dir, const char *name)
{
    g_autoptr(json_t) record = record_read(dir, name, NULL);
    pid_t init = record_init(record);
    g_autofree char *group = NULL;
    g_autoptr(Groups) groups = NULL;
    gboolean frozen = FALSE;

    if (init == 0)
        return INSTANCE_STOPPED;
    group = cgroup_name(dir, name, "");
    groups = groups_of(init, group, NULL);
    if (groups != NULL && groups_frozen(groups, &frozen, NULL) && frozen)
        return INSTANCE_FROZEN;
    return INSTANCE_RUNNING;
}
