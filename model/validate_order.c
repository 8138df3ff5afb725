#include <string.h>

#include "refs.h"
#include "validate_parts.h"

/* Looking for a cycle: depth first over positions in the snapshot, without recursion. */
typedef struct {
    guint at;
    guint next;
    GArray *needs; /* of guint: positions of what it refers to or comes after */
} Visit;

typedef enum { VISIT_NEW, VISIT_OPEN, VISIT_DONE } VisitState;

typedef struct {
    Model *model;
    GHashTable *positions; /* key -> position + 1 */
    guint8 *states;        /* of VisitState, per position */
    GArray *path;          /* of Visit */
} Search;

static void visit_clear(void *data)
{
    g_array_unref(((Visit *)data)->needs);
}

static void add_need(const Search *search, GArray *needs, const Object *object)
{
    guint position =
        object != NULL ? GPOINTER_TO_UINT(g_hash_table_lookup(search->positions, object->key)) : 0;

    if (position > 0) {
        position--;
        g_array_append_val(needs, position);
    }
}

/* What an instance needs by way of a profile the profile needs itself, so that own references are
 * enough. */
static GArray *needs_of(const Search *search, const Object *object)
{
    GArray *needs = g_array_new(FALSE, FALSE, sizeof(guint));
    g_autoptr(GArray) references = refs_of_spec(object);
    json_t *item;
    size_t i;

    for (guint r = 0; r < references->len; r++) {
        const Reference *reference = &g_array_index(references, Reference, r);

        add_need(search, needs,
                 model_find(search->model, object, reference->kind, reference->name));
    }
    if (*object->id.project != '\0')
        add_need(search, needs,
                 model_find(search->model, object, KIND_PROJECT, object->id.project));
    if (object->id.kind == KIND_INSTANCE && json_object_get(object->spec, "profiles") == NULL)
        add_need(search, needs, model_find(search->model, object, KIND_PROFILE, "default"));
    json_array_foreach (json_object_get(object->spec, "after"), i, item) {
        g_auto(GStrv) parts = g_strsplit(json_string_value(item), "/", 2);
        const Kind *kind = parts[0] != NULL ? kind_by_name(parts[0]) : NULL;

        if (kind != NULL && parts[1] != NULL)
            add_need(search, needs, model_find(search->model, object, kind->id, parts[1]));
    }
    return needs;
}

static void report_cycle(const Search *search, guint start)
{
    const Snapshot *snapshot = search->model->snapshot;
    const Object *object = snapshot_at(snapshot, start);
    g_autoptr(GString) text = g_string_new(NULL);
    g_autofree char *label = object_label(object);
    guint i = search->path->len - 1;

    while (g_array_index(search->path, Visit, i).at != start)
        i--;
    for (; i < search->path->len; i++) {
        g_autofree char *step =
            object_label(snapshot_at(snapshot, g_array_index(search->path, Visit, i).at));

        g_string_append_printf(text, "%s -> ", step);
    }
    g_string_append(text, label);
    problem_add(search->model->problems, PROBLEM_ERROR, object, "after", "waits for itself: %s",
                text->str);
}

static void visit_push(Search *search, guint at)
{
    Visit visit = {.at = at, .needs = needs_of(search, snapshot_at(search->model->snapshot, at))};

    search->states[at] = VISIT_OPEN;
    g_array_append_val(search->path, visit);
}

static void visit_all(Search *search, guint start)
{
    if (search->states[start] == VISIT_NEW)
        visit_push(search, start);
    while (search->path->len > 0) {
        Visit *visit = &g_array_index(search->path, Visit, search->path->len - 1);
        guint next;

        if (visit->next >= visit->needs->len) {
            search->states[visit->at] = VISIT_DONE;
            g_array_set_size(search->path, search->path->len - 1);
            continue;
        }
        next = g_array_index(visit->needs, guint, visit->next++);
        if (search->states[next] == VISIT_OPEN)
            report_cycle(search, next);
        else if (search->states[next] == VISIT_NEW)
            visit_push(search, next);
    }
}

void model_find_cycles(Model *model)
{
    guint size = snapshot_size(model->snapshot);
    Search search = {.model = model, .states = g_new0(guint8, size)};

    search.positions = g_hash_table_new(g_str_hash, g_str_equal);
    search.path = g_array_new(FALSE, FALSE, sizeof(Visit));
    g_array_set_clear_func(search.path, visit_clear);
    for (guint i = 0; i < size; i++)
        g_hash_table_insert(search.positions, snapshot_at(model->snapshot, i)->key,
                            GUINT_TO_POINTER(i + 1));
    for (guint i = 0; i < size; i++)
        visit_all(&search, i);
    g_hash_table_unref(search.positions);
    g_array_unref(search.path);
    g_free(search.states);
}
