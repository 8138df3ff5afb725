#include "help_text.h"

#include <stddef.h>

const char HELP_INTRODUCTION[] = "berth keeps a Linux host as its files say: storage pools, "
                                 "networks, profiles, images and system "
                                 "containers. You write what you want into a YAML file; berth "
                                 "compares it with what is there, shows the "
                                 "difference, and carries it out, all or nothing.";

const char HELP_OBJECTS[] = "An object is written KIND/NAME, such as instance/web, network/lan or "
                            "pool/default; the server's own "
                            "settings are 'server'. Objects of another project than 'default' are "
                            "meant with --project. Where several "
                            "objects can be given, * and ? stand for any letters, and the name of "
                            "a kind stands for all of that kind.\n\n"
                            "Data goes to standard output, messages and progress to standard "
                            "error. There is colour only on a terminal.";

const HelpItem HELP_FIRST_STEPS[] = {
    {"berth doctor", "check the host"},
    {"berth plan -f berth.yaml", "see what would be done"},
    {"berth apply -f berth.yaml", "do it"},
    {"berth get instance", "look at the containers"},
    {"berth exec web -- sh", "work inside one"},
    {"berth destroy -f berth.yaml", "take it all down"},
    {NULL, NULL},
};

const HelpItem HELP_EXIT_STATUS[] = {
    {"0", "Done, or nothing to do."},
    {"1", "Failed before any change; or the answer was no."},
    {"2",
     "There is something to change (drift; plan with --detailed-exitcode). Nothing was touched."},
    {"3", "The apply failed and everything was undone: the host is as before."},
    {"4", "The apply failed and could not be undone completely. The message names what is left."},
    {"5", "Some objects failed, the others are done (--keep-going)."},
    {"6", "Applied, but not ready within the time given."},
    {"7", "Conflict: a saved plan is out of date, or the object belongs to somebody else or "
          "changed since."},
    {"8", "Refused by protection, a project's limits or a rule."},
    {"9", "Another berth is at work on this state directory."},
    {"10", "Applied, but a restart, rebuild or replace that was not allowed is still pending."},
    {"64", "The command line is wrong."},
    {"65", "The input is not valid, or asks for what this build cannot do."},
    {"69", "A server does not answer."},
    {"77", "Not permitted."},
    {"130, 143", "Interrupted; what was done is undone."},
    {NULL, NULL},
};

const HelpItem HELP_ENVIRONMENT[] = {
    {"BERTH_DIR", "The state directory when --dir is not given."},
    {"BERTH_LIBEXEC",
     "Folder of berth's helper programs, when they are not where they were installed."},
    {"NO_COLOR", "When set and not empty: no colour."},
    {NULL, NULL},
};
