#include "runtime/standalone/arguments.h"

#include "runtime/generation/bias_text.h"
#include "runtime/standalone/message.h"

#include <errno.h>
#include <float.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

static const char help[] =
    "Continues a prompt, and writes what it generates to standard output.\n"
    "\n"
    "  -p, --prompt TEXT       the text to continue (of models whose tokens are text); '-': "
    "standard\n"
    "                          input\n"
    "  -f, --file FILE         a file whose text is the prompt; '-': standard input\n"
    "      --special           names of special tokens in the text are these tokens, not text\n"
    "      --chat              the prompt is a message, which goes through the model's chat "
    "template\n"
    "      --system TEXT       with --chat, a message of the system before it\n"
    "      --chat-variables JSON\n"
    "                          with --chat, what the template sees, as {\"enable_thinking\": "
    "false}\n"
    "      --tokens 1,2,3      token numbers in place of a prompt; '-': standard input\n"
    "  -n, --count COUNT       tokens to generate (200, with --logits 0, or as many as fit); -1: "
    "until\n"
    "                          the context ends\n"
    "      --stop TEXT         ends the text, which is written up to it; may be given several "
    "times\n"
    "      --ignore-eos        go on behind tokens that end a text\n"
    "  -t, --temperature REAL  0 takes the most likely token (0.8)\n"
    "      --top-k COUNT       draw from so many of the most likely tokens (0: all)\n"
    "      --top-p REAL        draw from the most likely tokens of this probability (1)\n"
    "      --min-p REAL        draw from tokens of at least this part of the likeliest's "
    "probability (0)\n"
    "      --repeat-penalty REAL\n"
    "                          divides the logits above 0 of tokens that were there before, and\n"
    "                          multiplies others (1: none)\n"
    "      --repeat-window COUNT\n"
    "                          of how many of the last tokens the penalty is (64); 0: of all\n"
    "      --logit-bias TOKEN=BIAS\n"
    "                          a number to add to the logit of a token, as 13=-2.5; 13=-inf "
    "forbids\n"
    "                          it; may be given several times\n"
    "  -s, --seed NUMBER       of the random draws (0)\n"
    "      --logits FILE.npy   write the logits [tokens, vocab] of every token fed, as float32: "
    "the\n"
    "                          prompt's, and with -n of the generated tokens all but the last\n"
    "      --embeddings FILE.npy\n"
    "                          the same of a model that gives other rows than logits\n"
    "      --json              in place of the text write one object of JSON at the end\n"
    "      --logprobs COUNT    with --json, log-probabilities of each token, and of so many of "
    "the\n"
    "                          likeliest (0)\n"
    "  -j, --threads COUNT     0: as many as there are processors (0)\n"
    "  -w, --weights FILE      packed weights (those inside, or PROGRAM.weights)\n"
    "      --tokenizer FILE    its tables (those inside, or PROGRAM.tokenizer)\n"
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

static bool read_whole(const char *text, long long least, long long most, long long *out) {
    char *end;
    errno = 0;
    *out = strtoll(text, &end, 10);
    return end != text && !*end && !errno && *out >= least && *out <= most;
}

static bool read_count(const char *text, int64_t *out) {
    long long whole;
    const bool is_read = read_whole(text, 0, INT_MAX, &whole);
    if (is_read) *out = whole;
    return is_read;
}

static bool read_real(const char *text, double most, float *out) {
    char *end;
    const double value = strtod(text, &end);
    *out = (float)value;
    return end != text && !*end && value >= 0 && value <= most;
}

/* The likeliest tokens that together have a probability of 0 are the likeliest alone. */
static bool read_top_p(const char *text, float *out) {
    if (!read_real(text, 1, out)) return false;
    if (*out == 0) *out = FLT_MIN;
    return true;
}

static bool read_seed(const char *text, uint64_t *out) {
    long long whole;
    const bool is_read = read_whole(text, 0, LLONG_MAX, &whole);
    if (is_read) *out = (uint64_t)whole;
    return is_read;
}

static bool add_stop(Arguments *a, const char *text) {
    if (!*text || a->stop_count == MOST_GIVEN) return false;
    a->stop[a->stop_count++] = text;
    return true;
}

static bool add_bias(Arguments *a, const char *text, int64_t vocab) {
    TwSamplerOptions *sampler = &a->sampler;
    if (sampler->bias_count == MOST_GIVEN) return false;
    if (!bias_text_read(text, vocab, &a->bias[sampler->bias_count])) return false;
    sampler->bias_count++;
    return true;
}

enum {
    LETTERS = 256, /* options without one follow */
    TOKENS,
    LOGITS,
    SPECIAL,
    STOP,
    TOKENIZER,
    IGNORE_EOS,
    TOP_K,
    TOP_P,
    MIN_P,
    REPEAT_PENALTY,
    REPEAT_WINDOW,
    LOGIT_BIAS,
    JSON,
    LOGPROBS,
    CHAT,
    SYSTEM,
    VARIABLES
};

