/* From differing facts to ordered steps. Within a phase an object's steps follow each other in the
 * order of its driver's rows (reversed when they take down), and wait for those of the objects that
 * it refers to (PHASE_DOWN: of those that refer to it). */
#include <string.h>

#include "facts.h"
#include "planner.h"

typedef struct {
    Planner *planner;
    const Order *order;
} Build;

/* Whether an object's data is deleted for good as soon as it goes: it is named, or the pool that
 * holds it goes so. */
static gboolean is_final(const Build *build, const char *key)
{
    const Planner *planner = build->planner;
    const GPtrArray *named = planner->options->no_park;
    const GPtrArray *needs = g_hash_table_lookup(build->order->needs, key);

    if (named == NULL || wanted_matches(named, key))
        return named != NULL;
    for (guint i = 0; needs != NULL && i < needs->len; i++) {
        const char *other = needs->pdata[i];

        if (g_str_has_prefix(other, "pool/") && snapshot_get(planner->plan->next, other) == NULL &&
            wanted_matches(named, other))
            return TRUE;
    }
    return FALSE;
}

static PlanStep *add(Build *build, const FactRow *row, const char *key, const char *path,
                     json_t *from, json_t *to, Phase phase)
{
    PlanStep *step = plan_step_new(row, key, path, from, to, phase);
    const char *tx = g_hash_table_lookup(build->planner->wanted->parked, key);

    step->final = row->purge != NULL && from != NULL && is_final(build, key) &&
                  (to == NULL || row->carries == NULL || !row->carries(from, to));
    step->purges = row->purge != NULL && from != NULL && !step->final;
    if (tx != NULL && row->purge != NULL && from == NULL && to != NULL)
        step->step.tx = g_strdup(tx);
    g_ptr_array_add(build->planner->plan->steps, step);
    return step;
}

static void add_removal(Build *build, const FactRow *row, const char *key, const FactChange *change)
{
    add(build, row, key, change->path, change->from, NULL,
        row->remove == BAND_ADDITIVE ? PHASE_ADD : PHASE_DOWN);
}

static void add_change(Build *build, const FactRow *row, const char *key, const FactChange *change)
{
    if (row->split) {
        add(build, row, key, change->path, change->from, NULL, PHASE_DOWN);
        add(build, row, key, change->path, NULL, change->to, PHASE_UP);
        return;
    }
    if (row->stage != NULL) {
        PlanStep *stage = add(build, row, key, change->path, change->from, change->to, PHASE_ADD);
        char *name = g_strdup_printf("%s.stage", row->name);

        g_free(stage->step.name);
        stage->step.name = name;
        stage->staging = TRUE;
        stage->purges = stage->final = FALSE;
    }
    add(build, row, key, change->path, change->from, change->to,
        row->change == BAND_ADDITIVE ? PHASE_ADD : PHASE_CHANGE);
}

/* A rename moves data in place and takes everything else down under the old name and up under the
 * new one. */
static void add_rename(Build *build, const FactRow *row, const PlanObject *object,
                       const FactChange *change)
{
    PlanStep *step;

    if (row->purge != NULL && change->from != NULL && change->to != NULL) {
        step = add(build, row, object->key, change->path, change->from, change->to, PHASE_CHANGE);
        step->purges = row->carries != NULL && row->carries(change->from, change->to);
        step->final = FALSE;
        step->step.from_key = g_strdup(object->stored->key);
        return;
    }
    if (change->from != NULL) {
        step = add(build, row, object->key, change->path, change->from, NULL, PHASE_DOWN);
        g_free(step->step.key);
        step->step.key = g_strdup(object->stored->key);
    }
    if (change->to != NULL)
        add(build, row, object->key, change->path, NULL, change->to, PHASE_UP);
}

/* What cannot stand beside its successor goes whole, and comes whole. */
static void add_anew(Build *build, const char *key, const FactChange *change)
{
    if (change->from != NULL)
        add(build, change->row, key, change->path, change->from, NULL, PHASE_DOWN);
    if (change->to != NULL)
        add(build, change->row, key, change->path, NULL, change->to, PHASE_UP);
}

