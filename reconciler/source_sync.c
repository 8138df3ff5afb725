#include "source_sync.h"

#include <string.h>

#include "engine_private.h"
#include "error.h"
#include "fields.h"
#include "holds.h"
#include "moment.h"
#include "notes.h"
#include "source_git.h"
#include "source_private.h"
#include "source_verify.h"

#define SHORT_ID 12 /* digits of a commit that people see */

/* One round. */
typedef struct {
    Engine *engine;
    const Object *source;
    const char *name;
    char *owner;
    const SyncOptions *options;
    SourceFolder *folder;
    json_t *status;   /* as it was at the beginning */
    json_t *revision; /* that is wanted */
    Input *input;
    json_t *view;       /* what of it is looked at, and how */
    gboolean unchanged; /* the revision is in force, seen in the same way */
    gboolean dry;       /* nothing is remembered of it */
} Round;

static void round_clear(Round *round)
{
    source_folder_close(round->folder);
    g_free(round->owner);
    json_decref(round->status);
    json_decref(round->revision);
    input_free(round->input);
    json_decref(round->view);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Round, round_clear)

void sync_result_clear(SyncResult *result)
{
    json_decref(result->revision);
    plan_free(result->plan);
    apply_result_clear(&result->result);
}

static gboolean is_git(const Object *source)
{
    return strcmp(source_text(source, "type"), "git") == 0;
}

/* ---- reading ---- */

/* The errors of the files name them as the source's writers know them. */
static gboolean check_problems(const Problems *problems, const char *prefix, GError **error)
{
    g_autofree char *with_slash = g_strconcat(prefix, "/", NULL);
    g_autoptr(GString) text = NULL;
    g_autoptr(GError) local = NULL;

    if (problems_to_error(problems, TRUE, &local))
        return TRUE;
    text = g_string_new(local->message);
    g_string_replace(text, with_slash, "", 0);
    return error_set(error, (ErrorCode)local->code, "%s", text->str);
}

/* A source of one project declares nothing of others (EN-42). */
static void check_project(const Input *input, const char *project, Problems *problems)
{
    for (guint i = 0; project != NULL && i < input->objects->len; i++) {
        const Object *object = input->objects->pdata[i];

        if ((object_kind(object)->flags & KIND_IN_PROJECT) == 0 ||
            strcmp(object->id.project, project) != 0)
            problem_add(problems, PROBLEM_ERROR, object, "",
                        "the source may declare objects of project %s only", project);
    }
}

/* What a repository holds is written by others than those who run berth: it includes nothing from
 * outside. */
static gboolean read_files(Round *round, const char *prefix, const char *path, GError **error)
{
    g_autoptr(Problems) problems = problems_new();
    const char *project = source_text(round->source, "project");
    const json_t *vars = json_object_get(round->source->spec, "vars");

    round->input = input_new();
    if (vars != NULL && !input_give_json(round->input, vars, error))
        return FALSE;
    if (!g_file_test(path, G_FILE_TEST_EXISTS))
        return error_set(error, ERR_INVALID, "there is no %s in the source",
                         *path != '\0' && strcmp(path, prefix) != 0 ? path + strlen(prefix) + 1
                                                                    : path);
    if ((is_git(round->source) && !input_confine(round->input, prefix, error)) ||
        !input_read(round->input, path, project, problems, error))
        return FALSE;
    input_check_given(round->input, problems);
    check_project(round->input, project, problems);
    return check_problems(problems, prefix, error);
}

/* ---- looking ---- */

static gboolean read_directory(Round *round, GError **error)
{
    const char *path = source_text(round->source, "path");
    g_autofree char *subject = NULL;

    if (!read_files(round, path, path, error))
        return FALSE;
    subject = g_strdup_printf("%u files", round->input->files->len);
    round->revision = json_pack(
        "{s:s, s:s, s:s, s:I}", "id", round->input->digest != NULL ? round->input->digest : "empty",
        "author", path, "subject", subject, "time", (json_int_t)moment_now());
    return TRUE;
}

