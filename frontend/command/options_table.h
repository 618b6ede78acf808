/* options_table.h - the tables of commands.def and options.def, as the command line reads them and
 * the manual shows them. */
#ifndef FRONTEND_OPTIONS_TABLE_H
#define FRONTEND_OPTIONS_TABLE_H

#include "frontend/command/options.h"

#include <stddef.h>

typedef enum {
    KIND_FLAG,
    KIND_TEXT,
    KIND_COUNT,
    KIND_SIZE,
    KIND_REAL,
    KIND_WORD,
    KIND_OPTIONAL,
    KIND_LIST
} OptionKind;

typedef struct {
    const char *name;
    char letter; /* 0: none */
    OptionKind kind;
    const char *value, *fallback;
    double least, most;
    int64_t least_count, most_count; /* exact where a double is not */
    unsigned commands;               /* bit for each */
    size_t offset;                   /* in Arguments */
    const char *help;
} Option;

typedef struct {
    const char *name, *operands;
    int least, most;
    const char *summary, *description, *example;
} CommandText;

enum {
#define OPTION(field, ...) OPTION_##field,
#include "frontend/command/options.def"
#undef OPTION
    OPTIONS_COUNT
};

extern const Option options_table[OPTIONS_COUNT];
extern const CommandText options_commands[COMMAND_COUNT];

bool options_has(Command command, const Option *option);

#endif
