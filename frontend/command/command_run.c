/* command_run.c - `thalweg run`: continues a prompt. */
#include "frontend/command/command.h"

#include "frontend/command/interrupt.h"
#include "frontend/command/prompt.h"
#include "frontend/files/npy.h"
#include "frontend/files/program_path.h"
#include "frontend/measure/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DEFAULT_COUNT = 200 };

typedef struct {
    const Arguments *arguments;
    Progress *progress;
    Thalweg *thalweg;
    ThalwegModel model;
    Prompt prompt;
    Engine *engine;
    TwSampler *sampler;
    Npy npy;
    bool has_npy;
    Diag diag; /* of the file of logits */

    int64_t asked, wanted, generated; /* tokens; wanted are as many of those asked as fit */
    bool is_line_open;                /* the text ends within a line */
    double compile_seconds, prompt_seconds, generate_seconds;
} Run;

/* ---- the model ---- */

/* Where the example model is: what the environment says, or where it was built or installed. */
static bool find_example(char path[PATH_MAX]) {
    static const char model[] = "shakespeare/model.yaml";
    const char *folder = getenv("THALWEG_EXAMPLES");
    const char *from = folder && *folder ? folder : THALWEG_EXAMPLES_DIR;
    int length = snprintf(path, PATH_MAX, "%s/%s", from, model);
    if (length < PATH_MAX && (from == folder || access(path, R_OK) == 0)) return true;

    char program[PATH_MAX];
    if (!program_path_folder(program)) return false;
    length = snprintf(path, PATH_MAX, "%s/../share/thalweg/examples/%s", program, model);
    return length < PATH_MAX && access(path, R_OK) == 0;
}

static bool read_model(Run *run) {
    char example[PATH_MAX];
    const bool is_given = run->arguments->operand_count > 0;
    if (!is_given && !find_example(example))
        return command_fail(run->progress, "the example model is not where it was installed; set "
                                           "THALWEG_EXAMPLES to the folder it is in, or name a "
                                           "model");
    if (!thalweg_read_file(run->thalweg, is_given ? run->arguments->operands[0] : example))
        return false;
    run->model = thalweg_model(run->thalweg);
    return true;
}

/* ---- how much follows ---- */

/* Why a model does not generate. */
static const char *why_not(const ThalwegModel *model) {
    if (!model->is_causal) return "is not causal";
    return model->is_pooled ? "pools its tokens" : "gives no logits of its tokens";
}

static bool choose_count(Run *run) {
    const int64_t room = run->model.context - run->prompt.count;
    run->asked = run->arguments->count;
    if (run->asked < 0) run->asked = run->arguments->logits ? 0 : DEFAULT_COUNT;
    run->wanted = run->asked < room ? run->asked : room;
    if (run->asked > 0 && !run->model.generates)
        return command_fail(run->progress,
                            "'%s' %s: it cannot generate; ask for its --logits, without -n",
                            run->model.name, why_not(&run->model));
    if (run->arguments->no_prefill && run->prompt.count > 1 && run->model.takes_whole_sequences)
        return command_fail(run->progress,
                            "'%s' %s: its tokens cannot be fed one by one; leave --no-prefill out",
                            run->model.name, why_not(&run->model));
    return true;
}

/* ---- what it runs on ---- */

static bool open_engine(Run *run) {
    const Arguments *arguments = run->arguments;
    const EngineOptions options = {.is_interpreted = arguments->engine == ENGINE_INTERPRETER,
                                   .has_all_logits = arguments->logits != NULL};
    run->engine = command_engine(run->thalweg, &options, run->progress);
    if (run->engine && !options.is_interpreted)
        command_say_tuning(run->thalweg, run->progress, run->arguments->stats);
    return run->engine;
}

static bool open_sampler(Run *run) {
    const Arguments *arguments = run->arguments;
    const TwSampling sampling = {.temperature = (float)arguments->temperature,
                                 .top_k = arguments->top_k,
                                 .top_p = (float)arguments->top_p,
                                 .seed = (uint64_t)arguments->seed};
    return command_runs(run->progress,
                        tw_sampler_create(&sampling, run->model.vocab, &run->sampler));
}

static bool open_logits(Run *run) {
    if (!run->arguments->logits) return true;
    const int64_t fed = run->prompt.count + (run->wanted > 1 ? run->wanted - 1 : 0);
    run->has_npy = npy_open(&run->npy, run->arguments->logits, run->model.is_pooled ? 1 : fed,
                            run->model.outputs, &run->diag);
    return run->has_npy;
}

/* ---- generation ---- */

static bool is_same_stream(int a, int b) {
    struct stat one, other;
    return fstat(a, &one) == 0 && fstat(b, &other) == 0 && one.st_dev == other.st_dev &&
           one.st_ino == other.st_ino;
}

/* What is said comes on a line of its own, also where standard error goes behind the text. */
static void begin_line(Run *run) {
    if (run->is_line_open && is_same_stream(STDOUT_FILENO, STDERR_FILENO)) fputc('\n', stderr);
    run->is_line_open = false;
}

/* One call, and its logits into the file. */
static bool feed(Run *run, const int32_t *tokens, int64_t count) {
    const int64_t rows = run->has_npy && !run->model.is_pooled ? count : 1;
    TwStatus status;
    if (!engine_step(run->engine, tokens, count, rows, &status)) {
        begin_line(run);
        return command_runs(run->progress, status) && false;
    }
    for (int64_t i = 0; run->has_npy && i < rows; i++)
        if (!npy_append(&run->npy, engine_logits(run->engine, i))) return false;
    return true;
}

