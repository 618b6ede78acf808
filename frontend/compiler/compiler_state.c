/* compiler_state.c - a Thalweg: made and destroyed, and its steps, each taken once. */
#include "frontend/compiler/compiler.h"

#include <stdlib.h>
#include <unistd.h>

static void create_arena(void *arena) {
    *(Arena **)arena = arena_create();
}

Thalweg *compiler_create(const ThalwegOptions *options) {
    Thalweg *thalweg = calloc(1, sizeof *thalweg);
    if (!thalweg) return NULL;
    thalweg->locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (!thalweg->locale || !arena_try(create_arena, &thalweg->arena)) {
        compiler_destroy(thalweg);
        return NULL;
    }
    if (options) thalweg->options = *options;
    thalweg->diag.arena = thalweg->arena;
    return thalweg;
}

void compiler_destroy(Thalweg *thalweg) {
    if (!thalweg) return;
    interp_destroy(thalweg->interp);
    tw_tokenizer_close(thalweg->tokenizer);
    tw_weights_close(thalweg->weights);
    if (thalweg->is_held) close(thalweg->held);
    checkpoint_close(thalweg->checkpoint);
    compiler_end_perf(thalweg);
    jit_destroy(thalweg->jit);
    module_destroy(thalweg->module);
    for (int i = 0; i < thalweg->others; i++) compiler_destroy(thalweg->other[i]);
    target_destroy(thalweg->target);
    arena_destroy(thalweg->definition);
    arena_destroy(thalweg->arena);
    if (thalweg->locale) freelocale(thalweg->locale);
    free(thalweg);
}

bool compiler_take(Thalweg *thalweg, Step step, bool (*make)(Thalweg *thalweg)) {
    StepState *state = &thalweg->step[step];
    if (*state == NOT_TAKEN) *state = make(thalweg) ? SUCCEEDED : FAILED;
    return *state == SUCCEEDED;
}

bool compiler_progress(Thalweg *thalweg, const char *what, double done) {
    const ThalwegOptions *options = &thalweg->options;
    if (!options->progress || options->progress(options->progress_context, what, done)) return true;
    return diag_error(&thalweg->diag, (Loc){0}, "%s was stopped", what);
}
