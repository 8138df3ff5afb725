#include "validate.h"

#include <string.h>

#include "error.h"
#include "secrets.h"

#define DEVICE_NAME_MAX 64u

/* One object's check. */
typedef struct {
    const Snapshot *snapshot;
    const Object *object;
    const Kind *kind;
    guint variant; /* 0: undecided, everything applies (PF-06) */
    Problems *problems;
} Check;

static const struct {
    guint bit;
    const char *words;
} APPLIES[] = {
    {ON_CONTAINER, "containers"},
    {ON_VM, "virtual machines"},
    {ON_BRIDGE, "bridge networks"},
    {ON_OVN, "OVN networks"},
    {ON_MACVLAN, "macvlan networks"},
    {ON_SRIOV, "SR-IOV networks"},
    {ON_PHYSICAL, "physical networks"},
    {ON_DIR, "dir pools"},
    {ON_BTRFS, "btrfs pools"},
    {ON_LVM, "LVM pools"},
    {ON_ZFS, "ZFS pools"},
    {ON_CEPH, "Ceph pools"},
    {ON_CEPHFS, "CephFS pools"},
};

/* "bridge networks and OVN networks". Newly allocated. */
static char *applies_text(guint applies)
{
    GString *text = g_string_new(NULL);

    for (guint i = 0; i < G_N_ELEMENTS(APPLIES); i++)
        if ((applies & APPLIES[i].bit) != 0)
            g_string_append_printf(text, "%s%s", text->len > 0 ? " and " : "", APPLIES[i].words);
    return g_string_free(text, FALSE);
}

static gboolean applies(guint row, guint variant)
{
    return row == 0 || variant == 0 || (row & variant) != 0;
}

/* Setting a key to what it is anyway needs no driver. */
static gboolean is_fallback(const Row *row, const json_t *value)
{
    const char *text = json_string_value(value);

    if (row->fallback == NULL)
        return json_is_false(value);
    if (json_is_boolean(value))
        return json_is_true(value) == type_is_true(row->fallback);
    if (text == NULL)
        return FALSE;
    return row->type->same != NULL ? row->type->same(text, row->fallback)
                                   : strcmp(text, row->fallback) == 0;
}

/* Checks one scalar by its type. */
static void check_text(Check *check, const Row *row, const char *path, const char *text)
{
    g_autoptr(GError) error = NULL;

    if (secrets_in(text)) {
        if ((row->flags & (ROW_SECRET | ROW_SEALED)) == 0)
            problem_add(check->problems, PROBLEM_ERROR, check->object, path,
                        "a secret cannot stand here: the value is shown, or is used in the open");
        return;
    }
    if (row->type->check != NULL && !row->type->check(row, text, &error))
        problem_add(check->problems, PROBLEM_ERROR, check->object, path, "%s", error->message);
}

static void check_fields(Check *check, const Row *rows, const json_t *object, const char *prefix);

static void check_number(Check *check, const Row *row, const char *path, const json_t *value)
{
    gint64 number = json_integer_value(value);

    if ((row->min != 0 || row->max != 0) && (number < row->min || number > row->max))
        problem_add(check->problems, PROBLEM_ERROR, check->object, path,
                    "%" G_GINT64_FORMAT " is out of range: allowed are %" G_GINT64_FORMAT
                    " to %" G_GINT64_FORMAT,
                    number, row->min, row->max);
}

static void check_list(Check *check, const Row *row, const char *path, const json_t *list)
{
    json_t *item;
    size_t i;

    json_array_foreach (list, i, item) {
        const char *text = json_string_value(item);

        if (json_is_object(item)) {
            g_autofree char *below = g_strdup_printf("%s/%zu", path, i);

            check_fields(check, row->fields, item, below);
        } else if (text != NULL) {
            check_text(check, row, path, text);
        }
    }
}

static void check_value(Check *check, const Row *row, const char *path, const json_t *value)
{
    const char *key;
    json_t *member;

    switch (row->type->shape) {
    case SHAPE_STRING:
        if (json_is_string(value))
            check_text(check, row, path, json_string_value(value));
        break;
    case SHAPE_INT:
        check_number(check, row, path, value);
        break;
    case SHAPE_LIST:
    case SHAPE_OBJECTS:
        check_list(check, row, path, value);
        break;
    case SHAPE_MAP:
        json_object_foreach ((json_t *)value, key, member)
            if (json_is_string(member))
                check_text(check, row, path, json_string_value(member));
        break;
    case SHAPE_OBJECT:
        check_fields(check, row->fields, value, path);
        break;
    case SHAPE_BOOL:
        break;
    }
}

/* Checks a member that has a row. `what` begins the sentence that refuses it: "" or 'device "eth0":
 * '. */
static void check_member(Check *check, const Row *row, const char *what, const char *key,
                         const char *path, const json_t *value)
{
    if (!applies(row->applies, check->variant)) {
        g_autofree char *words = applies_text(row->applies);

        problem_add(check->problems, PROBLEM_ERROR, check->object, path,
                    "is for %s only; leave it out", words);
        return;
    }
    check_value(check, row, path, value);
    if ((row->flags & ROW_UNSUPPORTED) != 0 && !is_fallback(row, value))
        problem_add(check->problems, PROBLEM_UNSUPPORTED, check->object, path,
                    "%skey %s is not supported by this build", what, key);
}

