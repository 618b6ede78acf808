/* test_patching.c - activation patching of random models: each effect is that of a whole run of the
 * interpreter in which the activation is patched.
 *
 *   test_patching [models [first seed]]
 */
#include "frontend/compiler/compiler.h"
#include "frontend/lens/patching.h"
#include "tests/differential/random_model.h"
#include "tests/folder.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TOKENS = 6, SHRINK_TRIES = 0 };

typedef struct {
    const char *folder;
    int compared, refused, strays;
    char what[400];
} Run;

/* A whole run by the interpreter, of a graph whose edit is made to patch. */
typedef struct {
    Thalweg *thalweg;
    const double *clean; /* [TOKENS][columns] */
    int64_t columns;
    int64_t position; /* that is patched; -1: all */
    bool is_on;
} Oracle;

static bool wrong(Run *run, const char *format, const char *what) {
    snprintf(run->what, sizeof run->what, format, what);
    return false;
}

static uint32_t draw(const Tape *tape, int i) {
    return tape->length > 0 ? tape->number[(i * 7 + 3) % tape->length] : 0;
}

static const char *const overs[] = {"resid_pre", "resid_mid", "resid_post", "attn_out",
                                    "mlp_out",   "head",      "neuron"};
static const char *const points[] = {"resid_pre", "resid_mid", "resid_post", "attn_out",
                                     "mlp_out",   "z",         "post"};

/* ---- the interpreter ---- */

static bool give(void *context, const Node *edit, int64_t position, GivenEdit *out) {
    Oracle *o = context;
    static float row[4096];
    (void)edit;
    if (!o->is_on || (o->position >= 0 && position != o->position)) return false;
    for (int64_t c = 0; c < o->columns; c++) row[c] = (float)o->clean[position * o->columns + c];
    *out = (GivenEdit){.strength = 1, .row = row};
    return true;
}

static double interpreted(Oracle *o, const int32_t *tokens, TokenPair pair, double *tap) {
    double logits[512] = {0};
    if (!thalweg_set_interpreted_tap(o->thalweg, 0, tap, TOKENS) ||
        !thalweg_interpret(o->thalweg, tokens, TOKENS, 0, 1, logits))
        return NAN;
    return logits[pair.a] - logits[pair.b];
}

/* Makes the edit one that patches with what is given. */
static bool open_oracle(Oracle *o, const char *path, const char *point, ThalwegOptions options) {
    char text[96];
    snprintf(text, sizeof text, "%s:negate", point);
    const char *const edits[] = {text}, *const taps[] = {point};
    options.edits = edits;
    options.taps = taps;
    options.edit_count = options.tap_count = 1;
    o->thalweg = thalweg_create(&options);
    if (!thalweg_read_file(o->thalweg, path)) return false;
    Graph *graph = o->thalweg->described;
    for (uint32_t i = 1; i < graph->count; i++) {
        Node *node = &graph->node[i];
        if (node->op != OP_edit) continue;
        o->columns = node->attr.to - node->attr.from;
        node->attr.edit = EDIT_patch;
        node->attr.given = true;
        node->attr.columns = o->columns;
        node->attr.strength = 1;
    }
    int32_t token = 0;
    double logits[512];
    if (!thalweg_interpret(o->thalweg, &token, 1, 0, 1, logits)) return false;
    interp_give_edits(o->thalweg->interp, give, o);
    return true;
}

/* ---- one model ---- */

static const char *first_error(const Diag *diag, const Thalweg *thalweg) {
    if (diag->first) return diag->first->message;
    for (int i = 0; i < thalweg_diagnostic_count(thalweg); i++)
        if (thalweg_diagnostic(thalweg, i).severity == THALWEG_ERROR)
            return thalweg_diagnostic(thalweg, i).message;
    return "no error";
}

static bool is_refusal(const char *message) {
    return strstr(message, "cannot be patched") || strstr(message, "nothing of the kind") ||
           strstr(message, "nothing to recover") || strstr(message, "the model has layers");
}

