/* lens.c - rows of all points go through the head, those of the last point first: the others are
 * compared with them. A block of tokens is done with before the next. */
#include "frontend/lens/lens.h"

#include "frontend/compiler/compiler.h"
#include "frontend/lens/norm_size.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CALL_ROWS = 64, BLOCK = 32 }; /* rows of a call; tokens whose distributions are kept */

typedef struct {
    Thalweg *thalweg, *head; /* the model; what stands behind its last layer */
    Engine *engine;          /* of the head */
    const LensOptions *options;
    const StreamWeights *weights;
    TappedRun run;
    int64_t width, vocab, call_rows;
    const float **rows;   /* [points]: [tokens][width] */
    double *final_size;   /* [tokens]: of the last state */
    double *exact;        /* [width] */
    float *input;         /* [call_rows][width] */
    int64_t *at;          /* [call_rows]: cells of a call */
    float *constant;      /* [vocab]: logits of a state that is 0 */
    float *logits;        /* [vocab] */
    float *distribution;  /* [BLOCK][vocab]: at the last point */
    double *self_entropy; /* [BLOCK] */
    Arena *scratch;
    Diag *diag;
    Lens *out;
} Look;

/* ---- before the run ---- */

static bool has_point(const ThalwegPoint *point, int64_t count, const char *hook) {
    for (int64_t i = 0; i < count; i++) {
        const char *found = strstr(point[i].name, hook);
        if (found && !found[strlen(hook)]) return true;
    }
    return false;
}

bool lens_prepare(Thalweg *thalweg, bool has_mid) {
    const ThalwegModel model = thalweg_model(thalweg);
    const char *taps[3] = {"final"};
    int64_t points;
    int count = 1;
    if (model.outputs != model.vocab || model.is_pooled || model.has_pooling)
        return diag_error(&thalweg->diag, (Loc){0}, "'%.60s' gives no logits of its tokens",
                          model.name);
    const ThalwegPoint *point = thalweg_points(thalweg, &points);
    if (has_point(point, points, "hook_resid_pre")) taps[count++] = "resid_pre";
    if (has_mid && !has_point(point, points, "hook_resid_mid")) {
        diag_error(&thalweg->diag, (Loc){0}, "'%.60s' has no point resid_mid", model.name);
        return diag_hint(&thalweg->diag, "its attention and mlp write in parallel");
    }
    if (has_mid) taps[count++] = "resid_mid";
    return thalweg_add_taps(thalweg, taps, count);
}

/* ---- what the taps kept ---- */

/* The short name of a point of the lens; null: it is none. */
static const char *lens_point(const ThalwegTap *tap, Arena *arena) {
    static const char *const hooks[] = {"hook_resid_pre", "hook_resid_mid", "hook_resid_final"};
    const char *dot = strrchr(tap->point, '.'), *hook = dot ? dot + 1 : tap->point;
    if (strcmp(hook, hooks[2]) == 0) return "final";
    for (int i = 0; i < 2; i++)
        if (strcmp(hook, hooks[i]) == 0)
            return arena_printf(arena, "%s%" PRId64, hooks[i] + strlen("hook_"), tap->layer);
    return NULL;
}

/* In the order of the stream; a point that the description taps, too, is there once. */
static void find_points(Look *look, Arena *arena) {
    const TappedRun *run = &look->run;
    const char **name = ARENA_ARRAY(arena, const char *, (size_t)run->taps);
    int64_t count = 0;
    look->rows = ARENA_ARRAY(look->scratch, const float *, (size_t)run->taps);
    for (int64_t i = 0; i < run->taps; i++) {
        const char *point = lens_point(&run->tap[i], arena);
        if (!point || (count && strcmp(name[count - 1], point) == 0)) continue;
        name[count] = point;
        look->rows[count++] = run->rows[i];
    }
    look->out->points = count;
    look->out->point = name;
}

static const float *row_of(const Look *look, int64_t cell) {
    const int64_t tokens = look->out->tokens;
    return look->rows[cell / tokens] + cell % tokens * look->width;
}

static double size_of(const Look *look, const float *row) {
    for (int64_t i = 0; i < look->width; i++) look->exact[i] = (double)row[i];
    return norm_size(&look->weights->final_norm, look->exact, look->width);
}

/* ---- statistics of a row of logits ---- */

static double log_of_sum(const float *logits, int64_t count) {
    double most = -INFINITY, sum = 0;
    for (int64_t i = 0; i < count; i++) most = fmax(most, (double)logits[i]);
    for (int64_t i = 0; i < count; i++) sum += exp((double)logits[i] - most);
    return most + log(sum);
}

