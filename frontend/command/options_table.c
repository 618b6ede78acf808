#include "frontend/command/options_table.h"

enum {
    IMPORT = 1 << COMMAND_import,
    CHECK = 1 << COMMAND_check,
    RUN = 1 << COMMAND_run,
    EMBED = 1 << COMMAND_embed,
    COMPILE = 1 << COMMAND_compile,
    OPT = 1 << COMMAND_opt,
    EXPLAIN = 1 << COMMAND_explain,
    BENCH = 1 << COMMAND_bench,
    COMPARE = 1 << COMMAND_compare,
    TOKENIZE = 1 << COMMAND_tokenize,
    CHAT = 1 << COMMAND_chat,
    PERPLEXITY = 1 << COMMAND_perplexity,
    CACHE = 1 << COMMAND_cache,
    TUNE = 1 << COMMAND_tune,
    POINTS = 1 << COMMAND_points,
    ACTIVATIONS = 1 << COMMAND_activations,
    PATCH = 1 << COMMAND_patch,
    STEER = 1 << COMMAND_steer,
    CONGRUENCE = 1 << COMMAND_congruence,
    CIRCUITS = 1 << COMMAND_circuits,
    LENS = 1 << COMMAND_lens,
    ATTRIBUTE = 1 << COMMAND_attribute,
    RANK = 1 << COMMAND_rank,
    ATTENTION = 1 << COMMAND_attention,
    /* Commands that run a prompt and look into its stream. */
    STREAM = LENS | ATTRIBUTE | RANK | ATTENTION,
    ALL = (1 << COMMAND_COUNT) - 1,
};

const Option options_table[OPTIONS_COUNT] = {
#define OPTION(field, name, letter, kind, value, fallback, least, most, commands, help)            \
    {name,                                                                                         \
     letter,                                                                                       \
     KIND_##kind,                                                                                  \
     value,                                                                                        \
     fallback,                                                                                     \
     (double)(least),                                                                              \
     (double)(most),                                                                               \
     least,                                                                                        \
     most,                                                                                         \
     commands,                                                                                     \
     offsetof(Arguments, field),                                                                   \
     help},
#include "frontend/command/options.def"
#undef OPTION
};

const CommandText options_commands[COMMAND_COUNT] = {
#define COMMAND(name, ...) {#name, __VA_ARGS__},
#include "frontend/command/commands.def"
#undef COMMAND
};

bool options_has(Command command, const Option *option) {
    return option->commands >> command & 1;
}
