/* main.c - the program around a model that `thalweg compile --emit=exe` links: continues a prompt.
 */
#include "runtime/generation/generation.h"
#include "runtime/standalone/arguments.h"
#include "runtime/standalone/logits_file.h"
#include "runtime/standalone/message.h"
#include "runtime/standalone/prompt_tokens.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <time.h>
#include <unistd.h>

/* In the object of the model. */
extern const TwModule *const tw_program_module;

enum { DEFAULT_COUNT = 200, DEFAULT_WINDOW = 64 };

static int64_t rows_of_call(const TwProgram *program, int64_t tokens) {
    const bool is_said = program->struct_bytes > offsetof(TwProgram, is_pooled);
    return is_said && program->is_pooled ? 1 : tokens;
}

static int complain(const Arguments *arguments, const char *what, const char *text) {
    return message_error(arguments->program, what, text);
}

/* A file of the model must not take the place of a stream that is closed. */
static bool fill_standard_streams(void) {
    for (int stream = STDIN_FILENO; stream <= STDERR_FILENO; stream++)
        if (fcntl(stream, F_GETFD) < 0 && open("/dev/null", O_RDWR) != stream) return false;
    return true;
}

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* ---- the model ---- */

/* Where /proc is not mounted, the kernel still says by which path the program was run. */
static bool find_program(char path[PATH_MAX]) {
    const ssize_t length = readlink("/proc/self/exe", path, PATH_MAX - 1);
    const char *run = length > 0 ? NULL : (const char *)getauxval(AT_EXECFN);
    if (length > 0) path[length] = '\0';
    return length > 0 || (run && realpath(run, path));
}

/* PROGRAM and an ending, wherever it is called from. */
static bool find_beside(const char *ending, char path[PATH_MAX]) {
    if (!find_program(path) || strlen(path) + strlen(ending) >= PATH_MAX) return false;
    strcat(path, ending);
    return true;
}

static int open_model(const Arguments *a, const TwModule *module, TwModel **out) {
    char beside[PATH_MAX];
    const char *path = a->weights;
    if (!path && !module->weights) {
        if (!find_beside(".weights", beside))
            return complain(a,
                            "nobody says where this program lies, and so its weights: name "
                            "them by --weights",
                            NULL);
        path = beside;
    }
    const TwStatus status = tw_model_open(module, path, out);
    if (status == TW_OK) return 0;
    return complain(a, tw_status_text(status), status == TW_BAD_CPU ? NULL : path);
}

/* Without one, *out stays null. */
static int open_tokenizer(const Arguments *a, const TwModule *module, TwTokenizer **out) {
    char beside[PATH_MAX];
    const char *path = a->tokenizer;
    if (!module_has_tokenizer(module)) return 0;
    if (!path && !module->tokenizer) {
        if (!find_beside(".tokenizer", beside))
            return complain(a,
                            "nobody says where this program lies, and so its tokenizer: name it "
                            "by --tokenizer",
                            NULL);
        path = beside;
    }
    const TwStatus status = tw_module_tokenizer(module, path, out);
    return status == TW_OK ? 0 : complain(a, tw_status_text(status), path);
}

/* ---- generation ---- */

typedef struct {
    const Arguments *arguments;
    const TwModule *module;
    const TwProgram *program;
    const PromptTokens *prompt;
    int64_t count; /* of tokens to generate, that fit */
    TwSession *session;
    TwSampler *sampler;
    StopTexts *stops;
    LogitsFile *logits;    /* null: not asked for */
    int64_t numbers;       /* that were written in place of text */
    TokenDecoder decoder;  /* without a tokenizer: they are no text, or bytes */
    Transcript transcript; /* with --json */
    GenerationOptions options;
    Generation generation;
    double begin, ready, fed, end; /* seconds */
} Run;

/* One call; its logits go to the file. */
static TwStatus feed(const Run *run, const int32_t *tokens, int64_t count) {
    const int64_t rows = run->logits ? rows_of_call(run->program, count) : 1;
    const TwStatus status = tw_session_step(run->session, tokens, count, rows);
    for (int64_t i = 0; run->logits && status == TW_OK && i < rows; i++)
        logits_file_append(run->logits, tw_session_logits(run->session, i));
    return status;
}

