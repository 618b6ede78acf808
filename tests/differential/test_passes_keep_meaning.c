/* test_passes_keep_meaning.c - random models, most of them edited, in the interpreter, before and
 * after each pass.
 *
 *   test_passes_keep_meaning [models [first seed]]
 */
#include "frontend/model/build_graph.h"
#include "frontend/model/instrument.h"
#include "frontend/model/model.h"
#include "ir/interp.h"
#include "passes/pass.h"
#include "tests/differential/random_model.h"
#include "tests/machine.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TOKENS = 9, FIRST_CALL = 5, SHRINK_TRIES = 500 };

/* Infinity times a weight of zero is no number: of so many models at most. */
enum { BOUNDLESS = 5 };

typedef struct {
    char what[256];
    int boundless; /* models with an infinite value that is edited away */
} Run;

/* ---- weights: any values will do ---- */

static bool hashed_rows(const Weights *weights, const char *param, int64_t first, int64_t count,
                        int64_t columns, float *out) {
    (void)weights;
    for (int64_t i = 0; i < count * columns; i++)
        out[i] = (float)(random_weight(param, first * columns + i) * 0.7);
    return true;
}

static const Weights weights = {.rows = hashed_rows};

/* ---- a graph's logits, in two calls ---- */

static double *evaluate(const Graph *graph, int64_t *columns) {
    const Type result = ir_node(graph, graph->result)->type;
    const int64_t rows = result.dim[0] == 1 ? 1 : FIRST_CALL; /* of what is pooled */
    *columns = result.dim[1];
    double *logits = calloc((size_t)(TOKENS * *columns), sizeof *logits);
    Interp *interp = interp_create(graph, &weights);
    int32_t token[TOKENS];
    for (int i = 0; i < TOKENS; i++) token[i] = (i * 5 + 2) % 7;
    bool is_done = interp && logits && interp_run(interp, token, FIRST_CALL, 0, rows, logits) &&
                   interp_run(interp, token + FIRST_CALL, TOKENS - FIRST_CALL, FIRST_CALL,
                              rows == 1 ? 1 : TOKENS - FIRST_CALL, logits + FIRST_CALL * *columns);
    interp_destroy(interp);
    if (is_done) return logits;
    free(logits);
    return NULL;
}

static double distance(const double *a, const double *b, int64_t count) {
    double low = INFINITY, high = -INFINITY, worst = 0;
    for (int64_t i = 0; i < count; i++) {
        if (!isfinite(a[i]) && !isfinite(b[i]))
            continue; /* rounded values have the range of an f32 */
        low = fmin(low, a[i]);
        high = fmax(high, a[i]);
        const double off = fabs(a[i] - b[i]);
        if (!(off <= worst)) worst = off;
    }
    return worst / (high - low + 1e-9);
}

/* ---- passes one after the other ---- */

static bool report(Run *run, const Diag *diag, const char *where) {
    snprintf(run->what, sizeof run->what, "%s: %s", where,
             diag->first ? diag->first->message : "no diagnostic");
    return false;
}

static bool still_equal(Run *run, const Graph *graph, const char *pass, const double *expected) {
    int64_t columns = 0;
    double *logits = evaluate(graph, &columns);
    if (!logits) return report(run, graph->diag, pass);
    const double off = distance(expected, logits, TOKENS * columns);
    free(logits);
    if (off <= 1e-9) return true;
    if (isnan(off) && strcmp(pass, "apply-edits") == 0) return ++run->boundless <= BOUNDLESS;
    snprintf(run->what, sizeof run->what, "%s: off by %g of the logits' range", pass, off);
    return false;
}

/* Rounding weights is the one thing that may change values: the ones after it count from then. */
static bool round_weights(Run *run, const Graph *graph, double **expected) {
    int64_t columns = 0;
    free(*expected);
    *expected = evaluate(graph, &columns);
    return *expected || report(run, graph->diag, "quantise");
}

static bool run_passes(Run *run, Graph *graph, double **expected) {
    PassOptions options = {.machine = &machine};
    const int boundless = run->boundless;
    for (int i = 0; i < pass_count && run->boundless == boundless; i++) {
        const PassInfo *pass = &pass_info[i];
        options.only = pass->text;
        if (!pass_run_all(graph, &options)) return report(run, graph->diag, pass->text);
        if (pass->run == pass_quantise && !round_weights(run, graph, expected)) return false;
        if (!still_equal(run, graph, pass->text, *expected)) return false;
    }
    return true;
}