static gboolean fetch(Round *round, GError **error)
{
    g_autoptr(SourceFolder) folder =
        source_folder_open(round->engine->host->dir, round->name, "fetch.lock", error);

    if (folder == NULL)
        return FALSE;
    round->revision = source_git_fetch(folder, round->source, round->options->cancel, error);
    return round->revision != NULL;
}

static gboolean look(Round *round, GError **error)
{
    g_autoptr(json_t) changes = NULL;

    if (!(is_git(round->source) ? fetch(round, error) : read_directory(round, error)))
        return FALSE;
    if (round->dry || g_strcmp0(json_string_at(round->status, "wanted/id"),
                                json_member_string(round->revision, "id")) == 0)
        return TRUE;
    changes = json_pack("{s:O}", "wanted", round->revision);
    return source_status_change(round->engine, round->name, changes, error);
}

static gboolean start(Round *round, GError **error)
{
    round->owner = source_owner(round->name);
    round->status = source_status(round->engine, round->name, error);
    return round->status != NULL;
}

static const Object *find_source(const Snapshot *model, const char *name, GError **error)
{
    const Object *source = snapshot_find(model, KIND_SOURCE, "", name);

    if (source == NULL)
        error_set(error, ERR_NOT_FOUND, "there is no source %s; `berth source list` lists them",
                  name);
    return source;
}

/* ---- planning ---- */

static gboolean differs(const Snapshot *base, const Object *object)
{
    const Object *stored = snapshot_get(base, object->key);
    g_autoptr(GPtrArray) fields = NULL;

    if (stored == NULL)
        return TRUE;
    fields = fields_diff(stored, object);
    return fields->len > 0;
}

/* The objects that are not stored as the revision says: an edit that is to be taken back. */
static GPtrArray *edited(const Round *round, const Snapshot *base)
{
    GPtrArray *patterns = g_ptr_array_new_with_free_func(g_free);

    for (guint i = 0; i < round->input->objects->len; i++) {
        const Object *object = round->input->objects->pdata[i];
        const ObjectId *id = &object->id;

        if (!differs(base, object))
            continue;
        g_ptr_array_add(
            patterns,
            *id->parent != '\0'
                ? g_strdup_printf("%s/%s/%s", object_kind(object)->name, id->parent, id->name)
            : *id->name != '\0' ? g_strdup_printf("%s/%s", object_kind(object)->name, id->name)
                                : g_strdup(object_kind(object)->name));
    }
    return patterns;
}

static gboolean check_budget(const Round *round, const Plan *plan, GError **error)
{
    const json_t *budget = json_object_get(round->source->spec, "max_deletes");
    guint deletes = 0;

    for (guint i = 0; i < plan->objects->len; i++)
        deletes += ((const PlanObject *)plan->objects->pdata[i])->action == ACTION_DELETE;
    return budget == NULL || deletes <= json_integer_value(budget) ||
           error_set(error, ERR_REFUSED,
                     "it would delete %u objects, and max_deletes allows %" JSON_INTEGER_FORMAT,
                     deletes, json_integer_value(budget));
}

static Plan *make_plan(Engine *engine, void *data, GError **error)
{
    Round *round = data;
    g_autoptr(GPtrArray) only = NULL;
    g_autoptr(GPtrArray) all = g_ptr_array_new();
    gboolean correct = strcmp(source_text(round->source, "mode"), "correct") == 0;
    const char *project = source_text(round->source, "project");
    PlanOptions options = {.project = project,
                           .set = round->owner,
                           .prune = source_flag(round->source, "prune"),
                           .restore_parked = TRUE,
                           .allow_replace = source_flag(round->source, "allow_replace"),
                           .new_image = source_flag(round->source, "new_image") ? all : NULL,
                           .forbid_restart = !source_flag(round->source, "allow_restart")};
    g_autoptr(Plan) plan = NULL;

    g_ptr_array_add(all, (char *)"all");
    if (round->unchanged && !correct && !round->options->again)
        options.only = only = edited(round, engine_stored(engine));
    plan = engine_plan(engine, round->input, &options, error);
    if (plan == NULL || !check_budget(round, plan, error))
        return NULL;
    if (round->unchanged)
        return g_steal_pointer(&plan);
    return source_note_in_force(engine, round->name, round->revision, round->view, &plan->notes,
                                error)
               ? g_steal_pointer(&plan)
               : NULL;
}

