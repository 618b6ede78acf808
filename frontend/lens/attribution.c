/* attribution.c - the direction of a logit goes back from the head through each write, and meets
 * what was written. */
#include "frontend/lens/attribution.h"

#include "frontend/compiler/compiler.h"
#include "frontend/lens/norm_size.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BAND = 64 }; /* rows of a matrix that are read at a time */

typedef struct {
    const StreamWeights *weights;
    TappedRun run;
    AttributionTarget target;
    const int32_t *tokens;
    int64_t token_count;
    Arena *arena, *scratch; /* of the parts, and of this */
    Diag *diag;
    Attribution *out;
    int64_t at;        /* where the next part goes */
    double logit[2];   /* of the tokens */
    double *direction; /* [width], of the state behind what was looked at last */
    double *into;      /* [width], of what a branch computes */
    double *computed;  /* [width], that itself */
    double *units;     /* a direction of heads' columns, or of neurons */
    float *row, *band; /* [width], [BAND][columns]: weights as they are read */
    bool is_fine;      /* all of them could be */
} Walk;

/* ---- before the run ---- */

static bool refuse(Thalweg *thalweg, const char *why) {
    return diag_error(&thalweg->diag, (Loc){0}, "'%.60s' cannot be taken apart: %s",
                      thalweg_model(thalweg).name, why);
}

/* The taps of all layers at points of this hook: one for those that layers have once, and one for
 * each other. */
static int find_taps(const ThalwegPoint *point, int64_t points, const char *hook,
                     const char *all_layers, const char **tap) {
    int count = 0;
    bool is_there = false;
    for (int64_t i = 0; i < points; i++) {
        const char *found = strstr(point[i].name, hook);
        if (!found) continue;
        if (found[strlen(hook)])
            tap[count++] = point[i].name;
        else if (!is_there)
            tap[count++] = all_layers;
        is_there |= !found[strlen(hook)];
    }
    return count;
}

bool attribution_prepare(Thalweg *thalweg) {
    static const char *const hooks[][2] = {{"hook_embed", "embed"},
                                           {"hook_resid_final", "final"},
                                           {"blocks.0.hook_resid_pre", "resid_pre0"},
                                           {"attn.hook_z", "z"},
                                           {"mlp.hook_post", "mlp_post"},
                                           {"hook_gate_T", "gate_T"}};
    enum { HOOKS = sizeof hooks / sizeof *hooks };
    const ThalwegModel model = thalweg_model(thalweg);
    const StreamWeights *weights = stream_weights_open(thalweg);
    int64_t points;
    int count = 0;
    if (!weights) return false;
    if (model.outputs != model.vocab || model.is_pooled || model.has_pooling)
        return refuse(thalweg, "it gives no logits of its tokens");
    if (weights->has_stream_norms)
        return refuse(thalweg, "norms stand in the stream itself, which is no sum then");
    const ThalwegPoint *point = thalweg_points(thalweg, &points);
    const char **tap = ARENA_ARRAY(thalweg->arena, const char *, (size_t)points + 1);
    for (int i = 0; i < HOOKS; i++)
        count += find_taps(point, points, hooks[i][0], hooks[i][1], tap + count);
    return thalweg_add_taps(thalweg, tap, count);
}

/* ---- values of the run ---- */

/* What a tap kept at the position that is looked at; null: the model has no such point. */
static const float *kept(const Walk *walk, const char *point) {
    const int64_t number = tapped_run_find(&walk->run, point);
    if (number < 0) return NULL;
    return walk->run.rows[number] + walk->target.position * walk->run.tap[number].columns;
}

static const float *kept_of(const Walk *walk, const StreamBranch *branch, const char *hook) {
    char suffix[16] = "";
    if (branch->copy > 1) snprintf(suffix, sizeof suffix, "_%d", branch->copy);
    return kept(
        walk, arena_printf(walk->scratch, "blocks.%" PRId64 ".%s%s", branch->layer, hook, suffix));
}

static bool take_logits(void *context, int64_t position, const float *logits) {
    Walk *walk = context;
    const TokenPair *tokens = &walk->target.tokens;
    if (position != walk->target.position) return true;
    walk->logit[0] = (double)logits[tokens->a];
    walk->logit[1] = tokens->b < 0 ? 0 : (double)logits[tokens->b];
    return true;
}

/* Before a cap: cap * tanh(x / cap). */
static double uncap(const StreamWeights *weights, double logit) {
    const double cap = weights->logit_softcap;
    return cap > 0 ? cap * atanh(logit / cap) : logit;
}

