/* command_perplexity.c - `thalweg perplexity`: how well a model foretells a text.
 *
 * Both ways take windows of --context tokens, each fed to a sequence of its own, and the mean of
 * -log p(token | those before it in the window) over the tokens that they count:
 *
 *   windows  every --stride tokens one begins. It counts those of its targets that no window before
 *            it has counted: all tokens of the text but the first, once each. A token's row
 *            foretells the next one, so a window's last row foretells the token behind it.
 *   chunks   llama.cpp's way: they do not overlap, the last is left out if it is not whole, and of
 *            each the targets behind its middle are counted, all of them within the chunk. Where
 *            texts of the model begin with a token of their own, each chunk's first becomes that.
 */
#include "frontend/command/command.h"

#include "frontend/command/interrupt.h"
#include "frontend/measure/clock.h"
#include "runtime/generation/json_text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { USUAL_CONTEXT = 2048, LEAST_CHUNK = 4 };

typedef struct {
    const Arguments *arguments;
    Progress *progress;
    Thalweg *thalweg;
    ThalwegModel model;
    CommandTokens text;
    Engine *engine;

    bool is_chunks;
    int64_t context, stride, windows;

    int64_t fed, counted; /* tokens */
    double sum, squares;  /* of -log p */
    double begin, seconds;
} Perplexity;

/* ---- what is asked for ---- */

static EngineOptions engine_options(const Perplexity *p) {
    return (EngineOptions){.is_interpreted = p->arguments->engine == ENGINE_INTERPRETER,
                           .has_all_logits = true};
}

static bool read_model(Perplexity *p) {
    const EngineOptions options = engine_options(p);
    if (!command_read_model(p->thalweg, p->arguments->operands[0], &options)) return false;
    p->model = thalweg_model(p->thalweg);
    return p->model.generates || command_fail(p->progress, "'%s' %s: it has no perplexity",
                                              p->model.name, command_why_not(&p->model));
}

static bool read_text(Perplexity *p) {
    const char *numbers = p->arguments->tokens_file;
    const char *path = numbers ? numbers : p->arguments->operands[1];
    return command_text(p->progress, p->thalweg, path, numbers, &p->text);
}

static bool choose_chunks(Perplexity *p) {
    const int64_t most = p->arguments->chunks;
    p->stride = p->context;
    p->windows = p->text.count / p->context;
    if (p->context < LEAST_CHUNK)
        return command_fail(p->progress, "a chunk has at least %d tokens: --context is %lld",
                            LEAST_CHUNK, (long long)p->context);
    if (!p->windows)
        return command_fail(p->progress, "the text has %lld tokens, less than a chunk of %lld",
                            (long long)p->text.count, (long long)p->context);
    if (most && most < p->windows) p->windows = most;
    return true;
}

/* The last window is the first one that sees all of the text. */
static bool choose_windows(Perplexity *p) {
    const int64_t targets = p->text.count - 1, asked = p->arguments->stride;
    p->stride = asked == OPTION_NOT_GIVEN ? p->context : asked;
    if (targets < 1)
        return command_fail(p->progress, "the text has one token: at least two are needed");
    if (p->stride > p->context)
        return command_fail(p->progress, "--stride is %lld, more than the %lld tokens of a window",
                            (long long)p->stride, (long long)p->context);
    const int64_t behind = targets > p->context ? targets - p->context : 0;
    p->windows = 1 + (behind + p->stride - 1) / p->stride;
    return true;
}

static bool choose_way(Perplexity *p) {
    const int64_t asked = p->arguments->window, model = p->model.context;
    p->is_chunks = p->arguments->chunks != OPTION_NOT_GIVEN;
    p->context = asked != OPTION_NOT_GIVEN ? asked : model < USUAL_CONTEXT ? model : USUAL_CONTEXT;
    if (p->context > model)
        return command_fail(p->progress, "--context is %lld, the model's %lld",
                            (long long)p->context, (long long)model);
    return p->is_chunks ? choose_chunks(p) : choose_windows(p);
}

/* ---- the windows ---- */

/* A token, foretold by a row of logits. */
static bool count_token(Perplexity *p, const float *logits, int64_t place) {
    const double surprise = -tw_logprob(logits, p->model.vocab, p->text.tokens[place]);
    p->sum += surprise;
    p->squares += surprise * surprise;
    p->counted++;
    return !isnan(surprise) ||
           command_fail(p->progress, "the logits after token %lld are not numbers (NaN)",
                        (long long)place - 1);
}

/* Feeds tokens [begin, end) to a new sequence, and counts what rows from `first` on foretell. */
static bool feed_window(Perplexity *p, int64_t begin, int64_t end, int64_t first) {
    const int64_t chunk = engine_chunk(p->engine);
    TwStatus status;
    engine_reset(p->engine);
    if (!engine_place_edits(p->engine, (ThalwegPrompt){end - begin, end - begin}, &status))
        return command_runs(p->progress, status) && false;
    for (int64_t at = begin, count; at < end; at += count) {
        count = end - at < chunk ? end - at : chunk;
        const int64_t from = first > at ? first : at; /* its row is the first that counts */
        const int64_t rows = at + count > from ? at + count - from : 1;
        if (interrupt_signal()) return false;
        p->fed += count;
        if (!engine_step(p->engine, p->text.tokens + at, count, rows, &status))
            return command_runs(p->progress, status) && false;
        for (int64_t i = from; i < at + count; i++)
            if (!count_token(p, engine_logits(p->engine, i - from), i + 1)) return false;
    }
    return true;
}

