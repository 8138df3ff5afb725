#include "petname.h"

static const char *const ADJECTIVES[] = {
    "able",   "amber",  "apt",    "ample",  "bold",    "brave",  "bright",  "brisk",
    "calm",   "clear",  "clever", "crisp",  "dapper",  "daring", "deep",    "eager",
    "early",  "exact",  "fair",   "fast",   "fine",    "firm",   "fresh",   "gentle",
    "glad",   "golden", "grand",  "happy",  "hardy",   "honest", "humble",  "ideal",
    "jolly",  "keen",   "kind",   "lively", "loyal",   "lucky",  "merry",   "mighty",
    "modest", "neat",   "noble",  "open",   "patient", "polite", "prime",   "proud",
    "quick",  "quiet",  "rapid",  "ready",  "robust",  "sharp",  "silent",  "sincere",
    "smart",  "solid",  "steady", "stout",  "sunny",   "swift",  "upright", "warm"};

static const char *const ANIMALS[] = {
    "badger", "beaver", "bison",  "bobcat",  "buffalo", "camel",   "caribou", "cod",
    "condor", "cougar", "crab",   "crane",   "cricket", "dolphin", "donkey",  "dove",
    "eagle",  "egret",  "elk",    "falcon",  "ferret",  "finch",   "fox",     "gazelle",
    "gecko",  "goose",  "grouse", "hare",    "hawk",    "heron",   "horse",   "ibex",
    "ibis",   "jackal", "jay",    "koala",   "lark",    "lemur",   "lion",    "lynx",
    "mantis", "marten", "mole",   "moose",   "moth",    "newt",    "ocelot",  "osprey",
    "otter",  "owl",    "panda",  "pelican", "puffin",  "quail",   "raven",   "robin",
    "salmon", "seal",   "stork",  "swan",    "tapir",   "toucan",  "walrus",  "wren"};

char *petname_draw(void)
{
    return g_strdup_printf("%s-%s", ADJECTIVES[g_random_int_range(0, G_N_ELEMENTS(ADJECTIVES))],
                           ANIMALS[g_random_int_range(0, G_N_ELEMENTS(ANIMALS))]);
}