/* Of tokens that are alike the lower is the likelier. */
static int64_t rank_of(const float *logits, int64_t count, int32_t token) {
    int64_t rank = 1;
    for (int64_t i = 0; i < count; i++)
        rank += logits[i] > logits[token] || (logits[i] == logits[token] && i < token);
    return rank;
}

/* The distribution at the last point, for the others of its block. */
static void keep_last(Look *look, const float *logits, double log_sum, int64_t token) {
    float *kept = look->distribution + token % BLOCK * look->vocab;
    double entropy = 0;
    for (int64_t i = 0; i < look->vocab; i++) {
        const double logprob = (double)logits[i] - log_sum, p = exp(logprob);
        kept[i] = (float)p;
        if (p > 0) entropy -= p * logprob;
    }
    look->self_entropy[token % BLOCK] = entropy;
    if (look->options->target < 0)
        look->out->target[token] =
            look->out->cell[(look->out->points - 1) * look->out->tokens + token].top[0].token;
}

static void take_row(Look *look, const float *logits, int64_t number) {
    const LensOptions *options = look->options;
    const int64_t vocab = look->vocab, token = number % look->out->tokens;
    LensCell *cell = &look->out->cell[number];
    const double log_sum = log_of_sum(logits, vocab);
    const int64_t found = tw_top_logprobs(logits, vocab, LENS_TOP, cell->top);
    for (int64_t i = found; i < LENS_TOP; i++) cell->top[i] = (TwLogprob){-1, -INFINITY};
    if (number / look->out->tokens == look->out->points - 1)
        keep_last(look, logits, log_sum, token);
    const float *last = look->distribution + token % BLOCK * vocab;
    double mean = 0, cross = 0;
    for (int64_t i = 0; i < vocab; i++) {
        const double logprob = (double)logits[i] - log_sum, p = exp(logprob);
        if (p > 0) mean += p * logprob;
        if (last[i] > 0) cross += (double)last[i] * logprob;
    }
    const int32_t target = look->out->target[token];
    cell->entropy = -mean;
    cell->divergence = fmax(0, -cross - look->self_entropy[token % BLOCK]);
    cell->probability = exp((double)logits[target] - log_sum);
    cell->rank = rank_of(logits, vocab, target);
    if (options->difference.a >= 0)
        cell->difference =
            (double)logits[options->difference.a] - (double)logits[options->difference.b] -
            look->out->constant;
}

/* ---- rows through the head ---- */

/* Logits with the size that the norm has in the last state: they are c + g / size, and c is what a
 * state of zeros gives. */
static const float *rescale(Look *look, const float *logits, int64_t number) {
    const double factor =
        size_of(look, row_of(look, number)) / look->final_size[number % look->out->tokens];
    for (int64_t i = 0; i < look->vocab; i++) {
        const double constant = (double)look->constant[i];
        look->logits[i] = (float)(constant + factor * ((double)logits[i] - constant));
    }
    return look->logits;
}

static bool step(Look *look, int64_t rows) {
    TwStatus status;
    engine_reset(look->engine);
    if (engine_step_values(look->engine, look->input, rows, rows, &status)) return true;
    return status != TW_OK && diag_error(look->diag, (Loc){0}, "%s", tw_status_text(status));
}

static bool take_constant(Look *look) {
    memset(look->input, 0, (size_t)look->width * sizeof(float));
    if (!step(look, 1)) return false;
    memcpy(look->constant, engine_logits(look->engine, 0), (size_t)look->vocab * sizeof(float));
    for (int64_t i = 0; i < look->vocab; i++)
        if (!isfinite(look->constant[i]))
            return diag_error(look->diag, (Loc){0},
                              "the norm of the head has no eps: a state of zeros has no logits");
    const TokenPair *tokens = &look->options->difference;
    if (tokens->a >= 0)
        look->out->constant = (double)look->constant[tokens->a] - (double)look->constant[tokens->b];
    return true;
}

/* The cells in look->at. */
static bool call_head(Look *look, int64_t rows) {
    for (int64_t i = 0; i < rows; i++)
        memcpy(look->input + i * look->width, row_of(look, look->at[i]),
               (size_t)look->width * sizeof(float));
    if (!step(look, rows)) return false;
    for (int64_t i = 0; i < rows; i++) {
        const float *logits = engine_logits(look->engine, i);
        const bool is_moved = look->options->has_final_scale;
        take_row(look, is_moved ? rescale(look, logits, look->at[i]) : logits, look->at[i]);
    }
    return true;
}

/* Tokens first .. end - 1 at all points, the last point first. */
static bool take_block(Look *look, int64_t first, int64_t end) {
    const int64_t tokens = look->out->tokens;
    int64_t rows = 0;
    for (int64_t point = look->out->points - 1; point >= 0; point--)
        for (int64_t token = first; token < end; token++) {
            look->at[rows++] = point * tokens + token;
            if (rows == look->call_rows && !call_head(look, rows)) return false;
            if (rows == look->call_rows) rows = 0;
        }
    return !rows || call_head(look, rows);
}

