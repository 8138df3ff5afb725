/* trust: who may connect from other machines (AUTH-21..36). Entries are objects like any other:
 * adding and removing one is a transaction. */
#include <string.h>

#include "change.h"
#include "error.h"
#include "file.h"
#include "http/certificate.h"
#include "output.h"
#include "refs.h"
#include "table.h"

#define PEM_MAX (1u << 20)

static const char *text_of(const Object *entry, const char *field, const char *fallback)
{
    const char *text = json_member_string(entry->spec, field);

    return text != NULL ? text : fallback;
}

static gboolean list(Cli *cli, const Snapshot *model)
{
    g_autoptr(Table) table = table_new(
        (const char *const[]){"NAME", "TYPE", "FINGERPRINT", "RESTRICTED", "PROJECTS", NULL});
    guint first, count;

    snapshot_range(model, KIND_CERTIFICATE, "", &first, &count);
    for (guint i = first; i < first + count; i++) {
        const Object *entry = snapshot_at(model, i);
        const json_t *project;
        g_autoptr(GString) projects = g_string_new(NULL);
        size_t n;

        json_array_foreach (json_object_get(entry->spec, "projects"), n, project)
            g_string_append_printf(projects, "%s%s", n > 0 ? " " : "", json_string_value(project));
        table_add(
            table, text_of(entry, "title", ""), text_of(entry, "type", "client"), entry->id.name,
            json_is_true(json_object_get(entry->spec, "restricted")) ? "yes" : "no", projects->str);
    }
    table_print(table, cli_list_format(cli), NULL);
    return TRUE;
}

static const Object *find(const Snapshot *model, const char *prefix, GError **error)
{
    guint matches;
    const Object *found = refs_find_certificate(model, prefix, &matches);

    if (found == NULL)
        error_set(error, matches == 0 ? ERR_NOT_FOUND : ERR_INVALID,
                  matches == 0 ? "no certificate begins with '%s'"
                               : "more than one certificate begins with '%s'",
                  prefix);
    return found;
}

static gboolean carry_out(Cli *cli, Proposal *proposal, const char *cause, GError **error)
{
    /* One object and no question: the plan would say nothing new. */
    output_init(TRUE, cli->args->verbose);
    return proposal != NULL && change_carry_out(cli, proposal, FALSE, NULL, cause, error);
}

static gboolean add_file(Cli *cli, const char *path, GError **error)
{
    g_autoptr(Problems) problems = problems_new();
    g_autoptr(Input) input = input_new();
    g_autofree char *text = NULL;
    g_autoptr(GBytes) der = NULL;
    g_auto(CertificateFacts) facts = {0};
    g_autofree char *fingerprint = NULL;
    g_autofree char *pem = NULL;
    g_autoptr(json_t) spec = NULL;
    g_autoptr(Proposal) proposal = NULL;
    Object *entry;

    if (!file_read(path, PEM_MAX, &text, NULL, error))
        return FALSE;
    der = certificate_from_pem(text, error);
    if (der == NULL || !certificate_facts(der, &facts, error) ||
        (pem = certificate_to_pem(der, error)) == NULL)
        return FALSE;
    fingerprint = certificate_fingerprint(der);
    spec = json_pack("{s:s, s:s}", "certificate", pem, "title",
                     cli->args->name != NULL ? cli->args->name : facts.common_name);
    entry = document_object_from_json(KINDS[KIND_CERTIFICATE], NULL, fingerprint, spec, problems);
    if (entry != NULL)
        g_ptr_array_add(input->objects, entry);
    if (!problems_to_error(problems, TRUE, error))
        return FALSE;
    proposal = change_plan(cli, NULL, NULL, change_options(cli, "api", FALSE), input, error);
    return carry_out(cli, proposal, "cli trust add", error);
}

static gboolean add_token(Cli *cli, GError **error)
{
    g_autofree char *token = backend_token(cli->backend, cli->args->name, error);

    if (token == NULL)
        return FALSE;
    message("Token for %s; it lets one client in, as long as the daemon runs:", cli->args->name);
    output_printf("%s\n", token);
    return TRUE;
}

gboolean command_trust(Cli *cli, GError **error)
{
    const char *verb = cli->words[0];
    const char *word = cli->words[1];
    gboolean lists = strcmp(verb, "list") == 0 && word == NULL;
    gboolean shows = strcmp(verb, "show") == 0 && word != NULL;
    gboolean removes = strcmp(verb, "remove") == 0 && word != NULL;
    gboolean adds = strcmp(verb, "add") == 0 && (word != NULL || cli->args->name != NULL);
    const Snapshot *model;
    const Object *entry;

    if (!lists && !shows && !removes && !adds)
        return error_set(
            error, ERR_USAGE,
            "write: berth trust list, show FINGERPRINT, add FILE, add --name NAME (for "
            "a token), or remove FINGERPRINT");
    model = cli_model(cli, adds || removes ? BACKEND_WRITES : 0, error);
    if (model == NULL)
        return FALSE;
    if (lists)
        return list(cli, model);
    if (adds)
        return word != NULL ? add_file(cli, word, error) : add_token(cli, error);
    entry = find(model, word, error);
    if (entry == NULL)
        return FALSE;
    if (removes) {
        g_autoptr(Proposal) proposal = change_plan(cli, "delete", json_pack("[s]", entry->key),
                                                   change_options(cli, NULL, FALSE), NULL, error);

        return carry_out(cli, proposal, "cli trust remove", error);
    }
    output_printf("%s", text_of(entry, "certificate", ""));
    return TRUE;
}
