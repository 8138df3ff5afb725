#include "extensions.h"

static const char *const EXTENSIONS[] = {"etag",
                                         "patch",
                                         "projects",
                                         "network",
                                         "profile_usedby",
                                         "resource_limits",
                                         "certificate_project",
                                         "certificate_update",
                                         "certificate_token",
                                         "metrics",
                                         "project_usage",
                                         "metrics_cpu_seconds",
                                         "metrics_authentication",
                                         "network_leases",
                                         "network_state",
                                         "network_state_vlan",
                                         "resources",
                                         "resources_v2",
                                         "resources_gpu",
                                         "resources_numa",
                                         "resources_pci",
                                         "resources_system",
                                         "resources_cpu_core_die",
                                         "resources_disk_id",
                                         "resources_disk_sata",
                                         "resources_disk_address",
                                         "resources_network_firmware",
                                         "resources_usb_pci",
                                         "resources_infiniband",
                                         "instances",
                                         "container_full",
                                         "api_filtering",
                                         "instance_all_projects",
                                         "container_last_used_at",
                                         "instance_get_full",
                                         "instance_bulk_state_change"};

json_t *extensions_list(void)
{
    json_t *list = json_array();

    for (guint i = 0; i < G_N_ELEMENTS(EXTENSIONS); i++)
        json_array_append_new(list, json_string(EXTENSIONS[i]));
    return list;
}
