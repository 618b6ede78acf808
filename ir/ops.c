/* ops.c - the table of operations, as data, and what it says of a node. */
#include "ir/shapes.h"

#define shape_declared NULL
#define A(attr)        +IR_ATTR_BIT(attr)
const OpInfo ir_op_info[OP_COUNT] = {
#define OP(name, least, most, kind, shape, attrs, doc)                                             \
    [OP_##name] = {#name, least, most, KIND_##kind, attrs, shape_##shape, doc},
#include "ir/ops.def"
#undef OP
};

bool ir_is_constant(const Node *node) {
    return ir_op_info[node->op].kind == KIND_CONSTANT;
}
