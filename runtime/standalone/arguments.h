/* arguments.h - the options of the program around a model, which are much like those of `thalweg
 * run`.
 */
#ifndef STANDALONE_ARGUMENTS_H
#define STANDALONE_ARGUMENTS_H

#include "runtime/runtime.h"

enum { COUNT_NOT_GIVEN = -2, MOST_GIVEN = 256 /* of an option that may be given several times */ };

typedef struct Arguments {
    const char *program, *prompt, *file, *tokens, *weights, *tokenizer, *logits, *system, *variables;
    long long count; /* -1: until the context ends */
    long long threads, logprobs;
    bool names_specials, ignores_ends, is_json, is_chat;
    const char *stop[MOST_GIVEN];
    TwLogitBias bias[MOST_GIVEN];
    int stop_count;
    TwSamplerOptions sampler; /* its biases are these */
} Arguments;

/* Earlier objects end before the field. */
static inline bool module_has_tokenizer(const TwModule *module) {
    return module->struct_bytes > offsetof(TwModule, tokenizer_bytes) && module->has_tokenizer;
}

/* -1: go on, else the exit code. */
int arguments_read(int argc, char **argv, const TwProgram *program, Arguments *out);

/* Whether they fit the model; 0, else the exit code. */
int arguments_check(const Arguments *arguments, const TwModule *module);

#endif
