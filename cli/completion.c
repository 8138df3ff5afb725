#include <string.h>

#include "command.h"

/* "--file -f --only ..." of a command, the common options included. */
static char *option_words(const Command *command)
{
    GString *words = g_string_new(NULL);

    for (const OptionSet *set = OPTION_SETS; set->title != NULL; set++) {
        if (set->bit != 0 && (set->bit & command->options) == 0)
            continue;
        for (const GOptionEntry *entry = set->entries; entry->long_name != NULL; entry++) {
            if ((entry->flags & G_OPTION_FLAG_HIDDEN) != 0)
                continue;
            g_string_append_printf(words, "%s--%s", words->len > 0 ? " " : "", entry->long_name);
            if (entry->short_name != 0)
                g_string_append_printf(words, " -%c", entry->short_name);
        }
    }
    return g_string_free(words, FALSE);
}

/* What can follow a command besides options: fixed words, or "" when it takes files. */
static char *argument_words(const Command *command)
{
    GString *words = g_string_new(NULL);

    if (strcmp(command->name, "completion") == 0) {
        g_string_append(words, "bash zsh");
    } else if (strcmp(command->name, "help") == 0) {
        for (const CommandGroup *group = COMMAND_GROUPS; group->title != NULL; group++)
            for (const Command *other = group->commands; other->name != NULL; other++)
                g_string_append_printf(words, "%s%s", words->len > 0 ? " " : "", other->name);
    } else if (strstr(command->arguments, "KIND") != NULL ||
               strstr(command->arguments, "OBJ") != NULL) {
        for (guint i = 0; i < KIND_MAX; i++)
            g_string_append_printf(words, "%s%s", words->len > 0 ? " " : "", KINDS[i]->name);
    }
    return g_string_free(words, FALSE);
}

static char *command_words(void)
{
    GString *words = g_string_new(NULL);

    for (const CommandGroup *group = COMMAND_GROUPS; group->title != NULL; group++)
        for (const Command *command = group->commands; command->name != NULL; command++)
            g_string_append_printf(words, "%s%s", words->len > 0 ? " " : "", command->name);
    return g_string_free(words, FALSE);
}

char *help_completion_bash(void)
{
    g_autofree char *commands = command_words();
    GString *out =
        g_string_new("# bash completion for berth\n_berth()\n{\n"
                     "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
                     "    local command= options= words= formats= i\n"
                     "    COMPREPLY=()\n"
                     "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
                     "        case ${COMP_WORDS[i]} in\n"
                     "            --dir|--project) ((i++)) ;;\n"
                     "            -*) ;;\n"
                     "            *) command=${COMP_WORDS[i]}; break ;;\n"
                     "        esac\n"
                     "    done\n"
                     "    case $command in\n");

    for (const CommandGroup *group = COMMAND_GROUPS; group->title != NULL; group++)
        for (const Command *command = group->commands; command->name != NULL; command++) {
            g_autofree char *options = option_words(command);
            g_autofree char *words = argument_words(command);
            g_autofree char *formats =
                g_strdelimit(g_strdup(command->formats != NULL ? command->formats : ""), "|", ' ');

            g_string_append_printf(out, "        %s) options='%s' words='%s' formats='%s' ;;\n",
                                   command->name, options, words, formats);
        }
    g_string_append_printf(
        out,
        "        '') words='%s' options='--dir --project --help' ;;\n"
        "    esac\n"
        "    case $prev in\n"
        "        --format) COMPREPLY=($(compgen -W \"$formats\" -- \"$cur\")); return ;;\n"
        "        -f|--file|--out|-o|--output) COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n"
        "        --dir) COMPREPLY=($(compgen -d -- \"$cur\")); return ;;\n"
        "    esac\n"
        "    if [[ $cur == -* ]]; then\n"
        "        COMPREPLY=($(compgen -W \"$options\" -- \"$cur\"))\n"
        "    elif [[ -n $words ]]; then\n"
        "        COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
        "    else\n"
        "        COMPREPLY=($(compgen -f -- \"$cur\"))\n"
        "    fi\n"
        "}\ncomplete -o filenames -F _berth berth\n",
        commands);
    return g_string_free(out, FALSE);
}

