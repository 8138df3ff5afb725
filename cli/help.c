#include <string.h>

#include "command.h"
#include "help_text.h"

/* Appends `text` in lines of at most 79 columns, each indented; the first line has `used` columns
 * already. Empty lines part paragraphs. */
static void append_wrapped(GString *out, const char *text, guint indent, guint used)
{
    g_auto(GStrv) paragraphs = g_strsplit(text, "\n\n", -1);

    for (guint i = 0; paragraphs[i] != NULL; i++) {
        g_auto(GStrv) words = g_strsplit(paragraphs[i], " ", -1);
        guint column = i == 0 ? used : 0;

        if (i > 0)
            g_string_append_c(out, '\n');
        for (guint w = 0; words[w] != NULL; w++) {
            guint length = (guint)g_utf8_strlen(words[w], -1);

            if (column > indent && column + 1 + length > 79) {
                g_string_append_c(out, '\n');
                column = 0;
            }
            if (column < indent) {
                g_string_append_printf(out, "%*s", (int)(indent - column), "");
                column = indent;
            } else if (column > indent) {
                g_string_append_c(out, ' ');
                column++;
            }
            g_string_append(out, words[w]);
            column += length;
        }
        g_string_append_c(out, '\n');
    }
}

/* "-f, --file=PATH" */
static char *option_name(const GOptionEntry *entry)
{
    g_autofree char *name = entry->short_name != 0
                                ? g_strdup_printf("-%c, --%s", entry->short_name, entry->long_name)
                                : g_strdup_printf("    --%s", entry->long_name);

    if (entry->arg_description == NULL)
        return g_steal_pointer(&name);
    return g_strdup_printf("%s=%s", name, entry->arg_description);
}

static char *option_text(const GOptionEntry *entry, const Command *command)
{
    if (strcmp(entry->long_name, "format") == 0 && command != NULL && command->formats != NULL) {
        g_auto(GStrv) names = g_strsplit(command->formats, "|", -1);
        g_autofree char *list = g_strjoinv(", ", names);

        return g_strdup_printf("%s: %s (default: %s)", entry->description, list, names[0]);
    }
    return g_strdup(entry->description);
}

static void append_options(GString *out, const OptionSet *set, const Command *command)
{
    g_string_append_printf(out, "\n%s:\n", set->title);
    for (const GOptionEntry *entry = set->entries; entry->long_name != NULL; entry++) {
        g_autofree char *name = option_name(entry);
        g_autofree char *text = option_text(entry, command);
        guint used;

        if ((entry->flags & G_OPTION_FLAG_HIDDEN) != 0)
            continue;
        g_string_append_printf(out, "  %s", name);
        used = 2 + (guint)strlen(name);
        if (used > 26) {
            g_string_append_c(out, '\n');
            used = 0;
        }
        append_wrapped(out, text, 28, used);
    }
}

char *help_command(const Command *command)
{
    GString *out = g_string_new(NULL);

    g_string_append_printf(out, "Usage: berth %s [OPTION...]%s%s\n\n", command->name,
                           *command->arguments != '\0' ? " " : "", command->arguments);
    append_wrapped(out, command->summary, 0, 0);
    if (command->details != NULL) {
        g_string_append_c(out, '\n');
        append_wrapped(out, command->details, 0, 0);
    }
    for (const OptionSet *set = OPTION_SETS; set->title != NULL; set++)
        if (set->bit == 0 || (set->bit & command->options) != 0)
            append_options(out, set, command);
    return g_string_free(out, FALSE);
}

char *help_all(void)
{
    GString *out = g_string_new("Usage: berth COMMAND [OPTION...]\n\n");

    append_wrapped(out, HELP_INTRODUCTION, 0, 0);
    for (const CommandGroup *group = COMMAND_GROUPS; group->title != NULL; group++) {
        g_string_append_printf(out, "\n%s:\n", group->title);
        for (const Command *command = group->commands; command->name != NULL; command++)
            g_string_append_printf(out, "  %-12s %s\n", command->name, command->summary);
    }
    g_string_append(out, "\nFirst steps:\n");
    for (guint i = 0; HELP_FIRST_STEPS[i].words != NULL; i++)
        g_string_append_printf(out, "  %-34s %s\n", HELP_FIRST_STEPS[i].words,
                               HELP_FIRST_STEPS[i].text);
    g_string_append(out, "\n'berth help COMMAND' explains a command and its options.\n");
    return g_string_free(out, FALSE);
}

/* Text for roff: '-' as a real minus, backslashes doubled, nothing at the start of a line that roff
 * takes for a request. */
