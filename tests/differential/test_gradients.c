/* test_gradients.c - gradients of random models against central differences of their loss, in
 * double precision.
 *
 *   test_gradients [models [first seed]]
 */
#include "frontend/model/build_graph.h"
#include "frontend/model/model.h"
#include "ir/interp.h"
#include "passes/gradient.h"
#include "tests/differential/random_model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Squares of squares may grow without an end: from here on differences are rounding alone. */
enum { MOST_LOSS = 1000 };
enum { TOKENS = 6, MOST_PARAMS = 6, SHRINK_TRIES = 200 };

/* Differences of this part of the largest gradient are rounding, and what a step of the size below
 * sees of the curve. */
static const double tolerance = 2e-5, step = 0x1p-10;

typedef struct {
    char what[256];
    int checked, edges;
} Run;

/* ---- weights: any values will do; one of them may be moved ---- */

typedef struct {
    const char *param; /* null: none */
    int64_t index;
    double by;
} Moved;

/* Multiples of 2^-12, so that a step is exact in f32. */
static bool hashed_rows(const Weights *weights, const char *param, int64_t first, int64_t count,
                        int64_t columns, float *out) {
    const Moved *moved = weights->context;
    for (int64_t i = 0; i < count * columns; i++) {
        const int64_t index = first * columns + i;
        double value = round(random_weight(param, index) * 0.4 * 4096) / 4096;
        if (moved->param && index == moved->index && strcmp(param, moved->param) == 0)
            value += moved->by;
        out[i] = (float)value;
    }
    return true;
}

/* ---- what a graph says ---- */

/* A param whose gradient is looked at. */
typedef struct {
    const char *name;
    int64_t columns, index;
    double gradient, largest;
    bool is_there;
} Watched;

typedef struct {
    Watched param[MOST_PARAMS];
    int count;
} Watch;

static void keep(void *context, const Node *tap, const Node *of, int64_t row,
                 const double *columns) {
    Watch *watch = context;
    (void)of;
    const int64_t count = tap->attr.to;
    for (int i = 0; i < watch->count; i++) {
        Watched *param = &watch->param[i];
        if (strcmp(param->name, tap->attr.point) != 0) continue;
        param->is_there = true;
        for (int64_t c = 0; c < count; c++) param->largest = fmax(param->largest, fabs(columns[c]));
        if (param->index / count == row) param->gradient = columns[param->index % count];
    }
}

static int64_t classes_of(const Graph *graph) {
    const Node *loss = ir_node(graph, graph->result);
    return ir_node(graph, loss->in[0])->type.dim[1];
}

/* The sum of losses; NaN: it could not be computed. */
static double loss_of(const Graph *graph, const Moved *moved, Watch *watch) {
    static const int32_t token[TOKENS] = {2, 0, 5, 3, 3, 1};
    int32_t target[TOKENS] = {0, 1, -1, 1, 0, 1};
    const Weights weights = {.rows = hashed_rows, .context = moved};
    const int64_t rows = ir_node(graph, graph->result)->type.dim[0] == 1 ? 1 : TOKENS;
    const int64_t classes = classes_of(graph);
    double loss[TOKENS], sum = 0;
    for (int t = 0; t < TOKENS; t++)
        if (target[t] >= classes) target[t] = 0;
    Interp *interp = interp_create(graph, &weights);
    if (!interp) return NAN;
    interp_set_targets(interp, target);
    if (watch) interp_on_tap(interp, keep, watch);
    const bool is_done = interp_run(interp, token, TOKENS, 0, rows, loss);
    interp_destroy(interp);
    for (int64_t i = 0; i < rows; i++) sum += loss[i];
    return is_done ? sum : NAN;
}

/* ---- against differences ---- */

static bool report(Run *run, const Diag *diag, const char *where) {
    snprintf(run->what, sizeof run->what, "%s: %s", where,
             diag->first ? diag->first->message : "no diagnostic");
    return false;
}

