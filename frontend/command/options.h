/* options.h - the command line as data: commands.def and options.def say what there is; parsing,
 * help and messages follow from them.
 *
 * `--name value`, `--name=value`, `-x value` and `-xvalue` are the same. A name may be shortened
 * as long as it says which one is meant. Options and operands mix; `--` ends the options. Of an
 * option that is given twice the later counts, unless it is a list. A value that may be left out
 * stands in the same word, or in the next one where that would be an operand too many.
 */
#ifndef FRONTEND_OPTIONS_H
#define FRONTEND_OPTIONS_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

typedef enum Command {
#define COMMAND(name, ...) COMMAND_##name,
#include "frontend/command/commands.def"
#undef COMMAND
    COMMAND_COUNT
} Command;

enum { ENGINE_NATIVE, ENGINE_INTERPRETER };   /* the words of --engine */
enum { STEER_METHOD_MEAN, STEER_METHOD_PCA }; /* of --method */

#define OPTION_TYPE_FLAG     bool
#define OPTION_TYPE_TEXT     const char *
#define OPTION_TYPE_COUNT    int64_t
#define OPTION_TYPE_SIZE     int64_t
#define OPTION_TYPE_REAL     double
#define OPTION_TYPE_WORD     int
#define OPTION_TYPE_OPTIONAL const char *
#define OPTION_TYPE_LIST     OptionList

/* The values of an option that may be given several times, in order. */
enum { MOST_LISTED = 256 };
typedef struct OptionList {
    const char *item[MOST_LISTED];
    int count;
} OptionList;

/* Of a COUNT or SIZE that is not given and has no fallback. */
#define OPTION_NOT_GIVEN INT64_MIN

typedef struct Arguments {
#define OPTION(field, name, letter, kind, ...) OPTION_TYPE_##kind field;
#include "frontend/command/options.def"
#undef OPTION
    const char *const *operands;
    int operand_count;
} Arguments;

typedef struct Complaint {
    char text[400]; /* in lower case, without full stop */
} Complaint;

/* The command of that name; COMMAND_COUNT: there is none, and the complaint says so. */
Command options_command(const char *name, Complaint *complaint);
const char *options_command_name(Command command);

/* Reads what stands after a command. The operands are moved to the front of `words`, which the
 * arguments point into. False: the complaint says what is wrong. */
bool options_parse(Command command, int count, const char **words, Arguments *out,
                   Complaint *complaint);

/* Does the command take so many operands? */
bool options_check_operands(Command command, const Arguments *arguments, Complaint *complaint);

/* A whole number in decimal and nothing else; false: it is not one, or too large. */
bool options_read_integer(const char *text, int64_t *out);

void options_print_usage(FILE *out);                 /* of the program */
void options_print_help(Command command, FILE *out); /* of a command */

#endif
