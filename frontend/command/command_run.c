/* command_run.c - `thalweg run`: continues a prompt. */
#include "frontend/command/command.h"

#include "frontend/command/interrupt.h"
#include "frontend/command/prompt.h"
#include "frontend/command/run_output.h"
#include "frontend/command/sampling.h"
#include "frontend/command/tap_files.h"
#include "frontend/files/npy.h"
#include "frontend/files/program_path.h"
#include "frontend/measure/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
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
    StopTexts *stops;
    Npy npy;
    bool has_npy;
    TapFiles *tap_files;
    Diag diag; /* of the files of logits and taps */

    int64_t asked, wanted; /* tokens; wanted are as many of those asked as fit */
    int64_t numbers;       /* that were written in place of text */
    TokenDecoder decoder;  /* without a tokenizer: they are no text, or bytes */
    GenerationOptions options;
    Generation generation;
    Transcript transcript; /* with --json */
    RunOutput output;
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

static EngineOptions engine_options(const Run *run) {
    const Arguments *arguments = run->arguments;
    return (EngineOptions){.is_interpreted = arguments->engine == ENGINE_INTERPRETER,
                           .has_all_logits = arguments->logits != NULL};
}

static bool read_model(Run *run) {
    char example[PATH_MAX];
    const bool is_given = run->arguments->operand_count > 0;
    if (!is_given && !find_example(example))
        return command_fail(run->progress, "the example model is not where it was installed; set "
                                           "THALWEG_EXAMPLES to the folder it is in, or name a "
                                           "model");
    const char *path = is_given ? run->arguments->operands[0] : example;
    const EngineOptions options = engine_options(run);
    if (!command_read_model(run->thalweg, path, &options)) return false;
    run->model = thalweg_model(run->thalweg);
    return true;
}

/* ---- how much follows ---- */

static bool choose_count(Run *run) {
    const int64_t room = run->model.context - run->prompt.count;
    run->asked = run->arguments->count;
    if (run->asked == OPTION_NOT_GIVEN) run->asked = run->arguments->logits ? 0 : DEFAULT_COUNT;
    run->wanted = run->asked >= 0 && run->asked < room ? run->asked : room;
    if (run->asked != 0 && !run->model.generates)
        return command_fail(run->progress,
                            "'%s' %s: it cannot generate; ask for its --logits, without -n",
                            run->model.name, command_why_not(&run->model));
    if (run->arguments->no_prefill && run->prompt.count > 1 && run->model.takes_whole_sequences)
        return command_fail(run->progress,
                            "'%s' %s: its tokens cannot be fed one by one; leave --no-prefill out",
                            run->model.name, command_why_not(&run->model));
    return true;
}

/* ---- what it runs on ---- */

static bool open_engine(Run *run) {
    const EngineOptions options = engine_options(run);
    run->engine = command_engine(run->thalweg, &options, run->progress);
    if (run->engine && !options.is_interpreted)
        command_say_tuning(run->thalweg, run->progress, run->arguments->stats);
    return run->engine;
}

/* Text goes on from where the prompt ends: the first token is not the first of all. */
static bool open_decoder(Run *run) {
    TokenDecoder *d = &run->decoder;
    if (!run->model.has_tokenizer) return true;
    *d = (TokenDecoder){.tokenizer = thalweg_tokenizer(run->thalweg),
                        .flags = run->arguments->special ? TW_DECODE_SPECIAL : 0};
    if (!d->tokenizer) return false;
    const size_t room = tw_tokenizer_longest(d->tokenizer);
    char *out = malloc(room + 1);
    if (!out) return command_fail(run->progress, "out of memory");
    for (int64_t i = 0; i < run->prompt.count; i++)
        tw_decode(d->tokenizer, &d->decoder, run->prompt.tokens[i], d->flags, out, room);
    free(out);
    return true;
}

static TokenText text_of(Run *run) {
    if (run->model.has_byte_tokens) return token_text_of_bytes();
    if (run->decoder.tokenizer) return token_text_of_tokenizer(&run->decoder);
    return token_text_of_numbers(&run->numbers);
}

/* How tokens are drawn, what they are as text, and what ends it. */
static bool choose_generation(Run *run) {
    const Arguments *arguments = run->arguments;
    const bool is_text = run->model.has_byte_tokens || run->decoder.tokenizer;
    run->stops = sampling_stops(arguments, is_text, run->progress);
    if (run->stops) run->sampler = sampling_create(arguments, &run->model, run->progress);
    if (!run->sampler) return false;
    run->transcript =
        (Transcript){.vocab = run->model.vocab, .top = arguments->logprobs, .has_text = is_text};
    run->options = (GenerationOptions){
        .sampler = run->sampler,
        .text = text_of(run),
        .stops = run->stops,
        .most = run->wanted,
        .ignores_ends = arguments->ignore_eos,
        .write = arguments->run_json ? transcript_add_text : run_output_write,
        .context = arguments->run_json ? (void *)&run->transcript : &run->output,
        .transcript = arguments->run_json ? &run->transcript : NULL,
    };
    return command_runs(run->progress,
                        tw_sampler_accept(run->sampler, run->prompt.tokens, run->prompt.count));
}

/* All tokens but the last that is generated. */
static int64_t count_fed(const Run *run) {
    return run->prompt.count + (run->wanted > 1 ? run->wanted - 1 : 0);
}

static bool open_logits(Run *run) {
    if (!run->arguments->logits) return true;
    run->has_npy =
        npy_open(&run->npy, run->arguments->logits, run->model.is_pooled ? 1 : count_fed(run),
                 run->model.outputs, &run->diag);
    return run->has_npy;
}

