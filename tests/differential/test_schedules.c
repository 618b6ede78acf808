/* test_schedules.c - random models: whatever schedules their kernels have, the bits are the same.
 *
 *   test_schedules [models [first seed]]
 */
#include "frontend/compiler/compiler.h"
#include "frontend/tune/programs.h"
#include "passes/schedule_space.h"
#include "tests/differential/random_model.h"
#include "tests/folder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TOKENS = 13, PROGRAMS = TUNE_TRIALS };

static uint64_t random_state;

static uint32_t next_random(void) {
    random_state = random_state * 6364136223846793005U + 1442695040888963407U;
    return (uint32_t)(random_state >> 33);
}

/* Program 0 has the rule's, the others any, each layer another. */
static Schedule any(void *data, int number, int instance, int program, int *choice) {
    const TuneKernel *kernel = &((const TuneKernel *)data)[number];
    (void)instance;
    *choice = 0;
    if (!program) return kernel->rule;
    const uint32_t drawn = next_random() % (uint32_t)(kernel->candidates + 1);
    return drawn ? kernel->candidate[drawn - 1] : kernel->smallest;
}

/* Of a call of all tokens: one where the model pools them. */
static int64_t program_rows(const TwProgram *program) {
    const bool is_long = program->struct_bytes > offsetof(TwProgram, is_pooled);
    return is_long && program->is_pooled ? 1 : TOKENS;
}

/* Logits of a prefill, and of its last tokens once more, one by one. */
static bool run(const TuneModel *model, const TwProgram *program, float *logits) {
    enum { AGAIN = 3 };
    const int64_t outputs = tw_program_outputs(program), rows = program_rows(program);
    TwSession *session = NULL;
    const TwSessionOptions options = {.threads = model->threads, .logit_rows = TOKENS};
    if (tw_session_create(program, model->weights, &options, &session) != TW_OK) return false;
    bool ok = tw_session_step(session, model->tokens, TOKENS, rows) == TW_OK;
    for (int i = 0; ok && i < rows; i++)
        memcpy(logits + i * outputs, tw_session_logits(session, i),
               (size_t)outputs * sizeof *logits);
    ok = ok && tw_session_rollback(session, TOKENS - AGAIN) == TW_OK;
    for (int i = 0; ok && model->position >= 0 && i < AGAIN; i++) {
        ok = tw_session_step(session, model->tokens + TOKENS - AGAIN + i, 1, 1) == TW_OK;
        memcpy(logits + (TOKENS + i) * outputs, tw_session_logits(session, 0),
               (size_t)outputs * sizeof *logits);
    }
    tw_session_destroy(session);
    return ok;
}

static bool compare(const TuneModel *model, const Programs *programs) {
    const size_t count = (size_t)tw_program_outputs(programs->program[0]) * 2 * TOKENS;
    float *expected = calloc(count, sizeof *expected), *logits = calloc(count, sizeof *logits);
    bool ok = expected && logits && run(model, programs->program[0], expected);
    for (int p = 1; ok && p < programs->count; p++) {
        ok = run(model, programs->program[p], logits) &&
             memcmp(expected, logits, count * sizeof *logits) == 0;
    }
    free(expected);
    free(logits);
    return ok;
}

static bool check(Thalweg *thalweg, const char *text, const char *cache) {
    if (!thalweg_read_text(thalweg, "random.yaml", text, strlen(text), cache) ||
        !compiler_plan(thalweg) || !thalweg_weights(thalweg))
        return false;
    const ThalwegModel known = thalweg_model(thalweg);
    int32_t tokens[TOKENS];
    for (int i = 0; i < TOKENS; i++) tokens[i] = (int32_t)((i * 7 + i * i * 3) % known.vocab);
    const TuneModel model = {.prefill = thalweg->prefill,
                             .decode = thalweg->decode,
                             .target = thalweg->target,
                             .weights = thalweg->weights,
                             .threads = 1 + (int)(next_random() % 3),
                             .tokens = tokens,
                             .prefill_tokens = TOKENS,
                             .position = known.takes_whole_sequences ? -1 : 0,
                             .arena = thalweg->arena,
                             .diag = &thalweg->diag};
    TuneKernel *kernels;
    const int count = tune_kernels(&model, &kernels);
    Programs *programs = programs_create(&model, kernels, count, PROGRAMS, false, any, kernels);
    const bool ok = programs && compare(&model, programs);
    programs_destroy(programs);
    return ok;
}

static bool passes(uint64_t seed, void *context) {
    const char *cache = context;
    static const char *const types[] = {"f32", "bf16", "q8", "q4"};
    char text[MODEL_TEXT_MAX];
    Tape tape;
    tape_draw(&tape, seed);
    if (!random_model(&tape, text, sizeof text)) return true;
    random_state = seed;
    const uint32_t number = next_random();
    static const char *const cpus[] = {NULL, NULL, "x86-64-v3", "cooperlake", "x86-64"};
    const char *cpu = cpus[number % 5];
    const ThalwegOptions options = {.cache_directory = cache,
                                    .cpu = cpu,
                                    .no_tuning = true,
                                    .weights_type = types[number / 16 % 4]};
    Thalweg *thalweg = thalweg_create(&options);
    Thalweg *probe = thalweg_create(&options);
    const bool runs_here = probe && compiler_runs_here(probe);
    bool ok = true;
    if (runs_here) ok = check(thalweg, text, cache);
    if (!ok) {
        printf("seed %llu, %s, %s: schedules change the bits\n%s\n", (unsigned long long)seed,
               cpu ? cpu : "this machine", options.weights_type, text);
        thalweg_print_diagnostics(thalweg, stdout);
    }
    thalweg_destroy(probe);
    thalweg_destroy(thalweg);
    return ok;
}

int main(int count, char **argument) {
    char cache[FOLDER_PATH];
    if (!folder_make(cache)) return 2;
    const Tally tally = check_seeds(count, argument, 60, passes, cache);
    folder_remove(cache);
    return tally.failures != 0;
}
