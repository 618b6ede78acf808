/* stream_command.h - what commands that look into the stream begin and end with.
 *
 *   if (!stream_command_open(&c, arguments)) return stream_command_end(&c, false);
 *   thalweg_add_taps(c.thalweg, ...);
 *   is_done = stream_command_feed(&c, rows) && ...;
 *   return stream_command_end(&c, is_done);
 */
#ifndef FRONTEND_STREAM_COMMAND_H
#define FRONTEND_STREAM_COMMAND_H

#include "frontend/command/command.h"
#include "frontend/lens/page.h"
#include "frontend/lens/token_operand.h"

typedef struct StreamCommand {
    const Arguments *arguments;
    Progress progress;
    Thalweg *thalweg;
    ThalwegModel model;
    TokenNames names;
    Prompt prompt;
    Engine *engine;
    Diag diag; /* of the analysis and its files, in an arena that holds all else, too */
} StreamCommand;

/* What is wrong with the options of the prompt, of which one is needed; null: nothing. */
const char *stream_command_misuse(const Arguments *arguments);

/* Reads the model, of which nothing is compiled yet, and the prompt. False: said or reported. */
bool stream_command_open(StreamCommand *c, const Arguments *arguments);

/* Makes the engine, of which calls may ask for all logits of their tokens. False: as above. */
bool stream_command_start(StreamCommand *c, bool has_all_logits);

/* Says what was reported, and frees all. Returns the exit code. */
int stream_command_end(StreamCommand *c, bool is_done);

/* Position `given` of the prompt, one below 0 from its end. False: reported. */
bool stream_command_position(StreamCommand *c, int64_t given, int64_t *out);

/* {"id": 281, "text": " an"} on standard output; without a text null. */
void stream_command_print_token(const StreamCommand *c, int32_t token);

/* "' an'", or "#281"; in the arena. */
const char *stream_command_quote(const StreamCommand *c, int32_t token);

/* Labels of the prompt's tokens, in the arena. */
const char *const *stream_command_labels(const StreamCommand *c);

/* Words of a page on what was run: the model, and the text. */
void stream_command_describe(const StreamCommand *c, Page *page);

#endif
