#include "frontend/lens/patched_states.h"

#include "frontend/compiler/compiler.h"
#include "frontend/lens/stream_weights.h"
#include "frontend/lens/tapped_run.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    Engine *engine;
    TappedRun run; /* its rows become those of the corrupt run */
    float **clean; /* [run.taps] */
    const StreamWeights *weights;
} Owned;

typedef struct {
    PatchedStates *states;
    Owned *owned;
    Thalweg *thalweg;
    const PatchingInput *input;
    const ThalwegPoint *point;
    int64_t points;
    const char **value; /* [layers] names of what is patched; null: the layer has none */
    Diag *diag;
} Opening;

/* ---- which places ---- */

static bool is_attention(PatchOver over) {
    return over == PATCH_attn_out || over == PATCH_head;
}

static bool is_state(PatchOver over) {
    return over <= PATCH_resid_post;
}

static int64_t find_point(const Opening *o, int64_t layer, const char *hook) {
    const char *name = arena_printf(o->diag->arena, "blocks.%" PRId64 ".%s", layer, hook);
    for (int64_t i = 0; i < o->points; i++)
        if (strcmp(o->point[i].name, name) == 0) return i;
    return -1;
}

static bool ends_with(const char *name, const char *end) {
    const size_t length = strlen(name), tail = strlen(end);
    return length >= tail && strcmp(name + length - tail, end) == 0;
}

/* The branch that a point of what it writes is of; null: the point is another. */
static const StreamBranch *branch_at(const Opening *o, const ThalwegPoint *point) {
    const char *attention = strstr(point->name, "hook_attn_out");
    const char *hook = attention ? attention : strstr(point->name, "hook_mlp_out");
    if (!hook) return NULL;
    const size_t length = strlen(hook);
    const int copy = hook[length - 2] == '_' ? hook[length - 1] - '0' : 1;
    return stream_weights_branch(o->owned->weights, attention, point->layer, copy);
}

static bool refuse_branch(const Opening *o, int64_t layer, const char *why) {
    return diag_error(o->diag, (Loc){0},
                      "layer %" PRId64 ": what its %s writes cannot be patched: %s", layer,
                      is_attention(o->input->over) ? "attention" : "mlp", why);
}

/* The state that has what the branch at a point writes, behind other writes of its group alone. */
static bool find_state(Opening *o, PatchedLayer *made, int64_t at, int64_t layer) {
    const StreamBranch *branch = branch_at(o, &o->point[at]);
    if (!branch || branch->is_gated_write) return refuse_branch(o, layer, "its write is gated");
    made->factor = 1;
    for (int64_t i = at + 1; i < o->points; i++) {
        const char *name = o->point[i].name;
        if (ends_with(name, "hook_resid_mid") || ends_with(name, "hook_resid_post")) {
            made->start = name;
            return true;
        }
        const StreamBranch *next = branch_at(o, &o->point[i]);
        if (!next || next->is_gated_write) break;
        made->factor *= next->carry;
    }
    return refuse_branch(o, layer, "the state of the stream behind it is no point of the model");
}

static bool find_unit(Opening *o, PatchedLayer *made, int64_t layer) {
    const StreamBranch *branch =
        stream_weights_branch(o->owned->weights, is_attention(o->input->over), layer, 1);
    if (branch->norm_after.kind != NORM_none)
        return refuse_branch(o, layer,
                             "a norm stands behind it, so that it is not the sum of its "
                             "heads or neurons");
    made->variants = is_attention(o->input->over) ? branch->heads : branch->hidden;
    made->columns = is_attention(o->input->over) ? branch->head_dim : 1;
    return true;
}

static bool find_layer(Opening *o, int64_t row, int64_t layer) {
    static const char *const hooks[] = {"hook_resid_pre", "hook_resid_mid", "hook_resid_post",
                                        "hook_attn_out",  "hook_mlp_out",   "attn.hook_z",
                                        "mlp.hook_post"};
    const PatchOver over = o->input->over;
    PatchedLayer *made = &o->states->layer[row];
    const int64_t at = find_point(o, layer, hooks[over]);
    *made = (PatchedLayer){.factor = 1, .variants = o->input->count};
    if (at < 0) return true;
    o->value[row] = o->point[at].name;
    made->columns = made->stride = o->point[at].columns;
    if (is_state(over)) {
        made->start = o->value[row];
        return true;
    }
    if (!o->states->is_by_position && !find_unit(o, made, layer)) return false;
    const char *out = is_attention(over) ? "hook_attn_out" : "hook_mlp_out";
    return find_state(o, made, find_point(o, layer, out), layer);
}

