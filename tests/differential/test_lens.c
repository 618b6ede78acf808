/* test_lens.c - of random models, the lens and the attribution of a logit: compiled code against
 * the interpreter, and what must hold between them and the logits.
 *
 *   test_lens [models [first seed]]
 */
#include "frontend/compiler/compiler.h"
#include "frontend/lens/attribution.h"
#include "frontend/lens/lens.h"
#include "frontend/lens/stream_weights.h"
#include "tests/differential/random_model.h"
#include "tests/folder.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { TOKENS = 7, SHRINK_TRIES = 100 };

/* What rounds rows to bytes may stray in f32; and its logits are no sum of its parts then. */
#define CLOSE 2e-4
#define STRAY 0.2

typedef struct {
    const char *cache;
    char path[64];
    Arena *arena;
    Diag diag;
    bool is_rounding;
    TokenPair pair;
    int32_t token[TOKENS];
    int looked, apart; /* models that have a lens, and that are taken apart */
    char what[400];
} Run;

/* What one way of computing says. */
typedef struct {
    Thalweg *thalweg;
    Engine *engine;
    double logit[TOKENS]; /* the difference at each token, as a plain run has it */
    Lens anew, final;
    Attribution parts;
    bool has_lens, has_parts;
} Saying;

__attribute__((format(printf, 2, 3))) static bool wrong(Run *run, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(run->what, sizeof run->what, format, args);
    va_end(args);
    return false;
}

static const char *first_error(const Run *run, const Thalweg *thalweg) {
    if (run->diag.first) return run->diag.first->message;
    for (int i = 0; i < thalweg_diagnostic_count(thalweg); i++)
        if (thalweg_diagnostic(thalweg, i).severity == THALWEG_ERROR)
            return thalweg_diagnostic(thalweg, i).message;
    return "no error";
}

static bool is_close(const Run *run, double a, double b, double size) {
    return fabs(a - b) <= (run->is_rounding ? STRAY : CLOSE) * (size + 1e-2);
}

/* ---- one way of computing ---- */

static bool open_model(Run *run, Saying *s) {
    s->thalweg = thalweg_create(&(ThalwegOptions){.cache_directory = run->cache});
    return thalweg_read_file(s->thalweg, run->path) ||
           wrong(run, "%s", first_error(run, s->thalweg));
}

static bool start(Run *run, Saying *s, bool is_interpreted) {
    TwStatus status;
    s->engine = engine_create(s->thalweg, &(EngineOptions){is_interpreted, true, 0}, &status);
    return s->engine || wrong(run, "no engine: %s", first_error(run, s->thalweg));
}

static void close_model(Saying *s) {
    engine_destroy(s->engine);
    thalweg_destroy(s->thalweg);
    s->engine = NULL;
    s->thalweg = NULL;
}

static bool look(Run *run, Saying *s, bool is_interpreted) {
    LensOptions options = {.path = run->path,
                           .is_interpreted = is_interpreted,
                           .target = run->pair.a,
                           .difference = run->pair};
    if (!open_model(run, s)) return false;
    s->has_lens = lens_prepare(s->thalweg, false);
    const bool has_cap = s->thalweg->model->head.softcap > 0;
    if (!s->has_lens) return true;
    if (!start(run, s, is_interpreted)) return false;
    if (!lens_make(s->thalweg, s->engine, run->token, TOKENS, &options, run->arena, &run->diag,
                   &s->anew))
        return wrong(run, "no lens: %s", first_error(run, s->thalweg));
    for (int i = 0; i < TOKENS; i++) {
        TwStatus status;
        const bool is_whole = thalweg_model(s->thalweg).takes_whole_sequences;
        engine_reset(s->engine);
        if (!engine_step(s->engine, run->token, is_whole ? TOKENS : i + 1,
                         is_whole ? TOKENS - i : 1, &status))
            return wrong(run, "no logits: %s", tw_status_text(status));
        const float *logits = engine_logits(s->engine, 0);
        s->logit[i] = (double)logits[run->pair.a] - (double)logits[run->pair.b];
    }
    options.has_final_scale = true;
    const bool is_made = lens_make(s->thalweg, s->engine, run->token, TOKENS, &options, run->arena,
                                   &run->diag, &s->final);
    if (is_made == has_cap) return wrong(run, "a final scale of capped logits");
    if (has_cap) s->final = (Lens){0};
    return true;
}

