/* The prose that help and the manual page share. */
#pragma once

typedef struct {
    const char *words, *text;
} HelpItem;

/* Each list ends with words NULL. */
extern const char HELP_INTRODUCTION[];
extern const char HELP_OBJECTS[];
extern const HelpItem HELP_FIRST_STEPS[];
extern const HelpItem HELP_EXIT_STATUS[];
extern const HelpItem HELP_ENVIRONMENT[];
