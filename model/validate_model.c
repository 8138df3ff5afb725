#include <gio/gio.h>
#include <string.h>

#include "expand.h"
#include "limits_check.h"
#include "refs.h"
#include "validate.h"

/* For so many missing references the nearest name is looked for; a file full of them must not take
 * quadratic time. */
#define NEAREST_MAX 20u
#define NEAREST_NAME_MAX 128u

typedef struct {
    const Snapshot *snapshot;
    Problems *problems;
    GHashTable *selected; /* keys of objects to report about; NULL: all */
    GHashTable *images; /* "PROJECT/ALIAS" -> Object *: aliases of all images; NULL until needed */
    GPtrArray *prints;  /* of Object *: images with a fingerprint, sorted by it */
    GHashTable *nics;   /* "LINK|VLAN|what|VALUE" -> Object *: who has an address on a network */
    guint searched;     /* for nearest names */
} Model;

static gboolean is_selected(const Model *model, const Object *object)
{
    return model->selected == NULL || g_hash_table_contains(model->selected, object->key);
}

static int compare_prints(const void *a, const void *b)
{
    const Object *const *left = a, *const *right = b;

    return strcmp(json_member_string((*left)->generated, "fingerprint"),
                  json_member_string((*right)->generated, "fingerprint"));
}

static void index_images(Model *model)
{
    model->images = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    model->prints = g_ptr_array_new();
    for (guint i = 0; i < snapshot_size(model->snapshot); i++) {
        const Object *object = snapshot_at(model->snapshot, i);
        json_t *alias;
        size_t at;

        if (object->id.kind != KIND_IMAGE)
            continue;
        json_array_foreach (json_object_get(object->spec, "aliases"), at, alias)
            g_hash_table_insert(
                model->images, g_strconcat(object->id.project, "/", json_string_value(alias), NULL),
                (void *)object);
        if (json_member_string(object->generated, "fingerprint") != NULL)
            g_ptr_array_add(model->prints, (void *)object);
    }
    g_ptr_array_sort(model->prints, compare_prints);
}

/* An image of `owner` whose fingerprint begins with `prefix`. That it is the only one is checked
 * where it is used. */