static bool take_apart(Run *run, Saying *s, bool is_interpreted) {
    const AttributionTarget target = {run->pair, TOKENS - 1};
    if (!open_model(run, s)) return false;
    s->has_parts = attribution_prepare(s->thalweg);
    if (!s->has_parts) return true;
    return start(run, s, is_interpreted) &&
           (attribution_make(s->thalweg, s->engine, run->token, TOKENS, &target, run->arena,
                             &run->diag, &s->parts) ||
            wrong(run, "no attribution: %s", first_error(run, s->thalweg)));
}

static bool say(Run *run, Saying *s, bool is_interpreted) {
    bool ok = look(run, s, is_interpreted);
    close_model(s);
    run->diag = (Diag){.arena = run->arena};
    ok = ok && take_apart(run, s, is_interpreted);
    close_model(s);
    return ok;
}

/* ---- what must hold ---- */

static bool is_distribution(Run *run, const Lens *lens, int64_t vocab) {
    for (int64_t i = 0; i < lens->points * lens->tokens; i++) {
        const LensCell *cell = &lens->cell[i];
        if (!(cell->entropy > -1e-6 && cell->entropy < log((double)vocab) + 1e-6))
            return wrong(run, "an entropy of %g", cell->entropy);
        if (!(cell->rank >= 1 && cell->rank <= vocab) ||
            !(cell->probability >= 0 && cell->probability <= 1 + 1e-9))
            return wrong(run, "rank %d, probability %g", (int)cell->rank, cell->probability);
        if ((cell->rank == 1) != (cell->top[0].token == run->pair.a))
            return wrong(run, "a rank that is not that of the likeliest");
        if (!(cell->divergence >= 0)) return wrong(run, "a divergence of %g", cell->divergence);
    }
    return true;
}

/* The last point, with the norm computed anew, is what the model itself says. */
static bool ends_at_logits(Run *run, const Saying *s) {
    const LensCell *last = s->anew.cell + (s->anew.points - 1) * TOKENS;
    for (int i = 0; i < TOKENS; i++) {
        if (!is_close(run, last[i].difference, s->logit[i], fabs(s->logit[i]) + 1))
            return wrong(run, "the lens ends at %.9g, the model at %.9g", last[i].difference,
                         s->logit[i]);
        if (last[i].divergence > 1e-6) return wrong(run, "a divergence at the end");
    }
    for (int i = 0; s->final.cell && i < TOKENS; i++) {
        const LensCell *cell = &s->final.cell[(s->final.points - 1) * TOKENS + i];
        if (!is_close(run, cell->difference + s->final.constant, s->logit[i],
                      fabs(s->logit[i]) + 1))
            return wrong(run,
                         "with the final scale the lens ends at %.9g + %.9g, the model at %.9g",
                         cell->difference, s->final.constant, s->logit[i]);
    }
    return true;
}

static double size_of_parts(const Attribution *all) {
    double size = 0;
    for (int64_t i = 0; i < all->count; i++) size += fabs(all->part[i].value);
    return size;
}

/* All parts are the logit, and what comes before a layer is what the lens says there. */
static bool sums_up(Run *run, const Saying *s) {
    const Attribution *all = &s->parts;
    const double size = size_of_parts(all);
    if (!is_close(run, all->remainder, 0, size))
        return wrong(run, "of %.9g remains %.3g, of parts of %g", all->logit, all->remainder, size);
    if (s->final.cell && !is_close(run, all->part[0].value, s->final.constant, size))
        return wrong(run, "constant %.9g, and with the lens %.9g", all->part[0].value,
                     s->final.constant);
    for (int by = BY_LAYER; by <= BY_NEURON; by++) {
        AttributionPart *part = ARENA_ARRAY(run->arena, AttributionPart, (size_t)all->count);
        const int64_t count = attribution_group(all, (AttributionBy)by, part);
        double sum = 0;
        for (int64_t i = 0; i < count; i++) sum += part[i].value;
        if (fabs(sum + all->remainder - all->logit) > 1e-9 * (size + 1))
            return wrong(run, "groups sum to %.9g, not to %.9g", sum, all->logit);
    }
    return true;
}