static bool run_model(Walk *walk, Thalweg *thalweg, Engine *engine) {
    const bool is_whole = thalweg_model(thalweg).takes_whole_sequences;
    const int64_t position = walk->target.position;
    const int64_t count = is_whole ? walk->token_count : position + 1;
    if (!tapped_run_open(&walk->run, thalweg, engine, count, walk->diag)) return false;
    const TappedText text = {walk->tokens, count, count - position, take_logits, walk};
    if (!tapped_run_feed(&walk->run, &text, walk->diag)) return false;
    const StreamWeights *weights = walk->weights;
    walk->out->logit = uncap(weights, walk->logit[0]) - uncap(weights, walk->logit[1]);
    return true;
}

/* ---- weights ---- */

/* Whether rows were read; the first that were not are reported. */
static bool check(Walk *walk, bool is_read, const StreamMatrix *matrix) {
    if (!is_read && walk->is_fine) stream_weights_report(walk->weights, matrix);
    walk->is_fine &= is_read;
    return walk->is_fine;
}

/* A vector to walk->row. */
static const float *vector(Walk *walk, const StreamMatrix *matrix, float absent) {
    const int64_t width = walk->weights->width;
    check(walk, stream_vector(walk->weights, matrix, width, absent, walk->row), matrix);
    return walk->row;
}

static double dot(const double *direction, const float *values, int64_t count) {
    double sum = 0;
    for (int64_t i = 0; i < count; i++) sum += direction[i] * (double)values[i];
    return sum;
}

static double dot_vector(Walk *walk, const double *direction, const StreamMatrix *matrix) {
    return matrix->node ? dot(direction, vector(walk, matrix, 0), walk->weights->width) : 0;
}

/* ---- norms ---- */

/* A direction behind a norm becomes the one before it; `size` is held fast. */
static void go_back(Walk *walk, const StreamNorm *norm, double size, double *direction) {
    const int64_t width = walk->weights->width;
    const float *gain = vector(walk, &norm->gain, 1);
    double mean = 0;
    for (int64_t i = 0; i < width; i++) {
        direction[i] *= ((double)gain[i] + norm->gain_offset) / size;
        mean += direction[i];
    }
    mean /= (double)width;
    for (int64_t i = 0; i < width && norm->kind == NORM_layer; i++) direction[i] -= mean;
}

/* ---- matrices, of which rows are read some at a time ---- */

typedef void UseRow(void *context, int64_t row, const float *values, int64_t columns);

static void for_rows(Walk *walk, const StreamMatrix *matrix, UseRow *use, void *context) {
    for (int64_t at = 0, count; at < matrix->rows && walk->is_fine; at += count) {
        count = matrix->rows - at < BAND ? matrix->rows - at : BAND;
        if (!check(walk, stream_rows(walk->weights, matrix, at, count, walk->band), matrix)) return;
        for (int64_t i = 0; i < count; i++)
            use(context, at + i, walk->band + i * matrix->columns, matrix->columns);
    }
}

typedef struct {
    const double *direction; /* of the outputs */
    double *units;           /* of the inputs: W^T d */
} Back;

static void add_row(void *context, int64_t row, const float *values, int64_t columns) {
    const Back *back = context;
    const double factor = back->direction[row];
    for (int64_t i = 0; i < columns; i++) back->units[i] += factor * (double)values[i];
}

typedef struct {
    const float *units; /* the inputs */
    double *outputs;
} Forth;

static void dot_row(void *context, int64_t row, const float *values, int64_t columns) {
    const Forth *forth = context;
    for (int64_t i = 0; i < columns; i++)
        forth->outputs[row] += (double)values[i] * (double)forth->units[i];
}

/* ---- parts ---- */

static int64_t count_units(const StreamBranch *branch) {
    return branch->is_attention ? branch->heads : branch->hidden;
}

static bool is_split(const StreamWeights *weights) {
    return weights->positions.node && weights->embed_norm.kind == NORM_none;
}

/* Those before the first branch. */
static int64_t count_first(const StreamWeights *weights) {
    return is_split(weights) ? 3 : 2;
}

static void add_part(Walk *walk, PartKind kind, const StreamBranch *branch, int64_t unit,
                     double value) {
    walk->out->part[walk->at++] = (AttributionPart){.kind = kind,
                                                    .layer = branch ? branch->layer : -1,
                                                    .copy = branch ? branch->copy : 1,
                                                    .unit = unit,
                                                    .value = value};
}

