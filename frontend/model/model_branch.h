/* model_branch.h - the parts of a layer: a branch, or several that run in parallel. */
#ifndef FRONTEND_MODEL_BRANCH_H
#define FRONTEND_MODEL_BRANCH_H

#include "frontend/model/keys.h"

/* What the branches of one layer take where they do not say otherwise. */
typedef struct {
    const YamlNode *defaults; /* null: none */
    const YamlNode *pattern;  /* of the block, its lists checked; null: none */
    int64_t layer;            /* of its block */
} Scope;

/* Reads an element of `branches`. False: reported. */
bool model_read_group(Reader *reader, const YamlNode *node, const Scope *scope, Group *group);

/* Reads the keys that are given in the model's `defaults`. False: reported. */
bool model_read_defaults(Reader *reader, const YamlNode *node);

#endif