static const struct option options[] = {{"prompt", required_argument, NULL, 'p'},
                                        {"file", required_argument, NULL, 'f'},
                                        {"tokens", required_argument, NULL, TOKENS},
                                        {"special", no_argument, NULL, SPECIAL},
                                        {"chat", no_argument, NULL, CHAT},
                                        {"system", required_argument, NULL, SYSTEM},
                                        {"chat-variables", required_argument, NULL, VARIABLES},
                                        {"count", required_argument, NULL, 'n'},
                                        {"stop", required_argument, NULL, STOP},
                                        {"ignore-eos", no_argument, NULL, IGNORE_EOS},
                                        {"temperature", required_argument, NULL, 't'},
                                        {"top-k", required_argument, NULL, TOP_K},
                                        {"top-p", required_argument, NULL, TOP_P},
                                        {"min-p", required_argument, NULL, MIN_P},
                                        {"repeat-penalty", required_argument, NULL, REPEAT_PENALTY},
                                        {"repeat-window", required_argument, NULL, REPEAT_WINDOW},
                                        {"logit-bias", required_argument, NULL, LOGIT_BIAS},
                                        {"seed", required_argument, NULL, 's'},
                                        {"logits", required_argument, NULL, LOGITS},
                                        {"embeddings", required_argument, NULL, LOGITS},
                                        {"json", no_argument, NULL, JSON},
                                        {"logprobs", required_argument, NULL, LOGPROBS},
                                        {"threads", required_argument, NULL, 'j'},
                                        {"weights", required_argument, NULL, 'w'},
                                        {"tokenizer", required_argument, NULL, TOKENIZER},
                                        {"help", no_argument, NULL, 'h'},
                                        {0}};

/* Of one option; false: its value is none. */
static bool set_option(Arguments *a, int option, const char *value, int64_t vocab) {
    switch (option) {
    case 'p': a->prompt = value; return true;
    case 'f': a->file = value; return true;
    case 'w': a->weights = value; return true;
    case TOKENIZER: a->tokenizer = value; return true;
    case TOKENS: a->tokens = value; return true;
    case LOGITS: a->logits = value; return true;
    case SPECIAL: a->names_specials = true; return true;
    case CHAT: a->is_chat = true; return true;
    case SYSTEM: a->system = value; return true;
    case VARIABLES: a->variables = value; return true;
    case IGNORE_EOS: a->ignores_ends = true; return true;
    case JSON: a->is_json = true; return true;
    case 'n': return read_whole(value, -1, INT_MAX, &a->count);
    case 'j': return read_whole(value, 0, 256, &a->threads);
    case 's': return read_seed(value, &a->sampler.seed);
    case 't': return read_real(value, 1000, &a->sampler.temperature);
    case TOP_K: return read_count(value, &a->sampler.top_k);
    case TOP_P: return read_top_p(value, &a->sampler.top_p);
    case MIN_P: return read_real(value, 1, &a->sampler.min_p);
    case REPEAT_PENALTY: return read_real(value, 1e6, &a->sampler.repeat_penalty);
    case REPEAT_WINDOW: return read_count(value, &a->sampler.repeat_window);
    case LOGPROBS: return read_whole(value, 0, 1000, &a->logprobs);
    case LOGIT_BIAS: return add_bias(a, value, vocab);
    default: return add_stop(a, value);
    }
}

static int print_help(const Arguments *a, const TwProgram *program) {
    const char *end = gives_logits(program) ? not_causal : no_logits;
    printf("Usage: %s [OPTION]...\n%s%s", a->program, help,
           tw_program_generates(program) ? "" : end);
    return message_end_output(a->program);
}

/* Options that do not go together. */
static int check_together(const Arguments *a) {
    const char *wrong = NULL;
    if (!!a->prompt + !!a->file + !!a->tokens > 1)
        wrong = "--prompt, --file and --tokens exclude each other";
    else if (a->logprobs && !a->is_json)
        wrong = "--logprobs are a part of what --json writes";
    if (!wrong) return -1;
    message_error(a->program, wrong, NULL);
    return EXIT_USAGE;
}

int arguments_read(int argc, char **argv, const TwProgram *program, Arguments *a) {
    int option;
    while ((option = getopt_long(argc, argv, "p:f:n:t:s:j:w:h", options, NULL)) != -1) {
        if (option == '?') return EXIT_USAGE; /* getopt has said what is wrong */
        if (option == 'h') return print_help(a, program);
        if (set_option(a, option, optarg, program->vocab)) continue;
        message_error(a->program, "is no value that this option takes; --help says more", optarg);
        return EXIT_USAGE;
    }
    a->sampler.biases = a->bias;
    if (optind == argc) return check_together(a);
    message_error(a->program, "is not an option; --help says what there is", argv[optind]);
    return EXIT_USAGE;
}

/* The words of `thalweg run`. */
int arguments_check(const Arguments *a, const TwModule *module) {
    const TwProgram *program = module->program[0];
    const bool generates = tw_program_generates(program) ||
                           (a->logits && (a->count == 0 || a->count == COUNT_NOT_GIVEN));
    const bool has_text = module->has_byte_tokens || module_has_tokenizer(module);
    const char *wrong = NULL;
    if (!generates)
        wrong =
            gives_logits(program)
                ? "the model is not causal: it cannot generate; ask for its --logits, without -n"
                : "the model gives no logits of its tokens: it cannot generate; ask for its "
                  "--embeddings, without -n";
    else if (a->is_chat && (a->tokens || !module_has_tokenizer(module)))
        wrong = "--chat is about text, and takes a model with a tokenizer";
    else if (!a->is_chat && (a->system || a->variables))
        wrong = "--system and --chat-variables are for --chat";
    else if (a->names_specials && !module_has_tokenizer(module))
        wrong = "the model has no special tokens: leave --special out";
    else if (a->stop_count && !has_text)
        wrong = "the model has no tokenizer for text: leave --stop out";
    else if (!a->tokens && !has_text)
        wrong = "the model has no tokenizer for text: give --tokens, as 1,2,3";
    return wrong ? message_error(a->program, wrong, NULL) : 0;
}