/* The direction at the head's norm, and what the head adds by itself. */
static void begin_at_head(Walk *walk) {
    const StreamWeights *weights = walk->weights;
    const int32_t tokens[] = {walk->target.tokens.a, walk->target.tokens.b};
    const float *final = kept(walk, "hook_resid_final");
    double constant = 0;
    for (int i = 0; i < 2 && tokens[i] >= 0; i++) {
        const double sign = i ? -1 : 1;
        float bias = 0;
        check(walk, stream_rows(weights, &weights->unembed, tokens[i], 1, walk->row),
              &weights->unembed);
        for (int64_t k = 0; k < weights->width; k++)
            walk->direction[k] += sign * (double)walk->row[k];
        if (weights->unembed_bias.node)
            check(walk, stream_rows(weights, &weights->unembed_bias, tokens[i], 1, &bias),
                  &weights->unembed_bias);
        constant += sign * (double)bias;
    }
    constant += dot_vector(walk, walk->direction, &weights->final_norm.bias);
    for (int64_t i = 0; i < weights->width; i++) walk->into[i] = (double) final[i];
    walk->out->scale = norm_size(&weights->final_norm, walk->into, weights->width);
    go_back(walk, &weights->final_norm, walk->out->scale, walk->direction);
    for (int64_t i = 0; i < weights->width; i++) walk->direction[i] *= weights->logit_scale;
    walk->at = 0;
    add_part(walk, PART_CONSTANT, NULL, 0, constant * weights->logit_scale);
}

/* What a branch computes before the norm behind it, to outputs[width]. */
static void compute(Walk *walk, const StreamBranch *branch, const float *values, double *outputs) {
    const float *bias = vector(walk, branch->is_attention ? &branch->o_bias : &branch->out_bias, 0);
    for (int64_t i = 0; i < walk->weights->width; i++) outputs[i] = (double)bias[i];
    for_rows(walk, branch->is_attention ? &branch->o : &branch->out, dot_row,
             &(Forth){values, outputs});
}

/* The direction of what the branch computes, from that of what it adds; returns what the bias of a
 * norm behind it adds. */
static double enter_branch(Walk *walk, const StreamBranch *branch, const float *values) {
    const StreamNorm *norm = &branch->norm_after;
    const int64_t width = walk->weights->width, scales = branch->write_scale.rows;
    const float *gate = branch->is_gated_write ? kept_of(walk, branch, "hook_gate_T") : NULL;
    const bool is_one = scales == 1;
    check(walk,
          stream_vector(walk->weights, &branch->write_scale, is_one ? 1 : width, 1, walk->row),
          &branch->write_scale);
    for (int64_t i = 0; i < width; i++) {
        const double factor = gate ? (double)gate[i] : (double)walk->row[is_one ? 0 : i];
        walk->into[i] = walk->direction[i] * branch->scale * factor;
        walk->direction[i] *= gate ? 1 - (double)gate[i] : branch->carry;
    }
    if (norm->kind == NORM_none) return 0;
    const double bias = dot_vector(walk, walk->into, &norm->bias);
    compute(walk, branch, values, walk->computed);
    go_back(walk, norm, norm_size(norm, walk->computed, width), walk->into);
    return bias;
}

static void take_branch(Walk *walk, const StreamBranch *branch) {
    const bool is_attention = branch->is_attention;
    const StreamMatrix *matrix = is_attention ? &branch->o : &branch->out;
    const int64_t dim = is_attention ? branch->head_dim : 1;
    const float *values = kept_of(walk, branch, is_attention ? "attn.hook_z" : "mlp.hook_post");
    const double behind = enter_branch(walk, branch, values);
    memset(walk->units, 0, (size_t)matrix->columns * sizeof *walk->units);
    for_rows(walk, matrix, add_row, &(Back){walk->into, walk->units});
    for (int64_t unit = 0; unit < count_units(branch); unit++)
        add_part(walk, is_attention ? PART_HEAD : PART_NEURON, branch, unit,
                 dot(walk->units + unit * dim, values + unit * dim, dim));
    const double bias =
        behind + dot_vector(walk, walk->into, is_attention ? &branch->o_bias : &branch->out_bias);
    add_part(walk, is_attention ? PART_ATTENTION_BIAS : PART_MLP_BIAS, branch, 0, bias);
}

/* What the stream begins with. */
static void end_at_embedding(Walk *walk) {
    const StreamWeights *weights = walk->weights;
    const char *first = weights->branch_count ? "blocks.0.hook_resid_pre" : "hook_resid_final";
    const double all = dot(walk->direction, kept(walk, first), weights->width);
    const double tokens =
        is_split(weights) ? dot(walk->direction, kept(walk, "hook_embed"), weights->width) : all;
    walk->at = 1;
    add_part(walk, PART_EMBED, NULL, 0, tokens);
    if (is_split(weights)) add_part(walk, PART_POSITIONS, NULL, 0, all - tokens);
}

/* ---- all of them ---- */