/* ---- putting in force ---- */

static gboolean carry_out(Round *round, SyncResult *ret_result, GError **error)
{
    const SyncOptions *options = round->options;
    const char *id = json_member_string(round->revision, "id");
    g_autofree char *cause = g_strdup_printf("source %s %.12s %s: %s", round->name, id,
                                             json_member_string(round->revision, "author"),
                                             json_member_string(round->revision, "subject"));
    g_autofree char *revision = is_git(round->source) ? g_strndup(id, SHORT_ID) : NULL;
    ApplyOptions apply = {.cause = cause,
                          .revision = revision,
                          .park_seconds = source_seconds(round->source, "park_for"),
                          .cancel = options->cancel,
                          .progress = options->progress,
                          .progress_data = options->progress_data,
                          .committed = options->committed,
                          .committed_data = options->committed_data};

    return engine_transact(round->engine, make_plan, round, &apply, &ret_result->plan,
                           &ret_result->result, error);
}

/* What was adopted (on_edit: adopt) is free again once the files say the same. */
static void end_adopted(const Round *round)
{
    g_autoptr(json_t) holds = engine_holds(round->engine, NULL);
    g_autoptr(Snapshot) model = engine_ref_stored(round->engine);
    json_t *hold;
    size_t i;

    json_array_foreach (holds, i, hold) {
        const char *key = json_member_string(hold, "object");
        const char *path = json_member_string(hold, "path");
        const Object *stored = snapshot_get(model, key);

        if (json_integer_value(json_object_get(hold, "until")) != 0 || stored == NULL)
            continue;
        for (guint o = 0; o < round->input->objects->len; o++) {
            const Object *object = round->input->objects->pdata[o];

            if (strcmp(object->key, key) == 0 && *path != '\0' &&
                json_equal(json_at(object->spec, path), json_at(stored->spec, path)))
                engine_unhold(round->engine, key, path, NULL);
        }
    }
}

static gboolean read_checkout(Round *round, const char *commit, GError **error)
{
    const char *inside = source_text(round->source, "path");
    g_autofree char *tree =
        source_git_checkout(round->folder, commit, round->options->cancel, error);
    g_autofree char *path = NULL;

    if (tree == NULL)
        return FALSE;
    path = inside != NULL ? g_build_filename(tree, inside, NULL) : g_strdup(tree);
    return read_files(round, tree, path, error);
}

/* As the repository calls them, for messages and for where fields were written. */
static void name_files(const Round *round)
{
    g_autofree char *tree = g_build_filename(round->folder->dir, "tree", NULL);

    input_name_files(round->input, tree);
}

/* The fields of a source that make another wish of the same revision. */
static json_t *view_of(const Object *source)
{
    static const char *const fields[] = {"type", "url", "path", "project", "prune", "vars"};
    json_t *view = json_object();

    for (guint i = 0; i < G_N_ELEMENTS(fields); i++)
        if (json_object_get(source->spec, fields[i]) != NULL)
            json_object_set(view, fields[i], json_object_get(source->spec, fields[i]));
    return view;
}

