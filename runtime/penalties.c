/* penalties.c - what is done to a row of logits before a token is drawn, in this order:
 *
 *   a bias is added to its token's logit;
 *   of a token that is in the window, a logit above 0 is divided by `repeat`, another is multiplied
 *   by it (Keskar et al., "CTRL", 2019, as transformers and llama.cpp have it);
 *   and `presence` and as often as it is there `frequency` are subtracted.
 */
#include "runtime/penalties.h"

#include <string.h>

void tw_penalties_accept(TwPenalties *penalties, int32_t token) {
    if (!penalties->times) return;
    if (penalties->window) {
        int32_t *place = &penalties->window[penalties->accepted % penalties->window_tokens];
        if (penalties->accepted >= penalties->window_tokens) penalties->times[*place]--;
        *place = token;
        penalties->accepted++;
    }
    if (penalties->times[token] < INT32_MAX) penalties->times[token]++;
}

static float penalise(const TwPenalties *penalties, float logit, int32_t times) {
    logit = logit > 0 ? logit / penalties->repeat : logit * penalties->repeat;
    return logit - ((float)times * penalties->frequency + penalties->presence);
}

const float *tw_penalties_apply(const TwPenalties *penalties, const float *logits) {
    float *row = penalties->row;
    if (!row) return logits;
    memcpy(row, logits, (size_t)penalties->vocab * sizeof *row);
    for (int64_t i = 0; i < penalties->bias_count; i++)
        row[penalties->bias[i].token] += penalties->bias[i].bias;
    for (int64_t i = 0; penalties->times && i < penalties->vocab; i++)
        if (penalties->times[i]) row[i] = penalise(penalties, row[i], penalties->times[i]);
    return row;
}
