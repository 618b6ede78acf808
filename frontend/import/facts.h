/* facts.h - what is known of a model: each axis of axes.def, in each layer. */
#ifndef FRONTEND_FACTS_H
#define FRONTEND_FACTS_H

#include "frontend/import/expression.h"
#include "frontend/import/family.h"

/* What a file says, and of which family that is. */
typedef struct {
    const Family *family, *outer_family; /* of the whole file where that is another; or null */
    Value *config, *outer;               /* the same where the model is not inside of another */
    Value *beside;                       /* what other files say; or null */
    const TensorSet *tensors;            /* null: not known */
} Findings;

typedef struct {
    const Family *family;
    int64_t layers;
    const Answer *answer[AXIS_COUNT]; /* of each layer, or of all */
    bool is_by_layer[AXIS_COUNT];
} Facts;

/* Null: reported. What the file says and no row of the family names is an error. */
const Facts *facts_find(const Findings *findings, Arena *arena, Diag *diag);

const Value *facts_value(const Facts *facts, Axis axis, int64_t layer);

/* The key that the value comes from in the first layer that has one; null: none. */
const char *facts_key(const Facts *facts, Axis axis);

bool facts_has(const Facts *facts, Axis axis, int64_t layer); /* not none */
bool facts_is(const Facts *facts, Axis axis, int64_t layer);  /* true */
double facts_number(const Facts *facts, Axis axis, int64_t layer);
bool facts_is_word(const Facts *facts, Axis axis, int64_t layer, const char *word);

#endif