static void append_roff(GString *out, const char *text)
{
    gboolean start = out->len > 0 && out->str[out->len - 1] == '\n';

    for (const char *p = text; *p != '\0'; p++) {
        if (start && (*p == '.' || *p == '\''))
            g_string_append(out, "\\&");
        if (*p == '-')
            g_string_append(out, "\\-");
        else if (*p == '\\')
            g_string_append(out, "\\e");
        else
            g_string_append_c(out, *p);
        start = *p == '\n';
    }
}

static void append_roff_paragraphs(GString *out, const char *text)
{
    g_auto(GStrv) paragraphs = g_strsplit(text, "\n\n", -1);

    for (guint i = 0; paragraphs[i] != NULL; i++) {
        if (i > 0)
            g_string_append(out, ".PP\n");
        append_roff(out, paragraphs[i]);
        g_string_append_c(out, '\n');
    }
}

static void append_roff_item(GString *out, const char *bold, const char *plain, const char *text)
{
    g_string_append(out, ".TP\n\\fB");
    append_roff(out, bold);
    g_string_append(out, "\\fR");
    if (plain != NULL && *plain != '\0') {
        g_string_append(out, " ");
        append_roff(out, plain);
    }
    g_string_append_c(out, '\n');
    append_roff(out, text);
    g_string_append_c(out, '\n');
}

static void append_roff_options(GString *out, const OptionSet *set, const Command *command)
{
    for (const GOptionEntry *entry = set->entries; entry->long_name != NULL; entry++) {
        g_autofree char *name = option_name(entry);
        g_autofree char *text = option_text(entry, command);

        if ((entry->flags & G_OPTION_FLAG_HIDDEN) == 0)
            append_roff_item(out, g_strstrip(name), NULL, text);
    }
}

static void append_roff_command(GString *out, const Command *command)
{
    g_string_append(out, ".SS ");
    append_roff(out, command->name);
    g_string_append(out, *command->arguments != '\0' ? " " : "");
    append_roff(out, command->arguments);
    g_string_append_c(out, '\n');
    append_roff(out, command->summary);
    g_string_append(out, ".\n");
    if (command->details != NULL) {
        g_string_append(out, ".PP\n");
        append_roff_paragraphs(out, command->details);
    }
    for (const OptionSet *set = OPTION_SETS; set->title != NULL; set++)
        if ((set->bit & command->options) != 0)
            append_roff_options(out, set, command);
}

char *help_man(void)
{
    GString *out = g_string_new(".\\\" Printed by 'berth help --man'; do not edit.\n");
    const OptionSet *set = OPTION_SETS;

    g_string_append(out, ".TH BERTH 1 \"\" \"berth " BERTH_VERSION "\" \"User Commands\"\n");
    g_string_append(out, ".SH NAME\nberth \\- keep a Linux host as its files say\n");
    g_string_append(
        out, ".SH SYNOPSIS\n.B berth\n\\fICOMMAND\\fR [\\fIOPTION\\fR...]\n.SH DESCRIPTION\n");
    append_roff_paragraphs(out, HELP_INTRODUCTION);
    g_string_append(out, ".PP\n");
    append_roff_paragraphs(out, HELP_OBJECTS);
    g_string_append(out, ".SH OPTIONS\nThese work with every command.\n");
    while (set->bit != 0)
        set++;
    append_roff_options(out, set, NULL);
    g_string_append(out, ".SH COMMANDS\n");
    for (const CommandGroup *group = COMMAND_GROUPS; group->title != NULL; group++)
        for (const Command *command = group->commands; command->name != NULL; command++)
            append_roff_command(out, command);
    g_string_append(out, ".SH EXIT STATUS\n");
    for (guint i = 0; HELP_EXIT_STATUS[i].words != NULL; i++)
        append_roff_item(out, HELP_EXIT_STATUS[i].words, NULL, HELP_EXIT_STATUS[i].text);
    g_string_append(out, ".SH ENVIRONMENT\n");
    for (guint i = 0; HELP_ENVIRONMENT[i].words != NULL; i++)
        append_roff_item(out, HELP_ENVIRONMENT[i].words, NULL, HELP_ENVIRONMENT[i].text);
    g_string_append(out, ".SH EXAMPLES\n");
    for (guint i = 0; HELP_FIRST_STEPS[i].words != NULL; i++)
        append_roff_item(out, HELP_FIRST_STEPS[i].words, NULL, HELP_FIRST_STEPS[i].text);
    return g_string_free(out, FALSE);
}