static void add_object_steps(Build *build, const PlanObject *object, const GPtrArray *changes)
{
    gboolean renamed = object->stored != NULL && object->wanted != NULL &&
                       strcmp(object->stored->key, object->wanted->key) != 0;

    for (guint i = 0; changes != NULL && i < changes->len; i++) {
        const FactChange *change = changes->pdata[i];

        if (renamed)
            add_rename(build, change->row, object, change);
        else if (object->anew)
            add_anew(build, object->key, change);
        else if (change->to == NULL)
            add_removal(build, change->row, object->key, change);
        else if (change->from != NULL)
            add_change(build, change->row, object->key, change);
        else
            add(build, change->row, object->key, change->path, NULL, change->to,
                change->row->add == BAND_ADDITIVE ? PHASE_ADD : PHASE_UP);
    }
}

static int compare_steps(gconstpointer a, gconstpointer b, gpointer data)
{
    const PlanStep *left = *(const PlanStep *const *)a;
    const PlanStep *right = *(const PlanStep *const *)b;
    int direction = left->phase == PHASE_DOWN ? -1 : 1;
    guint left_rank, right_rank;

    if (left->phase != right->phase)
        return left->phase < right->phase ? -1 : 1;
    left_rank = order_rank(data, left->object);
    right_rank = order_rank(data, right->object);
    if (left_rank != right_rank)
        return left_rank < right_rank ? -direction : direction;
    if (left->row != right->row)
        return left->row < right->row ? -direction : direction;
    if (left->staging != right->staging)
        return left->staging ? -1 : 1;
    return strcmp(left->step.path, right->step.path);
}

/* Positions of the first and last step of each object in each phase. */
typedef struct {
    guint first, last;
} Span;

static GHashTable *spans_of(const GPtrArray *steps, Phase phase)
{
    GHashTable *spans = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, g_free);

    for (guint i = 0; i < steps->len; i++) {
        const PlanStep *step = steps->pdata[i];
        Span *span = g_hash_table_lookup(spans, step->object);

        if (step->phase != phase)
            continue;
        if (span == NULL) {
            span = g_new0(Span, 1);
            span->first = i;
            g_hash_table_insert(spans, step->object, span);
        }
        span->last = i;
    }
    return spans;
}

static void wait_for(const GPtrArray *steps, guint position, guint before)
{
    PlanStep *step = steps->pdata[position];

    g_array_append_val(step->after, before);
}

/* Steps of one object that differ only in their path ("volumes/a", "volumes/b") need not wait for
 * each other. */
static gboolean are_siblings(const PlanStep *a, const PlanStep *b)
{
    return a->row == b->row && !a->staging && !b->staging &&
           strcmp(a->step.path, b->step.path) != 0;
}

static void chain_object(const GPtrArray *steps, const Span *span)
{
    for (guint i = span->first + 1; i <= span->last; i++) {
        guint before = i - 1;

        while (before > span->first && are_siblings(steps->pdata[before], steps->pdata[i]))
            before--;
        if (!are_siblings(steps->pdata[before], steps->pdata[i])) {
            /* Wait for the whole group of siblings that ends right before this group. */
            guint group = before;

            do
                wait_for(steps, i, group);
            while (group-- > span->first &&
                   are_siblings(steps->pdata[group], steps->pdata[before]));
        }
    }
}

/* The nearest objects with steps in this phase behind `key`: those without any are passed through,
 * since what they stand for is in place already, but what they need may not be. */
static void collect_needed(const Order *order, GHashTable *spans, const char *key, GHashTable *seen,
                           GPtrArray *found)
{
    const GPtrArray *needs = g_hash_table_lookup(order->needs, key);

    for (guint i = 0; needs != NULL && i < needs->len; i++) {
        char *other = needs->pdata[i];

        if (!g_hash_table_add(seen, other))
            continue;
        if (g_hash_table_contains(spans, other))
            g_ptr_array_add(found, other);
        else
            collect_needed(order, spans, other, seen, found);
    }
}

