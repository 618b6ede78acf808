/* build_rope.c - a rope and its scaling, as attributes.
 *
 * What depends on the context is decided here: that of a graph is a constant, so no frequency
 * changes while a sequence grows.
 */
#include "frontend/model/build_nodes.h"

#include <math.h>

/* Peng et al. 2023, eq. 22, as Hugging Face's configurations vary it. */
static double yarn_magnitude(const Scaling *scaling) {
    const double growth = scaling->factor > 1 ? 0.1 * log(scaling->factor) : 0;
    if (scaling->mscale > 0)
        return (scaling->mscale * growth + 1) / (scaling->mscale_all_dim * growth + 1);
    return growth + 1;
}

/* Ding et al. 2024 (LongRoPE), as published with Phi-3. */
static double longrope_magnitude(const Scaling *scaling, int64_t own_context) {
    const double original = (double)scaling->original;
    const double factor =
        scaling->factor_loc.source ? scaling->factor : (double)own_context / original;
    return factor > 1 && original > 1 ? sqrt(1 + log(factor) / log(original)) : 1;
}

static void scale_yarn(const Scaling *scaling, Attrs *attr) {
    attr->scaling = SCALING_yarn;
    attr->factor = scaling->factor;
    attr->low = scaling->beta_slow;
    attr->high = scaling->beta_fast;
    attr->original = scaling->original;
    attr->truncate = scaling->truncate;
    attr->scale =
        scaling->attention_factor > 0 ? scaling->attention_factor : yarn_magnitude(scaling);
}

/* Factors follow the sequences that may come, as llama.cpp's do; the magnitude is the model's. */
static void scale_longrope(const Scaling *scaling, int64_t own_context, int64_t context,
                           Attrs *attr) {
    const bool is_long = context > scaling->original;
    attr->divisors = is_long ? &scaling->long_factor : &scaling->short_factor;
    attr->scale = scaling->attention_factor > 0 ? scaling->attention_factor
                                                : longrope_magnitude(scaling, own_context);
}

/* The base of sequences as long as the context; "NTK-aware", as Hugging Face computes it. */
static double dynamic_base(const Rope *rope, int64_t context) {
    const Scaling *scaling = &rope->scaling;
    if (context <= scaling->original) return rope->base;
    const double length = (double)context / (double)scaling->original;
    const double growth = scaling->factor * length - (scaling->factor - 1);
    return rope->base * pow(growth, (double)rope->dims / (double)(rope->dims - 2));
}

void build_rope(const Rope *rope, int64_t own_context, int64_t context, Attrs *attr) {
    const Scaling *scaling = &rope->scaling;
    attr->dims = rope->dims;
    attr->base = rope->base;
    attr->style = rope->style;
    switch (scaling->kind) {
    case ROPE_SCALING_none:
    case ROPE_SCALING_default: break;
    case ROPE_SCALING_linear:
        attr->scaling = SCALING_linear;
        attr->factor = scaling->factor;
        break;
    case ROPE_SCALING_llama3:
        attr->scaling = SCALING_llama3;
        attr->factor = scaling->factor;
        attr->low = scaling->low;
        attr->high = scaling->high;
        attr->original = scaling->original;
        break;
    case ROPE_SCALING_yarn: scale_yarn(scaling, attr); break;
    case ROPE_SCALING_longrope: scale_longrope(scaling, own_context, context, attr); break;
    case ROPE_SCALING_dynamic: attr->base = dynamic_base(rope, context); break;
    }
}
