/* model_skips.c - what is left of a model whose branches replace the stream that they read. */
#include "frontend/model/model.h"

/* The first of branches in parallel replaces the stream, and the others add to that. */
static bool drop_of_group(Group *group, Diag *diag) {
    for (int b = 0; b < group->count; b++) {
        Write *write = &group->branch[b].write;
        const Loc loc = group->branch[b].write_loc;
        if (write->is_gated) {
            diag_error(diag, loc.source ? loc : group->branch[b].loc,
                       "without its skip a gated write would be another model: it mixes the branch "
                       "with the stream");
            return false;
        }
        if (b == 0) write->carry = 0;
    }
    return true;
}

bool model_drop_skips(Model *model, Diag *diag) {
    for (int i = 0; i < model->block_count; i++)
        for (int64_t k = 0; k < model->block[i].period; k++) {
            Layer *layer = &model->block[i].layer[k];
            for (int g = 0; g < layer->count; g++)
                if (!drop_of_group(&layer->group[g], diag)) return false;
        }
    return true;
}