static void link_phase(Build *build, Phase phase)
{
    const GPtrArray *steps = build->planner->plan->steps;
    g_autoptr(GHashTable) spans = spans_of(steps, phase);
    GHashTableIter iter;
    gpointer key, value;

    g_hash_table_iter_init(&iter, spans);
    while (g_hash_table_iter_next(&iter, &key, &value)) {
        g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
        g_autoptr(GPtrArray) needed = g_ptr_array_new();
        const Span *span = value;

        chain_object(steps, span);
        collect_needed(build->order, spans, key, seen, needed);
        for (guint i = 0; i < needed->len; i++) {
            const Span *other = g_hash_table_lookup(spans, needed->pdata[i]);
            const Span *early = phase == PHASE_DOWN ? span : other;
            const Span *late = phase == PHASE_DOWN ? other : span;

            /* Every step of the later object that may come first waits for every step of the
             * earlier one that may come last. */
            for (guint l = late->first; l <= late->last; l++) {
                for (guint e = early->first; e <= early->last; e++)
                    wait_for(steps, l, e);
            }
        }
    }
}

static void say_final(const Plan *plan, const char *label)
{
    g_autofree char *text = g_strdup_printf(
        "%s: its data is deleted for good at once; a rollback makes it anew, empty", label);

    if (!g_ptr_array_find_with_equal_func(plan->irreversible, text, g_str_equal, NULL))
        g_ptr_array_add(plan->irreversible, g_steal_pointer(&text));
}

static void list_irreversible(Build *build)
{
    const Plan *plan = build->planner->plan;

    for (guint i = 0; i < plan->steps->len; i++) {
        const PlanStep *step = plan->steps->pdata[i];
        g_autofree char *label = object_key_label(step->object);

        if (step->staging || step->step.from == NULL)
            continue;
        if (step->row->irreversible != NULL &&
            (step->step.to == NULL || step->phase == PHASE_CHANGE))
            g_ptr_array_add(plan->irreversible,
                            g_strdup_printf("%s: %s", label, step->row->irreversible));
        if (step->final)
            say_final(plan, label);
    }
}

/* EN-31: what cannot hold old and new at once is refused before anything starts. */
static void check_room(Build *build)
{
    Plan *plan = build->planner->plan;

    for (guint i = 0; i < plan->steps->len; i++) {
        const PlanStep *step = plan->steps->pdata[i];
        g_autoptr(GError) failure = NULL;
        g_autofree char *label = NULL;

        if (!step->staging || host_room(build->planner->host, &step->step, &failure))
            continue;
        label = object_key_label(step->object);
        planner_block(plan, ERR_REFUSED,
                      g_strdup_printf("%s: %s; --no-park %s deletes that for good first", label,
                                      failure->message, label));
    }
}

static gint compare_positions(gconstpointer a, gconstpointer b)
{
    guint first = *(const guint *)a, second = *(const guint *)b;

    return first < second ? -1 : first > second;
}

/* They come from sets: the same plan has to be the same bytes (EN-21). */
static void sort_positions(const Plan *plan)
{
    for (guint i = 0; i < plan->steps->len; i++)
        g_array_sort(((const PlanStep *)plan->steps->pdata[i])->after, compare_positions);
}

void planner_add_steps(Planner *planner, const Order *order, GHashTable *changes)
{
    Build build = {planner, order};

    for (guint i = 0; i < planner->plan->objects->len; i++) {
        const PlanObject *object = planner->plan->objects->pdata[i];

        add_object_steps(&build, object, g_hash_table_lookup(changes, object->key));
    }
    g_ptr_array_sort_with_data(planner->plan->steps, compare_steps, (gpointer)order);
    for (int phase = 0; phase < PHASE_MAX; phase++)
        link_phase(&build, (Phase)phase);
    sort_positions(planner->plan);
    list_irreversible(&build);
    check_room(&build);
}
