/* circuits.c - the factors of heads, as a frame has them. */
#include "frontend/lens/circuits.h"

#include "frontend/compiler/compiler.h"

#include <stdlib.h>

/* ---- frames ---- */

static bool refuse_frame(Diag *diag, const char *why) {
    diag_error(diag, (Loc){0}, "the frame 'processed' does not exist for this model: %s", why);
    return diag_hint(diag, "the weights as they are have --frame raw");
}

/* Gains can be folded into readers alone, and means be left out where every reader does. */
static bool check_frame(Circuits *c) {
    const StreamWeights *weights = c->weights;
    Diag *diag = &weights->thalweg->diag;
    NormKind kind = weights->final_norm.kind;
    if (weights->has_stream_norms || weights->embed_norm.kind != NORM_none)
        return refuse_frame(diag, "norms of the stream itself cannot be folded");
    for (int64_t i = 0; i < weights->branch_count; i++) {
        const StreamBranch *branch = &weights->branch[i];
        if (branch->norm_after.kind != NORM_none)
            return refuse_frame(diag, "norms behind what a branch writes cannot be folded");
        if (branch->norm.kind != kind) return refuse_frame(diag, "its norms are of several kinds");
    }
    c->is_centred = kind == NORM_layer;
    return true;
}

static void centre(float *row, int64_t count) {
    double sum = 0;
    for (int64_t i = 0; i < count; i++) sum += (double)row[i];
    for (int64_t i = 0; i < count; i++) row[i] = (float)((double)row[i] - sum / (double)count);
}

void circuits_frame_writes(const Circuits *circuits, int64_t count, float *rows) {
    const int64_t width = circuits->weights->width;
    for (int64_t i = 0; circuits->is_centred && i < count; i++) centre(rows + i * width, width);
}

bool circuits_frame_reads(const Circuits *circuits, const StreamNorm *norm, int64_t count,
                          float *rows) {
    const StreamWeights *weights = circuits->weights;
    const int64_t width = weights->width;
    if (circuits->frame == FRAME_raw) return true;
    float *gain = malloc((size_t)width * sizeof *gain);
    const bool is_read = gain && stream_vector(weights, &norm->gain, width, 1, gain);
    for (int64_t i = 0; is_read && i < count; i++) {
        for (int64_t c = 0; c < width; c++)
            rows[i * width + c] *= gain[c] + (float)norm->gain_offset;
        if (circuits->is_centred) centre(rows + i * width, width);
    }
    free(gain);
    return is_read || stream_weights_report(weights, &norm->gain);
}

/* ---- heads ---- */

bool circuits_open(const StreamWeights *weights, StreamFrame frame, Circuits *out) {
    Thalweg *thalweg = weights->thalweg;
    *out = (Circuits){.weights = weights, .frame = frame};
    for (int64_t i = 0; i < weights->branch_count; i++) out->heads += weights->branch[i].heads;
    if (!out->heads)
        return diag_error(&thalweg->diag, (Loc){0}, "the model has no heads: no attention");
    if (frame == FRAME_processed && !check_frame(out)) return false;
    out->head = ARENA_ARRAY(thalweg->arena, StreamUnit, (size_t)out->heads);
    int64_t at = 0;
    for (int64_t i = 0; i < weights->branch_count; i++)
        for (int64_t h = 0; h < weights->branch[i].heads; h++)
            out->head[at++] = (StreamUnit){&weights->branch[i], h};
    return true;
}

bool circuits_reads(const StreamBranch *reader, const StreamBranch *writer) {
    return reader->group > writer->group;
}

int64_t circuits_part_heads(const StreamBranch *branch, HeadPart part) {
    return part == HEAD_K || part == HEAD_V ? branch->kv_heads : branch->heads;
}

bool circuits_read(const Circuits *circuits, const StreamBranch *branch, HeadPart part,
                   int64_t first, int64_t count, float *out) {
    const StreamWeights *weights = circuits->weights;
    const int64_t row = first * branch->head_dim, rows = count * branch->head_dim;
    const StreamMatrix *matrix[] = {&branch->q, &branch->k, &branch->v, &branch->o};
    const bool is_read = part == HEAD_O ? stream_columns(weights, matrix[part], row, rows, out)
                                        : stream_rows(weights, matrix[part], row, rows, out);
    if (!is_read) return stream_weights_report(weights, matrix[part]);
    if (part != HEAD_O) return circuits_frame_reads(circuits, &branch->norm, rows, out);
    circuits_frame_writes(circuits, rows, out);
    return true;
}
