/* chat.h - a talk as the text that a model was trained on: its messages through its chat template.
 */
#ifndef RUNTIME_CHAT_H
#define RUNTIME_CHAT_H

#include "runtime/text/text.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct TwMessage {
    const char *role; /* "system", "user", "assistant", or what else the template knows */
    const char *content;
} TwMessage;

/* Written headers have a copy of it: fields are added at its end. */
typedef struct TwChat {
    size_t struct_bytes; /* sizeof(TwChat) */
    const TwMessage *messages;
    size_t count;
    int wants_answer; /* the text ends where the model's answer begins (add_generation_prompt) */

    /* A JSON object of what else the template sees, and sees in place of what is above:
     * {"enable_thinking": false, "tools": [...]}; null: nothing. */
    const char *variables;
    int64_t time; /* for strftime_now(): seconds since 1970; 0: now */

    /* All that the run needs; null: 64 MiB of malloc, of which only what is used costs memory. */
    void *memory;
    size_t memory_bytes;

    /* Gets what TW_TEMPLATE_FAILED is about, cut to so many bytes; null: nowhere. */
    char *error;
    size_t error_bytes;
} TwChat;

/* The talk as text, for tw_encode() with TW_ENCODE_SPECIAL alone: the template writes what a text
 * begins with. As much as there is `room` for or nothing is written; TW_NO_ROOM: *count is how many
 * bytes it has. TW_NO_TEMPLATE: the tokenizer came without one. */
TW_API TwStatus tw_chat_text(const TwTokenizer *tokenizer, const TwChat *chat, char *out,
                             size_t room, size_t *count);

#ifdef __cplusplus
}
#endif

#endif