static bool find_layers(Opening *o) {
    const int64_t only = o->input->layer;
    int64_t layers = 0, found = 0;
    for (int64_t i = 0; i < o->points; i++)
        if (o->point[i].layer >= layers) layers = o->point[i].layer + 1;
    if (only >= layers)
        return diag_error(o->diag, (Loc){0}, "the model has layers 0 to %" PRId64 ", not %" PRId64,
                          layers - 1, only);
    o->states->layers = only < 0 ? layers : 1;
    o->states->layer = calloc((size_t)o->states->layers + 1, sizeof *o->states->layer);
    o->value = calloc((size_t)o->states->layers + 1, sizeof *o->value);
    if (!o->states->layer || !o->value) return diag_error(o->diag, (Loc){0}, "out of memory");
    for (int64_t i = 0; i < o->states->layers; i++) {
        if (!find_layer(o, i, only < 0 ? i : only)) return false;
        found += o->value[i] != NULL;
    }
    return found || diag_error(o->diag, (Loc){0},
                               "the model has nothing of the kind: `thalweg points` lists what it "
                               "has");
}

/* ---- both runs ---- */

static bool add_taps(Opening *o) {
    const int64_t most = 2 * o->states->layers;
    const char **names = ARENA_ARRAY(o->thalweg->arena, const char *, (size_t)most);
    int count = 0;
    for (int64_t i = 0; i < o->states->layers; i++) {
        const char *start = o->states->layer[i].start;
        if (!start) continue;
        names[count++] = o->value[i];
        if (strcmp(start, o->value[i]) != 0) names[count++] = start;
    }
    return thalweg_add_taps(o->thalweg, names, count);
}

typedef struct {
    TokenPair pair;
    double difference;
} Difference;

static bool take_logits(void *context, int64_t position, const float *logits) {
    Difference *d = context;
    (void)position;
    d->difference = (double)logits[d->pair.a] - (double)logits[d->pair.b];
    return true;
}

static bool feed(Opening *o, int number, const int32_t *tokens) {
    Difference difference = {.pair = o->input->pair};
    const TappedText text = {.tokens = tokens,
                             .count = o->input->count,
                             .logit_rows = 1,
                             .take = take_logits,
                             .context = &difference};
    if (!tapped_run_feed(&o->owned->run, &text, o->diag)) return false;
    o->states->difference[number] = difference.difference;
    return true;
}

static bool keep_clean(Opening *o) {
    const TappedRun *run = &o->owned->run;
    o->owned->clean = calloc((size_t)run->taps + 1, sizeof *o->owned->clean);
    for (int64_t i = 0; o->owned->clean && i < run->taps; i++) {
        const size_t bytes = (size_t)(run->room * run->tap[i].columns) * sizeof(float);
        if (!(o->owned->clean[i] = malloc(bytes + 1))) return false;
        memcpy(o->owned->clean[i], run->rows[i], bytes);
    }
    return o->owned->clean;
}

static bool run_both(Opening *o) {
    TwStatus status;
    if (!thalweg_choose_context(o->thalweg, false) || !thalweg_check_memory(o->thalweg, false))
        return false;
    o->owned->engine = engine_create(o->thalweg, &(EngineOptions){0}, &status);
    if (!o->owned->engine)
        return status != TW_OK && diag_error(o->diag, (Loc){0}, "%s", tw_status_text(status));
    if (!tapped_run_open(&o->owned->run, o->thalweg, o->owned->engine, o->input->count, o->diag))
        return false;
    if (!feed(o, 0, o->input->clean)) return false;
    if (!keep_clean(o)) return diag_error(o->diag, (Loc){0}, "out of memory");
    return feed(o, 1, o->input->corrupt);
}

static void connect(Opening *o) {
    const TappedRun *run = &o->owned->run;
    for (int64_t i = 0; i < o->states->layers; i++) {
        PatchedLayer *layer = &o->states->layer[i];
        if (!layer->start) continue;
        const int64_t value = tapped_run_find(run, o->value[i]);
        layer->value[0] = o->owned->clean[value];
        layer->value[1] = run->rows[value];
        layer->state = run->rows[tapped_run_find(run, layer->start)];
    }
}

bool patched_states_open(PatchedStates *states, Thalweg *thalweg, const PatchingInput *input,
                         Diag *diag) {
    Owned *owned = calloc(1, sizeof *owned);
    *states = (PatchedStates){.thalweg = thalweg,
                              .count = input->count,
                              .width = thalweg_model(thalweg).width,
                              .is_by_position = input->over < PATCH_head,
                              .has_heads = input->over == PATCH_head,
                              .owned = owned};
    Opening o = {
        .states = states, .owned = owned, .thalweg = thalweg, .input = input, .diag = diag};
    if (!owned) return diag_error(diag, (Loc){0}, "out of memory");
    o.point = thalweg_points(thalweg, &o.points);
    if (!is_state(input->over)) owned->weights = stream_weights_open(thalweg);
    bool ok = o.point && (is_state(input->over) || owned->weights) && find_layers(&o) &&
              add_taps(&o) && run_both(&o);
    if (ok) connect(&o);
    free(o.value);
    return ok;
}

