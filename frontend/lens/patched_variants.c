/* patched_variants.c - many variants as sequences of one session.
 *
 * Each sequence begins with the keys and values of the corrupt run. Variants that change late
 * positions come first: what one leaves behind lies at the positions from its first on, where later
 * ones write their own.
 */
#include "frontend/lens/patched_variants.h"

#include "frontend/compiler/compiler.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_SEQUENCES = 64, CALL_ROWS = 256, MOST_CACHE_BYTES = 1 << 28 };

typedef struct {
    const PatchedRun *run;
    Thalweg *thalweg;
    TwSession *session;
    int64_t sequences, rows; /* rows: most of a call */
    float *values;           /* [rows][width] */
    Diag *diag;
} Variants;

static bool runs(const Variants *v, TwStatus status) {
    return status == TW_OK || diag_error(v->diag, (Loc){0}, "%s", tw_status_text(status));
}

/* What a Thalweg of ours has to say is said by the caller's. */
static bool take_diagnostics(const Variants *v) {
    for (int i = 0; i < thalweg_diagnostic_count(v->thalweg); i++) {
        const ThalwegDiagnostic d = thalweg_diagnostic(v->thalweg, i);
        if (d.severity == THALWEG_ERROR) diag_error(v->diag, (Loc){0}, "%s", d.message);
    }
    return false;
}

/* ---- the program ---- */

/* The context holds as many rows as a call is to have. */
static int64_t choose_context(const PatchedStates *states) {
    const int64_t most = states->thalweg->model->context;
    const int64_t wanted = states->count > CALL_ROWS ? states->count : CALL_ROWS;
    return wanted < most ? wanted : most;
}

static int64_t choose_sequences(const TwProgram *program, int64_t variants) {
    const int64_t bytes = program->cache_floats * (int64_t)sizeof(float) + 1;
    int64_t most = MOST_CACHE_BYTES / bytes;
    if (most > MOST_SEQUENCES) most = MOST_SEQUENCES;
    if (most > variants) most = variants;
    return most < 1 ? 1 : most;
}

static bool open_program(Variants *v) {
    const PatchedStates *states = v->run->states;
    ThalwegOptions options = states->thalweg->options;
    options.taps = NULL;
    options.tap_count = 0;
    options.start = v->run->start;
    options.batches = true;
    options.context = choose_context(states);
    v->thalweg = thalweg_create(&options);
    if (!v->thalweg) return diag_error(v->diag, (Loc){0}, "out of memory");
    return (thalweg_read_file(v->thalweg, v->run->path) && thalweg_program(v->thalweg) &&
            thalweg_weights(v->thalweg)) ||
           take_diagnostics(v);
}

static bool open_session(Variants *v, int64_t variants) {
    const TwProgram *program = thalweg_program(v->thalweg);
    TwSessionOptions options = thalweg_session_options(v->thalweg);
    v->sequences = choose_sequences(program, variants);
    options.struct_bytes = sizeof options;
    options.sequences = v->sequences;
    options.logit_rows = v->sequences;
    v->rows = program->chunk;
    v->values = calloc((size_t)(v->rows * v->run->states->width), sizeof *v->values);
    if (!v->values) return diag_error(v->diag, (Loc){0}, "out of memory");
    return runs(v, tw_session_create(program, thalweg_weights(v->thalweg), &options, &v->session));
}

/* ---- its sequences ---- */

/* Keys and values of the corrupt run, in all of them. */
static bool begin(Variants *v) {
    const PatchedStates *states = v->run->states;
    const TwSegment segment = {.count = states->count};
    if (states->count > v->rows)
        return diag_error(v->diag, (Loc){0}, "the texts have %lld tokens: at most %lld are patched",
                          (long long)states->count, (long long)v->rows);
    if (!runs(v, tw_session_step_values(v->session, &segment, 1, v->run->layer->state)))
        return false;
    for (int64_t i = 1; i < v->sequences; i++)
        if (!runs(v, tw_session_fork(v->session, 0, i, states->count))) return false;
    return true;
}

/* As many variants as have room in a call; how many. 0: reported. */
static int64_t run_call(Variants *v, const Variant *variant, int64_t count, double *difference) {
    const PatchedStates *states = v->run->states;
    TwSegment segment[MOST_SEQUENCES] = {0};
    int64_t rows = 0, taken = 0;
    for (; taken < count && taken < v->sequences; taken++) {
        const int64_t first = variant[taken].first, more = states->count - first;
        if (more > v->rows - rows) break;
        if (!runs(v, tw_session_fork(v->session, taken, taken, first))) return 0;
        patched_states_fill(states, v->run->layer, variant[taken].number, first,
                            v->values + rows * states->width);
        segment[taken] = (TwSegment){.sequence = taken, .count = more};
        rows += more;
    }
    if (!runs(v, tw_session_step_values(v->session, segment, taken, v->values))) return 0;
    for (int64_t i = 0; i < taken; i++) {
        const float *logits = tw_session_logits(v->session, i);
        difference[i] = (double)logits[v->run->pair.a] - (double)logits[v->run->pair.b];
    }
    return taken;
}

static int compare_first(const void *a, const void *b) {
    const Variant *x = a, *y = b;
    if (x->first != y->first) return x->first > y->first ? -1 : 1;
    return x->number < y->number ? -1 : x->number > y->number;
}

bool patched_variants_run(const PatchedRun *run, Variant *variant, int64_t count,
                          double *difference, Diag *diag) {
    Variants v = {.run = run, .diag = diag};
    if (!count) return true;
    qsort(variant, (size_t)count, sizeof *variant, compare_first);
    bool ok = open_program(&v) && open_session(&v, count) && begin(&v);
    for (int64_t at = 0, taken; ok && at < count; at += taken) {
        taken = run_call(&v, variant + at, count - at, difference + at);
        ok = taken > 0;
    }
    tw_session_destroy(v.session);
    free(v.values);
    thalweg_destroy(v.thalweg);
    return ok;
}
