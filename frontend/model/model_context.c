/* model_context.c - a model for sequences of another length than the one it is described with.
 *
 * A shorter context is the same model with less memory. A longer one is that model beyond what it
 * was made for, and where its numbers were made for its own context it is another model, which a
 * description has to say.
 */
#include "frontend/model/model.h"

#include <inttypes.h>

static const Rope *scaled_rope(const Layer *layer) {
    for (int g = 0; g < layer->count; g++) {
        for (int b = 0; b < layer->group[g].count; b++) {
            const Branch *branch = &layer->group[g].branch[b];
            const Rope *rope = &branch->of_attention.rope;
            if (branch->kind != BRANCH_attention || !rope->is_used) continue;
            if (rope->scaling.kind != ROPE_SCALING_none &&
                rope->scaling.kind != ROPE_SCALING_default)
                return rope;
        }
    }
    return NULL;
}

static const Rope *find_scaled_rope(const Model *model) {
    for (int i = 0; i < model->block_count; i++)
        for (int64_t k = 0; k < model->block[i].period; k++) {
            const Rope *rope = scaled_rope(&model->block[i].layer[k]);
            if (rope) return rope;
        }
    return NULL;
}

static bool refuse(const Model *model, int64_t context, Loc loc, const char *why, Diag *diag) {
    diag_error(diag, loc, "a context of %" PRId64 " is longer than the model's own: %s %" PRId64,
               context, why, model->own_context);
    return diag_hint(diag,
                     "ask for at most %" PRId64 "; a longer one is another model, whose "
                     "description says its `context` and all that follows from it",
                     model->own_context);
}

bool model_set_context(Model *model, int64_t context, Diag *diag) {
    const int64_t own = model->own_context;
    if (context < 1 || context > MODEL_MAX_CONTEXT)
        return diag_error(diag, (Loc){0}, "a context is 1 to %d tokens, not %" PRId64,
                          MODEL_MAX_CONTEXT, context);
    const Rope *rope = find_scaled_rope(model);
    if (context > own && model->embed.positions.kind == POSITIONS_learned)
        return refuse(model, context, model->embed.positions_loc, "its learned positions are",
                      diag);
    if (context > own && rope)
        return refuse(model, context, rope->scaling_loc, "its rope is scaled for one of", diag);
    if (context > own) {
        diag_warning(diag, model->context_loc,
                     "a context of %" PRId64 " is longer than the model's own, %" PRId64 ", beyond "
                     "which it may have learned nothing",
                     context, own);
    }
    model->context = context;
    return true;
}
