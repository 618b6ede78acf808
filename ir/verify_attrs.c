/* verify_attrs.c - what must hold of the attributes of a node. */
#include "ir/lexer.h"
#include "ir/verify.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static bool verify_finite(const Check *c, const char *name, double value) {
    return isfinite(value) || verify_refuse(c, "%s must be finite, found %g", name, value);
}

static bool verify_at_least_0(const Check *c, const char *name, double value) {
    return value >= 0 || verify_refuse(c, "%s must not be negative, found %g", name, value);
}

static bool verify_list(const Check *c, const char *name, const Reals *list) {
    for (int64_t i = 0; list && i < list->count; i++)
        if (!verify_finite(c, name, list->at[i])) return false;
    return true;
}

static bool verify_positive(const Check *c, const char *name, const Reals *list) {
    for (int64_t i = 0; list && i < list->count; i++)
        if (!(list->at[i] > 0))
            return verify_refuse(c, "%s must be positive, found %g", name, list->at[i]);
    return true;
}

static bool verify_reals(const Check *c) {
#define VERIFY_REAL(name)         verify_finite(c, #name, c->node->attr.name)
#define VERIFY_INT(name)          true
#define VERIFY_BOOL(name)         true
#define VERIFY_NAME(name)         true
#define VERIFY_REALS(name)        verify_list(c, #name, c->node->attr.name)
#define VERIFY_NormKind(name)     true
#define VERIFY_Activation(name)   true
#define VERIFY_PoolKind(name)     true
#define VERIFY_EditKind(name)     true
#define VERIFY_RopeStyle(name)    true
#define VERIFY_RopeScaling(name)  true
#define VERIFY_WeightFormat(name) true
#define ATTR(name, kind, initial)                                                                  \
    if (!(VERIFY_##kind(name))) return false;
#include "ir/attrs.def"
#undef ATTR
    return true;
}

static bool verify_original(const Check *c) {
    return c->node->attr.original >= 1 ||
           verify_refuse(c, "original must be positive, found %" PRId64, c->node->attr.original);
}

static bool verify_rope(const Check *c) {
    const Attrs *attr = &c->node->attr;
    if (!(attr->base > 0)) return verify_refuse(c, "base must be positive, found %g", attr->base);
    if (!(attr->factor > 0))
        return verify_refuse(c, "factor must be positive, found %g", attr->factor);
    if (!verify_positive(c, "divisors", attr->divisors)) return false;
    if (attr->scaling != SCALING_llama3 && attr->scaling != SCALING_yarn) return true;
    if (!(attr->low > 0 && attr->low < attr->high))
        return verify_refuse(c, "0 < low < high must hold, found low = %g and high = %g", attr->low,
                             attr->high);
    return verify_original(c);
}

bool verify_is_name(const char *name) {
    return name && lexer_is_name(name) && strlen(name) < LEXER_NAME;
}

static bool verify_point(const Check *c) {
    const char *point = c->node->attr.point;
    const int64_t number = c->node->attr.number;
    if (!verify_is_name(point))
        return verify_refuse(
            c, "point must be a name of letters, digits, '.', '_' and '-', found '%.80s'",
            point ? point : "");
    return (number >= 0 && number < IR_MAX_NODES) ||
           verify_refuse(c, "number must be 0 to %d, found %" PRId64, IR_MAX_NODES - 1, number);
}

/* What an edit takes: nothing by which a value is scaled, an operand or not to set it, else one. */
static bool verify_edit(const Check *c) {
    const Attrs *attr = &c->node->attr;
    const bool has_operand = !ir_ref_is_none(c->node->in[1]);
    const char *kind = ir_enum_word("EditKind", (int)attr->edit);
    if (attr->groups != 1 && attr->edit != EDIT_project_out)
        return verify_refuse(c, "'%s' has no groups", kind);
    if (attr->given && has_operand)
        return verify_refuse(c, "its operand is given: it has none here");
    if (attr->columns && !attr->given)
        return verify_refuse(c, "only a given edit says the columns of its operand");
    const bool is_said = has_operand || attr->columns;
    if (attr->edit == EDIT_scale) return !is_said || verify_refuse(c, "'scale' takes no operand");
    return is_said || attr->edit == EDIT_set || verify_refuse(c, "'%s' needs an operand", kind);
}

static bool verify_cache_name(const Check *c) {
    const char *name = c->node->attr.cache;
    return verify_is_name(name) ||
           verify_refuse(c,
                         "cache must be a name of letters, digits, '.', '_' and '-', found '%.80s'",
                         name ? name : "");
}

bool verify_attrs(const Check *c) {
    const Attrs *attr = &c->node->attr;
    if (!verify_reals(c)) return false;
    switch (c->node->op) {
    case OP_norm:
    case OP_row_size:
    case OP_norm_back:
    case OP_quantise:
    case OP_read: return verify_at_least_0(c, "eps", attr->eps);
    case OP_softcap:
    case OP_softcap_back: return verify_at_least_0(c, "softcap", attr->softcap);
    case OP_clip:
    case OP_clip_back: return verify_at_least_0(c, "limit", attr->limit);
    case OP_position_scales:
        return verify_at_least_0(c, "offset", attr->offset) && verify_original(c);
    case OP_rope:
    case OP_rope_back: return verify_rope(c);
    case OP_append: return verify_cache_name(c);
    case OP_tap: return verify_point(c);
    case OP_edit: return verify_point(c) && verify_edit(c);
    case OP_scores:
    case OP_attend:
    case OP_attend_back_q:
    case OP_attend_back_k:
    case OP_attend_back_v:
        return verify_at_least_0(c, "softcap", attr->softcap) &&
               verify_at_least_0(c, "window", (double)attr->window) &&
               verify_positive(c, "slopes", attr->slopes);
    default: return true;
    }
}