/* ---- edits ---- */

static uint32_t draw(const Tape *tape, int i) {
    return tape->length > 0 ? tape->number[(i * 11 + 5) % tape->length] : 0;
}

/* Of some heads or neurons, or of all columns. */
static const char *edit_text(const ModelPoint *point, uint32_t number, bool is_first,
                             Arena *arena) {
    static const char *const operations[] = {"scale=0.5", "negate", "zero", "set=0.25", "zero"};
    const char *name = point_name(point, true, arena);
    const char *operation = operations[number / 4 % (is_first ? 5 : 2)];
    const char *unit = point_unit(point_info[point->kind].unit);
    const int64_t units = point->units, first = (int64_t)(number / 20) % units;
    const int64_t last = first + (int64_t)(number / 400) % (units - first);
    if (!*unit || number % 8 == 7) return arena_printf(arena, "%s:%s", name, operation);
    if (number % 2 && last + 1 < units)
        return arena_printf(arena, "%s[%s=%" PRId64 ",%" PRId64 "-%" PRId64 "]:%s", name, unit,
                            first, last + 1, units - 1, operation);
    return arena_printf(arena, "%s[%s=%" PRId64 "-%" PRId64 "]:%s", name, unit, first, last,
                        operation);
}

/* Up to three edits, of heads and neurons more often than of others. One that sets all that another
 * has made at its point would be an error. */
static bool add_edits(const Model *model, const ModelPoint *point, int64_t count, const Tape *tape,
                      Arena *arena, Diag *diag) {
    int64_t before[3] = {-1, -1, -1};
    for (int i = 0; i < (int)(draw(tape, 0) % 4); i++) {
        int64_t at = draw(tape, i + 1) % count;
        for (int k = 0; k < 8 && point[at].kind != POINT_z && point[at].kind != POINT_post; k++)
            at = (at + 1 + draw(tape, i + 4) % 7) % count;
        if (point_info[point[at].kind].use == POINT_READ) continue;
        const bool is_first = at != before[0] && at != before[1];
        const char *text = edit_text(&point[at], draw(tape, i + 8), is_first, arena);
        before[i] = at;
        if (!instruments_add(model->instruments, true, text, (Loc){0}, diag)) return false;
    }
    return true;
}

/* The graph of a model; null: reported. */
static Graph *build(const Source *source, const Model **model, Arena *arena, Diag *diag) {
    *model = model_read(arena, diag, source);
    if (!*model || !model_check_lowered(*model, diag)) return NULL;
    return model_build_graph(*model, arena, diag);
}

static Graph *build_edited(const Source *source, const Tape *tape, Arena *arena, Diag *diag) {
    const Model *plain, *model = model_read(arena, diag, source);
    if (!build(source, &plain, arena, diag) || !model) return NULL;
    const Instruments *points = plain->instruments;
    if (!add_edits(model, points->point, points->point_count, tape, arena, diag)) return NULL;
    return model_build_graph(model, arena, diag);
}

static bool check_text(Run *run, const char *text, const Tape *tape, Arena *arena) {
    Diag diag = {.arena = arena};
    const Source source = {"random.yaml", text, strlen(text)};
    Graph *graph = build_edited(&source, tape, arena, &diag);
    if (!graph || !ir_verify(graph)) return report(run, &diag, "the graph");
    int64_t columns = 0;
    double *expected = evaluate(graph, &columns);
    bool is_right =
        expected ? run_passes(run, graph, &expected) : report(run, &diag, "the interpreter");
    free(expected);
    return is_right;
}

static bool passes(const Tape *tape, void *context) {
    Run *run = context;
    char text[MODEL_TEXT_MAX];
    if (!random_model(tape, text, sizeof text)) {
        snprintf(run->what, sizeof run->what, "the model is too long");
        return false;
    }
    Arena *arena = arena_create();
    bool is_right = check_text(run, text, tape, arena);
    arena_destroy(arena);
    return is_right;
}

int main(int count, char **argument) {
    Run run = {0};
    return check_models(count, argument, 300, passes, &run, run.what, SHRINK_TRIES).failures != 0;
}
