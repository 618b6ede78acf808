/* command.h - the commands of the program, and what they share.
 *
 * A command returns the exit code. What it says about failure goes to standard error.
 */
#ifndef FRONTEND_COMMAND_H
#define FRONTEND_COMMAND_H

#include "frontend/compiler/engine.h"
#include "frontend/command/options.h"
#include "frontend/command/prompt.h"
#include "frontend/command/terminal.h"
#include "frontend/compiler/thalweg.h"

#include <signal.h>

enum {
    EXIT_DONE = 0,
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,
    EXIT_SIGNAL = 128, /* plus the signal */
    EXIT_UNREAD = EXIT_SIGNAL + SIGPIPE
};

#define COMMAND(name, ...) int command_##name(const Arguments *arguments);
#include "frontend/command/commands.def"
#undef COMMAND

/* Says that options do not go together. Returns EXIT_USAGE. */
int command_misused(Command command, const char *text);

/* Whether a value of --tap says behind its point where the values go. */
bool command_tap_names_file(const char *tap);

/* A Thalweg with the options of the command line, whose progress is shown on standard error while
 * `progress` lives. Null: said. */
Thalweg *command_thalweg(const Arguments *arguments, Progress *progress);

/* Reads the model that is to run here, with all logits of a call or those of one token, and makes
 * sure of its memory before anything that takes long; interpreted ones are only read. */
bool command_read_model(Thalweg *thalweg, const char *path, const EngineOptions *options);

/* Writes what the options compile for, in place of the command. Returns the exit code. */
int command_print_target(const Arguments *arguments);

/* A line on standard error about where schedules come from, if any is tuned or shipped, and if that
 * is a terminal or the line is wanted. */
void command_say_tuning(Thalweg *thalweg, Progress *progress, bool is_wanted);

/* Erases the line of progress, prints the diagnostics and destroys the Thalweg. Returns the exit
 * code, for work that failed after a signal that of the signal. Says nothing of work that failed
 * because standard output is unread. */
int command_end(Thalweg *thalweg, Progress *progress, bool is_done);

/* Says an error of the command line's own. Always returns false. */
bool command_fail(Progress *progress, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The same for what the runtime answered; TW_OK says nothing. True: TW_OK. */
bool command_runs(Progress *progress, TwStatus status);

/* What a model runs on. Null: said. */
Engine *command_engine(Thalweg *thalweg, const EngineOptions *options, Progress *progress);

/* Why a model does not generate. */
const char *command_why_not(const ThalwegModel *model);

typedef struct {
    char *bytes; /* malloc */
    size_t length;
} CommandInput;

/* Reads a file, or for "-" standard input, to its end. False: said, or a signal came; the bytes are
 * to be freed all the same. */
bool command_read(Progress *progress, const char *path, size_t most, CommandInput *out);

/* How many of the options that say what is fed are given, of which there can be one. */
int command_prompts(const Arguments *arguments);
#define COMMAND_ONE_PROMPT "--prompt, --file, --tokens and --tokens-file exclude each other"

/* Reads what these options say, for the model of a Thalweg, at most `context` tokens. False: said,
 * reported, or a signal came. */
bool command_prompt(const Arguments *arguments, Progress *progress, Thalweg *thalweg,
                    int64_t context, Prompt *out);

/* A text that a model is held against, as tokens. */
typedef struct CommandTokens {
    int32_t *tokens; /* malloc; each 0 <= token < vocab */
    int64_t count;   /* at least 1 */
    int64_t bytes;   /* of the text; 0: it was numbers */
    int32_t begin;   /* the token that the tokenizer put before it, tokens[0]; -1: none */
} CommandTokens;

/* Reads all of a file, for "-" of standard input, however long the model's context is: text, or
 * numbers of tokens. False: said, or a signal came, and there is nothing to free. */
bool command_text(Progress *progress, Thalweg *thalweg, const char *path, bool is_numbers,
                  CommandTokens *out);

/* Whether standard output went to a pipe or a socket that nobody reads any more, as of `| head`.
 * There is nobody to be told. */
bool command_is_unread(void);

#endif