static TwStatus feed_prompt(const Run *run) {
    const int64_t chunk = run->program->chunk, all = run->prompt->count;
    TwStatus status = all > run->program->context ? TW_CONTEXT_FULL : TW_OK;
    for (int64_t i = 0; i < all && status == TW_OK; i += chunk)
        status = feed(run, run->prompt->token + i, all - i < chunk ? all - i : chunk);
    return status;
}

static TwStatus generate(Run *run) {
    Generation *generation = &run->generation;
    TwStatus status = feed_prompt(run);
    int64_t row = run->logits ? (run->prompt->count - 1) % run->program->chunk : 0;
    run->fed = seconds();
    generation_begin(generation, &run->options);
    while (status == TW_OK && !ferror(stdout) &&
           generation_next(generation, tw_session_logits(run->session, row))) {
        status = feed(run, &generation->token, 1);
        row = 0;
    }
    generation_end(generation);
    run->end = seconds();
    if (run->numbers) putchar('\n');
    return status;
}

/* -1: until the context ends. */
static int64_t asked_count(const Arguments *a) {
    const int64_t usual = a->logits ? 0 : DEFAULT_COUNT;
    return a->count == COUNT_NOT_GIVEN ? usual : a->count;
}

/* As many of the tokens asked for as fit behind the prompt. */
static int64_t choose_count(const Arguments *a, const TwProgram *program, int64_t prompt) {
    const int64_t room = program->context > prompt ? program->context - prompt : 0;
    const int64_t asked = asked_count(a);
    return asked >= 0 && asked < room ? asked : room;
}

static void write_text(void *context, const char *bytes, size_t count) {
    (void)context;
    fwrite(bytes, 1, count, stdout);
    if (count) fflush(stdout);
}

/* Text goes on from where the prompt ends: the first token is not the first of all. */
static bool feed_decoder(TokenDecoder *d, const PromptTokens *prompt) {
    const size_t room = tw_tokenizer_longest(d->tokenizer);
    char *out = malloc(room + 1);
    for (int64_t i = 0; out && i < prompt->count; i++)
        tw_decode(d->tokenizer, &d->decoder, prompt->token[i], d->flags, out, room);
    free(out);
    return out;
}

static TokenText text_of(Run *run) {
    if (run->module->has_byte_tokens) return token_text_of_bytes();
    if (run->decoder.tokenizer) return token_text_of_tokenizer(&run->decoder);
    return token_text_of_numbers(&run->numbers);
}

static TwStatus choose_generation(Run *run) {
    const Arguments *a = run->arguments;
    const bool is_text = run->module->has_byte_tokens || run->decoder.tokenizer;
    const PromptTokens *prompt = run->prompt;
    TwStatus status = tw_sampler_create_from(&a->sampler, run->program->vocab, &run->sampler);
    if (status == TW_OK) status = tw_sampler_accept(run->sampler, prompt->token, prompt->count);
    run->stops = stop_texts_create(a->stop, a->stop_count);
    if (!run->stops) status = TW_NO_MEMORY;
    run->decoder.flags = a->names_specials ? TW_DECODE_SPECIAL : 0;
    if (run->decoder.tokenizer && !feed_decoder(&run->decoder, prompt)) status = TW_NO_MEMORY;
    run->transcript =
        (Transcript){.vocab = run->program->vocab, .top = a->logprobs, .has_text = is_text};
    run->options = (GenerationOptions){
        .sampler = run->sampler,
        .text = text_of(run),
        .stops = run->stops,
        .most = run->count,
        .ignores_ends = a->ignores_ends,
        .write = a->is_json ? transcript_add_text : write_text,
        .context = &run->transcript,
        .transcript = a->is_json ? &run->transcript : NULL,
    };
    return status;
}