static bool feed_prompt(Run *run) {
    const Prompt *prompt = &run->prompt;
    const int64_t chunk = run->arguments->no_prefill ? 1 : engine_chunk(run->engine);
    const double begin = clock_seconds();
    progress_begin(run->progress, stderr);
    for (int64_t i = 0, count; i < prompt->count; i += count) {
        if (interrupt_signal()) return false;
        count = prompt->count - i < chunk ? prompt->count - i : chunk;
        if (!feed(run, prompt->tokens + i, count)) return false;
        progress_show(run->progress, "reading the prompt",
                      (double)(i + count) / (double)prompt->count);
    }
    progress_end(run->progress);
    run->prompt_seconds = clock_seconds() - begin;
    return true;
}

static void print_token(Run *run, int32_t token) {
    if (!run->model.has_byte_tokens)
        printf(run->generated ? " %d" : "%d", token);
    else if (token < 256)
        putchar(token);
    else
        printf("<%d>", token);
    run->is_line_open = token != '\n' || !run->model.has_byte_tokens;
    fflush(stdout);
}

static bool report_no_number(Run *run) {
    begin_line(run);
    return command_fail(run->progress,
                        "the logits after token %lld are not numbers (NaN): values inside the "
                        "model are beyond what an f32 holds",
                        (long long)engine_position(run->engine));
}

static bool generate(Run *run) {
    const double begin = clock_seconds();
    int64_t row = run->has_npy ? (run->prompt.count - 1) % engine_chunk(run->engine) : 0;
    if (run->arguments->no_prefill) row = 0;
    bool is_fine = true;
    while (is_fine && run->generated < run->wanted) {
        const int32_t token = tw_sampler_draw(run->sampler, engine_logits(run->engine, row));
        if (token < 0) return report_no_number(run);
        print_token(run, token);
        run->generated++;
        is_fine = !interrupt_signal() && !ferror(stdout);
        if (is_fine && run->generated < run->wanted) is_fine = feed(run, &token, 1);
        row = 0;
    }
    run->generate_seconds = clock_seconds() - begin;
    return is_fine;
}

/* Ends the line, where text that is piped on has to stay as it is. */
static void end_text(Run *run) {
    const bool is_text = run->model.has_byte_tokens;
    if (run->generated && (!is_text || (run->is_line_open && isatty(STDOUT_FILENO)))) {
        putchar('\n');
        run->is_line_open = false;
    }
    fflush(stdout);
}

static void print_end(Run *run) {
    const bool is_full = run->generated == run->wanted && run->wanted < run->asked;
    const bool has_stats = run->arguments->stats || terminal_is(stderr);
    if (is_full || has_stats) begin_line(run);
    if (is_full)
        fprintf(stderr, "note: stopped after %lld tokens: the context of %lld is full\n",
                (long long)run->generated, (long long)run->model.context);
    if (!has_stats) return;
    const int threads = engine_threads(run->engine), fewest = engine_fewest_threads(run->engine);
    fprintf(stderr, "%s: ready in %.0f ms, %d threads", run->model.name, 1e3 * run->compile_seconds,
            threads);
    if (fewest < threads) fprintf(stderr, " (at times %d: the processors are busy)", fewest);
    fprintf(stderr, "; prompt of %lld at %.1f tokens/s", (long long)run->prompt.count,
            (double)run->prompt.count / run->prompt_seconds);
    /* The first token comes from the prompt's logits. */
    if (run->generated > 1)
        fprintf(stderr, "; %lld generated at %.1f tokens/s", (long long)run->generated,
                (double)(run->generated - 1) / run->generate_seconds);
    fputc('\n', stderr);
}

static bool run_all(Run *run) {
    const double begin = clock_seconds();
    if (!read_model(run) ||
        !command_prompt(run->arguments, run->progress, &run->model, &run->prompt) ||
        !choose_count(run))
        return false;
    if (!open_engine(run) || !open_sampler(run) || !open_logits(run)) return false;
    run->compile_seconds = clock_seconds() - begin;
    progress_end(run->progress);
    if (!feed_prompt(run)) return false;
    const bool is_fine = generate(run);
    end_text(run);
    if (is_fine || interrupt_signal()) print_end(run);
    return is_fine;
}

/* Logits up to where a signal came, or the text had no more room, are whole rows, but not those
 * that were asked for. Why they could not be written themselves is said when they are closed. */
static bool close_logits(Run *run, bool is_done) {
    if (!run->has_npy) return is_done;
    return npy_close(&run->npy, is_done || run->npy.file.error, &run->diag);
}

/* Prints what there is to say, and frees all. Returns the exit code. */
static int end_run(Run *run, bool is_done) {
    const bool is_unread = run->has_npy && run->npy.file.error == EPIPE;
    if (run->diag.first || thalweg_diagnostic_count(run->thalweg)) begin_line(run);
    diag_print(&run->diag, stderr);
    engine_destroy(run->engine);
    tw_sampler_destroy(run->sampler);
    free(run->prompt.tokens);
    arena_destroy(run->diag.arena);
    const int code = command_end(run->thalweg, run->progress, is_done);
    return is_unread ? EXIT_UNREAD : code;
}

int command_run(const Arguments *arguments) {
    if (command_prompts(arguments) > 1) return command_misused(COMMAND_run, COMMAND_ONE_PROMPT);
    Progress progress;
    Run run = {.arguments = arguments, .progress = &progress};
    run.thalweg = command_thalweg(arguments, &progress);
    if (!run.thalweg) return EXIT_FAILED;
    run.diag.arena = arena_create();
    return end_run(&run, close_logits(&run, run_all(&run)));
}
