/* expression.h - what a row of families.def says, computed over a file's keys.
 *
 *   hidden_size              a key of the file; none where it is absent or null
 *   rope_scaling.factor      a key inside of another
 *   outer.vision_config      a key beside the part of the file that describes the text model
 *   beside.pooling           what other files of the folder say (sentence_modules.h)
 *   $heads                   another axis of the same family
 *   $rope_map.factor         a key of the object that an axis is
 *   layer                    the number of the layer that is asked for, from 0
 *   1e-5 'gelu' true none
 *   list[i]                  an element, or a letter of a text; none beyond the end
 *   sqrt(x) log(x) pow(x, y) floor(x) min(x, y) length(list, map or text)
 *   in(x, list)              whether the list has it
 *   ends(text, 'end')        whether the text ends so
 *   given('key')             whether the file has the key, null or not
 *   here(x)                  x, or where that is a list its element for the layer
 *   tensor('name')           whether the weights have a tensor of this name
 *   rows('name')             how many rows it has; none without it
 *   values('name')           the list of its values; none without it
 *   ! - * / % + - == != < <= > >= && || ??, and c ? a : b, binding less from left to right;
 *                            a ?? b is b where a is none
 *
 * Nothing has an effect but one: keys that are named become used, whether their values count or
 * not. Numbers of none are none. What makes no sense is VALUE_WRONG, which an answer carries on.
 */
#ifndef FRONTEND_EXPRESSION_H
#define FRONTEND_EXPRESSION_H

#include "frontend/import/value.h"
#include "frontend/weights/tensor_set.h"

/* An answer, and the key that it comes from. */
typedef struct {
    Value value;
    const Value *from; /* the first key named that is there; null: none is */
} Answer;

typedef struct Scope Scope;
struct Scope {
    Value *config, *outer, *beside; /* the last may be null */
    int64_t layer;
    bool has_asked_layer; /* set where the answer depends on the layer */
    bool is_broken;       /* set where a text is none: a bug of ours */
    Answer (*axis)(Scope *scope, const char *name, size_t length);
    const TensorSet *tensors; /* null: there are none */
    void *context;
    Arena *arena;
};

/* The text is one of ours: what it says wrongly is a bug. */
Answer expression_answer(Scope *scope, const char *text);

/* The first key that the text names, whether the file has it or not; "" for none. */
const char *expression_first_key(const char *text, Arena *arena);

#endif
