#include "frontend/lens/patching.h"

#include "frontend/compiler/compiler.h"
#include "frontend/lens/patched_states.h"
#include "frontend/lens/patched_variants.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const words[] = {"resid_pre", "resid_mid", "resid_post", "attn_out",
                                    "mlp_out",   "head",      "neuron"};

bool patch_over_read(const char *text, PatchOver *over, int64_t *layer, Diag *diag) {
    const size_t length = strcspn(text, "@");
    *layer = -1;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strlen(words[i]) != length || strncmp(words[i], text, length) != 0) continue;
        char *end = NULL;
        *over = (PatchOver)i;
        if (!text[length] && i != PATCH_neuron) return true;
        if (text[length] && i == PATCH_neuron && text[length + 1] >= '0' && text[length + 1] <= '9')
            *layer = strtoll(text + length + 1, &end, 10);
        if (end && !*end) return true;
        return i == PATCH_neuron
                   ? diag_error(diag, (Loc){0}, "neurons of which layer? expected neuron@3")
                   : diag_error(diag, (Loc){0}, "'%.40s': only neurons are of one layer", text);
    }
    return diag_error(
        diag, (Loc){0},
        "nothing that can be patched is called '%.40s': expected resid_pre, resid_mid, "
        "resid_post, attn_out, mlp_out, head or neuron@LAYER",
        text);
}

typedef struct {
    const PatchingInput *input;
    Patching *out;
    Diag *diag;
    PatchedStates states;
} Work;

/* ---- the variants of one layer ---- */

/* Variant c changes position c, or head or neuron c at all positions. */
static bool sweep_layer(Work *w, int64_t row) {
    const PatchedLayer *layer = &w->states.layer[row];
    const int64_t count = w->input->count, columns = layer->variants;
    double *effect = w->out->effect + row * w->out->columns;
    Variant *variant = calloc((size_t)columns + 1, sizeof *variant);
    double *difference = calloc((size_t)columns + 1, sizeof *difference);
    int64_t used = 0;
    bool ok = variant && difference;
    if (!ok) diag_error(w->diag, (Loc){0}, "out of memory");
    for (int64_t c = 0; ok && c < columns; c++) {
        const int64_t first = patched_states_first(&w->states, layer, c);
        effect[c] = 0;
        if (first < count) variant[used++] = (Variant){.number = c, .first = first};
    }
    const PatchedRun run = {.path = w->input->path,
                            .start = layer->start,
                            .states = &w->states,
                            .layer = layer,
                            .pair = w->input->pair};
    ok = ok && patched_variants_run(&run, variant, used, difference, w->diag);
    for (int64_t i = 0; ok && i < used; i++)
        effect[variant[i].number] =
            (difference[i] - w->out->corrupt) / (w->out->clean - w->out->corrupt);
    w->out->variants += columns;
    w->out->computed += used;
    free(difference);
    free(variant);
    return ok;
}

static bool make_room(Work *w) {
    Patching *out = w->out;
    out->rows = w->states.layers;
    for (int64_t i = 0; i < out->rows; i++)
        if (w->states.layer[i].variants > out->columns) out->columns = w->states.layer[i].variants;
    out->effect = calloc((size_t)(out->rows * out->columns) + 1, sizeof *out->effect);
    if (!out->effect) return diag_error(w->diag, (Loc){0}, "out of memory");
    for (int64_t i = 0; i < out->rows * out->columns; i++) out->effect[i] = NAN;
    return true;
}

bool patching_run(Thalweg *thalweg, const PatchingInput *input, Patching *out, Diag *diag) {
    Work w = {.input = input, .out = out, .diag = diag};
    *out = (Patching){0};
    bool ok = patched_states_open(&w.states, thalweg, input, diag);
    out->clean = w.states.difference[0];
    out->corrupt = w.states.difference[1];
    if (ok && !(fabs(out->clean - out->corrupt) > 0))
        ok = diag_error(diag, (Loc){0},
                        "the logit difference is %g in both runs: there is nothing to recover",
                        out->clean);
    ok = ok && make_room(&w);
    for (int64_t i = 0; ok && i < out->rows; i++) {
        if (!w.states.layer[i].start) continue;
        ok = patched_states_load(&w.states, i, input->layer < 0 ? i : input->layer, diag) &&
             sweep_layer(&w, i);
        patched_states_unload(&w.states, i);
    }
    patched_states_close(&w.states);
    if (!ok) patching_close(out);
    return ok;
}

void patching_close(Patching *patching) {
    free(patching->effect);
    *patching = (Patching){0};
}
