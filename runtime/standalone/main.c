/* main.c - the program around a model that `thalweg compile --emit=exe` links: continues a prompt.
 */
#include "runtime/runtime.h"
#include "runtime/standalone/logits_file.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

/* In the object of the model. */
extern const TwModule *const tw_program_module;

enum { EXIT_USAGE = 2, EXIT_UNREAD = 128 + SIGPIPE, DEFAULT_COUNT = 200 };

typedef struct {
    const char *program, *prompt, *tokens, *weights, *logits;
    long long count, threads; /* count -1: not said */
    TwSampling sampling;
} Arguments;

typedef struct {
    int32_t *token;
    int64_t count;
} Tokens;

static const char help[] =
    "Continues a prompt, and writes what it generates to standard output.\n"
    "\n"
    "  -p, --prompt TEXT       the text to continue (of models whose tokens are bytes); '-': "
    "standard\n"
    "                          input\n"
    "      --tokens 1,2,3      token numbers in place of a prompt; '-': standard input\n"
    "  -n, --count COUNT       tokens to generate (200, with --logits 0, or as many as fit)\n"
    "  -t, --temperature REAL  0 takes the most likely token (0.8)\n"
    "      --top-k COUNT       draw from so many of the most likely tokens (0: all)\n"
    "      --top-p REAL        draw from the most likely tokens of this probability (1)\n"
    "  -s, --seed NUMBER       of the random draws (0)\n"
    "      --logits FILE.npy   write the logits [tokens, vocab] of every token fed, as float32: "
    "the\n"
    "                          prompt's, and with -n of the generated tokens all but the last\n"
    "      --embeddings FILE.npy\n"
    "                          the same of a model that gives other rows than logits\n"
    "  -j, --threads COUNT     0: as many as there are processors (0)\n"
    "  -w, --weights FILE      packed weights (those inside, or PROGRAM.weights)\n"
    "  -h, --help              show this\n";

static const char not_causal[] =
    "\n"
    "The model is not causal: it cannot generate, but has --logits, of the whole prompt at once.\n";

static const char no_logits[] = "\n"
                                "The model gives no logits of its tokens: it cannot generate, but "
                                "has --embeddings of the prompt,\n"
                                "a row for each token, or one row if it pools them.\n";

/* Earlier objects end before the field. */
static bool gives_logits(const TwProgram *program) {
    return program->struct_bytes <= offsetof(TwProgram, outputs) || !program->outputs;
}

static int64_t rows_of_call(const TwProgram *program, int64_t tokens) {
    const bool is_said = program->struct_bytes > offsetof(TwProgram, is_pooled);
    return is_said && program->is_pooled ? 1 : tokens;
}

static int complain(const Arguments *arguments, const char *what, const char *text) {
    fprintf(stderr, "%s: %s%s%s%s\n", arguments->program, text ? "'" : "", text ? text : "",
            text ? "' " : "", what);
    return EXIT_FAILURE;
}

/* The exit code: what could not be written may only be seen now. Where nobody reads any more, as
 * behind `| head`, there is nobody to be told. */
static int end_output(const Arguments *arguments) {
    struct pollfd output = {.fd = STDOUT_FILENO, .events = POLLOUT};
    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout)) return EXIT_SUCCESS;
    const char *reason = errno ? strerror(errno) : "an earlier write failed";
    if (poll(&output, 1, 0) > 0 && (output.revents & (POLLERR | POLLHUP))) return EXIT_UNREAD;
    return complain(arguments, reason, NULL);
}

/* A file of the model must not take the place of a stream that is closed. */
static bool fill_standard_streams(void) {
    for (int stream = STDIN_FILENO; stream <= STDERR_FILENO; stream++)
        if (fcntl(stream, F_GETFD) < 0 && open("/dev/null", O_RDWR) != stream) return false;
    return true;
}

/* ---- arguments ---- */

static bool read_whole(const char *text, long long most, long long *out) {
    char *end;
    errno = 0;
    *out = strtoll(text, &end, 10);
    return end != text && !*end && !errno && *out >= 0 && *out <= most;
}

static bool read_real(const char *text, double most, float *out) {
    char *end;
    const double value = strtod(text, &end);
    *out = (float)value;
    return end != text && !*end && value >= 0 && value <= most;
}

/* Of one option; false: its value is none. */
static bool set_option(Arguments *a, int option, const char *value) {
    long long whole = 0;
    switch (option) {
    case 'p': a->prompt = value; return true;
    case 'T': a->tokens = value; return true;
    case 'w': a->weights = value; return true;
    case 'l': a->logits = value; return true;
    case 'n': return read_whole(value, INT_MAX, &a->count);
    case 'j': return read_whole(value, 256, &a->threads);
    case 't': return read_real(value, 1000, &a->sampling.temperature);
    case 'P': return read_real(value, 1, &a->sampling.top_p);
    case 'k':
        if (!read_whole(value, INT_MAX, &whole)) return false;
        a->sampling.top_k = whole;
        return true;
    default:
        if (!read_whole(value, LLONG_MAX, &whole)) return false;
        a->sampling.seed = (uint64_t)whole;
        return true;
    }
}