static void write_json(const Run *run) {
    static const char *const names[] = {[GENERATION_BY_TOKEN] = "token",
                                        [GENERATION_BY_STOP] = "stop",
                                        [GENERATION_BY_COUNT] = "count"};
    const bool is_full = run->count != asked_count(run->arguments);
    const GenerationEnd end = run->generation.end;
    const TranscriptFacts facts = {
        .model = run->module->name,
        .end = end == GENERATION_BY_COUNT && is_full ? "context" : names[end],
        .stop = run->generation.stop,
        .prompt_tokens = run->prompt->count,
        .threads = tw_session_threads(run->session),
        .ready_seconds = run->ready - run->begin,
        .prompt_seconds = run->fed - run->ready,
        .generate_seconds = run->end - run->fed,
    };
    transcript_write(&run->transcript, &facts, stdout);
}

static int run_session(Run *run) {
    const Arguments *a = run->arguments;
    const TwStatus status = generate(run);
    const GenerationEnd end = run->generation.end;
    const bool is_written = !run->logits || logits_file_close(run->logits);
    if (status != TW_OK) return complain(a, tw_status_text(status), NULL);
    if (end == GENERATION_NO_MEMORY || run->transcript.is_cut)
        return complain(a, "out of memory", NULL);
    if (end == GENERATION_NO_NUMBERS) return complain(a, "the logits are not numbers (NaN)", NULL);
    if (a->is_json && end != GENERATION_GOES_ON) write_json(run);
    if (is_written || !run->logits->error) return message_end_output(a->program);
    if (run->logits->error == EPIPE) return EXIT_UNREAD;
    return complain(a, strerror(run->logits->error), a->logits);
}

/* The file is opened last: nothing can fail between that and the calls. */
static int run(Run *run, TwModel *model) {
    const Arguments *a = run->arguments;
    const int64_t chunk = run->program->chunk, tokens = run->prompt->count;
    TwSessionOptions options = {.threads = (int)a->threads};
    LogitsFile file;
    if (a->logits) options.logit_rows = tokens < chunk ? tokens : chunk;
    TwStatus status = choose_generation(run);
    if (status == TW_OK) status = tw_model_session(model, &options, &run->session);
    if (status != TW_OK) return complain(a, tw_status_text(status), NULL);
    run->ready = seconds();
    if (!a->logits) return run_session(run);
    const int64_t fed = tokens + (run->count > 1 ? run->count - 1 : 0);
    if (!logits_file_open(&file, a->logits, rows_of_call(run->program, fed),
                          tw_program_outputs(run->program))) /* closed by run_session() */
        return complain(a, strerror(file.error), a->logits);
    run->logits = &file;
    return run_session(run);
}

static int run_model(const Arguments *a, const TwModule *module, const TwTokenizer *tokenizer,
                     const PromptTokens *prompt, TwModel *model, double begin) {
    Run of_model = {.arguments = a,
                    .module = module,
                    .program = tw_model_program(model),
                    .prompt = prompt,
                    .decoder = {.tokenizer = tokenizer},
                    .begin = begin};
    of_model.count = choose_count(a, of_model.program, prompt->count);
    const int code = run(&of_model, model);
    transcript_free(&of_model.transcript);
    stop_texts_destroy(of_model.stops);
    tw_sampler_destroy(of_model.sampler);
    tw_session_destroy(of_model.session);
    return code;
}

int main(int argc, char **argv) {
    const TwModule *module = tw_program_module;
    const double begin = seconds();
    Arguments arguments = {
        .program = argc ? argv[0] : module->name,
        .count = COUNT_NOT_GIVEN,
        .sampler = {.temperature = 0.8F, .top_p = 1, .repeat_window = DEFAULT_WINDOW}};
    PromptTokens prompt = {0};
    TwModel *model = NULL;
    TwTokenizer *tokenizer = NULL;
    if (!fill_standard_streams()) return EXIT_FAILURE;
    signal(SIGPIPE, SIG_IGN);
    int code = arguments_read(argc, argv, module->program[0], &arguments);
    if (code < 0) {
        code = arguments_check(&arguments, module);
        if (!code) code = open_tokenizer(&arguments, module, &tokenizer);
        if (!code) code = prompt_tokens_read(&arguments, tokenizer, &prompt);
        if (!code) code = open_model(&arguments, module, &model);
        if (!code) code = run_model(&arguments, module, tokenizer, &prompt, model, begin);
    }
    tw_model_close(model);
    tw_tokenizer_close(tokenizer);
    free(prompt.token);
    return code;
}
