/* What the parts of validate_snapshot share. */
#pragma once

#include "validate.h"

typedef struct {
    const Snapshot *snapshot;
    Problems *problems;
    GHashTable *selected; /* keys of objects to report about; NULL: all */
    GPtrArray *checked;   /* of Object *: the selected ones, in key order; all of the snapshot */
    GHashTable *images; /* "PROJECT/ALIAS" -> Object *: aliases of all images; NULL until needed */
    GPtrArray *prints;  /* of Object *: images with a fingerprint, sorted by it */
    GHashTable *nics;   /* "LINK|VLAN|what|VALUE" -> Object *: who has an address on a network */
    GHashTable *addresses; /* not NULL: addresses are only collected here, as words of mentions.h */
    guint searched;        /* for nearest names */
} Model;

gboolean model_is_selected(const Model *model, const Object *object);

/* What a name means inside `object`, images also by alias or fingerprint. Borrowed, NULL when it is
 * missing. */
const Object *model_find(Model *model, const Object *object, KindId kind, const char *name);

/* Cycles of references and `after` that can be reached from what is checked (EN-23). */
void model_find_cycles(Model *model);

/* Two networks with overlapping subnets, one of them checked. */
void model_check_subnets(Model *model);

/* Two NICs with one MAC or one static address on a network, one of them of an instance that is
 * checked. */
void model_check_addresses(Model *model);