static void check_required(Check *check, const Row *rows, const json_t *object, const char *prefix)
{
    for (const Row *row = rows; row->key != NULL; row++)
        if ((row->flags & ROW_REQUIRED) != 0 && applies(row->applies, check->variant) &&
            json_object_get(object, row->key) == NULL)
            problem_add(check->problems, PROBLEM_ERROR, check->object, prefix,
                        "the field %s is required", row->key);
}

static void check_unknown(Check *check, const Row *rows, const char *path, const char *key)
{
    const char *nearest = problems_are_full(check->problems) ? NULL : row_nearest(rows, key);

    if (nearest != NULL)
        problem_add(check->problems, PROBLEM_ERROR, check->object, path,
                    "unknown key; did you mean %s?", nearest);
    else
        problem_add(check->problems, PROBLEM_ERROR, check->object, path, "unknown key");
}

static void check_fields(Check *check, const Row *rows, const json_t *object, const char *prefix)
{
    const char *key;
    json_t *value;

    if (rows == NULL)
        return;
    check_required(check, rows, object, prefix);
    json_object_foreach ((json_t *)object, key, value) {
        const Row *row;
        g_autofree char *path = NULL;

        if (*prefix == '\0' && (strcmp(key, "config") == 0 || strcmp(key, "devices") == 0))
            continue;
        path = *prefix != '\0' ? g_strconcat(prefix, "/", key, NULL) : g_strdup(key);
        row = row_find(rows, key);
        if (row != NULL)
            check_member(check, row, "", key, path, value);
        else
            check_unknown(check, rows, path, key);
    }
}

/* D-GEN-02. */
static gboolean device_name_is_valid(const char *name)
{
    gsize length = strlen(name);

    if (length == 0 || length > DEVICE_NAME_MAX || *name == '.')
        return FALSE;
    for (const char *c = name; *c != '\0'; c++)
        if (!g_ascii_isalnum(*c) && strchr(".-_:/", *c) == NULL)
            return FALSE;
    return TRUE;
}

static void check_device(Check *check, const char *name, const json_t *device)
{
    g_autofree char *prefix = g_strconcat("devices/", name, NULL);
    g_autofree char *what = g_strdup_printf("device \"%s\": ", name);
    g_autoptr(GError) error = NULL;
    const DeviceType *type;
    const char *key;
    json_t *value;

    if (!device_name_is_valid(name))
        problem_add(check->problems, PROBLEM_ERROR, check->object, prefix,
                    "is no device name: use 1 to %u letters, digits and . - _ : /, not beginning "
                    "with a dot",
                    DEVICE_NAME_MAX);
    type = device_type_of(check->snapshot, check->object->id.project, device, &error);
    if (type == NULL) {
        problem_add(check->problems, PROBLEM_ERROR, check->object, prefix, "%s", error->message);
        return;
    }
    /* Whether the type fits the instance is checked on what its profiles give as well, by the
     * kind's hook (D-GEN-08). */
    if (type->unsupported)
        problem_add(check->problems, PROBLEM_UNSUPPORTED, check->object, prefix,
                    "%stype %s%s%s is not supported by this build", what, type->type,
                    type->variant != NULL ? " with nictype " : "",
                    type->variant != NULL ? type->variant : "");
    check_required(check, type->rows, device, prefix);
    json_object_foreach ((json_t *)device, key, value) {
        g_autofree char *path = g_strconcat(prefix, "/", key, NULL);
        const Row *row = row_find(type->rows, key);

        if (strcmp(key, "type") == 0)
            continue;
        if (row != NULL)
            check_member(check, row, what, key, path, value);
        else if (!g_str_has_prefix(key, "user.")) /* D-GEN-09 */
            check_unknown(check, type->rows, path, key);
    }
}

static void check_config(Check *check, const json_t *config)
{
    const char *key;
    json_t *value;

    check_required(check, check->kind->config, config, "config");
    json_object_foreach ((json_t *)config, key, value) {
        const Row *row = row_find(check->kind->config, key);
        g_autofree char *path = g_strconcat("config/", key, NULL);

        if (row != NULL)
            check_member(check, row, "", key, path, value);
        else
            check_unknown(check, check->kind->config, path, key);
    }
}

static void check_name(Check *check)
{
    const char *name = check->object->id.name;
    g_autoptr(GError) error = NULL;
    gboolean ok;

    if ((check->kind->flags & KIND_SINGLETON) != 0)
        return;
    ok = check->kind->check_name != NULL ? check->kind->check_name(name, &error)
                                         : TYPE_NAME.check(NULL, name, &error);
    if (!ok)
        problem_add(check->problems, PROBLEM_ERROR, check->object, "name", "%s", error->message);
}

void validate_object(const Snapshot *snapshot, const Object *object, Problems *problems)
{
    Check check = {
        .snapshot = snapshot, .object = object, .kind = object_kind(object), .problems = problems};
    const char *name;
    json_t *device;

    if (check.kind->variant != NULL)
        check.variant = check.kind->variant(object->spec);
    check_name(&check);
    check_fields(&check, check.kind->fields, object->spec, "");
    if (check.kind->config != NULL)
        check_config(&check, json_object_get(object->spec, "config"));
    json_object_foreach (json_object_get(object->spec, "devices"), name, device)
        check_device(&check, name, device);
}