/* Whether the revision may come in force, and what its files say. */
static gboolean prepare(Round *round, GError **error)
{
    const char *id = json_member_string(round->revision, "id");
    const char *before = json_string_at(round->status, "in_force/id");
    const char *quarantined = json_member_string(round->status, "quarantined");
    gboolean is_in_force;

    round->view = view_of(round->source);
    is_in_force = g_strcmp0(id, before) == 0;
    round->unchanged =
        is_in_force && json_equal(round->view, json_object_get(round->status, "view"));
    if (g_strcmp0(id, quarantined) == 0 && !round->options->again)
        return error_set(error, ERR_REFUSED,
                         "%.12s was rolled back; it is not tried again until the source moves on "
                         "(`berth source sync %s --force` tries it)",
                         id, round->name);
    if (is_git(round->source) &&
        ((!is_in_force && !source_verify(round->folder, round->source, id, before, error)) ||
         !read_checkout(round, id, error)))
        return FALSE;
    if (is_git(round->source))
        name_files(round);
    if (round->options->again)
        round->unchanged = FALSE;
    return TRUE;
}

static gboolean put_in_force(Round *round, SyncResult *ret_result, GError **error)
{
    if (!prepare(round, error) || !carry_out(round, ret_result, error))
        return FALSE;
    ret_result->is_new = !round->unchanged;
    end_adopted(round);
    return TRUE;
}

/* ---- what is remembered ---- */

/* Whether trying the same again cannot help: somebody has to change the source, or this host. */
static gboolean is_final(const GError *error)
{
    return !error_is_retryable(error) && !g_error_matches(error, BERTH_ERROR, ERR_NOT_FOUND);
}

static const char *reason_of(const GError *failure)
{
    switch (failure->code) {
    case ERR_INVALID:
    case ERR_UNSUPPORTED:
        return "InvalidRevision";
    case ERR_CONFLICT:
        return "Conflict";
    case ERR_REFUSED:
        return "Refused";
    case ERR_ROLLED_BACK:
        return "RolledBack";
    default:
        return "Failed";
    }
}

static void remember_success(Round *round)
{
    g_autofree char *reason =
        g_strdup_printf("%.12s is in force", json_member_string(round->revision, "id"));
    g_autoptr(json_t) changes = json_pack(
        "{s:I, s:I, s:i, s:n, s:n, s:n, s:n}", "last_try", (json_int_t)moment_now(), "last_success",
        (json_int_t)moment_now(), "failures", 0, "error", "error_since", "stalled", "failed");

    source_status_change(round->engine, round->name, changes, NULL);
    source_status_condition(round->engine, round->name, "Ready", TRUE, reason, NULL);
    source_status_condition(round->engine, round->name, "Stalled", FALSE, "", NULL);
}

static void remember_failure(Round *round, const GError *failure)
{
    gboolean final = is_final(failure);
    gboolean before = json_member_string(round->status, "error") != NULL;
    g_autofree char *reason = g_strdup_printf("%s: %s", reason_of(failure), failure->message);
    json_int_t failures = json_integer_value(json_object_get(round->status, "failures"));
    json_int_t since = before ? json_integer_value(json_object_get(round->status, "error_since"))
                              : (json_int_t)moment_now();
    g_autoptr(json_t) changes = json_pack(
        "{s:I, s:I, s:s, s:I, s:b}", "last_try", (json_int_t)moment_now(), "failures", failures + 1,
        "error", failure->message, "error_since", since, "stalled", (int) final);

    if (round->revision != NULL)
        json_object_set(changes, "failed", json_object_get(round->revision, "id"));
    source_status_change(round->engine, round->name, changes, NULL);
    source_status_condition(round->engine, round->name, "Ready", FALSE, reason, NULL);
    source_status_condition(round->engine, round->name, "Stalled", final, reason, NULL);
}

/* Nobody else works on the source meanwhile. */
static gboolean enter(Round *round, GError **error)
{
    if (round->source == NULL)
        return FALSE;
    if (source_flag(round->source, "suspend"))
        return error_set(error, ERR_REFUSED,
                         "source %s is suspended; `berth source resume %s` ends that", round->name,
                         round->name);
    round->folder = source_folder_open(round->engine->host->dir, round->name, "sync.lock", error);
    return round->folder != NULL && start(round, error);
}

