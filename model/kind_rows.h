/* How the tables of the kinds are written, and what they share. Only model/kind_*.c,
 * model/device_*.c and kind.c include it. */
#pragma once

#include "kind.h"

/* ROW(key, TYPE_ suffix, default, Applies, LABEL_ suffix, RowFlags, spec id, summary, further
 * members ...) */
#define ROW(row_key, row_type, row_fallback, row_applies, row_label, row_flags, row_spec,          \
            row_summary, ...)                                                                      \
    {                                                                                              \
        .key = row_key, .type = &TYPE_##row_type, .fallback = row_fallback,                        \
        .applies = row_applies, .label = LABEL_##row_label, .flags = row_flags,                    \
        .spec_id = row_spec, .summary = row_summary, ##__VA_ARGS__                                 \
    }

#define ROW_END                                                                                    \
    {                                                                                              \
        .key = NULL                                                                                \
    }

/* Enum values in a row: `WORDS("a", "b")`. */
#define WORDS(...)                                                                                 \
    .values = (const char *const[])                                                                \
    {                                                                                              \
        __VA_ARGS__, NULL                                                                          \
    }
#define BOUNDS(low, high) .min = low, .max = high

/* Short names for flags inside the tables. */
#define REFUSED ROW_UNSUPPORTED
#define GENERATED ROW_GENERATED
#define RUNTIME ROW_RUNTIME
#define SECRET ROW_SECRET
#define SEALED ROW_SEALED
#define LOCAL ROW_LOCAL
#define REQUIRED ROW_REQUIRED

/* berth's own fields, the same on each kind. */
#define META_ROWS                                                                                  \
    ROW("protect", FLAG, "false", 0, NONE, ROW_META, "EN-49",                                      \
        "Never delete this object; stays in force after the entry has left the file."),            \
        ROW("renamed_from", STRING, NULL, 0, NONE, ROW_META, "EN-49",                              \
            "Former name: the object is renamed with its data instead of deleted and made anew."), \
        ROW("after", OBJECT_NAMES, NULL, 0, NONE, ROW_META, "EN-23",                               \
            "Objects (KIND/NAME) that must be there before this one."),                            \
        ROW("labels", MAP, NULL, 0, NONE, ROW_META, "EN-10",                                       \
            "Free labels, for selecting objects.")

#define DESCRIPTION_ROW(spec)                                                                      \
    ROW("description", STRING, NULL, 0, NONE, 0, spec, "Free text for people; stored only.")
#define USED_BY_ROW(spec)                                                                          \
    ROW("used_by", LIST, NULL, 0, NONE, ROW_RUNTIME, spec,                                         \
        "Objects that use this one; computed, ignored when read.")
#define USER_ROW(spec) ROW("user.*", STRING, NULL, 0, NONE, SEALED, spec, "Free keys, stored only.")

extern const Kind SERVER_KIND;
extern const Kind PROJECT_KIND;
extern const Kind POOL_KIND;
extern const Kind NETWORK_KIND;
extern const Kind PROFILE_KIND;
extern const Kind IMAGE_KIND;
extern const Kind INSTANCE_KIND;
extern const Kind CERTIFICATE_KIND;
extern const Kind SOURCE_KIND;
extern const Kind POLICY_KIND;
extern const Kind ENVIRONMENT_KIND;

/* Config rows of an instance; a profile has all but the first ones (volatile.*, image.*): those
 * begin INSTANCE_ONLY_ROWS further on (PF-08). */
extern const Row INSTANCE_CONFIG[];
#define INSTANCE_ONLY_ROWS 29

/* The hooks of instances (kind_instance_check.c). */
gboolean instance_check_name(const char *name, GError **error);
guint instance_variant(const json_t *spec);
void instance_check(const Snapshot *snapshot, const Object *object, Problems *problems);

/* Device tables, one per type (and nictype). */
extern const Row DEVICE_NIC_BRIDGED[], DEVICE_NIC_MACVLAN[], DEVICE_NIC_SRIOV[], DEVICE_NIC_OVN[],
    DEVICE_NIC_PHYSICAL[], DEVICE_NIC_IPVLAN[], DEVICE_NIC_P2P[], DEVICE_NIC_ROUTED[];
extern const Row DEVICE_DISK[];
extern const Row DEVICE_NONE[], DEVICE_UNIX[], DEVICE_USB[], DEVICE_GPU[], DEVICE_INFINIBAND[],
    DEVICE_PROXY[], DEVICE_UNIX_HOTPLUG[], DEVICE_TPM[], DEVICE_PCI[];

/* Names within config keys that end up in liblxc's config or in an environment, for an instance or
 * a profile. */
void config_check_names(const Object *object, Problems *problems);

/* Rules across the keys of one device entry and across the devices of its owner (an instance or a
 * profile). */
void device_check_all(const Snapshot *snapshot, const Object *object, Problems *problems);