static double difference(const Graph *graph, const Watched *param, double by) {
    const Moved up = {param->name, param->index, by}, down = {param->name, param->index, -by};
    return (loss_of(graph, &up, NULL) - loss_of(graph, &down, NULL)) / (2 * by);
}

/* Where a step of half the size says something else, the loss has an edge there. */
static bool check_param(Run *run, const Graph *graph, const Watched *param) {
    const double whole = difference(graph, param, step), half = difference(graph, param, step / 2);
    const double slope = (4 * half - whole) / 3, most = tolerance * (param->largest + 1e-3);
    if (!param->is_there) {
        snprintf(run->what, sizeof run->what, "%s has no gradient", param->name);
        return false;
    }
    run->checked++;
    run->edges += fabs(whole - half) > most;
    if (fabs(whole - half) > most || fabs(slope - param->gradient) <= most) return true;
    snprintf(run->what, sizeof run->what, "%s[%lld]: %.9g, by differences %.9g", param->name,
             (long long)param->index, param->gradient, slope);
    return false;
}

/* Some of the params that the model has, and a value of each. */
static Watch choose(const Graph *graph, const Tape *tape) {
    Watch watch = {0};
    int64_t params = 0, seen = 0;
    for (uint32_t i = 1; i < graph->count; i++) params += graph->node[i].op == OP_param;
    const int64_t every = params / MOST_PARAMS + 1;
    for (uint32_t i = 1; i < graph->count && watch.count < MOST_PARAMS; i++) {
        const Node *node = &graph->node[i];
        if (node->op != OP_param || (seen++ + (tape->length ? tape->number[0] : 0)) % every)
            continue;
        const int64_t columns = node->type.rank == 2 ? node->type.dim[1] : 1;
        const uint64_t values = (uint64_t)(node->type.dim[0] * columns);
        watch.param[watch.count++] = (Watched){
            .name = node->name,
            .columns = columns,
            .index = (int64_t)((uint64_t)(random_weight(node->name, 7) * 1e6 + 1e6) % values)};
    }
    return watch;
}

static bool check_graph(Run *run, const Graph *model, const Tape *tape, Arena *arena) {
    const Moved nothing = {0};
    Graph *graph = gradient_make(model, arena);
    if (!graph) return report(run, model->diag, "the gradient");
    Watch watch = choose(graph, tape);
    const double loss = loss_of(graph, &nothing, &watch);
    if (!isfinite(loss)) return report(run, graph->diag, "the loss");
    if (loss > MOST_LOSS) return true;
    for (int i = 0; i < watch.count; i++)
        if (!check_param(run, graph, &watch.param[i])) return false;
    return true;
}

static bool check_text(Run *run, const char *text, const Tape *tape, Arena *arena) {
    Diag diag = {.arena = arena};
    const Source source = {"random.yaml", text, strlen(text)};
    const Model *model = model_read(arena, &diag, &source);
    if (!model || !model_check_lowered(model, &diag)) return report(run, &diag, "the model");
    Graph *graph = model_build_graph(model, arena, &diag);
    if (!graph || !ir_verify(graph)) return report(run, &diag, "the graph");
    return check_graph(run, graph, tape, arena);
}

static bool is_right(const Tape *tape, void *context) {
    Run *run = context;
    char text[MODEL_TEXT_MAX];
    if (!random_model(tape, text, sizeof text)) {
        snprintf(run->what, sizeof run->what, "the model is too long");
        return false;
    }
    Arena *arena = arena_create();
    const bool is_fine = check_text(run, text, tape, arena);
    arena_destroy(arena);
    return is_fine;
}

int main(int count, char **argument) {
    Run run = {0};
    const Tally tally = check_models(count, argument, 80, is_right, &run, run.what, SHRINK_TRIES);
    printf("%d gradients, %d at edges\n", run.checked, run.edges);
    return tally.failures != 0 || run.edges > run.checked / 4;
}