Plan *source_plan(Engine *engine, const char *name, const SyncOptions *options, GError **error)
{
    g_autoptr(Snapshot) model = engine_ref_stored(engine);
    const Object *source = find_source(model, name, error);
    g_auto(Round)
        round = {.engine = engine, .source = source, .name = name, .options = options, .dry = TRUE};
    Plan *plan;

    if (!enter(&round, error))
        return NULL;
    plan = look(&round, error) && prepare(&round, error)
               ? engine_look_ahead(engine, make_plan, &round, error)
               : NULL;
    if (plan == NULL)
        g_prefix_error(error, "source %s: ", name);
    return plan;
}

gboolean source_sync(Engine *engine, const char *name, const SyncOptions *options,
                     SyncResult *ret_result, GError **error)
{
    g_autoptr(Snapshot) model = engine_ref_stored(engine);
    const Object *source = find_source(model, name, error);
    g_auto(Round) round = {.engine = engine, .source = source, .name = name, .options = options};
    g_autoptr(GError) failure = NULL;
    gboolean done;

    memset(ret_result, 0, sizeof *ret_result);
    if (!enter(&round, error))
        return FALSE;
    source_status_condition(engine, name, "Reconciling", TRUE, "", NULL);
    done = look(&round, &failure) && put_in_force(&round, ret_result, &failure);
    source_status_condition(engine, name, "Reconciling", FALSE, "", NULL);
    ret_result->revision = json_incref(round.revision);
    if (done) {
        remember_success(&round);
        return TRUE;
    }
    /* Who was told to stop has not failed. */
    if (!g_error_matches(failure, BERTH_ERROR, ERR_INTERRUPTED))
        remember_failure(&round, failure);
    g_prefix_error(&failure, "source %s: ", name);
    g_propagate_error(error, g_steal_pointer(&failure));
    return FALSE;
}

gboolean source_look(Engine *engine, const char *name, volatile gint *cancel, gboolean *ret_new,
                     GError **error)
{
    g_autoptr(Snapshot) model = engine_ref_stored(engine);
    SyncOptions options = {.cancel = cancel};
    const Object *source = find_source(model, name, error);
    g_auto(Round) round = {.engine = engine, .source = source, .name = name, .options = &options};
    const char *id;

    *ret_new = FALSE;
    if (source == NULL || !start(&round, error) || !look(&round, error))
        return FALSE;
    id = json_member_string(round.revision, "id");
    *ret_new = g_strcmp0(id, json_string_at(round.status, "in_force/id")) != 0 &&
               g_strcmp0(id, json_string_at(round.status, "failed")) != 0 &&
               g_strcmp0(id, json_string_at(round.status, "quarantined")) != 0;
    return TRUE;
}

Input *source_input(Engine *engine, const Object *source, char **ret_prefix, GError **error)
{
    SyncOptions options = {0};
    g_auto(Round)
        round = {.engine = engine, .source = source, .name = source->id.name, .options = &options};
    const char *path = source_text(source, "path");
    const char *commit;

    if (!start(&round, error))
        return NULL;
    commit = json_string_at(round.status, "in_force/id");
    if (commit == NULL) {
        error_set(error, ERR_NOT_FOUND, "no revision of source %s is in force yet", round.name);
        return NULL;
    }
    round.folder = source_folder_open(engine->host->dir, round.name, "sync.lock", error);
    if (round.folder == NULL)
        return NULL;
    if (!(is_git(source) ? read_checkout(&round, commit, error)
                         : read_files(&round, path, path, error)))
        return NULL;
    *ret_prefix =
        is_git(source) ? g_build_filename(round.folder->dir, "tree", NULL) : g_strdup(path);
    return g_steal_pointer(&round.input);
}