/* -1: go on, else the exit code. */
static int read_arguments(int argc, char **argv, Arguments *a, const TwProgram *program) {
    static const struct option options[] = {{"prompt", required_argument, NULL, 'p'},
                                            {"tokens", required_argument, NULL, 'T'},
                                            {"count", required_argument, NULL, 'n'},
                                            {"temperature", required_argument, NULL, 't'},
                                            {"top-k", required_argument, NULL, 'k'},
                                            {"top-p", required_argument, NULL, 'P'},
                                            {"seed", required_argument, NULL, 's'},
                                            {"logits", required_argument, NULL, 'l'},
                                            {"embeddings", required_argument, NULL, 'l'},
                                            {"threads", required_argument, NULL, 'j'},
                                            {"weights", required_argument, NULL, 'w'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    int option;
    while ((option = getopt_long(argc, argv, "p:n:t:s:j:w:h", options, NULL)) != -1) {
        if (option == '?') return EXIT_USAGE; /* getopt has said what is wrong */
        if (option == 'h') {
            const char *end = gives_logits(program) ? not_causal : no_logits;
            printf("Usage: %s [OPTION]...\n%s%s", a->program, help,
                   tw_program_generates(program) ? "" : end);
            return end_output(a);
        }
        if (set_option(a, option, optarg)) continue;
        complain(a, "is not a number that this option takes; --help says more", optarg);
        return EXIT_USAGE;
    }
    if (optind == argc) return -1;
    complain(a, "is not an option; --help says what there is", argv[optind]);
    return EXIT_USAGE;
}

/* The words of `thalweg run`. */
static int check_use(const Arguments *a, const TwProgram *program) {
    if (tw_program_generates(program) || (a->logits && a->count <= 0)) return 0;
    if (!gives_logits(program))
        return complain(a,
                        "the model gives no logits of its tokens: it cannot generate; ask for its "
                        "--embeddings, without -n",
                        NULL);
    return complain(
        a, "the model is not causal: it cannot generate; ask for its --logits, without -n", NULL);
}

/* ---- the prompt ---- */

/* Numbers, with a comma or white space between each and the next, and NUL behind them. */
static bool read_list(const char *text, Tokens *out) {
    static const char spaces[] = " \t\n\v\f\r";
    for (char *end;; text = end) {
        errno = 0;
        const long token = strtol(text, &end, 10);
        if (end == text || errno || token < 0 || token > INT32_MAX) return false;
        out->token[out->count++] = (int32_t)token;
        const char *next = end + strspn(end, spaces);
        if (!*next) return true;
        if (next == end && *next != ',') return false;
        end += next - end + (*next == ',');
    }
}

/* All of standard input, and NUL; malloc. Null: said. */
static char *read_input(const Arguments *a, size_t *length) {
    enum { MOST = 64 << 20 };
    char *text = NULL;
    size_t room = 1 << 16;
    for (*length = 0;; room *= 2) {
        char *more = realloc(text, room + 1);
        if (!more) break;
        text = more;
        *length += fread(text + *length, 1, room - *length, stdin);
        text[*length] = 0;
        if (*length < room && !ferror(stdin)) return text;
        if (*length < room || room >= MOST) break;
    }
    complain(a, "standard input cannot be read, or is too long", NULL);
    free(text);
    return NULL;
}

/* Of a text that comes from there. */
static int read_tokens(const Arguments *a, const char *text, size_t length, const char *name,
                       Tokens *out) {
    if (!length) return complain(a, "the prompt is empty", NULL);
    out->token = calloc(length, sizeof *out->token);
    if (!out->token) return complain(a, "out of memory", NULL);
    if (a->tokens)
        return read_list(text, out) ? 0 : complain(a, "is no list of tokens, as 1,2,3", name);
    for (size_t i = 0; i < length; i++) out->token[out->count++] = (unsigned char)text[i];
    return 0;
}

static int read_prompt(const Arguments *a, const TwModule *module, Tokens *out) {
    const char *text = a->tokens ? a->tokens : a->prompt ? a->prompt : "\n";
    size_t length = strlen(text);
    if (!a->tokens && !module->has_byte_tokens)
        return complain(a, "the model has no tokenizer for text: give --tokens, as 1,2,3", NULL);
    if (strcmp(text, "-") != 0) return read_tokens(a, text, length, text, out);
    char *input = read_input(a, &length);
    const int code = input ? read_tokens(a, input, length, "standard input", out) : EXIT_FAILURE;
    free(input);
    return code;
}

/* ---- the model ---- */

/* Where /proc is not mounted, the kernel still says by which path the program was run. */
static bool find_program(char path[PATH_MAX]) {
    const ssize_t length = readlink("/proc/self/exe", path, PATH_MAX - 1);
    const char *run = length > 0 ? NULL : (const char *)getauxval(AT_EXECFN);
    if (length > 0) path[length] = '\0';
    return length > 0 || (run && realpath(run, path));
}

/* PROGRAM.weights, wherever it is called from. */
static bool find_weights(char path[PATH_MAX]) {
    static const char ending[] = ".weights";
    if (!find_program(path) || strlen(path) + sizeof ending > PATH_MAX) return false;
    strcat(path, ending);
    return true;
}

static int open_model(const Arguments *a, const TwModule *module, TwModel **out) {
    char beside[PATH_MAX];
    const char *path = a->weights;
    if (!path && !module->weights) {
        if (!find_weights(beside))
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

/* ---- generation ---- */

static void print_token(const TwModule *module, int64_t number, int32_t token) {
    if (!module->has_byte_tokens)
        printf(number ? " %d" : "%d", token);
    else if (token < 256)
        putchar(token);
    else
        printf("<%d>", token);
    fflush(stdout);
}

typedef struct {
    const Arguments *arguments;
    const TwModule *module;
    const TwProgram *program;
    const Tokens *prompt;
    int64_t count; /* of tokens to generate, that fit */
    TwSession *session;
    TwSampler *sampler;
    LogitsFile *logits;  /* null: not asked for */
    bool has_no_numbers; /* all logits that a token was to be drawn from are NaN */
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
    TwStatus status = feed_prompt(run);
    int64_t row = run->logits ? (run->prompt->count - 1) % run->program->chunk : 0;
    for (int64_t i = 0; i < run->count && status == TW_OK && !ferror(stdout); i++) {
        const int32_t token = tw_sampler_draw(run->sampler, tw_session_logits(run->session, row));
        run->has_no_numbers = token < 0;
        if (run->has_no_numbers) break;
        print_token(run->module, i, token);
        if (i + 1 < run->count) status = feed(run, &token, 1);
        row = 0;
    }
    if (!run->module->has_byte_tokens && run->count > 0) putchar('\n');
    return status;
}

/* As many of the tokens asked for as fit behind the prompt. */
static int64_t choose_count(const Arguments *a, const TwProgram *program, const Tokens *prompt) {
    const int64_t room = program->context > prompt->count ? program->context - prompt->count : 0;
    const int64_t asked = a->count >= 0 ? a->count : a->logits ? 0 : DEFAULT_COUNT;
    return asked < room ? asked : room;
}

static int run_session(Run *run) {
    const Arguments *a = run->arguments;
    const TwStatus status = generate(run);
    const bool is_written = !run->logits || logits_file_close(run->logits);
    if (status != TW_OK) return complain(a, tw_status_text(status), NULL);
    if (run->has_no_numbers) return complain(a, "the logits are not numbers (NaN)", NULL);
    if (is_written || !run->logits->error) return end_output(a);
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
    TwStatus status = tw_model_session(model, &options, &run->session);
    if (status == TW_OK)
        status = tw_sampler_create(&a->sampling, run->program->vocab, &run->sampler);
    if (status != TW_OK) return complain(a, tw_status_text(status), NULL);
    if (!a->logits) return run_session(run);
    const int64_t fed = tokens + (run->count > 1 ? run->count - 1 : 0);
    if (!logits_file_open(&file, a->logits, rows_of_call(run->program, fed),
                          tw_program_outputs(run->program))) /* closed by run_session() */
        return complain(a, strerror(file.error), a->logits);
    run->logits = &file;
    return run_session(run);
}

static int run_model(const Arguments *a, const TwModule *module, const Tokens *prompt,
                     TwModel *model) {
    Run of_model = {
        .arguments = a, .module = module, .program = tw_model_program(model), .prompt = prompt};
    of_model.count = choose_count(a, of_model.program, prompt);
    const int code = run(&of_model, model);
    tw_sampler_destroy(of_model.sampler);
    tw_session_destroy(of_model.session);
    return code;
}

int main(int argc, char **argv) {
    const TwModule *module = tw_program_module;
    Arguments arguments = {.program = argc ? argv[0] : module->name,
                           .count = -1,
                           .sampling = {.temperature = 0.8F, .top_p = 1}};
    Tokens prompt = {0};
    TwModel *model = NULL;
    if (!fill_standard_streams()) return EXIT_FAILURE;
    signal(SIGPIPE, SIG_IGN);
    int code = read_arguments(argc, argv, &arguments, module->program[0]);
    if (code < 0) {
        code = check_use(&arguments, module->program[0]);
        if (!code) code = read_prompt(&arguments, module, &prompt);
        if (!code) code = open_model(&arguments, module, &model);
        if (!code) code = run_model(&arguments, module, &prompt, model);
    }
    tw_model_close(model);
    free(prompt.token);
    return code;
}