static void make_room(Walk *walk) {
    const StreamWeights *weights = walk->weights;
    const size_t width = (size_t)weights->width;
    int64_t columns = weights->width, parts = count_first(weights);
    for (int64_t i = 0; i < weights->branch_count; i++) {
        const StreamBranch *branch = &weights->branch[i];
        const int64_t own = branch->is_attention ? branch->o.columns : branch->out.columns;
        if (own > columns) columns = own;
        parts += count_units(branch) + 1;
    }
    walk->direction = ARENA_ARRAY(walk->scratch, double, width);
    walk->into = ARENA_ARRAY(walk->scratch, double, width);
    walk->computed = ARENA_ARRAY(walk->scratch, double, width);
    walk->units = ARENA_ARRAY(walk->scratch, double, (size_t)columns);
    walk->row = ARENA_ARRAY(walk->scratch, float, width);
    walk->band = ARENA_ARRAY(walk->scratch, float, BAND *(size_t)columns);
    walk->out->part = ARENA_ARRAY(walk->arena, AttributionPart, (size_t)parts);
    walk->out->count = parts;
}

/* From the end to the begin; parts are put where they belong from the begin on. */
static void walk_back(Walk *walk) {
    const StreamWeights *weights = walk->weights;
    int64_t end = walk->out->count;
    begin_at_head(walk);
    for (int64_t i = weights->branch_count - 1; i >= 0 && walk->is_fine; i--) {
        end -= count_units(&weights->branch[i]) + 1;
        walk->at = end;
        take_branch(walk, &weights->branch[i]);
    }
    end_at_embedding(walk);
    double sum = 0;
    for (int64_t i = 0; i < walk->out->count; i++) sum += walk->out->part[i].value;
    walk->out->remainder = walk->out->logit - sum;
}

bool attribution_make(Thalweg *thalweg, Engine *engine, const int32_t *tokens, int64_t count,
                      const AttributionTarget *target, Arena *arena, Diag *diag, Attribution *out) {
    *out = (Attribution){0};
    Walk walk = {.weights = stream_weights_open(thalweg),
                 .target = *target,
                 .tokens = tokens,
                 .token_count = count,
                 .arena = arena,
                 .scratch = arena_create(),
                 .diag = diag,
                 .out = out,
                 .is_fine = true};
    bool is_done = walk.weights && run_model(&walk, thalweg, engine);
    if (is_done) {
        make_room(&walk);
        walk_back(&walk);
    }
    tapped_run_close(&walk.run);
    arena_destroy(walk.scratch);
    return is_done && walk.is_fine;
}

/* ---- names and groups ---- */

const char *attribution_name(const AttributionPart *part, Arena *arena) {
    const char *copy = part->copy > 1 ? arena_printf(arena, "_%d", part->copy) : "";
    const long long layer = (long long)part->layer, unit = (long long)part->unit;
    const bool is_whole = unit < 0;
    switch (part->kind) {
    case PART_CONSTANT: return "constant";
    case PART_EMBED: return "embed";
    case PART_POSITIONS: return "pos_embed";
    case PART_ATTENTION_BIAS: return arena_printf(arena, "L%lld b_O%s", layer, copy);
    case PART_MLP_BIAS: return arena_printf(arena, "L%lld b_out%s", layer, copy);
    case PART_HEAD:
        if (is_whole) return arena_printf(arena, "L%lld attn%s", layer, copy);
        return arena_printf(arena, "L%lldH%lld%s", layer, unit, copy);
    case PART_NEURON:
        if (is_whole) return arena_printf(arena, "L%lld mlp%s", layer, copy);
        return arena_printf(arena, "L%lldN%lld%s", layer, unit, copy);
    }
    return "";
}

/* The kind of the whole branch that a part is summed up in; PART_CONSTANT: it stays by itself. */
static PartKind whole_of(PartKind kind, AttributionBy by) {
    const bool is_attention = kind == PART_HEAD || kind == PART_ATTENTION_BIAS;
    const bool is_mlp = kind == PART_NEURON || kind == PART_MLP_BIAS;
    if (is_attention && by == BY_LAYER) return PART_HEAD;
    return is_mlp && by != BY_NEURON ? PART_NEURON : PART_CONSTANT;
}

int64_t attribution_group(const Attribution *all, AttributionBy by, AttributionPart *out) {
    int64_t count = 0;
    for (int64_t i = 0; i < all->count; i++) {
        const AttributionPart *part = &all->part[i];
        const PartKind whole = whole_of(part->kind, by);
        AttributionPart *last = count ? &out[count - 1] : NULL;
        if (whole == PART_CONSTANT) {
            out[count++] = *part;
        } else if (last && last->unit < 0 && last->kind == whole && last->layer == part->layer &&
                   last->copy == part->copy) {
            last->value += part->value;
        } else {
            out[count] = *part;
            out[count].kind = whole;
            out[count++].unit = -1;
        }
    }
    return count;
}