static bool is_same(Run *run, const Saying *native, const Saying *exact) {
    const int64_t cells = native->anew.points * TOKENS;
    for (int64_t i = 0; native->has_lens && i < cells; i++) {
        const double a = native->anew.cell[i].difference, b = exact->anew.cell[i].difference;
        if (!is_close(run, a, b, fabs(b) + 1))
            return wrong(run, "%s: %.9g, interpreted %.9g", native->anew.point[i / TOKENS], a, b);
    }
    const double size = native->has_parts ? size_of_parts(&exact->parts) : 0;
    for (int64_t i = 0; native->has_parts && i < native->parts.count; i++) {
        const AttributionPart *a = &native->parts.part[i], *b = &exact->parts.part[i];
        if (!is_close(run, a->value, b->value, size))
            return wrong(run, "%s adds %.9g, interpreted %.9g", attribution_name(a, run->arena),
                         a->value, b->value);
    }
    return true;
}

/* ---- one model ---- */

static bool check(Run *run) {
    Saying native = {0}, exact = {0};
    Thalweg *thalweg = thalweg_create(&(ThalwegOptions){.cache_directory = run->cache});
    if (!thalweg_read_file(thalweg, run->path)) {
        wrong(run, "%s", first_error(run, thalweg));
        thalweg_destroy(thalweg);
        return false;
    }
    const ThalwegModel model = thalweg_model(thalweg);
    const StreamWeights *weights = stream_weights_open(thalweg);
    const bool has_lens = model.outputs == model.vocab && !model.is_pooled && !model.has_pooling;
    const bool has_parts = has_lens && weights->unembed.node && !weights->has_stream_norms;
    const int64_t vocab = model.vocab;
    thalweg_destroy(thalweg);
    for (int i = 0; i < TOKENS; i++) run->token[i] = (int32_t)((i * 7 + i * i * 3) % vocab);
    run->pair = (TokenPair){(int32_t)(vocab - 1), (int32_t)(vocab / 3)};
    if (!say(run, &native, false)) return false;
    if (native.has_lens != has_lens || native.has_parts != has_parts)
        return wrong(run, "it is refused, or is not");
    run->looked += has_lens;
    run->apart += has_parts;
    if (has_lens && (!is_distribution(run, &native.anew, vocab) || !ends_at_logits(run, &native)))
        return false;
    if (has_parts && !sums_up(run, &native)) return false;
    return say(run, &exact, true) && is_same(run, &native, &exact);
}

static bool passes(const Tape *tape, void *context) {
    Run *run = context;
    char text[MODEL_TEXT_MAX];
    if (!random_model(tape, text, sizeof text)) return wrong(run, "the model is too long");
    FILE *file = fopen(run->path, "w");
    if (!file || fputs(text, file) < 0 || fclose(file) != 0) return wrong(run, "no file");
    run->is_rounding = strstr(text, ": q8") || strstr(text, ": q4") || strstr(text, ": bf16");
    run->arena = arena_create();
    run->diag = (Diag){.arena = run->arena};
    const bool ok = check(run);
    arena_destroy(run->arena);
    folder_empty(run->cache);
    return ok;
}

int main(int count, char **argument) {
    char cache[FOLDER_PATH];
    if (!folder_make(cache)) return 2;
    Run run = {.cache = cache};
    snprintf(run.path, sizeof run.path, "%s/random.yaml", cache);
    const Tally tally = check_models(count, argument, 25, passes, &run, run.what, SHRINK_TRIES);
    folder_remove(cache);
    printf("%d looked at, %d taken apart\n", run.looked, run.apart);
    return tally.failures || run.looked < tally.models / 3 || run.apart < tally.models / 4;
}
