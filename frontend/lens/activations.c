#include "frontend/lens/activations.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- the text goes by ---- */

typedef struct {
    Activations *out;
    int64_t begins, at, vocab; /* positions before the text; its tokens before the window */
    int32_t token;             /* whose probability is kept; -1: of none */
    int64_t unreal;            /* the first position whose logits are not numbers; -1: none */
} Window;

/* The first of the largest. */
static bool take(void *context, int64_t position, const float *logits) {
    Window *window = context;
    int64_t best = 0;
    for (int64_t i = 1; i < window->vocab; i++)
        if (logits[i] > logits[best]) best = i;
    if (isnan(logits[best])) {
        window->unreal = position;
        return false;
    }
    const int64_t place = window->at + position - window->begins;
    window->out->argmax[place] = (int32_t)best;
    if (window->token >= 0)
        window->out->probability[place] =
            (float)exp(tw_logprob(logits, window->vocab, window->token));
    return true;
}

/* Sums of what may be large in number: in double, the squares about the mean. */
static void summarise(Activations *out) {
    double sum = 0, squares = 0;
    out->least = INFINITY;
    out->most = -INFINITY;
    for (int64_t i = 0; i < out->count; i++) {
        const double value = (double)out->value[i];
        sum += value;
        out->positive += value > 0;
        if (value < out->least) out->least = value;
        if (value > out->most) out->most = value;
    }
    out->mean = sum / (double)out->count;
    for (int64_t i = 0; i < out->count; i++) {
        const double far = (double)out->value[i] - out->mean;
        squares += far * far;
    }
    out->deviation = sqrt(squares / (double)out->count);
}

/* The next window of the text, whose tokens are put into `tokens`. */
static bool take_window(TappedRun *run, const ActivationsText *text, Window *window,
                        int32_t *tokens, Diag *diag) {
    const int64_t most = text->window - window->begins, left = text->count - window->at;
    const int64_t count = left < most ? left : most;
    tokens[0] = text->begin;
    memcpy(tokens + window->begins, text->tokens + window->at, (size_t)count * sizeof *tokens);
    const TappedText fed = {tokens, window->begins + count, count, take, window};
    if (!tapped_run_feed(run, &fed, diag)) {
        if (window->unreal >= 0)
            diag_error(diag, (Loc){0}, "the logits after token %lld are not numbers (NaN)",
                       (long long)(window->at + window->unreal - window->begins));
        return false;
    }
    memcpy(window->out->value + window->at, run->rows[0] + window->begins,
           (size_t)count * sizeof(float));
    window->at += count;
    window->out->windows++;
    return true;
}

bool activations_measure(TappedRun *run, const ActivationsText *text, Activations *out,
                         Diag *diag) {
    Window window = {out, text->begin >= 0, 0, thalweg_model(run->thalweg).vocab, text->token, -1};
    *out = (Activations){.count = text->count};
    out->value = calloc((size_t)text->count, sizeof *out->value);
    out->argmax = calloc((size_t)text->count, sizeof *out->argmax);
    if (text->token >= 0) out->probability = calloc((size_t)text->count, sizeof *out->probability);
    int32_t *tokens = calloc((size_t)text->window + 1, sizeof *tokens);
    bool is_fine = out->value && out->argmax && tokens && (text->token < 0 || out->probability);
    if (!is_fine) diag_error(diag, (Loc){0}, "out of memory");
    while (is_fine && window.at < text->count)
        is_fine = take_window(run, text, &window, tokens, diag);
    free(tokens);
    if (is_fine) summarise(out);
    return is_fine;
}

void activations_close(Activations *activations) {
    free(activations->value);
    free(activations->argmax);
    free(activations->probability);
    *activations = (Activations){0};
}

/* ---- the largest: a heap whose root is the least of those kept ---- */

static bool is_less(const Activations *activations, int64_t a, int64_t b) {
    const float *value = activations->value;
    return value[a] != value[b] ? value[a] < value[b] : a > b;
}