static const Object *image_by_print(const Model *model, const char *owner, const char *prefix)
{
    guint low = 0, high = model->prints->len;

    while (low < high) {
        guint middle = low + (high - low) / 2;
        const Object *object = model->prints->pdata[middle];

        if (strcmp(json_member_string(object->generated, "fingerprint"), prefix) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < model->prints->len; low++) {
        const Object *object = model->prints->pdata[low];

        if (!g_str_has_prefix(json_member_string(object->generated, "fingerprint"), prefix))
            return NULL;
        if (strcmp(object->id.project, owner) == 0)
            return object;
    }
    return NULL;
}

static const Object *find_image(Model *model, const char *project, const char *name)
{
    const char *owner = snapshot_project_for(model->snapshot, KIND_IMAGE, project);
    const Object *image = snapshot_find(model->snapshot, KIND_IMAGE, owner, name);
    g_autofree char *alias = NULL;

    if (image != NULL)
        return image;
    if (model->images == NULL)
        index_images(model);
    alias = g_strconcat(owner, "/", name, NULL);
    image = g_hash_table_lookup(model->images, alias);
    return image != NULL ? image : image_by_print(model, owner, name);
}

/* Projects and profiles named default are always there (PF-09, PJ-06, PJ-13). */
static gboolean exists(Model *model, const Object *object, KindId kind, const char *name)
{
    if ((kind == KIND_PROFILE || kind == KIND_PROJECT) && strcmp(name, "default") == 0)
        return TRUE;
    if (kind == KIND_IMAGE)
        return find_image(model, object->id.project, name) != NULL;
    return snapshot_resolve(model->snapshot, kind, object->id.project, name) != NULL;
}

/* The nearest name of a kind that `project` sees. Newly allocated; NULL when none is near. */
static char *nearest_name(Model *model, KindId kind, const char *project, const char *name)
{
    g_autoptr(GArray) rows = g_array_new(TRUE, TRUE, sizeof(Row));
    const char *owner = snapshot_project_for(model->snapshot, kind, project);

    if (model->searched++ >= NEAREST_MAX)
        return NULL;
    for (guint i = 0; i < snapshot_size(model->snapshot); i++) {
        const Object *object = snapshot_at(model->snapshot, i);
        const Row row = {.key = object->id.name};

        if (object->id.kind == kind && strcmp(object->id.project, owner) == 0 &&
            strlen(row.key) <= NEAREST_NAME_MAX)
            g_array_append_val(rows, row);
    }
    return g_strdup(row_nearest((const Row *)(void *)rows->data, name));
}

static void report_missing(Model *model, const Object *object, const char *path, KindId kind,
                           const char *name)
{
    g_autofree char *nearest = nearest_name(model, kind, object->id.project, name);
    const char *title = KINDS[kind]->title;

    if (nearest != NULL)
        problem_add(model->problems, PROBLEM_ERROR, object, path,
                    "there is no %s %s; did you mean %s?", title, name, nearest);
    else
        problem_add(model->problems, PROBLEM_ERROR, object, path,
                    "there is no %s %s; declare it, or mend the name", title, name);
}

/* An image that comes from a server is named there, not here. */
static gboolean is_remote(const Object *object, const Reference *reference)
{
    return reference->kind == KIND_IMAGE && json_string_at(object->spec, "source/server") != NULL;
}

static void check_references(Model *model, const Object *object)
{
    g_autoptr(GArray) references = refs_of_spec(object);

    for (guint i = 0; i < references->len; i++) {
        const Reference *reference = &g_array_index(references, Reference, i);

        if (!is_remote(object, reference) &&
            !exists(model, object, reference->kind, reference->name))
            report_missing(model, object, reference->path, reference->kind, reference->name);
    }
}

static void check_project(Model *model, const Object *object)
{
    const char *project = object->id.project;

    if (*project == '\0' || strcmp(project, "default") == 0)
        return;
    if (!exists(model, object, KIND_PROJECT, project))
        report_missing(model, object, "project", KIND_PROJECT, project);
    else if (strcmp(snapshot_project_for(model->snapshot, object->id.kind, project), project) != 0)
        problem_add(model->problems, PROBLEM_ERROR, object, "project",
                    "project %s uses the %s of project default (%s is off); declare it there",
                    project, KINDS[object->id.kind]->plural, KINDS[object->id.kind]->feature);
}

/* `after` holds KIND/NAME. Returns TRUE when the object has any. */
static gboolean check_after(Model *model, const Object *object)
{
    const json_t *after = json_object_get(object->spec, "after");
    json_t *item;
    size_t i;

    json_array_foreach (after, i, item) {
        g_auto(GStrv) parts = g_strsplit(json_string_value(item), "/", 2);
        const Kind *kind = parts[0] != NULL ? kind_by_name(parts[0]) : NULL;

        if (kind == NULL || parts[1] == NULL)
            problem_add(model->problems, PROBLEM_ERROR, object, "after",
                        "%s names no object; write it as KIND/NAME", json_string_value(item));
        else if (!exists(model, object, kind->id, parts[1]))
            report_missing(model, object, "after", kind->id, parts[1]);
    }
    return json_array_size(after) > 0;
}

/* Looking for a cycle: depth first over positions in the snapshot, without recursion. */
typedef struct {
    guint at;
    guint next;
    GPtrArray *keys; /* of char *: what it needs */
} Visit;

typedef enum { VISIT_NEW, VISIT_OPEN, VISIT_DONE } VisitState;

static void visit_clear(void *data)
{
    g_ptr_array_unref(((Visit *)data)->keys);
}

static void report_cycle(Model *model, const GArray *path, guint start)
{
    g_autoptr(GString) text = g_string_new(NULL);
    guint i = path->len;

    while (i > 0 && g_array_index(path, Visit, i - 1).at != start)
        i--;
    for (i--; i < path->len; i++) {
        g_autofree char *label =
            object_label(snapshot_at(model->snapshot, g_array_index(path, Visit, i).at));

        g_string_append_printf(text, "%s -> ", label);
    }
    {
        const Object *object = snapshot_at(model->snapshot, start);
        g_autofree char *label = object_label(object);

        g_string_append(text, label);
        problem_add(model->problems, PROBLEM_ERROR, object, "after", "waits for itself: %s",
                    text->str);
    }
}

static void visit_push(const Model *model, GArray *path, guint8 *states, guint at)
{
    Visit visit = {.at = at, .keys = refs_keys(model->snapshot, snapshot_at(model->snapshot, at))};

    states[at] = VISIT_OPEN;
    g_array_append_val(path, visit);
}

static void find_cycles(Model *model)
{
    guint size = snapshot_size(model->snapshot);
    g_autofree guint8 *states = g_new0(guint8, size);
    g_autoptr(GHashTable) positions = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GArray) path = g_array_new(FALSE, FALSE, sizeof(Visit));

    g_array_set_clear_func(path, visit_clear);
    for (guint i = 0; i < size; i++)
        g_hash_table_insert(positions, snapshot_at(model->snapshot, i)->key, GUINT_TO_POINTER(i));
    for (guint i = 0; i < size; i++) {
        if (states[i] == VISIT_NEW)
            visit_push(model, path, states, i);
        while (path->len > 0) {
            Visit *visit = &g_array_index(path, Visit, path->len - 1);
            guint next;

            if (visit->next >= visit->keys->len) {
                states[visit->at] = VISIT_DONE;
                g_array_set_size(path, path->len - 1);
                continue;
            }
            next =
                GPOINTER_TO_UINT(g_hash_table_lookup(positions, visit->keys->pdata[visit->next++]));
            if (states[next] == VISIT_OPEN)
                report_cycle(model, path, next);
            else if (states[next] == VISIT_NEW)
                visit_push(model, path, states, next);
        }
    }
}