void patched_states_close(PatchedStates *states) {
    Owned *owned = states->owned;
    for (int64_t i = 0; owned && owned->clean && i < owned->run.taps; i++) free(owned->clean[i]);
    for (int64_t i = 0; i < states->layers; i++)
        if (states->layer) free(states->layer[i].weights);
    free(states->layer);
    if (!owned) return;
    free(owned->clean);
    tapped_run_close(&owned->run);
    engine_destroy(owned->engine);
    free(owned);
}

/* ---- what is written ---- */

/* With the scale of the write, which the point of what is written has, too. */
static bool scale_rows(const StreamWeights *weights, const StreamBranch *branch, float *rows,
                       int64_t count) {
    const int64_t width = weights->width, scales = branch->write_scale.rows;
    float *scale = malloc((size_t)width * sizeof *scale);
    if (!scale) return false;
    const bool ok = stream_vector(weights, &branch->write_scale, scales ? scales : 1, 1, scale);
    for (int64_t i = 0; ok && i < count; i++)
        for (int64_t c = 0; c < width; c++)
            rows[i * width + c] *= (float)branch->scale * scale[scales > 1 ? c : 0];
    free(scale);
    return ok;
}

bool patched_states_load(PatchedStates *states, int64_t row, int64_t number, Diag *diag) {
    const Owned *owned = states->owned;
    PatchedLayer *layer = &states->layer[row];
    const bool has_heads = states->has_heads;
    const int64_t rows = layer->variants * layer->columns;
    if (states->is_by_position) return true;
    const StreamBranch *branch = stream_weights_branch(owned->weights, has_heads, number, 1);
    layer->weights = calloc((size_t)(rows * states->width), sizeof *layer->weights);
    if (!layer->weights) return diag_error(diag, (Loc){0}, "out of memory");
    bool ok = true;
    for (int64_t i = 0; has_heads && ok && i < layer->variants; i++)
        ok = stream_head(owned->weights, branch, HEAD_O, i,
                         layer->weights + i * layer->columns * states->width);
    if (!has_heads)
        ok = stream_neurons(owned->weights, branch, NEURON_OUT, 0, rows, layer->weights);
    if (!ok) return stream_weights_report(owned->weights, has_heads ? &branch->o : &branch->out);
    return scale_rows(owned->weights, branch, layer->weights, rows) ||
           diag_error(diag, (Loc){0}, "out of memory");
}

void patched_states_unload(PatchedStates *states, int64_t row) {
    free(states->layer[row].weights);
    states->layer[row].weights = NULL;
}

/* ---- variants ---- */

/* Whether position t of what a variant changes is not the same in both runs. */
static bool differs(const PatchedStates *states, const PatchedLayer *layer, int64_t variant,
                    int64_t t) {
    const int64_t column = states->is_by_position ? 0 : variant * layer->columns;
    const int64_t at = t * layer->stride + column;
    return memcmp(layer->value[0] + at, layer->value[1] + at,
                  (size_t)layer->columns * sizeof(float)) != 0;
}

int64_t patched_states_first(const PatchedStates *states, const PatchedLayer *layer,
                             int64_t variant) {
    if (states->is_by_position)
        return differs(states, layer, variant, variant) ? variant : states->count;
    int64_t first = 0;
    while (first < states->count && !differs(states, layer, variant, first)) first++;
    return first;
}

/* The row of a state that is itself what is patched becomes the clean one, bit for bit. */
static void change_row(const PatchedStates *states, const PatchedLayer *layer, int64_t variant,
                       int64_t t, float *out) {
    const int64_t width = states->width;
    const float *clean = layer->value[0] + t * layer->stride,
                *corrupt = layer->value[1] + t * layer->stride;
    if (corrupt == layer->state + t * width) {
        memcpy(out, clean, (size_t)width * sizeof *out);
        return;
    }
    if (!layer->weights) {
        for (int64_t c = 0; c < width; c++)
            out[c] += (float)layer->factor * (clean[c] - corrupt[c]);
        return;
    }
    const float *weights = layer->weights + variant * layer->columns * width;
    for (int64_t k = 0; k < layer->columns; k++) {
        const int64_t column = variant * layer->columns + k;
        const float delta = (float)layer->factor * (clean[column] - corrupt[column]);
        for (int64_t c = 0; c < width; c++) out[c] += delta * weights[k * width + c];
    }
}

void patched_states_fill(const PatchedStates *states, const PatchedLayer *layer, int64_t variant,
                         int64_t first, float *out) {
    const int64_t width = states->width;
    const int64_t last = states->is_by_position ? first : states->count - 1;
    memcpy(out, layer->state + first * width,
           (size_t)((states->count - first) * width) * sizeof *out);
    for (int64_t t = first; t <= last; t++)
        change_row(states, layer, variant, t, out + (t - first) * width);
}