/* One effect that is there, by what is drawn. */
static bool compare(Run *run, const PatchingInput *input, const Patching *found, const Tape *tape,
                    ThalwegOptions options, bool is_rounding) {
    Oracle o = {.position = -1};
    char point[80];
    const int64_t cells = found->rows * found->columns;
    int64_t at = draw(tape, 70) % cells;
    for (int64_t i = 0; i < cells && isnan(found->effect[at]); i++) at = (at + 1) % cells;
    const int64_t layer = input->layer < 0 ? at / found->columns : input->layer,
                  column = at % found->columns;
    int length = snprintf(point, sizeof point, "%s%lld", points[input->over], (long long)layer);
    if (input->over >= PATCH_head)
        snprintf(point + length, sizeof point - (size_t)length, "[%s=%lld]",
                 input->over == PATCH_head ? "heads" : "neurons", (long long)column);
    else
        o.position = column;
    double clean[TOKENS * 512] = {0}, corrupt[TOKENS * 512];
    const bool is_open = open_oracle(&o, input->path, point, options);
    o.clean = clean;
    const double of_clean = is_open ? interpreted(&o, input->clean, input->pair, clean) : NAN;
    const double of_corrupt = is_open ? interpreted(&o, input->corrupt, input->pair, corrupt) : NAN;
    o.is_on = true;
    const double patched = is_open ? interpreted(&o, input->corrupt, input->pair, corrupt) : NAN;
    const double got = found->corrupt + found->effect[at] * (found->clean - found->corrupt);
    const double size = fabs(of_clean) + fabs(of_corrupt) + fabs(patched) + 1e-2;
    const double off = fmax(fabs(got - patched), fabs(of_clean - found->clean));
    thalweg_destroy(o.thalweg);
    run->compared++;
    if (off <= 1e-4 * size) return true;
    snprintf(run->what, sizeof run->what, "%s: %g, interpreted %g (clean %g, corrupt %g)", point,
             got, patched, of_clean, of_corrupt);
    if (!is_rounding || !(off <= 0.2 * size)) return false;
    run->strays++;
    return true;
}

static bool patches(Run *run, const char *path, const Tape *tape, bool is_rounding) {
    const ThalwegOptions options = {.cache_directory = run->folder, .no_code_cache = true};
    Thalweg *thalweg = thalweg_create(&options);
    Diag diag = {.arena = arena_create()};
    int32_t clean[TOKENS], corrupt[TOKENS];
    Patching found = {0};
    bool ok = thalweg_read_file(thalweg, path);
    const ThalwegModel model = thalweg_model(thalweg);
    const int over = (int)(draw(tape, 62) % 7);
    for (int i = 0; i < TOKENS && ok; i++) clean[i] = (int32_t)((i * 7 + i * i * 3) % model.vocab);
    memcpy(corrupt, clean, sizeof corrupt);
    if (ok) corrupt[draw(tape, 63) % 3] = (int32_t)(draw(tape, 64) % (uint64_t)model.vocab);
    const PatchingInput input = {.path = path,
                                 .over = (PatchOver)over,
                                 .layer = over == PATCH_neuron ? (int)(draw(tape, 65) % 2) : -1,
                                 .clean = clean,
                                 .corrupt = corrupt,
                                 .count = TOKENS,
                                 .pair = {0, (int32_t)(model.vocab - 1)}};
    if (ok && model.generates) {
        ok = patching_run(thalweg, &input, &found, &diag);
        const char *message = first_error(&diag, thalweg);
        const bool is_refused = !ok && is_refusal(message);
        run->refused += is_refused;
        if (!ok && !is_refused)
            snprintf(run->what, sizeof run->what, "%s: %s", overs[over], message);
        ok = ok ? compare(run, &input, &found, tape, options, is_rounding) : is_refused;
    }
    patching_close(&found);
    thalweg_destroy(thalweg);
    arena_destroy(diag.arena);
    return ok;
}

static bool passes(const Tape *tape, void *context) {
    Run *run = context;
    char text[MODEL_TEXT_MAX], path[FOLDER_PATH + 32];
    if (!random_model(tape, text, sizeof text)) return wrong(run, "%s", "the model is too long");
    snprintf(path, sizeof path, "%s/random.yaml", run->folder);
    FILE *file = fopen(path, "w");
    if (!file || fputs(text, file) < 0 || fclose(file) != 0) return wrong(run, "%s", "no file");
    const bool is_rounding = strstr(text, ": q8") || strstr(text, ": q4") || strstr(text, ": bf16");
    const bool ok = patches(run, path, tape, is_rounding);
    folder_empty(run->folder);
    return ok;
}

int main(int count, char **argument) {
    char folder[FOLDER_PATH];
    if (!folder_make(folder)) return 2;
    Run run = {.folder = folder};
    const Tally tally = check_models(count, argument, 40, passes, &run, run.what, SHRINK_TRIES);
    folder_remove(folder);
    printf("%d effects compared, %d refused, %d strays\n", run.compared, run.refused, run.strays);
    return tally.failures || run.strays > 2 + run.compared / 4 || run.compared < tally.models / 8;
}
