#include <string.h>

#include "refs.h"
#include "validate_parts.h"

/* Looking for a cycle: depth first over objects of the snapshot, without recursion. */
typedef struct {
    const Object *at;
    guint next;
    GPtrArray *needs; /* of Object *: what it refers to or comes after */
} Visit;

typedef enum { VISIT_NEW, VISIT_OPEN, VISIT_DONE } VisitState;

typedef struct {
    Model *model;
    GHashTable *states; /* Object * -> VisitState */
    GArray *path;       /* of Visit */
} Search;

static void visit_clear(void *data)
{
    g_ptr_array_unref(((Visit *)data)->needs);
}

static void add_need(GPtrArray *needs, const Object *object)
{
    if (object != NULL)
        g_ptr_array_add(needs, (void *)object);
}

/* What an instance needs by way of a profile the profile needs itself, so that own references are
 * enough. */
static GPtrArray *needs_of(const Search *search, const Object *object)
{
    GPtrArray *needs = g_ptr_array_new();
    g_autoptr(GArray) references = refs_of_spec(object);
    json_t *item;
    size_t i;

    for (guint r = 0; r < references->len; r++) {
        const Reference *reference = &g_array_index(references, Reference, r);

        add_need(needs, model_find(search->model, object, reference->kind, reference->name));
    }
    if (*object->id.project != '\0')
        add_need(needs, model_find(search->model, object, KIND_PROJECT, object->id.project));
    if (object->id.kind == KIND_INSTANCE && json_object_get(object->spec, "profiles") == NULL)
        add_need(needs, model_find(search->model, object, KIND_PROFILE, "default"));
    json_array_foreach (json_object_get(object->spec, "after"), i, item) {
        g_auto(GStrv) parts = g_strsplit(json_string_value(item), "/", 2);
        const Kind *kind = parts[0] != NULL ? kind_by_name(parts[0]) : NULL;

        if (kind != NULL && parts[1] != NULL)
            add_need(needs, model_find(search->model, object, kind->id, parts[1]));
    }
    return needs;
}

static VisitState state_of(const Search *search, const Object *object)
{
    return (VisitState)GPOINTER_TO_INT(g_hash_table_lookup(search->states, object));
}

static void report_cycle(const Search *search, const Object *start)
{
    g_autoptr(GString) text = g_string_new(NULL);
    g_autofree char *label = object_label(start);
    guint i = search->path->len - 1;

    while (g_array_index(search->path, Visit, i).at != start)
        i--;
    for (; i < search->path->len; i++) {
        g_autofree char *step = object_label(g_array_index(search->path, Visit, i).at);

        g_string_append_printf(text, "%s -> ", step);
    }
    g_string_append(text, label);
    problem_add(search->model->problems, PROBLEM_ERROR, start, "after", "waits for itself: %s",
                text->str);
}

static void visit_push(Search *search, const Object *at)
{
    Visit visit = {.at = at, .needs = needs_of(search, at)};

    g_hash_table_insert(search->states, (void *)at, GINT_TO_POINTER(VISIT_OPEN));
    g_array_append_val(search->path, visit);
}

static void visit_all(Search *search, const Object *start)
{
    if (state_of(search, start) == VISIT_NEW)
        visit_push(search, start);
    while (search->path->len > 0) {
        Visit *visit = &g_array_index(search->path, Visit, search->path->len - 1);
        const Object *next;

        if (visit->next >= visit->needs->len) {
            g_hash_table_insert(search->states, (void *)visit->at, GINT_TO_POINTER(VISIT_DONE));
            g_array_set_size(search->path, search->path->len - 1);
            continue;
        }
        next = visit->needs->pdata[visit->next++];
        if (state_of(search, next) == VISIT_OPEN)
            report_cycle(search, next);
        else if (state_of(search, next) == VISIT_NEW)
            visit_push(search, next);
    }
}

void model_find_cycles(Model *model)
{
    Search search = {.model = model, .states = g_hash_table_new(NULL, NULL)};

    search.path = g_array_new(FALSE, FALSE, sizeof(Visit));
    g_array_set_clear_func(search.path, visit_clear);
    for (guint i = 0; i < model->checked->len; i++)
        visit_all(&search, model->checked->pdata[i]);
    g_hash_table_unref(search.states);
    g_array_unref(search.path);
}