/* What rows of a window count, and whether all of it is fed. */
static bool take_window(Perplexity *p, int64_t number) {
    const int64_t begin = number * p->stride, whole = begin + p->context;
    const int64_t all = p->text.count - 1; /* the last token foretells nothing */
    if (p->is_chunks) {
        if (p->text.begin >= 0)
            p->text.tokens[begin] = p->text.begin; /* no target, and in no other chunk */
        return feed_window(p, begin, whole - 1, begin + p->context / 2);
    }
    const int64_t counted = number ? begin - p->stride + p->context : 0;
    return feed_window(p, begin, whole < all ? whole : all, counted);
}

static void show(const Perplexity *p, double done) {
    char text[60];
    const double left = (clock_seconds() - p->begin) * (1 - done) / done;
    snprintf(text, sizeof text, "perplexity %.4f, %.0f s left,", exp(p->sum / (double)p->counted),
             left);
    progress_show(p->progress, text, done);
}

static bool take_windows(Perplexity *p) {
    progress_end(p->progress);
    progress_begin(p->progress, stderr);
    p->begin = clock_seconds();
    for (int64_t i = 0; i < p->windows; i++) {
        if (!take_window(p, i)) return false;
        show(p, (double)(i + 1) / (double)p->windows);
    }
    p->seconds = clock_seconds() - p->begin;
    progress_end(p->progress);
    return true;
}

/* ---- what is said ---- */

typedef struct {
    double nats, perplexity, error; /* the standard error of the perplexity; 0: of one token */
    double bits;                    /* of a byte; NaN: the text is numbers */
} Result;

static Result take_result(const Perplexity *p) {
    const double count = (double)p->counted, nats = p->sum / count;
    const double variance = p->squares / count - nats * nats;
    const double error = p->counted > 1 && variance > 0 ? sqrt(variance / (count - 1)) : 0;
    return (Result){.nats = nats,
                    .perplexity = exp(nats),
                    .error = exp(nats) * error,
                    .bits = p->text.bytes
                                ? nats / log(2) * (double)p->text.count / (double)p->text.bytes
                                : NAN};
}

static void print_text(const Perplexity *p, const Result *result) {
    printf("tokens      %lld, of which %lld count\n", (long long)p->text.count,
           (long long)p->counted);
    if (p->is_chunks)
        printf("way         %lld chunks of %lld, of each what is behind its middle, as llama.cpp "
               "has it\n",
               (long long)p->windows, (long long)p->context);
    else
        printf("way         %lld windows of %lld, one every %lld tokens\n", (long long)p->windows,
               (long long)p->context, (long long)p->stride);
    printf("perplexity  %.5f +- %.5f\n", result->perplexity, result->error);
    printf("loss        %.5f nats a token", result->nats);
    if (p->text.bytes) printf(", %.5f bits a byte", result->bits);
    printf("\nspeed       %.1f tokens/s\n", (double)p->fed / p->seconds);
}

static void print_number(const char *name, double value, const char *after) {
    printf("  \"%s\": ", name);
    json_text_number(value, stdout);
    fputs(after, stdout);
}

static void print_json(const Perplexity *p, const Result *result) {
    printf("{\n  \"way\": \"%s\",\n  \"context\": %lld,\n  \"stride\": %lld,\n"
           "  \"windows\": %lld,\n  \"tokens\": %lld,\n  \"counted\": %lld,\n",
           p->is_chunks ? "chunks" : "windows", (long long)p->context, (long long)p->stride,
           (long long)p->windows, (long long)p->text.count, (long long)p->counted);
    print_number("perplexity", result->perplexity, ",\n");
    print_number("standard_error", result->error, ",\n");
    print_number("nats_per_token", result->nats, ",\n");
    print_number("bits_per_byte", result->bits, ",\n");
    print_number("seconds", p->seconds, "\n}\n");
}

static bool measure(Perplexity *p) {
    const EngineOptions options = engine_options(p);
    if (!read_model(p) || !read_text(p) || !choose_way(p)) return false;
    p->engine = command_engine(p->thalweg, &options, p->progress);
    if (!p->engine || !take_windows(p)) return false;
    const Result result = take_result(p);
    if (p->arguments->json)
        print_json(p, &result);
    else
        print_text(p, &result);
    return fflush(stdout) == 0;
}

int command_perplexity(const Arguments *arguments) {
    const char *wrong = NULL;
    if ((arguments->operand_count > 1) == (arguments->tokens_file != NULL))
        wrong = "one of FILE and --tokens-file says what to read";
    else if (arguments->chunks != OPTION_NOT_GIVEN && arguments->stride != OPTION_NOT_GIVEN)
        wrong = "--chunks and --stride exclude each other: chunks do not overlap";
    if (wrong) return command_misused(COMMAND_perplexity, wrong);
    Progress progress;
    Perplexity p = {.arguments = arguments, .progress = &progress};
    p.thalweg = command_thalweg(arguments, &progress);
    if (!p.thalweg) return EXIT_FAILED;
    const bool is_done = measure(&p);
    engine_destroy(p.engine);
    free(p.text.tokens);
    return command_end(p.thalweg, &progress, is_done);
}