static bool place_edits(Run *run) {
    TwStatus status;
    const ThalwegPrompt prompt = {run->prompt.count, count_fed(run)};
    return engine_place_edits(run->engine, prompt, &status) ||
           (command_runs(run->progress, status) && false);
}

static bool open_taps(Run *run) {
    TwStatus status;
    run->tap_files = tap_files_open(run->thalweg, run->engine, count_fed(run), &run->diag, &status);
    return run->tap_files || (command_runs(run->progress, status) && false);
}

/* ---- generation ---- */

/* One call, and its logits into the file. */
static bool feed(Run *run, const int32_t *tokens, int64_t count) {
    const int64_t rows = run->has_npy && !run->model.is_pooled ? count : 1;
    TwStatus status;
    if (!engine_step(run->engine, tokens, count, rows, &status)) {
        run_output_begin_line(&run->output);
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

/* False: it ended for no good reason, which is said. */
static bool say_end(Run *run) {
    const GenerationEnd end = run->generation.end;
    const bool has_memory = end != GENERATION_NO_MEMORY && !run->transcript.is_cut;
    if (has_memory && end != GENERATION_NO_NUMBERS) return true;
    run_output_begin_line(&run->output);
    if (!has_memory) return command_fail(run->progress, "out of memory");
    return command_fail(run->progress,
                        "the logits after token %lld are not numbers (NaN): values inside the "
                        "model are beyond what an f32 holds",
                        (long long)engine_position(run->engine));
}

static bool generate(Run *run) {
    Generation *generation = &run->generation;
    const double begin = clock_seconds();
    int64_t row = run->has_npy ? (run->prompt.count - 1) % engine_chunk(run->engine) : 0;
    if (run->arguments->no_prefill) row = 0;
    bool is_fed = true;
    generation_begin(generation, &run->options);
    while (is_fed && !interrupt_signal() && !ferror(stdout) &&
           generation_next(generation, engine_logits(run->engine, row))) {
        is_fed = feed(run, &generation->token, 1);
        row = 0;
    }
    generation_end(generation);
    run->generate_seconds = clock_seconds() - begin;
    return is_fed && say_end(run) && !interrupt_signal() && !ferror(stdout);
}

static void print_end(Run *run) {
    const bool is_full = run->generation.count == run->wanted && run->wanted != run->asked;
    const RunReport report = {.model = run->model.name,
                              .context = run->model.context,
                              .prompt_tokens = run->prompt.count,
                              .tokens = run->generation.count,
                              .is_full = is_full,
                              .is_cut = is_full && run->asked >= 0,
                              .is_interrupted = interrupt_signal(),
                              .threads = engine_threads(run->engine),
                              .fewest_threads = engine_fewest_threads(run->engine),
                              .ready_seconds = run->compile_seconds,
                              .prompt_seconds = run->prompt_seconds,
                              .generate_seconds = run->generate_seconds};
    if (run->arguments->run_json) run_output_json(&report, &run->generation, &run->transcript);
    run_output_say(&run->output, &report, run->arguments->stats || terminal_is(stderr));
}

static bool run_all(Run *run) {
    const double begin = clock_seconds();
    if (!read_model(run) ||
        !command_prompt(run->arguments, run->progress, run->thalweg, run->model.context,
                        &run->prompt) ||
        !choose_count(run))
        return false;
    if (!open_decoder(run) || !choose_generation(run) || !open_engine(run) || !place_edits(run) ||
        !open_taps(run) || !open_logits(run))
        return false;
    run->compile_seconds = clock_seconds() - begin;
    progress_end(run->progress);
    if (!feed_prompt(run)) return false;
    bool is_fine = generate(run);
    run_output_end_text(&run->output, run->transcript.has_text);
    if (is_fine && !interrupt_signal())
        is_fine = tap_files_write(run->tap_files, engine_position(run->engine), &run->diag);
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
    if (run->diag.first || thalweg_diagnostic_count(run->thalweg))
        run_output_begin_line(&run->output);
    diag_print(&run->diag, stderr);
    engine_destroy(run->engine);
    tap_files_free(run->tap_files);
    tw_sampler_destroy(run->sampler);
    stop_texts_destroy(run->stops);
    transcript_free(&run->transcript);
    free(run->prompt.tokens);
    arena_destroy(run->diag.arena);
    const int code = command_end(run->thalweg, run->progress, is_done);
    return is_unread ? EXIT_UNREAD : code;
}

int command_run(const Arguments *arguments) {
    if (command_prompts(arguments) > 1) return command_misused(COMMAND_run, COMMAND_ONE_PROMPT);
    const char *wrong = sampling_misused(arguments);
    if (arguments->logprobs && !arguments->run_json)
        wrong = "--logprobs are a part of what --json writes";
    if (arguments->chat && (arguments->tokens || arguments->tokens_file))
        wrong = "--chat is about text, and --tokens are numbers";
    if (!arguments->chat &&
        (arguments->system_prompt || arguments->chat_template || arguments->chat_variable.count))
        wrong = "--system, --chat-template and --chat-variable are for --chat";
    if (wrong) return command_misused(COMMAND_run, wrong);
    for (int i = 0; i < arguments->taps.count; i++)
        if (!command_tap_names_file(arguments->taps.item[i]))
            return command_misused(COMMAND_run, "--tap needs a file, as resid_post=FILE.npy");
    Progress progress;
    Run run = {.arguments = arguments, .progress = &progress};
    run.thalweg = command_thalweg(arguments, &progress);
    if (!run.thalweg) return EXIT_FAILED;
    run.diag.arena = arena_create();
    return end_run(&run, close_logits(&run, run_all(&run)));
}
