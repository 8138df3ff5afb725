/* What an instance's facts should be. Pure. */
#pragma once

#include "expand.h"
#include "host.h"

/* Driver.expect, Driver.prepare (driver.h). */
json_t *instance_expect(const Context *context, const Object *object, const json_t *observed,
                        GError **error);
gboolean instance_prepare(const Context *context, const Object *object, json_t *generated,
                          GError **error);

/* Facts of `running` as they would be if it ran. New reference. */
json_t *running_expect(const Context *context, const Object *object, const Expanded *expanded,
                       GError **error);

/* The parts. New references; NULL with an error that names the device. */
json_t *nics_expect(const Context *context, const Object *object, const Expanded *expanded,
                    GError **error);
json_t *leases_expect(const Context *context, const Object *object, const Expanded *expanded);

/* `project` may confine where they come from; NULL: it does not matter. New reference. */
json_t *disks_expect(const Object *project, const Expanded *expanded);

/* The pool of an instance's root disk, and with `ret_device` the device's entry. Borrowed; NULL
 * with an error. */
const Object *root_pool(const Context *context, const Object *object, const Expanded *expanded,
                        const json_t **ret_device, GError **error);

/* Names a device's property: what the user set, else what was drawn ("volatile.DEVICE.PROPERTY"),
 * else NULL. Borrowed. */
const char *device_value(const Expanded *expanded, const char *device, const char *property);

/* The managed network of a NIC, or NULL. Borrowed. */
const Object *nic_network(const Context *context, const Object *object, const json_t *device);

gboolean device_is(const json_t *device, const char *type);