static void sift_down(const Activations *activations, int64_t *heap, int64_t count, int64_t at) {
    for (;;) {
        int64_t least = at;
        for (int64_t child = 2 * at + 1; child <= 2 * at + 2 && child < count; child++)
            if (is_less(activations, heap[child], heap[least])) least = child;
        if (least == at) return;
        const int64_t place = heap[at];
        heap[at] = heap[least];
        heap[least] = place;
        at = least;
    }
}

int64_t activations_top(const Activations *activations, int64_t most, int64_t *places) {
    const int64_t count = most < activations->count ? most : activations->count;
    for (int64_t i = 0; i < count; i++) places[i] = i;
    for (int64_t i = count; i-- > 0;) sift_down(activations, places, count, i);
    for (int64_t i = count; count && i < activations->count; i++) {
        if (!is_less(activations, places[0], i)) continue;
        places[0] = i;
        sift_down(activations, places, count, 0);
    }
    for (int64_t left = count; left-- > 1;) { /* the least goes to the end, again and again */
        const int64_t least = places[0];
        places[0] = places[left];
        places[left] = least;
        sift_down(activations, places, left, 0);
    }
    return count;
}

/* ---- which token is the argmax ---- */

static int64_t bin_of(const Activations *activations, int64_t place, int64_t bins) {
    const double width = (activations->most - activations->least) / (double)bins;
    const double value = (double)activations->value[place];
    if (!(width > 0)) return 0;
    const int64_t bin = (int64_t)((value - activations->least) / width);
    return bin < bins ? bin : bins - 1;
}

static void note_often(ActivationBin *bin, ActivationToken token) {
    int at = ACTIVATIONS_SHOWN;
    while (at > 0 && token.count > bin->often[at - 1].count) at--;
    if (at == ACTIVATIONS_SHOWN) return;
    memmove(bin->often + at + 1, bin->often + at,
            (size_t)(ACTIVATIONS_SHOWN - 1 - at) * sizeof *bin->often);
    bin->often[at] = token;
}

ActivationsNext activations_next(const Activations *activations, const ActivationsText *text) {
    ActivationsNext next = {0};
    double sum = 0;
    for (int64_t i = 0; i + 1 < text->count; i++) {
        if (text->tokens[i + 1] != text->token) continue;
        next.count++;
        next.hits += activations->argmax[i] == text->token;
        sum += (double)activations->probability[i];
    }
    next.probability = sum / (double)next.count;
    return next;
}

bool activations_bins(const Activations *activations, int32_t token, int64_t vocab, int64_t count,
                      ActivationBin *bins) {
    const double width = (activations->most - activations->least) / (double)count;
    int64_t *times = malloc((size_t)vocab * sizeof *times);
    if (!times) return false;
    for (int64_t k = 0; k < count; k++) {
        const double from = activations->least + (double)k * width;
        bins[k] =
            (ActivationBin){.from = from, .to = k + 1 < count ? from + width : activations->most};
        memset(times, 0, (size_t)vocab * sizeof *times);
        double sum = 0;
        for (int64_t i = 0; i < activations->count; i++) {
            if (bin_of(activations, i, count) != k) continue;
            bins[k].count++;
            times[activations->argmax[i]]++;
            sum += activations->probability ? (double)activations->probability[i] : NAN;
        }
        bins[k].probability = sum / (double)bins[k].count;
        bins[k].hits = times[token];
        for (int32_t i = 0; i < vocab; i++) note_often(&bins[k], (ActivationToken){i, times[i]});
    }
    free(times);
    return true;
}

bool activations_token(const Activations *activations, int64_t vocab, int32_t *token) {
    int64_t *times = calloc((size_t)vocab, sizeof *times);
    if (!times) return false;
    *token = activations->argmax[0];
    for (int64_t i = 0; i < activations->count; i++) {
        if (2 * (double)activations->value[i] < activations->most) continue;
        const int32_t next = activations->argmax[i];
        if (++times[next] > times[*token]) *token = next;
    }
    free(times);
    return true;
}
