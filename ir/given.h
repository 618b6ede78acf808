/* given.h - what a caller says of an edit while the model runs. */
#ifndef IR_GIVEN_H
#define IR_GIVEN_H

#include "ir/ir.h"

typedef struct {
    double strength;
    const float *row; /* of the operand; null: the edit has none */
} GivenEdit;

/* What the edit, which says `given`, does at a position. False: it leaves the value there. */
typedef bool GiveEdit(void *context, const Node *edit, int64_t position, GivenEdit *out);

#endif