/* Addresses are compared by meaning. Newly allocated; NULL when `text` is none. */
static char *address_text(const char *text)
{
    g_autoptr(GInetAddress) address = g_inet_address_new_from_string(text);

    return address != NULL ? g_inet_address_to_string(address) : NULL;
}

/* Two NICs with one MAC or one static address on the same bridge and VLAN (D-NIC-BR-05,
 * D-NIC-BR-10, NET-020). */
static void claim(Model *model, const Object *instance, const char *device, const char *member,
                  const json_t *nic, char *value)
{
    const char *link = json_member_string(nic, "network");
    const char *vlan = json_member_string(nic, "vlan");
    g_autofree char *key = NULL;
    const Object *other;

    if (link == NULL)
        link = json_member_string(nic, "parent");
    if (link == NULL || value == NULL) {
        g_free(value);
        return;
    }
    key = g_strdup_printf("%s|%s|%s|%s", link, vlan != NULL ? vlan : "", member, value);
    other = g_hash_table_lookup(model->nics, key);
    if (other == NULL) {
        g_hash_table_insert(model->nics, g_steal_pointer(&key), (void *)instance);
    } else if (is_selected(model, instance) || is_selected(model, other)) {
        g_autofree char *path = g_strdup_printf("devices/%s/%s", device, member);
        g_autofree char *label = object_label(other);

        problem_add(model->problems, PROBLEM_ERROR, instance, path,
                    "%s is used on %s by %s%s already", value, link,
                    other == instance ? "another NIC of " : "", label);
    }
    g_free(value);
}

static void claim_addresses(Model *model, const Object *instance, const char *device,
                            const json_t *nic)
{
    const char *mac = json_member_string(nic, "hwaddr");
    const char *ipv4 = json_member_string(nic, "ipv4.address");
    const char *ipv6 = json_member_string(nic, "ipv6.address");

    if (mac == NULL) {
        g_autofree char *drawn = g_strdup_printf("volatile.%s.hwaddr", device);

        mac = json_member_string(instance->generated, drawn);
    }
    if (mac != NULL)
        claim(model, instance, device, "hwaddr", nic, g_ascii_strdown(mac, -1));
    if (ipv4 != NULL)
        claim(model, instance, device, "ipv4.address", nic, address_text(ipv4));
    if (ipv6 != NULL)
        claim(model, instance, device, "ipv6.address", nic, address_text(ipv6));
}

