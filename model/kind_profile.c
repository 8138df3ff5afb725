#include "kind_rows.h"

#include "validate.h"

static const Row fields[] = {
    DESCRIPTION_ROW("PF-01"),
    META_ROWS,
    USED_BY_ROW("PF-17"),
    ROW_END,
};

/* PF-20: a profile has one root disk at most. */
static void check(const Snapshot *snapshot, const Object *object, Problems *problems)
{
    config_check_names(object, problems);
    device_check_all(snapshot, object, problems);
}

const Kind PROFILE_KIND = {
    .id = KIND_PROFILE,
    .name = "profile",
    .plural = "profiles",
    .title = "profile",
    .api = "profiles",
    .flags = KIND_IN_PROJECT | KIND_DEVICES | KIND_CONFIG,
    .feature = "features.profiles",
    .fields = fields,
    .config = INSTANCE_CONFIG + INSTANCE_ONLY_ROWS,
    .check = check,
};
