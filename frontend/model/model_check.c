/* model_check.c - what a description may say and the compiler does not do yet.
 *
 * One function for each section; each names every such key, so that a user sees all of them at
 * once.
 */
#include "frontend/model/model.h"

/* ---- words ---- */

typedef struct {
    const char *text;
    int lowered;
} Word;

static const Word activations[] = {
#define ACTIVATION_WORD(word, lowered) {#word, lowered},
#include "frontend/model/model.def"
};

int model_lowered_activation(ActivationKind kind) {
    return activations[kind].lowered;
}

/* ---- sections ---- */

static bool refuse(Diag *diag, Loc loc, const char *what, const char *hint) {
    diag_error(diag, loc, "%s is not lowered yet", what);
    return diag_hint(diag, "%s", hint);
}

static bool check_attention(const Attention *attention, Diag *diag) {
    bool ok = true;
    if (attention->v_head_dim != attention->head_dim)
        ok = refuse(diag, attention->v_head_dim_loc, "a v_head_dim that differs from head_dim",
                    "leave 'v_head_dim' out");
    if (attention->sinks) ok = refuse(diag, attention->sinks_loc, "sinks", "leave 'sinks' out");
    return ok;
}

static bool check_mlp(const Mlp *mlp, Diag *diag) {
    bool ok = true;
    if (model_lowered_activation(mlp->activation) == NOT_LOWERED)
        ok = refuse(diag, mlp->activation_loc,
                    arena_printf(diag->arena, "activation '%s'", activations[mlp->activation].text),
                    "relu, relu2, gelu, gelu_tanh and silu are");
    if (mlp->experts.count)
        ok = refuse(diag, mlp->experts_loc, "a mixture of experts", "leave 'experts' out");
    return ok;
}

static bool check_layer(const Layer *layer, Diag *diag) {
    bool ok = true;
    for (int g = 0; g < layer->count; g++) {
        for (int b = 0; b < layer->group[g].count; b++) {
            const Branch *branch = &layer->group[g].branch[b];
            ok &= branch->kind == BRANCH_attention ? check_attention(&branch->of_attention, diag)
                                                   : check_mlp(&branch->of_mlp, diag);
        }
    }
    return ok;
}

/* The layers of a block differ in its pattern alone: one that is refused speaks for all. */
bool model_check_lowered(const Model *model, Diag *diag) {
    bool ok = true;
    for (int i = 0; i < model->block_count; i++) {
        bool is_lowered = true;
        for (int64_t k = 0; is_lowered && k < model->block[i].period; k++)
            is_lowered = check_layer(&model->block[i].layer[k], diag);
        ok &= is_lowered;
    }
    return ok;
}