/* Whether one of `later` (of const json_t *, devices maps) has a device of this name, which then
 * replaces the earlier one (D-GEN-03). */
static gboolean is_replaced(const GPtrArray *later, const char *name)
{
    for (guint i = 0; i < later->len; i++)
        if (json_object_get(later->pdata[i], name) != NULL)
            return TRUE;
    return FALSE;
}

static void claim_devices(Model *model, const Object *instance, const json_t *devices,
                          GPtrArray *later)
{
    const char *name;
    json_t *device;

    json_object_foreach ((json_t *)devices, name, device) {
        if (g_strcmp0(json_member_string(device, "type"), "nic") == 0 && !is_replaced(later, name))
            claim_addresses(model, instance, name, device);
    }
    g_ptr_array_add(later, (void *)devices);
}

/* The NICs that an instance really has; like expand_instance, without building the expansion. */
static void check_addresses(Model *model, const Object *instance)
{
    g_autoptr(GPtrArray) later = g_ptr_array_new();
    g_autoptr(GPtrArray) profiles = expand_profiles(instance);

    claim_devices(model, instance, json_object_get(instance->spec, "devices"), later);
    for (guint i = profiles->len; i > 0; i--) {
        const Object *profile = snapshot_resolve(model->snapshot, KIND_PROFILE,
                                                 instance->id.project, profiles->pdata[i - 1]);

        if (profile != NULL)
            claim_devices(model, instance, json_object_get(profile->spec, "devices"), later);
    }
}

static void check_limits(Model *model)
{
    g_autoptr(GHashTable) projects = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GPtrArray) names = g_ptr_array_new();

    for (guint i = 0; i < snapshot_size(model->snapshot); i++) {
        const Object *object = snapshot_at(model->snapshot, i);
        const char *project =
            object->id.kind == KIND_PROJECT ? object->id.name : object->id.project;

        if (is_selected(model, object) && *project != '\0' &&
            g_hash_table_add(projects, (void *)project))
            g_ptr_array_add(names, (void *)project);
    }
    for (guint i = 0; i < names->len; i++)
        limits_check(model->snapshot, names->pdata[i], model->problems);
}

static void model_clear(Model *model)
{
    g_clear_pointer(&model->selected, g_hash_table_unref);
    g_clear_pointer(&model->images, g_hash_table_unref);
    g_clear_pointer(&model->prints, g_ptr_array_unref);
    g_clear_pointer(&model->nics, g_hash_table_unref);
}

void validate_snapshot(const Snapshot *snapshot, const GPtrArray *keys, Problems *problems)
{
    Model model = {.snapshot = snapshot, .problems = problems};
    gboolean ordered = FALSE;

    model.nics = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    if (keys != NULL) {
        model.selected = g_hash_table_new(g_str_hash, g_str_equal);
        for (guint i = 0; i < keys->len; i++)
            g_hash_table_add(model.selected, keys->pdata[i]);
    }
    for (guint i = 0; i < snapshot_size(snapshot); i++) {
        const Object *object = snapshot_at(snapshot, i);
        const Kind *kind = object_kind(object);

        if (is_selected(&model, object)) {
            check_project(&model, object);
            check_references(&model, object);
            if (kind->check != NULL)
                kind->check(snapshot, object, problems);
            ordered = check_after(&model, object) || ordered;
        } else {
            ordered = json_object_get(object->spec, "after") != NULL || ordered;
        }
        if (object->id.kind == KIND_INSTANCE)
            check_addresses(&model, object);
    }
    if (ordered)
        find_cycles(&model);
    check_limits(&model);
    model_clear(&model);
}