static bool take_blocks(Look *look) {
    const int64_t tokens = look->out->tokens;
    if (look->options->has_final_scale && !take_constant(look)) return false;
    for (int64_t at = 0; at < tokens; at += BLOCK) {
        if (!compiler_progress(look->thalweg, "the lens", (double)at / (double)tokens))
            return false;
        if (!take_block(look, at, at + BLOCK < tokens ? at + BLOCK : tokens)) return false;
    }
    return true;
}

/* ---- all of it ---- */

/* A model that begins behind the last layer, compiled as the other is. */
static bool open_head(Look *look) {
    ThalwegOptions options = look->thalweg->options;
    TwStatus status = TW_NO_MEMORY;
    options.start = "final";
    options.tap_count = options.edit_count = 0;
    options.context = thalweg_model(look->thalweg).context;
    look->head = thalweg_create(&options);
    const EngineOptions rows = {.is_interpreted = look->options->is_interpreted,
                                .logit_rows = CALL_ROWS};
    if (look->head && thalweg_read_file(look->head, look->options->path))
        look->engine = engine_create(look->head, &rows, &status);
    if (look->engine) return true;
    const int count = look->head ? thalweg_diagnostic_count(look->head) : 0;
    for (int i = 0; i < count; i++) {
        const ThalwegDiagnostic said = thalweg_diagnostic(look->head, i);
        if (said.severity != THALWEG_ERROR) continue;
        diag_error(look->diag, (Loc){0}, "%s", said.message);
        if (said.hint) diag_hint(look->diag, "%s", said.hint);
        return false;
    }
    return diag_error(look->diag, (Loc){0}, "%s", tw_status_text(status));
}

static void make_room(Look *look) {
    const size_t width = (size_t)look->width, vocab = (size_t)look->vocab;
    const size_t tokens = (size_t)look->out->tokens;
    const int64_t chunk = engine_chunk(look->engine);
    look->call_rows = chunk < CALL_ROWS ? chunk : CALL_ROWS;
    look->exact = ARENA_ARRAY(look->scratch, double, width);
    look->input = ARENA_ARRAY(look->scratch, float, CALL_ROWS *width);
    look->at = ARENA_ARRAY(look->scratch, int64_t, CALL_ROWS);
    look->constant = ARENA_ARRAY(look->scratch, float, vocab);
    look->logits = ARENA_ARRAY(look->scratch, float, vocab);
    look->distribution = ARENA_ARRAY(look->scratch, float, BLOCK *vocab);
    look->self_entropy = ARENA_ARRAY(look->scratch, double, BLOCK);
    look->final_size = ARENA_ARRAY(look->scratch, double, tokens);
    for (size_t i = 0; i < tokens; i++)
        look->final_size[i] = size_of(look, look->rows[look->out->points - 1] + i * width);
}

static bool run_model(Look *look, Engine *engine, const int32_t *tokens, Arena *arena) {
    const int64_t count = look->out->tokens;
    if (!tapped_run_open(&look->run, look->thalweg, engine, count, look->diag)) return false;
    const TappedText text = {.tokens = tokens, .count = count};
    if (!tapped_run_feed(&look->run, &text, look->diag)) return false;
    find_points(look, arena);
    look->out->cell = ARENA_ARRAY(arena, LensCell, (size_t)(look->out->points * count));
    look->out->target = ARENA_ARRAY(arena, int32_t, (size_t)count);
    for (int64_t i = 0; i < count; i++) look->out->target[i] = look->options->target;
    return true;
}

bool lens_make(Thalweg *thalweg, Engine *engine, const int32_t *tokens, int64_t count,
               const LensOptions *options, Arena *arena, Diag *diag, Lens *out) {
    const ThalwegModel model = thalweg_model(thalweg);
    *out = (Lens){.tokens = count};
    Look look = {.thalweg = thalweg,
                 .options = options,
                 .weights = stream_weights_open(thalweg),
                 .width = model.width,
                 .vocab = model.vocab,
                 .scratch = arena_create(),
                 .diag = diag,
                 .out = out};
    bool is_done = look.weights != NULL;
    if (is_done && options->has_final_scale && look.weights->logit_softcap > 0)
        is_done =
            diag_error(diag, (Loc){0},
                       "'%.60s' caps its logits, which do not add up with any scale", model.name);
    is_done = is_done && run_model(&look, engine, tokens, arena) && open_head(&look);
    if (is_done) make_room(&look);
    is_done = is_done && take_blocks(&look);
    tapped_run_close(&look.run);
    engine_destroy(look.engine);
    thalweg_destroy(look.head);
    arena_destroy(look.scratch);
    return is_done;
}