/* Text inside '...[...]' of a zsh _arguments word. */
static char *zsh_text(const char *text)
{
    GString *out = g_string_new(NULL);

    for (const char *p = text; *p != '\0'; p++) {
        if (*p == '\'')
            g_string_append(out, "'\\''");
        else if (*p == '[' || *p == ']' || *p == ':' || *p == '\\')
            g_string_append_printf(out, "\\%c", *p);
        else
            g_string_append_c(out, *p);
    }
    return g_string_free(out, FALSE);
}

static void append_zsh_option(GString *out, const Command *command, const GOptionEntry *entry)
{
    g_autofree char *text = zsh_text(entry->description);
    g_autofree char *value = NULL;
    gboolean many =
        entry->arg == G_OPTION_ARG_STRING_ARRAY || entry->arg == G_OPTION_ARG_FILENAME_ARRAY;

    if (strcmp(entry->long_name, "format") == 0 && command->formats != NULL) {
        g_autofree char *formats = g_strdelimit(g_strdup(command->formats), "|", ' ');

        value = g_strdup_printf(":format:(%s)", formats);
    } else if (entry->arg_description != NULL) {
        gboolean path =
            entry->arg == G_OPTION_ARG_FILENAME || entry->arg == G_OPTION_ARG_FILENAME_ARRAY;

        value = g_strdup_printf(":%s:%s", entry->arg_description, path ? "_files" : "");
    } else {
        value = g_strdup("");
    }
    if (entry->short_name != 0)
        g_string_append_printf(out, " \\\n                '%s-%c[%s]%s'", many ? "*" : "",
                               entry->short_name, text, value);
    g_string_append_printf(out, " \\\n                '%s--%s%s[%s]%s'", many ? "*" : "",
                           entry->long_name, *value != '\0' ? "=" : "", text, value);
}

char *help_completion_zsh(void)
{
    GString *out = g_string_new("#compdef berth\n# zsh completion for berth\n_berth()\n{\n"
                                "    local -a commands\n    local line state\n    commands=(\n");

    for (const CommandGroup *group = COMMAND_GROUPS; group->title != NULL; group++)
        for (const Command *command = group->commands; command->name != NULL; command++) {
            g_autofree char *text = zsh_text(command->summary);

            g_string_append_printf(out, "        '%s:%s'\n", command->name, text);
        }
    g_string_append(out, "    )\n    _arguments -C '--dir=[State directory]:DIR:_files -/' "
                         "'--project=[Project]:NAME:' \\\n"
                         "        '1: :->command' '*:: :->rest'\n"
                         "    case $state in\n"
                         "        command) _describe command commands ;;\n"
                         "        rest)\n"
                         "            case $line[1] in\n");
    for (const CommandGroup *group = COMMAND_GROUPS; group->title != NULL; group++)
        for (const Command *command = group->commands; command->name != NULL; command++) {
            g_autofree char *words = argument_words(command);

            g_string_append_printf(out, "            %s) _arguments", command->name);
            for (const OptionSet *set = OPTION_SETS; set->title != NULL; set++)
                for (const GOptionEntry *entry = set->entries; entry->long_name != NULL; entry++)
                    if ((set->bit == 0 || (set->bit & command->options) != 0) &&
                        (entry->flags & G_OPTION_FLAG_HIDDEN) == 0)
                        append_zsh_option(out, command, entry);
            if (*words != '\0')
                g_string_append_printf(out, " \\\n                '*: :(%s)' ;;\n", words);
            else
                g_string_append_printf(
                    out, "%s ;;\n", command->max == 0 ? "" : " \\\n                '*: :_files'");
        }
    g_string_append(out, "            esac ;;\n    esac\n}\n_berth \"$@\"\n");
    return g_string_free(out, FALSE);
}
